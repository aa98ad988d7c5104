"""A Gemini stream that passes within its dialect: what waits, where the costs go, how it ends."""

import json

import pytest

from tests.unit.dialects.gemini.gemini_chunks import (
    COST_VALUES,
    COSTS,
    ERROR,
    ESTIMATE,
    ESTIMATED,
    HI,
    ID,
    STOP,
    USAGE,
    candidate,
    chunk,
    encoded,
    event,
    payloads,
    peeked,
)
from tollway.dialects.gemini import GEMINI
from tollway.dialects.gemini.stream import data_of
from tollway.dialects.record import Stream
from tollway.errors import FailureKind
from tollway.neutral.usage import Usage


def opened(*pieces: bytes, variant: str = "") -> tuple[Stream, bytes]:
    pipe = GEMINI.open_stream(peeked(variant=variant))
    return pipe, b"".join(pipe.feed(piece) for piece in pieces) + pipe.close()


def ended(*pieces: bytes) -> list[dict[str, object]]:
    pipe, out = opened(*pieces)
    assert pipe.finished
    return payloads(out + pipe.end(COSTS, pipe.usage or ESTIMATE))


def test_chunks_pass_and_the_finish_waits() -> None:
    pipe, out = opened(HI, b": a comment\r\n\r\n", STOP)
    assert out == HI + b": a comment\r\n\r\n"
    assert pipe.end(None, None) == STOP
    assert (pipe.usage, pipe.model_answered) == (Usage(input=3, output=1), "m-1")
    assert pipe.delivered_text_bytes == 6


def test_nothing_begins_with_a_chunk_that_says_nothing() -> None:
    pipe, out = opened(chunk({"text": ""}), event({"usageMetadata": USAGE}), event({"candidates": [{"index": 0}]}))
    assert out == b""
    assert not pipe.content_started


@pytest.mark.parametrize(
    "part",
    [
        {"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "b"}]}},
        {"inlineData": {"mimeType": "image/png", "data": "aQ=="}},
        {"text": "", "thoughtSignature": "c2ln"},
        {"executableCode": {"language": "PYTHON"}},
    ],
)
def test_whatever_the_model_says_begins_the_stream(part: object) -> None:
    pipe, out = opened(chunk(part))
    assert out == chunk(part)
    assert pipe.content_started


def test_costs_stand_in_the_last_usage() -> None:
    last = {"usageMetadata": {**USAGE, "trafficType": "ON_DEMAND"}}
    assert ended(HI, STOP, event(last))[-1] == {"usageMetadata": last["usageMetadata"] | COST_VALUES}
    shown = ended(HI, STOP, b": bye\r\n\r\n", event({"candidates": []}))
    assert shown[-2]["usageMetadata"] == USAGE | COST_VALUES
    assert shown[-1] == {"candidates": []}


def test_usage_that_was_told_earlier_is_repeated_at_the_end() -> None:
    shown = ended(chunk({"text": "a"}, usage=USAGE), chunk({"text": ""}, finish="STOP"))
    assert shown[-1]["usageMetadata"] == USAGE | COST_VALUES


def test_usage_that_nobody_told_is_estimated() -> None:
    assert ended(HI, chunk({"text": ""}, finish="STOP"))[-1]["usageMetadata"] == ESTIMATED | COST_VALUES
    empty = ended(HI, event({"candidates": [{"finishReason": "STOP"}]}), event({}))
    assert empty[-1] == {"usageMetadata": ESTIMATED | COST_VALUES}


def test_a_blocked_prompt_ends_the_stream() -> None:
    feedback = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 8}}
    assert ended(event(feedback))[0]["promptFeedback"] == feedback["promptFeedback"]


def test_every_choice_that_was_seen_must_finish() -> None:
    both = event({"candidates": [candidate({"text": "a"}), candidate({"text": "b"}, index=1)]})
    one = event({"candidates": [candidate({"text": "A"}, finish="STOP", index=None)]})
    pipe, out = opened(both, one)
    assert out == both + one
    assert not pipe.finished
    assert pipe.feed(event({"candidates": [candidate(finish="MAX_TOKENS", index=1)]})) == b""
    assert pipe.finished


@pytest.mark.parametrize(
    ("junk", "kind", "words"),
    [
        (b"data: junk\r\n\r\n", FailureKind.JUNK, "not JSON"),
        (b"data: []\r\n\r\n", FailureKind.JUNK, "not in its dialect"),
        (b'data: {"error":{"message":"overloaded"}}\r\n\r\n', FailureKind.BROKE, "overloaded"),
        (b'data: [{"error":{"message":"overloaded"}}]\r\n\r\n', FailureKind.BROKE, "overloaded"),
        (b'{\n"error":{\n"message":"overloaded"}\n}\n\n', FailureKind.BROKE, "overloaded"),
    ],
)
def test_what_is_no_chunk_is_a_failure(junk: bytes, kind: FailureKind, words: str) -> None:
    pipe, out = opened(HI, junk)
    assert out == HI
    assert pipe.failure is not None
    assert pipe.failure.kind is kind
    assert words in pipe.failure.message


