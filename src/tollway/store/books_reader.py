"""Reading the books for people: requests, transfers, balances. Knows no use case.

Lines have no index but their ids, because each costs every charge over a microsecond. The sums by hour are the index: they
say in which hours an account was served, and how often, so that only those hours are looked through.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select

from tollway.access.terms import PackageUnit
from tollway.ledger.lines import ExchangeLine, Hold
from tollway.ledger.records import Balance, Transfer, TransferKind, account_leg
from tollway.ledger.requests import CapCount, RequestFacts, RequestQuery
from tollway.ledger.usage import EVERYBODY, UsageFilter
from tollway.store.line_sums import LINE_KEYS, LONGEST_MS, first_id, whole
from tollway.store.rows import read_hold, read_line
from tollway.store.tables import accounts, exchanges, holds, keys, packages, purses, transfers, usage_hours
from tollway.store.transactions import Rows
from tollway.store.usage_rollup import HOUR_MS

ROWS_AT_ONCE = 200
"""Lines of one query in an hour: mostly a screen of them is wanted."""

Lines = Select[*tuple[Any, ...]]
AnyRow = Row[*tuple[Any, ...]]
Place = tuple[int, int]
"""Ids: the lowest, and the first one above them."""


class BooksReader(Rows):
    """The rows of requests and transfers, as people read them; every call is one snapshot."""

    def exchange(self, exchange_id: int) -> ExchangeLine | Hold | None:
        """Read a finished exchange, or the hold of one that runs."""
        with self._reading() as connection:
            return read_exchange(connection, exchange_id)

    def exchanges(self, query: RequestQuery, limit: int) -> tuple[ExchangeLine, ...]:
        """Read finished exchanges, newest first: of everybody by their beginning, else by the hour of their end."""
        with self._reading() as connection:
            return tuple(read_line(tuple(row)) for row in _find(connection, query, limit))

    def request_facts(self, found: Sequence[ExchangeLine | Hold]) -> RequestFacts:
        """Read what these exchanges name: the currencies of their accounts, packages of tokens, windows of caps."""
        with self._reading() as connection:
            return _facts(connection, found)

    def transfers(self, account_id: int | None, limit: int) -> tuple[Transfer, ...]:
        """Read the transfers of an account, or all, newest first."""
        query = select(transfers).order_by(transfers.c.id.desc()).limit(limit)
        if account_id is not None:
            leg = account_leg(account_id)
            query = query.where(or_(transfers.c.debit_account == leg, transfers.c.credit_account == leg))
        with self._reading() as connection:
            return tuple(read_transfer(row) for row in connection.execute(query))

    def transfer(self, transfer_id: int) -> Transfer | None:
        """Read one transfer."""
        with self._reading() as connection:
            row = connection.execute(select(transfers).where(transfers.c.id == transfer_id)).first()
            return None if row is None else read_transfer(row)


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


def read_transfer(row: AnyRow) -> Transfer:
    """Return the transfer of a row of `transfers`."""
    return Transfer(
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


def _find(connection: Connection, query: RequestQuery, limit: int) -> Iterator[AnyRow]:
    if query.who == EVERYBODY:
        return iter(_of_everybody(connection, query, limit))
    found = (
        row
        for hour, count in served_hours(connection, query)
        for row in lines_in_hour(connection, query.who, hour, count)
    )
    return islice((row for row in found if is_wanted(row, query)), limit)


def _of_everybody(connection: Connection, query: RequestQuery, limit: int) -> list[AnyRow]:
    e, (start_ms, end_ms) = exchanges.c, query.span
    wanted = [] if query.outcome is None else [e.outcome == query.outcome.value]
    if query.statuses is not None:
        wanted.append(e.status.between(*query.statuses))
    if end_ms is not None:
        wanted += [e.ended_ms < end_ms, e.exchange_id < first_id(end_ms + LONGEST_MS)]
    if start_ms is not None:
        wanted.append(e.ended_ms >= start_ms)
    lines = select(exchanges).where(*wanted).order_by(e.exchange_id.desc())
    if start_ms is None:
        return [*connection.execute(lines.limit(limit))]
    begun = first_id(start_ms - LONGEST_MS)
    found = [*connection.execute(lines.where(e.exchange_id >= begun).limit(limit))]
    # What began long before and was found in this time: looked for only where there is room for it.
    return [*found, *connection.execute(lines.where(e.exchange_id < begun).limit(limit - len(found)))]


def is_wanted(row: AnyRow, query: RequestQuery) -> bool:
    """Tell whether a line of somebody who was asked for is one of those that were."""
    (start_ms, end_ms), statuses = query.span, query.statuses
    return (
        (statuses is None or statuses.lowest <= row.status <= statuses.highest)
        and (query.outcome is None or row.outcome == query.outcome)
        and (start_ms is None or row.ended_ms >= start_ms)
        and (end_ms is None or row.ended_ms < end_ms)
    )


def served_hours(connection: Connection, query: RequestQuery) -> Iterator[tuple[int, int]]:
    """Return the hours in which somebody was served, the last one first, and how often."""
    h, who = usage_hours.c, query.who
    if who.key_id is not None and who.account_id is None:  # hours are found by account
        account_id = connection.scalar(select(keys.c.account_id).where(keys.c.id == who.key_id))
        who = UsageFilter(account_id=account_id or 0, key_id=who.key_id)
    conditions = [h[name] == value for name, value in _given(who)]
    if query.span.start_ms is not None:
        conditions.append(h.hour_ms > query.span.start_ms - HOUR_MS)
    if query.span.end_ms is not None:
        conditions.append(h.hour_ms < query.span.end_ms)
    found = select(h.hour_ms, whole(h.requests)).where(*conditions).group_by(h.hour_ms).order_by(h.hour_ms.desc())
    return ((hour, count) for hour, count in connection.execute(found).all())


def lines_in_hour(
    connection: Connection, who: UsageFilter, hour: int, count: int, after: int | None = None
) -> Iterator[AnyRow]:
    """Return the lines of somebody that ended in an hour, as many as there are; those that follow `after`, if it is given.

    Down from the end of the hour, until all are found: seldom further than a little before its beginning. Those whose
    id is of a later time come after (a clock was set back meanwhile, which ids are not), and last those that nobody saw
    end and that were found long afterwards.
    """
    e, end = exchanges.c, hour + HOUR_MS
    theirs = [LINE_KEYS[name] == value for name, value in _given(who)]
    lines = select(exchanges).where(*theirs, e.ended_ms >= hour, e.ended_ms < end).order_by(e.exchange_id.desc())
    lowest, highest = first_id(hour - LONGEST_MS), first_id(end + LONGEST_MS)
    places = [(lowest, first_id(end)), (first_id(end), highest), (0, lowest)]
    if after is not None:
        before, places = _divide(places, after)
        counting = select(func.count()).select_from(exchanges).where(*theirs, e.ended_ms >= hour, e.ended_ms < end)
        for least, above in before:
            count -= connection.scalar(counting.where(e.exchange_id >= least, e.exchange_id < above)) or 0
    return _downward(connection, lines, places, count)


def _divide(places: Sequence[Place], after: int) -> tuple[list[Place], list[Place]]:
    """Return the ids that were looked at when a line was reached, its own the last of them, and those that follow."""
    found = next((at for at, (least, above) in enumerate(places) if least <= after < above), len(places) - 1)
    least, above = places[found]
    return [*places[:found], (after, above)], [(least, after), *places[found + 1 :]]


def _downward(connection: Connection, lines: Lines, places: Sequence[Place], count: int) -> Iterator[AnyRow]:
    """Return so many lines, place by place; no query asks for more than are left, so that none looks on for nothing."""
    e = exchanges.c
    for least, above in places:
        highest = above
        while count > 0:
            theirs = lines.where(e.exchange_id >= least, e.exchange_id < highest)
            rows = connection.execute(theirs.limit(min(count, ROWS_AT_ONCE))).all()
            if not rows:
                break
            yield from rows
            count, highest = count - len(rows), rows[-1].exchange_id


def _given(who: UsageFilter) -> Iterator[tuple[str, Any]]:
    """Return what a filter says, by the names of columns."""
    return ((name, value) for name in who.__struct_fields__ if (value := getattr(who, name)) is not None)


def _facts(connection: Connection, found: Sequence[ExchangeLine | Hold]) -> RequestFacts:
    account_ids = {each.account_id for each in found}
    caps = {purse_id for each in found if isinstance(each, ExchangeLine) for purse_id in each.caps}
    payers = {each.payer_id for each in found} - account_ids
    p, tokens = purses.c, packages.c.unit == PackageUnit.TOKENS.value
    currencies = connection.execute(select(accounts.c.id, accounts.c.currency).where(accounts.c.id.in_(account_ids)))
    windows = connection.execute(select(purses).where(p.id.in_(caps), p.cap_id.is_not(None)))
    return RequestFacts(
        currencies={row.id: row.currency for row in currencies},
        token_packages=frozenset(connection.scalars(select(packages.c.id).where(packages.c.id.in_(payers), tokens))),
        caps={
            row.id: CapCount(
                cap_id=row.cap_id,
                subject=row.subject or "",
                start_ms=row.window_start_ms or 0,
                end_ms=row.window_end_ms,
            )
            for row in windows
        },
    )
