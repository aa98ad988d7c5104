"""Orders and what a payment provider says of them: the values, and what must agree before money moves. Pure; knows no provider."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from tollway.ledger.records import Account, Transfer, TransferKind
from tollway.money import NANOS_PER_UNIT, render_amount

MINOR_UNITS = {"USD": 100, "CNY": 100}
"""The currencies that payments take, and how many of their smallest coins make one unit: providers count in those."""


class OrderKind(StrEnum):
    """What is paid for."""

    TOPUP = "topup"
    PACKAGE = "package"
    AUTO_TOPUP = "auto_topup"
    """A top-up that the gateway asked for itself, with a card that was saved before."""


class OrderState(StrEnum):
    """How far the payment of an order is."""

    OPEN = "open"
    PAID = "paid"
    EXPIRED = "expired"
    """Nobody paid in time."""
    FAILED = "failed"
    """The payment was refused. It may still succeed: with another card, on the same page."""
    REFUNDED = "refunded"
    """All of it was given back."""
    DISPUTED = "disputed"
    """The payer's bank took it back, or asks for it."""


CREDITED = frozenset({OrderState.PAID, OrderState.REFUNDED, OrderState.DISPUTED})
"""States of an order whose money came in, whatever became of it later."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What an account wants to pay for, in whole nano-units of its currency."""

    id: int
    account_id: int
    kind: OrderKind
    product_id: int | None = None
    amount_nanos: int
    currency: str
    state: OrderState = OrderState.OPEN
    provider_ref: str | None = None
    """The provider's name for the page of payment, or for the payment where there is no page."""
    payment_ref: str | None = None
    """The provider's name for the payment; known once it is under way."""
    created_ms: int
    paid_ms: int | None = None


class SavedCard(msgspec.Struct, frozen=True, kw_only=True):
    """The provider's names for a customer and a means of payment that may be charged without them."""

    customer_ref: str
    method_ref: str


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """What a page of payment is made for."""

    order: Order
    title: str
    """What the person reads beside the amount."""
    customer_ref: str | None = None
    """The provider's name for the customer, where it has one already."""
    save_card: bool = False
    """Keep the means of payment, so that it can be charged without its owner."""


class PaymentPage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a person pays."""

    provider_ref: str
    url: str


class PaymentOutcome(StrEnum):
    """What a provider says became of a payment."""

    PAID = "paid"
    PENDING = "pending"
    """Under way: a bank needs days."""
    FAILED = "failed"
    EXPIRED = "expired"


class Said(StrEnum):
    """What of the provider's a notice is about."""

    PAGE = "page"
    """The page on which people pay."""
    PAYMENT = "payment"
    """The payment itself, which a page may stand before."""


class PaymentNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of the payment of an order."""

    about: Said
    outcome: PaymentOutcome
    order_id: int
    """As we gave it to the provider; zero for a text that is none of ours."""
    account_id: int
    provider_ref: str
    payment_ref: str | None
    amount_minor: int | None
    """In the currency's smallest coins."""
    currency: str
    """In upper case."""
    card: SavedCard | None = None


class ClaimKind(StrEnum):
    """Why money that was paid is taken back."""

    REFUND = "refund"
    DISPUTE = "dispute"


class Standing(StrEnum):
    """Where the money of a claim is, as the provider says."""

    TAKEN = "taken"
    """On its way back to the payer, or there."""
    RETURNED = "returned"
    """With us again, for good: the refund failed, or the dispute was won."""


class ClaimNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says of a refund or a dispute."""

    id: str
    """The provider's name for it."""
    kind: ClaimKind
    standing: Standing
    payment_ref: str
    amount_minor: int
    currency: str


class PaymentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a provider whose signature is good."""

    id: str
    kind: str
    """In the provider's words."""
    live: bool
    """False for play money."""
    notices: tuple[PaymentNotice | ClaimNotice, ...]


class ClaimState(StrEnum):
    """How far a claim is paid by the account that it concerns."""

    WAITING = "waiting"
    """Its order is not known to be paid: the message came before the one about the payment, or is about something else."""
    TAKING = "taking"
    """Part of the money is lent to workers, and is taken as it comes back."""
    TAKEN = "taken"
    OWED = "owed"
    """The account had less; the rest is owed."""
    RETURNED = "returned"
    """What was taken was given back."""
    VOID = "void"
    """Nothing is to be taken, whatever older message still comes."""


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A refund or a dispute, and how much of it was taken from the account; whole nano-units."""

    id: str
    kind: ClaimKind
    payment_ref: str
    order_id: int | None
    amount_nanos: int
    taken_nanos: int = 0
    currency: str
    state: ClaimState
    created_ms: int

    @property
    def rest_nanos(self) -> int:
        """What is still to be taken."""
        return self.amount_nanos - self.taken_nanos


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What an account's balance can give now, and what workers have borrowed of it; nano-units."""

    available_nanos: int
    lent_nanos: int


class PaidOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order with everything that it moved: what a receipt shows."""

    order: Order
    account: Account
    transfers: tuple[Transfer, ...]
    claims: tuple[Claim, ...]
    package_id: int | None
    """The package that it paid for, if one was granted."""


class PaymentTale(StrEnum):
    """The kinds of events that people are told of payments."""

    MISMATCH = "payment_mismatch"
    """The provider says something that does not fit our books: nothing was moved."""
    OWED = "payment_owed"
    """More was taken back than the account has: it is suspended."""
    PACKAGE_NOT_GRANTED = "package_not_granted"
    """A package was paid for and could not be given: the money is on the balance."""
    AUTO_TOPUP_FAILED = "auto_topup_failed"
    AUTO_TOPUP_STOPPED = "auto_topup_stopped"
    AUTO_TOPUP_DAILY_MAX = "auto_topup_daily_max"


STANDS = frozenset({ClaimState.TAKING, ClaimState.TAKEN, ClaimState.OWED})
"""States of a claim that takes money."""

TAKEN_BY = {ClaimKind.REFUND: TransferKind.REFUND, ClaimKind.DISPUTE: TransferKind.DISPUTE}
RETURNED_BY = {ClaimKind.REFUND: TransferKind.REFUND_FAILED, ClaimKind.DISPUTE: TransferKind.DISPUTE_WON}


def to_minor(amount_nanos: int, currency: str) -> int | None:
    """Return an amount in the currency's smallest coins; None when it is not a whole number of them."""
    coins = MINOR_UNITS.get(currency)
    if coins is None:
        return None
    whole, finer = divmod(amount_nanos, NANOS_PER_UNIT // coins)
    return None if finer else whole


def from_minor(amount_minor: int, currency: str) -> int | None:
    """Return the nano-units of a number of the currency's smallest coins; None for a currency that payments do not take."""
    coins = MINOR_UNITS.get(currency)
    return None if coins is None else amount_minor * (NANOS_PER_UNIT // coins)


def payment_differences(order: Order, notice: PaymentNotice) -> tuple[str, ...]:
    """Return a sentence for each point in which a notice differs from its order; money moves only when there is none."""
    found: list[str] = []
    if notice.account_id != order.account_id:
        found.append("it names another account than the order's")
    # None: the answer that would have told us the reference was lost. All else must agree then too.
    if order.provider_ref not in {None, notice.provider_ref}:
        found.append(f"it is about {notice.provider_ref}, the order is paid by {order.provider_ref}")
    if notice.payment_ref is not None and order.payment_ref not in {None, notice.payment_ref}:
        found.append(f"its payment is {notice.payment_ref}, the order's is {order.payment_ref}")
    if notice.currency != order.currency:
        found.append(f"it is in {notice.currency or 'no currency'}, the order in {order.currency}")
    if notice.amount_minor is None or from_minor(notice.amount_minor, order.currency) != order.amount_nanos:
        found.append(f"it is about {notice.amount_minor} of the smallest coins, the order about {_shown(order)}")
    if notice.outcome is PaymentOutcome.PAID and order.state is OrderState.EXPIRED:
        found.append("the order has expired")
    return tuple(found)


def claim_differences(order: Order, claim: Claim, others: Iterable[Claim]) -> tuple[str, ...]:
    """Return a sentence for each point in which a refund or dispute differs from what was paid."""
    if claim.currency != order.currency:
        return (f"{claim.id} is in {claim.currency}, the order in {order.currency}",)
    before = sum(other.amount_nanos for other in others if other.state in STANDS and other.id != claim.id)
    if before + claim.amount_nanos > order.amount_nanos:
        taken = render_amount(before + claim.amount_nanos)
        return (f"with {claim.id}, {taken} would be taken back of an order of {_shown(order)}",)
    return ()


def state_after_claims(order: Order, claims: Iterable[Claim]) -> OrderState:
    """Return the state of a paid order from what was taken back of it."""
    standing = [claim for claim in claims if claim.state in STANDS]
    if any(claim.kind is ClaimKind.DISPUTE for claim in standing):
        return OrderState.DISPUTED
    if sum(claim.amount_nanos for claim in standing) >= order.amount_nanos:
        return OrderState.REFUNDED
    return OrderState.PAID


def _shown(order: Order) -> str:
    return f"{render_amount(order.amount_nanos)} {order.currency}"
