"""What is asked, byte for byte, and what one answer must cost. Knows no process, no gateway, and no answer's bytes."""

import json
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

BODY_BYTES = 1024
"""Of the request and, to within a few bytes, of the plain answer: design, section 8."""

FRAMES = 64
PACE_MS = 20
THINK_MS = 20
PROMPT_TOKENS = 199
COMPLETION_TOKENS = 151

PRICE_INPUT = "0.1234567"
PRICE_OUTPUT = "0.7654321"
FEE = "5%"
"""Odd on purpose: base and fee have to be rounded up, so that parity proves the rounding too."""

KEY_WITHOUT_GATEWAY = "bench-key-of-nobody"

CHAT, MESSAGES, GEMINI, OLLAMA = "openai_chat", "anthropic_messages", "gemini", "ollama_chat"
"""The dialects that clients and providers speak here."""

PATHS = {
    (CHAT, False): "/v1/chat/completions",
    (CHAT, True): "/v1/chat/completions",
    (MESSAGES, False): "/v1/messages",
    (MESSAGES, True): "/v1/messages",
    (GEMINI, False): "/v1beta/models/{model}:generateContent",
    (GEMINI, True): "/v1beta/models/{model}:streamGenerateContent?alt=sse",
    (OLLAMA, False): "/api/chat",
    (OLLAMA, True): "/api/chat",
}

SYSTEM = "You are a terse assistant."
PADDING = "Tell me how a gateway keeps its books. "
EMPTY = '""'
"""Where the padding goes: the one empty text of a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A kind of request: which model, in which words, how large, and what its answer reports."""

    model: str
    stream: bool
    output_tokens: int
    client: str = CHAT
    """The dialect of the request, and of the answer that the client gets."""
    provider: str = CHAT
    """The dialect of the provider."""
    body_bytes: int = BODY_BYTES
    scheme: str = "http"
    """Of the provider's address."""
    frames: int = 0
    """How many frames of content a stream has."""
    pace_ms: int = 0
    """From one of them to the next; 0 sends all at once."""
    think_ms: int = 0
    """For how long a provider that keeps a pace sends nothing, before the first of them."""

    @property
    def cost_nanos(self) -> int:
        """What one answer costs in nano-dollars, fee included."""
        return cost_nanos(PROMPT_TOKENS, self.output_tokens)

    @property
    def path(self) -> str:
        """Where it is asked, with the query."""
        return PATHS[self.client, self.stream].format(model=self.model)


PLAIN = Ask(model="bench-plain", stream=False, output_tokens=COMPLETION_TOKENS)
"""One JSON answer of about 1 KB."""
BURST = Ask(model="bench-burst", stream=True, output_tokens=FRAMES, frames=FRAMES)
"""A stream whose 64 frames come at once."""
PACED = Ask(model="bench-paced", stream=True, output_tokens=FRAMES, frames=FRAMES, pace_ms=PACE_MS)
"""A stream of 64 frames, 20 ms apart."""
THINKING = replace(PACED, model="bench-thinking", think_ms=THINK_MS)
"""The same, of a provider that thinks first, as every model does."""


def sized(name: str, body_bytes: int) -> Ask:
    """Return a plain request with a body of another size."""
    return Ask(model=f"bench-body-{name}", stream=False, output_tokens=COMPLETION_TOKENS, body_bytes=body_bytes)


def cost_nanos(input_tokens: int, output_tokens: int) -> int:
    """Return base + fee by the rule of design section 5, in fractions: shares no code with what it checks."""
    base = ceil(input_tokens * Fraction(PRICE_INPUT) * 1000 + output_tokens * Fraction(PRICE_OUTPUT) * 1000)
    return base + ceil(base * Fraction(FEE.removesuffix("%")) / 100)


def request_fields(ask: Ask) -> dict[str, object]:
    """Return a chat request in the client's words, with one empty text."""
    streamed: dict[str, object] = {"stream": True} if ask.stream else {}
    if ask.client == GEMINI:
        return {
            "systemInstruction": {"parts": [{"text": SYSTEM}]},
            "contents": [{"role": "user", "parts": [{"text": ""}]}],
            "generationConfig": {"maxOutputTokens": 256, "temperature": 0.7},
        }
    user = {"role": "user", "content": ""}
    turns = [{"role": "system", "content": SYSTEM}, user]
    if ask.client == OLLAMA:
        options = {"num_predict": 256, "temperature": 0.7}
        return {"model": ask.model, "messages": turns, "options": options, "stream": ask.stream}
    if ask.client == MESSAGES:
        return {
            "model": ask.model,
            "system": SYSTEM,
            "messages": [user],
            "max_tokens": 256,
            "temperature": 0.7,
            **streamed,
        }
    return {"model": ask.model, "messages": turns, "max_tokens": 256, "temperature": 0.7, **streamed}


def request_body(ask: Ask) -> bytes:
    """Return a chat request of exactly as many bytes as it is to have."""
    bare = json.dumps(request_fields(ask))
    missing = ask.body_bytes - len(bare)
    padding = (PADDING * (missing // len(PADDING) + 1))[:missing]
    return bare.replace(EMPTY, f'"{padding}"').encode()


def request_headers(key: str) -> dict[str, str]:
    """Return the headers that every load generator sends; Host and Content-Length are added by each."""
    return {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "User-Agent": "tollway-bench/1",
        "Authorization": f"Bearer {key}",
    }
