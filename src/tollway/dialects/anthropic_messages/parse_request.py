"""A client's Messages request, read into the neutral form. Knows no provider.

Top-level members that the form has no place for are knobs, which another dialect drops and names; those that promise
something are refused.
"""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tollway.dialects.anthropic_messages.fields import decoded, elsewhere, given, refused
from tollway.dialects.anthropic_messages.parse_content import Cache, mark_of, parts_of
from tollway.dialects.anthropic_messages.words import EFFORTS, SHOWN, TIERS, TOOL_USES
from tollway.neutral.parts import Part, Reasoning, Text, ToolCall, ToolResult
from tollway.neutral.peek import Peek
from tollway.neutral.reasoning import UNBOUNDED
from tollway.neutral.request import (
    ChatRequest,
    Message,
    OutputForm,
    OutputKind,
    ReasoningWish,
    Role,
    Tool,
    ToolChoice,
    ToolUse,
)

CONTRACTS = ("container", "mcp_servers", "inference_geo")
"""Top-level members that promise something which no other dialect can keep."""

_OWN_TOOL, _JSON_SCHEMA = "custom", "json_schema"


class _Message(Struct):
    role: str
    content: Raw


class _Tool(Struct):
    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: Raw | UnsetType = UNSET
    strict: bool | None = None
    cache_control: Cache | None = None


class _ToolChoice(Struct):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Thinking(Struct):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


class _Format(Struct):
    type: str
    schema: Raw


class _OutputConfig(Struct):
    effort: str | None = None
    format: _Format | None = None


class _Metadata(Struct):
    user_id: str | None = None


_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_MESSAGES = msgspec.json.Decoder(list[Raw])
_MESSAGE = msgspec.json.Decoder(_Message)
_TOOL = msgspec.json.Decoder(_Tool)
_TOOL_CHOICE = msgspec.json.Decoder(_ToolChoice)
_THINKING = msgspec.json.Decoder(_Thinking)
_OUTPUT_CONFIG = msgspec.json.Decoder(_OutputConfig)
_FORMAT = msgspec.json.Decoder(_Format)
_METADATA = msgspec.json.Decoder(_Metadata)
_CACHE = msgspec.json.Decoder(Cache)
_TEXTS = msgspec.json.Decoder(list[str])
_NUMBER = msgspec.json.Decoder(float)
_WHOLE = msgspec.json.Decoder(int)
_WORD = msgspec.json.Decoder(str)
_ANY = msgspec.json.Decoder(Raw)

_READ = frozenset(
    (
        "model",
        "max_tokens",
        "messages",
        "stream",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
        "stop_sequences",
        "temperature",
        "top_p",
        "top_k",
        "metadata",
        "service_tier",
        "cache_control",
    )
)

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}


def parse_request(body: bytes, peek: Peek) -> ChatRequest:
    """Return the request; raises Refusal `invalid_request` for what it cannot understand or has no place for."""
    fields = _FIELDS.decode(body)
    for name in CONTRACTS:
        if given(fields, name, _ANY) is not None:
            raise elsewhere(f"`{name}`", param=name)
    config = given(fields, "output_config", _OUTPUT_CONFIG) or _OutputConfig()
    choice = given(fields, "tool_choice", _TOOL_CHOICE)
    metadata = given(fields, "metadata", _METADATA)
    tier = given(fields, "service_tier", _WORD)
    tools, tool_knobs = _tools(fields)
    reasoning, thinking_knob = _reasoning(fields, config)
    single = None if choice is None else choice.disable_parallel_tool_use
    return ChatRequest(
        model=peek.model_asked,
        messages=_cached(_system(fields) + _messages(fields), given(fields, "cache_control", _CACHE)),
        streamed=peek.streamed,
        tools=tools,
        tool_choice=None if choice is None else _tool_choice(choice),
        parallel_tool_calls=None if single is None else not single,
        output=_output(config.format or given(fields, "output_format", _FORMAT)),
        reasoning=reasoning,
        output_tokens_max=peek.output_tokens_max,
        stop=tuple(given(fields, "stop_sequences", _TEXTS) or ()),
        temperature=given(fields, "temperature", _NUMBER),
        top_p=given(fields, "top_p", _NUMBER),
        top_k=given(fields, "top_k", _WHOLE),
        end_user=None if metadata is None else metadata.user_id,
        service_tier=None if tier is None else TIERS.get(tier, tier),
        knobs={
            **{name: value for name, value in fields.items() if name not in _READ and bytes(value) != b"null"},
            **tool_knobs,
            **thinking_knob,
        },
    )


def _system(fields: Mapping[str, Raw]) -> tuple[Message, ...]:
    system = given(fields, "system", _ANY)
    if system is None:
        return ()
    parts = parts_of(system, "system")
    if not all(isinstance(part, Text) for part in parts):
        raise refused("`system` must be a string or an array of text blocks", param="system")
    return (Message(role=Role.SYSTEM, parts=parts),)


