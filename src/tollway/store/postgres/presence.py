"""This process's presence in the database: the worker numbers it holds, and what it hears of from other processes.

A number is an advisory lock of one connection that is used for nothing else. The server drops the lock when that
connection ends, whatever ended it, so a number that can be taken belongs to nobody whom the server knows to be there.
Who is alive without the server's knowing it finds out at the next charge: the writer of charges looks at its worker's
row in each transaction. Runs in a thread of its own, with an event loop of its own. Knows no key and no money.
"""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, func, select

from tollway.errors import SetupError
from tollway.ids import WORKER_NUMBER_MAX
from tollway.store.durability import Durability
from tollway.store.postgres.address import Address
from tollway.store.postgres.connections import CALL_S, CONNECT_S, connect
from tollway.store.postgres.trouble import OUTSIDE, StoreTrouble, sentence

NUMBERS = 0x746F6C6C
"""The class of our advisory locks ("toll"): other programs may use the same database."""
HEARTBEAT_S = 1.0
"""How often the connection is proven: a broken one goes unnoticed for as long as nobody says anything on it."""
HEARTBEAT_WAIT_S = 5.0
RECONNECT_S = 0.1
"""After a restart of the database, its workers are back before anybody looks for dead ones."""
LEAVE_S = 1.0
ANSWER_S = CALL_S + CONNECT_S
"""How long a caller waits: for a connection to be there again, and for the statement."""

SEEN_NOTHING_BREAK_MS = 1 << 31

log = logging.getLogger(__name__)
Returned = TypeVar("Returned")


class NumberClaim:
    """A number held by this process until released, or until the server loses sight of it."""

    __slots__ = ("_presence", "number")

    def __init__(self, number: int, presence: "Presence") -> None:
        """Take the number, which `presence` holds."""
        self.number = number
        self._presence = presence

    def release(self) -> None:
        """Let others take the number; may be called again."""
        self._presence.release(self.number)


class Channel:
    """A counter that moves when something is announced, as far as this process has heard. Satisfies backend.Signal."""

    __slots__ = ("_count", "name")

    def __init__(self, name: str) -> None:
        """Count what is announced under a name."""
        self.name = name
        self._count = 0

    def read(self) -> int:
        """Return the counter; two equal readings mean that nothing was heard of between them. No I/O."""
        return self._count

    def announce(self, connection: Connection) -> None:
        """Tell every process when the transaction of `connection` is committed."""
        connection.execute(select(func.pg_notify(self.name, "")))

    def bump(self) -> None:
        """Count at once what this process announced itself."""
        self._count += 1


