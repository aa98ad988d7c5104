"""Streams of pictures, sounds and transcripts: events pass, the last one tells usage and cost."""

import json
from typing import Any

import pytest

from tollway.dialects.openai_media import (
    OPENAI_IMAGES,
    OPENAI_MODERATIONS,
    OPENAI_SPEECH,
    OPENAI_TRANSCRIPTIONS,
)
from tollway.dialects.record import Called, CostFields, Dialect, Stream
from tollway.errors import FailureKind
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=10_000_000, fee_nanos=0, total_nanos=10_000_000, currency="USD")
SHOWN = {"base_cost_usd": 0.01, "platform_fee_usd": 0, "total_cost_usd": 0.01}
ERROR = b'{"error":{"message":"It broke."}}'
PEEK: Peek = OPENAI_IMAGES.peek(b'{"model":"m","prompt":"p","stream":true}', Called())
DONE = b"data: [DONE]\n\n"


def event(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **members}).encode())


def payload(raw: bytes) -> Any:
    return json.loads(raw.split(b"data: ", 1)[1])


PARTIAL = event("image_generation.partial_image", b64_json="AAAA", partial_image_index=0)
PICTURE = event("image_generation.completed", b64_json="BBBB", usage={"input_tokens": 5, "output_tokens": 100})
SOUND = event("speech.audio.delta", audio="SUQz", delta="SUQz")
SPOKEN = event("speech.audio.done", usage={"input_tokens": 5, "output_tokens": 9, "total_tokens": 14})
PIECE = event("transcript.text.delta", delta="Hé")
TEXT = event(
    "transcript.text.done",
    text="Hé",
    usage={"input_tokens": 14, "input_token_details": {"audio_tokens": 10}, "output_tokens": 5, "cost": 0.5},
)


def opened(dialect: Dialect) -> Stream:
    return dialect.open_stream(PEEK)


@pytest.mark.parametrize(
    ("dialect", "first", "last", "usage"),
    [
        (OPENAI_IMAGES, PARTIAL, PICTURE, Usage(input=5, output=100, images=1)),
        (OPENAI_SPEECH, SOUND, SPOKEN, Usage(input=5, output=9)),
        (OPENAI_TRANSCRIPTIONS, PIECE, TEXT, Usage(input=4, audio_input=10, output=5)),
    ],
)
@pytest.mark.parametrize("done", [b"", DONE])
def test_events_pass_and_the_last_one_tells_usage_and_cost(
    dialect: Dialect, first: bytes, last: bytes, usage: Usage, done: bytes
) -> None:
    pipe = opened(dialect)
    assert pipe.feed(b": hello\n\n") == b""
    assert not pipe.content_started
    assert pipe.feed(first) == b": hello\n\n" + first
    assert pipe.feed(last + done) == b""
    assert pipe.close() == b""
    assert (pipe.finished, pipe.ended, pipe.failure, pipe.usage) == (True, bool(done), None, usage)
    tail = pipe.end(COSTS, None)
    assert tail.endswith(done)
    shown = payload(tail.removesuffix(done))
    assert shown["usage"] == {**payload(last)["usage"], **SHOWN}
    assert {**shown, "usage": 0} == {**payload(last), "usage": 0}


@pytest.mark.parametrize(
    ("dialect", "whole"), [(OPENAI_IMAGES, PARTIAL + PICTURE), (OPENAI_TRANSCRIPTIONS, PIECE + TEXT)]
)
def test_any_split_of_the_bytes_gives_the_same(dialect: Dialect, whole: bytes) -> None:
    at_once, dripped = opened(dialect), opened(dialect)
    expected = at_once.feed(whole) + at_once.close() + at_once.end(COSTS, None)
    pieces = b"".join(dripped.feed(whole[at : at + 1]) for at in range(len(whole)))
    assert pieces + dripped.close() + dripped.end(COSTS, None) == expected
    assert at_once.usage == dripped.usage


def test_without_costs_the_bytes_are_the_providers() -> None:
    pipe = opened(OPENAI_TRANSCRIPTIONS)
    assert pipe.feed(PIECE + TEXT + DONE) + pipe.end(None, None) == PIECE + TEXT + DONE


def test_only_the_text_of_a_transcript_counts_as_text() -> None:
    pipe = opened(OPENAI_TRANSCRIPTIONS)
    pipe.feed(PIECE + event("transcription.text.delta", text="abc") + event("transcript.text.segment", text="Hé"))
    assert (pipe.delivered_events, pipe.delivered_text_bytes) == (2, 6)
    pipe.feed(TEXT)
    assert pipe.delivered_text_bytes == 6
    assert pipe.provider_cost_nanos == 500_000_000
    sound = opened(OPENAI_SPEECH)
    sound.feed(SOUND)
    assert sound.delivered_text_bytes == 0