def _messages(fields: Mapping[str, Raw]) -> tuple[Message, ...]:
    messages: list[Message] = []
    for at, found in enumerate(_MESSAGES.decode(fields["messages"])):
        said = decoded(found, _MESSAGE, f"messages[{at}]")
        role = _ROLES.get(said.role)
        if role is None:
            raise refused(f"`messages[{at}].role` must be `user` or `assistant`", param="messages")
        parts = parts_of(said.content, f"messages[{at}].content")
        _check_speaker(role, parts, at)
        results = tuple(part for part in parts if isinstance(part, ToolResult))
        if results:
            messages.append(Message(role=Role.TOOL, parts=results))
            parts = tuple(part for part in parts if not isinstance(part, ToolResult))
        if parts or not results:
            messages.append(Message(role=role, parts=parts))
    return tuple(messages)


def _check_speaker(role: Role, parts: tuple[Part, ...], at: int) -> None:
    """Refuse what only somebody else can say: another dialect would have no place for it, or the wrong one."""
    foreign = (ToolResult,) if role is Role.ASSISTANT else (ToolCall, Reasoning)
    if role is Role.SYSTEM:
        foreign = (ToolResult, ToolCall, Reasoning)
    if any(isinstance(part, foreign) for part in parts):
        names = "`tool_result`" if role is Role.ASSISTANT else "`tool_use`, `thinking` and what follows from them"
        raise refused(f"`messages[{at}]`: {names} cannot stand in a message of role `{role.value}`", param="messages")


def _cached(messages: tuple[Message, ...], cache: Cache | None) -> tuple[Message, ...]:
    """Return the messages with a mark on the last part, which is what the mark of the request itself means."""
    if cache is None or not messages or not messages[-1].parts:
        return messages
    *parts, last = messages[-1].parts
    if "cache" not in last.__struct_fields__:
        return messages
    marked = (*parts, msgspec.structs.replace(last, cache=mark_of(cache)))
    return (*messages[:-1], msgspec.structs.replace(messages[-1], parts=marked))


def _tools(fields: Mapping[str, Raw]) -> tuple[tuple[Tool, ...], dict[str, Raw]]:
    """Return the tools, and what tunes them that has no place in the neutral form."""
    tools: list[Tool] = []
    knobs: dict[str, Raw] = {}
    for at, found in enumerate(given(fields, "tools", _MESSAGES) or ()):
        place = f"tools[{at}]"
        said = decoded(found, _TOOL, place)
        if said.type not in {None, _OWN_TOOL}:
            raise elsewhere(f"the provider's own tool `{said.type}` (`{place}`)", param="tools")
        if not said.name:
            raise refused(f"`{place}.name` must name the tool", param="tools")
        tools.append(
            Tool(
                name=said.name,
                description=said.description,
                parameters=None if said.input_schema is UNSET else said.input_schema,
                strict=said.strict,
                cache=mark_of(said.cache_control),
            )
        )
        known = _Tool.__struct_fields__
        knobs |= {name: value for name, value in _FIELDS.decode(found).items() if name not in known}
    return tuple(tools), knobs


def _tool_choice(choice: _ToolChoice) -> ToolChoice:
    use = TOOL_USES.get(choice.type)
    if use is None:
        raise refused("`tool_choice.type` must be `auto`, `any`, `tool` or `none`", param="tool_choice")
    if use is ToolUse.NAMED and not choice.name:
        raise refused("`tool_choice.name` must name the tool", param="tool_choice")
    return ToolChoice(use=use, name=choice.name if use is ToolUse.NAMED else None)


def _output(form: _Format | None) -> OutputForm | None:
    if form is None:
        return None
    if form.type != _JSON_SCHEMA:
        raise refused("`output_config.format.type` must be `json_schema`", param="output_config")
    return OutputForm(kind=OutputKind.JSON_SCHEMA, schema=form.schema)


def _reasoning(fields: Mapping[str, Raw], config: _OutputConfig) -> tuple[ReasoningWish | None, dict[str, Raw]]:
    """Return how much to think, and the field itself where it is of a type that the neutral form has no word for."""
    effort = None if config.effort is None else EFFORTS.get(config.effort)
    if config.effort is not None and effort is None:
        raise refused(f"`output_config.effort` must be one of {', '.join(EFFORTS)}", param="output_config")
    said = given(fields, "thinking", _THINKING)
    wish = None if effort is None else ReasoningWish(effort=effort)
    if said is None:
        return wish, {}
    shown = None if said.display is None else SHOWN.get(said.display)
    match said.type:
        case "disabled":
            return ReasoningWish(budget_tokens=0), {}
        case "enabled" if said.budget_tokens is not None and said.budget_tokens > 0:
            return ReasoningWish(budget_tokens=said.budget_tokens, shown=shown), {}
        case "enabled":
            raise refused("`thinking.budget_tokens` must be a whole number of tokens", param="thinking")
        case "adaptive" if effort is None:
            return ReasoningWish(budget_tokens=UNBOUNDED, shown=shown), {}
        case "adaptive":
            return ReasoningWish(effort=effort, shown=shown), {}
        case _:
            return wish, {"thinking": fields["thinking"]}
