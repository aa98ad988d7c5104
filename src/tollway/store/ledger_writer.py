"""Writes a batch of lines and loans in one transaction on SQLite: the only place where charges become durable.

Knows no event loop and no thread. Plain `sqlite3` with statements compiled once from the tables: an insert of many
rows is one step of the database, and so gives up and retakes the interpreter's lock once, not once a row.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from tollway.errors import TollwayError
from tollway.ledger.lines import ExchangeLine, Hold
from tollway.ledger.slices import Grant, lend_nanos
from tollway.store.rows import Values, hold_values, line_values
from tollway.store.sqlite import compiled
from tollway.store.tables import exchanges, holds, leases, meta, purses, workers

PRIMARY_CODE = 0xFF
"""The part of SQLite's error codes that says what; the rest says why."""

CHUNK_ROWS = 64
"""Rows of one insert at most: 64 x 28 values are far below SQLite's bound, and wider gains nothing."""

PROBE_KEY = "probe"

TURN_S = 0.0005
"""Between two tries to begin while another process writes. SQLite's own waiting grows to 100 ms a step, which let
one of two busy workers wait for 180 ms; a commit takes a third of a millisecond."""
TURN_WAIT_S = 1.0
"""After this the store counts as locked."""


class LineRefused(TollwayError):
    """A line cannot be written: its exchange was closed by another hand, or its values do not fit a row."""


class Batch:
    """What is to be written in one transaction."""

    __slots__ = ("borrows", "closes", "ended_holds", "holds", "probes", "returns")

    def __init__(self) -> None:
        """Start with nothing to write."""
        self.holds: dict[int, Hold] = {}
        self.closes: list[ExchangeLine] = []
        self.ended_holds: list[int] = []
        """Exchanges that close and whose hold line may have been written."""
        self.returns: dict[int, int] = {}
        """Nano-units given back, by account."""
        self.borrows: list[tuple[int, int]] = []
        """Account and need in nano-units."""
        self.probes = 0


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a batch."""

    grants: Sequence[Grant] = ()
    """One for each borrow, in order."""
    refused: dict[int, LineRefused] = {}
    """By position in `closes`: the lines that are not in the books."""
    fenced: bool = False
    """The worker was taken for dead and its loans were reclaimed: it must hold no more."""


class _Unexpected(Exception):
    """A quick statement did not find what this worker believes: look closely."""


_PROBE = compiled(update(meta).where(meta.c.key == PROBE_KEY).values(value=bindparam("now")))
_WORKER_LIVES = compiled(select(workers.c.id).where(workers.c.id == bindparam("worker")))
_SPEND_LEASE = compiled(
    update(leases)
    .values(amount_nanos=leases.c.amount_nanos - bindparam("x"))
    .where(leases.c.worker_id == bindparam("w"), leases.c.account_id == bindparam("a"))
    .where(leases.c.amount_nanos >= bindparam("x2"))
)
_SPEND_PURSE = compiled(
    update(purses)
    .values(
        balance_nanos=purses.c.balance_nanos - bindparam("x"),
        leased_nanos=purses.c.leased_nanos - bindparam("y"),
    )
    .where(purses.c.account_id == bindparam("a"))
)
_RETURN = compiled(
    update(purses)
    .values(leased_nanos=purses.c.leased_nanos - bindparam("x"))
    .where(purses.c.account_id == bindparam("a"))
)
_DROP_EMPTY_LEASE = compiled(
    delete(leases).where(
        leases.c.worker_id == bindparam("w"),
        leases.c.account_id == bindparam("a"),
        leases.c.amount_nanos == bindparam("zero"),
    )
)
_READ_PURSE = compiled(
    select(purses.c.balance_nanos, purses.c.leased_nanos).where(purses.c.account_id == bindparam("a"))
)
_READ_LEASE = compiled(
    select(leases.c.amount_nanos).where(leases.c.worker_id == bindparam("w"), leases.c.account_id == bindparam("a"))
)
_LEND = compiled(
    update(purses)
    .values(leased_nanos=purses.c.leased_nanos + bindparam("x"))
    .where(purses.c.account_id == bindparam("a"))
    .where(purses.c.balance_nanos - purses.c.leased_nanos >= bindparam("x2"))
)
_upsert_lease = upsert(leases)
_ADD_LEASE = compiled(
    _upsert_lease.on_conflict_do_update(
        index_elements=["worker_id", "account_id"],
        set_={"amount_nanos": leases.c.amount_nanos + _upsert_lease.excluded.amount_nanos},
    )
)
_READ_LINE = compiled(select(exchanges).where(exchanges.c.exchange_id == bindparam("id")))


def _file_at(path: Path) -> tuple[int, int] | None:
    """Return which file a path leads to; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _inserts(one_row: str) -> dict[int, str]:
    head, values = one_row.split(" VALUES ")
    return {rows: f"{head} VALUES {', '.join([values] * rows)}" for rows in (1, 2, 4, 8, 16, 32, CHUNK_ROWS)}


