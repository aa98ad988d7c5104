"""Whole answers of Messages, errors, and counted tokens: read, priced, refused."""

import json
from typing import Any

import pytest

from tests.unit.dialects.anthropic_messages.wire import COST_VALUES, COSTS, ESTIMATE, ESTIMATED, USAGE
from tollway.dialects.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from tollway.dialects.anthropic_messages.answer import read_answer, splice_cost
from tollway.dialects.anthropic_messages.parse_answer import parse_answer
from tollway.errors import CODES, FailureKind, Refusal, UpstreamFailure
from tollway.neutral.events import StopReason
from tollway.neutral.parts import Citation, Declined, Reasoning, Sealed, Text, ToolCall
from tollway.neutral.usage import Usage

SAID = [{"type": "text", "text": "hällo"}]


def answer(content: Any = None, **fields: Any) -> bytes:
    base = {"id": "msg_1", "type": "message", "model": "m-1", "content": SAID if content is None else content}
    return json.dumps({**base, "stop_reason": "end_turn", "usage": USAGE, **fields}, ensure_ascii=False).encode()


def test_the_facts_of_an_answer_are_read() -> None:
    read = read_answer(answer(usage={**USAGE, "service_tier": "batch", "cost": 0.5}))
    assert read.usage == Usage(input=3, cached_input=5, output=1, cache_write_5m=0)
    assert (read.model_answered, read.text_bytes, read.service_tier) == ("m-1", 0, "batch")
    assert read.provider_cost_nanos == 500_000_000


def test_a_faster_answer_is_a_tier_of_its_own() -> None:
    assert read_answer(answer(usage={**USAGE, "service_tier": "standard", "speed": "fast"})).service_tier == "fast"
    assert (
        read_answer(answer(usage={**USAGE, "service_tier": "priority", "speed": "standard"})).service_tier == "priority"
    )


def test_costs_go_into_the_usage_and_no_other_byte_changes() -> None:
    sent = answer()
    spliced = splice_cost(read_answer(sent), COSTS, None)
    assert json.loads(spliced)["usage"] == {**USAGE, **COST_VALUES}
    assert spliced.startswith(sent[: sent.index(b'"usage"')])


def test_costs_find_the_usage_in_a_large_answer_that_speaks_of_usage() -> None:
    sent = answer([{"type": "text", "text": '"usage"' * 4000}])
    assert json.loads(splice_cost(read_answer(sent), COSTS, None))["usage"] == {**USAGE, **COST_VALUES}


@pytest.mark.parametrize(
    "usage", [None, "much", {"input_tokens": -1, "output_tokens": 1}, {"input_tokens": 0, "output_tokens": 0}, {}]
)
def test_a_usage_that_says_nothing_is_estimated(usage: Any) -> None:
    read = read_answer(answer(usage=usage))
    assert read.usage is None
    assert read.text_bytes == 6
    assert json.loads(splice_cost(read, COSTS, ESTIMATE))["usage"] == ESTIMATED


def test_an_answer_without_a_usage_gets_one() -> None:
    sent = b'{"content":[{"type":"text","text":"hi"}],"model":null}'
    read = read_answer(sent)
    assert (read.usage, read.model_answered, read.usage_found) == (None, None, None)
    assert json.loads(splice_cost(read, COSTS, ESTIMATE))["usage"] == ESTIMATED
    assert read_answer(b'{"content":[]}').text_bytes == 0


def test_all_that_a_model_wrote_is_counted_where_the_output_is_not_reported() -> None:
    content = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "tool_use", "name": "f", "input": {"a": 1}},
        {"type": "odd", "text": 5},
    ]
    read = read_answer(answer(content, usage={"input_tokens": 3}))
    assert read.usage == Usage(input=3)
    assert read.text_bytes == len('hmf{"a": 1}') + len('{"type": "odd", "text": 5}')


@pytest.mark.parametrize(
    "sent", [b"", b"[]", b'{"content":"hi"}', b"[" * 5000, b'{"x":' * 5000, b'{"type":"error","error":{}}']
)
def test_what_is_no_answer_is_junk(sent: bytes) -> None:
    for read in (read_answer, parse_answer, lambda body: ANTHROPIC_COUNT_TOKENS.read_answer(body, "")):
        with pytest.raises(UpstreamFailure) as caught:
            read(sent)
        assert caught.value.kind is FailureKind.JUNK


