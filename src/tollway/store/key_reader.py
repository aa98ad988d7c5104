"""Reads keys for the data plane: through the engine on any database, or on a plain connection to SQLite. Knows no cache."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, bindparam, select

from tollway.access.kinds import KeyKind
from tollway.access.principal import Principal
from tollway.access.terms import AccountTerms
from tollway.errors import Refusal, StoreUnusable
from tollway.store.kind_rows import STRANGE, read_kinds
from tollway.store.principal_rows import Fetch, Query, read_principals
from tollway.store.schema import ACCESS_VERSION_KEY
from tollway.store.sqlite import compiled
from tollway.store.tables import meta

_VERSION = select(meta.c.value).where(meta.c.key == bindparam("key"))


class EngineKeys:
    """Reads in a transaction of the store, for many keys at a time. Satisfies KeyReader."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Connection]]) -> None:
        """Read in what `reading` begins."""
        self._reading = reading

    def find(self, digests: Sequence[bytes], terms: Mapping[int, AccountTerms]) -> dict[bytes, Principal]:
        """Read the principals of those digests that belong to a key which is not revoked."""
        with self._reading() as connection:
            return read_principals(_fetch_on(connection), digests, terms)

    def kinds(self, digests: Sequence[bytes], among: Iterable[KeyKind] = STRANGE) -> dict[bytes, KeyKind]:
        """Read the kinds of those digests that belong to keys of certain kinds, valid or not."""
        with self._reading() as connection:
            return read_kinds(_fetch_on(connection), digests, among)

    def version(self) -> str:
        """Read what moves whenever keys or accounts change."""
        with self._reading() as connection:
            return connection.execute(_VERSION, {"key": ACCESS_VERSION_KEY}).scalar_one()


class SqliteKeys:
    """Reads on a connection of its own, in microseconds. Satisfies KeyReader."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read on `connection`."""
        self._connection = connection
        self._version = compiled(_VERSION)
        self._compiled: dict[tuple[Query, tuple[int, ...]], str] = {}

    def find(self, digests: Sequence[bytes], terms: Mapping[int, AccountTerms]) -> dict[bytes, Principal]:
        """Read the principals of those digests that belong to a key which is not revoked."""
        try:
            return read_principals(self._fetch, digests, terms)
        except sqlite3.OperationalError as error:
            raise _unusable(error) from error

    def kinds(self, digests: Sequence[bytes]) -> dict[bytes, KeyKind]:
        """Read the kinds of those digests that belong to keys which cannot ask models."""
        try:
            return read_kinds(self._fetch, digests, STRANGE)
        except sqlite3.OperationalError as error:
            raise _unusable(error) from error

    def version(self) -> str:
        """Read what moves whenever keys or accounts change."""
        return self._connection.execute(self._version, (ACCESS_VERSION_KEY,)).fetchone()[0]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _fetch(self, query: Query, *lists: Sequence[Any]) -> Sequence[Sequence[Any]]:
        values = [value for values in lists for value in values]
        return self._connection.execute(self._sql(query, *map(len, lists)), values).fetchall()

    def _sql(self, query: Query, *lengths: int) -> str:
        sql = self._compiled.get((query, lengths))
        if sql is None:
            lists = {name: [None] * length for name, length in zip(query.lists, lengths, strict=True)}
            sql = self._compiled[query, lengths] = compiled(query.statement.params(lists))
        return sql


def _fetch_on(connection: Connection) -> Fetch:
    """Return what runs queries on a connection of the engine."""

    def fetch(query: Query, *lists: Sequence[Any]) -> Sequence[Sequence[Any]]:
        return connection.execute(query.statement, dict(zip(query.lists, lists, strict=True))).all()

    return fetch


def _unusable(error: sqlite3.OperationalError) -> Refusal:
    return StoreUnusable(str(error))
