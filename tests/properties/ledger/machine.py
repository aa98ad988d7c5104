"""One state machine drives the plain book and the real thing: Books and the SQL store, two workers on one store.

Money comes and goes; packages are bought, spent and over; caps limit; holds are made, extended, closed and expire;
commits are late, fail, or succeed without anybody hearing of it; workers die at any moment and are reclaimed.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import insert, select

from tollway.billing import books
from tollway.billing.accounts import Accounts
from tollway.billing.books import Books, HoldNotOpen, Shortage
from tollway.catalog.records import PriceCard
from tollway.errors import CommandRefused
from tollway.id_source import IdSource
from tollway.ledger.book import Book, Paid
from tollway.ledger.lines import Attribution, ExchangeLine, Hold, Outcome
from tollway.ledger.purses import CapWindow, PurseKind, cap_purse_id
from tollway.ledger.records import TOKENS, package_leg, packages_issued
from tollway.money import PPM, divide_up
from tollway.neutral.usage import Basis, Usage
from tollway.store import group_commit
from tollway.store.group_commit import GroupCommit, Writer
from tollway.store.ledger_writer import Batch, Written
from tollway.store.store import Store
from tollway.store.tables import caps, leases, packages, products, purses, transfers

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
CAPS = st.sets(st.integers(0, 2), max_size=2)
CAP_LIMITS = (90, 700, 5000)
TTL_MS = 1000
FEE_PPM = 100_000

T = TypeVar("T")
Event = tuple[Any, ...]


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

    def die(self) -> None:
        """Leave everything as it is, as SIGKILL does: the operating system drops the lock."""
        self.store.close()
        if self.commits._page is not None:
            self.commits._page.close()


async def new_worker(url: str, now_ms: int) -> LiveWorker:
    return LiveWorker(url, now_ms)


class BooksMachine(RuleBasedStateMachine):
    """Subclasses say where the store is."""

    def open_place(self) -> str:
        """Make an empty place for a store and return its URL."""
        raise NotImplementedError

    def close_place(self) -> None:
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.url = self.open_place()
        self.loop = asyncio.new_event_loop()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(group_commit, "HOLD_AGE_S", 3600)  # here holds age when a rule says so
        self.patch.setattr(books, "ASK_AGAIN_S", ())  # and nobody gives anything back while one waits
        self.now_ms = 1_000_000
        self.events: list[Event] = []
        self.office = Store.open(self.url, durability="normal")
        self.office.record_cards([CARD], self.now_ms)
        self.ids = self.office.ids()
        self.accounts = Accounts(self.office, self.ids)
        self.workers: list[LiveWorker | None] = [None, None]
        self.account_ids: list[int] = []
        self.package_ids: list[int] = []
        self.owners: dict[int, int] = {}
        self.caps: list[tuple[CapWindow, ...]] = []

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
        self.loop.close()
        self.patch.undo()
        self.close_place()

    # -- what happens

    @initialize(amounts=st.tuples(BALANCES, BALANCES))
    def two_accounts_with_caps_and_two_workers(self, amounts: tuple[int, int]) -> None:
        for amount in amounts:
            account = self.accounts.create("account", credit_nanos=amount)
            self.account_ids.append(account.id)
            self.events.append(("add_account", account.id))
            if amount:
                self.events.append(("credit", account.id, amount))
            self.caps.append(tuple(cap_window(account.id, number) for number in range(len(CAP_LIMITS))))
            self.add_caps(account.id)
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

    @precondition(lambda self: len(self.package_ids) < 2)
    @rule(which=PLACES, amount=st.sampled_from([40, 500]))
    def a_package_begins(self, which: int, amount: int) -> None:
        account_id, package_id = self.account_ids[which], self.ids.next()
        self.add_package(package_id, account_id, amount)
        self.package_ids.append(package_id)
        self.owners[package_id] = account_id
        self.events.append(
            ("add_package", package_id, account_id, {"unit": "tokens", "amount": amount, "price_nanos": 0})
        )

    @precondition(lambda self: self.alive())
    @rule(place=PLACES, which=st.integers(0, 3), amounts=st.lists(AMOUNTS, min_size=1, max_size=3), capped=CAPS)
    def hold(self, place: int, which: int, amounts: list[int], capped: set[int]) -> None:
        payers = (*self.account_ids, *self.package_ids)
        payer_id = payers[which % len(payers)]
        windows = ()
        if payer_id in self.account_ids:
            windows = tuple(self.caps[self.account_ids.index(payer_id)][number] for number in sorted(capped))
        for amount in amounts:
            self.hold_one(self.worker_at(place), payer_id, amount, windows)

    def hold_one(self, worker: LiveWorker, payer_id: int, amount: int, windows: tuple[CapWindow, ...]) -> None:
        hold = Hold(
            exchange_id=worker.ids.next(),
            account_id=self.owner(payer_id),
            payer_id=payer_id,
            key_id=1,
            worker_id=worker.worker.id,
            amount_nanos=amount,
            model_asked="m",
            started_ms=self.now_ms,
            expires_ms=self.now_ms + TTL_MS,
            caps=windows,
            attribution=Attribution(tag="t" if windows else None),
        )
        shortage = self.run(self.stepping(worker, worker.books.hold(hold)))
        if shortage is not None:
            self.check_shortage(worker, shortage, amount)
        else:
            worker.open[hold.exchange_id] = hold
            self.events += [("add_cap", cap.purse_id, cap.limit_nanos) for cap in windows]
            self.events.append(
                (
                    "hold",
                    hold.exchange_id,
                    hold.payer_id,
                    {
                        "amount_nanos": amount,
                        "expires_ms": hold.expires_ms,
                        "caps": tuple(cap.purse_id for cap in windows),
                    },
                )
            )

    def check_shortage(self, worker: LiveWorker, shortage: Shortage, amount: int) -> None:
        balance, leased = self.purse(shortage.purse_id)
        slice_ = worker.books.slice_of(shortage.purse_id)
        assert slice_ is not None
        assert balance - leased + slice_.free_nanos == shortage.available_nanos < amount

    @precondition(lambda self: self.some_hold_is_open())
    @rule(place=PLACES, pick=PICKS, extra=AMOUNTS)
    def extend(self, place: int, pick: int, extra: int) -> None:
        worker = self.worker_with_an_open_hold(place)
        hold = worker.open[sorted(worker.open)[pick % len(worker.open)]]
        shortage = self.run(self.stepping(worker, worker.books.extend(hold.exchange_id, extra)))
        if shortage is not None:
            self.check_shortage(worker, shortage, extra)
        else:
            self.events.append(("extend", hold.exchange_id, extra))
            assert worker.books.held_nanos(hold.exchange_id) == hold.amount_nanos + extra
            worker.open[hold.exchange_id] = worker.books._open[hold.exchange_id]

    @precondition(lambda self: self.some_hold_is_open())
    @rule(place=PLACES, pick=PICKS, cost=COSTS, committed=st.booleans())
    def close(self, place: int, pick: int, cost: tuple[str, int], committed: bool) -> None:
        worker = self.worker_with_an_open_hold(place)
        hold = worker.open.pop(sorted(worker.open)[pick % len(worker.open)])
        how, amount = cost
        if how == "near the hold":
            amount = max(0, hold.amount_nanos + amount)
        asked = closing(
            hold, amount, now_ms=self.now_ms, outcome=Outcome.FAILED if how == "free" else Outcome.COMPLETED
        )
        line, durable = worker.books.close(asked)
        worker.undurable.append((line, durable))
        paid = Paid(
            base_nanos=line.base_nanos,
            fee_nanos=line.fee_nanos,
            written_off_nanos=line.written_off_nanos,
            package_micros=line.package_micros,
            package_due_micros=asked.package_micros,
        )
        self.events.append(("void", hold.exchange_id) if how == "free" else ("settle", hold.exchange_id, paid))
        with pytest.raises(HoldNotOpen):
            worker.books.close(line)
        with pytest.raises(HoldNotOpen):
            self.run(worker.books.extend(hold.exchange_id, 1))
        if committed:
            self.step(worker)

    @precondition(lambda self: self.alive())
    @rule(
        place=PLACES,
        what=st.sampled_from(["commit", "commit unheard", "announce", "age", "give back", "look", "expire"]),
        pick=PICKS,
    )
    def time_passes(self, place: int, what: str, pick: int) -> None:
        worker = self.worker_at(place)
        if what.startswith("commit"):
            worker.writer.unheard = what == "commit unheard"
            self.step(worker)
            worker.writer.unheard = False
            problems = [problem for problem in self.office.check().problems if "a worker that died" not in problem]
            assert not problems
        elif what == "announce" and worker.open:
            exchange_id = sorted(worker.open)[pick % len(worker.open)]
            if worker.books.announce(exchange_id) is None:
                worker.told.add(exchange_id)
        elif what == "age":
            worker.commits._age()
        elif what == "give back":
            worker.books.give_back_idle()
        elif what == "look":
            worker.commits.look_wanted()
            self.step(worker)
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
            for exchange_id in worker.told:
                assert isinstance(self.office.exchange(exchange_id), ExchangeLine), "it was told that it leaves a line"

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
        found = self.purses()
        for purse_id in self.purse_ids():
            balance, leased = found.get(purse_id, (book.balance(purse_id), 0))  # a hold of nothing makes no purse
            pending = sum(
                line.paid for worker in alive for line, _ in worker.undurable if purse_id in (line.payer_id, *line.caps)
            )
            held = sum(
                hold.amount_nanos
                for worker in alive
                for hold in worker.open.values()
                if purse_id in (hold.payer_id, *(cap.purse_id for cap in hold.caps))
            )
            assert balance == book.balance(purse_id) + pending
            assert held == book.held(purse_id)
            assert 0 <= held + pending <= leased <= balance
        assert all(sum(posting.amount_nanos for posting in postings) == 0 for postings in book.transactions)

    @invariant()
    def a_worker_has_what_the_store_says_it_borrowed(self) -> None:
        lent = self.leases()
        for worker in self.alive() if self.account_ids else ():
            for purse_id in self.purse_ids():
                slice_ = worker.books.slice_of(purse_id)
                mine = 0 if slice_ is None else slice_.free_nanos + slice_.held_nanos
                assert slice_ is None or min(slice_.free_nanos, slice_.held_nanos) >= 0
                queued = worker.commits._next.batch.returns.get(purse_id, 0)
                spent = sum(line.paid for line, _ in worker.undurable if purse_id in (line.payer_id, *line.caps))
                borrowed = lent.get((worker.worker.id, purse_id), 0)
                assert mine + queued + spent == borrowed, f"{purse_id}: {mine}, {queued}, {spent} of {borrowed}"

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

    def purse_ids(self) -> list[int]:
        """The purses that exist: a cap's from its first hold on."""
        begun = {event[1] for event in self.events if event[0] == "add_cap"}
        caps = [cap.purse_id for account_caps in self.caps for cap in account_caps if cap.purse_id in begun]
        return [*self.account_ids, *self.package_ids, *caps]

    def owner(self, payer_id: int) -> int:
        return payer_id if payer_id in self.account_ids else self.owners[payer_id]

    def add_caps(self, account_id: int) -> None:
        with self.office._writing() as connection:
            for cap in self.caps[-1]:
                connection.execute(
                    insert(caps).values(
                        id=cap.cap_id,
                        account_id=account_id,
                        scope="tag",
                        subject=f"{cap.cap_id}",
                        window="total",
                        limit_nanos=cap.limit_nanos,
                        alert_ppm=800_000,
                        created_ms=self.now_ms,
                    )
                )

    def add_package(self, package_id: int, account_id: int, amount: int) -> None:
        words = {"name": "p", "unit": "tokens", "amount": amount, "models": "[]", "currency": "USD"}
        moved = {"amount_nanos": amount, "currency": TOKENS, "reason": "grant", "created_ms": self.now_ms}
        with self.office._writing() as connection:
            product_id = self.ids.next()
            connection.execute(
                insert(products).values(id=product_id, price_nanos=0, state="active", created_ms=self.now_ms, **words)
            )
            connection.execute(
                insert(purses).values(
                    id=package_id,
                    kind=PurseKind.PACKAGE.value,
                    account_id=account_id,
                    balance_nanos=amount,
                    leased_nanos=0,
                )
            )
            connection.execute(
                insert(packages).values(
                    id=package_id,
                    account_id=account_id,
                    product_id=product_id,
                    bought_ms=self.now_ms,
                    state="active",
                    **words,
                )
            )
            connection.execute(
                insert(transfers).values(
                    id=self.ids.next(),
                    kind="grant",
                    debit_account=packages_issued("tokens"),
                    credit_account=package_leg(package_id),
                    reference=str(package_id),
                    **moved,
                )
            )

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

    def purse(self, purse_id: int) -> tuple[int, int]:
        return self.purses()[purse_id]

    def purses(self) -> dict[int, tuple[int, int]]:
        with self.office._reading() as connection:
            rows = connection.execute(select(purses.c.id, purses.c.balance_nanos, purses.c.leased_nanos)).all()
        return {row[0]: (row[1], row[2]) for row in rows}

    def leases(self) -> dict[tuple[int, int], int]:
        with self.office._reading() as connection:
            return {(row.worker_id, row.purse_id): row.amount_nanos for row in connection.execute(select(leases))}


