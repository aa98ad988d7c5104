"""Top-ups by payment: credited once when everything agrees, and otherwise not at all."""

import threading
from typing import Any

import pytest

from tests.e2e.payments.conftest import TERMS, UNIT, Shop
from tests.e2e.payments.stripe_server import SLOW_CARD, ApiError, StripeServer, signed
from tollway.billing.payments import Hearing, Payments, Wish, checked_coins
from tollway.errors import CommandRefused, Refusal
from tollway.ids import ACCOUNT, ORDER, render_id
from tollway.ledger.orders import OrderState
from tollway.ledger.records import AccountState, TransferKind
from tollway.money import AMOUNT_NANOS_MAX


def test_a_payment_is_one_transfer_that_names_its_order(shop: Shop) -> None:
    order, intent = shop.paid(10)
    (transfer,) = shop.transfers()
    assert shop.balance() == 10 * UNIT
    assert (order.state, order.payment_ref, order.paid_ms) == (OrderState.PAID, intent, shop.now_ms)
    assert transfer.kind is TransferKind.TOPUP
    assert (transfer.debit_account, transfer.credit_account) == ("funding:stripe", f"account:{shop.account.id}")
    assert (transfer.amount_nanos, transfer.reference) == (10 * UNIT, render_id(ORDER, order.id))
    assert shop.told() == {}


def test_nothing_is_credited_for_a_page_that_nobody_paid(shop: Shop) -> None:
    order = shop.order(10)
    assert order.state is OrderState.OPEN
    shop.deliver(shop.server.expire(order.provider_ref or ""))
    assert shop.payments.order(order.id).order.state is OrderState.EXPIRED
    assert shop.balance() == 0


def test_a_slow_payment_is_credited_when_it_has_come_in(shop: Shop) -> None:
    order = shop.order(10)
    event = shop.pay(order, method=SLOW_CARD)
    shop.deliver(event)
    pending = shop.payments.order(order.id).order
    assert (pending.state, pending.payment_ref) == (OrderState.OPEN, event["data"]["object"]["payment_intent"])
    assert shop.balance() == 0
    shop.deliver(shop.server.settle(order.provider_ref or "", well=True))
    assert shop.balance() == 10 * UNIT


def test_a_slow_payment_that_fails_credits_nothing_and_may_still_succeed(shop: Shop) -> None:
    order = shop.order(10)
    shop.deliver(shop.pay(order, method=SLOW_CARD))
    shop.deliver(shop.server.settle(order.provider_ref or "", well=False))
    assert shop.payments.order(order.id).order.state is OrderState.FAILED
    assert shop.balance() == 0
    shop.deliver(shop.server.settle(order.provider_ref or "", well=True))
    assert shop.balance() == 10 * UNIT


def test_lesson_67_a_replayed_event_credits_once(shop: Shop) -> None:
    order = shop.order(10)
    event = shop.pay(order)
    assert [shop.deliver(event).hearing for _ in range(3)] == [Hearing.APPLIED, Hearing.REPEATED, Hearing.REPEATED]
    # The same payment under another event id: a message that was sent anew by hand.
    again = shop.server.event("checkout.session.async_payment_succeeded", event["data"]["object"])
    assert shop.deliver(again).hearing is Hearing.APPLIED
    assert shop.balance() == 10 * UNIT
    assert len(shop.transfers()) == 1


def test_lesson_67_many_identical_events_at_the_same_moment_credit_once(shop: Shop) -> None:
    body, headers = signed(shop.pay(shop.order(10)))
    start = threading.Barrier(8)
    heard: list[Hearing] = []

    def deliver() -> None:
        start.wait()
        heard.append(shop.payments.hear(body, headers["stripe-signature"]).hearing)

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(heard) == [Hearing.APPLIED, *[Hearing.REPEATED] * 7]
    assert shop.balance() == 10 * UNIT


def test_lesson_67_messages_out_of_order_end_as_in_order(shop: Shop) -> None:
    order = shop.order(10)
    expired = shop.server.event("checkout.session.expired", shop.server.sessions[order.provider_ref or ""])
    failed = shop.server.event("checkout.session.async_payment_failed", shop.server.sessions[order.provider_ref or ""])
    shop.deliver(shop.pay(order))
    shop.deliver(failed)
    shop.deliver(expired)
    assert shop.payments.order(order.id).order.state is OrderState.PAID
    assert shop.balance() == 10 * UNIT


