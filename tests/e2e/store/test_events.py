"""Events: each is told once, and usage that cost nothing is found without any request looking for it."""

import pytest
from msgspec.structs import replace

from tests.e2e.store.conftest import Desk
from tollway import clock
from tollway.billing.events import Events, view_event
from tollway.errors import Shortage
from tollway.ledger.purses import CapWindow, EventKind, cap_purse_id
from tollway.ledger.records import Account
from tollway.neutral.usage import Usage
from tollway.store.store import Store

FREE_USAGE = Usage(input=5)


def cap(account: Account, limit: int) -> CapWindow:
    return CapWindow(
        purse_id=cap_purse_id(7, "ada", 0),
        cap_id=7,
        account_id=account.id,
        subject="ada",
        start_ms=0,
        end_ms=None,
        limit_nanos=limit,
        alert_nanos=limit // 5,
    )


async def test_tokens_that_cost_nothing_are_told_of_once_for_each_model_and_day(
    store: Store, desk: Desk, account: Account
) -> None:
    for _ in range(2):
        hold = await desk.held(account, 0)
        line = desk.line(hold, 0)
        _, durable = desk.books.close(replace(line, usage=FREE_USAGE))
        await durable
    events = Events(store)
    assert events.look_for_zero_costs() == 1
    assert events.look_for_zero_costs() == 0
    (event,) = events.list(kind="zero_cost")
    assert "2 requests to 'm' at 'p' used 10 tokens" in view_event(event)["message"]  # type: ignore[operator]


async def test_what_cost_something_is_not_told_of(store: Store, desk: Desk, account: Account) -> None:
    await desk.close(await desk.held(account, 5), 5)
    assert Events(store).look_for_zero_costs() == 0


async def test_a_cap_that_is_nearly_spent_is_told_of_once(store: Store, desk: Desk, account: Account) -> None:
    window = cap(account, 100)
    for cost in (50, 35, 10):
        hold = replace(desk.hold(account, cost), caps=(window,))
        await desk.books.hold(hold)
        _, durable = desk.books.close(replace(desk.line(hold, cost), caps=(window.purse_id,)))
        await durable
    told = Events(store).list(account.id)
    assert [event.kind for event in told] == [EventKind.CAP_THRESHOLD]
    assert told[0].created_ms <= clock.now_ms()
    assert "is left" in str(view_event(told[0])["message"])


async def test_a_cap_that_was_reached_is_told_of_once_and_not_by_a_loan_that_was_too_large(
    store: Store, desk: Desk, account: Account
) -> None:
    window = cap(account, 100)
    with pytest.raises(Shortage):
        await desk.books.hold(replace(desk.hold(account, 101), caps=(window,)))
    assert Events(store).list(account.id) == ()
    for _ in range(2):
        desk.books.tell_reached(window.purse_id)
        assert await desk.commits.probe()
    (event,) = Events(store).list(account.id)
    assert event.kind == EventKind.CAP_REACHED
    assert "has too little left for a request: 0.0000001" in str(view_event(event)["message"])
