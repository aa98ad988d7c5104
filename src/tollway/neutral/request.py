"""What a chat request asks, in no wire format: the form through which every dialect reaches every other. Values only.

What has no place here cannot be carried: tuning knobs stand in `knobs`, by the client's own names, and are dropped and
named by every other dialect; a contract or content without a place is refused by the dialect that reads the request.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec import Raw

from tollway.neutral.parts import CacheMark, Part, ToolCall, ToolResult


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    """OpenAI's `developer` as well. May stand anywhere; a dialect with one place for it gathers those at the start."""
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    """Holds ToolResults and nothing else."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    """Of a participant: a knob."""


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function that the model may ask for."""

    name: str
    description: str | None = None
    parameters: Raw | None = None
    """JSON schema of its arguments, as it came."""
    strict: bool | None = None
    custom: bool = False
    """Its input is text of any form; a dialect without such tools refuses it."""
    grammar: Raw | None = None
    """Of a custom tool: an object with `syntax` and `definition`, which its input must follow. A contract."""
    cache: CacheMark | None = None


class ToolUse(StrEnum):
    """Whether the model uses tools."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    """One or more of any."""
    NAMED = "named"


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Which tools the model is to use."""

    use: ToolUse
    name: str | None = None
    """With NAMED, and only then."""


class OutputKind(StrEnum):
    """What the text of the answer must be."""

    TEXT = "text"
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"


class OutputForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the text of the answer must be: a contract, never dropped."""

    kind: OutputKind
    schema: Raw | None = None
    """With JSON_SCHEMA, and only then: as it came."""
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class Effort(StrEnum):
    """How much a model is to think, in words; `reasoning.py` has what each means in tokens."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


class ReasoningWish(msgspec.Struct, frozen=True, kw_only=True):
    """How much a model is to think, in the client's own terms: one of the two, or neither."""

    effort: Effort | None = None
    budget_tokens: int | None = None
    """0 is "do not think"; -1 is "as much as it likes"."""
    shown: bool | None = None
    """The client wants to read the thoughts, or their summary; None is the dialect's default."""


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request. None is "not said", and leaves the provider's default."""

    model: str
    """As asked."""
    messages: tuple[Message, ...]
    streamed: bool = False
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: OutputForm | None = None
    reasoning: ReasoningWish | None = None
    output_tokens_max: int | None = None
    stop: tuple[str, ...] = ()
    choices: int = 1
    """How many answers: a contract."""
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    end_user: str | None = None
    """The client's word for its own user (`user`, `metadata.user_id`)."""
    verbosity: str | None = None
    service_tier: str | None = None
    cache_key: str | None = None
    """OpenAI's `prompt_cache_key`."""
    suffix: str | None = None
    """What stands after the gap that a completion fills: a contract."""
    completes: bool = False
    """The one user message is a prompt to be gone on with (legacy completions, `/api/generate` raw), not a question."""
    audio: Raw | None = None
    """OpenAI's `audio` object: the answer shall be spoken. A contract."""
    echoes: Mapping[str, Raw] = {}
    """What an answer in the client's own dialect repeats of the request, as it came. No other dialect looks at it."""
    knobs: Mapping[str, Raw] = {}
    """What else the client tuned: its own name for it to its value as it came."""


TUNING = (
    "parallel_tool_calls",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "end_user",
    "verbosity",
    "service_tier",
    "cache_key",
)
"""The fields that only tune: what a dialect has no word for is dropped and named. All others are content or contracts
(`stop`, `tool_choice`, `choices`, `output` and `output_tokens_max` among them), which a dialect carries or refuses."""

CACHE_MARKS = "cache_control"
"""How a warning calls dropped marks of a prompt cache, and the next ones what else has no field of its own."""
IMAGE_DETAIL = "detail"
SCHEMA_DESCRIPTION = "description"
"""Of the form that the answer must have."""
SEALED_REASONING = "sealed reasoning"
PARTICIPANT_NAME = "name"
REASONING = "reasoning"
TOOL_STRICT = "strict"


def tuned(request: ChatRequest) -> list[str]:
    """Return the names of the TUNING fields that the client gave, in order."""
    return [name for name in TUNING if getattr(request, name) is not None]


def names_of_calls(messages: tuple[Message, ...]) -> dict[str, str]:
    """Return the tool's name for each call in a conversation, by the call's id."""
    return {part.id: part.name for message in messages for part in message.parts if isinstance(part, ToolCall)}


def results_behind_calls(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return the messages with every result of a tool right behind the message that called it.

    Agents put the words of others between a call and its result, or calls of the same turn between them; most dialects
    refuse that. An id that comes again means the last call before the result; what answers no call stays where it is.
    """
    turns: list[tuple[Message, list[Part]]] = []
    places: dict[str, int] = {}
    for message in messages:
        if message.role is not Role.TOOL:
            places |= {part.id: len(turns) for part in message.parts if isinstance(part, ToolCall)}
            turns.append((message, []))
            continue
        lost: list[Part] = []
        for part in message.parts:
            place = places.get(part.call_id) if isinstance(part, ToolResult) else None
            (lost if place is None else turns[place][1]).append(part)
        if lost:
            turns.append((Message(role=Role.TOOL, parts=tuple(lost)), []))
    return tuple(
        each
        for message, results in turns
        for each in (message, *([Message(role=Role.TOOL, parts=tuple(results))] if results else []))
    )


def in_order_of_calls(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return the messages with the results of tools in the order of their calls, each with its tool's name if known.

    For a dialect whose calls have no ids: there the place of a result says to which call of one tool it belongs. An id
    that comes again in a later turn means the last call before the result.
    """
    calls = dict[str, tuple[int, str]]()
    called = 0
    ordered = list[Message]()
    results = list[ToolResult]()
    for message in results_behind_calls(messages):
        if message.role is Role.TOOL:
            results += [_named(part, calls) for part in message.parts if isinstance(part, ToolResult)]
            continue
        ordered += _sorted(results, calls)
        results.clear()
        for part in message.parts:
            if isinstance(part, ToolCall):
                calls[part.id] = (called, part.name)
                called += 1
        ordered.append(message)
    return (*ordered, *_sorted(results, calls))


def _named(result: ToolResult, calls: Mapping[str, tuple[int, str]]) -> ToolResult:
    call = calls.get(result.call_id)
    return result if call is None or result.name is not None else msgspec.structs.replace(result, name=call[1])


def _sorted(results: list[ToolResult], calls: Mapping[str, tuple[int, str]]) -> tuple[Message, ...]:
    """Return one message of the results, if there are any; what answers no call comes last."""
    parts = sorted(results, key=lambda result: calls.get(result.call_id, (len(calls), ""))[0])
    return (Message(role=Role.TOOL, parts=tuple(parts)),) if parts else ()
