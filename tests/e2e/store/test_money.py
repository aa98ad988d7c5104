import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.e2e.store.conftest import Desk, Lock, on_sqlite
from tollway import clock
from tollway.billing.accounts import Accounts
from tollway.billing.books import HoldNotOpen, Shortage
from tollway.errors import Refusal
from tollway.ledger.lines import Attribution, ExchangeLine, Outcome
from tollway.ledger.records import Account
from tollway.store import group_commit
from tollway.store.batch import LineRefused
from tollway.store.group_commit import NotDurable
from tollway.store.store import Store


async def test_a_closed_exchange_is_charged_and_nothing_stays_held(
    desk: Desk, accounts: Accounts, account: Account
) -> None:
    line = await desk.close(await desk.held(account, 500), 120)
    assert desk.store.exchange(line.exchange_id) == line
    balance = accounts.balance(account.id)
    assert (balance.balance_nanos, balance.held_nanos) == (9_880, 0)
    assert desk.store.check().problems == ()


async def test_a_fast_exchange_leaves_one_row_and_one_that_lasts_its_hold(desk: Desk, account: Account) -> None:
    fast, slow = await desk.held(account, 10), await desk.held(account, 20)
    desk.age()
    await desk.close(fast, 1)
    assert desk.store.exchange(slow.exchange_id) == slow
    assert desk.store.check().counts["holds"] == 1
    await desk.close(slow, 2)
    assert desk.store.check().counts["holds"] == 0


async def test_a_hold_that_lasts_is_written_without_being_announced(
    desk: Desk, accounts: Accounts, account: Account
) -> None:
    hold = await desk.held(account, 700)
    async with asyncio.timeout(10):
        while accounts.balance(account.id).held_nanos == 0:  # noqa: ASYNC110 -- another process sees it so
            await asyncio.sleep(0.01)
    assert accounts.balance(account.id).held_nanos == 700
    await desk.close(hold, 0)
    assert accounts.balance(account.id).held_nanos == 0


async def test_a_balance_for_ten_admits_exactly_ten_of_sixty_four_at_once(
    desk: Desk, accounts: Accounts, account: Account
) -> None:
    asked = [desk.hold(account, 1_000) for _ in range(64)]
    came = await asyncio.gather(*(desk.books.hold(hold) for hold in asked), return_exceptions=True)
    admitted = [hold for hold, refused in zip(asked, came, strict=True) if refused is None]
    assert len(admitted) == 10
    assert all(refused is None or isinstance(refused, Shortage) for refused in came)
    await asyncio.gather(*(desk.close(hold, 1_000) for hold in admitted))
    assert accounts.balance(account.id).balance_nanos == 0
    assert desk.store.check().problems == ()


async def test_two_workers_spend_one_purse_to_the_last_nano_and_not_one_more(
    desk: Desk, store: Store, accounts: Accounts, account: Account
) -> None:
    other = Desk(store)
    other.commits.start()
    desks = [desk, other] * 40
    asked = [at.hold(account, 250) for at in desks]
    came = await asyncio.gather(
        *(at.books.hold(hold) for at, hold in zip(desks, asked, strict=True)), return_exceptions=True
    )
    admitted = [(at, hold) for at, hold, refused in zip(desks, asked, came, strict=True) if refused is None]
    assert len(admitted) == 40
    await asyncio.gather(*(at.close(hold, 250) for at, hold in admitted))
    assert accounts.balance(account.id).balance_nanos == 0
    await other.commits.stop()
    assert store.check().problems == ()


async def test_money_that_lies_idle_with_one_worker_reaches_the_other(
    desk: Desk, store: Store, accounts: Accounts
) -> None:
    account = accounts.create("Ada", credit_nanos=80)
    other = Desk(store)
    other.commits.start()
    await desk.close(await desk.held(account, 1), 0)
    slice_ = desk.books.slice_of(account.id)
    assert slice_ is not None
    assert slice_.free_nanos == 10
    with pytest.raises(Shortage):
        await other.books.hold(other.hold(account, 80))
    desk.books.give_back_idle()
    desk.books.give_back_idle()
    assert await desk.commits.probe()
    await other.close(await other.held(account, 80), 80)
    desk.books.give_back_idle()
    assert desk.books.slice_of(account.id) is None
    await other.commits.stop()
    assert accounts.balance(account.id).balance_nanos == 0


