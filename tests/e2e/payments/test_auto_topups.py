"""Automatic top-ups: one at a time, once each, bounded by a day, and ended when a card is refused too often."""

import threading
from collections.abc import Callable

import pytest

from tests.e2e.payments.conftest import TERMS, UNIT, Shop
from tests.e2e.payments.stripe_server import DECLINED_CARD, SLOW_CARD, ApiError
from tollway.billing.auto_topups import AutoTopups
from tollway.errors import CommandRefused
from tollway.ids import ACCOUNT, ORDER, render_id
from tollway.ledger.auto_topups import (
    BACKOFF_MS,
    DAY_MS,
    FAILURES_MAX,
    LOST_MS,
    SAME_KEY_MS,
    AutoTopup,
    AutoTopupState,
)
from tollway.ledger.orders import Order, OrderKind, OrderState
from tollway.ledger.records import TransferKind

CHARGES = "POST /v1/payment_intents"


def allowed(shop: Shop, *, daily_max_units: int = 1000, method: str = "pm_card_visa") -> AutoTopup:
    """Let the account be topped up by 20 when it has less than 5, with a card that a first payment of 2 saved."""
    shop.topups.allow(
        shop.account.id, threshold_nanos=5 * UNIT, amount_nanos=20 * UNIT, daily_max_nanos=daily_max_units * UNIT
    )
    order = shop.order(2, save_card=True)
    event = shop.pay(order)
    intent = event["data"]["object"]["payment_intent"]
    shop.server.intents[intent]["payment_method"] = method
    shop.deliver(event)
    shop.deliver(shop.server.intent_event(intent))
    return shop.topups.show(shop.account.id)


def charged(shop: Shop) -> list[Order]:
    """Return the orders of automatic top-ups, oldest first."""
    return [order for order in reversed(shop.payments.orders()) if order.kind is OrderKind.AUTO_TOPUP]


def calls(shop: Shop) -> list[str | None]:
    """Return the idempotency keys of the charges that Stripe was asked for."""
    return [key for path, _, key in shop.server.calls if path == CHARGES]


def test_a_first_payment_saves_the_card(shop: Shop) -> None:
    shop.topups.allow(shop.account.id, threshold_nanos=5 * UNIT, amount_nanos=20 * UNIT)
    before = shop.topups.show(shop.account.id)
    assert (before.state, before.daily_max_nanos) == (AutoTopupState.NO_CARD, 100 * UNIT)
    assert shop.topups.sweep() == 0
    after = allowed(shop)
    assert after.state is AutoTopupState.READY
    assert after.card is not None
    assert shop.order(2, save_card=True)
    assert shop.server.calls[-1][1]["customer"] == after.card.customer_ref


def test_a_balance_below_the_threshold_is_topped_up_once(shop: Shop) -> None:
    allowed(shop)
    assert [shop.topups.sweep() for _ in range(3)] == [1, 0, 0]
    (order,) = charged(shop)
    assert shop.balance() == 22 * UNIT
    assert order.state is OrderState.PAID
    assert (shop.transfers()[-1].kind, shop.transfers()[-1].reference) == (
        TransferKind.TOPUP,
        render_id(ORDER, order.id),
    )
    assert calls(shop) == [render_id(ORDER, order.id)]
    assert shop.topups.show(shop.account.id).state is AutoTopupState.READY


def test_a_balance_at_the_threshold_is_left_alone(shop: Shop) -> None:
    allowed(shop)
    shop.accounts.credit(shop.account.id, 3 * UNIT, "to the threshold")
    assert shop.topups.sweep() == 0
    shop.accounts.debit(shop.account.id, 1, "below it")
    assert shop.topups.sweep() == 1


def test_the_payments_own_event_changes_nothing_more(shop: Shop) -> None:
    allowed(shop)
    shop.topups.sweep()
    (order,) = charged(shop)
    shop.deliver(shop.server.intent_event(order.payment_ref or ""))
    shop.deliver(shop.server.intent_event(order.payment_ref or ""))
    assert shop.balance() == 22 * UNIT
    shop.deliver(shop.server.event("refund.created", shop.server.refund(order.payment_ref or "", 2000)))
    assert shop.balance() == 2 * UNIT


