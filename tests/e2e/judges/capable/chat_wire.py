"""The capable model behind OpenAI's chat completions: reads requests and writes answers as its description says."""

import json
from collections.abc import Iterator
from typing import Any

from tests.e2e.judges.capable.mind import AUTO, Asked, Reply, Tool, Turn, tokens

REASONS = {"stop": "stop", "stop_sequence": "stop", "length": "length", "calls": "tool_calls"}


def asked(body: dict[str, Any]) -> Asked:
    """Return what a body asks."""
    told = body.get("response_format") or {}
    stops = body.get("stop") or []
    return Asked(
        turns=[_turn(message) for message in body["messages"]],
        tools=[_tool(tool["function"]) for tool in body.get("tools") or []],
        choice=_choice(body.get("tool_choice") or AUTO),
        parallel=body.get("parallel_tool_calls") is not False,
        schema=(told.get("json_schema") or {}).get("schema"),
        json_wanted=told.get("type") == "json_object",
        limit=body.get("max_completion_tokens") or body.get("max_tokens"),
        stops=[stops] if isinstance(stops, str) else stops,
        thinks=(body.get("reasoning_effort") or "none") != "none",
    )


def _turn(message: dict[str, Any]) -> Turn:
    content = message.get("content") or ""
    if isinstance(content, list):
        content = "\n".join(part.get("text", f"[{part['type']}]") for part in content)
    return Turn(message["role"], f"{message.get('reasoning_content') or ''}{content}")


def _tool(function: dict[str, Any]) -> Tool:
    return Tool(function["name"], function.get("description") or "", function.get("parameters") or {})


def _choice(choice: Any) -> str:
    return choice if isinstance(choice, str) else choice["function"]["name"]


def whole(body: dict[str, Any], reply: Reply) -> bytes:
    """Return a whole answer."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None, "refusal": None}
    if reply.thought:
        message["reasoning_content"] = reply.thought
    if reply.calls:
        message["tool_calls"] = [_call(at, name, arguments) for at, (name, arguments) in enumerate(reply.calls)]
    choices = [
        {
            "index": at,
            "message": message,
            "logprobs": _logprobs(tokens(reply.text)) if body.get("logprobs") else None,
            "finish_reason": REASONS[reply.reason],
        }
        for at in range(body.get("n") or 1)
    ]
    return json.dumps(_head(body, "chat.completion") | {"choices": choices, "usage": usage(reply)}).encode()


def streamed(body: dict[str, Any], reply: Reply) -> Iterator[bytes]:
    """Yield the events of a streamed answer, token by token."""
    for at in range(body.get("n") or 1):
        yield _chunk(body, at, {"role": "assistant", "content": "" if reply.text else None})
        if reply.thought:
            yield _chunk(body, at, {"reasoning_content": reply.thought})
        for token in tokens(reply.text):
            yield _chunk(body, at, {"content": token}, logprobs=_logprobs([token]) if body.get("logprobs") else None)
        for number, (name, arguments) in enumerate(reply.calls):
            call = _call(number, name, arguments)
            text = call["function"].pop("arguments")
            begun = {"index": number, **call, "function": {"name": name, "arguments": ""}}
            yield _chunk(body, at, {"tool_calls": [begun]})
            for start in range(0, len(text), 5):
                piece = {"index": number, "function": {"arguments": text[start : start + 5]}}
                yield _chunk(body, at, {"tool_calls": [piece]})
        yield _chunk(body, at, {}, finish=REASONS[reply.reason])
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _event(_head(body, "chat.completion.chunk") | {"choices": [], "usage": usage(reply)})
    yield b"data: [DONE]\n\n"


def usage(reply: Reply) -> dict[str, Any]:
    """Return the counts, as this wire has them: all of the input and all of the output, with parts of them named."""
    return {
        "prompt_tokens": reply.read,
        "completion_tokens": reply.written,
        "total_tokens": reply.read + reply.written,
        "prompt_tokens_details": {"cached_tokens": reply.cached},
        "completion_tokens_details": {"reasoning_tokens": reply.thought_tokens},
    }


def _head(body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-judged", "object": kind, "created": 1_750_000_000, "model": body["model"]}


def _call(at: int, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments, ensure_ascii=False)}
    return {"id": f"call_{at}{name}", "type": "function", "function": function}


def _logprobs(said: list[str]) -> dict[str, Any]:
    entries = [{"token": token, "logprob": -0.25, "bytes": list(token.encode()), "top_logprobs": []} for token in said]
    return {"content": entries, "refusal": None}


def _chunk(
    body: dict[str, Any], at: int, delta: dict[str, Any], *, finish: str | None = None, logprobs: object = None
) -> bytes:
    choice = {"index": at, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
    return _event(_head(body, "chat.completion.chunk") | {"choices": [choice]})


def _event(payload: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
