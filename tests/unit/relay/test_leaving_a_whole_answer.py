"""A client that streams from a provider that does not, and leaves: the provider bills all of it, and so do we."""

import asyncio

import msgspec
import pytest

from tests.providers import a_provider
from tests.unit.relay.test_cancelled_at_each_await import WHOLE, Case, Run
from tollway.catalog.records import Origin, Profile, Reach, Scheme, Streaming
from tollway.ledger.lines import Outcome
from tollway.neutral.usage import Basis


def run_at_a_provider_that_never_streams() -> Run:
    """Return a streamed request for such a provider."""
    case = Case([WHOLE[:20], WHOLE[20:]])
    case.body = case.body.replace(b'{"content"', b'{"role": "user", "content"')
    origin = Origin(scheme=Scheme.HTTP, host="h", port=1, reach=Reach.PRIVATE)
    provider = a_provider(origin=origin, profile=Profile(streaming=Streaming.NEVER))
    model = case.catalog.resolve("m")
    assert model is not None
    (target,) = model.targets
    case.catalog._model = msgspec.structs.replace(model, targets=(msgspec.structs.replace(target, provider=provider),))
    return Run(case)


@pytest.mark.parametrize("turns", range(14))
def test_what_was_asked_of_a_provider_is_read_to_its_end_and_charged(turns: int) -> None:
    async def leave() -> Run:
        run = run_at_a_provider_that_never_streams()
        await run.cancelled_after(turns, "leave")
        return run

    run = asyncio.run(leave())

    (line,) = run.purse.lines
    if line.attempts == 0:  # nothing had been asked
        assert line.outcome is Outcome.CLIENT_GONE
        assert line.base_nanos == 0
    else:
        assert line.outcome in {Outcome.DRAINED, Outcome.COMPLETED}
        assert line.basis is Basis.REPORTED
        assert line.usage.output == 9
