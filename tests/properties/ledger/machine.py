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

from tests.properties.ledger.live_workers import LiveWorker, TwoWorkers
from tests.properties.ledger.moves import (
    AMOUNTS,
    BALANCES,
    CAP_LIMITS,
    CAPS,
    CARD,
    COSTS,
    PICKS,
    PLACES,
    TTL_MS,
    Event,
    cap_window,
    closing,
    folded,
    paid_with,
)
from tests.properties.ledger.store_rows import read_leases, read_purses, write_caps, write_package
from tollway.billing import books
from tollway.billing.accounts import Accounts
from tollway.billing.books import HoldNotOpen, Shortage
from tollway.errors import CommandRefused
from tollway.ledger.lines import Attribution, ExchangeLine, Hold, Outcome
from tollway.ledger.purses import CapWindow
from tollway.store import group_commit
from tollway.store.store import Store

T = TypeVar("T")


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
        self.workers = TwoWorkers(self.url)
        self.account_ids: list[int] = []
        self.package_ids: list[int] = []
        self.owners: dict[int, int] = {}
        self.caps: list[tuple[CapWindow, ...]] = []

    def teardown(self) -> None:
        for worker in self.workers.alive():
            worker.step()
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
            write_caps(self.office, self.caps[-1], now_ms=self.now_ms)
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
        account_id = self.account_ids[which]
        package_id = write_package(self.office, self.ids, account_id=account_id, amount=amount, now_ms=self.now_ms)
        self.package_ids.append(package_id)
        self.owners[package_id] = account_id
        bought = {"unit": "tokens", "amount": amount, "price_nanos": 0}
        self.events.append(("add_package", package_id, account_id, bought))

    @precondition(lambda self: self.workers.alive())
    @rule(place=PLACES, which=st.integers(0, 3), amounts=st.lists(AMOUNTS, min_size=1, max_size=3), capped=CAPS)
    def hold(self, place: int, which: int, amounts: list[int], capped: set[int]) -> None:
        payers = (*self.account_ids, *self.package_ids)
        payer_id = payers[which % len(payers)]
        windows = ()
        if payer_id in self.account_ids:
            windows = tuple(self.caps[self.account_ids.index(payer_id)][number] for number in sorted(capped))
        for amount in amounts:
            self.hold_one(self.workers.at(place), payer_id, amount, windows)

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
        shortage = self.run(worker.stepping(worker.books.hold(hold)))
        if shortage is not None:
            self.check_shortage(worker, shortage, amount)
        else:
            worker.open[hold.exchange_id] = hold
            self.events += [("add_cap", cap.purse_id, cap.limit_nanos) for cap in windows]
            held = {
                "amount_nanos": amount,
                "expires_ms": hold.expires_ms,
                "caps": tuple(cap.purse_id for cap in windows),
            }
            self.events.append(("hold", hold.exchange_id, hold.payer_id, held))

    def check_shortage(self, worker: LiveWorker, shortage: Shortage, amount: int) -> None:
        balance, leased = self.purse(shortage.purse_id)
        slice_ = worker.books.slice_of(shortage.purse_id)
        assert slice_ is not None
        assert balance - leased + slice_.free_nanos == shortage.available_nanos < amount

    @precondition(lambda self: self.workers.some_hold_is_open())
    @rule(place=PLACES, pick=PICKS, extra=AMOUNTS)
    def extend(self, place: int, pick: int, extra: int) -> None:
        worker = self.workers.with_an_open_hold(place)
        hold = worker.open[sorted(worker.open)[pick % len(worker.open)]]
        shortage = self.run(worker.stepping(worker.books.extend(hold.exchange_id, extra)))
        if shortage is not None:
            self.check_shortage(worker, shortage, extra)
        else:
            self.events.append(("extend", hold.exchange_id, extra))
            assert worker.books.held_nanos(hold.exchange_id) == hold.amount_nanos + extra
            worker.open[hold.exchange_id] = worker.books._open[hold.exchange_id]

    @precondition(lambda self: self.workers.some_hold_is_open())
    @rule(place=PLACES, pick=PICKS, cost=COSTS, committed=st.booleans())
    def close(self, place: int, pick: int, cost: tuple[str, int], committed: bool) -> None:
        worker = self.workers.with_an_open_hold(place)
        hold = worker.open.pop(sorted(worker.open)[pick % len(worker.open)])
        how, amount = cost
        if how == "near the hold":
            amount = max(0, hold.amount_nanos + amount)
        asked = closing(
            hold, amount, now_ms=self.now_ms, outcome=Outcome.FAILED if how == "free" else Outcome.COMPLETED
        )
        line, durable = worker.books.close(asked)
        worker.undurable.append((line, durable))
        paid = paid_with(line, asked)
        self.events.append(("void", hold.exchange_id) if how == "free" else ("settle", hold.exchange_id, paid))
        with pytest.raises(HoldNotOpen):
            worker.books.close(line)
        with pytest.raises(HoldNotOpen):
            self.run(worker.books.extend(hold.exchange_id, 1))
        if committed:
            worker.step()

    @precondition(lambda self: self.workers.alive())
    @rule(
        place=PLACES,
        what=st.sampled_from(["commit", "commit unheard", "announce", "age", "give back", "look", "expire"]),
        pick=PICKS,
    )
    def time_passes(self, place: int, what: str, pick: int) -> None:
        worker = self.workers.at(place)
        if what.startswith("commit"):
            worker.writer.unheard = what == "commit unheard"
            worker.step()
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
            worker.step()
        elif what == "expire":
            self.now_ms += TTL_MS * pick // 7
            self.events.append(("expire", self.now_ms))
            for line in (line for alive in self.workers.alive() for line in alive.books.expire(self.now_ms)):
                assert line.outcome is Outcome.EXPIRED
                for alive in self.workers.alive():
                    alive.open.pop(line.exchange_id, None)

    @precondition(lambda self: self.workers.alive())
    @rule(place=PLACES, pick=PICKS, reclaimed=st.booleans())
    def die(self, place: int, pick: int, reclaimed: bool) -> None:
        if pick < 5:  # death is rarer than work
            return
        worker = self.workers.at(place)
        worker.die()
        self.workers.leave(worker)
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

    @precondition(lambda self: self.workers.one_is_missing())
    @rule(place=PLACES)
    def revive(self, place: int) -> None:
        self.run(self.workers.begin(place, self.now_ms))

    # -- what always holds

    @invariant()
    def the_store_agrees_with_the_book(self) -> None:
        if not self.account_ids:
            return
        book = folded(self.events)
        alive = self.workers.alive()
        found = read_purses(self.office)
        for purse_id in self.purse_ids():
            balance, leased = found.get(purse_id, (book.balance(purse_id), 0))  # a hold of nothing makes no purse
            pending = sum(worker.spent_nanos(purse_id) for worker in alive)
            held = sum(worker.held_nanos(purse_id) for worker in alive)
            assert balance == book.balance(purse_id) + pending
            assert held == book.held(purse_id)
            assert 0 <= held + pending <= leased <= balance
        assert all(sum(posting.amount_nanos for posting in postings) == 0 for postings in book.transactions)

    @invariant()
    def a_worker_has_what_the_store_says_it_borrowed(self) -> None:
        lent = read_leases(self.office)
        for worker in self.workers.alive() if self.account_ids else ():
            for purse_id in self.purse_ids():
                slice_ = worker.books.slice_of(purse_id)
                mine = 0 if slice_ is None else slice_.free_nanos + slice_.held_nanos
                assert slice_ is None or min(slice_.free_nanos, slice_.held_nanos) >= 0
                queued = worker.commits._next.batch.returns.get(purse_id, 0)
                spent = worker.spent_nanos(purse_id)
                borrowed = lent.get((worker.worker.id, purse_id), 0)
                assert mine + queued + spent == borrowed, f"{purse_id}: {mine}, {queued}, {spent} of {borrowed}"

    # -- the machinery

    def purse_ids(self) -> list[int]:
        """The purses that exist: a cap's from its first hold on."""
        begun = {event[1] for event in self.events if event[0] == "add_cap"}
        caps = [cap.purse_id for account_caps in self.caps for cap in account_caps if cap.purse_id in begun]
        return [*self.account_ids, *self.package_ids, *caps]

    def owner(self, payer_id: int) -> int:
        return payer_id if payer_id in self.account_ids else self.owners[payer_id]

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(what)

    def purse(self, purse_id: int) -> tuple[int, int]:
        return read_purses(self.office)[purse_id]
