"""What is asked and answered where the hot path is counted, byte for byte: no other test's, so that it never changes."""

import json
from typing import NamedTuple

BODY_BYTES = 1024
FRAMES = 32
PRICE = '{ input = "0.1234567", output = "0.7654321" }'
FEE = "5%"
MODEL = "guarded"
HEAD_END = b"\r\n\r\n"
END = b"0\r\n\r\n"

_WORDS = "Tell me how a gateway keeps its books. " * 30
_USAGE = {
    "prompt_tokens": 199,
    "completion_tokens": 151,
    "total_tokens": 350,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Frames(NamedTuple):
    """A streamed answer in pieces, as the provider sends them: each is one read."""

    first: tuple[bytes, ...]
    """Head and role, then a word: before it nothing is sent on."""
    chunks: tuple[bytes, ...]
    last: bytes
    """Reason, usage, and the end."""


def own_request(key: str, *, stream: bool) -> bytes:
    """Return a request in the provider's own dialect, as the benchmark sends it."""
    fields: dict[str, object] = {
        "model": MODEL,
        "messages": [{"role": "system", "content": "You are a terse assistant."}, {"role": "user", "content": ""}],
        "max_tokens": 256,
        "temperature": 0.7,
    }
    if stream:
        fields["stream"] = True
    bare = json.dumps(fields)
    body = bare.replace('"content": ""', f'"content": "{_WORDS[: BODY_BYTES - len(bare)]}"').encode()
    return _request("/v1/chat/completions", {"Authorization": f"Bearer {key}"}, body)


def other_request(key: str, *, stream: bool) -> bytes:
    """Return one in another dialect, which is translated."""
    fields: dict[str, object] = {
        "model": MODEL,
        "max_tokens": 256,
        "temperature": 0.7,
        "system": "You are a terse assistant.",
        "messages": [{"role": "user", "content": _WORDS[:800]}],
    }
    if stream:
        fields["stream"] = True
    return _request("/v1/messages", {"X-Api-Key": key, "Anthropic-Version": "2023-06-01"}, json.dumps(fields).encode())


def _request(path: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = {
        "Host": "127.0.0.1",
        "Accept": "application/json",
        "Content-Type": "application/json",
        "User-Agent": "guard/1",
        **headers,
        "Content-Length": str(len(body)),
    }
    return (
        "\r\n".join([f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items()), "", ""]).encode()
        + body
    )


def whole_answer() -> bytes:
    """Return the provider's answer of about 1 KB, head and body."""
    message = {"role": "assistant", "content": _WORDS[:440], "refusal": None, "annotations": []}
    body = json.dumps(
        {
            "id": "chatcmpl-guard000000000000000000000",
            "object": "chat.completion",
            "created": 1_760_000_000,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": _USAGE,
            "service_tier": "default",
            "system_fingerprint": "fp_guard",
        }
    ).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def frames() -> Frames:
    """Return the provider's streamed answer."""
    first = (_STREAM_HEAD + _event({"role": "assistant", "content": ""}), _event({"content": "First"}))
    chunks = tuple(_event({"content": f" word{number}"}) for number in range(FRAMES))
    last = _event({}, "stop") + _event(None, usage=_USAGE) + _framed(b"data: [DONE]\n\n") + END
    return Frames(first, chunks, last)


def _event(delta: dict[str, str] | None, reason: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    fields = {
        "id": "chatcmpl-guard000000000000000000000",
        "object": "chat.completion.chunk",
        "created": 1_760_000_000,
        "model": MODEL,
        "system_fingerprint": "fp_guard",
        "choices": [] if delta is None else [choice],
        **more,
    }
    return _framed(b"data: %b\n\n" % json.dumps(fields, separators=(",", ":")).encode())


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def is_whole(message: bytes | bytearray) -> bool:
    """Tell whether a message with a length is complete."""
    head, end, body = message.partition(HEAD_END)
    lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(end and lengths) and len(body) >= int(lengths[0])
