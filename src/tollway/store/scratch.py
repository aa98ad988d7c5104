"""Room for tables that a long read needs for itself, on a connection that others use later. Knows no table."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection


@contextmanager
def scratch(connection: Connection) -> Generator[None]:
    """Undo whatever is made inside, temporary tables above all, however the block ends; the snapshot stays the same."""
    inner = connection.begin_nested()
    try:
        yield
    finally:
        inner.rollback()
