"""The workers of the machine: they commit when told to, hear of a commit or do not, and die at any moment."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from tollway.billing.books import Books, Shortage
from tollway.id_source import IdSource
from tollway.ledger.lines import ExchangeLine, Hold
from tollway.store.group_commit import GroupCommit, Writer
from tollway.store.ledger_writer import Batch, Written
from tollway.store.store import Store


class UnsureWriter:
    """A writer whose commits now and then succeed without anybody hearing of it: then everything is written again."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.unheard = False

    def write(self, batch: Batch, now_ms: int) -> Written:
        if self.unheard and not batch.borrows and not batch.returns:
            self.unheard = False
            self._writer.write(batch, now_ms)
        return self._writer.write(batch, now_ms)

    def close(self) -> None:
        self._writer.close()


class LiveWorker:
    """A worker without a thread: it commits when told to."""

    def __init__(self, url: str, now_ms: int) -> None:
        """To be called inside the loop."""
        self.store = Store.open(url, durability="normal")
        self.worker = self.store.register_worker(now_ms)
        self.ids = IdSource(worker=self.worker.number, after=self.worker.last_id)
        self.commits: GroupCommit = self.store.group_commit(self.worker)
        self.writer = self.commits._writer = UnsureWriter(self.commits._writer)
        self.books = Books(self.commits)
        self.commits.on_wanted(self.books.give_back_wanted)
        self.open: dict[int, Hold] = {}
        self.told: set[int] = set()
        """Exchanges of which a line must be left whenever this worker dies."""
        self.undurable: list[tuple[ExchangeLine, asyncio.Future[None]]] = []

    def step(self) -> None:
        """Commit what waits, and forget the lines that are on disk now."""
        self.commits.step()
        for _, durable in self.undurable:
            assert not durable.done() or durable.exception() is None
        self.undurable = [(line, durable) for line, durable in self.undurable if not durable.done()]

    async def stepping(self, what: Coroutine[Any, Any, None]) -> Shortage | None:
        """Await a hold: without a thread, somebody has to commit what it borrows."""
        task = asyncio.ensure_future(what)
        while not task.done():
            await asyncio.sleep(0)
            self.step()
        refused = task.exception()
        assert refused is None or isinstance(refused, Shortage)
        return refused

    def held_nanos(self, purse_id: int) -> int:
        """Return what the open holds hold of a purse."""
        return sum(
            hold.amount_nanos
            for hold in self.open.values()
            if purse_id in (hold.payer_id, *(cap.purse_id for cap in hold.caps))
        )

    def spent_nanos(self, purse_id: int) -> int:
        """Return what the lines that are not on disk yet take out of a purse."""
        return sum(line.paid for line, _ in self.undurable if purse_id in (line.payer_id, *line.caps))

    def die(self) -> None:
        """Leave everything as it is, as SIGKILL does: the operating system drops the lock."""
        self.store.close()
        self.writer.close()
        if self.commits._page is not None:
            self.commits._page.close()


class TwoWorkers:
    """The workers on one store, each at its place; a place is empty from a death until another worker begins there."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._workers: list[LiveWorker | None] = [None, None]

    async def begin(self, place: int, now_ms: int) -> None:
        """Begin a worker at a place, or at the other one when that place is taken."""
        place = place if self._workers[place] is None else 1 - place
        self._workers[place] = LiveWorker(self._url, now_ms)

    def leave(self, worker: LiveWorker) -> None:
        """Empty the place of a worker."""
        self._workers[self._workers.index(worker)] = None

    def alive(self) -> list[LiveWorker]:
        """Return the workers, in the order of their places."""
        return [worker for worker in self._workers if worker is not None]

    def one_is_missing(self) -> bool:
        return None in self._workers

    def some_hold_is_open(self) -> bool:
        return any(worker.open for worker in self.alive())

    def at(self, place: int) -> LiveWorker:
        """Return the worker at a place, or the other one when that place is empty."""
        return self._workers[place] or self.alive()[0]

    def with_an_open_hold(self, place: int) -> LiveWorker:
        """Return the worker at a place, or the other one when that has no open hold."""
        worker = self.at(place)
        return worker if worker.open else next(worker for worker in self.alive() if worker.open)
