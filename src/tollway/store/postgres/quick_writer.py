"""Writes a batch in as few statements as it takes when everything is as this worker believes. Knows no commit."""

from typing import Any, NamedTuple

from tollway.store.batch import Batch, Written
from tollway.store.postgres import statements as sql
from tollway.store.postgres.pen import Pen, Unexpected, lock_purses
from tollway.store.rows import hold_values, line_values


class _Due(NamedTuple):
    """What leaves one purse."""

    paid: int
    """Of its balance."""
    gone: int
    """Of this worker's loan: what is paid, and what is given back."""


def is_ordinary(batch: Batch) -> bool:
    """Tell whether a batch is only lines that close and holds: most are, and `write_at_once` takes them."""
    moved = batch.borrows or batch.returns or batch.answers or batch.extended
    return not (moved or batch.look_wanted or batch.reached or batch.probes)


async def write_at_once(pen: Pen, batch: Batch) -> Written:
    """Write an ordinary batch in one statement, which is a transaction of its own: one way to the server and back.

    Raises an error about a value or a rule, with nothing done, when something is not as this worker believes, or worth
    telling. When the answer is lost, the batch may be written again: its lines and holds have keys, and move no loan.
    """
    await pen.connection.fetchrow(sql.WRITE_AT_ONCE, *_values(pen, batch))
    return Written()


async def write_quickly(pen: Pen, batch: Batch) -> tuple[Written, str | None]:
    """Begin a transaction and write the batch; return what came of it, and the transaction's id if it moved money.

    Raises Unexpected, or an error about a value or a rule, when something is not as this worker believes.
    """
    connection = pen.connection
    touched = sorted({*_sum(batch), *(borrow.purse_id for borrow in batch.borrows)})
    begin = sql.BEGIN_ALIVE.format(worker=pen.worker_id)
    await connection.execute(f"{begin}; {lock_purses(touched)}" if touched else begin)
    if batch.extended:
        await connection.executemany(sql.EXTEND_HOLD, tuple(batch.extended.items()))
    transaction = None
    if batch.closes or batch.holds or batch.returns or batch.ended_holds:
        transaction = await _write(pen, batch)
    if batch.returns:
        await connection.execute(sql.DROP_EMPTY, pen.worker_id, list(batch.returns))
    loans = await pen.borrow(batch.borrows)
    if batch.reached:
        await pen.tell_reached(sorted(batch.reached))
    wanted = await pen.wanted() if batch.look_wanted else ()
    answers = await pen.take(batch.answers) if batch.answers else ()
    written = Written(grants=loans.grants, refused_loans=loans.refused, wanted=wanted, answers=answers)
    return written, loans.transaction or transaction


async def _write(pen: Pen, batch: Batch) -> str:
    row = await pen.connection.fetchrow(sql.WRITE, *_values(pen, batch))
    assert row is not None, "a select without a source has one row"
    as_expected, fallen, transaction = row
    if not as_expected:
        raise Unexpected
    if fallen:
        await pen.tell_fallen(fallen)
    return transaction


def _values(pen: Pen, batch: Batch) -> tuple[Any, ...]:
    """Return the values of the statement that writes a batch."""
    due = _sum(batch)
    ids = sorted(due)
    return (
        pen.worker_id,
        ids,
        [due[purse_id].paid for purse_id in ids],
        [due[purse_id].gone for purse_id in ids],
        batch.ended_holds,
        [line_values(line) for line in batch.closes],
        pen.usage_of(batch.closes),
        [hold_values(hold) for hold in batch.holds.values()],
    )


def _sum(batch: Batch) -> dict[int, _Due]:
    """Return what leaves each purse."""
    due: dict[int, _Due] = {}

    def add(purse_id: int, paid: int, gone: int) -> None:
        before = due.get(purse_id)
        due[purse_id] = _Due(paid, gone) if before is None else _Due(before.paid + paid, before.gone + gone)

    for line in batch.closes:
        paid = line.paid
        if paid:
            add(line.payer_id, paid, paid)
            for cap in line.caps:
                add(cap, paid, paid)
    for purse_id, amount in batch.returns.items():
        add(purse_id, 0, amount)
    return due
