"""How long requests took and how they ended, in SQL: from the newest lines of a time, a bounded number of them.

Lines have no index but their ids, which say when they began; so what is looked at is everybody's, and few of them count.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from tollway.ids import begun_ms
from tollway.ledger.lines import Outcome
from tollway.ledger.timings import Timing, Timings
from tollway.ledger.usage import Span, UsageFilter
from tollway.store.line_sums import LINE_KEYS, LONGEST_MS, first_id
from tollway.store.tables import exchanges, usage_hours
from tollway.store.transactions import Rows
from tollway.store.usage_rollup import HOUR_MS

LINES_LOOKED_MAX = 200_000
"""Of everybody's, for one answer: a fifth of a second."""


class TimingRows(Rows):
    """What is known of requests beside their sums; every call is one snapshot."""

    def timings(self, who: UsageFilter, span: Span) -> Timings:
        """Return how long the requests of somebody took that ended in a period, and how they ended."""
        with self._reading() as connection:
            found = _served(connection, who, span)
            return Timings(()) if found is None else _timings(connection, who, found)

    def provider_ends(self, since_ms: int, lines_max: int) -> tuple[tuple[str, Outcome, int, int], ...]:
        """Return for each provider, outcome and status how many requests ended so, of the newest that began since then."""
        e = exchanges.c
        newest = select(e.exchange_id).where(e.exchange_id >= first_id(since_ms)).order_by(e.exchange_id.desc())
        with self._reading() as connection:
            least = connection.scalar(newest.offset(lines_max).limit(1))
            lowest = first_id(since_ms) if least is None else least + 1
            ends = select(e.provider, e.outcome, e.status, func.count()).where(e.exchange_id >= lowest)
            rows = connection.execute(ends.group_by(e.provider, e.outcome, e.status)).all()
        return tuple((provider, Outcome(outcome), status, count) for provider, outcome, status, count in rows)


def _served(connection: Connection, who: UsageFilter, span: Span) -> tuple[int, int] | None:
    """Return from when to when somebody was served in a period; None when never."""
    hour = usage_hours.c.hour_ms
    conditions: list[ColumnElement[bool]] = [usage_hours.c[name] == value for name, value in _given(who)]
    if span.start_ms is not None:
        conditions.append(hour > span.start_ms - HOUR_MS)
    if span.end_ms is not None:
        conditions.append(hour < span.end_ms)
    first, last = connection.execute(select(func.min(hour), func.max(hour)).where(*conditions)).one()
    if first is None:
        return None
    start_ms = first if span.start_ms is None else max(first, span.start_ms)
    end_ms = last + HOUR_MS if span.end_ms is None else min(last + HOUR_MS, span.end_ms)
    return start_ms, end_ms


def _timings(connection: Connection, who: UsageFilter, served: tuple[int, int]) -> Timings:
    e, (start_ms, end_ms) = exchanges.c, served
    lowest, above = first_id(start_ms - LONGEST_MS), first_id(end_ms)
    newest = select(e.exchange_id).where(e.exchange_id >= lowest, e.exchange_id < above).order_by(e.exchange_id.desc())
    beyond = connection.scalar(newest.offset(LINES_LOOKED_MAX).limit(1))
    if beyond is not None:
        lowest = beyond + 1
    taken = (e.ended_ms - e.started_ms).label("duration_ms")
    theirs = [LINE_KEYS[name] == value for name, value in _given(who)]
    query = (
        select(taken, e.outcome, func.count())
        .where(e.exchange_id >= lowest, e.exchange_id < above, e.ended_ms >= start_ms, e.ended_ms < end_ms, *theirs)
        .group_by(taken, e.outcome)
    )
    found = tuple(Timing(max(0, took), Outcome(outcome), count) for took, outcome, count in connection.execute(query))
    cut_ms = None if beyond is None else begun_ms(beyond)
    return Timings(found, None if cut_ms is None or cut_ms < start_ms else cut_ms)


def _given(who: UsageFilter) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name in who.__struct_fields__ if (value := getattr(who, name)) is not None)
