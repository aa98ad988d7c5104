"""The capable model behind Anthropic's Messages: reads requests and writes answers as its description says."""

import json
from collections.abc import Iterator
from typing import Any

from tests.e2e.judges.capable.mind import AUTO, NONE, REQUIRED, Asked, Reply, Tool, Turn, tokens

REASONS = {"stop": "end_turn", "stop_sequence": "stop_sequence", "length": "max_tokens", "calls": "tool_use"}
CHOICES = {"auto": AUTO, "none": NONE, "any": REQUIRED}
SIGNATURE = "c2VhbGVk"


def asked(body: dict[str, Any]) -> Asked:
    """Return what a body asks."""
    choice = body.get("tool_choice") or {"type": "auto"}
    format_ = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    thinking = (body.get("thinking") or {}).get("type", "disabled")
    return Asked(
        turns=[*_system(body.get("system")), *(turn for message in body["messages"] for turn in _turns(message))],
        tools=[
            Tool(tool["name"], tool.get("description") or "", tool["input_schema"]) for tool in body.get("tools", [])
        ],
        choice=CHOICES.get(choice["type"]) or choice["name"],
        parallel=not choice.get("disable_parallel_tool_use"),
        schema=format_.get("schema"),
        limit=body["max_tokens"],
        stops=body.get("stop_sequences") or [],
        thinks=thinking != "disabled",
    )


def _system(system: Any) -> list[Turn]:
    return [Turn("system", _texts(system))] if system else []


def _turns(message: dict[str, Any]) -> Iterator[Turn]:
    content = message["content"]
    if isinstance(content, list):
        for block in content:
            if block["type"] == "tool_result":
                yield Turn("tool", _texts(block.get("content") or ""))
        content = [block for block in content if block["type"] != "tool_result"]
    if content:
        yield Turn(message["role"], _texts(content))


def _texts(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text", f"[{block['type']}]") for block in content)


def whole(body: dict[str, Any], reply: Reply) -> bytes:
    """Return a whole answer."""
    content = list(_blocks(reply))
    end = {"stop_reason": REASONS[reply.reason], "stop_sequence": reply.stopped_at}
    return json.dumps(_message(body) | {"content": content, "usage": _usage(reply)} | end).encode()


def _blocks(reply: Reply) -> Iterator[dict[str, Any]]:
    if reply.thought:
        yield {"type": "thinking", "thinking": reply.thought, "signature": SIGNATURE}
    if reply.text:
        yield {"type": "text", "text": reply.text}
    for at, (name, arguments) in enumerate(reply.calls):
        yield {"type": "tool_use", "id": f"toolu_{at}{name}", "name": name, "input": arguments}


def streamed(body: dict[str, Any], reply: Reply) -> Iterator[bytes]:
    """Yield the events of a streamed answer, token by token."""
    usage = _usage(reply)
    yield _event("message_start", message=_message(body) | {"content": [], "usage": usage | {"output_tokens": 1}})
    yield _event("ping")
    for at, block in enumerate(_blocks(reply)):
        start, deltas = _taken_apart(block)
        yield _event("content_block_start", index=at, content_block=start)
        for delta in deltas:
            yield _event("content_block_delta", index=at, delta=delta)
        yield _event("content_block_stop", index=at)
    end = {"stop_reason": REASONS[reply.reason], "stop_sequence": reply.stopped_at}
    yield _event("message_delta", delta=end, usage=usage)
    yield _event("message_stop")


def _taken_apart(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "thinking":
            signed = {"type": "signature_delta", "signature": block["signature"]}
            thought = {"type": "thinking_delta", "thinking": block["thinking"]}
            return {"type": "thinking", "thinking": "", "signature": ""}, [thought, signed]
        case "text":
            said = [{"type": "text_delta", "text": token} for token in tokens(block["text"])]
            return {"type": "text", "text": ""}, said
        case _:
            text = json.dumps(block["input"], ensure_ascii=False)
            pieces = [text[start : start + 5] for start in range(0, len(text), 5)]
            return block | {"input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


def _message(body: dict[str, Any]) -> dict[str, Any]:
    head = {"id": "msg_judged", "type": "message", "role": "assistant", "model": body["model"]}
    return head | {"stop_reason": None, "stop_sequence": None}


def _usage(reply: Reply) -> dict[str, Any]:
    counts = {"input_tokens": reply.read - reply.cached, "output_tokens": reply.written}
    return counts | {"cache_creation_input_tokens": 0, "cache_read_input_tokens": reply.cached}


def _event(kind: str, **members: Any) -> bytes:
    body = json.dumps({"type": kind, **members}, ensure_ascii=False, separators=(",", ":"))
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), body.encode())
