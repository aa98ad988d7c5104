"""Reading the books for people: one exchange, lists, sums. Knows no use case; runs in the caller's transaction."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, func, or_, select

from tollway.ledger.lines import ExchangeLine, Hold
from tollway.ledger.records import Balance, Transfer, TransferKind, UsageRow, account_leg
from tollway.store.rows import read_hold, read_line
from tollway.store.tables import accounts, exchanges, holds, purses, transfers

INPUT_UNITS = ("input_tokens", "cached_input_tokens", "audio_input_tokens")
OUTPUT_UNITS = ("output_tokens", "reasoning_tokens", "audio_output_tokens")
SUMMED = (*INPUT_UNITS, *OUTPUT_UNITS, "base_nanos", "fee_nanos", "written_off_nanos")


def read_balance(connection: Connection, account_id: int) -> Balance | None:
    """Return what an account has, and what its running exchanges hold."""
    row = connection.execute(
        select(purses.c.balance_nanos, accounts.c.currency)
        .join(accounts, accounts.c.id == purses.c.id)
        .where(purses.c.id == account_id)
    ).first()
    if row is None:
        return None
    held = connection.scalar(select(func.sum(holds.c.amount_nanos)).where(holds.c.payer_id == account_id))
    return Balance(balance_nanos=row.balance_nanos, held_nanos=int(held or 0), currency=row.currency)


def read_exchange(connection: Connection, exchange_id: int) -> ExchangeLine | Hold | None:
    """Return the line of an exchange, or the hold of one that runs."""
    line = connection.execute(select(exchanges).where(exchanges.c.exchange_id == exchange_id)).first()
    if line is not None:
        return read_line(tuple(line))
    hold = connection.execute(select(holds).where(holds.c.exchange_id == exchange_id)).mappings().first()
    return None if hold is None else read_hold(hold)


def read_exchanges(connection: Connection, account_id: int | None, limit: int) -> tuple[ExchangeLine, ...]:
    """Return finished exchanges, newest first."""
    query = select(exchanges).order_by(exchanges.c.exchange_id.desc()).limit(limit)
    if account_id is not None:
        query = query.where(exchanges.c.account_id == account_id)
    return tuple(read_line(tuple(row)) for row in connection.execute(query))


def read_transfers(connection: Connection, account_id: int | None, limit: int) -> tuple[Transfer, ...]:
    """Return transfers, newest first."""
    query = select(transfers).order_by(transfers.c.id.desc()).limit(limit)
    if account_id is not None:
        leg = account_leg(account_id)
        query = query.where(or_(transfers.c.debit_account == leg, transfers.c.credit_account == leg))
    return tuple(
        Transfer(
            id=row.id,
            kind=TransferKind(row.kind),
            debit_account=row.debit_account,
            credit_account=row.credit_account,
            amount_nanos=row.amount_nanos,
            currency=row.currency,
            reason=row.reason,
            created_ms=row.created_ms,
            reference=row.reference,
        )
        for row in connection.execute(query)
    )


def read_usage_rows(connection: Connection, account_id: int | None) -> tuple[UsageRow, ...]:
    """Sum finished exchanges by account, provider and model."""
    e = exchanges.c
    by = (e.account_id, e.provider, e.model_routed)
    query = (
        select(*by, func.count().label("requests"), *(_summed(e[name]) for name in SUMMED)).group_by(*by).order_by(*by)
    )
    if account_id is not None:
        query = query.where(e.account_id == account_id)
    return tuple(
        UsageRow(
            account_id=row["account_id"],
            provider=row["provider"],
            model_routed=row["model_routed"],
            requests=row["requests"],
            input_tokens=sum(int(row[name]) for name in INPUT_UNITS),
            output_tokens=sum(int(row[name]) for name in OUTPUT_UNITS),
            base_nanos=int(row["base_nanos"]),
            fee_nanos=int(row["fee_nanos"]),
            written_off_nanos=int(row["written_off_nanos"]),
        )
        for row in connection.execute(query).mappings()
    )


def _summed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the sum of a column, by its own name; what was not reported counts as zero."""
    return func.coalesce(func.sum(column), 0).label(column.key)