def test_an_answer_that_is_not_text_is_junk() -> None:
    with pytest.raises(UpstreamFailure, match="not a message"):
        read_answer(b'{"content":[],"x":"\xff"}')


def test_an_error_of_status_200_is_quoted() -> None:
    with pytest.raises(UpstreamFailure, match="not a message: Overloaded"):
        read_answer(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}')


def test_a_model_that_is_no_word_is_none() -> None:
    assert read_answer(answer(model=5)).model_answered is None


def test_counted_tokens_pass_untouched_and_used_nothing() -> None:
    read = ANTHROPIC_COUNT_TOKENS.read_answer(b'{"input_tokens":14}', "application/json")
    assert read.usage == Usage()
    assert ANTHROPIC_COUNT_TOKENS.splice_cost(read, COSTS, None) == b'{"input_tokens":14}'


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_refusal_has_the_dialects_words_and_ours(code: str) -> None:
    found = json.loads(ANTHROPIC_MESSAGES.render_error(Refusal(code, "No.", param="p", metadata={"a": 1})))
    word = found["error"].pop("type")
    assert found == {"type": "error", "error": {"message": "No.", "code": code, "param": "p", "metadata": {"a": 1}}}
    expected = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error"}
    expected |= {404: "not_found_error", 409: "invalid_request_error", 413: "request_too_large"}
    expected |= {429: "rate_limit_error", 500: "api_error", 502: "api_error", 503: "overloaded_error"}
    expected |= {501: "api_error", 504: "timeout_error"}
    assert word == expected[CODES[code].status]


def test_an_answer_is_read_part_by_part() -> None:
    citations = [
        {"type": "char_location", "cited_text": "q", "document_index": 1, "document_title": "D", "start_char_index": 2}
        | {"end_char_index": 3},
        {"type": "web_search_result_location", "cited_text": "w", "url": "https://x.test", "title": "T"},
        {"type": "search_result_location", "cited_text": "s", "source": "kb", "title": None},
        {"cited_text": 5},
    ]
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "thinking", "thinking": "more", "signature": ""},
        {"type": "thinking", "thinking": "", "signature": "empty"},
        {"type": "thinking", "thinking": ""},
        {"type": "redacted_thinking", "data": "xx"},
        {"type": "text", "text": "a", "citations": citations},
        {"type": "text", "text": ""},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1.50, "b": [1]}},
        {"type": "tool_use", "name": "g"},
        {"type": "tool_use", "id": "t3", "name": "h", "input": None},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
    ]
    read = parse_answer(answer(content, stop_reason="tool_use", stop_sequence="END"))
    assert read.choices[0].parts == (
        Reasoning(text="hm", sealed=Sealed(data="sig")),
        Reasoning(text="more"),
        Reasoning(sealed=Sealed(data="empty")),
        Reasoning(sealed=Sealed(data="xx", whole=True)),
        Text(
            text="a",
            citations=(
                Citation(title="D", quoted="q", document=1, source_start=2, source_end=3),
                Citation(url="https://x.test", title="T", quoted="w"),
                Citation(url="kb", quoted="s"),
            ),
        ),
        ToolCall(id="t1", name="f", arguments='{"a":1.5,"b":[1]}'),
        ToolCall(id="toolu_1", name="g", arguments="{}"),
        ToolCall(id="t3", name="h", arguments="{}"),
    )
    assert (read.choices[0].reason, read.choices[0].sequence) == (StopReason.TOOL_CALLS, "END")
    assert (read.id, read.model) == ("msg_1", "m-1")


def test_why_a_model_would_not_answer_is_read() -> None:
    details = {"type": "refusal", "explanation": "Against the rules."}
    read = parse_answer(answer([], stop_reason="refusal", stop_details=details))
    assert read.choices[0].parts == (Declined(text="Against the rules."),)
    assert read.choices[0].reason is StopReason.DECLINED
    for odd in (None, {"type": "refusal"}, "no", 5):
        assert parse_answer(answer([], stop_details=odd)).choices[0].parts == ()


def test_an_unknown_reason_is_another_and_none_is_none() -> None:
    assert parse_answer(answer(stop_reason="compaction")).choices[0].reason is StopReason.OTHER
    bare = parse_answer(b'{"content":[]}')
    assert (bare.choices[0].reason, bare.usage, bare.provider_cost_nanos) == (None, None, None)
