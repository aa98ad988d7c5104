import pytest

from tollway.ledger.book import Book, HoldState, Paid, RuleBroken
from tollway.ledger.records import FEES, FUNDING, PACKAGES_SOLD, REVENUE, breakage


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
    book.settle(7, Paid(base_nanos=50, fee_nanos=5, written_off_nanos=0))
    assert (book.balance(1), book.leg(REVENUE), book.leg(FEES), book.held(1)) == (45, 50, 5, 0)
    assert book.state(7) is HoldState.SETTLED


def test_only_what_exceeds_the_hold_is_written_off() -> None:
    book = book_with(100)
    book.hold(7, 1, amount_nanos=60, expires_ms=5)
    with pytest.raises(RuleBroken):
        book.settle(7, Paid(base_nanos=50, fee_nanos=0, written_off_nanos=1))
    book.settle(7, Paid(base_nanos=90, fee_nanos=0, written_off_nanos=30))
    assert (book.balance(1), book.leg(REVENUE)) == (40, 60)


def test_nobody_pays_more_than_there_is() -> None:
    book = book_with(100)
    book.hold(7, 1, amount_nanos=60, expires_ms=5)
    book.hold(8, 1, amount_nanos=30, expires_ms=5)
    with pytest.raises(RuleBroken):
        book.settle(7, Paid(base_nanos=71, fee_nanos=0, written_off_nanos=0))
    book.settle(7, Paid(base_nanos=70, fee_nanos=0, written_off_nanos=0))
    assert book.available(1) == 0


@pytest.mark.parametrize("ended", ["settle", "void", "expire"])
def test_a_hold_ends_once(ended: str) -> None:
    book = book_with(100)
    book.hold(7, 1, amount_nanos=60, expires_ms=5)
    if ended == "settle":
        book.settle(7, Paid(base_nanos=1, fee_nanos=0, written_off_nanos=0))
    elif ended == "void":
        book.void(7)
    else:
        assert book.expire(4) == ()
        assert book.expire(5) == (7,)
        assert book.expire(6) == ()
    assert book.held(1) == 0
    with pytest.raises(RuleBroken):
        book.settle(7, Paid(base_nanos=1, fee_nanos=0, written_off_nanos=0))
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


def test_a_hold_takes_the_same_from_the_payer_and_every_cap_or_nothing() -> None:
    book = book_with(100)
    book.add_cap(50, 70)
    book.add_cap(51, 30)
    with pytest.raises(RuleBroken):
        book.hold(7, 1, amount_nanos=31, expires_ms=5, caps=(50, 51))
    assert (book.held(1), book.held(50), book.held(51)) == (0, 0, 0)
    book.hold(7, 1, amount_nanos=30, expires_ms=5, caps=(50, 51))
    assert (book.available(1), book.available(50), book.available(51)) == (70, 40, 0)
    book.settle(7, Paid(base_nanos=20))
    assert (book.balance(1), book.balance(50), book.balance(51)) == (80, 50, 10)


def test_what_a_cap_has_no_room_for_is_not_paid() -> None:
    book = book_with(100)
    book.add_cap(50, 30)
    book.hold(7, 1, amount_nanos=20, expires_ms=5, caps=(50,))
    with pytest.raises(RuleBroken):
        book.settle(7, Paid(base_nanos=40))
    book.settle(7, Paid(base_nanos=40, written_off_nanos=10))
    assert (book.balance(1), book.balance(50)) == (70, 0)


def test_a_hold_is_extended_while_there_is_something_in_every_purse() -> None:
    book = book_with(100)
    book.add_cap(50, 30)
    book.hold(7, 1, amount_nanos=20, expires_ms=5, caps=(50,))
    book.extend(7, 10)
    assert (book.held(1), book.held(50)) == (30, 30)
    with pytest.raises(RuleBroken):
        book.extend(7, 1)
    with pytest.raises(RuleBroken):
        book.extend(7, -1)
    book.void(7)
    with pytest.raises(RuleBroken):
        book.extend(7, 0)


def test_a_package_is_bought_spent_and_its_rest_goes_to_breakage() -> None:
    book = book_with(100)
    with pytest.raises(RuleBroken):
        book.add_package(2, 1, unit="tokens", amount=1000, price_nanos=101)
    book.add_package(2, 1, unit="tokens", amount=1000, price_nanos=60)
    assert (book.balance(1), book.balance(2), book.leg(PACKAGES_SOLD)) == (40, 1000, 60)
    book.hold(7, 2, amount_nanos=300, expires_ms=5)
    assert book.end_package(2) == 700
    book.settle(7, Paid(package_micros=200, package_due_micros=200))
    assert book.end_package(2) == 100
    assert book.end_package(2) == 0
    assert (book.balance(1), book.balance(2), book.leg(breakage("tokens"))) == (40, 0, 800)


def test_a_package_that_costs_nothing_takes_nothing() -> None:
    book = book_with(0)
    book.add_package(2, 1, unit="tokens", amount=1000, price_nanos=0)
    assert (book.balance(1), book.balance(2), book.leg(PACKAGES_SOLD)) == (0, 1000, 0)
