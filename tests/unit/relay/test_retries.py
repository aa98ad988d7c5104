"""Asking the same target again: as often as the request says, and for nobody who has left."""

import asyncio

import msgspec
import pytest

from tests.unit.relay.test_cancelled_at_each_await import HI, ROLE, STOP, WHOLE, Answering, Case, Provided, Run
from tollway.catalog.records import Origin, Timeouts
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.ledger.lines import Outcome
from tollway.neutral.wishes import Steering


class Unreachable(Provided):
    """The way to a provider that cannot be reached at first."""

    def __init__(self, pieces: list[bytes], *, failures: int) -> None:
        super().__init__(pieces)
        self._left = failures
        self.asked = 0
        self.failed = asyncio.Event()

    async def send(self, origin: Origin, request: bytes, *, timeouts: Timeouts) -> Answering:
        """Fail, as often as there are failures."""
        self.asked += 1
        if self.asked <= self._left:
            self.failed.set()
            raise UpstreamFailure(FailureKind.CONNECT, "no connection")
        return await super().send(origin, request, timeouts=timeouts)


def asking(*, streamed: bool, failures: int, retries: int) -> tuple[Run, Unreachable]:
    """Return a request with a budget, and the way that it goes."""
    pieces = [ROLE, HI, STOP] if streamed else [WHOLE]
    run = Run(Case(pieces, streamed=streamed))
    run._arrival = msgspec.structs.replace(run._arrival, steering=Steering(retries=retries))
    run._relay.upstream = way = Unreachable(pieces, failures=failures)
    return run, way


async def test_a_provider_that_comes_back_is_charged_like_one_that_was_there() -> None:
    for streamed in (False, True):
        run, way = asking(streamed=streamed, failures=1, retries=1)
        await run.serve()
        (line,) = run.purse.lines
        assert (way.asked, line.attempts, line.outcome) == (2, 2, Outcome.COMPLETED)


async def test_without_a_budget_nobody_waits() -> None:
    run, way = asking(streamed=False, failures=9, retries=0)
    with pytest.raises(Refusal) as refused:
        await run.serve()
    assert (refused.value.code, refused.value.attempted) == ("upstream_unavailable", ("p", 1))
    (line,) = run.purse.lines
    assert (way.asked, line.outcome, line.base_nanos) == (1, Outcome.FAILED, 0)


async def test_nothing_is_asked_again_for_a_client_that_left_in_the_pause() -> None:
    for streamed in (False, True):
        run, way = asking(streamed=streamed, failures=9, retries=5)
        task = asyncio.create_task(run.serve())
        await way.failed.wait()
        await asyncio.sleep(0)
        run.client.leave()
        await asyncio.wait((task,))
        assert task.exception() is None or isinstance(task.exception(), Refusal)
        (line,) = run.purse.lines
        assert (way.asked, line.attempts, line.base_nanos) == (1, 1, 0)
        assert run.books.open_count == 0
