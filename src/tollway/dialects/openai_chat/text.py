"""How much text a model wrote: UTF-8 bytes of a message or of the delta of a chunk. Keeps no text; knows no framing."""

from typing import cast

import msgspec
from msgspec import Raw, Struct


class _Function(Struct, gc=False):
    name: str | None = None
    arguments: str | None = None
    input: str | None = None
    """What a custom tool gets instead of arguments."""


class _ToolCall(Struct, gc=False):
    function: _Function | None = None
    custom: _Function | None = None


class _Audio(Struct, gc=False):
    transcript: str | None = None
    """The sound itself is not counted: its bytes say nothing of its tokens."""


class Written(Struct, gc=False):
    """What a model writes in a message or a delta; all else is skipped."""

    content: str | list[Raw] | None = None
    """Mistral sends a list of parts."""
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None
    audio: _Audio | None = None


_ANY = msgspec.json.Decoder()
_TEXT_KEYS = ("content", "text", "thinking", "refusal", "name", "arguments", "input", "transcript")
_NESTED_KEYS = ("tool_calls", "function", "custom", "function_call", "audio")


def written_bytes(written: Written) -> int:
    """Return the UTF-8 bytes of content, reasoning, refusal, spoken words, and names and arguments of tool calls."""
    content = written.content
    count = 0
    if content:
        count = _utf8(content) if isinstance(content, str) else sum(loose_bytes(_ANY.decode(part)) for part in content)
    reasoning, reasoning_content = written.reasoning, written.reasoning_content
    if reasoning or reasoning_content:
        # Servers in transition from one name to the other send the same text under both.
        count += max(_utf8(reasoning or ""), _utf8(reasoning_content or ""))
    if written.refusal:
        count += _utf8(written.refusal)
    if written.tool_calls:
        for call in written.tool_calls:
            count += _called_bytes(call.function) + _called_bytes(call.custom)
    if written.audio is not None and written.audio.transcript:
        count += _utf8(written.audio.transcript)
    return count + _called_bytes(written.function_call)


def _called_bytes(function: _Function | None) -> int:
    if function is None:
        return 0
    return _utf8(function.name or "") + _utf8(function.arguments or "") + _utf8(function.input or "")


def loose_bytes(value: object) -> int:
    """Return the same for a decoded message, delta or content part of unexpected types; what it cannot read counts 0."""
    if isinstance(value, str):
        return _utf8(value)
    if isinstance(value, list):
        return sum(loose_bytes(item) for item in cast(list[object], value))
    if not isinstance(value, dict):
        return 0
    fields = cast(dict[str, object], value)
    reasoning = max(loose_bytes(fields.get("reasoning")), loose_bytes(fields.get("reasoning_content")))
    return reasoning + sum(loose_bytes(fields.get(key)) for key in (*_TEXT_KEYS, *_NESTED_KEYS))


def _utf8(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def loose_message_bytes(choice: Raw) -> int:
    """Return the text bytes of a whole answer's choice whose types are not the expected ones."""
    value = _ANY.decode(choice)
    return loose_bytes(cast(dict[str, object], value).get("message")) if isinstance(value, dict) else 0
