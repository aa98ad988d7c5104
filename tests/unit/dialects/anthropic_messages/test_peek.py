"""The facts of a Messages request, and what is refused before anything is sent."""

from typing import Any

import pytest

from tests.unit.dialects.anthropic_messages.wire import body, peeked
from tollway.dialects.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from tollway.dialects.record import PLAIN_CALL
from tollway.errors import Refusal
from tollway.neutral.peek import Peek


def test_the_facts_of_a_request_are_read() -> None:
    sent = body(stream=True)
    assert ANTHROPIC_MESSAGES.peek(sent, PLAIN_CALL) == Peek(
        model_asked="m-1",
        streamed=True,
        usage_asked=True,
        output_tokens_max=100,
        choices=1,
        body_bytes=len(sent),
        media_parts=0,
    )


def test_an_answer_without_a_token_may_be_asked_for_to_warm_a_cache() -> None:
    assert peeked(max_tokens=0).output_tokens_max == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", ""),
        ("model", 5),
        ("max_tokens", None),
        ("max_tokens", -1),
        ("max_tokens", "9"),
        ("max_tokens", 2**31),
        ("messages", []),
        ("messages", "hi"),
        ("messages", [{"role": "user", "content": 5}]),
        ("stream", "yes"),
        ("tools", {}),
        ("mcp_servers", "all"),
    ],
)
def test_a_field_of_the_wrong_form_is_named(field: str, value: Any) -> None:
    with pytest.raises(Refusal) as caught:
        peeked(**{field: value})
    assert (caught.value.code, caught.value.param) == ("invalid_request", field)


def test_a_missing_limit_is_named() -> None:
    with pytest.raises(Refusal, match="`max_tokens` is required") as caught:
        ANTHROPIC_MESSAGES.peek(b'{"model":"m","messages":[{"role":"user","content":"hi"}]}', PLAIN_CALL)
    assert caught.value.param == "max_tokens"


def test_counting_needs_no_limit_and_costs_nothing() -> None:
    found = ANTHROPIC_COUNT_TOKENS.peek(b'{"model":"m","messages":[{"role":"user","content":"hi"}]}', PLAIN_CALL)
    assert (found.billed, found.streamed, found.output_tokens_max) == (False, False, 0)
    with pytest.raises(Refusal, match="`model` must be"):
        ANTHROPIC_COUNT_TOKENS.peek(b'{"model":5,"messages":[{"role":"user","content":"hi"}]}', PLAIN_CALL)


IMAGE = {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([{"type": "text", "text": "a"}, IMAGE, PDF], 2),
        ([{"type": "container_upload", "file_id": "f"}], 1),
        ([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}}], 0),
        ([{"type": "document", "source": {"type": "content", "content": "a"}}], 0),
        ([{"type": "document", "source": {"type": "content", "content": [IMAGE, IMAGE]}}], 2),
        ([{"type": "document"}], 0),
        ([{"type": "tool_result", "tool_use_id": "t", "content": [IMAGE, {"type": "text", "text": "a"}]}], 1),
        ([{"type": "tool_result", "tool_use_id": "t", "content": "a"}], 0),
        ([{"type": "search_result", "source": "x", "title": "t", "content": [{"type": "text", "text": "a"}]}], 0),
        ([{"type": "code_execution_tool_result", "tool_use_id": "t", "content": {"type": "x"}}], 0),
    ],
)
def test_what_brings_tokens_that_are_not_in_the_body_is_counted(content: Any, expected: int) -> None:
    assert peeked(messages=[{"role": "user", "content": content}]).media_parts == expected


def test_tools_of_the_provider_bring_tokens_as_well() -> None:
    tools = [{"name": "own", "input_schema": {}}, {"type": "custom", "name": "b"}, {"type": "web_search_20260318"}]
    assert peeked(tools=tools, mcp_servers=[{"url": "https://x.test"}]).media_parts == 2
