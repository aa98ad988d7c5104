"""The proof of the books: every balance is the fold of its movements, on one snapshot of a live store. Changes nothing."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Integer, LargeBinary, func, or_, select

from tollway.catalog.records import PriceCard
from tollway.ids import ACCOUNT, CARD, EXCHANGE, TRANSFER, render_id
from tollway.ledger.lines import ExchangeLine, Outcome
from tollway.ledger.purses import PurseKind
from tollway.ledger.records import FUNDING, TOKENS, AccountState, LedgerReport, TransferKind, purse_of_leg
from tollway.neutral.usage import Basis
from tollway.pricing.charge import PriceTerms, charge_for
from tollway.store.card_rows import read_cards
from tollway.store.rows import read_line
from tollway.store.tables import (
    accounts,
    exchanges,
    holds,
    keys,
    leases,
    packages,
    price_cards,
    purses,
    transfers,
    workers,
)

PROBLEMS_MAX = 1000
"""Enough to see a pattern; a report of millions helps nobody."""
ROWS_AT_ONCE = 2000

FREE = frozenset({Outcome.FAILED, Outcome.INTERRUPTED, Outcome.EXPIRED})
"""Outcomes that must not have cost anything."""

READ = (accounts, purses, keys, transfers, price_cards, workers, leases, holds, exchanges)
WORDS = {
    accounts.c.state: tuple(AccountState),
    transfers.c.kind: tuple(TransferKind),
    exchanges.c.outcome: tuple(Outcome),
    exchanges.c.basis: tuple(Basis),
}
"""Columns that hold one of a few words."""


def check_books(connection: Connection, *, dead_numbers: tuple[int, ...]) -> LedgerReport:
    """Prove the books inside the read transaction of `connection`; `dead_numbers` are workers known to be dead."""
    # Where a row holds what its column cannot mean, no sum means anything either.
    problems = _bounded(_misfit_problems(connection)) or _bounded(_money_problems(connection, dead_numbers))
    tables = {
        "accounts": accounts,
        "transfers": transfers,
        "exchanges": exchanges,
        "holds": holds,
        "leases": leases,
        "workers": workers,
    }
    counts = {name: connection.scalar(select(func.count()).select_from(table)) or 0 for name, table in tables.items()}
    return LedgerReport(problems=tuple(problems), counts=counts)


def _bounded(problems: Iterator[str]) -> list[str]:
    """Run through all, because later ones build on what earlier ones summed; keep the first."""
    return [problem for number, problem in enumerate(problems) if number < PROBLEMS_MAX]


def _money_problems(connection: Connection, dead_numbers: tuple[int, ...]) -> Iterator[str]:
    folds: defaultdict[int, int] = defaultdict(int)
    yield from _transfer_problems(connection, folds)
    yield from _exchange_problems(connection, folds)
    yield from _purse_problems(connection, folds)
    yield from _lease_problems(connection)
    yield from _hold_problems(connection, dead_numbers)


def _misfit_problems(connection: Connection) -> Iterator[str]:
    """Yield what is not of its column's kind: SQLite keeps any value in any column."""
    for table in READ:
        columns = tuple(table.columns)
        misfits = [_misfit(column) for column in columns]
        found = select(*misfits, *table.primary_key).where(or_(*misfits)).limit(PROBLEMS_MAX)
        for row in connection.execute(found):
            name = "/".join(str(part) for part in row[len(columns) :])
            for column, wrong in zip(columns, row, strict=False):
                if wrong:
                    yield f"row {name} of {table.name} has no proper {column.name}"


def _misfit(column: Column[Any]) -> ColumnElement[bool]:
    wanted = (
        "integer" if isinstance(column.type, Integer) else "blob" if isinstance(column.type, LargeBinary) else "text"
    )
    kinds = (wanted, "null") if column.nullable else (wanted,)
    wrong = func.typeof(column).not_in(kinds)
    return or_(wrong, column.not_in(WORDS[column])) if column in WORDS else wrong


def _transfer_problems(connection: Connection, folds: defaultdict[int, int]) -> Iterator[str]:
    """Fold the transfers into `folds`, by account; yield what is wrong with each."""
    known = {row.id: row.currency for row in connection.execute(select(accounts.c.id, accounts.c.currency))}
    units = {row.id: (row.unit, row.currency) for row in connection.execute(select(packages))}
    known |= {purse: TOKENS if unit == "tokens" else currency for purse, (unit, currency) in units.items()}
    for row in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(select(transfers)):
        name = render_id(TRANSFER, row.id)
        if row.amount_nanos <= 0 or row.debit_account == row.credit_account:
            yield f"transfer {name} does not move money from one leg to another"
        for leg, amount in ((row.debit_account, -row.amount_nanos), (row.credit_account, row.amount_nanos)):
            purse_id = purse_of_leg(leg)
            if purse_id is None:
                continue
            if purse_id not in known:
                yield f"transfer {name} names {leg}, which does not exist"
                continue
            folds[purse_id] += amount
            if known[purse_id] != row.currency:
                yield f"transfer {name} is in {row.currency}, {leg} in {known[purse_id]}"
        outside = row.debit_account if row.kind == TransferKind.CREDIT else row.credit_account
        if row.kind in {TransferKind.CREDIT, TransferKind.DEBIT} and outside != FUNDING:
            yield f"transfer {name} is a {row.kind}, but the other side of it is {outside}"


