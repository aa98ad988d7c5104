"""The store on PostgreSQL, for any number of workers on any number of hosts. Satisfies store.backend.Backend."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, text

from tollway.ledger.lines import Hold
from tollway.store.backend import Refusing
from tollway.store.durability import Durability
from tollway.store.key_reader import EngineKeys
from tollway.store.postgres import room
from tollway.store.postgres.address import parse_address
from tollway.store.postgres.connections import KEY_CONNECTIONS, open_engine, open_patient_engine
from tollway.store.postgres.ledger_writer import LedgerWriter
from tollway.store.postgres.presence import NUMBERS, Channel, Presence
from tollway.store.postgres.statements import WANTED_CHANNEL
from tollway.store.postgres.trouble import trouble_of

ON_ITS_WAY_MS = 10_000
"""A restart of the database takes every worker's connection, and so its lock. For so long after we are back ourselves,
another worker that was registered before it may still be on its way, and is not taken for dead."""

CHANGES_CHANNEL = "tollway_changes"
"""The channel on which changes of keys and accounts are announced."""

_DEAD = text(
    """
    SELECT number FROM workers
    WHERE number NOT IN (
        SELECT objid::bigint FROM pg_locks
        WHERE locktype = 'advisory' AND classid::bigint = :numbers AND objsubid = 2
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      )
      AND (
        started_ms > extract(epoch FROM pg_postmaster_start_time()) * 1000
        OR :back_for_ms > :on_its_way_ms
      )
    ORDER BY number
    """
)
_ALONE = text("SELECT pg_advisory_xact_lock(:numbers, -1)")
"""Held by whoever looks at the schema or makes it: two processes that start at once must not both make it."""


class PostgresBackend:
    """One database."""

    embedded = False

    def __init__(self, url: str, durability: Durability) -> None:
        """Take the database at `url`; connects when something is asked of it. Raises SetupError."""
        self._address = parse_address(url)
        self._durability: Durability = durability
        self._engine = open_engine(self._address, durability)
        self._patient = open_patient_engine(self._address, durability)
        self._for_keys = open_engine(self._address, durability, connections=KEY_CONNECTIONS)
        self._writers: list[LedgerWriter] = []
        self.place = self._address.shown
        self.changes = Channel(CHANGES_CHANNEL)
        self.wanted = Channel(WANTED_CHANNEL)
        self.numbers = Presence(self._address, durability, (self.changes, self.wanted))

    def join(self) -> None:
        """Do nothing yet: a command that makes no id and serves nobody needs no connection more."""

    @contextmanager
    def preparing(self) -> Generator[Connection]:
        """Begin the transaction in which the schema is looked at or made; one process at a time."""
        with self._patient.execution_options(writes=True).begin() as connection:
            connection.execute(_ALONE, {"numbers": NUMBERS})
            yield connection

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """Begin a transaction that sees one snapshot and changes nothing."""
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """Begin a transaction that is committed at the end of the block."""
        with self._engine.execution_options(writes=True).begin() as connection:
            yield connection

    @contextmanager
    def proving(self) -> Generator[tuple[Connection, Connection]]:
        """Begin two transactions that see the same snapshot, for two threads; they may make temporary tables."""
        with self._patient.begin() as first, self._patient.begin() as second:
            snapshot: str = first.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
            second.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            yield first, second

    def dead_numbers(self, connection: Connection) -> tuple[int, ...]:
        """Return the numbers of registered workers whose connection is gone, looking only."""
        values = {"numbers": NUMBERS, "back_for_ms": self.numbers.back_for_ms(), "on_its_way_ms": ON_ITS_WAY_MS}
        return tuple(connection.scalars(_DEAD, values))

    def require_room(self, processes: int) -> None:
        """Raise SetupError unless so many processes more can connect."""
        with self.reading() as connection:
            room.require_room(connection, processes)

    def trouble_of(self, error: Exception) -> str | None:
        """Return what is wrong with the database itself, in words for an operator; None for a defect of ours."""
        return trouble_of(error)

    def ledger_writer(self, worker_id: int) -> LedgerWriter:
        """Return the writer of a worker's charges, on a connection of its own."""
        self.numbers.listen()
        self._writers.append(LedgerWriter(self._address, self._durability, worker_id))
        return self._writers[-1]

    def begun_page(self, number: int) -> None:
        """Return None: a worker's affairs may be settled by another host, which sees rows alone."""

    def begun_by(self, number: int, worker_id: int) -> tuple[Hold, ...]:
        """Return nothing: there are no pages."""
        del number, worker_id
        return ()

    def key_reader(self, refusing: Refusing) -> EngineKeys:
        """Return what reads keys, on a connection that nobody else uses; from now on we hear when keys change."""
        self.numbers.listen()

        @contextmanager
        def reading() -> Generator[Connection]:
            with refusing(), self._for_keys.begin() as connection:
                yield connection

        return EngineKeys(reading)

    def close(self) -> None:
        """Close every connection, and let others take this process's numbers."""
        for writer in self._writers:
            writer.close()
        self.numbers.close()
        self._engine.dispose()
        self._patient.dispose()
        self._for_keys.dispose()
