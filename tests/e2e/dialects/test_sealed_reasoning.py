"""Reasoning that is signed: it returns to its issuer to the byte, whatever the client's dialect, and to nobody else."""

import json
from typing import Any

import anthropic
import pytest

from tests.e2e.dialects.gateway import DIALECTS
from tests.e2e.dialects.provider import ManyTongued
from tests.e2e.dialects.saying import SIGNATURE, WEATHER
from tests.e2e.gateway.deployment import Deployment

PLACES = {
    "gemini": "thoughtSignature",
    "messages": "signature",
    "converse": "signature",
    "responses": "encrypted_content",
}
"""Providers that sign, and the member in which they want it back."""

TOOL = {"name": "weather", "description": "Tell it.", "parameters": {"type": "object", "properties": {}}}


def openai_turns(client: Any, model: str, mark: str) -> list[Any]:
    """Return a conversation whose last turn is the tool's result, by chat completions."""
    messages: list[Any] = [{"role": "user", "content": mark}]
    body = {"model": model, "messages": messages, "tools": [{"type": "function", "function": TOOL}]}
    reply = client.post("/v1/chat/completions", json=body)
    assert reply.status_code == 200, reply.text
    message = reply.json()["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "blue"}
    return [*messages, message, result]


def ask_chat(client: Any, model: str, turns: list[Any]) -> Any:
    body = {"model": model, "messages": turns, "tools": [{"type": "function", "function": TOOL}]}
    return client.post("/v1/chat/completions", json=body)


ANTHROPIC_TOOL: Any = {"name": "weather", "description": "Tell it.", "input_schema": {"type": "object"}}


def anthropic_turns(tollway: Deployment, key: str, model: str, mark: str) -> list[Any]:
    """Return the same by Messages: streamed, and put together by Anthropic's own client."""
    messages: list[Any] = [{"role": "user", "content": mark}]
    asked: dict[str, Any] = {"model": model, "max_tokens": 4000, "messages": messages, "tools": [ANTHROPIC_TOOL]}
    with (
        anthropic.Anthropic(base_url=tollway.url, api_key=key, max_retries=0) as client,
        client.messages.stream(**asked) as stream,
    ):
        message = stream.get_final_message()
    content = [json.loads(block.to_json()) for block in message.content]
    call = next(block for block in content if block["type"] == "tool_use")
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "blue"}
    return [*messages, {"role": "assistant", "content": content}, {"role": "user", "content": [result]}]


def ask_messages(client: Any, model: str, turns: list[Any]) -> Any:
    body = {"model": model, "max_tokens": 4000, "messages": turns, "tools": [ANTHROPIC_TOOL]}
    return client.post("/v1/messages", json=body)


def signatures(value: Any, member: str) -> list[str]:
    """Return every value of a member, wherever it stands."""
    if isinstance(value, dict):
        own = [value[member]] if isinstance(value.get(member), str) else []
        return own + [found for each in value.values() for found in signatures(each, member)]
    return [found for each in value for found in signatures(each, member)] if isinstance(value, list) else []


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages"])
@pytest.mark.parametrize("place", PLACES)
def test_a_seal_returns_to_its_issuer_untouched_and_to_nobody_else(
    tollway: Deployment, provider: ManyTongued, key: str, place: str, dialect: str
) -> None:
    client = tollway.client(key)
    mark = f"sealed-{place}-{dialect}"
    if dialect == "openai_chat":
        turns = openai_turns(client, f"{place}/m-sealed", mark)
        again = ask_chat
    else:
        turns = anthropic_turns(tollway, key, f"{place}/m-sealed", mark)
        again = ask_messages
    reply = again(client, f"{place}/m-text", turns)
    assert reply.status_code == 200, reply.text
    asked = provider.asked(mark)[-1]
    assert WEATHER.name in asked.raw.decode()
    assert SIGNATURE in signatures(asked.body, PLACES[place]), asked.raw.decode()

    for other in DIALECTS:
        if other == place or other in {"completions", "generate"}:
            continue
        moved = again(client, f"{other}/m-text", turns)
        assert moved.status_code == 200, moved.text
        asked = provider.asked(mark)[-1]
        assert SIGNATURE not in asked.raw.decode(), (other, asked.raw)
        assert "sealed reasoning" in moved.headers["x-tollway-warning"], other
        assert moved.headers["x-aig-warning"] == moved.headers["x-tollway-warning"]