def test_workers_that_sweep_at_the_same_moment_charge_once(shop: Shop) -> None:
    allowed(shop)
    start = threading.Barrier(8)
    ids = shop.store.ids()
    asked: list[int] = []

    def sweep() -> None:
        worker = AutoTopups(shop.store, ids, shop.provider, TERMS, now_ms=lambda: shop.now_ms)
        start.wait()
        asked.append(worker.sweep())

    threads = [threading.Thread(target=sweep) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(asked) == len(calls(shop)) == 1
    assert shop.balance() == 22 * UNIT


def test_a_payment_that_takes_days_is_the_only_one_until_it_has_ended(shop: Shop) -> None:
    allowed(shop, method=SLOW_CARD)
    shop.topups.sweep()
    shop.now_ms += 2 * LOST_MS
    assert shop.topups.sweep() == 0
    shop.now_ms += 3 * DAY_MS
    assert shop.topups.sweep() == 0
    (order,) = charged(shop)
    assert (order.state, shop.balance()) == (OrderState.OPEN, 2 * UNIT)
    intent = shop.server.intents[order.payment_ref or ""]
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    shop.deliver(shop.server.intent_event(intent["id"]))
    assert shop.balance() == 22 * UNIT
    assert shop.topups.show(shop.account.id).state is AutoTopupState.READY


def test_a_payment_that_takes_days_and_fails_counts_as_a_refusal(shop: Shop) -> None:
    allowed(shop, method=SLOW_CARD)
    shop.topups.sweep()
    (order,) = charged(shop)
    shop.server.intents[order.payment_ref or ""]["status"] = "requires_payment_method"
    shop.deliver(shop.server.intent_event(order.payment_ref or ""))
    topup = shop.topups.show(shop.account.id)
    assert (topup.state, topup.failures) == (AutoTopupState.READY, 1)
    assert shop.told()["auto_topup_failed", render_id(ORDER, order.id)]["reason"] == "the payment did not succeed"
    assert shop.payments.order(order.id).order.state is OrderState.FAILED
    assert shop.balance() == 2 * UNIT


def test_a_lost_answer_is_asked_for_again_and_charged_once(shop: Shop) -> None:
    allowed(shop)
    shop.server.lose_answers = 100
    shop.topups.sweep()
    shop.server.lose_answers = 0
    assert shop.topups.sweep() == 0
    assert shop.topups.show(shop.account.id).state is AutoTopupState.CHARGING
    shop.now_ms += LOST_MS + 1
    assert shop.topups.sweep() == 1
    assert len(set(calls(shop))) == 1
    assert shop.balance() == 22 * UNIT
    assert len([intent for intent in shop.server.intents.values() if intent["amount"] == 2000]) == 1


def test_a_card_that_is_saved_while_an_answer_is_lost_is_not_charged_beside_the_first(shop: Shop) -> None:
    allowed(shop)
    shop.server.lose_answers = 100
    shop.topups.sweep()
    shop.server.lose_answers = 0
    event = shop.pay(shop.order(2, save_card=True))
    saving = event["data"]["object"]["payment_intent"]
    shop.server.intents[saving]["payment_method"] = "pm_card_mastercard"
    shop.deliver(event)
    shop.deliver(shop.server.intent_event(saving))
    for _ in range(3):
        shop.now_ms += BACKOFF_MS * FAILURES_MAX
        shop.topups.sweep()
    (order,) = charged(shop)
    assert order.state is OrderState.OPEN
    (intent,) = [intent for intent in shop.server.intents.values() if intent["amount"] == 2000]
    shop.deliver(shop.server.intent_event(intent["id"]))
    assert shop.balance() == 24 * UNIT
    assert shop.topups.show(shop.account.id).state is AutoTopupState.READY


def test_a_payment_whose_outcome_cannot_be_learned_stops_and_is_told(shop: Shop) -> None:
    allowed(shop)
    shop.server.lose_answers = 100
    shop.topups.sweep()
    shop.now_ms += SAME_KEY_MS + 1
    shop.server.lose_answers = 0
    assert shop.topups.sweep() == 0
    (order,) = charged(shop)
    assert shop.topups.show(shop.account.id).state is AutoTopupState.STOPPED
    assert "did not answer for a day" in shop.told()["auto_topup_stopped", render_id(ORDER, order.id)]["reason"]
    # It was made after all: the money is credited, and a person still has to look.
    (intent,) = [intent for intent in shop.server.intents.values() if intent["amount"] == 2000]
    shop.deliver(shop.server.intent_event(intent["id"]))
    assert shop.balance() == 22 * UNIT
    assert shop.topups.show(shop.account.id).state is AutoTopupState.STOPPED


def test_a_card_that_is_refused_is_tried_ever_more_seldom_and_then_no_more(shop: Shop) -> None:
    allowed(shop, method=DECLINED_CARD)
    for failures in range(1, FAILURES_MAX):
        assert shop.topups.sweep() == 1
        assert shop.topups.show(shop.account.id).failures == failures
        pause = BACKOFF_MS * 2 ** (failures - 1)
        shop.now_ms += pause - 1
        assert shop.topups.sweep() == 0
        shop.now_ms += 1
    assert shop.topups.sweep() == 1
    stopped = shop.topups.show(shop.account.id)
    assert (stopped.state, stopped.failures) == (AutoTopupState.STOPPED, FAILURES_MAX)
    shop.now_ms += DAY_MS
    assert shop.topups.sweep() == 0
    assert len(calls(shop)) == FAILURES_MAX
    assert {order.state for order in charged(shop)} == {OrderState.FAILED}
    told = sorted(kind for kind, _ in shop.told())
    assert told == [*["auto_topup_failed"] * (FAILURES_MAX - 1), "auto_topup_stopped"]
    assert "card was declined" in next(iter(shop.told().values()))["reason"]
    # The messages about the same refusals count nothing twice, and a new card has a new chance.
    assert allowed(shop).state is AutoTopupState.READY
    assert shop.topups.sweep() == 1
    assert shop.balance() == 24 * UNIT


def test_the_message_of_a_failure_counts_once_beside_the_answer(shop: Shop) -> None:
    allowed(shop, method=DECLINED_CARD)
    shop.topups.sweep()
    (intent,) = [intent for intent in shop.server.intents.values() if intent["amount"] == 2000]
    shop.deliver(shop.server.intent_event(intent["id"]))
    assert shop.topups.show(shop.account.id).failures == 1


def test_a_day_costs_no_more_than_was_allowed(shop: Shop) -> None:
    allowed(shop, daily_max_units=59)
    for _ in range(2):
        assert shop.topups.sweep() == 1
        shop.accounts.debit(shop.account.id, shop.balance() - UNIT, "spent")
    assert shop.topups.sweep() == 0
    assert len(charged(shop)) == 2
    account = render_id(ACCOUNT, shop.account.id)
    told = shop.told()["auto_topup_daily_max", f"{account}/{shop.now_ms // DAY_MS}"]
    assert told["daily_max"] == "59.00"
    shop.now_ms += DAY_MS + 1
    assert shop.topups.sweep() == 1


def test_a_suspended_account_and_one_that_ended_it_are_not_charged(shop: Shop) -> None:
    allowed(shop)
    shop.accounts.suspend(shop.account.id)
    assert shop.topups.sweep() == 0
    shop.accounts.resume(shop.account.id)
    assert shop.topups.end(shop.account.id).state is AutoTopupState.OFF
    assert shop.topups.sweep() == 0
    again = shop.topups.allow(shop.account.id, threshold_nanos=3 * UNIT, amount_nanos=20 * UNIT)
    assert again.state is AutoTopupState.READY
    assert shop.topups.sweep() == 1


def test_what_is_under_way_stays_the_only_one_whatever_is_changed_meanwhile(shop: Shop) -> None:
    allowed(shop, method=SLOW_CARD)
    shop.topups.sweep()
    shop.topups.end(shop.account.id)
    changed = shop.topups.allow(shop.account.id, threshold_nanos=9 * UNIT, amount_nanos=30 * UNIT)
    assert changed.state is AutoTopupState.CHARGING
    shop.now_ms += 2 * LOST_MS
    assert shop.topups.sweep() == 0
    assert len(charged(shop)) == 1


def test_an_end_while_a_payment_is_under_way_stays_the_end(shop: Shop) -> None:
    allowed(shop, method=SLOW_CARD)
    shop.topups.sweep()
    shop.topups.end(shop.account.id)
    (order,) = charged(shop)
    intent = shop.server.intents[order.payment_ref or ""]
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    shop.deliver(shop.server.intent_event(intent["id"]))
    assert (shop.balance(), shop.topups.show(shop.account.id).state) == (22 * UNIT, AutoTopupState.OFF)


@pytest.mark.parametrize("kind", ["refund", "dispute"])
def test_nobody_is_charged_again_for_money_that_has_just_gone_back(shop: Shop, kind: str) -> None:
    allowed(shop)
    shop.topups.sweep()
    (order,) = charged(shop)
    if kind == "refund":
        claim = shop.server.refund(order.payment_ref or "", 2000)
        shop.deliver(shop.server.event("refund.created", claim))
    else:
        claim = shop.server.dispute(order.payment_ref or "")
        shop.deliver(shop.server.event("charge.dispute.created", claim))
    assert shop.balance() == 2 * UNIT
    assert shop.topups.show(shop.account.id).state is AutoTopupState.STOPPED
    assert shop.told()["auto_topup_stopped", claim["id"]]["reason"] == f"{kind} {claim['id']}"
    assert shop.topups.sweep() == 0
    shop.topups.allow(shop.account.id, threshold_nanos=5 * UNIT, amount_nanos=20 * UNIT)
    assert shop.topups.sweep() == 1


def test_a_worker_that_stops_begins_no_further_charge(shop: Shop) -> None:
    allowed(shop)
    shop.topups.close()
    assert shop.topups.sweep() == 0
    assert calls(shop) == []


def test_a_saved_card_of_another_amount_is_not_believed(shop: Shop) -> None:
    shop.topups.allow(shop.account.id, threshold_nanos=5 * UNIT, amount_nanos=20 * UNIT)
    event = shop.pay(shop.order(2, save_card=True))
    shop.deliver(event)
    intent = shop.server.intents[event["data"]["object"]["payment_intent"]]
    shop.deliver(shop.server.event("payment_intent.succeeded", intent | {"amount_received": 1}))
    assert shop.topups.show(shop.account.id).card is None


def test_a_stripe_that_is_down_counts_as_no_refusal(shop: Shop) -> None:
    allowed(shop)

    def down(path: str) -> None:
        raise ApiError(503, type="api_error", message="down")

    shop.server.before = down
    shop.topups.sweep()
    topup = shop.topups.show(shop.account.id)
    assert (topup.state, topup.failures) == (AutoTopupState.CHARGING, 0)


@pytest.mark.parametrize(
    ("allow", "said"),
    [
        (lambda s: s.allow(1, threshold_nanos=UNIT, amount_nanos=20 * UNIT), "there is no account"),
        (lambda s: s.allow(s.id, threshold_nanos=0, amount_nanos=20 * UNIT), "a threshold is above zero"),
        (lambda s: s.allow(s.id, threshold_nanos=UNIT, amount_nanos=UNIT // 2), "a top-up is 1.00 to 500.00"),
        (lambda s: s.allow(s.id, threshold_nanos=UNIT, amount_nanos=2 * UNIT + 1), "cannot be paid"),
        (
            lambda s: s.allow(s.id, threshold_nanos=UNIT, amount_nanos=2 * UNIT, daily_max_nanos=UNIT),
            "the daily maximum is less than one top-up",
        ),
    ],
)
def test_what_makes_no_sense_is_not_allowed(shop: Shop, allow: Callable[..., object], said: str) -> None:
    class Asked:
        id = shop.account.id
        allow = shop.topups.allow

    with pytest.raises(CommandRefused, match=said):
        allow(Asked)
    for ask in (shop.topups.show, shop.topups.end):
        with pytest.raises(CommandRefused, match="is not topped up by itself"):
            ask(shop.account.id)


def test_without_a_key_nothing_is_charged(shop: Shop) -> None:
    allowed(shop)
    without = AutoTopups(shop.store, shop.store.ids(), None, TERMS)
    assert without.sweep() == 0
    assert calls(shop) == []
