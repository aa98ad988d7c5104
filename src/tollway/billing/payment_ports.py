"""What payments want of the payment provider and of the store. Protocols only; knows neither."""

from contextlib import AbstractContextManager
from typing import Protocol

from tollway.access.audit import AuditEntry
from tollway.access.packages import Package, Product, SaleOutcome
from tollway.ledger.auto_topups import AutoTopup
from tollway.ledger.orders import (
    Checkout,
    Claim,
    Order,
    PaidOrder,
    PaymentEvent,
    PaymentNotice,
    PaymentPage,
    PaymentTale,
    Room,
    SavedCard,
)
from tollway.ledger.records import Account, Transfer


class PaymentProvider(Protocol):
    """Who takes payments. Its calls wait for the network, and raise PaymentRefused or PaymentUnclear."""

    live: bool
    """Whether the money is real."""

    def start_checkout(self, checkout: Checkout) -> PaymentPage:
        """Make the page on which an order is paid; the same order makes it once."""
        ...

    def charge_saved(self, order: Order, card: SavedCard) -> PaymentNotice:
        """Charge a saved card for an order, once however often it is called; return what became of the payment."""
        ...

    def read_event(self, body: bytes, signature: str) -> PaymentEvent:
        """Return what a message says; raises Refusal `invalid_request` when it is not the provider's."""
        ...


class PaymentBooks(Protocol):
    """The books of payments inside one transaction, which no other transaction of payments overlaps."""

    def heard(self, event_id: str) -> bool:
        """Tell whether a message was heard before."""
        ...

    def note_event(self, event: PaymentEvent, *, order_id: int | None, received_ms: int) -> None:
        """Write that a message was heard."""
        ...

    def order(self, order_id: int) -> Order | None:
        """Read one order."""
        ...

    def order_of_payment(self, payment_ref: str) -> Order | None:
        """Read the order that a payment is for."""
        ...

    def add_order(self, order: Order) -> None:
        """Write a new order."""
        ...

    def change_order(self, order: Order) -> None:
        """Write an order's state, references and time of payment."""
        ...

    def claim(self, claim_id: str) -> Claim | None:
        """Read one refund or dispute."""
        ...

    def claims_of_order(self, order_id: int) -> tuple[Claim, ...]:
        """Read the refunds and disputes of an order."""
        ...

    def waiting_claims(self, payment_ref: str) -> tuple[Claim, ...]:
        """Read those that came before their payment."""
        ...

    def put_claim(self, claim: Claim) -> None:
        """Write a refund or dispute, new or changed."""
        ...

    def room(self, account_id: int) -> Room:
        """Read what an account's balance can give; nobody else changes it until the transaction ends."""
        ...

    def post(self, transfer: Transfer) -> bool:
        """Move money; False, and nothing changed, when a purse is too small or would overflow."""
        ...

    def suspend(self, account_id: int, entry: AuditEntry) -> None:
        """Refuse the account's keys from the next request on, in every worker."""
        ...

    def tell(
        self, tale: PaymentTale, subject: str, *, account_id: int | None, data: dict[str, object], now_ms: int
    ) -> bool:
        """Write an event for people; False when the same was told before."""
        ...

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        ...

    def product(self, product_id: int) -> Product | None:
        """Read one product."""
        ...

    def sell_package(self, package: Package, grant: Transfer, *, purchase: Transfer, active_max: int) -> SaleOutcome:
        """Take the price from the account's balance and fill the package: all of it, or nothing."""
        ...

    def package_of_order(self, order_id: int) -> int | None:
        """Read which package an order paid for, if it was granted."""
        ...

    def end_package(self, package_id: int, ends_ms: int) -> None:
        """Let a package expire, in every worker."""
        ...

    def auto_topup(self, account_id: int) -> AutoTopup | None:
        """Read how an account is topped up by itself."""
        ...

    def put_auto_topup(self, topup: AutoTopup) -> None:
        """Write how an account is topped up by itself, new or changed."""
        ...

    def claim_auto_topup(self, seen: AutoTopup, *, order_id: int, tried_ms: int) -> bool:
        """Begin, or go on with, the payment of a top-up as it was seen; False when another worker did so since."""
        ...

    def auto_topped_nanos(self, account_id: int, since_ms: int) -> int:
        """Sum the automatic top-ups that were begun since then and did not fail."""
        ...


class PaymentRows(Protocol):
    """What payments want of the store beside its open books; every call is one transaction."""

    def paying(self) -> AbstractContextManager[PaymentBooks]:
        """Open the books of payments; they are written when the block ends, and not at all when it raises."""
        ...

    def orders(self, account_id: int | None, limit: int) -> tuple[Order, ...]:
        """Read the orders of an account, or all, newest first."""
        ...

    def paid_order(self, order_id: int) -> PaidOrder | None:
        """Read an order and what it moved."""
        ...

    def claims_to_take(self, limit: int) -> tuple[Claim, ...]:
        """Read refunds and disputes of which a part is still to be taken, oldest first."""
        ...

    def auto_topup(self, account_id: int) -> AutoTopup | None:
        """Read how an account is topped up by itself."""
        ...

    def auto_topups_due(self, limit: int) -> tuple[AutoTopup, ...]:
        """Read those that are ready and whose account's balance is below their threshold."""
        ...

    def auto_topups_charging(self, tried_before_ms: int) -> tuple[AutoTopup, ...]:
        """Read those whose payment is under way and was last asked for before then."""
        ...
