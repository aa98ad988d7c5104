"""The adapter with the real stripe package, against a stand-in that answers as Stripe does."""

import json
import time
from typing import Any

import pytest

from tests.e2e.payments.stripe_server import (
    DECLINED_CARD,
    GOOD_CARD,
    SECRET_KEY,
    SLOW_CARD,
    ApiError,
    StripeServer,
    signed,
)
from tollway.errors import PaymentRefused, PaymentUnclear, Refusal
from tollway.ids import ACCOUNT, ORDER, render_id
from tollway.ledger.orders import (
    Checkout,
    ClaimNotice,
    Order,
    OrderKind,
    PaymentNotice,
    PaymentOutcome,
    Said,
    SavedCard,
    Standing,
)
from tollway.money import NANOS_PER_UNIT
from tollway.payments.stripe_provider import SIGNATURE_AGE_S, StripeProvider
from tollway.settings import PaymentSettings, Secret

ORDERED = Order(
    id=77,
    account_id=11,
    kind=OrderKind.TOPUP,
    amount_nanos=12 * NANOS_PER_UNIT + 340_000_000,
    currency="USD",
    created_ms=1,
)


@pytest.fixture
def provider(payment_settings: PaymentSettings) -> StripeProvider:
    return StripeProvider(payment_settings)


def test_a_page_of_payment_says_whose_order_it_is_and_how_much(
    provider: StripeProvider, stripe_server: StripeServer
) -> None:
    page = provider.start_checkout(Checkout(order=ORDERED, title="Top-up of 12.34 USD"))
    (path, params, key) = stripe_server.calls[-1]
    ours = {"tollway_order": render_id(ORDER, 77), "tollway_account": render_id(ACCOUNT, 11)}
    assert page.url == f"{stripe_server.url}/pay/{page.provider_ref}"
    assert (path, key) == ("POST /v1/checkout/sessions", render_id(ORDER, 77))
    assert params["metadata"] == params["payment_intent_data"]["metadata"] == ours
    assert params["success_url"] == "https://example.test/paid"
    assert params["cancel_url"] == "https://example.test/back"
    assert "customer_creation" not in params
    session = stripe_server.sessions[page.provider_ref]
    assert (session["amount_total"], session["currency"]) == (1234, "usd")


def test_the_same_order_makes_its_page_once(provider: StripeProvider, stripe_server: StripeServer) -> None:
    checkout = Checkout(order=ORDERED, title="Top-up", save_card=True)
    assert provider.start_checkout(checkout) == provider.start_checkout(checkout)
    assert len(stripe_server.sessions) == 1
    assert stripe_server.calls[-1][1]["payment_intent_data"]["setup_future_usage"] == "off_session"
    assert stripe_server.calls[-1][1]["customer_creation"] == "always"


def test_a_customer_whom_stripe_knows_stays_the_same(provider: StripeProvider, stripe_server: StripeServer) -> None:
    provider.start_checkout(Checkout(order=ORDERED, title="Top-up", save_card=True, customer_ref="cus_1"))
    assert stripe_server.calls[-1][1]["customer"] == "cus_1"
    assert "customer_creation" not in stripe_server.calls[-1][1]


@pytest.mark.parametrize(("method", "outcome"), [(GOOD_CARD, PaymentOutcome.PAID), (SLOW_CARD, PaymentOutcome.PENDING)])
def test_a_saved_card_is_charged_once_however_often_it_is_asked_for(
    provider: StripeProvider, stripe_server: StripeServer, method: str, outcome: PaymentOutcome
) -> None:
    card = SavedCard(customer_ref="cus_1", method_ref=method)
    first = provider.charge_saved(ORDERED, card)
    assert first.outcome is outcome
    assert (first.about, first.order_id, first.account_id, first.currency) == (Said.PAYMENT, 77, 11, "USD")
    assert first.provider_ref == first.payment_ref
    assert provider.charge_saved(ORDERED, card) == first
    assert len(stripe_server.intents) == 1


def test_a_declined_card_is_a_no(provider: StripeProvider) -> None:
    with pytest.raises(PaymentRefused, match=r"Your card was declined. \(card_declined\)"):
        provider.charge_saved(ORDERED, SavedCard(customer_ref="cus_1", method_ref=DECLINED_CARD))


def test_an_answer_that_is_lost_is_asked_for_again_with_the_same_key(
    provider: StripeProvider, stripe_server: StripeServer
) -> None:
    stripe_server.lose_answers = 1
    provider.charge_saved(ORDERED, SavedCard(customer_ref="cus_1", method_ref=GOOD_CARD))
    assert [key for _, _, key in stripe_server.calls] == [render_id(ORDER, 77)] * 2
    assert len(stripe_server.intents) == 1


def test_a_stripe_that_is_down_leaves_the_outcome_open(provider: StripeProvider, stripe_server: StripeServer) -> None:
    def down(path: str) -> None:
        raise ApiError(500, type="api_error", message="An unknown error occurred")

    stripe_server.before = down
    with pytest.raises(PaymentUnclear, match="Stripe did not answer"):
        provider.charge_saved(ORDERED, SavedCard(customer_ref="cus_1", method_ref=GOOD_CARD))
    stripe_server.lose_answers = 100
    with pytest.raises(PaymentUnclear, match="Stripe did not answer"):
        provider.charge_saved(ORDERED, SavedCard(customer_ref="cus_1", method_ref=GOOD_CARD))


