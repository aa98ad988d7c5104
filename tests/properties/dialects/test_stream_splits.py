"""However a stream is split, the client receives the same; and a stream that was cut off never looks finished."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.dialects.chunks import COSTS, DONE, ERROR, ESTIMATE, chunk, event, payloads, usage_chunk
from tollway.dialects.openai_chat.chunk import read_chunk
from tollway.dialects.openai_chat.stream import ChatStream

TEXTS = st.text(max_size=5)
DELTAS = st.one_of(
    st.builds(lambda text: {"content": text}, TEXTS),
    st.builds(lambda text: {"role": "assistant", "content": text}, st.none() | TEXTS),
    st.builds(lambda text: {"reasoning_content": text}, TEXTS),
    st.builds(lambda text: {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}, TEXTS),
    st.just({}),
)
USAGES = st.builds(
    lambda prompt, completion: {"prompt_tokens": prompt, "completion_tokens": completion},
    st.integers(0, 50),
    st.integers(0, 50),
)
ORDINARY = st.one_of(
    st.builds(chunk, DELTAS, index=st.integers(0, 1)),
    st.builds(lambda delta, usage: chunk(delta, usage=usage), DELTAS, st.none() | USAGES),
    st.sampled_from([b": comment\n\n", event({"choices": [], "prompt_filter_results": []}), b"id: 1\n\n", b"\n"]),
)
ENDING = st.one_of(
    st.builds(chunk, DELTAS, finish=st.just("stop"), index=st.integers(0, 1)),
    st.builds(usage_chunk, USAGES | st.none()),
    st.just(DONE),
    st.sampled_from([event({"error": {"message": "x"}}), b"data: junk\n\n", b"event: error\ndata: {}\n\n"]),
)
LINE_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
STREAMS = st.builds(
    lambda events, line_end: b"".join(events).replace(b"\n", line_end),
    st.lists(ORDINARY | ORDINARY | ENDING, max_size=12),
    LINE_ENDS,
)


def through(pipe: ChatStream, pieces: list[bytes]) -> bytes:
    out = b"".join(pipe.feed(piece) for piece in pieces) + pipe.close()
    if pipe.finished and pipe.failure is None:
        return out + pipe.end(COSTS, ESTIMATE)
    return out + pipe.break_off(ERROR, COSTS, ESTIMATE)


def facts(pipe: ChatStream) -> tuple[Any, ...]:
    failure = None if pipe.failure is None else pipe.failure.message
    delivered = (pipe.delivered_events, pipe.delivered_text_bytes)
    return pipe.usage, pipe.model_answered, pipe.finished, pipe.ended, pipe.content_started, failure, delivered


@given(STREAMS, st.lists(st.integers(0, 900)), st.booleans(), st.integers(1, 2))
def test_any_split_gives_the_client_the_same(stream: bytes, cuts: list[int], asked: bool, choices: int) -> None:
    places = sorted({min(place, len(stream)) for place in cuts} | {0, len(stream)})
    split = [stream[a:b] for a, b in pairwise(places)]
    singly = [stream[place : place + 1] for place in range(len(stream))]
    seen: list[tuple[bytes, tuple[Any, ...]]] = []
    for pieces in (split, singly, [stream]):
        pipe = ChatStream(usage_asked=asked, choices=choices)
        seen.append((through(pipe, pieces), facts(pipe)))
    assert seen[0] == seen[1] == seen[2]


@given(STREAMS, st.booleans(), st.integers(1, 2))
def test_every_end_is_either_finished_or_says_that_it_is_not(stream: bytes, asked: bool, choices: int) -> None:
    pipe = ChatStream(usage_asked=asked, choices=choices)
    shown = list(payloads(through(pipe, [stream])))
    if pipe.finished and pipe.failure is None:
        assert shown[-1] == "[DONE]"
        assert shown.count("[DONE]") == 1
        with_cost = [each for each in shown if "total_cost_usd" in str(each)]
        assert len(with_cost) == 1
    else:
        assert "[DONE]" not in shown
        last = shown[-1]
        assert isinstance(last, dict)
        assert set(last) == {"error", "usage"}


@given(STREAMS, st.booleans(), st.integers(1, 2))
def test_a_stream_that_is_cut_loses_no_text_and_ends_every_choice(stream: bytes, asked: bool, choices: int) -> None:
    pipe = ChatStream(usage_asked=asked, choices=choices)
    out = pipe.feed(stream)
    assume(pipe.failure is None and not pipe.finished)
    *shown, error, done = payloads(out + pipe.cut(ERROR, COSTS, ESTIMATE))
    assert done == "[DONE]"
    assert isinstance(error, dict)
    assert set(error) == {"error"}
    assert "[DONE]" not in shown
    read = [read_chunk(json.dumps(each).encode()) for each in shown]
    assert sum(each.text_bytes for each in read) == pipe.delivered_text_bytes
    assert {index for each in read for index in each.finished} >= set(range(choices))
    assert len([each for each in shown if "total_cost_usd" in str(each)]) == 1


@given(st.lists(ORDINARY, max_size=6), st.integers(0, 900))
def test_a_stream_that_was_cut_before_its_finish_is_not_finished(events: list[bytes], cut: int) -> None:
    stream = b"".join(events) + chunk({}, finish="stop") + usage_chunk() + DONE
    whole_events = b"".join(events) + chunk({}, finish="stop")[:-3]
    pipe = ChatStream(usage_asked=False)
    pipe.feed(stream[: min(cut, len(whole_events))])
    pipe.close()
    assert not pipe.finished


@given(st.lists(ORDINARY, max_size=8), st.booleans())
def test_without_cost_fields_every_byte_is_the_providers(events: list[bytes], asked: bool) -> None:
    stream = b"".join(events) + chunk({}, finish="stop") + usage_chunk() + DONE
    pipe = ChatStream(usage_asked=asked)
    out = pipe.feed(stream) + pipe.close() + pipe.end(None, None)
    assert out == (stream if asked else b"".join(events) + chunk({}, finish="stop") + DONE)
