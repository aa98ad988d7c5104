"""A request of any dialect as a Messages request. Knows no provider.

`edits.options` that are understood: `thinking`, see `thinking.py`.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from tollway.dialects.anthropic_messages.fields import decoded, refused
from tollway.dialects.anthropic_messages.render_content import Block, Blocks, with_mark
from tollway.dialects.anthropic_messages.thinking import thinking_fields
from tollway.dialects.anthropic_messages.words import TIER_WORDS, TOOL_USE_WORDS
from tollway.dialects.identifiers import shortened
from tollway.dialects.patching import finished
from tollway.dialects.record import RenderedRequest, RequestEdits
from tollway.errors import Refusal
from tollway.neutral.parts import Text
from tollway.neutral.request import (
    PARTICIPANT_NAME,
    SCHEMA_DESCRIPTION,
    ChatRequest,
    Message,
    OutputKind,
    Role,
    Tool,
    ToolUse,
    names_of_calls,
    results_behind_calls,
    tuned,
)

TEMPERATURE_MAX: Final = 1.0
"""Other dialects go to 2; a higher one is left out and named, which leaves this one's default, its highest."""

OPENING = "(The conversation begins with the assistant's words.)"
"""What the user is made to say where the client's conversation begins with the assistant, which the API refuses."""

_USER_CHARS_MAX = 256
_KNOWN = frozenset(("parallel_tool_calls", "temperature", "top_p", "top_k", "end_user", "service_tier"))
_SAMPLING = ("temperature", "top_p", "top_k")
_NO_ARGUMENTS: Block = {"type": "object", "properties": {}}
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ROLES = {Role.USER: "user", Role.TOOL: "user", Role.ASSISTANT: "assistant"}

_CONTRACTS: Mapping[str, Callable[[ChatRequest], bool]] = {
    "n": lambda request: request.choices > 1,
    "audio": lambda request: request.audio is not None,
    "suffix": lambda request: request.suffix is not None,
}
"""What this dialect cannot do at all, by its usual name."""


def render_request(request: ChatRequest, edits: RequestEdits) -> RenderedRequest:
    """Return the body for the provider; raises Refusal `invalid_request` for content or a contract without a place."""
    for name, asked in _CONTRACTS.items():
        if asked(request):
            raise _no_word(f"`{name}`", param=name)
    dropped = [name for name in tuned(request) if name not in _KNOWN]
    blocks = Blocks(issuer=edits.issuer, dropped=dropped)
    system, messages = _conversation(request.messages, blocks, dropped)
    limit = edits.output_tokens_default if request.output_tokens_max is None else request.output_tokens_max
    if edits.output_tokens_max is not None:
        limit = min(limit, edits.output_tokens_max)
    fields: dict[str, object] = {"model": edits.model_routed, "max_tokens": limit, "messages": messages}
    if system:
        fields["system"] = system
    fields |= _tool_fields(request)
    thinking = thinking_fields(request, messages, limit, edits, dropped)
    fields |= thinking
    fields |= _output(request, thinking.get("output_config", {}), dropped)
    fields |= _tuning(request, dropped, thinks=thinking.get("thinking", {}).get("type") in {"enabled", "adaptive"})
    if edits.streamed:
        fields["stream"] = True
    dropped += request.knobs
    return RenderedRequest(*finished(fields, edits, dropped))


def _no_word(what: str, *, param: str) -> Refusal:
    return refused(
        f"{what} cannot be carried to this model's provider: ask for a model whose provider has it, or leave it out",
        param=param,
    )


def _conversation(
    found: tuple[Message, ...], blocks: Blocks, dropped: list[str]
) -> tuple[str | list[Block], list[Block]]:
    """Return what the system says, gathered, and turns that alternate, in which the results of tools come first."""
    system = [message for message in found if message.role is Role.SYSTEM]
    others = [message for message in results_behind_calls(found) if message.role is not Role.SYSTEM]
    if not others:  # the API wants somebody to say something
        others, system = [Message(role=Role.USER, parts=message.parts) for message in system], []
    if any(message.name is not None for message in found):
        dropped.append(PARTICIPANT_NAME)
    turns: list[tuple[str, list[Block]]] = []
    for message in others:
        role, content = _ROLES[message.role], blocks.rendered(message.parts)
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(content)
        elif content:
            turns.append((role, content))
    if not turns:
        raise refused("`messages` must hold a message that says something", param="messages")
    if turns[0][0] != _ROLES[Role.USER]:
        turns.insert(0, (_ROLES[Role.USER], [{"type": "text", "text": OPENING}]))
    _end_begun_answer(*turns[-1])
    return _system(system, blocks), [{"role": role, "content": _content(content)} for role, content in turns]


