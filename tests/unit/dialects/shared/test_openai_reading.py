"""The reading that OpenAI's dialects share: what surrounds the choices, and what becomes of wrong types."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.dialects.openai_reading import ChunkReader, Envelope, decoder, read_whole, usage_in
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.events import Event, Finished, Started, StopReason, TextDelta, Told, UsageReported
from tollway.neutral.usage import Usage


class Inner(msgspec.Struct):
    """One choice."""

    text: str = ""
    ends: bool = False


class Shape(Envelope):
    """A chunk of a dialect that tests made up."""

    choices: list[Inner] | None = None
    best: Inner | None = None


DECODE = decoder(Shape, {Shape: {"choices": list[Inner], "best": Inner}})


class Choices:
    """Tells the texts of choices, and an end when they end."""

    def __init__(self) -> None:
        self.all_ended = False
        self.closed = 0

    def read(self, found: Envelope, out: list[Event]) -> None:
        """Tell what a chunk says."""
        assert isinstance(found, Shape)
        for choice in found.choices or []:
            if choice.text == "broken":
                raise UpstreamFailure(FailureKind.BROKE, "the model broke")
            out.append(TextDelta(text=choice.text))
            self.all_ended = self.all_ended or choice.ends

    def close(self, out: list[Event]) -> None:
        """Tell what was kept back."""
        self.closed += 1
        out.append(Finished(reason=StopReason.STOP))


def event(payload: Any, name: str = "") -> bytes:
    """Return an event."""
    data = payload if isinstance(payload, str) else json.dumps(payload)
    return (f"event: {name}\n" if name else "").encode() + f"data: {data}\n\n".encode()


def chunk(*texts: str, **more: Any) -> bytes:
    """Return a chunk with choices."""
    return event({"choices": [{"text": text} for text in texts], **more})


def opened() -> tuple[ChunkReader, Choices]:
    """Return a reader and what reads its choices."""
    choices = Choices()
    return ChunkReader(DECODE, choices), choices


STREAM = (
    chunk(id="x", model="m", created=5)
    + b": comment\r\n\r\n"
    + chunk("hä", "b", service_tier="flex")
    + event({"choices": [{"text": "", "ends": True}], "usage": None})
    + event({"usage": {"prompt_tokens": 3, "completion_tokens": 1}, "service_tier": "flex"})
    + event("[DONE]")
)
TOLD: list[Event] = [
    Started(id="x", model="m", created_s=5),
    TextDelta(text="hä"),
    TextDelta(text="b"),
    Told(service_tier="flex"),
    TextDelta(text=""),
    UsageReported(usage=Usage(input=3, output=1)),
    Finished(reason=StopReason.STOP),
]


@given(st.integers(1, len(STREAM)))
def test_any_split_tells_the_same(step: int) -> None:
    reader, choices = opened()
    events = [each for at in range(0, len(STREAM), step) for each in reader.feed(STREAM[at : at + step])]
    assert events + reader.close() == TOLD
    assert (reader.finished, reader.ended, reader.failure, choices.closed) == (True, True, None, 1)


def test_nothing_follows_the_last_word() -> None:
    reader, _ = opened()
    assert reader.feed(STREAM + chunk("more")) == TOLD
    assert reader.feed(chunk("more")) == []
    assert reader.close() == []


@pytest.mark.parametrize(
    ("sent", "kind", "said"),
    [
        (b"data: {oops\n\n", FailureKind.JUNK, "not JSON"),
        (b"data: \xff\n\n", FailureKind.JUNK, "not JSON"),
        (b'data: {"id":"\xff"}\n\n', FailureKind.JUNK, "not JSON"),
        (event("[" * 100_000), FailureKind.JUNK, "not JSON"),
        (event({"error": {"message": "overloaded"}}), FailureKind.BROKE, "overloaded"),
        (event({"error": "overloaded"}), FailureKind.BROKE, "overloaded"),
        (event({"object": "error", "message": "overloaded"}), FailureKind.BROKE, "overloaded"),
        (event({"message": "overloaded"}, name="error"), FailureKind.BROKE, "overloaded"),
        (chunk("broken"), FailureKind.BROKE, "the model broke"),
    ],
)
def test_what_breaks_a_stream_is_its_failure_and_nothing_follows(sent: bytes, kind: FailureKind, said: str) -> None:
    reader, _ = opened()
    assert reader.feed(chunk("a") + sent + chunk("b")) == [TextDelta(text="a")]
    assert reader.failure is not None
    assert reader.failure.kind is kind
    assert said in reader.failure.message
    assert (reader.feed(chunk("c")), reader.close(), reader.finished) == ([], [], False)


def test_what_came_without_its_blank_line_is_told_where_it_is_whole() -> None:
    for rest, told in (
        (b'data: {"choices":[{"text":"b"}]}', [TextDelta(text="b")]),
        (b"data: [DONE]", [Finished(reason=StopReason.STOP)]),
        (b'data: {"choices":[{"te', []),
        (b": comment", []),
        (b"", []),
    ):
        reader, _ = opened()
        reader.feed(chunk("a") + rest)
        assert reader.close() == told
        assert reader.failure is None
    reader, _ = opened()
    reader.feed(b'data: {"error":{"message":"overloaded"}}')
    assert reader.close() == []
    assert reader.failure is not None


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ({"choices": [{"text": "a"}, {"text": 5, "ends": "x"}, {"text": "b"}]}, ["a", "", "b"]),
        ({"choices": [{"text": "a"}, 5, None]}, ["a", "", ""]),
        ({"choices": "none", "model": "m"}, []),
        ({"choices": [{"text": "a"}], "created": 1.5}, ["a"]),
        ({"choices": [{"text": "a"}], "created": 10**400}, ["a"]),
        ({"choices": [{"text": "a"}], "id": 5, "model": []}, ["a"]),
        ({"choices": [{"text": "a"}], "best": {"text": 5}}, ["a"]),
        ({"choices": [{"text": "a"}], "best": 7}, ["a"]),
        ({"choices": [{"text": "a"}], "x_groq": 7}, ["a"]),
        ({"choices": [{"text": "a"}], "usage": 7}, ["a"]),
        (5, []),
        (None, []),
        ([], []),
        ("[]", []),
    ],
)
def test_of_wrong_types_everything_else_is_read(payload: Any, told: list[str]) -> None:
    reader, _ = opened()
    events = reader.feed(event(payload))
    assert [each.text for each in events if isinstance(each, TextDelta)] == told
    assert reader.failure is None


def test_who_answers_is_told_once_and_what_else_is_told_when_it_changes() -> None:
    reader, _ = opened()
    events = reader.feed(
        chunk(id="", model="")
        + chunk(id="x", model="m")
        + chunk(id="x", model="m", service_tier="a")
        + chunk(id="x", model="m", service_tier="a")
        + chunk(service_tier="b", usage={"cost": 0.5})
    )
    assert events == [
        Started(id="x", model="m"),
        Told(service_tier="a"),
        Told(service_tier="b", provider_cost_nanos=500_000_000),
    ]


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        ({}, None),
        ({"usage": None}, None),
        ({"usage": {"a": 1}}, {"a": 1}),
        ({"x_groq": {"usage": {"a": 1}}}, {"a": 1}),
        ({"usage": None, "x_groq": {"usage": {"a": 1}}}, {"a": 1}),
        ({"usage": {"a": 1}, "x_groq": {"usage": {"a": 2}}}, {"a": 1}),
        ({"x_groq": {"id": "x"}}, None),
        ({"x_groq": {"usage": None}}, None),
    ],
)
def test_usage_is_found_where_providers_put_it(payload: Any, found: Any) -> None:
    raw = usage_in(DECODE(json.dumps(payload).encode()))
    assert (None if raw is None else json.loads(raw)) == found


def whole(body: bytes) -> list[Event]:
    """Return what a whole answer tells."""
    return read_whole(DECODE, Choices(), body, what="an answer of tests")


def test_a_whole_answer_tells_the_same_with_its_usage_last() -> None:
    body = {"id": "x", "choices": [{"text": "a"}], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
    assert whole(json.dumps(body).encode()) == [
        Started(id="x"),
        TextDelta(text="a"),
        Finished(reason=StopReason.STOP),
        UsageReported(usage=Usage(input=3, output=1)),
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is not an answer of tests"),
        (b"<html>", "is not an answer of tests"),
        (b"\xff", "is not an answer of tests"),
        (b"[" * 100_000, "is not an answer of tests"),
        (b"{}", "is not an answer of tests"),
        (b'{"choices":null}', "is not an answer of tests"),
        (b'{"choices":5}', "is not an answer of tests"),
        (b'{"error":{"message":"overloaded"}}', "is not an answer of tests: overloaded"),
        (b'{"choices":[{"text":"broken"}]}', "the model broke"),
    ],
)
def test_what_is_no_whole_answer_is_junk(body: bytes, said: str) -> None:
    with pytest.raises(UpstreamFailure) as junk:
        whole(body)
    assert junk.value.kind is FailureKind.JUNK
    assert said in junk.value.message


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    reader, _ = opened()
    reader.feed(b"data: " + data + b"\n\n")
    reader.close()
    assert reader.failure is None or reader.failure.kind in (FailureKind.JUNK, FailureKind.BROKE)
