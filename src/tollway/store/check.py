"""The proof of the books: every balance is the fold of its movements, on one snapshot of a live store. Changes nothing.

Every transfer and every line takes from one leg what it gives to another, so that all of them together sum to zero in
each currency; what has to be proven is that the balances, the sums and the papers say what the movements say.
"""

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Connection, Integer, LargeBinary, func, or_, select
from sqlalchemy.exc import DatabaseError

from tollway.ids import EXCHANGE, render_id
from tollway.ledger.orders import ClaimKind, ClaimState, OrderKind, OrderState
from tollway.ledger.purses import PurseKind
from tollway.ledger.records import AccountState, LedgerReport, TransferKind
from tollway.money import AMOUNT_NANOS_MAX
from tollway.store.card_rows import read_cards
from tollway.store.check_charges import charge_problems
from tollway.store.check_references import reference_problems
from tollway.store.check_sums import (
    add_transfers,
    improper_lines,
    make_sums,
    purse_name,
    purse_problems,
    usage_problems,
)
from tollway.store.check_transfers import paper_problems, transfer_problems
from tollway.store.claim_tables import payment_claims
from tollway.store.paging import paged
from tollway.store.price_bands import make_bands
from tollway.store.scratch import scratch
from tollway.store.tables import (
    accounts,
    caps,
    exchanges,
    holds,
    keys,
    leases,
    orders,
    packages,
    price_cards,
    purses,
    sub_accounts,
    transfers,
    vouchers,
    workers,
)

PROBLEMS_MAX = 1000
"""Enough to see a pattern; a report of millions helps nobody."""

READ = (
    *(accounts, sub_accounts, purses, caps, packages, keys, transfers, orders, payment_claims, vouchers),
    *(price_cards, workers, leases, holds),
)
"""Lines are looked at with their charges, and sums of them beside what they should be."""
WORDS = {
    accounts.c.state: tuple(AccountState),
    transfers.c.kind: tuple(TransferKind),
    purses.c.kind: tuple(PurseKind),
    orders.c.kind: tuple(OrderKind),
    orders.c.state: tuple(OrderState),
    payment_claims.c.kind: tuple(ClaimKind),
    payment_claims.c.state: tuple(ClaimState),
}
"""Columns that hold one of a few words."""

COUNTED = {
    "accounts": accounts,
    "transfers": transfers,
    "exchanges": exchanges,
    "holds": holds,
    "leases": leases,
    "workers": workers,
}


def check_books(connections: tuple[Connection, Connection], *, dead_numbers: tuple[int, ...]) -> LedgerReport:
    """Prove the books inside two read transactions that see one snapshot; `dead_numbers` are workers known to be dead.

    Two, because charges and sums are proven at the same time: each takes half a minute for ten million lines, and the
    database leaves both processors to it.
    """
    first, second = connections
    # Where a row holds what its column cannot mean, no sum means anything either.
    problems = list(islice(_misfit_problems(first), PROBLEMS_MAX))
    if not problems:
        with scratch(first), scratch(second), ThreadPoolExecutor(1) as thread:
            charges = thread.submit(_charge_problems, second)
            try:
                sums = list(islice(_sum_problems(first, dead_numbers), PROBLEMS_MAX))
            except DatabaseError:  # sums of what is no amount may not fit 64 bits
                if not charges.result().senseless:
                    raise
                sums = []
        problems = charges.result().problems + ([] if charges.result().senseless else sums)
    counts = {name: first.scalar(select(func.count()).select_from(table)) or 0 for name, table in COUNTED.items()}
    return LedgerReport(problems=tuple(problems[:PROBLEMS_MAX]), counts=counts)


class _Charges(NamedTuple):
    problems: list[str]
    senseless: bool
    """A line holds what its columns cannot mean."""


def _charge_problems(connection: Connection) -> _Charges:
    cards = read_cards(connection)
    make_bands(connection, cards.values())
    found = charge_problems(connection, cards)
    problems: list[str] = []
    try:
        while len(problems) < PROBLEMS_MAX:
            problems.append(next(found))
    except StopIteration as end:
        return _Charges(problems, senseless=end.value)
    return _Charges(problems, senseless=False)


