"""Claims of idempotency keys through the group commit: durable before anything is bought, kept with the charge."""

import asyncio

import msgspec
import pytest
from sqlalchemy import insert, select

from tests.e2e.store.conftest import Desk
from tollway import clock
from tollway.ledger.answers import (
    KEPT_MS,
    AnswerClaim,
    AnswerFound,
    AnswerState,
    AnswerStep,
    KeepAnswer,
    ReleaseAnswer,
)
from tollway.ledger.lines import ExchangeLine, Outcome
from tollway.ledger.records import Account
from tollway.store.answer_rows import SWEPT_AT_ONCE, claim_values
from tollway.store.batch import LineRefused
from tollway.store.group_commit import NotDurable
from tollway.store.store import Store
from tollway.store.tables import idempotency
from tollway.store.workers import settle_number


def claim(desk: Desk, *, request: bytes = b"request", exchange_id: int = 0, ago_ms: int = 0) -> AnswerClaim:
    return AnswerClaim(
        scope_id=1,
        key_digest=b"key",
        request_digest=request,
        exchange_id=exchange_id or desk.ids.next(),
        created_ms=clock.now_ms() - ago_ms,
    )


def kept(made: AnswerClaim) -> KeepAnswer:
    return KeepAnswer(claim=made, state=AnswerState.DONE, status=200, content_type="text/plain", body=b"sealed")


async def step(desk: Desk, step: AnswerStep) -> AnswerFound | None:
    return await asyncio.wait_for(desk.commits.answer(step), 10)


def closing(desk: Desk, made: AnswerClaim, line: ExchangeLine) -> asyncio.Future[None]:
    """Close an exchange and keep its answer in one turn of the event loop, as the relay does."""
    _, durable = desk.books.close(line)
    desk.commits.answer(kept(made))
    return durable


def stored(store: Store) -> list[tuple[str, bytes | None]]:
    """Return state and body of every row."""
    with store._reading() as connection:
        return [(row.state, row.body) for row in connection.execute(select(idempotency.c.state, idempotency.c.body))]


async def test_of_fifty_claims_at_once_one_is_made_and_the_others_meet_it(desk: Desk) -> None:
    claims = [claim(desk) for _ in range(50)]
    met = await asyncio.gather(*(step(desk, each) for each in claims))
    assert [found is None for found in met] == [True] + [False] * 49
    for found in met[1:]:
        assert found is not None
        assert (found.state, found.exchange_id) == (AnswerState.RUNNING, claims[0].exchange_id)
        assert found.same_request
        assert found.worker_lives


async def test_a_claim_for_another_request_is_told_so(desk: Desk) -> None:
    assert await step(desk, claim(desk)) is None
    found = await step(desk, claim(desk, request=b"another"))
    assert found is not None
    assert not found.same_request


async def test_what_is_kept_is_found_for_a_day_and_then_makes_room(desk: Desk) -> None:
    first = claim(desk, ago_ms=KEPT_MS - 60_000)
    assert await step(desk, first) is None
    await step(desk, kept(first))
    found = await step(desk, claim(desk))
    assert found is not None
    assert (found.state, found.status, found.content_type, found.body) == ("done", 200, "text/plain", b"sealed")
    expired = claim(desk, ago_ms=KEPT_MS)
    await step(desk, ReleaseAnswer(first))
    assert await step(desk, expired) is None
    await step(desk, kept(expired))
    assert await step(desk, claim(desk)) is None


async def test_a_released_claim_leaves_nothing(desk: Desk) -> None:
    made = claim(desk)
    await step(desk, made)
    await step(desk, ReleaseAnswer(made))
    assert stored(desk.store) == []
    assert await step(desk, claim(desk, request=b"another")) is None


async def test_an_answer_is_kept_in_the_transaction_that_charges_it(store: Store, account: Account) -> None:
    desk = Desk(store)
    hold = await desk.stepped(account, 100)
    made = claim(desk, exchange_id=hold.exchange_id)
    claimed = desk.commits.answer(made)
    desk.commits.step()
    assert await claimed is None
    durable = closing(desk, made, desk.line(hold, 60))
    commits = desk.commits.commits
    desk.commits.step()
    await durable
    assert desk.commits.commits == commits + 1
    found = desk.commits.answer(claim(desk))
    desk.commits.step()
    assert (met := await found) is not None
    assert met.body == b"sealed"
    await desk.commits.stop()