async def test_what_exceeds_the_hold_is_taken_from_what_is_borrowed_and_the_rest_written_off(
    desk: Desk, accounts: Accounts, account: Account
) -> None:
    other = await desk.held(account, 4_000)
    line = await desk.close(await desk.held(account, 6_000), 6_500)
    assert (line.written_off_nanos, line.total_nanos) == (500, 6_000)
    assert desk.books.estimate_defects == 1
    assert desk.store.exchange(line.exchange_id) == line
    await desk.close(other, 0)
    assert accounts.balance(account.id).balance_nanos == 4_000
    assert desk.store.check().problems == ()


async def test_a_hold_closes_once(desk: Desk, account: Account) -> None:
    hold = await desk.held(account, 10)
    await desk.close(hold, 1)
    with pytest.raises(HoldNotOpen):
        desk.books.close(desk.line(hold, 1))


async def test_a_hold_that_outlives_its_time_is_closed_uncharged(
    desk: Desk, accounts: Accounts, account: Account
) -> None:
    hold = desk.hold(account, 10, ttl_ms=5)
    await desk.books.hold(hold)
    assert desk.books.expire(hold.expires_ms - 1) == ()
    (line,) = desk.books.expire(hold.expires_ms)
    assert (line.outcome, line.total_nanos, desk.books.open_count, desk.books.expired) == (Outcome.EXPIRED, 0, 0, 1)
    with pytest.raises(HoldNotOpen):
        desk.books.close(desk.line(hold, 1))
    assert await desk.commits.probe()
    assert desk.store.exchange(hold.exchange_id) == line


async def test_a_free_hold_needs_no_money(desk: Desk, accounts: Accounts) -> None:
    account = accounts.create("Ada")
    await desk.close(await desk.held(account, 0), 0)
    with pytest.raises(Shortage) as shortage:
        await desk.books.hold(desk.hold(account, 1))
    assert shortage.value.available_nanos == 0


async def test_a_free_exchange_closes_however_long_it_ran(desk: Desk, accounts: Accounts) -> None:
    account = accounts.create("Ada")
    hold = await desk.held(account, 0)
    for _ in range(3):
        desk.books.give_back_idle()
    await desk.close(hold, 0)
    for _ in range(2):
        desk.books.give_back_idle()
    assert desk.books.slice_of(account.id) is None


async def test_a_client_that_leaves_while_money_is_borrowed_loses_none(
    desk: Desk, accounts: Accounts, account: Account
) -> None:
    hold = desk.hold(account, 10)
    leaving = asyncio.create_task(desk.books.hold(hold))
    await asyncio.sleep(0)
    leaving.cancel()
    staying = await desk.held(account, 10_000)
    await desk.close(staying, 10_000)
    assert accounts.balance(account.id).balance_nanos == 0
    assert desk.store.check().problems == ()


async def test_a_locked_store_refuses_new_holds_and_keeps_every_charge(
    desk: Desk, accounts: Accounts, account: Account, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "PROBE_WAIT_S", 0.05)
    hold = await desk.held(account, 10)
    with lock():
        _, durable = desk.books.close(desk.line(hold, 7))
        assert not await desk.commits.probe()
        async with asyncio.timeout(20):
            while desk.commits.accepting:  # noqa: ASYNC110 -- as readyz would see it
                await asyncio.sleep(0.01)
        with pytest.raises(Refusal) as refusal:
            desk.books.try_hold(desk.hold(account, 1))
        assert refusal.value.code == "not_ready"
        assert not durable.done()
    await asyncio.wait_for(durable, 20)
    monkeypatch.setattr(group_commit, "PROBE_WAIT_S", 5)
    assert await desk.commits.probe()
    assert desk.books.try_hold(desk.hold(account, 1))
    assert accounts.balance(account.id).balance_nanos == 9_993


