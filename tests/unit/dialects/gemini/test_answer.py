"""A whole Gemini answer: its facts, and its cost in `usageMetadata`."""

import json

import pytest

from tests.unit.dialects.gemini.gemini_chunks import (
    COST_VALUES,
    COSTS,
    ESTIMATE,
    ESTIMATED,
    ID,
    USAGE,
    candidate,
    encoded,
)
from tollway.dialects.gemini import GEMINI, GEMINI_COUNT_TOKENS
from tollway.dialects.gemini.reader import parse_answer
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.usage import Usage

CALLED = {"functionCall": {"name": "f", "args": {"a": 1}}}
PROGRAM = {"executableCode": {"code": "1+1"}}


def body_of(*parts: object, **more: object) -> bytes:
    return encoded({"candidates": [candidate(*parts, finish="STOP")], **ID, **more})


def test_usage_model_and_tier_are_read() -> None:
    found = GEMINI.read_answer(body_of({"text": "hi"}, usageMetadata={**USAGE, "serviceTier": "flex"}), "x")
    assert (found.usage, found.model_answered) == (Usage(input=3, output=1), "m-1")
    assert (found.service_tier, found.text_bytes) == ("flex", 0)


def test_text_is_counted_where_no_output_is_reported() -> None:
    found = GEMINI.read_answer(body_of({"text": "hä"}, CALLED, PROGRAM), "x")
    assert (found.usage, found.usage_found, found.text_bytes) == (None, None, 3 + 1 + 7 + 3)
    zero = GEMINI.read_answer(body_of({"text": "hi"}, usageMetadata={"promptTokenCount": 0}), "x")
    assert (zero.usage, zero.text_bytes) == (None, 2)
    silent = GEMINI.read_answer(body_of(usageMetadata={"promptTokenCount": 0}), "x")
    assert silent.usage == Usage(input=0)


def test_costs_go_into_the_usage_and_nothing_else_moves() -> None:
    body = b'{ "usageMetadata" : {"promptTokenCount":3,"candidatesTokenCount":1} , "candidates": [] }'
    spliced = GEMINI.splice_cost(GEMINI.read_answer(body, "x"), COSTS, ESTIMATE)
    assert spliced.startswith(b'{ "usageMetadata" : {"promptTokenCount":3,"candidatesTokenCount":1,"base_cost_usd"')
    assert spliced.endswith(b'} , "candidates": [] }')


def test_an_estimate_is_marked_as_one() -> None:
    spliced = json.loads(GEMINI.splice_cost(GEMINI.read_answer(body_of({"text": "hi"}), "x"), COSTS, ESTIMATE))
    assert spliced["usageMetadata"] == ESTIMATED | COST_VALUES


def test_a_side_that_nobody_reported_is_estimated() -> None:
    read = GEMINI.read_answer(body_of({"text": "hi"}, usageMetadata={"promptTokenCount": 4}), "x")
    spliced = json.loads(GEMINI.splice_cost(read, COSTS, ESTIMATE))
    assert spliced["usageMetadata"] == ESTIMATED | COST_VALUES


def test_a_blocked_prompt_is_a_finished_answer() -> None:
    body = encoded({"promptFeedback": {"blockReason": "SAFETY"}})
    assert GEMINI.read_answer(body, "x").usage is None


@pytest.mark.parametrize(
    "body",
    [
        b"junk",
        b"[]",
        b"3",
        b"{}",
        b'{"candidates":null}',
        b'{"candidates":{}}',
        b'{"error":{"message":"no"}}',
        b'[{"error":{"message":"no"}}]',
        b'{"candidates":[],"a":"\xff"}',
        b'{"candidates":[{"content":"\xc3\xa4 text"}]}',
    ],
)
def test_what_is_no_answer_is_junk(body: bytes) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        GEMINI.read_answer(body, "x")
    assert caught.value.kind is FailureKind.JUNK
    with pytest.raises(UpstreamFailure) as caught:
        parse_answer(body)
    assert caught.value.kind is FailureKind.JUNK


def test_junk_in_the_usage_is_no_usage() -> None:
    found = GEMINI.read_answer(body_of({"text": "hi"}, usageMetadata={"promptTokenCount": "?"}), "x")
    assert (found.usage, found.text_bytes) == (None, 2)


def test_a_count_of_tokens_passes() -> None:
    read = GEMINI_COUNT_TOKENS.read_answer(b'{"totalTokens": 8}', "application/json")
    assert read.usage == Usage()
    assert GEMINI_COUNT_TOKENS.splice_cost(read, COSTS, None) == b'{"totalTokens": 8}'
