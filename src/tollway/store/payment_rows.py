"""Payments in SQL: the books that one message changes, open for one transaction, and what is read beside them."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, insert, select

from tollway.access.audit import AuditEntry
from tollway.access.packages import Package, Product, SaleOutcome
from tollway.ids import ORDER, PACKAGE, render_id
from tollway.ledger.auto_topups import AutoTopup
from tollway.ledger.orders import Claim, Order, PaidOrder, PaymentEvent, PaymentTale, Room
from tollway.ledger.records import Account, AccountState, Transfer, purse_of_leg
from tollway.store import account_rows, order_rows, package_rows
from tollway.store.event_rows import event_id, event_values
from tollway.store.tables import events, packages
from tollway.store.transactions import Rows


class OpenBooks:
    """The books of payments inside one transaction: satisfies billing's PaymentBooks."""

    def __init__(self, connection: Connection) -> None:
        """Work in the transaction of `connection`, which holds the lock of payments."""
        self._connection = connection
        self.access_changed = False
        """Whether workers should read anew who may spend."""

    def heard(self, event_id: str) -> bool:
        """Tell whether a message was heard before."""
        return order_rows.heard(self._connection, event_id)

    def note_event(self, event: PaymentEvent, *, order_id: int | None, received_ms: int) -> None:
        """Write that a message was heard."""
        order_rows.note_event(self._connection, event.id, kind=event.kind, order_id=order_id, received_ms=received_ms)

    def order(self, order_id: int) -> Order | None:
        """Read one order."""
        return order_rows.read_order(self._connection, order_id)

    def order_of_payment(self, payment_ref: str) -> Order | None:
        """Read the order that a payment is for."""
        return order_rows.read_order_of_payment(self._connection, payment_ref)

    def add_order(self, order: Order) -> None:
        """Write a new order."""
        order_rows.add_order(self._connection, order)

    def change_order(self, order: Order) -> None:
        """Write an order's state, references and time of payment."""
        order_rows.change_order(self._connection, order)

    def claim(self, claim_id: str) -> Claim | None:
        """Read one refund or dispute."""
        return order_rows.read_claim(self._connection, claim_id)

    def claims_of_order(self, order_id: int) -> tuple[Claim, ...]:
        """Read the refunds and disputes of an order."""
        return order_rows.read_claims_of_order(self._connection, order_id)

    def waiting_claims(self, payment_ref: str) -> tuple[Claim, ...]:
        """Read those that came before their payment."""
        return order_rows.read_waiting_claims(self._connection, payment_ref)

    def put_claim(self, claim: Claim) -> None:
        """Write a refund or dispute, new or changed."""
        order_rows.put_claim(self._connection, claim)

    def room(self, account_id: int) -> Room:
        """Read what an account's balance can give; nobody else changes it until the transaction ends."""
        account_rows.lock_account(self._connection, account_id)
        return order_rows.read_room(self._connection, account_id)

    def post(self, transfer: Transfer) -> bool:
        """Move money; False, and nothing changed, when a purse is too small or would overflow."""
        # The account before its purse, as a sale locks them: a payment may go on to sell, or to suspend.
        for account_id in map(purse_of_leg, (transfer.debit_account, transfer.credit_account)):
            if account_id is not None:
                account_rows.lock_account(self._connection, account_id)
        return account_rows.post(self._connection, transfer)

    def suspend(self, account_id: int, entry: AuditEntry) -> None:
        """Refuse the account's keys from the next request on, in every worker."""
        account_rows.set_account_state(self._connection, account_id, AccountState.SUSPENDED, entry)
        self.access_changed = True

    def tell(
        self, tale: PaymentTale, subject: str, *, account_id: int | None, data: dict[str, object], now_ms: int
    ) -> bool:
        """Write an event for people; False when the same was told before."""
        known = select(events.c.id).where(events.c.id == event_id(tale, subject))
        if self._connection.scalar(known) is not None:
            return False
        values = event_values(tale, subject, account_id=account_id, created_ms=now_ms, data=data)
        self._connection.execute(insert(events).values(dict(zip(events.columns.keys(), values, strict=True))))
        return True

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        return account_rows.read_account(self._connection, account_id)

    def product(self, product_id: int) -> Product | None:
        """Read one product."""
        return package_rows.read_product(self._connection, product_id)

    def sell_package(self, package: Package, grant: Transfer, *, purchase: Transfer, active_max: int) -> SaleOutcome:
        """Take the price from the account's balance and fill the package: all of it, or nothing."""
        return package_rows.sell_package(self._connection, package, grant, purchase=purchase, active_max=active_max)

    def package_of_order(self, order_id: int) -> int | None:
        """Read which package an order paid for, if it was granted."""
        return _package_of_order(self._connection, order_id)

    def end_package(self, package_id: int, ends_ms: int) -> None:
        """Let a package expire, in every worker."""
        package_rows.end_package(self._connection, package_id, ends_ms)
        self.access_changed = True

    def auto_topup(self, account_id: int) -> AutoTopup | None:
        """Read how an account is topped up by itself."""
        return order_rows.read_auto_topup(self._connection, account_id)

    def put_auto_topup(self, topup: AutoTopup) -> None:
        """Write how an account is topped up by itself, new or changed."""
        order_rows.put_auto_topup(self._connection, topup)

    def claim_auto_topup(self, seen: AutoTopup, *, order_id: int, tried_ms: int) -> bool:
        """Begin, or go on with, the payment of a top-up as it was seen; False when another worker did so since."""
        return order_rows.claim_auto_topup(self._connection, seen, order_id=order_id, tried_ms=tried_ms)

    def auto_topped_nanos(self, account_id: int, since_ms: int) -> int:
        """Sum the automatic top-ups that were begun since then and did not fail."""
        return order_rows.sum_auto_topups(self._connection, account_id, since_ms)


