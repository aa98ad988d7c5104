"""The matrix of pairs: what a client of each dialect asks a provider of each, plain and streamed, and what cannot be.

Each cell is a test, or stands in IMPOSSIBLE with its reason, which docs/dialects.md prints; a test holds the two against
the whole product.
"""

import json
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from msgspec import Raw

from tests.dialect_matrix import CLIENTS, MODEL, PAIRS
from tollway.neutral.answer import ChatAnswer, Choice
from tollway.neutral.events import StopReason
from tollway.neutral.parts import Image, Inline, Part, Reasoning, Sealed, Text, ToolCall, ToolResult
from tollway.neutral.request import (
    ChatRequest,
    Effort,
    Message,
    OutputForm,
    OutputKind,
    ReasoningWish,
    Role,
    Tool,
)
from tollway.neutral.usage import Usage

MODES = ("plain", "stream")
FEATURES = ("text", "tools", "parallel tools", "image", "schema", "reasoning", "error")


class Cell(NamedTuple):
    """One field of the matrix."""

    client: str
    provider: str
    mode: str
    feature: str

    @property
    def title(self) -> str:
        """How a test calls it."""
        return "-".join(self).replace(" ", "-")


def cells() -> Iterator[Cell]:
    """Yield the whole product."""
    for client, provider in PAIRS:
        for mode in MODES:
            for feature in FEATURES:
                yield Cell(client, provider, mode, feature)


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PARAMETERS = Raw(json.dumps({"type": "object", "properties": {"city": {"type": "string"}}}).encode())
SCHEMA = Raw(
    json.dumps(
        {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
    ).encode()
)
TOOLS = (Tool(name="weather", description="Tells the weather.", parameters=PARAMETERS),)
USAGE = Usage(input=30, cached_input=10, output=15, reasoning=5)


def asks(*parts: Part) -> Message:
    """Return a message of the user."""
    return Message(role=Role.USER, parts=parts)


def call(number: int, city: str) -> ToolCall:
    """Return a call of the one tool."""
    return ToolCall(id=f"call_{number}", name="weather", arguments=json.dumps({"city": city}, separators=(",", ":")))


def history(*calls: ToolCall) -> tuple[Message, ...]:
    """Return a conversation in which the tool was called, and answered each call."""
    results = tuple(
        ToolResult(call_id=each.id, name=each.name, parts=(Text(text=f"Sun, says {each.id}."),)) for each in calls
    )
    return (
        asks(Text(text="What is the weather?")),
        Message(role=Role.ASSISTANT, parts=(Text(text="I look."), *calls)),
        Message(role=Role.TOOL, parts=results),
        asks(Text(text="And there?")),
    )


HI = (asks(Text(text="Say hi.")),)
REQUESTS = {
    "text": ChatRequest(model=MODEL, messages=HI, temperature=0.5, output_tokens_max=4000),
    "tools": ChatRequest(model=MODEL, messages=history(call(1, "Bern")), tools=TOOLS),
    "parallel tools": ChatRequest(model=MODEL, messages=history(call(1, "Bern"), call(2, "Genf")), tools=TOOLS),
    "image": ChatRequest(
        model=MODEL,
        messages=(asks(Image(source=Inline(media_type="image/png", data=PNG)), Text(text="What is it?")),),
    ),
    "schema": ChatRequest(model=MODEL, messages=HI, output=OutputForm(kind=OutputKind.JSON_SCHEMA, schema=SCHEMA)),
    "reasoning": ChatRequest(
        model=MODEL, messages=HI, reasoning=ReasoningWish(effort=Effort.LOW), output_tokens_max=8000
    ),
    "error": ChatRequest(model=MODEL, messages=HI),
}


def request_of(cell: Cell) -> ChatRequest:
    """Return what the client asks; what a completion goes on with is no question."""
    request = msgspec.structs.replace(REQUESTS[cell.feature], streamed=cell.mode == "stream")
    single = cell.client == "openai_completions" or {cell.client, cell.provider} == {
        "ollama_generate",
        "openai_completions",
    }
    return msgspec.structs.replace(request, completes=True) if single else request


THOUGHT = Reasoning(text="He wants hi.", sealed=Sealed(data="c2VhbGVkIQ=="))
BARE_THOUGHT = Reasoning(text="He wants hi.")
SEALING = frozenset(("openai_chat", "openai_responses", "anthropic_messages", "gemini", "bedrock_converse"))
"""Dialects in whose answers a seal has a place."""
SAID: dict[str, tuple[Part, ...]] = {
    "text": (Text(text="Hi! Grüße 🙂"),),
    "tools": (Text(text="I look again."), call(3, "Chur")),
    "parallel tools": (call(3, "Chur"), call(4, "Thun")),
    "image": (Text(text="A dot."),),
    "schema": (Text(text='{"a": 1}'),),
    "reasoning": (THOUGHT, Text(text="Hi!")),
    "error": (Text(text="Hi, and then nothing"),),
}


def answer_of(cell: Cell) -> ChatAnswer:
    """Return what the model answers."""
    parts = SAID[cell.feature]
    if cell.feature == "reasoning" and cell.provider not in SEALING:
        parts = (BARE_THOUGHT, *parts[1:])
    called = any(isinstance(part, ToolCall) for part in parts)
    reason = StopReason.TOOL_CALLS if called else StopReason.STOP
    return ChatAnswer(choices=(Choice(parts=parts, reason=reason),), usage=USAGE)


class Reason(NamedTuple):
    """Why some cells cannot be."""

    client: str
    """`*` is every one, `other` every one but the provider's own dialect and those that ask with a prompt."""
    provider: str
    features: tuple[str, ...]
    sentence: str


_CHATTERS = tuple(client for client in CLIENTS if client not in {"openai_completions", "ollama_generate"})
IMPOSSIBLE = (
    Reason(
        "openai_completions",
        "*",
        ("tools", "parallel tools", "image", "schema", "reasoning"),
        "A completion is one text that is gone on with: its client has no words for tools, pictures, schemas or "
        "thinking, and no place for what comes of them.",
    ),
    Reason(
        "ollama_generate",
        "*",
        ("tools", "parallel tools"),
        "`/api/generate` has no tools: its clients ask for them in `/api/chat`.",
    ),
    *(
        Reason(
            client,
            "openai_completions",
            FEATURES,
            "A conversation is no prompt that a model could go on with: how it would be written as one is the model's "
            "own affair. It is refused, with `messages` as the field.",
        )
        for client in _CHATTERS
    ),
    Reason(
        "ollama_generate",
        "openai_completions",
        ("image", "schema", "reasoning"),
        "A completion takes one text: pictures and schemas are refused by name. How much to think is dropped by name.",
    ),
    *(
        Reason(
            client,
            "ollama_generate",
            ("tools", "parallel tools"),
            "`/api/generate` takes one prompt: tools and conversations of several turns are refused by name.",
        )
        for client in _CHATTERS
    ),
)


def reason_against(cell: Cell) -> Reason | None:
    """Return why a cell cannot be; None for one that is tested."""
    for reason in IMPOSSIBLE:
        fits = cell.client == reason.client and reason.provider in {"*", cell.provider}
        if fits and cell.feature in reason.features:
            return reason
    return None
