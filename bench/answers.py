"""What the provider answers, byte for byte, in each dialect: whole, and as a stream that comes at once. Knows no gateway."""

import json

from payloads import BURST, CHAT, COMPLETION_TOKENS, FRAMES, GEMINI, MESSAGES, OLLAMA, PLAIN, PROMPT_TOKENS, Ask
from streams import CHUNKS, STREAMS

SSE = "text/event-stream; charset=utf-8"
JSON = "application/json"
LINES = "application/x-ndjson"

CONTENT = ("Every movement is a transfer, and every balance is a fold of transfers. " * 8)[:440]
CREATED = 1_760_000_000

STREAMED_TOKENS = {MESSAGES: CHUNKS, OLLAMA: CHUNKS, GEMINI: CHUNKS + 2 + 100}
"""Output tokens that the streams of `streams.py` report: Gemini counts each of its chunks, and thoughts beside them."""


def output_tokens(provider: str, *, stream: bool) -> int:
    """Return how many output tokens a provider's canned answer reports."""
    if not stream:
        return COMPLETION_TOKENS
    return FRAMES if provider == CHAT else STREAMED_TOKENS[provider]


def frames(provider: str) -> int:
    """Return how many frames of content a provider's canned stream has."""
    return FRAMES if provider == CHAT else CHUNKS


def content_type(ask: Ask) -> str:
    """Return what the provider calls its answer."""
    if not ask.stream:
        return JSON
    return LINES if ask.provider == OLLAMA else SSE


def answer(ask: Ask) -> bytes:
    """Return the whole body of the provider's answer."""
    if ask.stream:
        return burst_answer() if ask.provider == CHAT else recorded_stream(ask.provider)
    whole = {CHAT: chat_answer, MESSAGES: messages_answer, GEMINI: gemini_answer, OLLAMA: ollama_answer}
    return json.dumps(whole[ask.provider]()).encode()


def recorded_stream(provider: str) -> bytes:
    """Return a stream of text in a dialect's whole form."""
    recorded = STREAMS[provider]("text")
    return b"".join((*recorded.before, *recorded.chunks, *recorded.after))


def chat_answer() -> dict[str, object]:
    """Return a chat completion of about 1 KB."""
    usage = {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": COMPLETION_TOKENS,
        "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
    message: dict[str, object] = {"role": "assistant", "content": CONTENT, "refusal": None, "annotations": []}
    return {
        "id": "chatcmpl-bench000000000000000000000",
        "object": "chat.completion",
        "created": CREATED,
        "model": PLAIN.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": usage,
        "service_tier": "default",
        "system_fingerprint": "fp_bench",
    }


def messages_answer() -> dict[str, object]:
    """Return a message."""
    return {
        "id": "msg_bench000000000000000000000",
        "type": "message",
        "role": "assistant",
        "model": "bench-1",
        "content": [{"type": "text", "text": CONTENT}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": PROMPT_TOKENS,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": COMPLETION_TOKENS,
            "service_tier": "standard",
        },
    }


def gemini_answer() -> dict[str, object]:
    """Return what generateContent answers."""
    return {
        "candidates": [
            {"content": {"parts": [{"text": CONTENT}], "role": "model"}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {
            "promptTokenCount": PROMPT_TOKENS,
            "candidatesTokenCount": COMPLETION_TOKENS,
            "totalTokenCount": PROMPT_TOKENS + COMPLETION_TOKENS,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": PROMPT_TOKENS}],
        },
        "modelVersion": "bench-1",
        "responseId": "bench0000000000000000",
    }


def ollama_answer() -> dict[str, object]:
    """Return what a chat answers that is not streamed."""
    return {
        "model": "bench-1",
        "created_at": "2026-05-14T09:26:53.589793238Z",
        "message": {"role": "assistant", "content": CONTENT},
        "done": True,
        "done_reason": "stop",
        "total_duration": 1_987_654_321,
        "prompt_eval_count": PROMPT_TOKENS,
        "eval_count": COMPLETION_TOKENS,
    }


def burst_answer() -> bytes:
    """Return a whole streamed chat: role, 64 content frames, finish, usage and the end mark."""
    opening: dict[str, object] = {
        "id": "chatcmpl-bench000000000000000000000",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": BURST.model,
        "system_fingerprint": "fp_bench",
    }

    def frame(delta: dict[str, str], finish_reason: str | None) -> dict[str, object]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**opening, "choices": [choice]}

    usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": FRAMES, "total_tokens": PROMPT_TOKENS + FRAMES}
    told: list[dict[str, object]] = [
        frame({"role": "assistant", "content": ""}, None),
        *(frame({"content": f" word{number}"}, None) for number in range(FRAMES)),
        frame({}, "stop"),
        {**opening, "choices": [], "usage": usage},
    ]
    events = [f"data: {json.dumps(each, separators=(',', ':'))}\n\n" for each in told]
    return "".join([*events, "data: [DONE]\n\n"]).encode()