def test_each_picture_adds_to_the_usage() -> None:
    pipe = opened(OPENAI_IMAGES)
    pipe.feed(PICTURE + event("image_generation.completed", b64_json="CCCC"))
    pipe.feed(PICTURE + b": a comment\n\n")
    assert pipe.usage == Usage(input=10, output=200, images=3)
    tail = pipe.end(COSTS, None)
    assert tail.count(b"base_cost_usd") == 1
    assert tail.startswith(PICTURE)
    assert tail.endswith(b": a comment\n\n")


def test_a_last_event_without_usage_gets_one() -> None:
    pipe = opened(OPENAI_SPEECH)
    pipe.feed(SOUND + event("speech.audio.done"))
    assert pipe.usage is None
    shown = payload(pipe.end(COSTS, Usage(input=2, audio_output=9)))["usage"]
    assert shown == {"input_tokens": 2, "output_tokens": 9, "total_tokens": 11, "estimated": True, **SHOWN}


def test_several_last_events_of_a_transcript_add_up() -> None:
    pipe = opened(OPENAI_TRANSCRIPTIONS)
    pipe.feed(TEXT + TEXT + event("transcript.text.done", usage=None))
    assert pipe.usage == Usage(input=8, audio_input=20, output=10)


def test_a_stream_of_nothing_but_its_end_has_nowhere_to_tell_a_cost() -> None:
    pipe = opened(OPENAI_TRANSCRIPTIONS)
    pipe.feed(DONE)
    assert pipe.finished
    assert pipe.end(COSTS, None) == DONE


@pytest.mark.parametrize("call", ["break_off", "cut"])
def test_a_stream_that_breaks_never_looks_finished(call: str) -> None:
    pipe = opened(OPENAI_TRANSCRIPTIONS)
    assert pipe.feed(PIECE) == PIECE
    pipe.feed(TEXT[:-20])
    assert pipe.close() == b""
    assert not pipe.finished
    tail = getattr(pipe, call)(ERROR, COSTS, Usage(input=4, output=1))
    assert tail.startswith(b"event: error\n")
    shown = {"input_tokens": 4, "output_tokens": 1, "total_tokens": 5, "estimated": True, **SHOWN}
    assert payload(tail) == {"error": {"message": "It broke."}, "usage": shown}


def test_what_is_withheld_of_a_broken_stream_does_not_pass() -> None:
    pipe = opened(OPENAI_TRANSCRIPTIONS)
    pipe.feed(PIECE + TEXT)
    assert pipe.break_off(ERROR, None, None) == b"event: error\ndata: " + ERROR + b"\n\n"
    told = payload(pipe.break_off(ERROR, COSTS, None))["usage"]
    assert told == {"input_tokens": 14, "output_tokens": 5, "total_tokens": 19, **SHOWN}
    assert b"usage" not in pipe.break_off(ERROR, None, Usage(input=1))
    assert b"usage" not in pipe.cut(ERROR, None, Usage(input=1))


def test_characters_are_not_shown_as_tokens() -> None:
    pipe = opened(OPENAI_SPEECH)
    pipe.feed(SOUND)
    assert payload(pipe.break_off(ERROR, COSTS, Usage(input=6)))["usage"] == SHOWN


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (event("error", error={"message": "Out of luck."}), FailureKind.BROKE),
        (b'data: {"error":{"message":"Out of luck."}}\n\n', FailureKind.BROKE),
        (b'event: error\ndata: {"message":"Out of luck."}\n\n', FailureKind.BROKE),
        (b"data: no\n\n", FailureKind.JUNK),
        (b'data: {"type":1}\n\n', FailureKind.JUNK),
        (b'data: {"type":"a","x":"\xff"}\n\n', FailureKind.JUNK),
        (b"data: " + b"[" * 100_000 + b"\n\n", FailureKind.JUNK),
    ],
)
def test_errors_and_junk_end_the_stream(raw: bytes, kind: FailureKind) -> None:
    pipe = opened(OPENAI_TRANSCRIPTIONS)
    assert pipe.feed(raw) == b""
    assert pipe.failure is not None
    assert pipe.failure.kind is kind
    assert ("Out of luck." in pipe.failure.message) == (kind is FailureKind.BROKE)
    assert pipe.feed(PIECE) == b""


def test_a_large_picture_is_withheld_whole() -> None:
    pipe = opened(OPENAI_IMAGES)
    large = event("image_generation.completed", b64_json="A" * 9_000_000, usage={"input_tokens": 1, "output_tokens": 2})
    pipe.feed(large)
    assert pipe.failure is None
    assert len(pipe.end(COSTS, None)) > len(large)


def test_a_null_error_is_none() -> None:
    pipe = opened(OPENAI_TRANSCRIPTIONS)
    pipe.feed(event("transcript.text.delta", delta="a", error=None, model="m"))
    assert (pipe.failure, pipe.model_answered) == (None, "m")


def test_moderations_have_no_stream() -> None:
    with pytest.raises(NotImplementedError):
        opened(OPENAI_MODERATIONS)
