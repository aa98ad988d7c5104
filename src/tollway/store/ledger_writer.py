"""Writes a batch of lines and loans in one transaction on SQLite: the only place where charges become durable.

Knows no event loop and no thread. Plain `sqlite3` with statements compiled once from the tables: an insert of many
rows is one step of the database, and so gives up and retakes the interpreter's lock once, not once a row.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert as upsert

from tollway.ledger.answers import AnswerFound, AnswerStep, after_refusals, without_claims
from tollway.ledger.lines import ExchangeLine
from tollway.ledger.purses import CapWindow, EventKind, PurseKind
from tollway.ledger.slices import Grant, lend_nanos
from tollway.store.answer_rows import steps_taken
from tollway.store.batch import Batch, Borrow, LineRefused, Written
from tollway.store.cap_rows import fit_one
from tollway.store.disk_wait import DiskWait
from tollway.store.event_rows import purse_event_values
from tollway.store.rows import PLAIN_COLUMNS, Values, hold_values, is_plain, line_values, plain_values
from tollway.store.schema import PROBE_KEY
from tollway.store.sqlite import compiled
from tollway.store.tables import events, exchanges, holds, leases, meta, purses, workers
from tollway.store.usage_rollup import add_up, summed

PRIMARY_CODE = 0xFF
"""The part of SQLite's error codes that says what; the rest says why."""

CHUNK_ROWS = 64
"""Rows of one insert at most: 64 x 44 values are far below SQLite's bound, and wider gains nothing."""

WANTED_MS = 2_000
"""How long a refused loan is remembered: the workers that could help look every 50 ms."""

NOTHING = Grant(granted_nanos=0, available_nanos=0, scarce=True)
"""What is lent of a purse that is not the cap's, or to a worker that was taken for dead."""

TURN_S = 0.0005
"""Between two tries to begin while another process writes. SQLite's own waiting grows to 100 ms a step, which let
one of two busy workers wait for 180 ms; a commit takes a third of a millisecond."""
TURN_WAIT_S = 1.0
"""After this the store counts as locked."""


class _Unexpected(Exception):
    """A quick statement did not find what this worker believes: look closely."""


_PROBE = compiled(update(meta).where(meta.c.key == PROBE_KEY).values(value=bindparam("now")))
_WORKER_LIVES = compiled(select(workers.c.id).where(workers.c.id == bindparam("worker")))
_SPEND_LEASE = compiled(
    update(leases)
    .values(amount_nanos=leases.c.amount_nanos - bindparam("x"))
    .where(leases.c.worker_id == bindparam("w"), leases.c.purse_id == bindparam("p"))
    .where(leases.c.amount_nanos >= bindparam("x2"))
)
_spend_purse = (
    update(purses)
    .values(
        balance_nanos=purses.c.balance_nanos - bindparam("x"),
        leased_nanos=purses.c.leased_nanos - bindparam("y"),
    )
    .where(purses.c.id == bindparam("p"))
)
_SPEND_QUIETLY = compiled(
    _spend_purse.where(
        or_(
            purses.c.balance_nanos <= purses.c.alert_nanos,
            purses.c.balance_nanos - bindparam("x2") > purses.c.alert_nanos,
        )
    )
)
"""Changes nothing where there is something to tell. What returns a row costs twice as much: 4.3 µs instead of 2.1."""
_SPEND_PURSE = compiled(
    _spend_purse.returning(
        and_(
            purses.c.balance_nanos <= purses.c.alert_nanos,
            purses.c.balance_nanos + bindparam("x2") > purses.c.alert_nanos,
        )
    )
)
_RETURN = compiled(
    update(purses).values(leased_nanos=purses.c.leased_nanos - bindparam("x")).where(purses.c.id == bindparam("p"))
)
_DROP_EMPTY_LEASE = compiled(
    delete(leases).where(
        leases.c.worker_id == bindparam("w"),
        leases.c.purse_id == bindparam("p"),
        leases.c.amount_nanos == bindparam("zero"),
    )
)
_READ_PURSE = compiled(select(purses.c.balance_nanos, purses.c.leased_nanos).where(purses.c.id == bindparam("p")))
_READ_WHOLE_PURSE = compiled(select(purses).where(purses.c.id == bindparam("p")))
_READ_LEASE = compiled(
    select(leases.c.amount_nanos).where(leases.c.worker_id == bindparam("w"), leases.c.purse_id == bindparam("p"))
)
_LEND = compiled(
    update(purses)
    .values(leased_nanos=purses.c.leased_nanos + bindparam("x"))
    .where(purses.c.id == bindparam("p"))
    .where(purses.c.balance_nanos - purses.c.leased_nanos >= bindparam("x2"))
)
_WANT = compiled(update(purses).values(wanted_ms=bindparam("now")).where(purses.c.id == bindparam("p")))
_WANTED = compiled(
    select(leases.c.purse_id)
    .join(purses, purses.c.id == leases.c.purse_id)
    .where(leases.c.worker_id == bindparam("w"), leases.c.amount_nanos > bindparam("zero"))
    .where(purses.c.wanted_ms > bindparam("since"))
)
_upsert_lease = upsert(leases)
_ADD_LEASE = compiled(
    _upsert_lease.on_conflict_do_update(
        index_elements=["worker_id", "purse_id"],
        set_={"amount_nanos": leases.c.amount_nanos + _upsert_lease.excluded.amount_nanos},
    )
)
_ADD_PURSE = compiled(upsert(purses).on_conflict_do_nothing())
_FIT_PURSE = compiled(fit_one())
_IS_OF_CAP = compiled(select(purses.c.id).where(purses.c.id == bindparam("p"), purses.c.cap_id == bindparam("c")))
_ADD_EVENT = compiled(upsert(events).on_conflict_do_nothing())
_ADD_USAGE = compiled(add_up(sqlite_dialect.dialect()))
_EXTEND_HOLD = compiled(update(holds).values(amount_nanos=bindparam("x")).where(holds.c.exchange_id == bindparam("id")))
_READ_LINE = compiled(select(exchanges).where(exchanges.c.exchange_id == bindparam("id")))