def _exchange_problems(connection: Connection, folds: defaultdict[int, int]) -> Iterator[str]:
    """Fold the exchanges into `folds`, by account; yield what is wrong with each."""
    cards = read_cards(connection)
    owners = {row.id: row.account_id for row in connection.execute(select(keys.c.id, keys.c.account_id))}
    for row in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(select(exchanges)):
        line = read_line(tuple(row))
        folds[line.payer_id] -= line.paid
        for cap in line.caps:
            folds[cap] -= line.paid
        yield from _line_problems(line, cards)
        if owners.get(line.key_id, line.account_id) != line.account_id:
            yield f"exchange {render_id(EXCHANGE, line.exchange_id)} was asked for with a key of another account"


def _line_problems(line: ExchangeLine, cards: Mapping[int, PriceCard]) -> Iterator[str]:
    name = render_id(EXCHANGE, line.exchange_id)
    if min(line.base_nanos, line.fee_nanos, line.written_off_nanos, line.hold_nanos, line.total_nanos) < 0:
        yield f"exchange {name} has a negative amount"
    cost = line.base_nanos + line.fee_nanos
    if line.outcome in FREE or line.basis is Basis.UNKNOWN:
        if cost:
            yield f"exchange {name} is {line.outcome} with basis {line.basis}, but was charged"
    elif line.ratio_ppm is not None:
        if cost or not 0 <= line.package_micros <= line.usage.tokens * line.ratio_ppm:
            yield f"exchange {name} took {line.package_micros} micro-tokens of its package, more than it used, or money"
    elif line.card_id is None:
        if cost:
            yield f"exchange {name} was charged without a price card"
    elif line.card_id not in cards:
        yield f"exchange {name} was charged by price card {render_id(CARD, line.card_id)}, which does not exist"
    else:
        card = cards[line.card_id]
        if (card.provider, card.model) != (line.provider, line.model_routed):
            yield f"exchange {name} was charged by the price card of another model"
        terms = PriceTerms(fee_ppm=line.fee_ppm, price_ppm=line.price_ppm, rate_nanos=line.rate_nanos)
        due = charge_for(line.usage, card, terms=terms, basis=line.basis)
        if due.base_nanos != line.base_nanos:
            yield (
                f"exchange {name} has a base of {line.base_nanos} nano-units, "
                f"its usage and price card make {due.base_nanos}"
            )
        elif due.fee_nanos != line.fee_nanos:
            yield f"exchange {name} has a fee of {line.fee_nanos} nano-units, its base and rate make {due.fee_nanos}"


def _purse_problems(connection: Connection, folds: Mapping[int, int]) -> Iterator[str]:
    found = {row.id: row for row in connection.execute(select(purses))}
    known = set(connection.scalars(select(accounts.c.id)))
    for account_id in known - found.keys():
        yield f"account {render_id(ACCOUNT, account_id)} has no purse"
    for purse_id, row in found.items():
        name = _purse_name(row)
        if row.kind == PurseKind.ACCOUNT and purse_id not in known:
            yield f"{name} has a purse, but does not exist"
        fold = folds.get(purse_id, 0) + (row.limit_nanos if row.kind == PurseKind.CAP else 0)
        if fold != row.balance_nanos:
            yield f"{name} has a balance of {row.balance_nanos}, its transfers and exchanges make {fold}"
    for purse_id in folds.keys() - found.keys():
        if folds[purse_id]:
            yield f"purse {purse_id:016x} was charged, but does not exist"


def _purse_name(row: Any) -> str:  # noqa: ANN401  a row of purses
    if row.kind == PurseKind.ACCOUNT:
        return f"account {render_id(ACCOUNT, row.id)}"
    return f"{row.kind} {row.id:016x} of account {render_id(ACCOUNT, row.account_id)}"


def _lease_problems(connection: Connection) -> Iterator[str]:
    lent: defaultdict[int, int] = defaultdict(int)
    alive = set(connection.scalars(select(workers.c.id)))
    for row in connection.execute(select(leases)):
        lent[row.purse_id] += row.amount_nanos
        if row.worker_id not in alive:
            yield f"worker {row.worker_id} is gone, but has borrowed from purse {row.purse_id:016x}"
    for row in connection.execute(select(purses)):
        name = _purse_name(row)
        if row.leased_nanos != lent[row.id]:
            yield f"{name} has lent {row.leased_nanos} nano-units, its workers have {lent[row.id]}"
        if not 0 <= row.leased_nanos <= row.balance_nanos:
            yield f"{name} has lent {row.leased_nanos} nano-units of a balance of {row.balance_nanos}"


def _hold_problems(connection: Connection, dead_numbers: tuple[int, ...]) -> Iterator[str]:
    alive = {row.id: row.number for row in connection.execute(select(workers.c.id, workers.c.number))}
    lent = {(row.worker_id, row.purse_id): row.amount_nanos for row in connection.execute(select(leases))}
    held: defaultdict[tuple[int, int], int] = defaultdict(int)
    for row in connection.execute(select(holds)):
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
    for exchange_id in connection.scalars(both):
        yield f"exchange {render_id(EXCHANGE, exchange_id)} is open and closed at once"
