"""Streams as providers send them, one event a read: the thoughts, texts and calls that `chunks.py` measures. Knows no gateway.

The shape of each event is the provider's whole one, with what nobody reads of it: names, times, fingerprints, padding.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tollway.framing.aws_events import encode

CHUNKS = 200
WORDS = (" every", " movement", " is", " a", " transfer", ",", " and", " each", " balance", " a", " fold", ".\n")
ARGUMENTS = ('{"', "query", '":"', "open", " holds", " of", " today", '","', "limit", '":', "20", ",")
"""Pieces of arguments, over and over: a reader passes them, and nobody parses them before the end."""

MODEL = "bench-model-2026-05-14"
ID = "bench0a1b2c3d4e5f60718293a4b5c6d7e8f9"
CREATED = 1_760_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One kind of chunk of one dialect: what comes before, the chunks that are measured, what comes behind."""

    before: tuple[bytes, ...]
    chunks: tuple[bytes, ...]
    after: tuple[bytes, ...]


Make = Callable[[str], Recorded]
"""Of `text`, `reasoning` or `tools`."""


def _pieces(kind: str) -> list[str]:
    words = ARGUMENTS if kind == "tools" else WORDS
    return [words[number % len(words)] for number in range(CHUNKS)]


def _json(fields: object) -> bytes:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


def _data(fields: object) -> bytes:
    return b"data: %b\n\n" % _json(fields)


def _named(fields: dict[str, object]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(fields["type"]).encode(), _json(fields))


def openai_chat(kind: str) -> Recorded:
    """Chat completion chunks, with the padding that hides lengths."""

    def chunk(delta: dict[str, object], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return _data({**top, "choices": [choice], "usage": None, "obfuscation": "aB3dE5gH7"})

    top: dict[str, object] = {
        "id": f"chatcmpl-{ID}",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": MODEL,
        "service_tier": "default",
        "system_fingerprint": "fp_bench",
    }
    before = [chunk({"role": "assistant", "content": "", "refusal": None})]
    if kind == "tools":
        function = {"name": "search", "arguments": ""}
        before.append(
            chunk({"tool_calls": [{"index": 0, "id": "call_bench", "type": "function", "function": function}]})
        )
    deltas: dict[str, Callable[[str], dict[str, object]]] = {
        "text": lambda piece: {"content": piece},
        "reasoning": lambda piece: {"reasoning_content": piece},
        "tools": lambda piece: {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]},
    }
    usage = {"prompt_tokens": 199, "completion_tokens": CHUNKS, "total_tokens": 199 + CHUNKS}
    return Recorded(
        before=tuple(before),
        chunks=tuple(chunk(deltas[kind](piece)) for piece in _pieces(kind)),
        after=(chunk({}, "stop"), _data({**top, "choices": [], "usage": usage}), b"data: [DONE]\n\n"),
    )


def openai_completions(kind: str) -> Recorded:
    """Completion chunks; the dialect has text and nothing else."""
    del kind
    top = {"id": f"cmpl-{ID}", "object": "text_completion", "created": CREATED, "model": MODEL}

    def chunk(text: str, reason: str | None = None) -> bytes:
        return _data({**top, "choices": [{"text": text, "index": 0, "logprobs": None, "finish_reason": reason}]})

    usage = {"prompt_tokens": 199, "completion_tokens": CHUNKS, "total_tokens": 199 + CHUNKS}
    return Recorded(
        before=(chunk("Well"),),
        chunks=tuple(map(chunk, _pieces("text"))),
        after=(chunk("", "stop"), _data({**top, "choices": [], "usage": usage}), b"data: [DONE]\n\n"),
    )


_RESPONSES_ITEMS: Mapping[str, tuple[dict[str, object], str, dict[str, object]]] = {
    "text": (
        {"id": "msg_bench", "type": "message", "status": "in_progress", "content": [], "role": "assistant"},
        "response.output_text.delta",
        {"content_index": 0, "logprobs": []},
    ),
    "reasoning": (
        {"id": "rs_bench", "type": "reasoning", "summary": []},
        "response.reasoning_summary_text.delta",
        {"summary_index": 0},
    ),
    "tools": (
        {"id": "fc_bench", "type": "function_call", "call_id": "call_bench", "name": "search", "arguments": ""},
        "response.function_call_arguments.delta",
        {},
    ),
}