_INSERT_HOLDS = _inserts(compiled(insert(holds)))
_INSERT_LINES = _inserts(compiled(insert(exchanges)))
_DELETE_HOLD = compiled(delete(holds).where(holds.c.exchange_id == bindparam("id")))
_DELETE_HOLDS = {
    rows: _DELETE_HOLD.replace("= ?", f"IN ({', '.join('?' * rows)})") for rows in (1, 2, 4, 8, 16, 32, CHUNK_ROWS)
}


class LedgerWriter:
    """Writes for one worker on one connection. Used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, worker_id: int) -> None:
        """Write on `connection`, which begins no transaction by itself."""
        self._connection = connection
        self._cursor = connection.cursor()
        self._worker_id = worker_id
        self._file = Path(connection.execute("PRAGMA database_list").fetchone()[2])
        self._file_opened = _file_at(self._file)

    def write(self, batch: Batch, now_ms: int) -> Written:
        """Commit the whole batch; when it returns, all of it is durable.

        Raises sqlite3.OperationalError when the database cannot be written now (locked, disk full, its file taken
        away): nothing of the batch is in the books, and it can be written again.
        """
        try:
            return self._transaction(self._write_quickly, batch, now_ms)
        except sqlite3.OperationalError:
            raise
        except (_Unexpected, sqlite3.Error, ValueError, OverflowError):
            return self._transaction(self._write_carefully, batch, now_ms)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _transaction(self, write: Callable[[Batch], Written], batch: Batch, now_ms: int) -> Written:
        execute = self._cursor.execute
        self._begin()
        try:
            written = write(batch)
            if batch.probes:
                execute(_PROBE, (str(now_ms), PROBE_KEY))
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
        return written

    def _begin(self) -> None:
        """Wait for this process's turn to write; raises sqlite3.OperationalError when it does not come."""
        # SQLite goes on writing into a file that was removed or replaced, and nobody would ever read it (2 µs to ask).
        if _file_at(self._file) != self._file_opened:
            raise sqlite3.OperationalError(f"{self._file} was moved, removed or replaced: put it back, or restart")
        give_up_at = time.monotonic() + TURN_WAIT_S
        while True:
            try:
                self._cursor.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & PRIMARY_CODE == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > give_up_at:
                    raise
                time.sleep(TURN_S)
            else:
                return

    def _write_quickly(self, batch: Batch) -> Written:
        """Write what everything is as this worker believes; raises _Unexpected or an error of SQLite when it is not."""
        if not self._lives():
            raise _Unexpected
        if batch.holds:
            self._in_chunks(_INSERT_HOLDS, [hold_values(hold) for hold in batch.holds.values()])
        if batch.closes:
            self._in_chunks(_INSERT_LINES, [line_values(line) for line in batch.closes])
            spent: dict[int, int] = {}
            for line in batch.closes:
                total = line.base_nanos + line.fee_nanos - line.written_off_nanos
                if total:
                    spent[line.account_id] = spent.get(line.account_id, 0) + total
            for account_id, total in spent.items():
                self._spend_lease(account_id, total)
                self._exactly_one(_SPEND_PURSE, (total, total, account_id))
        if batch.ended_holds:
            self._in_chunks(_DELETE_HOLDS, [(exchange_id,) for exchange_id in batch.ended_holds])
        for account_id, amount in batch.returns.items():
            self._give_back(account_id, amount)
        return Written(grants=[self._borrow(*borrow) for borrow in batch.borrows])

    def _write_carefully(self, batch: Batch) -> Written:
        """Write line by line what can be written: after a retry, or when this worker was taken for dead.

        What is in the books already is not written again. A charge is paid from the lease, then from what the purse
        has not lent; what neither covers is written off: the balance never goes below zero.
        """
        alive = self._lives()
        if alive:
            for hold in batch.holds.values():
                if not self._cursor.execute(_READ_LINE, (hold.exchange_id,)).fetchone():
                    self._cursor.execute(_INSERT_HOLDS[1].replace("INSERT", "INSERT OR IGNORE", 1), hold_values(hold))
        refused: dict[int, LineRefused] = {}
        for position, line in enumerate(batch.closes):
            self._cursor.execute("SAVEPOINT line")
            try:
                self._close_carefully(line)
            except (LineRefused, sqlite3.IntegrityError, sqlite3.ProgrammingError, ValueError, OverflowError) as error:
                self._cursor.execute("ROLLBACK TO line")
                refused[position] = error if isinstance(error, LineRefused) else LineRefused(str(error))
            self._cursor.execute("RELEASE line")
        for account_id, amount in batch.returns.items():
            lent = self._lease(account_id)
            if lent:
                self._give_back(account_id, min(amount, lent))
        nothing = Grant(granted_nanos=0, available_nanos=0, scarce=True)
        grants = [self._borrow(*borrow) if alive else nothing for borrow in batch.borrows]
        return Written(grants=grants, refused=refused, fenced=not alive)

    def _close_carefully(self, line: ExchangeLine) -> None:
        found = self._cursor.execute(_READ_LINE, (line.exchange_id,)).fetchone()
        if found is not None:
            if found == line_values(line):
                return
            raise LineRefused(f"exchange {line.exchange_id} is closed already, as {found[4]}")
        total = line.total_nanos
        from_lease = min(total, self._lease(line.account_id))
        balance, leased = self._purse(line.account_id)
        from_purse = min(total - from_lease, balance - leased)
        missing = total - from_lease - from_purse
        if missing:
            line = msgspec.structs.replace(line, written_off_nanos=line.written_off_nanos + missing)
        self._cursor.execute(_INSERT_LINES[1], line_values(line))
        self._cursor.execute(_DELETE_HOLD, (line.exchange_id,))
        if from_lease:
            self._spend_lease(line.account_id, from_lease)
        if from_lease + from_purse:
            self._exactly_one(_SPEND_PURSE, (from_lease + from_purse, from_lease, line.account_id))

    def _borrow(self, account_id: int, needed_nanos: int) -> Grant:
        balance, leased = self._purse(account_id)
        available = balance - leased
        granted = lend_nanos(needed_nanos=needed_nanos, available_nanos=available)
        if granted:
            self._exactly_one(_LEND, (granted, account_id, granted))
            self._cursor.execute(_ADD_LEASE, (self._worker_id, account_id, granted))
        return Grant(
            granted_nanos=granted,
            available_nanos=available - granted,
            scarce=granted <= needed_nanos,
        )

    def _give_back(self, account_id: int, amount_nanos: int) -> None:
        self._spend_lease(account_id, amount_nanos)
        self._exactly_one(_RETURN, (amount_nanos, account_id))
        self._cursor.execute(_DROP_EMPTY_LEASE, (self._worker_id, account_id, 0))

    def _spend_lease(self, account_id: int, amount_nanos: int) -> None:
        self._exactly_one(_SPEND_LEASE, (amount_nanos, self._worker_id, account_id, amount_nanos))

    def _lives(self) -> bool:
        return self._cursor.execute(_WORKER_LIVES, (self._worker_id,)).fetchone() is not None

    def _lease(self, account_id: int) -> int:
        row = self._cursor.execute(_READ_LEASE, (self._worker_id, account_id)).fetchone()
        return 0 if row is None else row[0]

    def _purse(self, account_id: int) -> tuple[int, int]:
        row = self._cursor.execute(_READ_PURSE, (account_id,)).fetchone()
        return (0, 0) if row is None else row

    def _exactly_one(self, statement: str, values: Values) -> None:
        if self._cursor.execute(statement, values).rowcount != 1:
            raise _Unexpected

    def _in_chunks(self, statements: dict[int, str], rows: Sequence[Iterable[Any]]) -> None:
        start = 0
        left = len(rows)
        while left:
            width = min(CHUNK_ROWS, 1 << (left.bit_length() - 1))
            values: list[Any] = []
            for row in rows[start : start + width]:
                values.extend(row)
            self._cursor.execute(statements[width], values)
            start += width
            left -= width
