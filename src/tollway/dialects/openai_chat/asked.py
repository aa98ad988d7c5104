"""The shapes in which clients ask: messages, parts, tools, and wishes, as typed values. Knows no neutral form."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tollway.dialects.openai_chat.spoken import Annotation, Detail, Function


class Cache(Struct, gc=False):
    """Anthropic's mark, which others took over."""

    type: str = "ephemeral"
    ttl: str | None = None


class Address(Struct, gc=False):
    """Where something is, and how closely to look at it."""

    url: str
    detail: str | None = None


class InputSound(Struct, gc=False):
    """A sound in base64."""

    data: str
    format: str = "wav"


class File(Struct, gc=False):
    """A file: one of the first two."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class Part(Struct, gc=False):
    """A part of the content; its type says which of the other fields it has."""

    type: str = "text"
    text: str | None = None
    refusal: str | None = None
    image_url: Address | str | None = None
    video_url: Address | str | None = None
    document_url: str | None = None
    """Mistral's; the next is Perplexity's."""
    file_url: Address | str | None = None
    document_name: str | None = None
    input_audio: InputSound | None = None
    file: File | None = None
    thinking: "str | list[Part] | None" = None
    cache_control: Cache | None = None


class Call(Struct, gc=False):
    """A call in the history."""

    id: str
    type: str = "function"
    function: Function | None = None
    custom: Function | None = None


class Message(Struct, gc=False):
    """One message of any role."""

    role: str
    content: str | list[Part] | None = None
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: list[Call] | None = None
    function_call: Function | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Detail] | None = None
    refusal: str | None = None
    audio: Mapping[str, Any] | None = None
    annotations: list[Annotation] | None = None
    cache_control: Cache | None = None


class InputForm(Struct, gc=False):
    """What the input of a custom tool must be."""

    type: str
    grammar: Raw | UnsetType = UNSET


class ToolFunction(Struct, gc=False):
    """What a tool is."""

    name: str
    description: str | None = None
    parameters: Raw | UnsetType = UNSET
    strict: bool | None = None
    format: InputForm | None = None
    """Of a custom tool."""


class Tool(Struct, gc=False):
    """One tool of any type."""

    type: str = "function"
    function: ToolFunction | None = None
    custom: ToolFunction | None = None
    cache_control: Cache | None = None


class Named(Struct, gc=False):
    """A tool by its name."""

    name: str


class ChosenTool(Struct, gc=False):
    """A tool by its type and name."""

    type: str = "function"
    function: Named | None = None
    custom: Named | None = None


class Allowed(Struct, gc=False):
    """Some of the tools."""

    mode: str
    tools: list[ChosenTool]


class Choice(ChosenTool):
    """`tool_choice` where it is an object."""

    allowed_tools: Allowed | None = None


class Schema(Struct, gc=False):
    """`json_schema` of a response format."""

    name: str | None = None
    schema: Raw | UnsetType = UNSET
    strict: bool | None = None
    description: str | None = None


class Format(Struct, gc=False):
    """`response_format`."""

    type: str
    json_schema: Schema | None = None


class Thinking(Struct, gc=False):
    """`thinking`, as Anthropic's and other models have it."""

    type: str = "enabled"
    budget_tokens: int | None = None


class Reasoning(Struct, gc=False):
    """`reasoning`, OpenRouter's form."""

    effort: str | None = None
    max_tokens: int | None = None
    enabled: bool | None = None
    exclude: bool | None = None


ENCODE = msgspec.json.Encoder().encode

MESSAGES = msgspec.json.Decoder(list[Message])
"""Their very names, to find what none of the shapes has."""
MESSAGE_NAMES = msgspec.json.Decoder(list[dict[str, Raw]])
KNOWN_NAMES = frozenset(Message.__struct_fields__)


def present(value: Raw | UnsetType) -> Raw | None:
    """Return a value as it came; None where there is none, or null."""
    return None if value is UNSET or bytes(value) == b"null" else value
