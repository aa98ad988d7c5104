"""Reading many rows with little memory, on every database alike: page by page along a key. Knows no table."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select

ROWS_AT_ONCE = 2000
"""Rows of a page: a few megabytes at most. One driver reads all rows of a query into memory, so a query is a page."""

AnyRow = Row[*tuple[Any, ...]]


def pages(
    connection: Connection, query: Select[*tuple[Any, ...]], key: ColumnElement[Any]
) -> Iterator[Sequence[AnyRow]]:
    """Yield the rows of a query, some at a time, in the order of `key`: a column that it selects, unique in its table."""
    name = key.key
    assert name is not None, "the key is a column"
    page = query.order_by(key).limit(ROWS_AT_ONCE)
    rows = connection.execute(page).all()
    while rows:
        yield rows
        if len(rows) < ROWS_AT_ONCE:
            return
        rows = connection.execute(page.where(key > getattr(rows[-1], name))).all()


def paged(connection: Connection, query: Select[*tuple[Any, ...]], key: ColumnElement[Any]) -> Iterator[AnyRow]:
    """Yield the rows one by one."""
    for rows in pages(connection, query, key):
        yield from rows
