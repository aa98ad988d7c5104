"""Speaks to Stripe: makes pages of payment, charges saved cards, verifies and reads events. Knows no book and no account.

Its calls wait for the network; they are made from threads. Importing it takes 0.2 s: only who is configured for it does.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import cast

import msgspec
import stripe

from tollway.errors import PaymentRefused, PaymentUnclear, Refusal
from tollway.ids import ACCOUNT, ORDER, render_id
from tollway.ledger.orders import (
    Checkout,
    ClaimNotice,
    Order,
    PaymentEvent,
    PaymentNotice,
    PaymentOutcome,
    PaymentPage,
    SavedCard,
    to_minor,
)
from tollway.payments.stripe_messages import (
    ACCOUNT_KEY,
    CHARGE_REFUNDED,
    OFF_SESSION,
    ORDER_KEY,
    Charge,
    Envelope,
    Intent,
    Refund,
    notices_of,
    notices_of_intent,
    notices_of_refund,
)
from tollway.settings import PaymentSettings

SIGNATURE_AGE_S = 300
"""Stripe's own limit: a message that was overheard cannot be sent again later."""

CONNECT_S = 5.0
ANSWER_S = 15.0
"""Less than the 20 s that Stripe waits for us when a message of its needs a call of ours; seldom does one take two."""

RETRIES = 1
"""With the same idempotency key, so that no call is made twice. A stop of the gateway waits for what is under way."""

REFUNDS_AT_ONCE = 100
"""Stripe's largest page; a payment with more refunds than that has further pages."""

Verify = Callable[[bytes, str, str, int], bool]
"""What the package leaves half untyped: body, header, secret and the largest age in seconds."""

TEST_KEYS = ("sk_test_", "rk_test_")