def openai_responses(kind: str) -> Recorded:
    """Responses events; nothing is measured of the end, which repeats the answer."""
    item, name, beside = _RESPONSES_ITEMS[kind]
    usage = {"input_tokens": 199, "output_tokens": CHUNKS, "total_tokens": 199 + CHUNKS}
    response = {"id": f"resp_{ID}", "object": "response", "created_at": CREATED, "model": MODEL, "output": []}
    before = (
        _named({"type": "response.created", "sequence_number": 0, "response": {**response, "status": "in_progress"}}),
        _named({"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": item}),
    )
    chunks = tuple(
        _named(
            {
                "type": name,
                "sequence_number": number,
                "item_id": item["id"],
                "output_index": 0,
                **beside,
                "delta": piece,
                "obfuscation": "aB3dE5gH7",
            }
        )
        for number, piece in enumerate(_pieces(kind), 2)
    )
    done = {**response, "status": "completed", "usage": usage}
    end = _named({"type": "response.completed", "sequence_number": CHUNKS + 2, "response": done})
    return Recorded(before=before, chunks=chunks, after=(end,))


_BLOCKS: Mapping[str, tuple[dict[str, object], Callable[[str], dict[str, object]]]] = {
    "text": ({"type": "text", "text": ""}, lambda piece: {"type": "text_delta", "text": piece}),
    "reasoning": (
        {"type": "thinking", "thinking": "", "signature": ""},
        lambda piece: {"type": "thinking_delta", "thinking": piece},
    ),
    "tools": (
        {"type": "tool_use", "id": "toolu_bench", "name": "search", "input": {}},
        lambda piece: {"type": "input_json_delta", "partial_json": piece},
    ),
}


def anthropic_messages(kind: str) -> Recorded:
    """Messages events."""
    block, delta = _BLOCKS[kind]
    usage = {"input_tokens": 199, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}
    message = {"id": f"msg_{ID}", "type": "message", "role": "assistant", "model": MODEL, "content": []}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    return Recorded(
        before=(
            _named({"type": "message_start", "message": {**message, "usage": usage}}),
            _named({"type": "content_block_start", "index": 0, "content_block": block}),
        ),
        chunks=tuple(
            _named({"type": "content_block_delta", "index": 0, "delta": delta(piece)}) for piece in _pieces(kind)
        ),
        after=(
            _named({"type": "content_block_stop", "index": 0}),
            _named({"type": "message_delta", "delta": ended, "usage": {"output_tokens": CHUNKS}}),
            _named({"type": "message_stop"}),
        ),
    )


def gemini(kind: str) -> Recorded:
    """Gemini's chunks, each with all counts so far; its calls come whole, one a chunk."""

    def chunk(part: dict[str, object], number: int, **more: object) -> bytes:
        candidate = {"content": {"parts": [part], "role": "model"}, **more, "index": 0}
        usage = {
            "promptTokenCount": 199,
            "candidatesTokenCount": number,
            "totalTokenCount": 299 + number,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 199}],
            "thoughtsTokenCount": 100,
        }
        fields = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL, "responseId": ID[:22]}
        return b"data: %b\r\n\r\n" % _json(fields)

    parts: dict[str, Callable[[str], dict[str, object]]] = {
        "text": lambda piece: {"text": piece},
        "reasoning": lambda piece: {"text": piece, "thought": True},
        "tools": lambda piece: {"functionCall": {"name": "search", "args": {"query": piece, "limit": 20}}},
    }
    pieces = _pieces(kind)
    return Recorded(
        before=(chunk(parts[kind](pieces[0]), 1),),
        chunks=tuple(chunk(parts[kind](piece), number) for number, piece in enumerate(pieces, 2)),
        after=(chunk({"text": ""}, CHUNKS + 2, finishReason="STOP"),),
    )


def _lines(said: Callable[[str], dict[str, object]], pieces: list[str]) -> Recorded:
    top = {"model": MODEL, "created_at": "2026-05-14T09:26:53.589793238Z"}
    counts = {"total_duration": 1_987_654_321, "prompt_eval_count": 199, "eval_count": CHUNKS}
    lines = [_json({**top, **said(piece), "done": False}) + b"\n" for piece in pieces]
    end = _json({**top, **said(""), "done": True, "done_reason": "stop", **counts}) + b"\n"
    return Recorded(before=(lines[0],), chunks=tuple(lines), after=(end,))