async def test_the_answer_to_a_line_that_is_not_in_the_books_is_not_kept(desk: Desk, account: Account) -> None:
    hold = await desk.held(account, 100)
    made = claim(desk, exchange_id=hold.exchange_id)
    await step(desk, made)
    desk.age()
    await desk.commits.probe()
    with desk.store._writing() as connection:
        # Another worker takes this one for dead, and closes what it left open.
        settle_number(connection, desk.worker.number, clock.now_ms(), begun_by=desk.store._backend.begun_by)
    assert stored(desk.store) == []
    durable = closing(desk, made, desk.line(hold, 60))
    with pytest.raises(LineRefused):
        await durable
    assert stored(desk.store) == []
    line = desk.store.exchange(hold.exchange_id)
    assert isinstance(line, ExchangeLine)
    assert (line.outcome, line.total_nanos) == (Outcome.INTERRUPTED, 0)
    with pytest.raises(NotDurable):
        await step(desk, claim(desk))
    assert stored(desk.store) == []


async def test_a_worker_that_stopped_keeps_nothing_and_says_so(store: Store, account: Account) -> None:
    desk = Desk(store)
    desk.commits.start()
    await desk.commits.stop()
    with pytest.raises(NotDurable):
        await desk.commits.answer(claim(desk))


async def test_claims_of_exchanges_go_with_their_worker_and_those_of_admin_calls_stay(store: Store, url: str) -> None:
    dying = Desk(Store.open(url))
    dying.commits.start()
    running = claim(dying)
    acting = AnswerClaim(
        scope_id=0,
        key_digest=b"admin",
        request_digest=b"request",
        exchange_id=dying.ids.next(),
        created_ms=clock.now_ms(),
        state=AnswerState.ACTING,
    )
    await step(dying, running)
    await step(dying, acting)
    dying.store.close()
    assert store.reclaim_dead_workers(clock.now_ms()) == 1
    desk = Desk(store)
    desk.commits.start()
    assert await step(desk, claim(desk)) is None
    met = await step(desk, acting_again(acting, desk))
    assert met is not None
    assert (met.state, met.worker_lives) == (AnswerState.ACTING, False)
    await desk.commits.stop()
    assert [state for state, _ in stored(desk.store)] == ["acting"]


def acting_again(acting: AnswerClaim, desk: Desk) -> AnswerClaim:
    return AnswerClaim(
        scope_id=acting.scope_id,
        key_digest=acting.key_digest,
        request_digest=acting.request_digest,
        exchange_id=desk.ids.next(),
        created_ms=clock.now_ms(),
        state=AnswerState.ACTING,
    )


async def test_answers_whose_day_is_over_are_swept_a_hundred_at_a_time(desk: Desk) -> None:
    old = [msgspec.structs.replace(claim(desk, ago_ms=KEPT_MS), key_digest=b"%d" % number) for number in range(250)]
    young = claim(desk, ago_ms=KEPT_MS - 60_000)
    await asyncio.gather(*(step(desk, each) for each in [*old, young]))
    now_ms = clock.now_ms()
    assert [desk.store.sweep_answers(now_ms) for _ in range(4)] == [SWEPT_AT_ONCE, SWEPT_AT_ONCE, 50, 0]
    assert len(stored(desk.store)) == 1
    assert desk.store.sweep_answers(young.expires_ms - 1) == 0
    assert desk.store.sweep_answers(young.expires_ms) == 1


@pytest.mark.parametrize("state", [AnswerState.RUNNING, AnswerState.ACTING])
async def test_a_claim_of_a_worker_that_nobody_knows_is_void_if_an_exchange_made_it(
    desk: Desk, state: AnswerState
) -> None:
    orphan = msgspec.structs.replace(claim(desk), state=state)
    row = dict(zip(idempotency.columns.keys(), claim_values(orphan, worker_id=desk.worker.id + 1), strict=True))
    with desk.store._writing() as connection:
        connection.execute(insert(idempotency), row)
    met = await step(desk, claim(desk))
    if state is AnswerState.RUNNING:
        assert met is None
    else:
        assert met is not None
        assert (met.state, met.worker_lives) == (AnswerState.ACTING, False)
