"""What the APIs of providers refuse with 400, by dialect: their documented rules, held against a body."""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

import ollama

from tests.aws_library import mistakes_in_converse

Body = dict[str, Any]


def _alternate(roles: list[str], *, first: str = "user") -> Iterable[str]:
    if not roles or roles[0] != first:
        yield f"the first message is not of the {first}"
    if any(one == other for one, other in pairwise(roles)):
        yield "roles do not alternate"


def _blocks(message: Body) -> list[Body]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def messages_api(body: Body) -> Iterable[str]:
    """Anthropic's: docs.claude.com, "Messages", "Tool use", "Extended thinking"."""
    yield from _messages_turns(body["messages"])
    if not body["max_tokens"] > 0:
        yield "no limit"
    for tool in body.get("tools", ()):
        if tool["input_schema"].get("type") != "object" or not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", tool["name"]):
            yield f"an odd tool {tool['name']}"
    thinking = body.get("thinking", {})
    if thinking.get("type") == "enabled" and not 1_024 <= thinking["budget_tokens"] < body["max_tokens"]:
        yield "an odd budget"
    if thinking and body.get("temperature", 1) != 1:
        yield "a temperature beside thinking"
    if len(body.get("metadata", {}).get("user_id", "")) > 256:
        yield "a long user id"


def _messages_turns(turns: list[Body]) -> Iterable[str]:
    yield from _alternate([turn["role"] for turn in turns])
    for place, turn in enumerate(turns):
        blocks = _blocks(turn)
        if not blocks:
            yield "an empty message"
        kinds = [block["type"] for block in blocks]
        if kinds != sorted(kinds, key=lambda kind: kind != "tool_result") and "tool_result" in kinds:
            yield "results do not stand first"
        yield from (f"blank text in {place}" for block in blocks if not block.get("text", "x").strip())
        asked = [block["id"] for block in blocks if block["type"] == "tool_use"]
        yield from (f"an odd id {each}" for each in asked if not re.fullmatch(r"[a-zA-Z0-9_-]+", each))
        after = turns[place + 1 : place + 2]
        got = [block["tool_use_id"] for turn in after for block in _blocks(turn) if block["type"] == "tool_result"]
        if sorted(asked) != sorted(got):
            yield f"calls {asked} and results {got}"
        for block in blocks:
            if block["type"] == "image" and block["source"].get("media_type") not in {"image/png", "image/jpeg"}:
                yield "an odd picture"
            if block["type"] == "tool_result" and block.get("is_error") and not block.get("content"):
                yield "an error without words"
    if turns[-1]["role"] == "assistant" and _blocks(turns[-1])[-1].get("text", "x")[-1:].isspace():
        yield "white space at the end of a begun answer"


def chat_api(body: Body) -> Iterable[str]:
    """OpenAI's: platform.openai.com, "Chat completions"."""
    waiting: set[str] = set()
    for message in body["messages"]:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                yield "a result of no call"
            waiting.discard(message["tool_call_id"])
        elif waiting:
            yield "a call without its result"
        for call in message.get("tool_calls", ()):
            waiting.add(call["id"])
            if len(call["id"]) > 40:
                yield "a long id"
            if not call["function"]["arguments"]:
                yield "no arguments"
        if message["role"] != "assistant" and message["content"] is None:
            yield "no content"
    if waiting:
        yield "a call without its result"
    yield from _functions([tool["function"] for tool in body.get("tools", ())])
    if "tools" not in body and body.keys() & {"tool_choice", "parallel_tool_calls"}:
        yield "a choice among no tools"
    if max(len(body.get("user", "")), len(body.get("prompt_cache_key", ""))) > 64:
        yield "a long identifier"


def _functions(functions: list[Body]) -> Iterable[str]:
    for function in functions:
        parameters = function.get("parameters", {"type": "object", "properties": {}})
        if parameters.get("type") != "object" or "properties" not in parameters:
            yield f"an object without properties: {function['name']}"
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", function["name"]):
            yield f"an odd name {function['name']}"