def ollama_chat(kind: str) -> Recorded:
    """Lines of a chat; its calls come whole, one a line."""
    says: dict[str, Callable[[str], dict[str, object]]] = {
        "text": lambda piece: {"content": piece},
        "reasoning": lambda piece: {"content": "", "thinking": piece},
        "tools": lambda piece: {
            "content": "",
            "tool_calls": [{"function": {"index": 0, "name": "search", "arguments": {"query": piece}}}],
        },
    }
    return _lines(lambda piece: {"message": {"role": "assistant", **says[kind](piece)}}, _pieces(kind))


def ollama_generate(kind: str) -> Recorded:
    """Lines of a completion."""
    if kind == "reasoning":
        return _lines(lambda piece: {"response": "", "thinking": piece}, _pieces(kind))
    return _lines(lambda piece: {"response": piece}, _pieces("text"))


def cohere_chat(kind: str) -> Recorded:
    """Cohere's events."""
    says: dict[str, Callable[[str], dict[str, object]]] = {
        "text": lambda piece: {"content": {"text": piece}},
        "reasoning": lambda piece: {"content": {"thinking": piece}},
        "tools": lambda piece: {"tool_calls": {"function": {"arguments": piece}}},
    }
    start: dict[str, object] = {"content": {"type": "thinking" if kind == "reasoning" else "text", "text": ""}}
    name = "content"
    if kind == "tools":
        name = "tool-call"
        start = {
            "tool_calls": {"id": "search_bench", "type": "function", "function": {"name": "search", "arguments": ""}}
        }
    usage = {"billed_units": {"input_tokens": 199, "output_tokens": CHUNKS}}

    def event(kind_: str, message: dict[str, object]) -> bytes:
        return _named({"type": kind_, "index": 0, "delta": {"message": message}})

    return Recorded(
        before=(
            _named({"id": ID, "type": "message-start", "delta": {"message": {"role": "assistant"}}}),
            event(f"{name}-start", start),
        ),
        chunks=tuple(event(f"{name}-delta", says[kind](piece)) for piece in _pieces(kind)),
        after=(
            _named({"type": f"{name}-end", "index": 0}),
            _named({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}}),
        ),
    )


def bedrock_converse(kind: str) -> Recorded:
    """Converse's messages, binary framing and all."""
    says: dict[str, Callable[[str], dict[str, object]]] = {
        "text": lambda piece: {"text": piece},
        "reasoning": lambda piece: {"reasoningContent": {"text": piece}},
        "tools": lambda piece: {"toolUse": {"input": piece}},
    }

    def message(event: str, fields: dict[str, object]) -> bytes:
        headers = {":event-type": event, ":content-type": "application/json", ":message-type": "event"}
        return encode(headers, _json({**fields, "p": "abcdefghijklmnopqrstuvw"}))

    before = [message("messageStart", {"role": "assistant"})]
    if kind == "tools":
        start = {"toolUse": {"toolUseId": "tooluse_bench", "name": "search"}}
        before.append(message("contentBlockStart", {"contentBlockIndex": 0, "start": start}))
    usage = {"inputTokens": 199, "outputTokens": CHUNKS, "totalTokens": 199 + CHUNKS}
    return Recorded(
        before=tuple(before),
        chunks=tuple(
            message("contentBlockDelta", {"contentBlockIndex": 0, "delta": says[kind](piece)})
            for piece in _pieces(kind)
        ),
        after=(
            message("contentBlockStop", {"contentBlockIndex": 0}),
            message("messageStop", {"stopReason": "end_turn"}),
            message("metadata", {"usage": usage, "metrics": {"latencyMs": 1987}}),
        ),
    )


STREAMS: Mapping[str, Make] = {
    "openai_chat": openai_chat,
    "openai_completions": openai_completions,
    "openai_responses": openai_responses,
    "anthropic_messages": anthropic_messages,
    "gemini": gemini,
    "ollama_chat": ollama_chat,
    "ollama_generate": ollama_generate,
    "bedrock_converse": bedrock_converse,
    "cohere_chat": cohere_chat,
}
"""By the dialect's name; the last two are spoken by providers alone."""

KINDS = ("text", "reasoning", "tools")
