"""Workers in the store: registering one, and settling the affairs of one that died. Knows no event loop.

A worker is alive while its number's lock is held, so on one host this is never a guess.
"""

import os
import socket
from collections.abc import Callable, Iterable

import msgspec
from sqlalchemy import Connection, delete, exists, insert, select, text, update

from tollway.id_source import IdSource
from tollway.ledger.lines import Hold, Outcome
from tollway.ledger.unknown import unknown_line
from tollway.store.backend import Claim, Numbers
from tollway.store.rows import line_fields, read_hold
from tollway.store.tables import (
    account_providers,
    accounts,
    admin_keys,
    audit,
    bill_lines,
    caps,
    exchanges,
    holds,
    idempotency,
    keys,
    leases,
    management_keys,
    orders,
    packages,
    products,
    purses,
    refusals,
    sub_accounts,
    transfers,
    vouchers,
    workers,
)
from tollway.store.usage_rollup import add_usage

_WITH_IDS = (
    exchanges.c.exchange_id,
    holds.c.exchange_id,
    transfers.c.id,
    accounts.c.id,
    keys.c.id,
    admin_keys.c.id,
    orders.c.id,
    vouchers.c.id,
    sub_accounts.c.id,
    caps.c.id,
    products.c.id,
    packages.c.id,
    bill_lines.c.id,
    management_keys.c.id,
    audit.c.id,
    account_providers.c.id,
    refusals.c.id,
    workers.c.id,
)

BegunBy = Callable[[int, int], Iterable[Hold]]
"""Says what the worker with a number and an id had begun, as far as it is known beside the rows."""


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A registered worker."""

    id: int
    """Stands on every line it writes; never used again."""
    number: int
    """Its part of the ids it makes; used again when it is gone."""
    last_id: int
    """No id made until now is greater: where its id source starts."""


def last_id(connection: Connection) -> int:
    """Return the greatest id in the store, so that ids grow even when the clock was set back."""
    # One statement, of words of our own: a statement of SQLAlchemy's for each table took 25 ms of each start.
    each = " UNION ALL ".join(
        f"SELECT max({column.name}) AS id FROM {column.table.name}"  # noqa: S608
        for column in _WITH_IDS
    )
    return connection.scalar(text(f"SELECT max(id) FROM ({each}) AS greatest")) or 0  # noqa: S608


def register(connection: Connection, claim: Claim, now_ms: int, *, begun_by: BegunBy) -> Worker:
    """Write the row of a worker that holds `claim`, settling the affairs of a dead one that had the number."""
    settle_number(connection, claim.number, now_ms, begun_by=begun_by)
    after = last_id(connection)
    worker = IdSource(worker=claim.number, after=after).next()
    connection.execute(
        insert(workers).values(
            id=worker, number=claim.number, host=socket.gethostname(), pid=os.getpid(), started_ms=now_ms
        )
    )
    return Worker(id=worker, number=claim.number, last_id=worker)


def registered_numbers(connection: Connection) -> tuple[int, ...]:
    """Return the numbers of all registered workers, dead or alive."""
    return tuple(connection.scalars(select(workers.c.number).order_by(workers.c.number)))


def settle_number(connection: Connection, number: int, now_ms: int, *, begun_by: BegunBy) -> bool:
    """Settle the affairs of the worker with this number; the caller holds its lock. False when there is none."""
    worker_id = connection.scalar(select(workers.c.id).where(workers.c.number == number))
    if worker_id is None:
        return False
    settle_worker(connection, worker_id, now_ms, begun=begun_by(number, worker_id))
    return True


def settle_worker(connection: Connection, worker_id: int, now_ms: int, *, begun: Iterable[Hold]) -> None:
    """Close what a worker left open, uncharged, give its loans back to their purses, and forget it.

    `begun` is what it had noted beside its rows, over or not. Its charges are safe: each was committed together with the
    loan it was paid from. One transaction of the caller.
    """
    # Where rows can be locked, this waits for a charge that its writer is just committing, and lets none begin.
    connection.execute(select(workers.c.id).where(workers.c.id == worker_id).with_for_update())
    # Purses first, and by their ids, as every writer locks them: then nobody waits for us who we wait for.
    for lease in connection.execute(
        select(leases).where(leases.c.worker_id == worker_id).order_by(leases.c.purse_id)
    ).all():
        connection.execute(
            update(purses)
            .where(purses.c.id == lease.purse_id)
            .values(leased_nanos=purses.c.leased_nanos - lease.amount_nanos)
        )
    connection.execute(delete(leases).where(leases.c.worker_id == worker_id))
    closed = exists().where(exchanges.c.exchange_id == holds.c.exchange_id)
    rows = connection.execute(select(holds).where(holds.c.worker_id == worker_id, ~closed)).mappings()
    left = _still_open(connection, begun) | {hold.exchange_id: hold for hold in map(read_hold, rows)}
    if left:
        lines = [unknown_line(hold, outcome=Outcome.INTERRUPTED, ended_ms=now_ms) for hold in left.values()]
        connection.execute(insert(exchanges), [line_fields(line) for line in lines])
        add_usage(connection, lines)
    connection.execute(delete(holds).where(holds.c.worker_id == worker_id))
    # What it was answering under an Idempotency-Key was not charged: the client may ask again.
    running = (idempotency.c.worker_id == worker_id) & (idempotency.c.state == "running")
    connection.execute(delete(idempotency).where(running))
    connection.execute(delete(workers).where(workers.c.id == worker_id))


def _still_open(connection: Connection, begun: Iterable[Hold]) -> dict[int, Hold]:
    """Return those that have no line, of whom the books know who was to pay.

    Books that are a restored backup may be older than what was noted: a line that names what they do not have is none of theirs.
    """
    left = {hold.exchange_id: hold for hold in begun}
    if not left:
        return left
    closed = set(connection.scalars(select(exchanges.c.exchange_id).where(exchanges.c.exchange_id.in_(left))))
    payers = {hold.payer_id for hold in left.values()}
    payers = set(connection.scalars(select(purses.c.id).where(purses.c.id.in_(payers))))
    spenders = {hold.attribution.sub_account_id for hold in left.values()} - {None}
    spenders = {None, *connection.scalars(select(sub_accounts.c.id).where(sub_accounts.c.id.in_(spenders)))}
    return {
        exchange_id: hold
        for exchange_id, hold in left.items()
        if exchange_id not in closed and hold.payer_id in payers and hold.attribution.sub_account_id in spenders
    }


def dead_numbers(connection: Connection, numbers: Numbers) -> tuple[int, ...]:
    """Return the numbers of registered workers that are dead, looking only."""
    dead: list[int] = []
    for number in registered_numbers(connection):
        claim = numbers.try_claim(number)
        if claim is not None:
            claim.release()
            dead.append(number)
    return tuple(dead)
