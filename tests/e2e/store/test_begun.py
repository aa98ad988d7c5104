"""What a worker notes of exchanges that begin says no more than its rows and lines, and nothing against them."""

import asyncio

import msgspec
import pytest

from tests.e2e.store.conftest import Desk, Lock, on_sqlite
from tollway import clock
from tollway.ledger.lines import ExchangeLine, Hold, Outcome
from tollway.ledger.records import Account
from tollway.store import begun_page, group_commit
from tollway.store.store import Store

pytestmark = [on_sqlite, pytest.mark.usefixtures("unaged")]


@pytest.fixture
def one_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a page with room for one exchange."""
    monkeypatch.setattr(begun_page, "SLOTS", 1)


async def noted(desk: Desk, account: Account) -> Hold:
    """Begin an exchange that is noted."""
    hold = await desk.stepped(account, 100)
    assert desk.books.announce(hold.exchange_id) is None
    return hold


def is_noted(desk: Desk, hold: Hold) -> bool:
    """Announce an exchange; return whether there was room for it on the page."""
    return desk.books.announce(hold.exchange_id) is None


def line_of(store: Store, hold: Hold) -> ExchangeLine:
    line = store.exchange(hold.exchange_id)
    assert isinstance(line, ExchangeLine)
    return line


def settled(store: Store) -> None:
    """Settle the affairs of the one worker that died."""
    assert store.reclaim_dead_workers(clock.now_ms()) == 1
    assert store.check().problems == ()


async def test_what_was_charged_stays_charged_though_its_note_is_not_taken_back(
    url: str, store: Store, account: Account
) -> None:
    theirs = Store.open(url)
    desk = Desk(theirs)
    paid, running = await noted(desk, account), await noted(desk, account)
    desk.books.close(desk.line(paid, 60))
    desk.commits.step()
    theirs.close()
    settled(store)
    assert (line_of(store, paid).outcome, line_of(store, paid).total_nanos) == (Outcome.COMPLETED, 60)
    assert (line_of(store, running).outcome, line_of(store, running).total_nanos) == (Outcome.INTERRUPTED, 0)


async def test_what_was_noted_gets_its_row_when_it_lasts_and_the_row_is_what_counts(
    url: str, store: Store, account: Account
) -> None:
    theirs = Store.open(url)
    desk = Desk(theirs)
    hold = await noted(desk, account)
    desk.age()
    desk.commits.step()
    assert store.exchange(hold.exchange_id) == hold
    desk.commits.extended(msgspec.structs.replace(hold, amount_nanos=250))
    desk.commits.step()
    theirs.close()
    settled(store)
    assert line_of(store, hold).hold_nanos == 250


@pytest.mark.usefixtures("one_place")
async def test_a_place_on_the_page_is_free_when_its_exchange_has_a_row_or_a_line(
    store: Store, account: Account
) -> None:
    desk = Desk(store)
    lasts, waits = [await desk.stepped(account, 10) for _ in range(2)]
    assert is_noted(desk, lasts)
    assert is_noted(desk, lasts)
    assert not is_noted(desk, waits)
    desk.age()
    desk.commits.step()
    ends = await desk.stepped(account, 10)
    assert is_noted(desk, ends)
    desk.books.close(desk.line(ends, 1))
    desk.commits.step()
    last = await desk.stepped(account, 10)
    assert is_noted(desk, last)
    store.retire(desk.worker)


@pytest.mark.usefixtures("one_place")
async def test_an_exchange_whose_line_was_refused_keeps_its_place_and_is_known_by_it(
    store: Store, account: Account
) -> None:
    desk = Desk(store)
    hold, other = await noted(desk, account), await desk.stepped(account, 10)
    strange = desk.books.close(msgspec.structs.replace(desk.line(hold, 5), model_answered="\ud800"))[1]
    desk.commits.step()
    assert strange.exception() is not None
    assert not is_noted(desk, other)
    store.retire(desk.worker)
    assert line_of(store, hold).outcome is Outcome.INTERRUPTED
    assert store.check().problems == ()


async def test_a_stream_for_which_there_was_no_room_is_told_when_its_row_cannot_be_written(
    store: Store, account: Account, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(begun_page, "SLOTS", 0)
    monkeypatch.setattr(group_commit, "STOP_WAIT_S", 0.05)
    desk = Desk(store)
    desk.commits.start()
    hold = await desk.held(account, 10)
    with lock():
        recorded = desk.books.announce(hold.exchange_id)
        assert recorded is not None
        await asyncio.wait_for(desk.commits.stop(), 20)
    assert recorded.cancelled()


async def test_whoever_gets_the_number_of_a_dead_worker_settles_what_that_had_noted(
    url: str, store: Store, account: Account
) -> None:
    theirs = Store.open(url)
    desk = Desk(theirs)
    hold = await noted(desk, account)
    theirs.close()
    heir = Desk(store)
    assert heir.worker.number == desk.worker.number
    assert line_of(store, hold).outcome is Outcome.INTERRUPTED
    later = await noted(heir, account)
    store.retire(heir.worker)
    assert line_of(store, later).worker_id == heir.worker.id
    assert store.check().problems == ()
