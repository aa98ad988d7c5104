"""What is not kept for ever goes by its time, so many rows in a transaction; what is money stays."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import func, insert, select

from tests.e2e.store.conftest import Desk
from tollway.ledger.records import Account
from tollway.store.retention import DELETED_AT_ONCE
from tollway.store.store import Store
from tollway.store.tables import events

OLD, HORIZON, YOUNG = 1_000, 2_000, 3_000


def tell(store: Store, count: int, at_ms: int) -> None:
    """Write events of one time."""
    rows = [
        {"id": at_ms * 10_000 + n, "kind": "test", "subject": f"{at_ms}:{n}", "data": "{}", "created_ms": at_ms}
        for n in range(count)
    ]
    with store._writing() as connection:
        connection.execute(insert(events), rows)


def times(store: Store) -> dict[int, int]:
    """Return how many events there are of each time."""
    with store._reading() as connection:
        found = connection.execute(select(events.c.created_ms, func.count()).group_by(events.c.created_ms)).all()
    return {row[0]: row[1] for row in found}


async def test_lesson_2_old_events_go_in_bounded_pieces_and_every_charge_stays(
    store: Store, account: Account, desk: Desk
) -> None:
    line = await desk.close(await desk.held(account, 100), 40)
    tell(store, 2 * DELETED_AT_ONCE + 500, OLD)
    tell(store, 3, HORIZON)
    tell(store, 5, YOUNG)
    assert [store.sweep_events(HORIZON) for _ in range(4)] == [DELETED_AT_ONCE, DELETED_AT_ONCE, 500, 0]
    assert times(store) == {HORIZON: 3, YOUNG: 5}
    assert store.exchange(line.exchange_id) == line
    assert store.check().problems == ()


def test_workers_that_sweep_at_the_same_time_delete_each_event_once(store: Store) -> None:
    tell(store, 3 * DELETED_AT_ONCE, OLD)

    def sweep(_: int) -> int:
        deleted = 0
        while found := store.sweep_events(HORIZON):
            deleted += found
        return deleted

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(sweep, range(4))) == 3 * DELETED_AT_ONCE
    assert times(store) == {}
