"""The messages of a client's Ollama request, read into the neutral form. Keeps no state.

Ollama's calls have no ids, except in newer versions: calls get theirs here, and a result belongs to the call that its
id or the name of its tool says, else to the oldest one without a result.
"""

from collections.abc import Iterable

from msgspec import Struct

from tollway.dialects.body import refused
from tollway.dialects.ollama.wire import Call, arguments_text, call_id
from tollway.dialects.ollama.words import ROLES, media_type
from tollway.neutral.parts import Image, Inline, Part, Reasoning, Text, ToolCall, ToolResult
from tollway.neutral.request import Message, Role


class Turn(Struct, gc=False):
    """A message as the client sends it."""

    role: str
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[Call] | None = None
    tool_name: str | None = None
    name: str | None = None
    """What older clients call `tool_name`."""
    tool_call_id: str | None = None


def messages_of(turns: Iterable[Turn]) -> tuple[Message, ...]:
    """Return the conversation; raises Refusal for an unknown role, a picture of unknown kind, and a result without a call."""
    messages: list[Message] = []
    waiting: list[ToolCall] = []
    called = 0
    for turn in turns:
        role = ROLES.get(turn.role)
        if role is None:
            known = ", ".join(f"`{word}`" for word in ROLES)
            raise refused(f"`role` of a message must be one of {known}", param="messages")
        parts = list[Part](pictures(turn.images or (), "messages"))
        if turn.content:
            parts.append(Text(text=turn.content))
        if role is Role.TOOL:
            call = _answered(turn, waiting)
            result = ToolResult(call_id=call.id, name=call.name, parts=tuple(parts))
            messages.append(Message(role=role, parts=(result,)))
            continue
        if turn.thinking:
            parts.insert(0, Reasoning(text=turn.thinking))
        calls = [_call(place, call) for place, call in enumerate(turn.tool_calls or (), start=called)]
        called += len(calls)
        waiting += calls
        messages.append(Message(role=role, parts=(*parts, *calls)))
    return tuple(messages)


def pictures(images: Iterable[str], param: str) -> Iterable[Image]:
    """Yield the pictures; raises Refusal for one whose first bytes do not say what it is."""
    for data in images:
        kind = media_type(data)
        if kind is None:
            raise refused(
                "`images` must be pictures in base64 (PNG, JPEG, GIF, WebP, BMP, TIFF, AVIF or HEIC), without a prefix",
                param=param,
            )
        yield Image(source=Inline(media_type=kind, data=data))


def _call(place: int, call: Call) -> ToolCall:
    function = call.function
    return ToolCall(id=call_id(place, call, ""), name=function.name, arguments=arguments_text(function.arguments))


def _answered(turn: Turn, waiting: list[ToolCall]) -> ToolCall:
    """Return the call that a result answers, and wait for it no longer."""
    name = turn.tool_name or turn.name
    found = next((call for call in waiting if call.id == turn.tool_call_id), None)
    found = found or next((call for call in waiting if call.name == name), None)
    found = found or next(iter(waiting), None)
    if found is None:
        raise refused("a message of the role `tool` answers no `tool_calls` of a message before it", param="messages")
    waiting.remove(found)
    return found
