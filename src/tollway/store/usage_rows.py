"""Usage in SQL: from the sums by hour, exact at all times. Knows no timezone.

A time within an hour is cut by the lines of that hour: what ended before it, there. Both sides of the cut are computed
from the same lines, so that periods which meet in it add up to the whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, Table, case, func, literal_column, select

from tollway.ledger.usage import SUMS, Division, Span, UsageFilter, UsageRow, UsageSums
from tollway.store.line_sums import LINE_KEYS, LINE_SUMS, begun_around, whole
from tollway.store.tables import accounts, exchanges, usage_hours
from tollway.store.transactions import Rows
from tollway.store.usage_rollup import HOUR_MS, hour_of

COLUMNS = {
    Division.HOUR: "hour_ms",
    Division.ACCOUNT: "account_id",
    Division.SUB_ACCOUNT: "sub_account_id",
    Division.KEY: "key_id",
    Division.PROVIDER: "provider",
    Division.MODEL: "model_routed",
    Division.TAG: "tag",
    Division.END_USER: "end_user",
    Division.SESSION: "session",
}
"""The column of usage_hours that each division is made by; days are the caller's."""

Sums = dict[tuple[Any, ...], list[int]]
"""By what they are divided by, and the currency."""

_HOURS: dict[str, ColumnElement[Any]] = {column.name: column for column in usage_hours.columns}


class UsageRows(Rows):
    """The sums of usage; every call is one snapshot."""

    def usage(
        self, by: Sequence[Division], who: UsageFilter, spans: Sequence[Span], *, limit: int
    ) -> list[list[UsageRow]] | None:
        """Return for each span its rows; None when these are more than `limit`. What has no request is left out."""
        found: list[list[UsageRow]] = []
        with self._reading() as connection:
            for span in spans:
                rows = read_usage(connection, by, who, span, limit=limit)
                limit -= len(rows)
                if limit < 0:
                    return None
                found.append(rows)
        return found

    def usage_span(self, who: UsageFilter) -> Span | None:
        """Return from when to when there are sums; None when there are none."""
        hour = usage_hours.c.hour_ms
        with self._reading() as connection:
            first, last = connection.execute(
                select(func.min(hour), func.max(hour)).where(*_conditions(_HOURS, who))
            ).one()
        return None if first is None else Span(first, last + HOUR_MS)

    def last_hours(self, who: UsageFilter) -> dict[int, int]:
        """Return for each key that has sums when the newest hour of them began: all of an account's in one reading."""
        h = usage_hours.c
        newest = select(h.key_id, func.max(h.hour_ms)).where(*_conditions(_HOURS, who)).group_by(h.key_id)
        with self._reading() as connection:
            return dict(connection.execute(newest).tuples().all())


def read_usage(
    connection: Connection, by: Sequence[Division], who: UsageFilter, span: Span, *, limit: int
) -> list[UsageRow]:
    """Return the sums of a span; `limit` rows and one more at most."""
    names = tuple(COLUMNS[division] for division in by if division in COLUMNS)
    h = usage_hours.c
    whole_hours = [*_conditions(_HOURS, who)]
    if span.start_ms is not None:
        whole_hours.append(h.hour_ms >= hour_of(span.start_ms))
    if span.end_ms is not None:
        whole_hours.append(h.hour_ms < hour_of(span.end_ms))
    sums = {name: whole(h[name]) for name in SUMS}
    query = _grouped(usage_hours, [h[name] for name in names], sums).where(*whole_hours).limit(limit + 1)
    found: Sums = {}
    _add(found, connection.execute(query), len(names), sign=1)
    if len(found) > limit:
        return [_row(names, key, sums) for key, sums in found.items()]
    for cut, sign in ((span.start_ms, -1), (span.end_ms, 1)):
        if cut is not None and cut % HOUR_MS:
            _add_before(found, connection, cut, names, who, sign=sign)
    return [_row(names, key, sums) for key, sums in found.items() if any(sums)]


def _add_before(
    found: Sums, connection: Connection, cut_ms: int, names: Sequence[str], who: UsageFilter, *, sign: int
) -> None:
    """Add the sums of the lines that ended in the hour of `cut_ms`, before it."""
    hour = cut_ms - cut_ms % HOUR_MS
    ended = exchanges.c.ended_ms
    # Those after it too: together they must be as many as the hour has, else some lie where nobody looks at first.
    before = case((ended < _literal(cut_ms), _literal(1)), else_=_literal(0))
    query = _grouped(exchanges, [before, *(LINE_KEYS[name] for name in names)], LINE_SUMS)
    query = query.where(ended >= hour, ended < hour + HOUR_MS, *_conditions(LINE_KEYS, who))
    requests = 2 + len(names)
    in_hour = select(whole(usage_hours.c.requests)).where(usage_hours.c.hour_ms == hour, *_conditions(_HOURS, who))
    rows = connection.execute(query.where(*begun_around(hour, hour + HOUR_MS))).all()
    if sum(row[requests] for row in rows) != connection.scalar(in_hour):
        rows = connection.execute(query).all()
    _add(found, [row[1:] for row in rows if row[0]], len(names), sign=sign)


def _literal(number: int) -> ColumnElement[int]:
    """Return a number as it stands in the text: PostgreSQL groups by nothing that has parameters."""
    return literal_column(str(number), BigInteger)


def _grouped(
    table: Table, keys: Sequence[ColumnElement[Any]], sums: Mapping[str, ColumnElement[Any]]
) -> Select[*tuple[Any, ...]]:
    joined = table.join(accounts, accounts.c.id == table.c.account_id)
    by = (*keys, accounts.c.currency)
    return select(*by, *(sums[name] for name in SUMS)).select_from(joined).group_by(*by)


def _conditions(columns: Mapping[str, Any], who: UsageFilter) -> Iterator[ColumnElement[bool]]:
    for name in UsageFilter.__struct_fields__:
        value = getattr(who, name)
        if value is not None:
            yield columns[name] == value


def _add(found: Sums, rows: Iterable[Sequence[Any]], width: int, *, sign: int) -> None:
    for row in rows:
        key = tuple(row[: width + 1])
        sums = [sign * int(value) for value in row[width + 1 :]]
        there = found.get(key)
        found[key] = sums if there is None else [one + other for one, other in zip(there, sums, strict=True)]


def _row(names: Sequence[str], key: tuple[Any, ...], sums: Sequence[int]) -> UsageRow:
    fields = dict(zip(names, key, strict=False))
    return UsageRow(**fields, currency=key[-1], sums=UsageSums(**dict(zip(SUMS, sums, strict=True))))