class PaymentRows(Rows):
    """The rows of payments: satisfies billing's PaymentRows."""

    @contextmanager
    def paying(self) -> Generator[OpenBooks]:
        """Open the books of payments; they are written when the block ends, and not at all when it raises."""
        with self._writing() as connection:
            order_rows.lock(connection)
            books = OpenBooks(connection)
            yield books
        if books.access_changed:
            with self._changing():  # what changed is written; this tells the workers now, not within a second
                pass

    def orders(self, account_id: int | None, limit: int) -> tuple[Order, ...]:
        """Read the orders of an account, or all, newest first."""
        with self._reading() as connection:
            return order_rows.read_orders(connection, account_id, limit)

    def paid_order(self, order_id: int) -> PaidOrder | None:
        """Read an order and what it moved."""
        with self._reading() as connection:
            order = order_rows.read_order(connection, order_id)
            if order is None:
                return None
            account = account_rows.read_account(connection, order.account_id)
            assert account is not None, "an order has an account"
            claims = order_rows.read_claims_of_order(connection, order_id)
            package_id = _package_of_order(connection, order_id)
            papers = [render_id(ORDER, order_id)] + ([] if package_id is None else [render_id(PACKAGE, package_id)])
            return PaidOrder(
                order=order,
                account=account,
                transfers=order_rows.read_transfers(connection, papers, claims),
                claims=claims,
                package_id=package_id,
            )

    def claims_to_take(self, limit: int) -> tuple[Claim, ...]:
        """Read refunds and disputes of which a part is still to be taken, oldest first."""
        with self._reading() as connection:
            return order_rows.read_claims_to_take(connection, limit)

    def auto_topup(self, account_id: int) -> AutoTopup | None:
        """Read how an account is topped up by itself."""
        with self._reading() as connection:
            return order_rows.read_auto_topup(connection, account_id)

    def auto_topups_due(self, limit: int) -> tuple[AutoTopup, ...]:
        """Read those that are ready and whose account's balance is below their threshold."""
        with self._reading() as connection:
            return order_rows.read_auto_topups_due(connection, limit)

    def auto_topups_charging(self, tried_before_ms: int) -> tuple[AutoTopup, ...]:
        """Read those whose payment is under way and was last asked for before then."""
        with self._reading() as connection:
            return order_rows.read_auto_topups_charging(connection, tried_before_ms)


def _package_of_order(connection: Connection, order_id: int) -> int | None:
    # Among the account's packages, which an index finds: a scan of all would grow with the business.
    order = order_rows.read_order(connection, order_id)
    assert order is not None, "only orders that exist are asked about"
    mine = (packages.c.account_id == order.account_id, packages.c.reference == render_id(ORDER, order_id))
    return connection.scalar(select(packages.c.id).where(*mine))
