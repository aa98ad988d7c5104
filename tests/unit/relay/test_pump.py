"""How far a stream gets whose money ends, however its provider cuts it into pieces."""

import asyncio
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.dialects.chunks import DONE, HI, ROLE, STOP, chunk
from tests.unit.relay.test_cancelled_at_each_await import Answering, Case, Reader, Run
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.openai_chat.stream import ChatStream
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.ledger.lines import Outcome
from tollway.relay.meter import Limit, Meter
from tollway.relay.pump import SMALL_BYTES, Outlet, pump

COVERED = 500


async def refuse(covered: int) -> int:
    """Extend nothing."""
    raise Refusal("insufficient_quota", "No more.")


async def pumped(pieces: list[bytes], pipe: ChatStream, *, limit: Limit = Limit.ASSUMED) -> bytes:
    """Pump the pieces to a reader; return what it read."""
    reader = Reader()
    meter = Meter(covered_tokens=COVERED, limit=limit, extend=refuse)
    outlet = Outlet(reader, b"", recorded=None)
    try:
        await pump(Answering(pieces), pipe, outlet, meter)
    finally:
        meter.close()
        await asyncio.sleep(0)
    return reader.read


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """Cut a stream at these places, and nowhere else."""
    bounds = [0, *sorted({min(place, len(stream)) for place in places}), len(stream)]
    return [piece for start, end in pairwise(bounds) if (piece := stream[start:end])]


@given(
    st.integers(1, 400),
    st.lists(st.integers(0, 60_000), max_size=30),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_lesson_72_no_piece_carries_a_stream_further_than_one_event_beyond_its_money(
    word_bytes: int, places: list[int], line_end: bytes
) -> None:
    word = chunk({"content": "x" * word_bytes}).replace(b"\n", line_end)
    events = 1 + COVERED * 8 // max(word_bytes, 4)
    stream = word * events + STOP.replace(b"\n", line_end)
    pipe = ChatStream(usage_asked=False)
    with pytest.raises(Refusal):
        asyncio.run(pumped(cut(stream, places), pipe))
    tokens = max(pipe.delivered_events, pipe.delivered_text_bytes // 4)
    assert tokens >= COVERED
    one_event = max(1, -(-word_bytes // 4))
    small_pieces = SMALL_BYTES // len(word) + 1
    assert tokens <= COVERED + one_event * small_pieces


async def test_what_was_let_through_reached_the_client_byte_for_byte() -> None:
    word = chunk({"content": "x" * 40})
    stream = word * 30 + STOP + DONE
    pipe = ChatStream(usage_asked=False)
    assert await pumped([stream], pipe) == word * 30
    assert pipe.finished


@pytest.mark.parametrize("size", [1, 300, 5_000, 10**6])
async def test_an_answer_that_is_finished_is_never_cut_for_what_comes_behind_it(size: int) -> None:
    stream = chunk({"content": "x" * 1996}) + chunk({"content": "x" * 4}, finish="stop")
    stream += b": thinking\n\n" * 100 + DONE
    pipe = ChatStream(usage_asked=False)
    await pumped([stream[at : at + size] for at in range(0, len(stream), size)], pipe)
    assert pipe.ended
    assert pipe.delivered_text_bytes == 2000


async def test_nothing_leaves_of_a_stream_that_is_told_that_it_leaves_no_line() -> None:
    recorded = asyncio.get_running_loop().create_future()
    recorded.cancel()
    reader = Reader()
    outlet = Outlet(reader, b"HTTP/1.1 200 OK\r\n", recorded=recorded)
    with pytest.raises(asyncio.CancelledError):
        await outlet.write(HI)
    assert not outlet.started
    assert reader.read == b""


class Counting(Reader):
    """A reader that knows in how many writes it got what it read."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def push(self, data: bytes) -> bool:
        """Read."""
        self.writes += 1
        return super().push(data)


@pytest.mark.parametrize("limit", [Limit.KEPT, Limit.ASSUMED])
async def test_a_burst_near_its_mark_goes_out_in_one_write_for_each_time_the_meter_is_asked(limit: Limit) -> None:
    word = chunk({"content": "x" * 40})
    asked: list[bytes] = []
    client = Counting()

    async def extend(covered: int) -> int:
        asked.append(client.read)
        return covered + 10_000

    meter = Meter(covered_tokens=100, limit=limit, extend=extend)
    pipe = ChatStream(usage_asked=False)
    await pump(Answering([ROLE, word * 64 + STOP + DONE]), pipe, Outlet(client, b"", recorded=None), meter)
    meter.close()
    assert client.read == ROLE + word * 64  # what ends it waits for its costs
    assert client.writes <= 1 + 3  # the role; at the mark, where the money ends, at the end
    (seen,) = asked
    assert len(seen) - len(ROLE) >= 7 * len(word), "what was covered had gone out when more was asked for"


async def test_a_burst_goes_no_further_than_its_money_and_all_of_that_is_written() -> None:
    word = chunk({"content": "x" * 40})
    client = Counting()
    meter = Meter(covered_tokens=100, limit=Limit.ASSUMED, extend=refuse)
    with pytest.raises(Refusal):
        await pump(
            Answering([ROLE, word * 64]), ChatStream(usage_asked=False), Outlet(client, b"", recorded=None), meter
        )
    meter.close()
    assert client.read == ROLE + word * 10


class Stumbling(ChatStream):
    """A pipe with a defect that shows behind the first text."""

    def feed(self, data: bytes) -> bytes:
        """Pass what comes, until the answer ends."""
        if b"stop" in data:
            raise KeyError("a defect")
        return super().feed(data)


async def test_a_defect_in_a_reader_ends_the_stream_like_a_provider_that_breaks() -> None:
    with pytest.raises(UpstreamFailure) as caught:
        await pumped([chunk({"content": "x" * 40}), STOP, DONE], Stumbling(usage_asked=False))
    assert caught.value.kind is FailureKind.JUNK
    assert "defect" not in caught.value.message


async def test_what_a_burst_held_before_a_defect_is_delivered() -> None:
    word = chunk({"content": "x" * 40})
    client = Counting()
    meter = Meter(covered_tokens=31, limit=Limit.KEPT, extend=refuse)
    pipe = Stumbling(usage_asked=False)
    with pytest.raises(UpstreamFailure):
        await pump(Answering([word + word + word + STOP + DONE]), pipe, Outlet(client, b"", recorded=None), meter)
    meter.close()
    assert client.read == word * 3
    assert client.writes == 1


async def test_what_was_delivered_before_a_defect_is_charged_and_told() -> None:
    run = Run(Case([ROLE, HI, HI, STOP]))
    stumbling = msgspec.structs.replace(OPENAI_CHAT, open_stream=lambda _: Stumbling(usage_asked=False))
    arrival = msgspec.structs.replace(run._arrival, dialect=stumbling)

    await run._relay.serve(arrival, run.client)

    (line,) = run.purse.lines
    assert line.outcome is Outcome.UPSTREAM_BROKE
    assert line.base_nanos > 0
    assert line.usage.output is not None
    assert line.usage.output >= 2
    assert b"[DONE]" not in run.client.read
    assert b'"error"' in run.client.read
