"""One writer for all exchanges of a worker: takes all lines that wait, commits them at once, wakes whoever waits.

The event loop hands one batch at a time to a thread, because a disk may take milliseconds and the loop may not.
Knows no money rule and no SQL.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from typing import Protocol

from tollway import clock
from tollway.errors import TollwayError
from tollway.ledger.answers import AnswerClaim, AnswerFound, AnswerStep
from tollway.ledger.lines import ExchangeLine, Hold
from tollway.ledger.purses import CapWindow
from tollway.ledger.slices import Grant
from tollway.store.batch import Batch, Borrow, Written
from tollway.store.begun_page import BegunPage

HOLD_AGE_S = 0.02
"""A hold younger than this is not written: most exchanges against a fast provider end before, with one row in all."""
CROWD_LINES = 8
"""A commit of so many lines means that many exchanges run: the next one waits a moment for company."""
COMPANY_S = 0.001
"""That moment. It costs nothing where replies take longer than it anyway, and saved 4 of 89 µs of CPU a request at 64
connections; with one connection nobody ever waits."""
RETRY_FIRST_S = 0.01
RETRY_LAST_S = 1.0
PROBE_WAIT_S = 2.0
STOP_WAIT_S = 10.0

log = logging.getLogger(__name__)


class Writer(Protocol):
    """What writes a batch in one transaction; used by one thread at a time."""

    def write(self, batch: Batch, now_ms: int) -> Written:
        """Commit the whole batch; raises whatever the database says when nothing of it could be written."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Signal(Protocol):
    """A counter that all workers of the store see."""

    def read(self) -> int:
        """Return the counter."""
        ...

    def bump(self) -> None:
        """Move it."""
        ...


class NotDurable(TollwayError):
    """The worker stops and its last lines could not be written: their charges are not in the books."""


class _Load:
    """A batch and who waits for it, position by position."""

    __slots__ = ("answered", "batch", "closed", "lent", "opened", "probed")

    def __init__(self) -> None:
        self.batch = Batch()
        self.opened: list[asyncio.Future[None]] = []
        self.closed: list[asyncio.Future[None]] = []
        self.lent: list[asyncio.Future[Grant]] = []
        self.probed: asyncio.Future[None] | None = None
        self.answered: list[asyncio.Future[AnswerFound | None]] = []

    def __bool__(self) -> bool:
        batch = self.batch
        return bool(
            batch.closes
            or batch.holds
            or batch.borrows
            or batch.returns
            or batch.probes
            or batch.extended
            or batch.look_wanted
            or batch.reached
            or batch.answers
        )

    def waiting(self) -> list[asyncio.Future[None] | asyncio.Future[Grant] | asyncio.Future[AnswerFound | None]]:
        probed = () if self.probed is None else (self.probed,)
        return [future for future in (*self.closed, *self.lent, *self.answered, *probed) if not future.done()]