def _sum_problems(connection: Connection, dead_numbers: tuple[int, ...]) -> Iterator[str]:
    make_sums(connection)
    yield from improper_lines(connection, limit=PROBLEMS_MAX)
    received: defaultdict[int, int] = defaultdict(int)
    yield from transfer_problems(connection, received)
    yield from paper_problems(connection)
    beyond = {purse_id for purse_id, amount in received.items() if abs(amount) > AMOUNT_NANOS_MAX}
    for purse_id in beyond:
        yield f"transfers brought more to purse {purse_id:016x} than any purse can hold"
        del received[purse_id]
    add_transfers(connection, received)
    yield from usage_problems(connection, limit=PROBLEMS_MAX)
    yield from reference_problems(connection, limit=PROBLEMS_MAX)
    yield from purse_problems(connection, limit=PROBLEMS_MAX)
    yield from _lease_problems(connection)
    yield from _hold_problems(connection, dead_numbers)


def _misfit_problems(connection: Connection) -> Iterator[str]:
    """Yield what is not of its column's kind, or no word of it."""
    for table in READ:
        misfits = {column: wrong for column in table.columns if (wrong := _misfit(connection, column)) is not None}
        if not misfits:
            continue
        found = select(*misfits.values(), *table.primary_key).where(or_(*misfits.values())).limit(PROBLEMS_MAX)
        for row in connection.execute(found):
            name = "/".join(str(part) for part in row[len(misfits) :])
            for column, wrong in zip(misfits, row, strict=False):
                if wrong:
                    yield f"row {name} of {table.name} has no proper {column.name}"


def _misfit(connection: Connection, column: Column[Any]) -> ColumnElement[bool] | None:
    """Return the condition of a value that a column cannot have; None where the database sees to it itself."""
    wrong = [column.not_in(WORDS[column])] if column in WORDS else []
    if connection.dialect.name == "sqlite":  # which keeps any value in any column
        kind = "integer" if isinstance(column.type, Integer) else "blob"
        wanted = kind if isinstance(column.type, Integer | LargeBinary) else "text"
        wrong.append(func.typeof(column).not_in((wanted, "null") if column.nullable else (wanted,)))
    return or_(*wrong) if wrong else None


def _lease_problems(connection: Connection) -> Iterator[str]:
    p = purses.c
    gone = select(leases).join(workers, workers.c.id == leases.c.worker_id, isouter=True).where(workers.c.id.is_(None))
    for row in connection.execute(gone.limit(PROBLEMS_MAX)):
        yield f"worker {row.worker_id} is gone, but has borrowed from purse {row.purse_id:016x}"
    sums = select(leases.c.purse_id, func.sum(leases.c.amount_nanos).label("lent")).group_by(leases.c.purse_id)
    lent = sums.subquery()
    borrowed = func.coalesce(lent.c.lent, 0)
    wrong = or_(p.leased_nanos != borrowed, p.leased_nanos < 0, p.leased_nanos > p.balance_nanos)
    both = purses.outerjoin(lent, lent.c.purse_id == p.id)
    query = select(*p, borrowed.label("borrowed")).select_from(both).where(wrong)
    for row in connection.execute(query.limit(PROBLEMS_MAX)):
        name = purse_name(row)
        if row.leased_nanos != row.borrowed:
            yield f"{name} has lent {row.leased_nanos} nano-units, its workers have {row.borrowed}"
        if not 0 <= row.leased_nanos <= row.balance_nanos:
            yield f"{name} has lent {row.leased_nanos} nano-units of a balance of {row.balance_nanos}"


def _hold_problems(connection: Connection, dead_numbers: tuple[int, ...]) -> Iterator[str]:
    alive = {row.id: row.number for row in connection.execute(select(workers.c.id, workers.c.number))}
    lent = {(row.worker_id, row.purse_id): row.amount_nanos for row in connection.execute(select(leases))}
    held: defaultdict[tuple[int, int], int] = defaultdict(int)
    for row in paged(connection, select(holds), holds.c.exchange_id):
        name = render_id(EXCHANGE, row.exchange_id)
        held[row.worker_id, row.payer_id] += row.amount_nanos
        if row.worker_id not in alive:
            yield f"exchange {name} is held by worker {row.worker_id}, which is gone"
        elif alive[row.worker_id] in dead_numbers:
            yield f"exchange {name} is held by a worker that died; a running Tollway closes it within seconds"
    for (worker_id, purse_id), amount in held.items():
        if amount > lent.get((worker_id, purse_id), 0):
            yield f"worker {worker_id} holds more of purse {purse_id:016x} than it borrowed"
    both = select(holds.c.exchange_id).join(exchanges, exchanges.c.exchange_id == holds.c.exchange_id)
    for exchange_id in connection.scalars(both.limit(PROBLEMS_MAX)):
        yield f"exchange {render_id(EXCHANGE, exchange_id)} is open and closed at once"
