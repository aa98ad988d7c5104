import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.ledger.slices import LEND_NANOS_MAX, Grant, Slice, lend_nanos

AMOUNTS = st.integers(min_value=0, max_value=2**63 - 1)


def lent(free: int, *, scarce: bool = False) -> Slice:
    purse = Slice()
    purse.borrow(Grant(granted_nanos=free, available_nanos=0, scarce=scarce))
    return purse


def test_a_purse_that_cannot_cover_the_need_lends_nothing() -> None:
    assert lend_nanos(needed_nanos=11, available_nanos=10) == 0


def test_near_the_end_exactly_the_need_is_lent() -> None:
    assert lend_nanos(needed_nanos=10, available_nanos=10) == 10
    assert lend_nanos(needed_nanos=10, available_nanos=639) == 10


def test_a_purse_with_plenty_lends_an_eighth() -> None:
    assert lend_nanos(needed_nanos=10, available_nanos=640) == 80


def test_a_large_purse_lends_no_more_than_the_bound_at_once() -> None:
    assert lend_nanos(needed_nanos=1, available_nanos=LEND_NANOS_MAX * 1000) == LEND_NANOS_MAX


@given(needed=AMOUNTS, available=AMOUNTS)
def test_a_loan_is_nothing_or_between_the_need_and_what_there_is(needed: int, available: int) -> None:
    loan = lend_nanos(needed_nanos=needed, available_nanos=available)
    if needed > available:
        assert loan == 0
    else:
        assert needed <= loan <= available


def test_a_slice_holds_only_what_is_free() -> None:
    purse = lent(10)
    assert purse.take(7)
    assert not purse.take(4)
    assert (purse.free_nanos, purse.held_nanos) == (3, 7)


def test_a_hold_of_nothing_is_open_until_it_is_settled() -> None:
    purse = Slice()
    assert purse.take(0)
    assert purse.holds == 1
    purse.settle(held_nanos=0, paid_nanos=0)
    assert purse.holds == 0


def test_settling_below_the_hold_frees_the_rest() -> None:
    purse = lent(10)
    purse.take(7)
    purse.settle(held_nanos=7, paid_nanos=2)
    assert (purse.free_nanos, purse.held_nanos) == (8, 0)


def test_settling_above_the_hold_takes_what_is_free_and_no_more() -> None:
    purse = lent(10)
    purse.take(7)
    purse.settle(held_nanos=7, paid_nanos=10)
    assert (purse.free_nanos, purse.held_nanos) == (0, 0)


def test_nobody_pays_more_than_there_is() -> None:
    purse = lent(10)
    purse.take(7)
    with pytest.raises(AssertionError):
        purse.settle(held_nanos=7, paid_nanos=11)


def test_a_hold_is_extended_from_what_is_free_and_no_more() -> None:
    purse = lent(10)
    purse.take(7)
    purse.take_more(3)
    assert (purse.free_nanos, purse.held_nanos, purse.holds) == (0, 10, 1)
    with pytest.raises(AssertionError):
        purse.take_more(1)


def test_what_is_surrendered_is_gone() -> None:
    purse = lent(10, scarce=True)
    purse.take(4)
    assert purse.surrender() == 6
    assert (purse.free_nanos, purse.held_nanos, purse.scarce) == (0, 4, True)