def responses_api(body: Body) -> Iterable[str]:
    """OpenAI's: platform.openai.com, "Responses"."""
    calls = [item["call_id"] for item in body["input"] if item["type"] == "function_call"]
    results = [item["call_id"] for item in body["input"] if item["type"] == "function_call_output"]
    if sorted(calls) != sorted(results):
        yield "calls without results"
    if any(len(each) > 64 for each in calls):
        yield "a long id"
    yield from _functions(body.get("tools", []))
    if body.get("reasoning", {}).get("effort", "low") not in {"none", "low", "medium", "high"}:
        yield "an odd effort"
    if max(len(body.get("user", "")), len(body.get("prompt_cache_key", ""))) > 64:
        yield "a long identifier"
    for item in body["input"]:
        if item["type"] == "reasoning":
            yield "somebody else's reasoning"


def gemini_api(body: Body) -> Iterable[str]:
    """Google's: ai.google.dev, "Function calling", and what its API says."""
    contents = body["contents"]
    yield from _alternate([content["role"] for content in contents])
    for place, content in enumerate(contents):
        if not content["parts"] or any(part == {"text": ""} for part in content["parts"]):
            yield "an empty part"
        if any(part.get("inlineData", {}).get("mimeType") == "image/jpg" for part in content["parts"]):
            yield "an odd picture"
        asked = [part["functionCall"]["name"] for part in content["parts"] if "functionCall" in part]
        after = contents[place + 1]["parts"] if place + 1 < len(contents) else []
        got = [part["functionResponse"]["name"] for part in after if "functionResponse" in part]
        if asked != got:
            yield f"calls {asked} and responses {got}"
    if "toolConfig" in body and "tools" not in body:
        yield "a choice among no functions"
    if any(not part["text"].strip() for part in body.get("systemInstruction", {}).get("parts", ())):
        yield "blank instructions"


def converse_api(body: Body) -> Iterable[str]:
    """Amazon's: docs.aws.amazon.com, "Converse", and its library's own model of it."""
    yield from _alternate([turn["role"] for turn in body["messages"]])
    for place, turn in enumerate(body["messages"]):
        yield from ("blank text" for block in turn["content"] if not block.get("text", "x").strip())
        asked = sorted(block["toolUse"]["toolUseId"] for block in turn["content"] if "toolUse" in block)
        after = body["messages"][place + 1 : place + 2]
        got = sorted(
            block["toolResult"]["toolUseId"] for turn in after for block in turn["content"] if "toolResult" in block
        )
        if asked != got:
            yield f"calls {asked} and results {got}"
    tools = body.get("toolConfig", {}).get("tools", ())
    if any(tool["toolSpec"]["inputSchema"]["json"].get("type") != "object" for tool in tools if "toolSpec" in tool):
        yield "a schema of no object"


def cohere_api(body: Body) -> Iterable[str]:
    """Cohere's: docs.cohere.com, "Chat" v2."""
    waiting: set[str] = set()
    for message in body["messages"]:
        if message["role"] == "tool":
            waiting.discard(message["tool_call_id"])
        elif waiting:
            yield "a call without its result"
        waiting |= {call["id"] for call in message.get("tool_calls", ())}
    if waiting:
        yield "a call without its result"


def ollama_api(body: Body) -> Iterable[str]:
    """Ollama's, as its own library has the types."""
    for message in body["messages"]:
        pictures = [{"value": each} for each in message.get("images", ())]
        ollama.Message.model_validate({**message, "images": pictures})
    for tool in body.get("tools", ()):
        ollama.Tool.model_validate(tool)
    return ()


RULES: Mapping[str, Callable[[Body], Iterable[str]]] = {
    "anthropic_messages": messages_api,
    "openai_chat": chat_api,
    "openai_responses": responses_api,
    "gemini": gemini_api,
    "bedrock_converse": converse_api,
    "cohere_chat": cohere_api,
    "ollama_chat": ollama_api,
}


def mistakes(provider: str, body: Body, raw: bytes) -> list[str]:
    """Return why a provider would refuse a body."""
    more = mistakes_in_converse(raw) if provider == "bedrock_converse" else ""
    return [*RULES[provider](body), *filter(None, [more])]
