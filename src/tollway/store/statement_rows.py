"""What a statement is made of, in SQL and on one snapshot: transfers by the account's legs, usage from the sums by hour."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, or_, select

from tollway.access.terms import PackageUnit
from tollway.ledger.records import account_leg, package_leg
from tollway.ledger.statements import PackageMoves, StatementFacts
from tollway.ledger.usage import Division, Span, UsageFilter
from tollway.store.account_rows import read_account
from tollway.store.books_reader import read_transfer
from tollway.store.line_sums import whole
from tollway.store.tables import packages, purses, transfers
from tollway.store.transactions import Rows
from tollway.store.usage_rows import read_usage

LEGS_AT_ONCE = 500
"""Of one query: databases take some thousands of values in a statement."""


class StatementRows(Rows):
    """What statements are made of; every call is one snapshot."""

    def statement(self, account_id: int, span: Span, *, transfers_max: int, models_max: int) -> StatementFacts | None:
        """Return what is known of a period; None when there is no such account.

        At most one transfer and one model more than `transfers_max` and `models_max`.
        """
        with self._reading() as connection:
            return _read(connection, account_id, span, (transfers_max, models_max))


def _read(connection: Connection, account_id: int, span: Span, most: tuple[int, int]) -> StatementFacts | None:
    account = read_account(connection, account_id)
    if account is None:
        return None
    leg, t = account_leg(account_id), transfers.c
    ours = or_(t.debit_account == leg, t.credit_account == leg)
    within = select(transfers).where(ours, *_created(span)).order_by(t.created_ms, t.id).limit(most[0] + 1)
    before = None if span.start_ms is None else Span(None, span.start_ms)
    who, every = UsageFilter(account_id=account_id), (Division.PROVIDER, Division.MODEL)
    came, went = _moved(connection, [leg], before)
    tokens, money = (_package_legs(connection, account_id, unit) for unit in (PackageUnit.TOKENS, PackageUnit.MONEY))
    return StatementFacts(
        account=account,
        balance_nanos=connection.scalar(select(purses.c.balance_nanos).where(purses.c.id == account_id)) or 0,
        transferred_before_nanos=came - went,
        used_before=() if before is None else read_usage(connection, (), who, before, limit=1),
        transfers=[read_transfer(row) for row in connection.execute(within)],
        usage=read_usage(connection, every, who, span, limit=most[1]),
        tokens_before=PackageMoves(*_moved(connection, tokens, before)),
        tokens=PackageMoves(*_moved(connection, tokens, span)),
        money_before=PackageMoves(*_moved(connection, money, before)),
        money=PackageMoves(*_moved(connection, money, span)),
    )


def _package_legs(connection: Connection, account_id: int, unit: PackageUnit) -> list[str]:
    p = packages.c
    found = connection.scalars(select(p.id).where(p.account_id == account_id, p.unit == unit.value))
    return [package_leg(package_id) for package_id in found]


def _moved(connection: Connection, legs: Sequence[str], span: Span | None) -> tuple[int, int]:
    """Return what transfers brought to some legs and what they took, in a period; None is no time at all."""
    came = went = 0
    if span is not None:
        t = transfers.c
        for first in range(0, len(legs), LEGS_AT_ONCE):
            some = legs[first : first + LEGS_AT_ONCE]
            amount = select(whole(t.amount_nanos)).where(*_created(span))
            came += connection.scalar(amount.where(t.credit_account.in_(some))) or 0
            went += connection.scalar(amount.where(t.debit_account.in_(some))) or 0
    return came, went


def _created(span: Span) -> list[ColumnElement[bool]]:
    start = [] if span.start_ms is None else [transfers.c.created_ms >= span.start_ms]
    return start + ([] if span.end_ms is None else [transfers.c.created_ms < span.end_ms])
