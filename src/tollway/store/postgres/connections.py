"""Connections to PostgreSQL: how each of the two drivers opens one, and by when each must have its answer. Knows no table.

Every wait has an end, on the server and, a little later, on the socket: a server that is paused answers nothing, and
must not stop us with it.
"""

import os
from functools import partial

import asyncpg
import pg8000.dbapi
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from tollway.store.durability import Durability
from tollway.store.postgres.address import Address

CONNECT_S = 5.0
CALL_S = 10.0
"""One statement of a command or of an admin call; most take a millisecond."""
LONG_S = 3600.0
"""One statement that reads or changes whole tables: the proof of the books, a migration, the end of old rows."""
MARGIN_S = 2.0
"""How much longer than the server the socket waits, so that it is the server that says what was too slow."""

POOL_CONNECTIONS = 4
"""For admin calls and sweeps, of one worker; none of them is on the path of a request."""
KEY_CONNECTIONS = 1
"""For keys, which requests wait for: not behind admin calls that read for seconds. One thread reads them."""
POOL_WAIT_S = 5.0

KEEPALIVE = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
"""The server notices within half a minute that our machine is gone, and lets go of what its workers had locked."""

COMMITS = {"full": "on", "normal": "off"}
"""What `durability` means for synchronous_commit."""


def server_settings(name: str, durability: Durability, *, statement_s: float) -> dict[str, str]:
    """Return the settings of a session: who we are, when a commit counts, and when the server gives up."""
    return {
        "application_name": f"tollway {name}",
        "synchronous_commit": COMMITS[durability],
        "statement_timeout": f"{statement_s * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{statement_s * 1000:.0f}",
        **KEEPALIVE,
    }


async def connect(address: Address, name: str, durability: Durability, *, statement_s: float) -> asyncpg.Connection:
    """Open a connection for the running loop; raises OSError, TimeoutError or an error of asyncpg."""
    return await asyncpg.connect(
        **address.for_asyncpg(),
        timeout=CONNECT_S,
        command_timeout=statement_s + MARGIN_S,
        server_settings=server_settings(name, durability, statement_s=statement_s),
    )


def open_engine(address: Address, durability: Durability, *, connections: int = POOL_CONNECTIONS) -> Engine:
    """Return an engine for what must be quick; transactions without the execution option `writes` only read."""
    engine = create_engine(
        "postgresql+pg8000://",
        creator=partial(_connect, address, durability, CALL_S),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=POOL_WAIT_S,
        pool_pre_ping=True,
    )
    event.listen(engine, "begin", _on_begin)
    return engine


def open_patient_engine(address: Address, durability: Durability) -> Engine:
    """Return an engine for what reads or changes whole tables, one connection at a time and none kept."""
    engine = create_engine(
        "postgresql+pg8000://", creator=partial(_connect, address, durability, LONG_S), poolclass=NullPool
    )
    event.listen(engine, "begin", _on_begin_all)
    return engine


class _Connection(pg8000.dbapi.Connection):
    """A connection that closes its socket also when the server is gone: pg8000 leaves that to the garbage collector."""

    def set_timeout(self, timeout_s: float) -> None:
        """Give every wait from now on this long: the only timeout that pg8000 knows is that of connecting."""
        assert self._usock is not None, "it is open"
        self._usock.settimeout(timeout_s)

    def close(self) -> None:
        """Say goodbye, and close the socket whatever becomes of that."""
        sock = self._usock
        try:
            super().close()
        finally:
            if sock is not None and sock.fileno() >= 0:
                os.close(sock.detach())


def _connect(address: Address, durability: Durability, statement_s: float) -> _Connection:
    settings = server_settings("books", durability, statement_s=statement_s)
    connection = _Connection(
        **address.for_pg8000(),
        timeout=CONNECT_S,
        application_name=settings.pop("application_name"),
        startup_params=settings,
    )
    connection.set_timeout(statement_s + MARGIN_S)
    return connection


def _on_begin(connection: Connection) -> None:
    if not connection.get_execution_options().get("writes"):
        # One snapshot for all that is read, as on SQLite; and no row is locked by accident.
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _on_begin_all(connection: Connection) -> None:
    if not connection.get_execution_options().get("writes"):
        # Not read only: whoever reads so much may need a table of its own to sum in.
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
