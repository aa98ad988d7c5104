"""One state machine drives the plain book and the real thing: Books and the SQL store, two workers on one file."""

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tollway.billing import books
from tollway.billing.accounts import Accounts
from tollway.billing.books import Books, HoldNotOpen, Shortage
from tollway.catalog.records import PriceCard
from tollway.errors import CommandRefused
from tollway.id_source import IdSource
from tollway.ledger.book import Book
from tollway.ledger.lines import ExchangeLine, Hold, Outcome
from tollway.money import PPM, divide_up
from tollway.neutral.usage import Basis, Usage
from tollway.store import group_commit
from tollway.store.group_commit import GroupCommit
from tollway.store.sqlite import connect
from tollway.store.store import Store

CARD = PriceCard(id=1, provider="p", model="m", currency="USD", input=1_000_000, output=0, source="test")
BALANCES = st.sampled_from([0, 50, 100, 1000, 4000])
AMOUNTS = st.one_of(st.integers(1, 60), st.sampled_from([0, 1, 100, 900]))
COSTS = st.one_of(
    st.tuples(st.just("near the hold"), st.sampled_from([0, -1, 1, -10, 10, 40])),
    st.tuples(st.just("any"), AMOUNTS),
    st.tuples(st.just("free"), st.just(0)),
)
PLACES = st.integers(0, 1)
PICKS = st.integers(0, 7)
TTL_MS = 1000
FEE_PPM = 100_000

T = TypeVar("T")
Event = tuple[Any, ...]


class LiveWorker:
    """A worker without a thread: it commits when told to."""

    def __init__(self, url: str, now_ms: int) -> None:
        """To be called inside the loop."""
        self.store = Store.open(url, durability="normal")
        self.worker = self.store.register_worker(now_ms)
        self.ids = IdSource(worker=self.worker.number, after=self.worker.last_id)
        self.commits: GroupCommit = self.store.group_commit(self.worker)
        self.books = Books(self.commits)
        self.open: dict[int, Hold] = {}
        self.undurable: list[tuple[ExchangeLine, asyncio.Future[None]]] = []

    def die(self) -> None:
        """Leave everything as it is, as SIGKILL does: the operating system drops the lock."""
        self.store.close()


async def new_worker(url: str, now_ms: int) -> LiveWorker:
    return LiveWorker(url, now_ms)


class BooksMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="books-"))
        self.url = f"sqlite:///{self.folder / 'books.db'}"
        self.loop = asyncio.new_event_loop()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(group_commit, "HOLD_AGE_S", 3600)  # here holds age when a rule says so
        self.patch.setattr(books, "ASK_AGAIN_S", ())  # and nobody gives anything back while one waits
        self.now_ms = 1_000_000
        self.events: list[Event] = []
        self.office = Store.open(self.url, durability="normal")
        self.connection = connect(self.folder / "books.db", durability="normal")
        self.office.record_cards([CARD], self.now_ms)
        self.accounts = Accounts(self.office, self.office.ids())
        self.workers: list[LiveWorker | None] = [None, None]
        self.account_ids: list[int] = []

    def teardown(self) -> None:
        for worker in self.workers:
            if worker is not None:
                self.step(worker)
                self.run(worker.commits.stop())
                worker.store.close()
        self.office.reclaim_dead_workers(self.now_ms)
        if self.account_ids:
            report = self.office.check()
            assert not report.problems, report.problems
            assert report.counts["holds"] == report.counts["leases"] == report.counts["workers"] == 0
        self.office.close()
        self.connection.close()
        self.loop.close()
        self.patch.undo()
        shutil.rmtree(self.folder)

    # -- what happens

    @initialize(amounts=st.tuples(BALANCES, BALANCES))
    def two_accounts_and_two_workers(self, amounts: tuple[int, int]) -> None:
        for amount in amounts:
            account = self.accounts.create("account", credit_nanos=amount)
            self.account_ids.append(account.id)
            self.events.append(("add_account", account.id))
            if amount:
                self.events.append(("credit", account.id, amount))
        for place in (0, 1):
            self.revive(place)

    @rule(which=PLACES, amount=AMOUNTS.filter(bool), taken=st.booleans())
    def money_comes_or_goes(self, which: int, amount: int, taken: bool) -> None:
        account_id = self.account_ids[which]
        if not taken:
            self.accounts.credit(account_id, amount, "top up")
            self.events.append(("credit", account_id, amount))
            return
        balance, leased = self.purse(account_id)
        if balance - leased < amount:
            with pytest.raises(CommandRefused):
                self.accounts.debit(account_id, amount, "correction")
        else:
            self.accounts.debit(account_id, amount, "correction")
            self.events.append(("debit", account_id, amount))

    @precondition(lambda self: self.alive())
    @rule(place=PLACES, which=PLACES, amounts=st.lists(AMOUNTS, min_size=1, max_size=3))
    def hold(self, place: int, which: int, amounts: list[int]) -> None:
        for amount in amounts:
            self.hold_one(self.worker_at(place), self.account_ids[which], amount)

    def hold_one(self, worker: LiveWorker, account_id: int, amount: int) -> None:
        hold = Hold(
            exchange_id=worker.ids.next(),
            account_id=account_id,
            payer_id=account_id,
            key_id=1,
            worker_id=worker.worker.id,
            amount_nanos=amount,
            model_asked="m",
            started_ms=self.now_ms,
            expires_ms=self.now_ms + TTL_MS,
        )
        shortage = self.run(self.stepping(worker, worker.books.hold(hold)))
        if shortage is not None:
            balance, leased = self.purse(hold.account_id)
            slice_ = worker.books.slice_of(hold.account_id)
            assert slice_ is not None
            assert balance - leased + slice_.free_nanos == shortage.available_nanos < amount
        else:
            worker.open[hold.exchange_id] = hold
            self.events.append(
                ("hold", hold.exchange_id, hold.account_id, {"amount_nanos": amount, "expires_ms": hold.expires_ms})
            )

    @precondition(lambda self: self.some_hold_is_open())
    @rule(place=PLACES, pick=PICKS, cost=COSTS, committed=st.booleans())
    def close(self, place: int, pick: int, cost: tuple[str, int], committed: bool) -> None:
        worker = self.worker_with_an_open_hold(place)
        hold = worker.open.pop(sorted(worker.open)[pick % len(worker.open)])
        how, amount = cost
        if how == "near the hold":
            amount = max(0, hold.amount_nanos + amount)
        base = amount * 10 // 11
        fee = divide_up(base * FEE_PPM, PPM)
        outcome = Outcome.FAILED if how == "free" else Outcome.COMPLETED
        line, durable = worker.books.close(closing(hold, base, fee, now_ms=self.now_ms, outcome=outcome))
        worker.undurable.append((line, durable))
        charge = {"base_nanos": base, "fee_nanos": fee, "written_off_nanos": line.written_off_nanos}
        self.events.append(("void", hold.exchange_id) if how == "free" else ("settle", hold.exchange_id, charge))
        with pytest.raises(HoldNotOpen):
            worker.books.close(line)
        if committed:
            self.step(worker)

    @precondition(lambda self: self.alive())
    @rule(place=PLACES, what=st.sampled_from(["commit", "announce", "age", "give back", "expire"]), pick=PICKS)
    def time_passes(self, place: int, what: str, pick: int) -> None:
        worker = self.worker_at(place)
        if what == "commit":
            self.step(worker)
            problems = [problem for problem in self.office.check().problems if "a worker that died" not in problem]
            assert not problems
        elif what == "announce" and worker.open:
            worker.books.announce(sorted(worker.open)[pick % len(worker.open)])
        elif what == "age":
            worker.commits._age()
        elif what == "give back":
            worker.books.give_back_idle()
        elif what == "expire":
            self.now_ms += TTL_MS * pick // 7
            self.events.append(("expire", self.now_ms))
            for line in (line for alive in self.alive() for line in alive.books.expire(self.now_ms)):
                assert line.outcome is Outcome.EXPIRED
                for alive in self.alive():
                    alive.open.pop(line.exchange_id, None)

    @precondition(lambda self: self.alive())
    @rule(place=PLACES, pick=PICKS, reclaimed=st.booleans())
    def die(self, place: int, pick: int, reclaimed: bool) -> None:
        if pick < 5:  # death is rarer than work
            return
        worker = self.worker_at(place)
        worker.die()
        self.workers[self.workers.index(worker)] = None
        lost = {line.exchange_id for line, _ in worker.undurable}
        self.events = [
            ("void", event[1]) if event[0] == "settle" and event[1] in lost else event for event in self.events
        ]
        self.events += [("void", exchange_id) for exchange_id in worker.open]
        if reclaimed:
            self.office.reclaim_dead_workers(self.now_ms)
            assert not self.office.check().problems

    @precondition(lambda self: None in self.workers)
    @rule(place=PLACES)
    def revive(self, place: int) -> None:
        place = place if self.workers[place] is None else 1 - place
        self.workers[place] = self.run(new_worker(self.url, self.now_ms))

    # -- what always holds

    @invariant()
    def the_store_agrees_with_the_book(self) -> None:
        if not self.account_ids:
            return
        book = folded(self.events)
        alive = self.alive()
        for account_id in self.account_ids:
            balance, leased = self.purse(account_id)
            pending = sum(
                line.total_nanos for worker in alive for line, _ in worker.undurable if line.account_id == account_id
            )
            held = sum(
                hold.amount_nanos for worker in alive for hold in worker.open.values() if hold.account_id == account_id
            )
            assert balance == book.balance(account_id) + pending
            assert held == book.held(account_id)
            assert held + pending <= leased <= balance
        assert all(sum(posting.amount_nanos for posting in postings) == 0 for postings in book.transactions)

    @invariant()
    def a_worker_has_what_the_store_says_it_borrowed(self) -> None:
        for worker in self.workers:
            for account_id in self.account_ids if worker else ():
                assert worker is not None
                slice_ = worker.books.slice_of(account_id)
                mine = 0 if slice_ is None else slice_.free_nanos + slice_.held_nanos
                assert slice_ is None or min(slice_.free_nanos, slice_.held_nanos) >= 0
                queued = worker.commits._next.batch.returns.get(account_id, 0)
                spent = sum(line.total_nanos for line, _ in worker.undurable if line.account_id == account_id)
                assert mine + queued + spent == self.lease(worker.worker.id, account_id)

    # -- the machinery

    def alive(self) -> list[LiveWorker]:
        return [worker for worker in self.workers if worker is not None]

    def some_hold_is_open(self) -> bool:
        return any(worker.open for worker in self.alive())

    def worker_at(self, place: int) -> LiveWorker:
        """The worker at a place, or the other one when that place is empty."""
        return self.workers[place] or self.alive()[0]

    def worker_with_an_open_hold(self, place: int) -> LiveWorker:
        worker = self.worker_at(place)
        return worker if worker.open else next(worker for worker in self.alive() if worker.open)

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(what)

    def step(self, worker: LiveWorker) -> None:
        worker.commits.step()
        for _, durable in worker.undurable:
            assert not durable.done() or durable.exception() is None
        worker.undurable = [(line, durable) for line, durable in worker.undurable if not durable.done()]

    async def stepping(self, worker: LiveWorker, what: Coroutine[Any, Any, None]) -> Shortage | None:
        """Await a hold: without a thread, somebody has to commit what it borrows."""
        task = asyncio.ensure_future(what)
        while not task.done():
            await asyncio.sleep(0)
            self.step(worker)
        refused = task.exception()
        assert refused is None or isinstance(refused, Shortage)
        return refused

    def purse(self, account_id: int) -> tuple[int, int]:
        return self.connection.execute(
            "SELECT balance_nanos, leased_nanos FROM purses WHERE id = ?", (account_id,)
        ).fetchone()

    def lease(self, worker_id: int, account_id: int) -> int:
        row = self.connection.execute(
            "SELECT amount_nanos FROM leases WHERE worker_id = ? AND purse_id = ?", (worker_id, account_id)
        ).fetchone()
        return 0 if row is None else row[0]


def closing(hold: Hold, base: int, fee: int, *, now_ms: int, outcome: Outcome) -> ExchangeLine:
    return ExchangeLine(
        exchange_id=hold.exchange_id,
        account_id=hold.account_id,
        key_id=hold.key_id,
        worker_id=hold.worker_id,
        outcome=outcome,
        status=200,
        started_ms=hold.started_ms,
        ended_ms=now_ms,
        streamed=False,
        lane="verbatim",
        model_asked=hold.model_asked,
        provider="p",
        model_routed="m",
        usage=Usage(input=base),
        basis=Basis.REPORTED,
        card_id=CARD.id,
        fee_ppm=FEE_PPM,
        hold_nanos=hold.amount_nanos,
        base_nanos=base,
        fee_nanos=fee,
    )


def folded(events: list[Event]) -> Book:
    book = Book()
    for name, *values in events:
        named = values.pop() if isinstance(values[-1], dict) else {}
        getattr(book, name)(*values, **named)
    return book


TestTheStoreAgreesWithTheBook = BooksMachine.TestCase
TestTheStoreAgreesWithTheBook.settings = settings(
    max_examples=100,
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
