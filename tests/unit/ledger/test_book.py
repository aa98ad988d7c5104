import pytest

from tollway.ledger.book import Book, HoldState, RuleBroken
from tollway.ledger.records import FEES, FUNDING, REVENUE


def book_with(balance: int) -> Book:
    book = Book()
    book.add_account(1)
    if balance:
        book.credit(1, balance)
    return book


def test_a_credit_comes_from_somewhere() -> None:
    book = book_with(100)
    assert (book.balance(1), book.leg(FUNDING)) == (100, -100)


def test_a_debit_takes_no_money_that_is_held() -> None:
    book = book_with(100)
    book.hold(7, 1, amount_nanos=60, expires_ms=5)
    with pytest.raises(RuleBroken):
        book.debit(1, 41)
    book.debit(1, 40)
    assert (book.balance(1), book.available(1)) == (60, 0)


def test_a_settled_exchange_pays_revenue_and_fees() -> None:
    book = book_with(100)
    book.hold(7, 1, amount_nanos=60, expires_ms=5)
    book.settle(7, base_nanos=50, fee_nanos=5, written_off_nanos=0)
    assert (book.balance(1), book.leg(REVENUE), book.leg(FEES), book.held(1)) == (45, 50, 5, 0)
    assert book.state(7) is HoldState.SETTLED


def test_only_what_exceeds_the_hold_is_written_off() -> None:
    book = book_with(100)
    book.hold(7, 1, amount_nanos=60, expires_ms=5)
    with pytest.raises(RuleBroken):
        book.settle(7, base_nanos=50, fee_nanos=0, written_off_nanos=1)
    book.settle(7, base_nanos=90, fee_nanos=0, written_off_nanos=30)
    assert (book.balance(1), book.leg(REVENUE)) == (40, 60)


def test_nobody_pays_more_than_there_is() -> None:
    book = book_with(100)
    book.hold(7, 1, amount_nanos=60, expires_ms=5)
    book.hold(8, 1, amount_nanos=30, expires_ms=5)
    with pytest.raises(RuleBroken):
        book.settle(7, base_nanos=71, fee_nanos=0, written_off_nanos=0)
    book.settle(7, base_nanos=70, fee_nanos=0, written_off_nanos=0)
    assert book.available(1) == 0


@pytest.mark.parametrize("ended", ["settle", "void", "expire"])
def test_a_hold_ends_once(ended: str) -> None:
    book = book_with(100)
    book.hold(7, 1, amount_nanos=60, expires_ms=5)
    if ended == "settle":
        book.settle(7, base_nanos=1, fee_nanos=0, written_off_nanos=0)
    elif ended == "void":
        book.void(7)
    else:
        assert book.expire(4) == ()
        assert book.expire(5) == (7,)
        assert book.expire(6) == ()
    assert book.held(1) == 0
    with pytest.raises(RuleBroken):
        book.settle(7, base_nanos=1, fee_nanos=0, written_off_nanos=0)
    with pytest.raises(RuleBroken):
        book.void(7)


def test_what_is_not_there_cannot_be_used() -> None:
    book = book_with(0)
    with pytest.raises(RuleBroken):
        book.add_account(1)
    with pytest.raises(RuleBroken):
        book.credit(2, 5)
    with pytest.raises(RuleBroken):
        book.hold(7, 1, amount_nanos=1, expires_ms=5)
    with pytest.raises(RuleBroken):
        book.void(7)
    book.hold(7, 1, amount_nanos=0, expires_ms=5)
    with pytest.raises(RuleBroken):
        book.hold(7, 1, amount_nanos=0, expires_ms=5)


@pytest.mark.parametrize("amount", [0, -1])
def test_money_moves_forward_only(amount: int) -> None:
    book = book_with(100)
    with pytest.raises(RuleBroken):
        book.credit(1, amount)
    with pytest.raises(RuleBroken):
        book.debit(1, amount)
