"""The requests of one account, page by page, newest first. Knows no use case.

A page looks at a bounded number of lines and hours: where few of many are wanted it may end with none, and say where the
next one begins.
"""

from sqlalchemy import Connection, select

from tollway.ledger.lines import ExchangeLine
from tollway.ledger.requests import RequestQuery
from tollway.ledger.usage import Span
from tollway.store.books_reader import AnyRow, is_wanted, lines_in_hour, served_hours
from tollway.store.rows import read_line
from tollway.store.tables import exchanges
from tollway.store.transactions import Rows
from tollway.store.usage_rollup import HOUR_MS, hour_of

LINES_LOOKED_MAX = 10_000
"""Of the account's own, for one page."""

HOURS_LOOKED_MAX = 200
"""For one page: each may mean a look through what everybody was served in it."""

Page = tuple[tuple[ExchangeLine, ...], int | None]


class RequestLogRows(Rows):
    """The lines of accounts, as their owners look for them; every call is one snapshot."""

    def request_page(self, query: RequestQuery, limit: int) -> Page | None:
        """Read a page of lines, and after which line the next page begins, None for the last page.

        The hour of a line's end counts, then its id. None when the account has no line `query.after`.
        """
        with self._reading() as connection:
            if query.after is None:
                return _page(connection, query, None, limit)
            e = exchanges.c
            mine = (e.exchange_id == query.after, e.account_id == query.who.account_id)
            ended_ms = connection.scalar(select(e.ended_ms).where(*mine))
            return None if ended_ms is None else _page(connection, query, hour_of(ended_ms), limit)


def _page(connection: Connection, query: RequestQuery, first_hour: int | None, limit: int) -> Page:
    found: list[AnyRow] = []
    last: int | None = None
    looked = 0
    for hours, (hour, count) in enumerate(served_hours(connection, _from(query, first_hour))):
        if hours >= HOURS_LOOKED_MAX and last is not None:
            return _lines(found), last
        after = query.after if hour == first_hour else None
        for row in lines_in_hour(connection, query.who, hour, count, after):
            if looked == LINES_LOOKED_MAX or len(found) == limit:
                return _lines(found), last
            looked, last = looked + 1, row.exchange_id
            if is_wanted(row, query):
                found.append(row)
    return _lines(found), None


def _from(query: RequestQuery, first_hour: int | None) -> RequestQuery:
    """Return the query for the hours from one on backwards."""
    if first_hour is None:
        return query
    start_ms, end_ms = query.span
    ends = first_hour + HOUR_MS if end_ms is None else min(end_ms, first_hour + HOUR_MS)
    return RequestQuery(who=query.who, span=Span(start_ms, ends))


def _lines(found: list[AnyRow]) -> tuple[ExchangeLine, ...]:
    return tuple(read_line(tuple(row)) for row in found)