def changed(event: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return an event about an object that differs, signed as well as any."""
    return {**event, "data": {"object": {**event["data"]["object"], **fields}}}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"amount_total": 100_000}, "it is about 100000 of the smallest coins, the order about 10.00 USD"),
        ({"amount_total": 999}, "it is about 999 of the smallest coins, the order about 10.00 USD"),
        ({"amount_total": -1000}, "it is about -1000 of the smallest coins, the order about 10.00 USD"),
        ({"amount_total": None}, "it is about None of the smallest coins, the order about 10.00 USD"),
        ({"currency": "cny"}, "it is in CNY, the order in USD"),
        ({"currency": "xyz"}, "it is in XYZ, the order in USD"),
        ({"id": "cs_of_another"}, "it is about cs_of_another, the order is paid by "),
    ],
)
def test_lesson_67_what_differs_moves_nothing_and_is_told(shop: Shop, fields: dict[str, Any], said: str) -> None:
    order = shop.order(10)
    event = changed(shop.pay(order), **fields)
    heard = shop.deliver(event)
    assert heard.hearing is Hearing.DIFFERS
    assert heard.differences[0].startswith(said)
    told = shop.told()["payment_mismatch", event["id"]]
    assert told["differences"] == list(heard.differences)
    assert told["order"] == render_id(ORDER, order.id)
    assert shop.balance() == 0
    assert shop.payments.order(order.id).order.state is OrderState.OPEN


def test_lesson_67_an_event_of_the_other_mode_moves_nothing(shop: Shop) -> None:
    event = shop.pay(shop.order(10)) | {"livemode": True}
    heard = shop.deliver(event)
    assert heard.differences == ("it is about real money, the key about play money",)
    assert shop.balance() == 0


def test_what_differed_is_looked_at_again_once_it_was_mended(shop: Shop) -> None:
    event = shop.pay(shop.order(10)) | {"livemode": True}
    assert [shop.deliver(event).hearing for _ in range(2)] == [Hearing.DIFFERS, Hearing.DIFFERS]
    assert len(shop.told()) == 1
    shop.provider.live = True
    assert [shop.deliver(event).hearing for _ in range(2)] == [Hearing.APPLIED, Hearing.REPEATED]
    assert shop.balance() == 10 * UNIT


def test_lesson_67_the_payment_of_one_order_credits_no_other(shop: Shop) -> None:
    small, large = shop.order(1), shop.order(100)
    event = changed(shop.pay(small), metadata=shop.server.sessions[large.provider_ref or ""]["metadata"])
    heard = shop.deliver(event)
    assert len(heard.differences) == 2
    assert shop.balance() == 0


def test_lesson_67_an_order_of_another_account_is_not_paid(shop: Shop) -> None:
    order = shop.order(10)
    other = shop.accounts.create("other")
    ours = {"tollway_order": render_id(ORDER, order.id), "tollway_account": render_id(ACCOUNT, other.id)}
    assert shop.deliver(changed(shop.pay(order), metadata=ours)).hearing is Hearing.DIFFERS
    assert shop.accounts.balance(other.id).balance_nanos == shop.balance() == 0


@pytest.mark.parametrize("name", ["ord_000000000000000f", "ord_nonsense", ""])
def test_lesson_67_an_order_that_does_not_exist_is_told(shop: Shop, name: str) -> None:
    event = changed(shop.pay(shop.order(10)), metadata={"tollway_order": name})
    assert shop.deliver(event).differences == ("there is no such order",)
    assert ("payment_mismatch", event["id"]) in shop.told()


def test_lesson_67_an_expired_order_is_not_credited(shop: Shop) -> None:
    order = shop.order(10)
    event = shop.pay(order)
    shop.deliver(shop.server.expire(order.provider_ref or ""))
    assert shop.deliver(event).differences == ("the order has expired",)
    assert shop.balance() == 0


def test_what_others_sell_through_the_same_stripe_account_is_ignored(shop: Shop) -> None:
    event = changed(shop.pay(shop.order(10)), metadata={})
    assert shop.deliver(event).hearing is Hearing.IGNORED
    assert shop.told() == {}


def test_a_credit_that_no_balance_can_hold_moves_nothing(shop: Shop) -> None:
    shop.accounts.credit(shop.account.id, AMOUNT_NANOS_MAX - UNIT, "all the money there is")
    heard = shop.deliver(shop.pay(shop.order(2)))
    assert heard.differences == ("the credit would exceed the largest balance kept",)
    assert shop.balance() == AMOUNT_NANOS_MAX - UNIT


def test_a_suspended_account_is_credited_too(shop: Shop) -> None:
    order = shop.order(10)
    shop.accounts.suspend(shop.account.id)
    shop.deliver(shop.pay(order))
    assert (shop.balance(), shop.state()) == (10 * UNIT, AccountState.SUSPENDED)


@pytest.mark.parametrize(
    ("nanos", "said"),
    [
        (0, "a top-up is 1.00 to 500.00 USD, and 0.00 is not"),
        (-5 * UNIT, "a top-up is 1.00 to 500.00 USD, and -5.00 is not"),
        (500 * UNIT + 1, "a top-up is 1.00 to 500.00 USD, and 500.000000001 is not"),
        (AMOUNT_NANOS_MAX, "is not"),
        (5 * UNIT + 1, "5.000000001 USD cannot be paid: it must be above zero, in whole hundredths"),
        (None, "a payment is for an amount or for a product: name one of them"),
    ],
)
def test_an_amount_that_cannot_be_paid_makes_no_order(shop: Shop, nanos: int | None, said: str) -> None:
    with pytest.raises(CommandRefused, match=said):
        shop.payments.checkout(shop.account.id, Wish(amount_nanos=nanos))
    assert shop.payments.orders() == ()
    assert shop.server.calls == []


def test_an_order_is_of_an_account_that_exists_in_a_currency_that_is_taken(shop: Shop) -> None:
    with pytest.raises(CommandRefused, match="there is no account"):
        shop.payments.checkout(1, Wish(amount_nanos=UNIT))
    with pytest.raises(CommandRefused, match="payments are in USD or CNY, not in JPY"):
        checked_coins(UNIT, "JPY")
    with pytest.raises(CommandRefused, match="say first what the card is saved for"):
        shop.payments.checkout(shop.account.id, Wish(amount_nanos=UNIT, save_card=True))
    assert shop.payments.orders() == ()


def test_a_yuan_is_paid_in_yuan(shop: Shop) -> None:
    shop.account = shop.accounts.create("other", currency="CNY")
    shop.paid(10)
    (transfer,) = shop.transfers()
    assert (shop.balance(), transfer.currency) == (10 * UNIT, "CNY")


def test_without_a_key_nothing_can_be_paid_and_everything_can_be_read(shop: Shop) -> None:
    order, _ = shop.paid(10)
    without = Payments(shop.store, shop.store.ids(), None, TERMS)
    with pytest.raises(CommandRefused, match="payments are not configured"):
        without.checkout(shop.account.id, Wish(amount_nanos=UNIT))
    assert [each.id for each in without.orders()] == [order.id]


def test_a_page_that_stripe_refuses_leaves_an_order_that_failed(shop: Shop, stripe_server: StripeServer) -> None:
    def refuse(path: str) -> None:
        raise ApiError(400, type="invalid_request_error", message="Amount too large", param="amount")

    stripe_server.before = refuse
    with pytest.raises(Refusal, match="Stripe refused: Amount too large") as caught:
        shop.order(10)
    assert caught.value.code == "upstream_error"
    (order,) = shop.payments.orders()
    assert order.state is OrderState.FAILED


def test_a_page_whose_answer_was_lost_is_still_paid_for_its_order(shop: Shop, stripe_server: StripeServer) -> None:
    stripe_server.lose_answers = 100
    with pytest.raises(Refusal, match=r"no payment was made\. Try again") as caught:
        shop.order(10)
    stripe_server.lose_answers = 0
    assert caught.value.code == "upstream_unavailable"
    (order,) = shop.payments.orders()
    (session,) = stripe_server.sessions
    assert order.provider_ref is None
    shop.deliver(stripe_server.pay(session))
    assert shop.balance() == 10 * UNIT
    assert shop.payments.order(order.id).order.provider_ref == session


def test_orders_are_listed_newest_first_and_by_account(shop: Shop) -> None:
    first, second = shop.order(1), shop.order(2)
    other = shop.accounts.create("other")
    assert [order.id for order in shop.payments.orders()] == [second.id, first.id]
    assert shop.payments.orders(other.id) == ()
    with pytest.raises(CommandRefused, match="a listing has 1 to 1000 orders"):
        shop.payments.orders(limit=0)


def test_a_receipt_is_of_a_payment_that_was_made(shop: Shop) -> None:
    order = shop.order(10)
    with pytest.raises(CommandRefused, match="is open: there is no receipt of it"):
        shop.payments.receipt(order.id)
    with pytest.raises(CommandRefused, match="there is no order"):
        shop.payments.receipt(1)
    shop.deliver(shop.pay(order))
    paid = shop.payments.receipt(order.id)
    assert (paid.account.id, paid.order.amount_nanos, len(paid.transfers)) == (shop.account.id, 10 * UNIT, 1)
