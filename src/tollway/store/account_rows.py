"""Accounts, their purses, and the transfers that fill them, in SQL. Runs in the caller's transaction."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, and_, insert, select, update

from tollway.access.audit import AuditEntry
from tollway.ledger.purses import PurseKind
from tollway.ledger.records import Account, AccountState, Transfer, purse_of_leg
from tollway.money import AMOUNT_NANOS_MAX
from tollway.store.audit_rows import add_entry
from tollway.store.tables import accounts, purses, transfers
from tollway.store.transactions import Rows


class AccountRows(Rows):
    """The rows of accounts; every call is one transaction."""

    def set_account_terms(self, account_id: int, entry: AuditEntry, *, fee_ppm: int | None, price_ppm: int) -> bool:
        """Change fee and prices, with effect on the next request in every worker; False when there is no such account."""
        mine = accounts.c.id == account_id
        terms = update(accounts).where(mine).values(fee_ppm=fee_ppm, price_ppm=price_ppm)
        with self._changing() as connection:
            changed = connection.execute(terms).rowcount == 1
            if changed:
                add_entry(connection, entry)
            return changed

    def call_in(self, account_id: int, now_ms: int) -> None:
        """Have workers give back what lies idle with them of an account's balance, within 50 ms or so."""
        with self._calling_in() as connection:
            connection.execute(update(purses).where(purses.c.id == account_id).values(wanted_ms=now_ms))


def add_account(connection: Connection, account: Account, credit: Transfer | None, entry: AuditEntry) -> None:
    """Write an account, its purse, and its first credit."""
    add_entry(connection, entry)
    connection.execute(
        insert(accounts).values(
            id=account.id,
            name=account.name,
            currency=account.currency,
            state=account.state.value,
            created_ms=account.created_ms,
            fee_ppm=account.fee_ppm,
            brand=account.brand,
        )
    )
    connection.execute(
        insert(purses).values(
            id=account.id, kind=PurseKind.ACCOUNT.value, account_id=account.id, balance_nanos=0, leased_nanos=0
        )
    )
    if credit is not None:
        assert post(connection, credit), "an empty purse takes any amount"


def read_accounts(connection: Connection) -> tuple[Account, ...]:
    """Return all accounts, oldest first."""
    return tuple(_read(row) for row in connection.execute(select(accounts).order_by(accounts.c.id)))


def read_account(connection: Connection, account_id: int) -> Account | None:
    """Return one account."""
    row = connection.execute(select(accounts).where(accounts.c.id == account_id)).first()
    return None if row is None else _read(row)


def set_account_state(connection: Connection, account_id: int, state: AccountState, entry: AuditEntry) -> bool:
    """Change an account's state; False when there is no such account, or it is in that state already."""
    other = and_(accounts.c.id == account_id, accounts.c.state != state.value)
    changed = connection.execute(update(accounts).where(other).values(state=state.value)).rowcount == 1
    if changed:
        add_entry(connection, entry)
    return changed


def lock_account(connection: Connection, account_id: int) -> None:
    """Let nobody else change what an account has beside its balance until the transaction ends.

    For rules that count rows, which two transactions at once would both find kept. SQLite has one writer anyway.
    """
    connection.execute(select(accounts.c.id).where(accounts.c.id == account_id).with_for_update())


def post(connection: Connection, transfer: Transfer) -> bool:
    """Move money between its two legs.

    False, and nothing is to be committed, when a purse is missing, has lent too much to pay, or would overflow.
    """
    amount = transfer.amount_nanos
    legs = [purse_of_leg(leg) for leg in (transfer.debit_account, transfer.credit_account)]
    if None not in legs:
        # By their ids, as every writer locks them: two transfers between the same two must not wait for each other.
        connection.execute(
            select(purses.c.id).where(purses.c.id.in_(legs)).order_by(purses.c.id).with_for_update()
        ).all()
    b, lent = purses.c.balance_nanos, purses.c.leased_nanos
    moves = (
        (transfer.debit_account, -amount, b - lent >= amount),
        (transfer.credit_account, amount, b <= AMOUNT_NANOS_MAX - amount),
    )
    for leg, change, possible in moves:
        purse_id = purse_of_leg(leg)
        if purse_id is not None:
            mine = purses.c.id == purse_id
            moved = connection.execute(update(purses).where(mine, possible).values(balance_nanos=b + change))
            if moved.rowcount != 1:
                return False
    fields = msgspec.structs.asdict(transfer)
    connection.execute(insert(transfers).values({**fields, "kind": transfer.kind.value}))
    return True


def _read(row: Row[*tuple[Any, ...]]) -> Account:
    return Account(
        id=row.id,
        name=row.name,
        currency=row.currency,
        state=AccountState(row.state),
        created_ms=row.created_ms,
        fee_ppm=row.fee_ppm,
        price_ppm=row.price_ppm,
        brand=row.brand,
    )
