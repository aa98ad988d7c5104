"""A Messages stream whose events are told by the ones before them is the stream that parses each."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.dialects.telling import told
from tollway.dialects.alike import LESSONS_MAX
from tollway.dialects.anthropic_messages.stream import MessagesForm, open_stream
from tollway.dialects.passing import PassingStream
from tollway.neutral.peek import Peek

PEEK = Peek(
    model_asked="m", streamed=True, usage_asked=False, output_tokens_max=None, choices=1, body_bytes=9, media_parts=0
)
TEXTS = st.text(max_size=9) | st.sampled_from(["", " the", '"', "\\", "\n", "é", "x" * 200])


def event(name: str, **fields: Any) -> bytes:
    said = json.dumps({"type": name, **fields}, separators=(",", ":"), ensure_ascii=False)
    return f"event: {name}\ndata: {said}\n\n".encode()


def delta(text: str, kind: str = "text", index: int = 0) -> bytes:
    return event("content_block_delta", index=index, delta={"type": f"{kind}_delta", kind: text})


START = event("message_start", message={"id": "m", "model": "m-1", "content": [], "usage": {"input_tokens": 3}})
BEGIN = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
ENDING = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})
STOP = event("message_stop")
EVENTS = st.one_of(
    st.builds(delta, TEXTS, st.sampled_from(["text", "thinking", "partial_json"]), st.integers(0, 1)),
    st.builds(lambda text: event("content_block_start", index=1, content_block={"type": "text", "text": text}), TEXTS),
    st.builds(lambda text: event("error", error={"type": "x", "message": text}), TEXTS),
    st.sampled_from([START, BEGIN, ENDING, STOP, b": comment\n\n", b"data: {}\n\n", event("ping")]),
)


@given(st.lists(EVENTS, max_size=12), st.lists(st.integers(0, 2000), max_size=4))
def test_a_stream_with_patterns_is_the_stream_without_them(events: list[bytes], places: list[int]) -> None:
    stream = b"".join([START, BEGIN, *events])
    ends = [0, len(START), len(START + BEGIN)]
    for each in events:
        ends.append(ends[-1] + len(each))
    cuts = sorted({end for end in ends if end % 4} | {0, len(stream)} | {min(place, len(stream)) for place in places})
    reads = [stream[start:end] for start, end in pairwise(cuts)]
    assert told(open_stream(PEEK), reads) == told(PassingStream(MessagesForm()), reads)


def started(*events: bytes) -> PassingStream:
    pipe = open_stream(PEEK)
    for each in (START, BEGIN, *events):
        pipe.feed(each)
    return pipe


def test_deltas_of_a_known_pattern_are_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = started(delta("one"), delta("two"), delta("a\nb"), delta("é"))
    monkeypatch.setattr(MessagesForm, "look", None)
    passing = delta(" three")
    assert pipe.feed(passing) is passing
    assert (pipe.delivered_events, pipe.delivered_text_bytes) == (5, 3 + 3 + 3 + 2 + 6)


def test_what_is_half_read_or_too_long_is_no_event_of_a_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    word = delta("x")
    pipe = started(word, word)
    assert pipe.feed(word + word[:9]) == word
    assert pipe.feed(word[9:]) == word
    monkeypatch.setattr("tollway.framing.sse.EVENT_BYTES_MAX", 10)
    assert pipe.feed(b"data: 1234567") == b""
    assert pipe.failure is not None
    assert pipe.feed(word) == b""


def test_deltas_that_change_each_time_are_not_looked_at_for_ever() -> None:
    pipe = started(*(delta("x", index=number) for number in range(LESSONS_MAX * 2)))
    assert pipe._lessons_left == 0
    assert pipe.delivered_events == LESSONS_MAX * 2


def test_a_block_that_begins_with_text_has_no_pattern() -> None:
    block = event("content_block_start", index=1, content_block={"type": "text", "text": "Hi"})
    pipe = started(delta("x"), block)
    assert pipe._alike is None
    assert pipe.feed(block) == block