class GroupCommit:
    """What billing calls `Commits`. All methods belong to the event loop's thread."""

    def __init__(
        self,
        writer: Writer,
        *,
        page: BegunPage | None,
        lines_waiting_max: int,
        retire: Callable[[], None],
        wanted: Signal,
    ) -> None:
        """Write with `writer`; refuse new holds beyond `lines_waiting_max`; `retire` ends the worker in the store.

        Belongs to the running event loop. What begins is noted on `page`, where there is one, until its row is written.
        `wanted` moves when a worker was refused a loan of a purse that others have borrowed from.
        """
        self._writer = writer
        self._page = page
        self._loop = asyncio.get_running_loop()
        self._lines_waiting_max = lines_waiting_max
        self._retire = retire
        self._wanted = wanted
        self._wanted_seen = wanted.read()
        self._on_wanted: Callable[[int], None] | None = None
        self._next = _Load()
        self._young: dict[int, Hold] = {}
        self._grown: dict[int, Hold] = {}
        self._ageing: asyncio.TimerHandle | None = None
        self._flying: _Load | None = None
        self._due = False
        self._healthy = True
        self._fenced = False
        self._stopping = False
        self._idle: asyncio.Future[None] | None = None
        self._thread: threading.Thread | None = None
        self._inbox: queue.SimpleQueue[_Load | None] = queue.SimpleQueue()
        self._give_up = threading.Event()
        self.lines_waiting = 0
        """Closing lines that are not durable yet."""
        self._stopped = False
        self.lines_lost = 0
        """Lines that were not written when the worker stopped: their charges are not in the books."""
        self.lines_refused = 0
        """Lines that could not be written: each is a defect."""
        self.commits = 0
        self.accepting = True
        """False while nothing can be written, or too many lines wait to be."""

    @property
    def fenced(self) -> bool:
        """This worker was taken for dead and its loans were reclaimed: another one must take its place."""
        return self._fenced

    # -- for Books

    def open(self, hold: Hold) -> None:
        """Take a hold line, to be written when it is announced or 20 to 40 ms old, unless it is closed before."""
        self._young[hold.exchange_id] = hold
        if self._ageing is None:
            self._ageing = self._loop.call_later(HOLD_AGE_S, self._age)

    def announce(self, exchange_id: int) -> asyncio.Future[None] | None:
        """See to it that a crash leaves a line of this exchange; return what is done when it does, None when it does now.

        It is noted on the page; where there is none, or no room, its hold line goes into the next commit. The future is
        cancelled when the worker stops before it could be written.
        """
        waiting = self._young if exchange_id in self._young else self._grown
        hold = waiting.get(exchange_id)
        if hold is not None:
            if self._page is not None and self._page.note(hold):
                return None
            del waiting[exchange_id]
            self._next.batch.holds[exchange_id] = hold
            self._wake()
        for load in (self._next, self._flying):
            if load is not None and exchange_id in load.batch.holds:
                durable: asyncio.Future[None] = self._loop.create_future()
                if self._stopped:
                    durable.cancel()
                load.opened.append(durable)
                return durable
        return None

    def close(self, line: ExchangeLine) -> asyncio.Future[None]:
        """Take a closing line; the future is done when it is durable, or holds LineRefused or NotDurable."""
        load = self._next
        exchange_id = line.exchange_id
        unwritten = (
            self._young.pop(exchange_id, None)
            or self._grown.pop(exchange_id, None)
            or load.batch.holds.pop(exchange_id, None)
        )
        if unwritten is None:
            load.batch.ended_holds.append(exchange_id)
        durable: asyncio.Future[None] = self._loop.create_future()
        if self._stopped:
            self.lines_lost += 1
            durable.set_exception(NotDurable("the worker has stopped: this line cannot be written any more"))
            return durable
        load.batch.closes.append(line)
        load.closed.append(durable)
        self.lines_waiting += 1
        if self.lines_waiting >= self._lines_waiting_max:
            self.accepting = False
        self._wake()
        return durable

    def extended(self, hold: Hold) -> None:
        """Take a hold that was extended, for its line to say so in one of the next commits."""
        exchange_id = hold.exchange_id
        for waiting in (self._young, self._grown, self._next.batch.holds):
            if exchange_id in waiting:
                waiting[exchange_id] = hold
                return
        self._next.batch.extended[exchange_id] = hold.amount_nanos
        self._wake()

    def borrow(self, purse: int | CapWindow, needed_nanos: int) -> asyncio.Future[Grant]:
        """Ask a purse for a loan of at least what is needed; the purse of a cap is made when it is not there yet."""
        lent: asyncio.Future[Grant] = self._loop.create_future()
        asked = Borrow(purse, needed_nanos) if isinstance(purse, int) else Borrow(purse.purse_id, needed_nanos, purse)
        self._next.batch.borrows.append(asked)
        self._next.lent.append(lent)
        self._wake()
        return lent

    def tell_reached(self, purse_id: int) -> None:
        """Tell, once for its window, of a cap that a request was refused for."""
        self._next.batch.reached.add(purse_id)
        self._wake()

    def give_back(self, purse_id: int, amount_nanos: int) -> None:
        """Return borrowed money to its purse."""
        returns = self._next.batch.returns
        returns[purse_id] = returns.get(purse_id, 0) + amount_nanos
        self._wake()

    def answer(self, step: AnswerStep) -> asyncio.Future[AnswerFound | None]:
        """Take a step about an answer that is kept for a client; the future tells what a claim met, when it is durable.

        Steps happen in the order in which they are given, and in the same transaction as a line that was closed just
        before, in the same turn of the event loop. Raises NotDurable, through the future, when the worker has stopped.
        """
        answered: asyncio.Future[AnswerFound | None] = self._loop.create_future()
        if self._stopped:
            answered.set_exception(NotDurable("the worker has stopped: no answer can be kept any more"))
            return answered
        self._next.batch.answers.append(step)
        self._next.answered.append(answered)
        self._wake()
        return answered

    def on_wanted(self, give_back: Callable[[int], None]) -> None:
        """Say what to call with each purse that other workers want something back of."""
        self._on_wanted = give_back

    def look_wanted(self) -> None:
        """Find out what other workers want, if anything since the last call: to be called every 50 ms."""
        moved = self._wanted.read()
        if moved != self._wanted_seen:
            self._wanted_seen = moved
            self._next.batch.look_wanted = True
            self._wake()

    # -- for the process

    def start(self) -> None:
        """Start the writer's thread."""
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._thread.start()

    async def probe(self) -> bool:
        """Commit a tiny write; return whether that worked in time, which is what ready means."""
        if self._fenced or self._stopping:
            return False
        load = self._next
        if load.probed is None:
            load.probed = self._loop.create_future()
            load.batch.probes = 1
            self._wake()
        done, _ = await asyncio.wait((load.probed,), timeout=PROBE_WAIT_S)
        return bool(done) and load.probed.exception() is None and self.accepting

    async def stop(self) -> None:
        """Write all that waits, give every loan back and end the worker; to be called when no exchange runs.

        When the store cannot be written for ten seconds, what waits fails with NotDurable, and the worker's loans
        are left to be reclaimed.
        """
        self._stopping = True
        self.accepting = False
        if self._ageing is not None:
            self._ageing.cancel()
        if self._thread is None:
            self.step()
        elif self._flying is not None or self._next:
            self._idle = self._loop.create_future()
            done, _ = await asyncio.wait((self._idle,), timeout=STOP_WAIT_S)
            if not done:
                self._give_up.set()
                await self._idle
        self._stopped = True
        self._inbox.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        self._writer.close()
        if self._page is not None:
            self._page.close()
        if not self._give_up.is_set():
            await asyncio.to_thread(self._retire)

    def step(self) -> None:
        """Commit what waits, here and now: for a worker without a thread, as tests have it."""
        assert self._thread is None, "a started writer steps by itself"
        load, self._next = self._next, _Load()
        if load:
            self._finish(load, self._writer.write(load.batch, clock.now_ms()))

    # -- inside

    def _wake(self) -> None:
        if not self._due and self._flying is None and self._thread is not None:
            self._due = True
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        self._due = False
        if self._thread is None:  # whoever steps by hand says when the next one is written
            return
        if self._next and self._flying is None:
            load, self._next = self._next, _Load()
            self._flying = load
            self._inbox.put(load)
        elif self._idle is not None and self._flying is None and not self._idle.done():
            self._idle.set_result(None)

    def _age(self) -> None:
        """Write the holds that were there at the last turn; one timer serves them all."""
        if self._grown:
            self._next.batch.holds.update(self._grown)
            self._wake()
        self._grown = self._young
        self._young = {}
        self._ageing = self._loop.call_later(HOLD_AGE_S, self._age) if self._grown else None

    def _run(self) -> None:
        while (load := self._inbox.get()) is not None:
            written = self._write(load.batch)
            self._tell(self._finish, load, written)

    def _write(self, batch: Batch) -> Written | None:
        """Write until it is durable; None when the worker stops and it still is not."""
        pause_s = RETRY_FIRST_S
        while True:
            try:
                return self._writer.write(batch, clock.now_ms())
            except Exception:  # whatever it is, this thread must not die: all charges pass here
                log.exception("the ledger cannot be written; trying again")
                self._tell(self._sicken)
                if self._give_up.wait(pause_s):
                    return None
                pause_s = min(pause_s * 2, RETRY_LAST_S)

    def _tell(self, callback: Callable[..., None], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *args)
        except RuntimeError:
            log.exception("the event loop ended before the ledger's writer did")

    def _sicken(self) -> None:
        self._healthy = False
        self.accepting = False

    def _finish(self, load: _Load, written: Written | None) -> None:
        self._flying = None
        if len(load.closed) >= CROWD_LINES and not self._stopping:
            self._due = True
            self._loop.call_later(COMPANY_S, self._hand_over)
        else:
            self._hand_over()
        self.lines_waiting -= len(load.closed)
        if written is None:
            self.lines_lost += len(load.closed)
            for opened in load.opened:
                opened.cancel()
            for future in load.waiting():
                future.set_exception(NotDurable("the ledger could not be written before the worker stopped"))
            return
        self.commits += 1
        self._healthy = True
        self._fenced = self._fenced or written.fenced
        self.accepting = not self._stopping and not self._fenced and self.lines_waiting < self._lines_waiting_max
        self._release(load, written)
        if written.refused_loans:
            self._wanted.bump()
        if self._on_wanted is not None:
            for purse_id in written.wanted:
                self._on_wanted(purse_id)

    def _release(self, load: _Load, written: Written) -> None:
        """Wake whoever waits for a batch that is durable now."""
        for position, refusal in written.refused.items():
            self.lines_refused += 1
            log.error("a line was refused: %s", refusal)
            if not load.closed[position].done():
                load.closed[position].set_exception(refusal)
        if self._page is not None and not self._page.is_empty:
            self._forget(load, written, self._page)
        for durable in (*load.opened, *load.closed):
            if not durable.done():
                durable.set_result(None)
        for lent, grant in zip(load.lent, written.grants, strict=True):
            if not lent.done():
                lent.set_result(grant)
        if load.answered:
            self._answer(load, written)
        if load.probed is not None and not load.probed.done():
            load.probed.set_result(None)

    def _forget(self, load: _Load, written: Written, page: BegunPage) -> None:
        """Have no more on the page what is in the books now."""
        for exchange_id in load.batch.holds:
            page.forget(exchange_id)
        for position, line in enumerate(load.batch.closes):
            if position not in written.refused:
                page.forget(line.exchange_id)

    def _answer(self, load: _Load, written: Written) -> None:
        for step, answered, found in zip(load.batch.answers, load.answered, written.answers, strict=True):
            if answered.done():
                continue
            if written.fenced and isinstance(step, AnswerClaim):
                answered.set_exception(NotDurable("this worker was taken for dead: it can claim nothing"))
            else:
                answered.set_result(found)
