"""The embedded store: one file, and beside it the files by which the processes of one host know of each other."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, OperationalError

from tollway.ledger.lines import Hold
from tollway.parts import part
from tollway.store.begun_page import BegunPage, read_begun
from tollway.store.change_signal import ChangeSignal
from tollway.store.durability import Durability
from tollway.store.group_commit import Writer
from tollway.store.key_reader import SqliteKeys
from tollway.store.numbers import worker_numbers
from tollway.store.sqlite import NO_BUSY_TIMEOUT_MS, connect, make_private, open_engine
from tollway.store.workers import dead_numbers


class SqliteBackend:
    """Satisfies store.backend.Backend."""

    embedded = True

    def __init__(self, path: Path, durability: Durability) -> None:
        """Make the file where it is missing; raises OSError."""
        make_private(path)
        self.place = str(path)
        self._path = path
        self._durability: Durability = durability
        self._engine = open_engine(path, durability=durability)
        self._pages = path.with_name(f"{path.name}.begun")
        self._keys: list[SqliteKeys] = []
        self._joined = False

    def join(self) -> None:
        """Open what lies beside the file, making it where it is missing."""
        path = self._path
        self.changes = ChangeSignal(path.with_name(f"{path.name}.signal"))
        self.wanted = ChangeSignal(path.with_name(f"{path.name}.wanted"))
        self.numbers = worker_numbers(path.with_name(f"{path.name}.locks"))
        self._pages.mkdir(mode=0o700, exist_ok=True)
        self._joined = True

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """Begin a transaction that sees one snapshot and changes nothing."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Generator[Connection]:
        """Begin a transaction as the one process that may write until it ends."""
        with self._engine.execution_options(writes=True).begin() as connection:
            yield connection

    preparing = writing

    @contextmanager
    def proving(self) -> Generator[tuple[Connection, Connection]]:
        """Begin two transactions that see the same snapshot, for two threads; they may make temporary tables."""
        with ExitStack() as both:
            with self.writing():  # so that nobody commits between the beginning of one and of the other
                first, second = (both.enter_context(self.reading()) for _ in range(2))
                for connection in (first, second):
                    connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema")
            yield first, second

    def dead_numbers(self, connection: Connection) -> tuple[int, ...]:
        """Return the numbers of registered workers whose lock is free, looking only."""
        return dead_numbers(connection, self.numbers)

    def require_room(self, processes: int) -> None:
        """Do nothing: a file has room for everybody."""

    def trouble_of(self, error: Exception) -> str | None:
        """Return what is wrong with the file (locked, full, damaged); None for a defect of ours."""
        if type(error) not in {OperationalError, DatabaseError}:
            return None
        assert isinstance(error, DatabaseError)
        return str(error.orig)

    def ledger_writer(self, worker_id: int) -> Writer:
        """Return the writer of a worker's charges, on a connection of its own."""
        connection = connect(self._path, durability=self._durability, busy_timeout_ms=NO_BUSY_TIMEOUT_MS)
        # For workers only: its statements take 10 ms to make, which commands do without.
        return part("tollway.store.ledger_writer").LedgerWriter(connection, worker_id)

    def begun_page(self, number: int) -> BegunPage:
        """Return the page of a worker of this process: every process of the store is on this host."""
        return BegunPage(self._pages / str(number))

    def begun_by(self, number: int, worker_id: int) -> tuple[Hold, ...]:
        """Return what a worker that is over had noted on its page."""
        return read_begun(self._pages / str(number), worker_id)

    def key_reader(self, refusing: object) -> SqliteKeys:
        """Return what reads keys, on a connection of its own."""
        del refusing
        self._keys.append(SqliteKeys(connect(self._path, durability=self._durability)))
        return self._keys[-1]

    def close(self) -> None:
        """Close every connection."""
        for keys in self._keys:
            keys.close()
        self._engine.dispose()
        if self._joined:
            self.changes.close()
            self.wanted.close()
