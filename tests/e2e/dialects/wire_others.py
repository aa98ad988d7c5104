"""The answers of a scripted provider in the dialects that are not OpenAI's, written by hand from their references."""

import json
from collections.abc import Iterator
from typing import Any

from tests.e2e.dialects.saying import CACHED, INPUT, OUTPUT, REASONING, Saying
from tests.e2e.dialects.wire_openai import sse
from tollway.framing.aws_events import encode

# -- Anthropic's Messages

MESSAGES_USAGE = {
    "input_tokens": INPUT,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": CACHED,
    "output_tokens": OUTPUT + REASONING,
}


def messages_whole(saying: Saying, model: str) -> dict[str, Any]:
    return {
        "id": "msg_up1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [block for block, _ in _blocks(saying)],
        "stop_reason": "tool_use" if saying.calls else "end_turn",
        "stop_sequence": None,
        "usage": MESSAGES_USAGE,
    }


def _blocks(saying: Saying) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Return each block whole, and the deltas that tell it."""
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    if saying.reasoning:
        deltas: list[dict[str, Any]] = [
            {"type": "thinking_delta", "thinking": saying.reasoning[:3]},
            {"type": "thinking_delta", "thinking": saying.reasoning[3:]},
            {"type": "signature_delta", "signature": saying.signature},
        ]
        whole = {"type": "thinking", "thinking": saying.reasoning, "signature": saying.signature}
        blocks.append((whole, deltas))
    if saying.text:
        deltas = [{"type": "text_delta", "text": text} for text in saying.text]
        blocks.append(({"type": "text", "text": "".join(saying.text)}, deltas))
    for call in saying.calls:
        pieces = ("", call.text[:9], call.text[9:])
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        blocks.append(({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}, deltas))
    return blocks


EMPTY: dict[str, dict[str, object]] = {
    "thinking": {"thinking": "", "signature": ""},
    "text": {"text": ""},
    "tool_use": {"input": {}},
}


def messages_stream(saying: Saying, model: str) -> Iterator[bytes]:
    def told(kind: str, **members: object) -> bytes:
        return sse({"type": kind, **members}, kind)

    start = messages_whole(saying, model) | {"content": [], "stop_reason": None}
    yield told("message_start", message=start | {"usage": MESSAGES_USAGE | {"output_tokens": 1}})
    yield told("ping")
    for at, (block, deltas) in enumerate(_blocks(saying)):
        yield told("content_block_start", index=at, content_block=block | EMPTY[block["type"]])
        for delta in deltas:
            yield told("content_block_delta", index=at, delta=delta)
        yield told("content_block_stop", index=at)
    stop = {"stop_reason": "tool_use" if saying.calls else "end_turn", "stop_sequence": None}
    yield told("message_delta", delta=stop, usage={"output_tokens": OUTPUT + REASONING})
    yield told("message_stop")


# -- Gemini

GEMINI_USAGE = {
    "promptTokenCount": INPUT + CACHED,
    "cachedContentTokenCount": CACHED,
    "candidatesTokenCount": OUTPUT,
    "thoughtsTokenCount": REASONING,
    "totalTokenCount": INPUT + CACHED + OUTPUT + REASONING,
}


def gemini_parts(saying: Saying) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if saying.reasoning:
        parts.append({"text": saying.reasoning, "thought": True})
    parts += [{"text": text} for text in saying.text]
    parts += [{"functionCall": {"name": call.name, "args": call.arguments}} for call in saying.calls]
    if saying.signature:  # on the first part after the thought, as Gemini has it
        parts[1]["thoughtSignature"] = saying.signature
    return parts


def gemini_whole(saying: Saying, model: str) -> dict[str, Any]:
    content = {"role": "model", "parts": gemini_parts(saying)}
    return _gemini(model, {"content": content, "finishReason": "STOP", "index": 0}, GEMINI_USAGE)


def _gemini(model: str, candidate: dict[str, Any], usage: dict[str, Any]) -> dict[str, Any]:
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "up1"}


def gemini_stream(saying: Saying, model: str) -> Iterator[bytes]:
    early = {"promptTokenCount": INPUT + CACHED, "totalTokenCount": INPUT + CACHED}
    parts = gemini_parts(saying)
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": [part]}, "index": 0}
        body = _gemini(model, candidate | ({"finishReason": "STOP"} if last else {}), GEMINI_USAGE if last else early)
        yield b"data: " + json.dumps(body).encode() + b"\r\n\r\n"


# -- Ollama's two


def _ollama(member: str, value: object, model: str) -> dict[str, Any]:
    return {"model": model, "created_at": "2026-01-01T00:00:00Z", member: value, "done": False}


def _ollama_end(saying: Saying) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": "stop",
        "total_duration": 5_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": INPUT,
        "prompt_eval_duration": 1_000_000,
        "eval_count": OUTPUT,
        "eval_duration": 1_000_000,
    }


def ollama_chat_whole(saying: Saying, model: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": "".join(saying.text)}
    if saying.reasoning:
        message["thinking"] = saying.reasoning
    if saying.calls:
        message["tool_calls"] = _ollama_calls(saying)
    return _ollama("message", message, model) | _ollama_end(saying)


def _ollama_calls(saying: Saying) -> list[dict[str, Any]]:
    return [{"function": {"name": call.name, "arguments": call.arguments}} for call in saying.calls]


def ollama_chat_stream(saying: Saying, model: str) -> Iterator[bytes]:
    messages: list[dict[str, Any]] = []
    if saying.reasoning:
        messages.append({"role": "assistant", "content": "", "thinking": saying.reasoning})
    messages += [{"role": "assistant", "content": text} for text in saying.text]
    if saying.calls:
        messages.append({"role": "assistant", "content": "", "tool_calls": _ollama_calls(saying)})
    for message in messages:
        yield json.dumps(_ollama("message", message, model)).encode() + b"\n"
    last = _ollama("message", {"role": "assistant", "content": ""}, model) | _ollama_end(saying)
    yield json.dumps(last).encode() + b"\n"


def ollama_generate_whole(saying: Saying, model: str) -> dict[str, Any]:
    thinking = {"thinking": saying.reasoning} if saying.reasoning else {}
    return _ollama("response", "".join(saying.text), model) | thinking | _ollama_end(saying)


def ollama_generate_stream(saying: Saying, model: str) -> Iterator[bytes]:
    if saying.reasoning:
        yield json.dumps(_ollama("response", "", model) | {"thinking": saying.reasoning}).encode() + b"\n"
    for text in saying.text:
        yield json.dumps(_ollama("response", text, model)).encode() + b"\n"
    yield json.dumps(_ollama("response", "", model) | _ollama_end(saying)).encode() + b"\n"


# -- Bedrock's Converse

CONVERSE_USAGE = {
    "inputTokens": INPUT,
    "cacheReadInputTokens": CACHED,
    "outputTokens": OUTPUT + REASONING,
    "totalTokens": INPUT + CACHED + OUTPUT + REASONING,
}


def converse_whole(saying: Saying, model: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if saying.reasoning:
        said = {"text": saying.reasoning, "signature": saying.signature}
        content.append({"reasoningContent": {"reasoningText": said}})
    if saying.text:
        content.append({"text": "".join(saying.text)})
    content += [
        {"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.arguments}} for call in saying.calls
    ]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use" if saying.calls else "end_turn",
        "usage": CONVERSE_USAGE,
        "metrics": {"latencyMs": 7},
    }


def converse_frame(kind: str, payload: dict[str, Any], *, exception: bool = False) -> bytes:
    named = {":exception-type": kind, ":message-type": "exception"} if exception else {":event-type": kind}
    message = {} if exception else {":message-type": "event"}
    return encode({":content-type": "application/json", **named, **message}, json.dumps(payload).encode())


def converse_stream(saying: Saying, model: str) -> Iterator[bytes]:
    told: list[list[dict[str, Any]]] = []
    starts: list[dict[str, Any] | None] = []
    if saying.reasoning:
        pieces = ({"text": saying.reasoning[:6]}, {"text": saying.reasoning[6:]}, {"signature": saying.signature})
        told.append([{"reasoningContent": piece} for piece in pieces])
        starts.append(None)
    if saying.text:
        told.append([{"text": text} for text in saying.text])
        starts.append(None)
    for call in saying.calls:
        told.append([{"toolUse": {"input": piece}} for piece in (call.text[:8], call.text[8:])])
        starts.append({"toolUse": {"toolUseId": call.id, "name": call.name}})
    yield converse_frame("messageStart", {"role": "assistant"})
    for at, (start, deltas) in enumerate(zip(starts, told, strict=True)):
        if start is not None:
            yield converse_frame("contentBlockStart", {"contentBlockIndex": at, "start": start})
        for delta in deltas:
            yield converse_frame("contentBlockDelta", {"contentBlockIndex": at, "delta": delta})
        yield converse_frame("contentBlockStop", {"contentBlockIndex": at})
    yield converse_frame("messageStop", {"stopReason": "tool_use" if saying.calls else "end_turn"})
    yield converse_frame("metadata", {"usage": CONVERSE_USAGE, "metrics": {"latencyMs": 7}})


# -- Cohere's second chat

COHERE_USAGE = {
    "billed_units": {"input_tokens": INPUT, "output_tokens": OUTPUT},
    "tokens": {"input_tokens": INPUT, "output_tokens": OUTPUT},
}


def cohere_whole(saying: Saying, model: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant"}
    content: list[dict[str, str]] = []
    if saying.reasoning:
        content.append({"type": "thinking", "thinking": saying.reasoning})
    if saying.text:
        content.append({"type": "text", "text": "".join(saying.text)})
    if content:
        message["content"] = content
    if saying.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.text}}
            for call in saying.calls
        ]
    reason = "TOOL_CALL" if saying.calls else "COMPLETE"
    return {"id": "c-up1", "finish_reason": reason, "message": message, "usage": COHERE_USAGE}


def cohere_stream(saying: Saying, model: str) -> Iterator[bytes]:
    def told(kind: str, **members: object) -> bytes:
        return sse({"type": kind, **members}, kind)

    empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    yield told("message-start", id="c-up1", delta={"message": empty})
    contents = [("thinking", (saying.reasoning,))] if saying.reasoning else []
    contents += [("text", saying.text)] if saying.text else []
    for at, (kind, texts) in enumerate(contents):
        yield told("content-start", index=at, delta={"message": {"content": {"type": kind, kind: ""}}})
        for text in texts:
            yield told("content-delta", index=at, delta={"message": {"content": {kind: text}}})
        yield told("content-end", index=at)
    for at, call in enumerate(saying.calls):
        function = {"name": call.name, "arguments": ""}
        start = {"id": call.id, "type": "function", "function": function}
        yield told("tool-call-start", index=at, delta={"message": {"tool_calls": start}})
        for piece in (call.text[:5], call.text[5:]):
            delta = {"message": {"tool_calls": {"function": {"arguments": piece}}}}
            yield told("tool-call-delta", index=at, delta=delta)
        yield told("tool-call-end", index=at)
    reason = "TOOL_CALL" if saying.calls else "COMPLETE"
    yield told("message-end", delta={"finish_reason": reason, "usage": COHERE_USAGE})
    yield b"data: [DONE]\n\n"
