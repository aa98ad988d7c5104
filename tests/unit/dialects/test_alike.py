"""An event that is told by the one before it says what a parser would have said."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.dialects.chunks import DONE, ROLE, STOP, USAGE, chunk, event
from tests.unit.dialects.telling import told
from tollway.dialects.alike import LESSONS_MAX, learn
from tollway.dialects.openai_chat import stream as stream_module
from tollway.dialects.openai_chat.stream import ChatStream

TEXTS = st.text(max_size=12) | st.sampled_from(["", " the", '"', "\\", "\n", "é", "\x7f", "data: {", '"}', "a" * 300])
NAMES = ("content", "reasoning_content", "reasoning", "refusal")


def padded(text: str, padding: str) -> bytes:
    """Return a chunk as a provider sends it that hides lengths."""
    return chunk({"content": text}, usage=None, obfuscation=padding)


def calling(text: str) -> bytes:
    """Return a part of a call as a provider sends it that repeats the name."""
    return chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": text}}]})


def named(data: bytes) -> bytes:
    """Return an event as a provider sends it that names them."""
    return b"event: message\n" + data


EVENTS = st.one_of(
    st.builds(lambda text, name: chunk({name: text}), TEXTS, st.sampled_from(NAMES)),
    st.builds(padded, TEXTS, st.sampled_from(["aB3", "", "x" * 20, 'a"b', "-"])),
    st.builds(lambda text: chunk({"content": text}, index=1), TEXTS),
    st.builds(lambda text: chunk({"content": text, "reasoning": text}), TEXTS),
    st.builds(lambda text: chunk({"role": "assistant", "content": text}, x={"content": text}), TEXTS),
    st.builds(lambda text: chunk({"content": text, "reasoning": "so"}), TEXTS),
    st.builds(calling, TEXTS),
    st.builds(lambda text: chunk({"tool_calls": [{"index": 0, "function": {"arguments": text}}]}), TEXTS),
    st.builds(lambda text: chunk({"content": text}, usage={"prompt_tokens": 1, "completion_tokens": 2}), TEXTS),
    st.builds(
        lambda text, tier: chunk({"content": text}, service_tier=tier), TEXTS, st.sampled_from(["flex", "default"])
    ),
    st.sampled_from([chunk({}), chunk({}, service_tier="flex"), chunk({}, usage=USAGE), chunk({}, model="m-2")]),
    st.builds(lambda text: chunk({"content": text}, finish="stop"), TEXTS),
    st.builds(lambda text: chunk({"content": text}).replace(b"\n", b"\r\n"), TEXTS),
    st.builds(lambda text: event({"choices": [{"delta": {"content": text}}], "error": None}), TEXTS),
    st.builds(lambda text: named(chunk({"content": text})), TEXTS),
    st.sampled_from(
        [b": comment\n\n", ROLE, DONE, b"data: {}\n\n", b'data: {"choices":[{"delta":{"content":"\x01"}}]}\n\n']
    ),
)


SPOKEN = chunk({"content": "x"}, service_tier="default")
BILLED = chunk({"content": "x"}, usage={"prompt_tokens": 1, "completion_tokens": 2})


@given(st.lists(EVENTS, max_size=12), st.lists(st.integers(0, 3000), max_size=4))
@example([chunk({"content": "a"}), chunk({"content": "b"}), chunk({"content": ""}), STOP, DONE], [])
@example([calling("a"), calling("b"), calling("c")], [])
@example([named(chunk({"content": text})) for text in "abc"], [])
@example([SPOKEN, SPOKEN, chunk({}, service_tier="flex"), SPOKEN], [])
@example([BILLED, BILLED, chunk({}, usage=USAGE), BILLED], [])
def test_a_stream_with_patterns_is_the_stream_without_them(events: list[bytes], places: list[int]) -> None:
    reads = list(events)
    for place in places:
        at = place % (len(reads) or 1)
        for read in reads[at : at + 1]:
            cut = place % len(read)
            reads[at : at + 1] = [piece for piece in (read[:cut], read[cut:]) if piece]
        if place % 5 == 0 and len(reads) > at + 1:
            reads[at : at + 2] = [reads[at] + reads[at + 1]]
    without = ChatStream(usage_asked=False)
    without._lessons_left = 0
    assert told(ChatStream(usage_asked=False), reads) == told(without, reads)


def started(*events: bytes) -> ChatStream:
    pipe = ChatStream(usage_asked=False)
    for each in events:
        pipe.feed(each)
    return pipe


def test_events_of_a_known_pattern_are_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = started(padded("one", "a"), padded("two", "ab"))
    monkeypatch.setattr(stream_module, "read_chunk", None)
    for text, padding in ((" three", "abc"), (" four", ""), ("5", "abcdef")):
        passing = padded(text, padding)
        assert pipe.feed(passing) is passing
    assert pipe.delivered_events == 5
    assert pipe.delivered_text_bytes == 3 + 3 + 6 + 5 + 1


def test_a_pattern_is_known_again_after_an_event_that_is_none() -> None:
    pipe = started(chunk({"content": "one"}), chunk({"content": "two"}))
    lessons_left = pipe._lessons_left
    for text in ("a\nb", "é", "three"):
        pipe.feed(chunk({"content": text}))
    assert pipe._alike is not None
    assert pipe._lessons_left == lessons_left


def test_a_padded_pattern_is_known_again_as_well() -> None:
    pipe = started(padded("one", "a"), padded("two", "ab"))
    lessons_left = pipe._lessons_left
    for text in ("a\nb", "three"):
        pipe.feed(padded(text, "abc"))
    assert pipe._lessons_left == lessons_left


def test_events_that_change_each_time_are_not_looked_at_for_ever() -> None:
    numbers = range(LESSONS_MAX * 2)
    pipe = started(*(chunk({"content": "x"}, number=number) for number in numbers))
    assert pipe._lessons_left == 0
    assert pipe.delivered_events == len(numbers)


def test_a_burst_is_told_by_the_pattern_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    word = chunk({"content": "x"})
    pipe = started(word, word)
    monkeypatch.setattr(stream_module, "read_chunk", None)
    assert pipe.feed(word * 9) == word * 9
    assert pipe.delivered_events == 11


def test_an_event_that_is_too_long_ends_the_pattern_too(monkeypatch: pytest.MonkeyPatch) -> None:
    word = chunk({"content": "x"})
    pipe = started(word, word)
    monkeypatch.setattr("tollway.framing.sse.EVENT_BYTES_MAX", 10)
    assert pipe.feed(b"data: 1234567") == b""
    assert pipe.failure is not None
    assert pipe.feed(word) == b""


def test_what_is_half_read_is_no_event_of_a_pattern() -> None:
    word = chunk({"content": "x"})
    pipe = started(word, word)
    assert pipe.feed(word + word[:9]) == word
    assert pipe.feed(word[9:]) == word
    assert pipe.feed(word) is word
    assert pipe.delivered_events == 5


@pytest.mark.parametrize(
    "unlike",
    [
        chunk({"content": "x"}).replace(b"\n", b"\r\n"),
        chunk({"content": "x"}).replace(b"data: ", b"data:"),
        padded("x", "a-b"),
        b": content\n\n",
    ],
)
def test_events_of_another_form_have_no_pattern(unlike: bytes) -> None:
    assert learn(unlike, lambda each: (len(each), None)) is None


def written(raw: bytes) -> int:
    """Return the length of the text of an event."""
    said = json.loads(raw[6:])
    return len(said["choices"][0]["delta"]["content"] if "choices" in said else said["content"])


def test_a_text_that_is_not_counted_or_says_something_else_has_no_pattern() -> None:
    raw = event({"content": "x"})
    assert learn(raw, lambda each: (0, None)) is None
    assert learn(raw, lambda each: (written(each) + 1, None)) is None
    assert learn(raw, lambda each: (written(each), written(each))) is None
    assert learn(raw, lambda each: (written(each), None)) is not None


def test_a_pattern_reads_the_length_of_its_text_and_nothing_of_another() -> None:
    found = learn(padded("x", "y"), lambda each: (written(each), None))
    assert found is not None
    assert found.text_bytes(padded("hello", "yy")) == 5
    for other in (
        padded("", "y"),
        padded("x", "-"),
        padded("x", "y")[:-1],
        padded("x", "y") + b"\n",
        padded('"', "y"),
        b"",
    ):
        assert found.text_bytes(other) == 0