@on_sqlite
async def test_a_charge_is_not_written_into_a_file_that_was_taken_away(
    desk: Desk, accounts: Accounts, account: Account, tmp_path: Path
) -> None:
    hold = await desk.held(account, 50)
    (tmp_path / "books.db").rename(tmp_path / "aside.db")
    _, durable = desk.books.close(desk.line(hold, 30))
    while desk.commits.accepting:  # noqa: ASYNC110 -- as readyz would see it
        await asyncio.sleep(0.005)
    assert not durable.done()
    (tmp_path / "aside.db").rename(tmp_path / "books.db")
    await asyncio.wait_for(durable, 10)
    assert desk.commits.accepting
    assert accounts.balance(account.id).balance_nanos == 9_970


async def test_too_many_waiting_lines_refuse_new_holds_until_they_are_written(store: Store, account: Account) -> None:
    desk = Desk(store, lines_waiting_max=2)
    desk.commits.start()
    holds = [await desk.held(account, 1) for _ in range(2)]
    closing = [desk.books.close(desk.line(hold, 1))[1] for hold in holds]
    with pytest.raises(Refusal):
        desk.books.try_hold(desk.hold(account, 1))
    await asyncio.gather(*closing)
    assert desk.books.try_hold(desk.hold(account, 1))
    await desk.commits.stop()


async def test_a_worker_that_stops_writes_all_and_gives_all_back(
    store: Store, accounts: Accounts, account: Account
) -> None:
    desk = Desk(store)
    desk.commits.start()
    running, ending = await desk.held(account, 10), await desk.held(account, 10)
    desk.books.announce(running.exchange_id)
    _, durable = desk.books.close(desk.line(ending, 9))
    await desk.commits.stop()
    assert durable.done()
    assert not await desk.commits.probe()
    report = store.check()
    assert report.problems == ()
    assert (report.counts["workers"], report.counts["leases"], report.counts["holds"]) == (0, 0, 0)
    interrupted = store.exchange(running.exchange_id)
    assert isinstance(interrupted, ExchangeLine)
    assert interrupted.outcome is Outcome.INTERRUPTED
    assert accounts.balance(account.id).balance_nanos == 9_991


async def test_a_stream_that_begins_behind_the_stop_is_told_that_it_leaves_no_line(
    store: Store, account: Account
) -> None:
    desk = Desk(store)
    late = await desk.stepped(account, 10)
    await desk.commits.stop()
    recorded = desk.books.announce(late.exchange_id)
    assert recorded is not None
    assert recorded.cancelled()


async def test_a_worker_that_cannot_write_stops_all_the_same_and_says_what_is_lost(
    store: Store, account: Account, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "STOP_WAIT_S", 0.05)
    desk = Desk(store)
    desk.commits.start()
    hold = await desk.held(account, 10)
    with lock():
        _, durable = desk.books.close(desk.line(hold, 7))
        await asyncio.wait_for(desk.commits.stop(), 20)
        with pytest.raises(NotDurable):
            await durable


@pytest.mark.usefixtures("unaged")
async def test_a_dead_worker_is_settled_when_its_lock_is_free(
    url: str, store: Store, accounts: Accounts, account: Account
) -> None:
    theirs = Store.open(url)
    desk = Desk(theirs)
    lasting = await desk.stepped(account, 100)
    desk.age()
    told, untold = await desk.stepped(account, 100), await desk.stepped(account, 100)
    desk.books.announce(told.exchange_id)
    desk.commits.step()
    assert store.reclaim_dead_workers(clock.now_ms()) == 0
    theirs.close()
    assert any("a worker that died" in problem for problem in store.check().problems)
    assert store.reclaim_dead_workers(clock.now_ms()) == 1
    for known in (lasting, told):
        line = store.exchange(known.exchange_id)
        assert isinstance(line, ExchangeLine)
        assert (line.outcome, line.total_nanos) == (Outcome.INTERRUPTED, 0)
    assert store.exchange(untold.exchange_id) is None
    assert store.check().problems == ()
    assert store.reclaim_dead_workers(clock.now_ms()) == 0
    balance = accounts.balance(account.id)
    assert (balance.balance_nanos, balance.held_nanos) == (10_000, 0)


