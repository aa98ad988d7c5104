"""The messages of a request, written for an Ollama server. Keeps no state.

A message has its pictures before its one text; where a client mixes them otherwise, it becomes several messages of the
same role, as the server itself does with OpenAI's form.
"""

from collections.abc import Iterable

from tollway.dialects.body import refused
from tollway.dialects.ollama.wire import arguments_object
from tollway.neutral.parts import (
    Declined,
    Image,
    Inline,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from tollway.neutral.request import (
    CACHE_MARKS,
    IMAGE_DETAIL,
    PARTICIPANT_NAME,
    SEALED_REASONING,
    Message,
    Role,
    Tool,
    in_order_of_calls,
    names_of_calls,
)

TOOL_FAILED = "is_error"
"""How a warning calls the mark of a tool result that is an error."""


class System:
    """What the system messages say, gathered for a dialect's one place."""

    def __init__(self, messages: Iterable[Message]) -> None:
        """Take the system messages."""
        self._messages = messages

    def text(self, dropped: list[str]) -> str:
        """Return them joined by blank lines."""
        texts: list[str] = []
        for message in self._messages:
            text, images = carried_text(message.parts, dropped)
            if images:
                raise refused("a system message must be text for this model's provider", param="messages")
            texts.append(text)
        return "\n\n".join(text for text in texts if text)


def turns_of(messages: tuple[Message, ...], dropped: list[str]) -> list[dict[str, object]]:
    """Return the messages; raises Refusal for what an Ollama server takes in no form, and names in `dropped` what it lacks."""
    names = names_of_calls(messages)
    turns: list[dict[str, object]] = []
    for message in in_order_of_calls(messages):  # older servers do not look at the ids
        if message.name is not None:
            dropped.append(PARTICIPANT_NAME)
        if message.role is Role.TOOL:
            turns += [_result(part, names, dropped) for part in message.parts if isinstance(part, ToolResult)]
        elif message.role is Role.ASSISTANT:
            turns.append(_assistant(message.parts, dropped))
        else:
            turns += _turns(message, dropped)
    return turns


def carried_text(parts: Iterable[Part], dropped: list[str]) -> tuple[str, list[str]]:
    """Return the texts of a turn as one, and its pictures; raises Refusal for every other part."""
    texts: list[str] = []
    images: list[str] = []
    for part in parts:
        if isinstance(part, Image):
            images.append(_picture(part, dropped))
        else:
            texts.append(_text(part, dropped))
    return "\n\n".join(texts), images


def check_tools(tools: Iterable[Tool]) -> None:
    """Raise Refusal for a tool that takes no JSON."""
    for tool in tools:
        if tool.custom:
            raise refused(
                f"the tool {tool.name!r} takes text of any form, which this model's provider does not know: make it a "
                "function, or ask for another model",
                param="tools",
            )


def _turns(message: Message, dropped: list[str]) -> Iterable[dict[str, object]]:
    role = message.role.value
    images: list[str] = []
    for part in message.parts:
        if isinstance(part, Image):
            images.append(_picture(part, dropped))
            continue
        turn: dict[str, object] = {"role": role, "content": _text(part, dropped)}
        if images:
            turn["images"], images = images, []
        yield turn
    if images:
        yield {"role": role, "content": "", "images": images}
    if not message.parts:
        yield {"role": role, "content": ""}  # without any message the server would load the model and say nothing


def _assistant(parts: Iterable[Part], dropped: list[str]) -> dict[str, object]:
    content: list[str] = []
    thinking: list[str] = []
    images: list[str] = []
    calls: list[dict[str, object]] = []
    for part in parts:
        match part:
            case Reasoning():
                thinking.append(part.text)
                if part.sealed is not None:
                    dropped.append(SEALED_REASONING)  # no Ollama server issues any
            case ToolCall():
                calls.append(_call(len(calls), part, dropped))
            case Image():
                images.append(_picture(part, dropped))
            case _:
                content.append(_text(part, dropped))
    turn: dict[str, object] = {"role": "assistant", "content": "".join(content)}
    if any(thinking):
        turn["thinking"] = "".join(thinking)
    if images:
        turn["images"] = images
    if calls:
        turn["tool_calls"] = calls
    return turn


def _call(place: int, part: ToolCall, dropped: list[str]) -> dict[str, object]:
    if part.cache is not None:
        dropped.append(CACHE_MARKS)
    function = {"index": place, "name": part.name, "arguments": arguments_object(part.arguments)}
    return {"id": part.id, "type": "function", "function": function}


def _result(part: ToolResult, names: dict[str, str], dropped: list[str]) -> dict[str, object]:
    if part.cache is not None:
        dropped.append(CACHE_MARKS)
    if part.failed:
        dropped.append(TOOL_FAILED)
    content, images = carried_text(part.parts, dropped)
    turn: dict[str, object] = {"role": "tool", "content": content, "tool_call_id": part.call_id}
    name = part.name or names.get(part.call_id)
    if name is not None:
        turn["tool_name"] = name
    if images:
        turn["images"] = images
    return turn


def _picture(part: Image, dropped: list[str]) -> str:
    if not isinstance(part.source, Inline):
        raise refused(
            "pictures reach this model's provider only as base64 in the request itself, not by address or file id",
            param="messages",
        )
    if part.detail is not None:
        dropped.append(IMAGE_DETAIL)
    if part.cache is not None:
        dropped.append(CACHE_MARKS)
    return part.source.data


def _text(part: Part, dropped: list[str]) -> str:
    if isinstance(part, Text):
        if part.cache is not None:
            dropped.append(CACHE_MARKS)
        return part.text
    if isinstance(part, Declined):
        return part.text
    kind = type(part).__name__.lower()
    raise refused(
        f"content of the kind {kind!r} cannot be carried to this model's provider: ask for a model that reads it, or "
        "leave it out",
        param="messages",
    )