def test_junk_in_the_usage_of_a_chunk_is_no_usage() -> None:
    pipe, out = opened(
        chunk({"text": "a"}, usage={"promptTokenCount": "?"}), event({"candidates": None, "promptFeedback": 1})
    )
    assert b'"text":"a"' in out
    assert pipe.usage is None
    assert pipe.failure is not None


def test_an_empty_event_passes() -> None:
    assert opened(HI, b"data:\r\n\r\n")[1] == HI + b"data:\r\n\r\n"


def test_a_broken_stream_keeps_its_text_and_loses_its_finish() -> None:
    pipe, out = opened(HI, chunk({"text": "end"}, finish="STOP", finishMessage="done"), b": x\r\n\r\n", STOP)
    shown = payloads(out + pipe.break_off(ERROR, COSTS, pipe.usage or ESTIMATE))
    assert shown[1] == {"candidates": [candidate({"text": "end"})], **ID}
    assert shown[2] == json.loads(ERROR) | {"usageMetadata": USAGE | COST_VALUES}
    assert payloads(opened(HI)[0].break_off(ERROR, None, None)) == [json.loads(ERROR)]


def test_a_cut_stream_ends_as_at_its_limit() -> None:
    pipe, out = opened(HI)
    shown = payloads(out + pipe.cut(ERROR, COSTS, pipe.usage or ESTIMATE))
    assert shown[1] == {
        "candidates": [candidate({"text": ""}, finish="MAX_TOKENS")],
        "usageMetadata": ESTIMATED | COST_VALUES,
        **ID,
    }
    assert shown[2] == json.loads(ERROR)


def test_a_cut_before_anything_came_ends_the_first_choice() -> None:
    pipe, _ = opened()
    assert payloads(pipe.cut(ERROR, COSTS, pipe.usage or ESTIMATE))[0]["candidates"] == [
        candidate({"text": ""}, finish="MAX_TOKENS")
    ]


def test_a_cut_behind_the_finish_changes_nothing_of_it() -> None:
    pipe, out = opened(HI, STOP)
    shown = payloads(out + pipe.cut(ERROR, COSTS, pipe.usage or ESTIMATE))
    assert [each.get("candidates", [{}])[0].get("finishReason") for each in shown] == [None, "STOP", None]
    assert shown[1]["usageMetadata"] == USAGE | COST_VALUES


def test_a_cut_ends_a_choice_that_began_behind_the_finish_of_another() -> None:
    late = event({"candidates": [candidate({"text": "late"}, index=1)]})
    pipe, out = opened(HI, STOP, late)
    shown = payloads(out + pipe.cut(ERROR, COSTS, pipe.usage or ESTIMATE))
    assert shown[-2]["candidates"] == [candidate({"text": ""}, finish="MAX_TOKENS", index=1)]
    assert shown[1:3] == payloads(STOP + late)


def test_an_array_has_the_chunks_as_its_elements() -> None:
    pipe, out = opened(HI, b": a comment\r\n\r\n", STOP, variant="array")
    assert out == b"[" + encoded(payloads(HI)[0])
    whole = out + pipe.end(COSTS, pipe.usage or ESTIMATE)
    assert json.loads(whole) == ended(HI, STOP)
    assert GEMINI.stream_type(peeked(variant="array")) == "application/json"
    assert GEMINI.stream_type(peeked()).startswith("text/event-stream")


def test_an_array_that_broke_ends_with_the_error() -> None:
    pipe, out = opened(HI, variant="array")
    assert json.loads(out + pipe.break_off(ERROR, None, None))[-1] == json.loads(ERROR)
    pipe, out = opened(HI, variant="array")
    assert json.loads(out + pipe.cut(ERROR, COSTS, pipe.usage or ESTIMATE))[-1] == json.loads(ERROR)
    pipe, out = opened(variant="array")
    assert json.loads(out + pipe.end(None, None)) == []


def test_a_chunk_on_several_lines_is_read_as_one() -> None:
    assert data_of(b'data: {"a":\r\ndata: 1}\r\n\r\n') == b'{"a":\n1}'
    assert data_of(b'data: {"a":1}\r\nid: 7\r\n\r\n') == b'{"a":1}'
    assert data_of(b'data: {"a":1}\r\n\r\n') == b'{"a":1}'
