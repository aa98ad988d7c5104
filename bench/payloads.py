"""What is asked and what is answered, byte for byte, and what one answer must cost. Knows no process and no gateway."""

import json
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

BODY_BYTES = 1024
"""Of the request and, to within a few bytes, of the plain answer: design, section 8."""

FRAMES = 64
PACE_MS = 20
PROMPT_TOKENS = 199
COMPLETION_TOKENS = 151

PRICE_INPUT = "0.1234567"
PRICE_OUTPUT = "0.7654321"
FEE = "5%"
"""Odd on purpose: base and fee have to be rounded up, so that parity proves the rounding too."""

KEY_WITHOUT_GATEWAY = "bench-key-of-nobody"
PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A kind of request: which model, streamed or not, and how many tokens its answer reports."""

    model: str
    stream: bool
    output_tokens: int

    @property
    def cost_nanos(self) -> int:
        """What one answer costs in nano-dollars, fee included."""
        return cost_nanos(PROMPT_TOKENS, self.output_tokens)


PLAIN = Ask(model="bench-plain", stream=False, output_tokens=COMPLETION_TOKENS)
"""One JSON answer of about 1 KB."""
BURST = Ask(model="bench-burst", stream=True, output_tokens=FRAMES)
"""A stream whose 64 frames come at once."""
PACED = Ask(model="bench-paced", stream=True, output_tokens=FRAMES)
"""A stream of 64 frames, 20 ms apart."""

ASKS = (PLAIN, BURST, PACED)


def cost_nanos(input_tokens: int, output_tokens: int) -> int:
    """Return base + fee by the rule of design section 5, in fractions: shares no code with what it checks."""
    base = ceil(input_tokens * Fraction(PRICE_INPUT) * 1000 + output_tokens * Fraction(PRICE_OUTPUT) * 1000)
    return base + ceil(base * Fraction(FEE.removesuffix("%")) / 100)


def request_body(ask: Ask) -> bytes:
    """Return a chat request of exactly BODY_BYTES."""
    request: dict[str, object] = {
        "model": ask.model,
        "messages": [{"role": "system", "content": "You are a terse assistant."}, {"role": "user", "content": ""}],
        "max_tokens": 256,
        "temperature": 0.7,
    }
    if ask.stream:
        request["stream"] = True
    bare = json.dumps(request)
    padding = ("Tell me how a gateway keeps its books. " * 30)[: BODY_BYTES - len(bare)]
    return bare.replace('"content": ""', f'"content": "{padding}"').encode()


def request_headers(key: str) -> dict[str, str]:
    """Return the headers that every load generator sends; Host and Content-Length are added by each."""
    return {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "User-Agent": "tollway-bench/1",
        "Authorization": f"Bearer {key}",
    }


def request_bytes(ask: Ask, key: str) -> bytes:
    """Return a whole HTTP/1.1 request as it goes over the wire."""
    body = request_body(ask)
    headers = {"Host": "127.0.0.1", **request_headers(key), "Content-Length": str(len(body))}
    lines = [f"POST {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def plain_answer() -> bytes:
    """Return the provider's JSON answer of about 1 KB."""
    usage = {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": COMPLETION_TOKENS,
        "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
    content = ("Every movement is a transfer, and every balance is a fold of transfers. " * 8)[:440]
    message: dict[str, object] = {"role": "assistant", "content": content, "refusal": None, "annotations": []}
    answer: dict[str, object] = {
        "id": "chatcmpl-bench000000000000000000000",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": PLAIN.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": usage,
        "service_tier": "default",
        "system_fingerprint": "fp_bench",
    }
    return json.dumps(answer).encode()


def burst_answer() -> bytes:
    """Return a whole streamed answer: role, 64 content frames, finish, usage and the end mark."""
    opening: dict[str, object] = {
        "id": "chatcmpl-bench000000000000000000000",
        "object": "chat.completion.chunk",
        "created": 1_760_000_000,
        "model": BURST.model,
        "system_fingerprint": "fp_bench",
    }

    def frame(delta: dict[str, str], finish_reason: str | None) -> dict[str, object]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return {**opening, "choices": [choice]}

    usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": FRAMES, "total_tokens": PROMPT_TOKENS + FRAMES}
    frames: list[dict[str, object]] = [
        frame({"role": "assistant", "content": ""}, None),
        *(frame({"content": f" word{number}"}, None) for number in range(FRAMES)),
        frame({}, "stop"),
        {**opening, "choices": [], "usage": usage},
    ]
    events = [f"data: {json.dumps(each, separators=(',', ':'))}\n\n" for each in frames]
    return "".join([*events, "data: [DONE]\n\n"]).encode()