class StripeProvider:
    """One Stripe account. May be shared between threads."""

    def __init__(self, settings: PaymentSettings) -> None:
        """Take settings that were checked: with both secrets and a page to return to."""
        key, signing, success_url = settings.stripe_secret_key, settings.stripe_webhook_secret, settings.success_url
        assert key is not None, "payments without a key are not opened"
        assert signing is not None, "settings without the webhook secret are refused"
        assert success_url is not None, "settings without a page to return to are refused"
        assert signing.reveal(), "a webhook secret is never empty"
        # Stripe is told nothing of this machine but what its calls need.
        stripe.enable_telemetry = False
        self._client = stripe.StripeClient(
            key.reveal(),
            base_addresses={"api": settings.api_base.rstrip("/")} if settings.api_base else {},
            http_client=stripe.RequestsClient(timeout=(CONNECT_S, ANSWER_S)),
            max_network_retries=RETRIES,
        )
        self._signing = signing
        self._success_url = success_url
        self._cancel_url = settings.cancel_url or success_url
        self.live = not key.reveal().startswith(TEST_KEYS)
        """Whether the money is real."""

    def start_checkout(self, checkout: Checkout) -> PaymentPage:
        """Make the page on which an order is paid; the same order makes it once.

        Raises PaymentRefused or PaymentUnclear.
        """
        order = checkout.order
        about = _metadata(order)
        payment: stripe.params.checkout.SessionCreateParamsPaymentIntentData = {
            "metadata": about,
            "description": f"{checkout.title} ({_name(order)})",
        }
        params: stripe.params.checkout.SessionCreateParams = {
            "mode": "payment",
            "client_reference_id": about[ACCOUNT_KEY],
            "metadata": about,
            "payment_intent_data": payment,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": order.currency.lower(),
                        "unit_amount": _coins(order),
                        "product_data": {"name": checkout.title},
                    },
                }
            ],
            "success_url": self._success_url,
            "cancel_url": self._cancel_url,
        }
        if checkout.save_card:
            payment["setup_future_usage"] = OFF_SESSION
            if checkout.customer_ref is None:
                params["customer_creation"] = "always"
        if checkout.customer_ref is not None:
            params["customer"] = checkout.customer_ref
        with _calling():
            session = self._client.v1.checkout.sessions.create(params, {"idempotency_key": _name(order)})
        if session.url is None:
            raise PaymentRefused("Stripe made a payment page without an address")
        return PaymentPage(provider_ref=session.id, url=session.url)

    def charge_saved(self, order: Order, card: SavedCard) -> PaymentNotice:
        """Charge a saved card for an order, once however often it is called; return what became of the payment.

        Raises PaymentRefused or PaymentUnclear.
        """
        with _calling():
            made = self._client.v1.payment_intents.create(
                {
                    "amount": _coins(order),
                    "currency": order.currency.lower(),
                    "customer": card.customer_ref,
                    "payment_method": card.method_ref,
                    "off_session": True,
                    "confirm": True,
                    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                    "metadata": _metadata(order),
                    "description": f"Automatic top-up ({_name(order)})",
                },
                {"idempotency_key": _name(order)},
            )
        intent = msgspec.convert(made.to_dict(), type=Intent)
        outcome = {"succeeded": PaymentOutcome.PAID, "processing": PaymentOutcome.PENDING}
        (notice,) = notices_of_intent(intent, outcome.get(intent.status, PaymentOutcome.FAILED))
        return notice

    def read_event(self, body: bytes, signature: str) -> PaymentEvent:
        """Return what a message says; raises Refusal `invalid_request` when Stripe did not sign it, or not lately.

        Raises PaymentRefused or PaymentUnclear when Stripe must be asked for more and does not say.
        """
        try:
            verify = cast(Verify, stripe.WebhookSignature.verify_header)  # pyright: ignore[reportUnknownMemberType]
            verify(body, signature, self._signing.reveal(), SIGNATURE_AGE_S)
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            raise Refusal("invalid_request", "This message is not signed with this deployment's secret.") from None
        try:
            event = msgspec.json.decode(body, type=Envelope)
            refunded = msgspec.json.decode(event.data.object, type=Charge) if event.type == CHARGE_REFUNDED else None
            notices = notices_of(event) if refunded is None else self._refunds_of(refunded.id)
        except msgspec.DecodeError as error:
            raise Refusal("invalid_request", f"This message is not one of Stripe's events: {error}.") from None
        return PaymentEvent(id=event.id, kind=event.type, live=event.livemode, notices=notices)

    def _refunds_of(self, charge_id: str) -> tuple[ClaimNotice, ...]:
        found: list[ClaimNotice] = []
        with _calling():
            page = self._client.v1.refunds.list({"charge": charge_id, "limit": REFUNDS_AT_ONCE})
            for refund in page.auto_paging_iter():
                found += notices_of_refund(msgspec.convert(refund.to_dict(), type=Refund))
        return tuple(found)


@contextmanager
def _calling() -> Generator[None]:
    """Say in our words what Stripe's package raises; whether the call may have had an effect is what matters."""
    try:
        yield
    except (stripe.APIConnectionError, stripe.APIError, stripe.RateLimitError) as error:
        raise PaymentUnclear(f"Stripe did not answer: {_words(error)}") from error
    except stripe.IdempotencyError as error:
        # It did something under this order's name before, with another card for example: what, its message will say.
        raise PaymentUnclear(f"Stripe was asked before: {_words(error)}") from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        # Not the card's fault, and mended by the operator: it counts for nobody.
        raise PaymentUnclear(f"Stripe does not take this deployment's key: {_words(error)}") from error
    except stripe.StripeError as error:
        raise PaymentRefused(f"Stripe refused: {_words(error)}") from error


def _words(error: stripe.StripeError) -> str:
    """Return one line that may be shown; it names no key, for Stripe shows of one what its dashboard does."""
    said = error.user_message or type(error).__name__
    return " ".join(f"{said} ({error.code})".split() if error.code else said.split())


def _name(order: Order) -> str:
    return render_id(ORDER, order.id)


def _metadata(order: Order) -> dict[str, str]:
    return {ORDER_KEY: _name(order), ACCOUNT_KEY: render_id(ACCOUNT, order.account_id)}


def _coins(order: Order) -> int:
    coins = to_minor(order.amount_nanos, order.currency)
    assert coins is not None, "an order is in whole coins"
    return coins