def _file_at(path: Path) -> tuple[int, int] | None:
    """Return which file a path leads to; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _spent(lines: Iterable[ExchangeLine]) -> dict[int, int]:
    """Return what the lines take from each purse that they are paid from or counted in."""
    spent: dict[int, int] = {}
    for line in lines:
        paid = line.paid
        if paid:
            payer = line.payer_id
            spent[payer] = spent.get(payer, 0) + paid
            for cap in line.caps:
                spent[cap] = spent.get(cap, 0) + paid
    return spent


def _inserts(one_row: str) -> dict[int, str]:
    head, values = one_row.split(" VALUES ")
    return {rows: f"{head} VALUES {', '.join([values] * rows)}" for rows in (1, 2, 4, 8, 16, 32, CHUNK_ROWS)}


_INSERT_HOLDS = _inserts(compiled(insert(holds)))
_INSERT_LINES = _inserts(compiled(insert(exchanges)))
_PLAIN_NAMES = exchanges.columns.keys()[:PLAIN_COLUMNS]
_INSERT_PLAIN_LINES = _inserts(compiled(insert(exchanges).values({name: bindparam(name) for name in _PLAIN_NAMES})))
"""The other columns get their own defaults: to give 15 values that say nothing cost 3 of 9 µs a line."""
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
        self._disk = DiskWait(connection)
        self._now_ms = 0
        self._refused_loans = False
        self._file = Path(connection.execute("PRAGMA database_list").fetchone()[2])
        self._file_opened = _file_at(self._file)

    def write(self, batch: Batch, now_ms: int) -> Written:
        """Commit the whole batch; when it returns, all of it is durable.

        Raises sqlite3.OperationalError when the database cannot be written now (locked, disk full, its file taken
        away): nothing of the batch is in the books, and it can be written again.
        """
        self._now_ms = now_ms
        try:
            return self._transaction(self._write_quickly, batch)
        except sqlite3.OperationalError:
            raise
        except (_Unexpected, sqlite3.Error, ValueError, OverflowError):
            return self._transaction(self._write_carefully, batch)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _transaction(self, write: Callable[[Batch], Written], batch: Batch) -> Written:
        execute = self._cursor.execute
        self._refused_loans = False
        self._disk.suit(batch)
        self._begin()
        try:
            written = write(batch)
            if batch.probes:
                execute(_PROBE, (str(self._now_ms), PROBE_KEY))
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
        if batch.holds:
            self._in_chunks(_INSERT_HOLDS, [hold_values(hold) for hold in batch.holds.values()])
        if batch.closes:
            self._insert_lines(batch.closes)
            self._add_usage(batch.closes)
        spent = _spent(batch.closes)
        for purse_id, paid in spent.items():
            self._spend_lease(purse_id, paid)
            self._spend_purse(purse_id, paid, from_lease=paid)
        # Whoever takes a worker for dead gives back all its loans: one that was spent from says that it lives.
        if not spent and not self._lives():
            raise _Unexpected
        if batch.ended_holds:
            self._in_chunks(_DELETE_HOLDS, [(exchange_id,) for exchange_id in batch.ended_holds])
        for exchange_id, amount in batch.extended.items():
            self._cursor.execute(_EXTEND_HOLD, (amount, exchange_id))
        for purse_id, amount in batch.returns.items():
            self._give_back(purse_id, amount)
        grants = [self._borrow(borrow) for borrow in batch.borrows]
        for purse_id in batch.reached:
            self._tell(EventKind.CAP_REACHED, purse_id, str(purse_id))
        wanted = self._wanted() if batch.look_wanted else ()
        answers = self._answers(batch.answers) if batch.answers else ()
        return Written(grants=grants, refused_loans=self._refused_loans, wanted=wanted, answers=answers)

    def _write_carefully(self, batch: Batch) -> Written:
        """Write line by line what can be written: after a retry, or when this worker was taken for dead.

        What is in the books already is not written again. A charge is paid from the lease, then from what the purse
        has not lent; what the payer or a cap has no room for is written off: no purse ever goes below zero.
        """
        alive = self._lives()
        if alive:
            for hold in batch.holds.values():
                if not self._cursor.execute(_READ_LINE, (hold.exchange_id,)).fetchone():
                    self._cursor.execute(_INSERT_HOLDS[1].replace("INSERT", "INSERT OR IGNORE", 1), hold_values(hold))
            for exchange_id, amount in batch.extended.items():
                self._cursor.execute(_EXTEND_HOLD, (amount, exchange_id))
        refused: dict[int, LineRefused] = {}
        for position, line in enumerate(batch.closes):
            self._cursor.execute("SAVEPOINT line")
            try:
                self._close_carefully(line)
            except (LineRefused, sqlite3.IntegrityError, sqlite3.ProgrammingError, ValueError, OverflowError) as error:
                self._cursor.execute("ROLLBACK TO line")
                refused[position] = error if isinstance(error, LineRefused) else LineRefused(str(error))
            self._cursor.execute("RELEASE line")
        for purse_id, amount in batch.returns.items():
            lent = self._lease(purse_id)
            if lent:
                self._give_back(purse_id, min(amount, lent))
        grants = [self._borrow(borrow) if alive else NOTHING for borrow in batch.borrows]
        for purse_id in batch.reached:
            self._tell(EventKind.CAP_REACHED, purse_id, str(purse_id))
        wanted = self._wanted() if alive and batch.look_wanted else ()
        steps = after_refusals(batch.answers, frozenset(batch.closes[position].exchange_id for position in refused))
        return Written(
            grants=grants,
            refused=refused,
            fenced=not alive,
            refused_loans=self._refused_loans,
            wanted=wanted,
            answers=self._answers(steps if alive else without_claims(steps)),
        )

    def _close_carefully(self, line: ExchangeLine) -> None:
        found = self._cursor.execute(_READ_LINE, (line.exchange_id,)).fetchone()
        if found is not None:
            if found == line_values(line):
                return
            raise LineRefused(f"exchange {line.exchange_id} is closed already, as {found[4]}")
        purses_charged = [line.payer_id, *(cap for cap in line.caps if self._exists(cap))]
        room = min(self._room(purse_id) for purse_id in purses_charged)
        line = line.with_paid(min(line.paid, room))
        self._cursor.execute(_INSERT_LINES[1], line_values(line))
        self._add_usage((line,))
        self._cursor.execute(_DELETE_HOLD, (line.exchange_id,))
        paid = line.paid
        if paid:
            for purse_id in purses_charged:
                from_lease = min(paid, self._lease(purse_id))
                if from_lease:
                    self._spend_lease(purse_id, from_lease)
                self._spend_purse(purse_id, paid, from_lease=from_lease)

    def _borrow(self, borrow: Borrow) -> Grant:
        purse_id, needed = borrow.purse_id, borrow.needed_nanos
        if borrow.cap is not None and not self._make_cap_purse(borrow.cap):
            return NOTHING
        balance, leased = self._purse(purse_id)
        available = balance - leased
        granted = lend_nanos(needed_nanos=needed, available_nanos=available)
        others = 0
        if granted:
            self._exactly_one(_LEND, (granted, purse_id, granted))
            self._cursor.execute(_ADD_LEASE, (self._worker_id, purse_id, granted))
        else:
            others = leased - self._lease(purse_id)
            if others > 0:
                self._cursor.execute(_WANT, (self._now_ms, purse_id))
                self._refused_loans = True
        return Grant(
            granted_nanos=granted,
            available_nanos=available - granted,
            scarce=granted <= needed,
            others_nanos=others,
        )

    def _make_cap_purse(self, cap: CapWindow) -> bool:
        """Insert the purse of a cap's window unless it is there, and bring it to the limit that the cap has now.

        False when its id is another's: a client may name end users until the hash of one is the id of somebody's purse.
        """
        whole = (cap.limit_nanos, 0, cap.alert_nanos, 0)
        window = (cap.cap_id, cap.subject, cap.start_ms, cap.end_ms, cap.limit_nanos)
        self._cursor.execute(_ADD_PURSE, (cap.purse_id, PurseKind.CAP.value, cap.account_id, *whole, *window))
        self._cursor.execute(_FIT_PURSE, (cap.purse_id, self._now_ms))
        return self._cursor.execute(_IS_OF_CAP, (cap.purse_id, cap.cap_id)).fetchone() is not None

    def _give_back(self, purse_id: int, amount_nanos: int) -> None:
        self._spend_lease(purse_id, amount_nanos)
        self._exactly_one(_RETURN, (amount_nanos, purse_id))
        self._cursor.execute(_DROP_EMPTY_LEASE, (self._worker_id, purse_id, 0))

    def _spend_lease(self, purse_id: int, amount_nanos: int) -> None:
        self._exactly_one(_SPEND_LEASE, (amount_nanos, self._worker_id, purse_id, amount_nanos))

    def _spend_purse(self, purse_id: int, paid: int, *, from_lease: int) -> None:
        values = (paid, from_lease, purse_id, paid)
        if self._cursor.execute(_SPEND_QUIETLY, values).rowcount == 1:
            return
        found = self._cursor.execute(_SPEND_PURSE, values).fetchall()
        if len(found) != 1:
            raise _Unexpected
        if found[0][0]:
            self._tell(None, purse_id, f"{purse_id}:{self._now_ms}")

    def _tell(self, kind: EventKind | None, purse_id: int, subject: str) -> None:
        """Write an event about a purse: of the given kind, or that its balance fell to its alert."""
        row = self._cursor.execute(_READ_WHOLE_PURSE, (purse_id,)).fetchone()
        if row is None:  # of a cap that lent nothing yet
            return
        purse = dict(zip(purses.columns.keys(), row, strict=True))
        values = purse_event_values(purse, kind, subject, now_ms=self._now_ms)
        self._cursor.execute(_ADD_EVENT, values)

    def _add_usage(self, lines: Iterable[ExchangeLine]) -> None:
        for row in summed(lines):
            self._cursor.execute(_ADD_USAGE, row)

    def _answers(self, steps: Sequence[AnswerStep]) -> Sequence[AnswerFound | None]:
        return steps_taken(self._cursor.execute, steps, worker_id=self._worker_id, now_ms=self._now_ms)

    def _wanted(self) -> tuple[int, ...]:
        rows = self._cursor.execute(_WANTED, (self._worker_id, 0, self._now_ms - WANTED_MS)).fetchall()
        return tuple(row[0] for row in rows)

    def _lives(self) -> bool:
        return self._cursor.execute(_WORKER_LIVES, (self._worker_id,)).fetchone() is not None

    def _exists(self, purse_id: int) -> bool:
        return self._cursor.execute(_READ_PURSE, (purse_id,)).fetchone() is not None

    def _room(self, purse_id: int) -> int:
        """Return what a purse can pay: what this worker has borrowed of it, and what it has not lent."""
        balance, leased = self._purse(purse_id)
        return self._lease(purse_id) + balance - leased

    def _lease(self, purse_id: int) -> int:
        row = self._cursor.execute(_READ_LEASE, (self._worker_id, purse_id)).fetchone()
        return 0 if row is None else row[0]

    def _purse(self, purse_id: int) -> tuple[int, int]:
        row = self._cursor.execute(_READ_PURSE, (purse_id,)).fetchone()
        return (0, 0) if row is None else row

    def _exactly_one(self, statement: str, values: Values) -> None:
        if self._cursor.execute(statement, values).rowcount != 1:
            raise _Unexpected

    def _insert_lines(self, lines: Sequence[ExchangeLine]) -> None:
        plain = [plain_values(line) for line in lines if is_plain(line)]
        self._in_chunks(_INSERT_PLAIN_LINES, plain)
        if len(plain) < len(lines):
            self._in_chunks(_INSERT_LINES, [line_values(line) for line in lines if not is_plain(line)])

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