def cap_window(account_id: int, number: int) -> CapWindow:
    return CapWindow(
        purse_id=cap_purse_id(account_id + number, "*", 0),
        cap_id=account_id + number,
        account_id=account_id,
        subject="*",
        start_ms=0,
        end_ms=None,
        limit_nanos=CAP_LIMITS[number],
        alert_nanos=CAP_LIMITS[number] // 5,
    )


def closing(hold: Hold, cost: int, *, now_ms: int, outcome: Outcome) -> ExchangeLine:
    tokens = hold.payer_id != hold.account_id
    base = 0 if tokens else cost * 10 // 11
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
        usage=Usage(input=cost if tokens else base),
        basis=Basis.REPORTED,
        card_id=CARD.id,
        fee_ppm=FEE_PPM,
        hold_nanos=hold.amount_nanos,
        base_nanos=base,
        fee_nanos=divide_up(base * FEE_PPM, PPM),
        attribution=hold.attribution,
        package_id=hold.payer_id if tokens else None,
        package_micros=cost if tokens else 0,
        ratio_ppm=1 if tokens else None,
        caps=tuple(cap.purse_id for cap in hold.caps) if base else (),
    )


def folded(events: list[Event]) -> Book:
    book = Book()
    for name, *values in events:
        named = values.pop() if isinstance(values[-1], dict) else {}
        getattr(book, name)(*values, **named)
    return book
