"""The proof of the books: every balance is the fold of its movements, on one snapshot of a live store. Changes nothing."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, func, select

from tollway.catalog.records import PriceCard
from tollway.ids import ACCOUNT, CARD, EXCHANGE, TRANSFER, render_id
from tollway.ledger.lines import ExchangeLine, Outcome
from tollway.ledger.records import LedgerReport, account_leg
from tollway.neutral.usage import Basis
from tollway.pricing.charge import charge_for
from tollway.store.rows import fields_of, read_line
from tollway.store.tables import accounts, exchanges, holds, leases, price_cards, purses, transfers, workers

PROBLEMS_MAX = 1000
"""Enough to see a pattern; a report of millions helps nobody."""
ROWS_AT_ONCE = 2000

FREE = frozenset({Outcome.FAILED, Outcome.INTERRUPTED, Outcome.EXPIRED})
"""Outcomes that must not have cost anything."""


def check_books(connection: Connection, *, dead_numbers: tuple[int, ...]) -> LedgerReport:
    """Prove the books inside the read transaction of `connection`; `dead_numbers` are workers known to be dead."""
    folds: defaultdict[int, int] = defaultdict(int)
    problems: list[str] = []
    for found in (
        _transfer_problems(connection, folds),
        _exchange_problems(connection, folds),
        _purse_problems(connection, folds),
        _lease_problems(connection),
        _hold_problems(connection, dead_numbers),
    ):
        for problem in found:
            if len(problems) < PROBLEMS_MAX:
                problems.append(problem)
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


def _transfer_problems(connection: Connection, folds: defaultdict[int, int]) -> Iterator[str]:
    """Fold the transfers into `folds`, by account; yield what is wrong with each."""
    known = {
        account_leg(row.id): (row.id, row.currency)
        for row in connection.execute(select(accounts.c.id, accounts.c.currency))
    }
    for row in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(select(transfers)):
        name = render_id(TRANSFER, row.id)
        legs = [(row.debit_account, -row.amount_nanos), (row.credit_account, row.amount_nanos)]
        if row.amount_nanos <= 0 or row.debit_account == row.credit_account:
            yield f"transfer {name} does not move money from one leg to another"
        for leg, amount in legs:
            if leg in known:
                account_id, currency = known[leg]
                folds[account_id] += amount
                if currency != row.currency:
                    yield f"transfer {name} is in {row.currency}, its account {render_id(ACCOUNT, account_id)} in {currency}"
            elif leg.startswith("account:"):
                yield f"transfer {name} names {leg}, which does not exist"


def _exchange_problems(connection: Connection, folds: defaultdict[int, int]) -> Iterator[str]:
    """Fold the exchanges into `folds`, by account; yield what is wrong with each."""
    cards = {row["id"]: _read_card(row) for row in connection.execute(select(price_cards)).mappings()}
    for row in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(select(exchanges)):
        line = read_line(tuple(row))
        folds[line.account_id] -= line.total_nanos
        yield from _line_problems(line, cards)


def _line_problems(line: ExchangeLine, cards: Mapping[int, PriceCard]) -> Iterator[str]:
    name = render_id(EXCHANGE, line.exchange_id)
    if min(line.base_nanos, line.fee_nanos, line.written_off_nanos, line.hold_nanos, line.total_nanos) < 0:
        yield f"exchange {name} has a negative amount"
    cost = line.base_nanos + line.fee_nanos
    if line.outcome in FREE or line.basis is Basis.UNKNOWN:
        if cost:
            yield f"exchange {name} is {line.outcome} with basis {line.basis}, but was charged"
    elif line.card_id is None:
        if cost:
            yield f"exchange {name} was charged without a price card"
    elif line.card_id not in cards:
        yield f"exchange {name} was charged by price card {render_id(CARD, line.card_id)}, which does not exist"
    else:
        due = charge_for(line.usage, cards[line.card_id], fee_ppm=0, basis=line.basis).base_nanos
        if due != line.base_nanos:
            yield f"exchange {name} has a base of {line.base_nanos} nano-units, its usage and price card make {due}"


def _purse_problems(connection: Connection, folds: Mapping[int, int]) -> Iterator[str]:
    balances = {row.account_id: row.balance_nanos for row in connection.execute(select(purses))}
    for account_id in connection.scalars(select(accounts.c.id)):
        if account_id not in balances:
            yield f"account {render_id(ACCOUNT, account_id)} has no purse"
    for account_id, balance in balances.items():
        fold = folds.get(account_id, 0)
        if fold != balance:
            yield (
                f"account {render_id(ACCOUNT, account_id)} has a balance of {balance} nano-units, "
                f"its transfers and exchanges make {fold}"
            )
    for account_id in folds.keys() - balances.keys():
        if folds[account_id]:
            yield f"account {render_id(ACCOUNT, account_id)} was charged, but does not exist"


def _lease_problems(connection: Connection) -> Iterator[str]:
    lent: defaultdict[int, int] = defaultdict(int)
    alive = set(connection.scalars(select(workers.c.id)))
    for row in connection.execute(select(leases)):
        lent[row.account_id] += row.amount_nanos
        if row.worker_id not in alive:
            yield f"worker {row.worker_id} is gone, but has borrowed from account {render_id(ACCOUNT, row.account_id)}"
    for row in connection.execute(select(purses)):
        name = render_id(ACCOUNT, row.account_id)
        if row.leased_nanos != lent[row.account_id]:
            yield f"account {name} has lent {row.leased_nanos} nano-units, its workers have {lent[row.account_id]}"
        if not 0 <= row.leased_nanos <= row.balance_nanos:
            yield f"account {name} has lent {row.leased_nanos} nano-units of a balance of {row.balance_nanos}"


def _hold_problems(connection: Connection, dead_numbers: tuple[int, ...]) -> Iterator[str]:
    alive = {row.id: row.number for row in connection.execute(select(workers.c.id, workers.c.number))}
    lent = {(row.worker_id, row.account_id): row.amount_nanos for row in connection.execute(select(leases))}
    held: defaultdict[tuple[int, int], int] = defaultdict(int)
    for row in connection.execute(select(holds)):
        name = render_id(EXCHANGE, row.exchange_id)
        held[row.worker_id, row.account_id] += row.amount_nanos
        if row.worker_id not in alive:
            yield f"exchange {name} is held by worker {row.worker_id}, which is gone"
        elif alive[row.worker_id] in dead_numbers:
            yield f"exchange {name} is held by a worker that died; a running Tollway closes it within seconds"
    for (worker_id, account_id), amount in held.items():
        if amount > lent.get((worker_id, account_id), 0):
            yield f"worker {worker_id} holds more of account {render_id(ACCOUNT, account_id)} than it borrowed"
    both = select(holds.c.exchange_id).join(exchanges, exchanges.c.exchange_id == holds.c.exchange_id)
    for exchange_id in connection.scalars(both):
        yield f"exchange {render_id(EXCHANGE, exchange_id)} is open and closed at once"


def _read_card(row: Mapping[Any, Any]) -> PriceCard:
    fields = fields_of(row)
    del fields["created_ms"]
    return PriceCard(**fields)
