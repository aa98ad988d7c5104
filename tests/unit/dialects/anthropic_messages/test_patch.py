"""Edits of a Messages request on its way to a provider that speaks the same."""

import json
from typing import Any

import pytest

from tests.unit.dialects.anthropic_messages.wire import body, peeked
from tollway.dialects.anthropic_messages import ANTHROPIC_COUNT_TOKENS
from tollway.dialects.anthropic_messages.request import patch_request
from tollway.dialects.record import PLAIN_CALL, Lane, RequestEdits


def patched(sent: bytes, **edits: Any) -> tuple[Any, Lane, tuple[str, ...]]:
    made = patch_request(sent, peeked(), RequestEdits(**{"model_routed": "m-1", **edits}))
    return json.loads(made.body), made.lane, made.dropped


def test_the_very_bytes_go_when_nothing_changes() -> None:
    sent = body()
    made = patch_request(sent, peeked(), RequestEdits(model_routed="m-1"))
    assert made.body is sent
    assert made.lane is Lane.VERBATIM


@pytest.mark.parametrize("more", [{}, {"metadata": {"model": "x"}}, {"filler": "x" * 20_000}])
def test_the_model_changes_and_nothing_else(more: dict[str, Any]) -> None:
    sent = body(**more)
    assert patched(sent, model_routed="m-2") == ({**json.loads(sent), "model": "m-2"}, Lane.PATCHED, ())


def test_a_model_that_is_spelled_with_escapes_changes_too() -> None:
    sent = body().replace(b'"m-1"', b'"m-\\u0031"')
    assert patched(sent, model_routed="m-2")[0]["model"] == "m-2"


def test_a_higher_limit_is_lowered_and_a_lower_one_stays() -> None:
    assert patched(body(), output_tokens_max=50)[0]["max_tokens"] == 50
    assert patched(body(), output_tokens_max=200) == (json.loads(body()), Lane.VERBATIM, ())


def test_the_thinking_goes_down_with_the_limit() -> None:
    thinking = {"type": "enabled", "budget_tokens": 9000, "display": "omitted"}
    sent = body(max_tokens=10_000, thinking=thinking)
    found = patched(sent, output_tokens_max=5000)[0]
    assert found["thinking"] == {**thinking, "budget_tokens": 4999}
    assert patched(sent, output_tokens_max=9500)[0]["thinking"] == thinking


def test_a_limit_below_the_least_thinking_drops_it_and_says_so() -> None:
    sent = body(max_tokens=10_000, thinking={"type": "enabled", "budget_tokens": 9000})
    found, _, dropped = patched(sent, output_tokens_max=1024)
    assert "thinking" not in found
    assert dropped == ("thinking",)


@pytest.mark.parametrize("thinking", [{"type": "adaptive"}, None, "much", {"type": "disabled"}])
def test_thinking_without_a_budget_stays_as_it_is(thinking: Any) -> None:
    sent = body(max_tokens=10_000, thinking=thinking)
    assert patched(sent, output_tokens_max=2000)[0]["thinking"] == thinking


def test_what_the_provider_does_not_know_is_left_out_and_named() -> None:
    found, _, dropped = patched(body(top_k=3), unsupported=frozenset(("top_k",)))
    assert "top_k" not in found
    assert dropped == ("top_k",)


def test_counting_has_no_limit_to_lower() -> None:
    sent = b'{"model":"m-1","messages":[{"role":"user","content":"hi"}]}'
    peek = ANTHROPIC_COUNT_TOKENS.peek(sent, PLAIN_CALL)
    edits = RequestEdits(model_routed="m-1", output_tokens_max=5)
    assert ANTHROPIC_COUNT_TOKENS.patch_request(sent, peek, edits).body == sent
