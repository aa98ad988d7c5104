"""Holds expire by time that has passed: a wall clock that jumps while a request runs ends none of them."""

import asyncio
import json
import time

import pytest

from tests.providers import a_provider
from tests.unit.relay.test_cancelled_at_each_await import CARD, CASES, WHOLE, Case, Catalog, Run
from tollway.catalog.records import AfterLeave, Model, Target, Timeouts

TTL_MS = 10**6 + round(Timeouts().total_s * 1000)
"""The margin of these tests, and the time that the one attempt may take."""

YEAR_MS = 365 * 86_400_000
TURNS = 20
"""Of the event loop: more than it takes to borrow and hold, and less than a whole request."""


class Several(Catalog):
    """A model for each name, at a provider of its own."""

    def resolve(self, model_asked: str) -> Model | None:
        """Return the model of a name."""
        target = Target(provider=a_provider(model_asked), model_routed="m", card=CARD)
        return Model(id=model_asked, targets=(target,), output_tokens_max=100)


async def begun(run: Run) -> asyncio.Task[None]:
    """Start a request and return when its money is held."""
    request = asyncio.create_task(run.serve())
    for _ in range(TURNS):
        if run.books.open_count:
            return request
        await asyncio.sleep(0)
    raise AssertionError("nothing was held")


@pytest.mark.parametrize("jump_ms", [-YEAR_MS, YEAR_MS], ids=["back", "forward"])
@pytest.mark.parametrize("jumps", ["before the request", "while it runs"])
async def test_a_wall_clock_that_is_set_ends_no_hold_of_a_request_that_runs(
    jump_ms: int, jumps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(CASES["whole"])
    real = time.time_ns

    def jump() -> None:
        monkeypatch.setattr(time, "time_ns", lambda: real() + jump_ms * 1_000_000)

    if jumps == "before the request":
        jump()
    request = await begun(run)
    jump()
    assert run.books.expire(run.deadlines.now_ms()) == ()
    await request
    assert [line.outcome for line in run.purse.lines] == [CASES["whole"].ends]


async def test_a_hold_that_is_never_closed_expires_when_its_time_has_passed() -> None:
    run = Run(CASES["whole"])
    request = await begun(run)
    assert run.books.expire(run.deadlines.now_ms() + TTL_MS - 60_000) == ()
    (line,) = run.books.expire(run.deadlines.now_ms() + TTL_MS)
    assert line.outcome == "expired"
    request.cancel()
    await asyncio.wait((request,))
    assert not request.cancelled()
    assert request.exception() is not None, "what it ends with is lost, and its client is told of a failure"


async def test_a_hold_lives_as_long_as_every_model_that_may_be_tried() -> None:
    case = Case([WHOLE], streamed=False)
    case.catalog = Several(after_leave=AfterLeave.CANCEL, output_tokens_max=100)
    case.body = json.dumps({"model": "a", "fallbacks": ["b", "c"], "messages": [{"content": "x"}]}).encode()
    run = Run(case)
    request = await begun(run)
    two_more_ms = 2 * round(Timeouts().total_s * 1000)
    assert run.books.expire(run.deadlines.now_ms() + TTL_MS + two_more_ms - 60_000) == ()
    await request
    assert [line.outcome for line in run.purse.lines] == [case.ends]