@on_sqlite
@pytest.mark.usefixtures("unaged")
async def test_what_was_noted_of_whom_a_restored_backup_does_not_know_leaves_no_line(
    url: str, store: Store, account: Account
) -> None:
    theirs = Store.open(url)
    desk = Desk(theirs)
    known = await desk.stepped(account, 100)
    later = [
        msgspec.structs.replace(desk.hold(account, 0), **made_since)
        for made_since in (
            {"account_id": 5, "payer_id": 5},
            {"payer_id": 6},
            {"attribution": Attribution(sub_account_id=7)},
        )
    ]
    assert all(desk.books.try_hold(hold) for hold in later)
    assert all(desk.books.announce(hold.exchange_id) is None for hold in (known, *later))
    theirs.close()
    assert store.reclaim_dead_workers(clock.now_ms()) == 1
    assert store.exchange(known.exchange_id) is not None
    assert [store.exchange(hold.exchange_id) for hold in later] == [None] * 3
    assert store.check().problems == ()


@pytest.mark.usefixtures("unaged")
async def test_a_worker_taken_for_dead_pays_from_the_purse_and_holds_no_more(
    store: Store, accounts: Accounts, account: Account
) -> None:
    desk = Desk(store)
    known = await desk.stepped(account, 3_000)
    desk.age()
    unknown, late = await desk.stepped(account, 4_000), await desk.stepped(account, 1_000)
    store.retire(desk.worker)
    accounts.debit(account.id, 8_000, "leaves 2000")
    refused = desk.books.close(desk.line(known, 10))[1]
    paid = desk.books.close(desk.line(unknown, 4_000))[1]
    desk.books.announce(late.exchange_id)
    desk.commits.give_back(account.id, 5)
    loan = desk.commits.borrow(account.id, 1)
    desk.commits.step()
    with pytest.raises(LineRefused):
        await refused
    await paid
    assert (await loan).granted_nanos == 0
    line = store.exchange(unknown.exchange_id)
    assert isinstance(line, ExchangeLine)
    assert (line.total_nanos, line.written_off_nanos) == (2_000, 2_000)
    assert accounts.balance(account.id).balance_nanos == 0
    assert not desk.commits.accepting
    assert not await desk.commits.probe()
    assert store.check().problems == ()


async def test_a_batch_written_twice_is_in_the_books_once(store: Store, accounts: Accounts, account: Account) -> None:
    desk = Desk(store)
    hold = await desk.stepped(account, 100)
    _, durable = desk.books.close(desk.line(hold, 60))
    load = desk.commits._next
    desk.commits._writer.write(load.batch, clock.now_ms())
    desk.commits.step()
    await durable
    assert accounts.balance(account.id).balance_nanos == 9_940
    store.retire(desk.worker)
    assert store.check().problems == ()


async def test_a_line_that_fits_no_row_stops_no_other(store: Store, accounts: Accounts, account: Account) -> None:
    desk = Desk(store)
    bad, good = await desk.stepped(account, 100), await desk.stepped(account, 100)
    strange = desk.line(bad, 5)
    strange = ExchangeLine(
        **{**{f: getattr(strange, f) for f in strange.__struct_fields__}, "model_answered": "\ud800"}
    )
    refused, durable = desk.books.close(strange)[1], desk.books.close(desk.line(good, 7))[1]
    desk.commits.step()
    await durable
    with pytest.raises(LineRefused):
        await refused
    assert desk.commits.lines_refused == 1
    assert accounts.balance(account.id).balance_nanos == 9_993
    store.retire(desk.worker)
    assert store.check().problems == ()


async def test_a_worker_that_never_started_stops_cleanly_too(
    store: Store, accounts: Accounts, account: Account
) -> None:
    desk = Desk(store)
    hold = await desk.stepped(account, 10)
    _, durable = desk.books.close(desk.line(hold, 4))
    await desk.commits.stop()
    assert durable.done()
    assert accounts.balance(account.id).balance_nanos == 9_996
