"""Writes a batch line by line, what can be written of it: after a retry, or when this worker was taken for dead.

What is in the books already is not written again. A charge is paid from the loan, then from what the purse has not lent;
what the payer or a cap has no room for is written off: no purse ever goes below zero. Knows no commit.
"""

from typing import NamedTuple

import asyncpg

from tollway.ledger.answers import after_refusals, without_claims
from tollway.ledger.lines import ExchangeLine
from tollway.store.batch import Batch, LineRefused, Written
from tollway.store.postgres import statements as sql
from tollway.store.postgres.pen import NOTHING, Pen, Unexpected, storable
from tollway.store.postgres.trouble import is_defect
from tollway.store.rows import hold_values, line_values


class _Purse(NamedTuple):
    balance: int
    leased: int
    mine: int

    @property
    def room(self) -> int:
        """What it can pay: what this worker has borrowed of it, and what it has not lent."""
        return self.mine + self.balance - self.leased


async def write_carefully(pen: Pen, batch: Batch) -> tuple[Written, str | None]:
    """Begin a transaction and write what can be written; return what came of it, and the transaction's id."""
    execute = pen.connection.execute
    await execute("BEGIN")
    alive = bool(await pen.connection.fetchval(sql.LIVES, pen.worker_id))
    transaction: str = await pen.connection.fetchval(sql.TRANSACTION)
    touched = [purse_id for line in batch.closes for purse_id in (line.payer_id, *line.caps)]
    await pen.lock([*touched, *batch.returns, *(borrow.purse_id for borrow in batch.borrows)])
    if alive:
        for hold in batch.holds.values():
            if not await pen.connection.fetchval(sql.IS_WRITTEN, hold.exchange_id):
                await execute(sql.ADD_HOLD, *map(storable, hold_values(hold)))
        for exchange_id, amount in batch.extended.items():
            await execute(sql.EXTEND_HOLD, exchange_id, amount)
    refused: dict[int, LineRefused] = {}
    for position, line in enumerate(batch.closes):
        refusal = await _close_or_refuse(pen, line)
        if refusal is not None:
            refused[position] = refusal
    for purse_id, amount in batch.returns.items():
        lent = min(amount, (await _purse(pen, purse_id)).mine)
        if lent:
            await _take(pen, purse_id, paid=0, gone=lent)
            await execute(sql.DROP_EMPTY, pen.worker_id, [purse_id])
    steps = after_refusals(batch.answers, frozenset(batch.closes[position].exchange_id for position in refused))
    if not alive:
        nothing = [NOTHING] * len(batch.borrows)
        answers = await pen.take(without_claims(steps))
        return Written(grants=nothing, refused=refused, fenced=True, answers=answers), transaction
    loans = await pen.borrow(batch.borrows)
    if batch.reached:
        await pen.tell_reached(sorted(batch.reached))
    written = Written(
        grants=loans.grants,
        refused=refused,
        refused_loans=loans.refused,
        wanted=await pen.wanted() if batch.look_wanted else (),
        answers=await pen.take(steps),
    )
    return written, transaction


async def _close_or_refuse(pen: Pen, line: ExchangeLine) -> LineRefused | None:
    """Write a line, or return why it cannot be, with nothing of it written."""
    execute = pen.connection.execute
    await execute("SAVEPOINT line")
    try:
        await _close(pen, line)
    except LineRefused as error:
        refusal = error
    except (asyncpg.PostgresError, ValueError, OverflowError) as error:
        if isinstance(error, asyncpg.PostgresError) and not is_defect(error.sqlstate):
            raise
        refusal = LineRefused(str(error))
    else:
        await execute("RELEASE SAVEPOINT line")
        return None
    await execute("ROLLBACK TO SAVEPOINT line; RELEASE SAVEPOINT line")
    return refusal


async def _close(pen: Pen, line: ExchangeLine) -> None:
    found = await pen.connection.fetchrow(sql.READ_LINE, line.exchange_id)
    if found is not None:
        if tuple(found) == tuple(map(storable, line_values(line))):
            return
        raise LineRefused(f"exchange {line.exchange_id} is closed already, as {found[4]}")
    read = {purse_id: await _read(pen, purse_id) for purse_id in dict.fromkeys((line.payer_id, *line.caps))}
    payer = read.pop(line.payer_id) or _Purse(0, 0, 0)
    charged = {line.payer_id: payer, **{purse_id: purse for purse_id, purse in read.items() if purse is not None}}
    line = line.with_paid(min(line.paid, *(purse.room for purse in charged.values())))
    await pen.connection.execute(sql.ADD_LINE, *map(storable, line_values(line)))
    await pen.add_usage((line,))
    await pen.connection.execute(sql.DELETE_HOLD, line.exchange_id)
    if line.paid:
        for purse_id, purse in charged.items():
            await _take(pen, purse_id, paid=line.paid, gone=min(line.paid, purse.mine))


async def _read(pen: Pen, purse_id: int) -> _Purse | None:
    rows = await pen.connection.fetch(sql.READ_PURSES, pen.worker_id, [purse_id])
    return _Purse(rows[0]["balance_nanos"], rows[0]["leased_nanos"], rows[0]["mine"]) if rows else None


async def _purse(pen: Pen, purse_id: int) -> _Purse:
    return await _read(pen, purse_id) or _Purse(0, 0, 0)


async def _take(pen: Pen, purse_id: int, *, paid: int, gone: int) -> None:
    """Take `paid` from a purse and `gone` from this worker's loan of it."""
    row = await pen.connection.fetchrow(sql.PAY, pen.worker_id, [purse_id], [paid], [gone], [])
    assert row is not None, "a count always has a row"
    if row[0] != 1 or row[1] != (1 if gone else row[1]):
        raise Unexpected
    if row[2]:
        await pen.tell_fallen(row[2])
