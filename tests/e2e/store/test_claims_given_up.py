"""Claims whose request does not wait for them to the end: they leave nothing behind."""

import asyncio

import pytest

from tests.e2e.store.conftest import Desk
from tests.e2e.store.test_answers import stored
from tollway import clock
from tollway.errors import Refusal
from tollway.relay import stored_answers
from tollway.relay.stored_answers import Asked, Entry, StoredAnswers
from tollway.store.store import Store
from tollway.store.workers import settle_number


def asked(desk: Desk) -> Asked:
    return Asked(
        scope_id=1,
        owner_id=0,
        key="key",
        target=b"POST /",
        body=b"{}",
        exchange_id=desk.ids.next(),
        received_ms=clock.now_ms(),
    )


async def queued(desk: Desk) -> None:
    """Wait until a step is to be written."""
    async with asyncio.timeout(10):
        while not desk.commits._next.batch.answers:  # noqa: ASYNC110 -- nobody is told
            await asyncio.sleep(0.001)


async def test_a_claim_that_takes_too_long_is_refused_and_released(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_answers, "CLAIM_WAIT_S", 0.05)
    desk = Desk(store)
    with pytest.raises(Refusal) as refused:
        await StoredAnswers(desk.commits).enter(asked(desk))
    assert (refused.value.code, refused.value.retry_after_s) == ("not_ready", 1)
    desk.commits.step()
    assert stored(store) == []
    await desk.commits.stop()


async def test_a_request_that_is_cancelled_while_it_claims_releases_its_claim(store: Store) -> None:
    desk = Desk(store)
    claiming = asyncio.create_task(StoredAnswers(desk.commits).enter(asked(desk)))
    await queued(desk)
    claiming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await claiming
    desk.commits.step()
    assert stored(store) == []
    await desk.commits.stop()


async def test_a_worker_that_cannot_claim_refuses(desk: Desk) -> None:
    answers = StoredAnswers(desk.commits)
    assert isinstance(await answers.enter(asked(desk)), Entry)
    with desk.store._writing() as connection:
        settle_number(connection, desk.worker.number, clock.now_ms(), begun_by=desk.store._backend.begun_by)
    for _ in range(2):  # it hears that it was taken for dead, and then it knows
        with pytest.raises(Refusal) as refused:
            await answers.enter(asked(desk))
        assert refused.value.code == "not_ready"
    assert not desk.commits.accepting
    assert stored(desk.store) == []
