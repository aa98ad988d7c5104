"""SQLite as Tollway uses it: how a URL becomes a file, how connections are opened. Knows no table.

WAL, so that readers and the one writer do not stop each other; explicit transactions, begun IMMEDIATE by whoever
writes, so that nobody reads first and finds out at the commit that somebody else was quicker.
"""

import sqlite3
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.elements import ClauseElement

from tollway.errors import SetupError
from tollway.store.durability import Durability

PREFIX = "sqlite:///"

BUSY_TIMEOUT_MS = 5_000
"""How long a command or a reader waits for the lock."""
NO_BUSY_TIMEOUT_MS = 0
"""For the writer of charges, which waits for its turn in steps of its own."""
STATEMENTS_CACHED = 512
"""Inserts exist in seven widths; none of them is to be prepared twice."""
JOURNAL_BYTES_MAX = 64 * 1024 * 1024
"""To what the write-ahead log shrinks after a burst or a long reader."""

_DIALECT = sqlite_dialect.dialect(paramstyle="qmark")


def database_path(url: str) -> Path:
    """Return the file of a `sqlite:///PATH` URL, with PATH taken as it stands; raises SetupError for any other."""
    path = url.removeprefix(PREFIX)
    if path != url and path and path != ":memory:":
        # Not parsed: a folder may have a ? or a % in its name, and the books would be in another one.
        return Path(path)
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SetupError((f"[store] url: {url!r} is not a URL such as sqlite:///tollway-data/tollway.db",)) from None
    if parsed.get_backend_name() != "sqlite":
        raise SetupError((f"[store] url: write sqlite:///PATH or postgresql://…, not {parsed.drivername}://…",))
    raise SetupError(("[store] url: name a file, such as sqlite:///tollway-data/tollway.db",))


def make_private(path: Path) -> None:
    """Make the file and its folder where they are missing, readable by their owner only; raises OSError.

    SQLite would make the file readable for everybody, and gives its log and index the file's own mode.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)


def connect(path: Path, *, durability: Durability, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> sqlite3.Connection:
    """Open a plain connection that begins no transaction by itself; one thread at a time may use it."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS_CACHED
    )
    _set_up(connection, durability, busy_timeout_ms)
    return connection


def open_engine(path: Path, *, durability: Durability) -> Engine:
    """Return an engine whose transactions are deferred; with the execution option `writes` they begin IMMEDIATE."""
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"check_same_thread": False})

    def on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        _set_up(connection, durability, BUSY_TIMEOUT_MS)

    def on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
    return engine


def compiled(statement: ClauseElement) -> str:
    """Return the SQL of a statement with `?` for each parameter, for connections that speak no SQLAlchemy."""
    return str(statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True}))


def _set_up(connection: sqlite3.Connection | DBAPIConnection, durability: Durability, busy_timeout_ms: int) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute(f"PRAGMA synchronous = {durability}")
    cursor.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES_MAX}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
