"""Writes a batch of lines and loans in one transaction on PostgreSQL: the only place where charges become durable there.

Has an event loop of its own, for asyncpg, which turns only while a batch is written, in the thread of whoever writes.
Many workers on many hosts write at once: each locks its own row first, so that it cannot be taken for dead meanwhile,
and then the purses it needs, always in the order of their ids.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import asyncpg
import uvloop

from tollway.store.batch import Batch, Borrow, Written
from tollway.store.durability import Durability
from tollway.store.postgres import statements as sql
from tollway.store.postgres.address import Address
from tollway.store.postgres.careful_writer import write_carefully
from tollway.store.postgres.connections import connect
from tollway.store.postgres.pen import Pen, Unexpected, cap_purse_values
from tollway.store.postgres.quick_writer import is_ordinary, write_at_once, write_quickly
from tollway.store.postgres.trouble import AGAIN, OUTSIDE, StoreTrouble, is_defect, sentence

WRITE_S = 5.0
"""By when a batch is written, or given up until the next try: a pause of the database ends, and we must notice."""
CLOSE_S = 1.0
TRIES = 5
"""After a deadlock, which only somebody can cause who locks purses in another order."""
PURSES_KNOWN_MAX = 100_000
"""Windows of caps whose purses are known to be there: a few megabytes."""

Way = Callable[[Pen, Batch], Awaitable[tuple[Written, str | None]]]
"""A way of writing a batch: begins a transaction; returns what came of it, and its id if it moved money."""
Returned = TypeVar("Returned")


class _Unsure(NamedTuple):
    """A batch whose commit was asked for and not heard of."""

    batch: Batch
    transaction: str
    written: Written


class LedgerWriter:
    """Writes for one worker on one connection. Used by one thread at a time."""

    def __init__(self, address: Address, durability: Durability, worker_id: int) -> None:
        """Write into the database at `address`, connecting when needed."""
        self._address = address
        self._durability: Durability = durability
        self._worker_id = worker_id
        self._loop = uvloop.new_event_loop()
        self._connection: asyncpg.Connection | None = None
        self._unsure: _Unsure | None = None
        self._made: set[int] = set()

    def write(self, batch: Batch, now_ms: int) -> Written:
        """Commit the whole batch; when it returns, all of it is durable.

        Raises StoreTrouble when the database cannot be written now, or did not say whether it was: then the same batch
        is to be written again, and is in the books once.
        """
        return self._run(self._write(batch, now_ms))

    def close(self) -> None:
        """Close the connection; may be called again."""
        if not self._loop.is_closed():
            self._run(self._hang_up())
            self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Returned]) -> Returned:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._loop.run_until_complete(work)
        # No loop turns inside another: who writes from one, as tests do, waits for a thread.
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(self._loop.run_until_complete, work).result()

    async def _write(self, batch: Batch, now_ms: int) -> Written:
        try:
            async with asyncio.timeout(WRITE_S):
                return await self._heard_of(batch) or await self._write_anew(batch, now_ms)
        except (*OUTSIDE, StoreTrouble) as error:
            # Whatever its state is: the next try has a new connection.
            if self._connection is not None:
                self._connection.terminate()
                self._connection = None
            raise StoreTrouble(f"{self._address.shown}: {sentence(error)}") from error

    async def _heard_of(self, batch: Batch) -> Written | None:
        """Return what came of the batch if it was committed after all when nobody heard of it; None to write it anew."""
        unsure = self._unsure
        if unsure is None or unsure.batch is not batch:
            return None
        connection = await self._connected()
        try:
            became: str | None = await connection.fetchval(sql.BECAME, unsure.transaction)
        except asyncpg.InvalidParameterValueError:
            became = None  # after a failover to a server that missed it: none has come so far there
        if became == "in progress":
            raise StoreTrouble("the server has not ended the transaction of a connection that broke off")
        self._unsure = None
        lines = batch.closes
        # After a failover to a server that missed it, the same number may be another transaction's.
        here = not lines or await connection.fetchval(sql.IS_WRITTEN, lines[0].exchange_id)
        return unsure.written if became == "committed" and here else None

    async def _write_anew(self, batch: Batch, now_ms: int) -> Written:
        connection = await self._connected()
        pen = Pen(connection, worker_id=self._worker_id, now_ms=now_ms)
        for _ in range(TRIES - 1):
            try:
                return await self._try(pen, batch)
            except asyncpg.PostgresError as error:
                if error.sqlstate not in AGAIN:
                    raise
        return await self._try(pen, batch)

    async def _try(self, pen: Pen, batch: Batch) -> Written:
        if is_ordinary(batch):
            try:
                return await write_at_once(pen, batch)
            except (ValueError, OverflowError):
                pass
            except asyncpg.PostgresError as error:
                if not is_defect(error.sqlstate):
                    raise
        try:
            await self._make_caps(pen.connection, batch.borrows)
            return await self._transaction(pen, batch, write_quickly)
        except (Unexpected, ValueError, OverflowError):
            pass
        except asyncpg.PostgresError as error:
            if not is_defect(error.sqlstate):
                raise
        self._made.clear()
        await self._make_caps(pen.connection, batch.borrows)
        return await self._transaction(pen, batch, write_carefully)

    async def _make_caps(self, connection: asyncpg.Connection, borrows: Sequence[Borrow]) -> None:
        """Make the purses of caps that are not there yet, in a transaction of their own, always in the same order.

        In the batch's own, a worker could wait for the purse of another's transaction while that waits for its purses.
        """
        caps = {borrow.purse_id: borrow.cap for borrow in borrows if borrow.cap is not None}
        new = sorted(caps.keys() - self._made)
        if new:
            await connection.executemany(sql.ADD_PURSE, [cap_purse_values(caps[purse_id]) for purse_id in new])
            if len(self._made) >= PURSES_KNOWN_MAX:
                self._made.clear()
            self._made.update(new)

    async def _transaction(self, pen: Pen, batch: Batch, way: Way) -> Written:
        connection = pen.connection
        try:
            written, transaction = await way(pen, batch)
            if batch.probes:
                await connection.execute(sql.PROBE, str(pen.now_ms))
            if transaction is not None:
                self._unsure = _Unsure(batch, transaction, written)
            ended = await connection.execute("COMMIT")
        except (Unexpected, asyncpg.PostgresError, ValueError, OverflowError):
            await connection.execute("ROLLBACK")
            self._unsure = None
            raise
        self._unsure = None
        assert ended == "COMMIT", "a transaction in which something failed was rolled back"
        return written

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._address, "charges", self._durability, statement_s=WRITE_S)
        return self._connection

    async def _hang_up(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(*OUTSIDE):
                await self._connection.close(timeout=CLOSE_S)