class Presence:
    """The numbers 0 to 1023 of one database, and its channels. Its methods may be called from any thread."""

    def __init__(self, address: Address, durability: Durability, channels: Sequence[Channel]) -> None:
        """Take the database and what to hear of; nothing is opened before somebody asks for something."""
        self._address = address
        self._durability: Durability = durability
        self._channels = {channel.name: channel for channel in channels}
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._connection: asyncpg.Connection | None = None
        self._failure: Exception = StoreTrouble("this store is closed")
        self._tried = asyncio.Event()
        self._lost = asyncio.Event()
        self._turn = asyncio.Lock()
        self._held: set[int] = set()
        self._missing: set[int] = set()
        self._closed = False
        self._connected_at = 0.0

    # -- from any thread

    def listen(self) -> None:
        """Begin to hear of what is announced; raises StoreTrouble."""
        self._ask(self._connected())

    def back_for_ms(self) -> int:
        """Return for how long the connection has been there now; a process that never had one has seen nothing break."""
        if self._loop is None:
            return SEEN_NOTHING_BREAK_MS
        return 0 if self._connection is None else round((time.monotonic() - self._connected_at) * 1000)

    def claim(self) -> NumberClaim:
        """Take a free number; raises SetupError when all are taken, StoreTrouble when the database cannot be asked."""
        number = self._ask(self._take_any())
        if number is None:
            raise SetupError((f"{self._address.shown}: all {WORKER_NUMBER_MAX + 1} worker numbers are in use",))
        return NumberClaim(number, self)

    def try_claim(self, number: int) -> NumberClaim | None:
        """Take this number, or return None when a live process has it; raises StoreTrouble."""
        return NumberClaim(number, self) if self._ask(self._take(number)) else None

    def release(self, number: int) -> None:
        """Let others take a number; may be called again, and after `close`."""
        if number not in self._held or self._closed:
            return
        try:
            self._ask(self._give_up(number))
        except StoreTrouble:
            log.warning("worker number %d stays taken until its connection ends", number)

    def close(self) -> None:
        """End the connection, which releases every number."""
        with self._starting:
            self._closed = True
            thread, loop, keeping = self._thread, self._loop, self._keeping
            self._thread = None
        if thread is not None and loop is not None and keeping is not None:
            loop.call_soon_threadsafe(keeping.cancel)
            thread.join()

    # -- in the caller's thread

    def _ask(self, question: Coroutine[Any, Any, Returned]) -> Returned:
        try:
            loop = self._started()
        except StoreTrouble:
            question.close()
            raise
        answer = asyncio.run_coroutine_threadsafe(question, loop)
        try:
            return answer.result(ANSWER_S)
        except OUTSIDE as error:
            answer.cancel()
            raise StoreTrouble(sentence(error)) from error

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._closed:
                raise StoreTrouble("this store is closed")
            if self._loop is None:
                self._loop = asyncio.SelectorEventLoop()
                self._keeping = self._loop.create_task(self._keep())
                self._thread = threading.Thread(target=self._run, args=(self._loop, self._keeping), name="presence")
                self._thread.daemon = True
                self._thread.start()
            return self._loop

    # -- in its own thread

    def _run(self, loop: asyncio.AbstractEventLoop, keeping: asyncio.Task[None]) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(asyncio.wait((keeping,)))
        finally:
            loop.close()

    async def _keep(self) -> None:
        """Connect, and connect again whenever the connection is lost, until cancelled."""
        try:
            while True:
                self._tried.clear()
                try:
                    connection = await self._open()
                except OUTSIDE as error:
                    self._failure = error
                    self._tried.set()
                    await asyncio.sleep(RECONNECT_S)
                    continue
                self._connection = connection
                self._connected_at = time.monotonic()
                self._tried.set()
                # What was announced in between was not heard.
                for channel in self._channels.values():
                    channel.bump()
                await self._watch(connection)
                self._connection = None
                connection.terminate()
                log.warning("the connection that says that this process lives was lost: connecting again")
        finally:
            if self._connection is not None:
                await self._leave(self._connection)

    async def _leave(self, connection: asyncpg.Connection) -> None:
        """Let go of every number at once: the server may take a moment to notice the end of a connection."""
        try:
            await connection.execute("SELECT pg_advisory_unlock_all()", timeout=LEAVE_S)
        except OUTSIDE:
            log.warning("the numbers of this process stay taken until the server notices that it left")
        connection.terminate()

    async def _open(self) -> asyncpg.Connection:
        connection = await connect(self._address, "presence", self._durability, statement_s=HEARTBEAT_WAIT_S)
        try:
            self._lost.clear()
            connection.add_termination_listener(lambda _: self._lost.set())
            for name in self._channels:
                await connection.add_listener(name, self._heard)
            self._missing = set(self._held)
            await self._take_missing(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _heard(self, _: object, __: int, name: str, ___: str) -> None:
        self._channels[name].bump()

    async def _watch(self, connection: asyncpg.Connection) -> None:
        """Return when the connection is lost."""
        while not self._lost.is_set():
            try:
                await asyncio.wait_for(self._lost.wait(), HEARTBEAT_S)
            except TimeoutError:
                try:
                    async with self._turn:
                        await connection.execute("SELECT", timeout=HEARTBEAT_WAIT_S)
                        await self._take_missing(connection)
                except OUTSIDE:
                    return

    async def _take_missing(self, connection: asyncpg.Connection) -> None:
        """Take the numbers again that went with an earlier connection.

        One that cannot be taken is still held by what the server has left of that connection, or belongs to another
        process now: then our worker's row is gone, and its writer will notice.
        """
        for number in tuple(self._missing):
            if await self._lock(connection, number):
                self._missing.discard(number)

    async def _connected(self) -> asyncpg.Connection:
        await self._tried.wait()
        if self._connection is None:
            raise StoreTrouble(sentence(self._failure)) from self._failure
        return self._connection

    async def _take_any(self) -> int | None:
        """Take some free number, not the lowest: who lost its connection just now may still make ids with its own."""
        connection = await self._connected()
        async with self._turn:
            taken = {row[0] for row in await connection.fetch("SELECT number FROM workers")}
            numbers = [number for number in range(WORKER_NUMBER_MAX + 1) if number not in self._held]
            random.shuffle(numbers)
            for number in sorted(numbers, key=taken.__contains__):
                if await self._lock(connection, number):
                    self._held.add(number)
                    return number
        return None

    async def _take(self, number: int) -> bool:
        connection = await self._connected()
        async with self._turn:
            # A session may take its own lock a second time: what is ours is not free.
            free = number not in self._held and await self._lock(connection, number)
            if free:
                self._held.add(number)
            return free

    async def _give_up(self, number: int) -> None:
        connection = await self._connected()
        async with self._turn:
            await connection.execute("SELECT pg_advisory_unlock($1, $2)", NUMBERS, number)
            self._held.discard(number)
            self._missing.discard(number)

    async def _lock(self, connection: asyncpg.Connection, number: int) -> bool:
        locked: bool = await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", NUMBERS, number)
        return locked
