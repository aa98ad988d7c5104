"""What tests do to a database past the store, the same on each kind of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from tollway.store.store import open_backend


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Keep every writer out of the books for the length of the block."""
    backend = open_backend(url, "full")
    with backend.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE exchanges, holds, purses, meta IN EXCLUSIVE MODE")
        yield
        connection.rollback()
    backend.close()