def _end_begun_answer(role: str, content: list[Block]) -> None:
    """Take the white space off the end of an answer that the client begins itself: the API refuses it there."""
    if role == _ROLES[Role.ASSISTANT] and content[-1]["type"] == "text":
        content[-1] = {**content[-1], "text": str(content[-1]["text"]).rstrip()}


def _content(blocks: list[Block]) -> str | list[Block]:
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        return str(blocks[0]["text"])
    return sorted(blocks, key=lambda block: block["type"] != "tool_result")


def _system(found: list[Message], blocks: Blocks) -> str | list[Block]:
    parts = [part for message in found for part in message.parts]
    if not all(isinstance(part, Text) for part in parts):
        raise refused("a message of the system can hold text alone for this model's provider", param="messages")
    rendered = blocks.rendered(parts)
    if any("cache_control" in block for block in rendered):
        return rendered
    return "\n\n".join(str(block["text"]) for block in rendered)


def _tool_fields(request: ChatRequest) -> dict[str, object]:
    """Return the tools, and how they may be used.

    The API refuses calls in a conversation that defines no tools. Where the client gave none any more, those that were
    called are defined again by their names alone, and not to be called.
    """
    choice = request.tool_choice
    use = ToolUse.AUTO if choice is None else choice.use
    if not request.tools:
        if use in {ToolUse.REQUIRED, ToolUse.NAMED}:
            raise refused("`tool_choice` asks for a tool, and `tools` has none", param="tool_choice")
        called = dict.fromkeys(names_of_calls(request.messages).values())
        if not called:
            return {}
        tools: list[Block] = [{"name": name, "input_schema": _NO_ARGUMENTS} for name in called]
        return {"tools": tools, "tool_choice": {"type": TOOL_USE_WORDS[ToolUse.NONE]}}
    fields: dict[str, object] = {"tools": [_tool(tool) for tool in request.tools]}
    single = request.parallel_tool_calls is False and use is not ToolUse.NONE
    if choice is not None or single:
        said: Block = {"type": TOOL_USE_WORDS[use]}
        if choice is not None and choice.name is not None:
            said["name"] = choice.name
        if single:
            said["disable_parallel_tool_use"] = True
        fields["tool_choice"] = said
    return fields


def _tool(tool: Tool) -> Block:
    if tool.custom:
        raise _no_word(f"`{tool.name}`, a tool whose input is plain text,", param="tools")
    said: Block = {"name": tool.name}
    if tool.description is not None:
        said["description"] = tool.description
    said["input_schema"] = _schema(tool)
    if tool.strict:
        said["strict"] = True
    return with_mark(said, tool.cache)


def _schema(tool: Tool) -> object:
    """Return the schema of a tool's arguments: the very one where it says that they are an object, as the API demands."""
    if tool.parameters is None:
        return _NO_ARGUMENTS
    known = decoded(tool.parameters, _MEMBERS, "tools")
    return tool.parameters if "type" in known else {"type": "object", **known}


def _output(request: ChatRequest, config: Block, dropped: list[str]) -> dict[str, object]:
    """Return what the text of the answer must be, beside the effort that may stand in the same object."""
    form = request.output
    if form is None or form.kind is OutputKind.TEXT:
        return {}
    if form.kind is OutputKind.JSON_OBJECT:
        raise refused(
            "this model's provider knows no JSON output without a schema: give a JSON schema, ask for a model whose "
            "provider has JSON objects, or leave `response_format` out",
            param="response_format",
        )
    if form.description is not None:
        dropped.append(SCHEMA_DESCRIPTION)
    return {"output_config": {**config, "format": {"type": "json_schema", "schema": form.schema}}}


def _tuning(request: ChatRequest, dropped: list[str], *, thinks: bool) -> dict[str, object]:
    """Return the knobs that the dialect has; who thinks may not be tuned otherwise."""
    fields: dict[str, object] = {}
    sampling = {name: value for name in _SAMPLING if (value := getattr(request, name)) is not None}
    for name, value in sampling.items():
        hot = name == "temperature" and value > TEMPERATURE_MAX
        # Newer models refuse a temperature together with a share.
        second = name == "top_p" and "temperature" in fields
        if thinks or hot or second:
            dropped.append(name)
        else:
            fields[name] = value
    if request.stop:
        fields["stop_sequences"] = request.stop
    if request.end_user is not None:
        fields["metadata"] = {"user_id": shortened(request.end_user, _USER_CHARS_MAX)}
    tier = request.service_tier
    if tier is not None and tier in TIER_WORDS:
        fields["service_tier"] = TIER_WORDS[tier]
    elif tier is not None:
        dropped.append("service_tier")
    return fields
