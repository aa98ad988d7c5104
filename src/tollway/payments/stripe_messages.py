"""Stripe's messages as notices: what each event says of an order, a refund or a dispute. Pure; opens nothing.

Only what is decided by is read; the rest of Stripe's objects may change as it likes.
"""

from collections.abc import Mapping

import msgspec

from tollway.ids import ACCOUNT, ORDER, IdError, parse_id
from tollway.ledger.orders import ClaimKind, ClaimNotice, PaymentNotice, PaymentOutcome, Said, SavedCard, Standing

ORDER_KEY = "tollway_order"
ACCOUNT_KEY = "tollway_account"
"""The names under which an order's and its account's id stand in the metadata of what we make at Stripe."""

OFF_SESSION = "off_session"
"""What Stripe calls a means of payment that may be charged while its owner is away."""


class Envelope(msgspec.Struct, frozen=True):
    """What every event has."""

    id: str
    type: str
    livemode: bool
    data: "_Data"


class _Data(msgspec.Struct, frozen=True):
    object: msgspec.Raw


class _Session(msgspec.Struct, frozen=True):
    id: str
    payment_status: str
    amount_total: int | None = None
    currency: str | None = None
    payment_intent: str | None = None
    metadata: dict[str, str] | None = None


class Intent(msgspec.Struct, frozen=True):
    """A payment."""

    id: str
    status: str
    amount: int
    currency: str
    amount_received: int = 0
    customer: str | None = None
    payment_method: str | None = None
    setup_future_usage: str | None = None
    metadata: dict[str, str] | None = None


class Refund(msgspec.Struct, frozen=True):
    """Money given back."""

    id: str
    amount: int
    currency: str
    payment_intent: str | None = None
    status: str | None = None


class _Dispute(msgspec.Struct, frozen=True):
    id: str
    amount: int
    currency: str
    status: str
    payment_intent: str | None = None


class Charge(msgspec.Struct, frozen=True):
    """What a payment became at the bank."""

    id: str


SESSION_EVENTS = {
    "checkout.session.completed": None,
    "checkout.session.async_payment_succeeded": PaymentOutcome.PAID,
    "checkout.session.async_payment_failed": PaymentOutcome.FAILED,
    "checkout.session.expired": PaymentOutcome.EXPIRED,
}
"""None: its payment status says."""

INTENT_EVENTS = {
    "payment_intent.succeeded": PaymentOutcome.PAID,
    "payment_intent.payment_failed": PaymentOutcome.FAILED,
}

REFUND_EVENTS = frozenset({"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"})

CHARGE_REFUNDED = "charge.refunded"
"""It does not say by which refunds: they are asked for."""

DISPUTE_EVENTS = frozenset(
    {
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    }
)

REFUND_STANDING = {
    "pending": Standing.TAKEN,
    "requires_action": Standing.TAKEN,
    "succeeded": Standing.TAKEN,
    "failed": Standing.RETURNED,
    "canceled": Standing.RETURNED,
}

DISPUTE_STANDING = {
    "needs_response": Standing.TAKEN,
    "under_review": Standing.TAKEN,
    "lost": Standing.TAKEN,
    "won": Standing.RETURNED,
    "warning_closed": Standing.RETURNED,
    "prevented": Standing.RETURNED,
}
"""While a bank only asks (`warning_needs_response`, `warning_under_review`) the money stays with us."""


def notices_of(event: Envelope) -> tuple[PaymentNotice | ClaimNotice, ...]:
    """Return what an event says, for every kind but `charge.refunded`; nothing when it does not concern us.

    Raises msgspec.DecodeError for an object that lacks what its kind has.
    """
    content = event.data.object
    if event.type in SESSION_EVENTS:
        return _of_session(msgspec.json.decode(content, type=_Session), SESSION_EVENTS[event.type])
    if event.type in INTENT_EVENTS:
        return notices_of_intent(msgspec.json.decode(content, type=Intent), INTENT_EVENTS[event.type])
    if event.type in REFUND_EVENTS:
        return notices_of_refund(msgspec.json.decode(content, type=Refund))
    if event.type in DISPUTE_EVENTS:
        return _of_dispute(msgspec.json.decode(content, type=_Dispute))
    return ()


def _of_session(session: _Session, outcome: PaymentOutcome | None) -> tuple[PaymentNotice, ...]:
    ours = session.metadata or {}
    if ORDER_KEY not in ours:
        return ()
    if outcome is None:
        outcome = PaymentOutcome.PAID if session.payment_status == "paid" else PaymentOutcome.PENDING
    return (
        PaymentNotice(
            about=Said.PAGE,
            outcome=outcome,
            order_id=_number(ORDER, ours[ORDER_KEY]),
            account_id=_number(ACCOUNT, ours.get(ACCOUNT_KEY, "")),
            provider_ref=session.id,
            payment_ref=session.payment_intent,
            amount_minor=session.amount_total,
            currency=(session.currency or "").upper(),
        ),
    )


def notices_of_intent(intent: Intent, outcome: PaymentOutcome) -> tuple[PaymentNotice, ...]:
    """Return what a payment says of its order."""
    ours: Mapping[str, str] = intent.metadata or {}
    if ORDER_KEY not in ours:
        return ()
    reusable = intent.setup_future_usage == OFF_SESSION and intent.customer and intent.payment_method
    card = SavedCard(customer_ref=intent.customer, method_ref=intent.payment_method) if reusable else None  # type: ignore[arg-type]
    return (
        PaymentNotice(
            about=Said.PAYMENT,
            outcome=outcome,
            order_id=_number(ORDER, ours[ORDER_KEY]),
            account_id=_number(ACCOUNT, ours.get(ACCOUNT_KEY, "")),
            provider_ref=intent.id,
            payment_ref=intent.id,
            amount_minor=intent.amount_received if outcome is PaymentOutcome.PAID else intent.amount,
            currency=intent.currency.upper(),
            card=card,
        ),
    )


def notices_of_refund(refund: Refund) -> tuple[ClaimNotice, ...]:
    """Return what a refund says; nothing when it is not of a payment, or of a status that we do not know."""
    standing = REFUND_STANDING.get(refund.status or "")
    if standing is None or refund.payment_intent is None:
        return ()
    return (
        ClaimNotice(
            id=refund.id,
            kind=ClaimKind.REFUND,
            standing=standing,
            payment_ref=refund.payment_intent,
            amount_minor=refund.amount,
            currency=refund.currency.upper(),
        ),
    )


def _of_dispute(dispute: _Dispute) -> tuple[ClaimNotice, ...]:
    standing = DISPUTE_STANDING.get(dispute.status)
    if standing is None or dispute.payment_intent is None:
        return ()
    return (
        ClaimNotice(
            id=dispute.id,
            kind=ClaimKind.DISPUTE,
            standing=standing,
            payment_ref=dispute.payment_intent,
            amount_minor=dispute.amount,
            currency=dispute.currency.upper(),
        ),
    )


def _number(prefix: str, text: str) -> int:
    try:
        return parse_id(prefix, text)
    except IdError:
        return 0
