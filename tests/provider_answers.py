"""Answers as providers send them whose dialects no client speaks: Bedrock's Converse and Cohere's second chat.

Written from the published descriptions and from the recordings, beside the code that reads them and without it.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from tollway.framing.aws_events import encode
from tollway.neutral.answer import ChatAnswer, Choice
from tollway.neutral.events import (
    Event,
    Finished,
    ReasoningDelta,
    ReasoningSealed,
    StopReason,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from tollway.neutral.parts import Part, Reasoning, Text, ToolCall
from tollway.neutral.usage import Usage

CONVERSE_WORDS = {
    StopReason.STOP: "end_turn",
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.LENGTH: "max_tokens",
    StopReason.CONTEXT_FULL: "model_context_window_exceeded",
    StopReason.TOOL_CALLS: "tool_use",
    StopReason.CONTENT_FILTER: "content_filtered",
}
COHERE_WORDS = {
    StopReason.STOP: "COMPLETE",
    StopReason.STOP_SEQUENCE: "STOP_SEQUENCE",
    StopReason.LENGTH: "MAX_TOKENS",
    StopReason.TOOL_CALLS: "TOOL_CALL",
}


def sent_whole(provider: str, answer: ChatAnswer) -> bytes:
    """Return a whole answer."""
    choice = answer.choices[0]
    usage = answer.usage or Usage()
    return json.dumps(_WHOLE[provider](choice, usage)).encode()


def sent_stream(provider: str, events: list[Event], usage: Usage) -> bytes:
    """Return a stream that tells the same events, one for one where the dialect has them."""
    return _STREAMED[provider](events, usage)


def _converse(choice: Choice, usage: Usage) -> dict[str, Any]:
    reason = CONVERSE_WORDS.get(choice.reason or StopReason.STOP, "end_turn")
    return {
        "output": {"message": {"role": "assistant", "content": [_block(part) for part in choice.parts]}},
        "stopReason": reason,
        "usage": _converse_usage(usage),
        "metrics": {"latencyMs": 12},
    }


def _block(part: Part) -> dict[str, Any]:
    match part:
        case Text():
            return {"text": part.text}
        case ToolCall():
            return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": json.loads(part.arguments)}}
        case Reasoning(sealed=None):
            return {"reasoningContent": {"reasoningText": {"text": part.text}}}
        case Reasoning(sealed=sealed) if sealed is not None and sealed.whole:
            return {"reasoningContent": {"redactedContent": sealed.data}}
        case Reasoning(sealed=sealed) if sealed is not None:
            return {"reasoningContent": {"reasoningText": {"text": part.text, "signature": sealed.data}}}
    raise AssertionError(part)


def _converse_usage(usage: Usage) -> dict[str, int]:
    counts = {
        "inputTokens": usage.input,
        "outputTokens": (usage.output or 0) + (usage.reasoning or 0),
        "totalTokens": usage.tokens,
        "cacheReadInputTokens": usage.cached_input,
        "cacheWriteInputTokens": usage.cache_write_5m,
    }
    return {name: count for name, count in counts.items() if count is not None}


def _frame(name: str, payload: dict[str, Any]) -> bytes:
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return encode(headers, json.dumps(payload).encode())


class _Blocks:
    """Numbers the blocks of a stream: one begins where another kind of thing is told."""

    def __init__(self) -> None:
        self.at = -1
        self.kind = ""
        self.frames: list[bytes] = []

    def enter(self, kind: str, start: dict[str, Any] | None = None) -> None:
        if self.kind == kind and start is None:
            return
        self.leave()
        self.at += 1
        self.kind = kind
        if start is not None:
            self.frames.append(_frame("contentBlockStart", {"contentBlockIndex": self.at, "start": start}))

    def say(self, delta: dict[str, Any]) -> None:
        self.frames.append(_frame("contentBlockDelta", {"contentBlockIndex": self.at, "delta": delta}))

    def leave(self) -> None:
        if self.kind:
            self.frames.append(_frame("contentBlockStop", {"contentBlockIndex": self.at}))
        self.kind = ""


def _converse_stream(events: list[Event], usage: Usage) -> bytes:
    blocks = _Blocks()
    blocks.frames.append(_frame("messageStart", {"role": "assistant"}))
    reason = StopReason.STOP
    for event in events:
        match event:
            case TextDelta():
                blocks.enter("text")
                blocks.say({"text": event.text})
            case ReasoningDelta():
                blocks.enter("reasoning")
                blocks.say({"reasoningContent": {"text": event.text}})
            case ReasoningSealed():
                if event.sealed.whole:
                    blocks.leave()
                blocks.enter("reasoning")
                word = "redactedContent" if event.sealed.whole else "signature"
                blocks.say({"reasoningContent": {word: event.sealed.data}})
                blocks.leave()
            case ToolCallStarted():
                blocks.enter(f"call-{event.index}", {"toolUse": {"toolUseId": event.id, "name": event.name}})
            case ToolCallDelta():
                blocks.say({"toolUse": {"input": event.arguments}})
            case Finished():
                reason = event.reason
            case _:
                blocks.leave()
    blocks.leave()
    blocks.frames.append(_frame("messageStop", {"stopReason": CONVERSE_WORDS.get(reason, "end_turn")}))
    blocks.frames.append(_frame("metadata", {"usage": _converse_usage(usage), "metrics": {"latencyMs": 12}}))
    return b"".join(blocks.frames)


def _cohere(choice: Choice, usage: Usage) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant"}
    content = [piece for part in choice.parts for piece in _piece(part)]
    calls = [_called(part.id, part.name, part.arguments) for part in choice.parts if isinstance(part, ToolCall)]
    if content:
        message["content"] = content
    if calls:
        message["tool_calls"] = calls
    reason = COHERE_WORDS.get(choice.reason or StopReason.STOP, "COMPLETE")
    return {"id": "c1", "message": message, "finish_reason": reason, "usage": _cohere_usage(usage)}


def _piece(part: Part) -> Iterable[dict[str, Any]]:
    if isinstance(part, Text):
        yield {"type": "text", "text": part.text}
    elif isinstance(part, Reasoning):
        yield {"type": "thinking", "thinking": part.text}


def _called(id_: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def _cohere_usage(usage: Usage) -> dict[str, Any]:
    output = (usage.output or 0) + (usage.reasoning or 0)
    read = (usage.input or 0) + (usage.cached_input or 0) + (usage.cache_write_5m or 0)
    tokens = {"input_tokens": read, "output_tokens": output}
    if usage.reasoning is not None:
        tokens["reasoning_tokens"] = usage.reasoning
    return {"billed_units": {"input_tokens": read, "output_tokens": output}, "tokens": tokens}


def _told(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json.dumps({"type": kind, **members}).encode())


def _cohere_stream(events: list[Event], usage: Usage) -> bytes:
    out = [_told("message-start", id="c1", delta={"message": {"role": "assistant", "content": [], "tool_calls": []}})]
    at, kind, reason = -1, "", StopReason.STOP
    for event in events:
        match event:
            case TextDelta() | ReasoningDelta():
                word = "text" if isinstance(event, TextDelta) else "thinking"
                if kind != word:
                    at += 1
                    start = {"message": {"content": {"type": word, word: ""}}}
                    out += [*_closed(kind, at - 1), _told("content-start", index=at, delta=start)]
                    kind = word
                out.append(_told("content-delta", index=at, delta={"message": {"content": {word: event.text}}}))
            case ToolCallStarted():
                out += _closed(kind, at)
                kind = "call"
                call = _called(event.id, event.name, "")
                out.append(_told("tool-call-start", index=event.index, delta={"message": {"tool_calls": call}}))
            case ToolCallDelta():
                call = {"function": {"arguments": event.arguments}}
                out.append(_told("tool-call-delta", index=event.index, delta={"message": {"tool_calls": call}}))
            case Finished():
                out += _closed(kind, at)
                kind, reason = "", event.reason
            case _:
                pass
    word = COHERE_WORDS.get(reason, "COMPLETE")
    out += [*_closed(kind, at), _told("message-end", delta={"finish_reason": word, "usage": _cohere_usage(usage)})]
    return b"".join(out) + b"data: [DONE]\n\n"


def _closed(kind: str, at: int) -> list[bytes]:
    ends = {"text": "content-end", "thinking": "content-end", "call": "tool-call-end"}
    return [_told(ends[kind], index=at)] if kind in ends else []


_WHOLE: dict[str, Callable[[Choice, Usage], dict[str, Any]]] = {"bedrock_converse": _converse, "cohere_chat": _cohere}
_STREAMED: dict[str, Callable[[list[Event], Usage], bytes]] = {
    "bedrock_converse": _converse_stream,
    "cohere_chat": _cohere_stream,
}
