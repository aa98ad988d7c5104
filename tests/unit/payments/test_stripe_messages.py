"""Stripe's messages as notices: what each event, status and missing part means."""

from typing import Any

import msgspec
import pytest

from tollway.ledger.orders import ClaimKind, ClaimNotice, PaymentNotice, PaymentOutcome, Said, SavedCard, Standing
from tollway.payments.stripe_messages import Envelope, notices_of

OURS = {"tollway_order": "ord_0000000000000007", "tollway_account": "acct_0000000000000005"}
SESSION = {
    "id": "cs_1",
    "payment_status": "paid",
    "amount_total": 1000,
    "currency": "usd",
    "payment_intent": "pi_1",
    "metadata": OURS,
    "something_new": {"nested": []},
}
INTENT = {
    "id": "pi_1",
    "status": "succeeded",
    "amount": 1000,
    "amount_received": 999,
    "currency": "cny",
    "metadata": OURS,
}
REFUND = {"id": "re_1", "amount": 5, "currency": "usd", "payment_intent": "pi_1", "status": "succeeded"}
DISPUTE = {"id": "du_1", "amount": 5, "currency": "usd", "payment_intent": "pi_1", "status": "needs_response"}


def read(kind: str, about: dict[str, Any]) -> tuple[PaymentNotice | ClaimNotice, ...]:
    event = {"id": "evt_1", "type": kind, "livemode": False, "data": {"object": about}}
    return notices_of(msgspec.json.decode(msgspec.json.encode(event), type=Envelope))


@pytest.mark.parametrize(
    ("kind", "status", "outcome"),
    [
        ("completed", "paid", PaymentOutcome.PAID),
        ("completed", "unpaid", PaymentOutcome.PENDING),
        ("completed", "no_payment_required", PaymentOutcome.PENDING),
        ("async_payment_succeeded", "paid", PaymentOutcome.PAID),
        ("async_payment_failed", "unpaid", PaymentOutcome.FAILED),
        ("expired", "unpaid", PaymentOutcome.EXPIRED),
    ],
)
def test_a_page_says_how_its_payment_went(kind: str, status: str, outcome: PaymentOutcome) -> None:
    assert read(f"checkout.session.{kind}", SESSION | {"payment_status": status}) == (
        PaymentNotice(
            about=Said.PAGE,
            outcome=outcome,
            order_id=7,
            account_id=5,
            provider_ref="cs_1",
            payment_ref="pi_1",
            amount_minor=1000,
            currency="USD",
        ),
    )


def test_a_payment_says_what_was_received_and_a_failed_one_what_was_asked() -> None:
    (paid,) = read("payment_intent.succeeded", INTENT)
    (failed,) = read("payment_intent.payment_failed", INTENT)
    assert isinstance(paid, PaymentNotice)
    assert isinstance(failed, PaymentNotice)
    assert (paid.outcome, paid.amount_minor, paid.currency) == (PaymentOutcome.PAID, 999, "CNY")
    assert (failed.outcome, failed.amount_minor, failed.card) == (PaymentOutcome.FAILED, 1000, None)


@pytest.mark.parametrize(
    ("more", "card"),
    [
        ({"setup_future_usage": "off_session", "customer": "cus_1", "payment_method": "pm_1"}, True),
        ({"setup_future_usage": "on_session", "customer": "cus_1", "payment_method": "pm_1"}, False),
        ({"setup_future_usage": "off_session", "customer": None, "payment_method": "pm_1"}, False),
        ({"customer": "cus_1", "payment_method": "pm_1"}, False),
    ],
)
def test_a_card_is_saved_only_when_it_may_be_charged_later(more: dict[str, Any], card: bool) -> None:
    (notice,) = read("payment_intent.succeeded", INTENT | more)
    assert isinstance(notice, PaymentNotice)
    assert notice.card == (SavedCard(customer_ref="cus_1", method_ref="pm_1") if card else None)


@pytest.mark.parametrize("metadata", [None, {}, {"order": "7"}])
def test_what_others_sell_through_the_same_stripe_account_is_not_ours(metadata: dict[str, str] | None) -> None:
    assert read("checkout.session.completed", SESSION | {"metadata": metadata}) == ()
    assert read("payment_intent.succeeded", INTENT | {"metadata": metadata}) == ()


def test_ids_that_are_none_of_ours_name_nothing() -> None:
    (notice,) = read("checkout.session.completed", SESSION | {"metadata": {"tollway_order": "7"}})
    assert isinstance(notice, PaymentNotice)
    assert (notice.order_id, notice.account_id) == (0, 0)


@pytest.mark.parametrize("kind", ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"])
@pytest.mark.parametrize(
    ("status", "standing"),
    [
        ("pending", Standing.TAKEN),
        ("requires_action", Standing.TAKEN),
        ("succeeded", Standing.TAKEN),
        ("failed", Standing.RETURNED),
        ("canceled", Standing.RETURNED),
    ],
)
def test_a_refund_counts_from_its_beginning_until_it_fails(kind: str, status: str, standing: Standing) -> None:
    assert read(kind, REFUND | {"status": status}) == (
        ClaimNotice(
            id="re_1", kind=ClaimKind.REFUND, standing=standing, payment_ref="pi_1", amount_minor=5, currency="USD"
        ),
    )


@pytest.mark.parametrize(
    "kind",
    [f"charge.dispute.{kind}" for kind in ("created", "updated", "funds_withdrawn", "funds_reinstated", "closed")],
)
@pytest.mark.parametrize(
    ("status", "standing"),
    [
        ("needs_response", Standing.TAKEN),
        ("under_review", Standing.TAKEN),
        ("lost", Standing.TAKEN),
        ("won", Standing.RETURNED),
        ("warning_closed", Standing.RETURNED),
        ("prevented", Standing.RETURNED),
        ("warning_needs_response", None),
        ("warning_under_review", None),
        ("of_a_later_version", None),
    ],
)
def test_a_dispute_takes_the_money_unless_the_bank_only_asks(kind: str, status: str, standing: Standing | None) -> None:
    found = read(kind, DISPUTE | {"status": status})
    assert [(notice.kind, notice.standing) for notice in found if isinstance(notice, ClaimNotice)] == (
        [(ClaimKind.DISPUTE, standing)] if standing else []
    )


@pytest.mark.parametrize(("kind", "about"), [("refund.created", REFUND), ("charge.dispute.created", DISPUTE)])
def test_a_claim_on_no_payment_of_ours_says_nothing(kind: str, about: dict[str, Any]) -> None:
    assert read(kind, about | {"payment_intent": None}) == ()


def test_a_refund_of_a_status_that_we_do_not_know_says_nothing() -> None:
    assert read("refund.updated", REFUND | {"status": None}) == ()
    assert read("invoice.paid", {"id": "in_1"}) == ()