def test_a_wrong_key_of_ours_is_no_refusal_of_a_card_and_is_not_repeated(payment_settings: PaymentSettings) -> None:
    wrong = PaymentSettings(
        stripe_secret_key=Secret("sk_test_wrong_canary"),
        stripe_webhook_secret=payment_settings.stripe_webhook_secret,
        success_url="https://example.test/paid",
        api_base=payment_settings.api_base,
    )
    with pytest.raises(PaymentUnclear, match="does not take this deployment's key") as caught:
        StripeProvider(wrong).start_checkout(Checkout(order=ORDERED, title="Top-up"))
    assert "wrong_canary" not in str(caught.value)


@pytest.mark.parametrize(("key", "live"), [(SECRET_KEY, False), ("rk_test_1", False), ("sk_live_1", True)])
def test_the_key_says_whether_the_money_is_real(payment_settings: PaymentSettings, key: str, live: bool) -> None:
    provider = StripeProvider(
        PaymentSettings(
            stripe_secret_key=Secret(key),
            stripe_webhook_secret=payment_settings.stripe_webhook_secret,
            success_url="https://example.test/paid",
        )
    )
    assert provider.live is live


def paid(provider: StripeProvider, stripe_server: StripeServer, method: str = GOOD_CARD) -> dict[str, Any]:
    page = provider.start_checkout(Checkout(order=ORDERED, title="Top-up", save_card=True))
    return stripe_server.pay(page.provider_ref, method=method)


def test_a_signed_event_is_read(provider: StripeProvider, stripe_server: StripeServer) -> None:
    event = paid(provider, stripe_server)
    body, headers = signed(event)
    read = provider.read_event(body, headers["stripe-signature"])
    (notice,) = read.notices
    assert (read.id, read.kind, read.live) == (event["id"], "checkout.session.completed", False)
    assert isinstance(notice, PaymentNotice)
    assert (notice.outcome, notice.amount_minor, notice.currency) == (PaymentOutcome.PAID, 1234, "USD")


def test_lesson_67_a_forged_a_stale_and_a_changed_event_are_refused(
    provider: StripeProvider, stripe_server: StripeServer
) -> None:
    event = paid(provider, stripe_server)
    body, headers = signed(event)
    forgeries = [
        (body, ""),
        (body, "t=1,v1="),
        (body, headers["stripe-signature"].replace("v1=", "v0=")),
        (body.replace(b"1234", b"9999"), headers["stripe-signature"]),
        (body + b" ", headers["stripe-signature"]),
        (b"\xff" + body, headers["stripe-signature"]),
        *((b, h["stripe-signature"]) for b, h in (signed(event, secret=""), signed(event, secret="whsec_other"))),
        (body, signed(event, at=time.time() - SIGNATURE_AGE_S - 5)[1]["stripe-signature"]),
    ]
    for forged, signature in forgeries:
        with pytest.raises(Refusal, match="not signed with this deployment's secret"):
            provider.read_event(forged, signature)


def test_lesson_67_a_provider_without_a_webhook_secret_is_not_made(payment_settings: PaymentSettings) -> None:
    for secret in (None, Secret("")):
        with pytest.raises(AssertionError):
            StripeProvider(
                PaymentSettings(
                    stripe_secret_key=Secret(SECRET_KEY),
                    stripe_webhook_secret=secret,
                    success_url="https://example.test",
                )
            )


@pytest.mark.parametrize(
    "content",
    [[], {"id": "evt_1"}, {"id": "evt_1", "type": "refund.created", "livemode": False, "data": {"object": {}}}],
)
def test_a_signed_message_that_is_no_event_is_refused(provider: StripeProvider, content: Any) -> None:
    body, headers = signed(content)
    with pytest.raises(Refusal, match="not one of Stripe's events"):
        provider.read_event(body, headers["stripe-signature"])


def test_a_refunded_charge_is_asked_for_its_refunds(provider: StripeProvider, stripe_server: StripeServer) -> None:
    paid(provider, stripe_server)
    (intent,) = stripe_server.intents
    refunds = [stripe_server.refund(intent, amount) for amount in (100, 34)]
    body, headers = signed(stripe_server.charge_refunded(intent))
    notices = provider.read_event(body, headers["stripe-signature"]).notices
    assert [notice.id for notice in notices if isinstance(notice, ClaimNotice)] == [refund["id"] for refund in refunds]
    assert {notice.standing for notice in notices if isinstance(notice, ClaimNotice)} == {Standing.TAKEN}


def test_events_of_other_kinds_say_nothing(provider: StripeProvider, stripe_server: StripeServer) -> None:
    body, headers = signed(stripe_server.event("customer.created", {"id": "cus_1"}))
    assert provider.read_event(body, headers["stripe-signature"]).notices == ()
    assert json.loads(body)["type"] == "customer.created"
