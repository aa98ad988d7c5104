"""A client's chat request, read completely into the neutral form. Knows no provider.

What it does not understand passes as a knob when it only tunes, and is refused by name when it is content or a
contract: nothing is lost in silence.
"""

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec import Raw

from tollway.dialects.body import refused
from tollway.dialects.openai_chat import asked
from tollway.dialects.openai_chat.parse_messages import cache_mark, parse_messages
from tollway.dialects.openai_chat.wishes import wish_of
from tollway.errors import Refusal
from tollway.neutral.peek import Peek
from tollway.neutral.request import (
    ChatRequest,
    Effort,
    OutputForm,
    OutputKind,
    ReasoningWish,
    Tool,
    ToolChoice,
    ToolUse,
)

Shape = TypeVar("Shape")

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_NULL = b"null"

_CONTRACTS = {
    "web_search_options": "searching the web",
    "guided_json": "this form of the answer",
    "guided_regex": "this form of the answer",
    "guided_choice": "this form of the answer",
    "guided_grammar": "this form of the answer",
    "structured_outputs": "this form of the answer",
    "grammar": "this form of the answer",
    "plugins": "plugins",
    "suffix": "filling a gap in a chat",
}
"""What changes the answer's meaning and has no place in the neutral form."""

_USES = {"auto": ToolUse.AUTO, "none": ToolUse.NONE, "required": ToolUse.REQUIRED, "any": ToolUse.REQUIRED}
_KINDS = {kind.value: kind for kind in OutputKind}
_EFFORTS = frozenset(word.value for word in Effort)

_RAW = msgspec.json.Decoder(Raw)
_BOOL = msgspec.json.Decoder(bool)
_INT = msgspec.json.Decoder(int)
_STR = msgspec.json.Decoder(str)
_STRS = msgspec.json.Decoder(list[str])
_STOP = msgspec.json.Decoder(str | list[str])
_TOOLS = msgspec.json.Decoder(list[asked.Tool])
_FUNCTIONS = msgspec.json.Decoder(list[asked.ToolFunction])
_CHOICE = msgspec.json.Decoder(str | asked.Choice)
_LEGACY_CHOICE = msgspec.json.Decoder(str | asked.Named)
_FORMAT = msgspec.json.Decoder(asked.Format)
_REASONING = msgspec.json.Decoder(asked.Reasoning)
_THINKING = msgspec.json.Decoder(asked.Thinking)

_NUMBER = (msgspec.json.Decoder(float), "a number")
_WHOLE = (_INT, "a whole number")
_SWITCH = (_BOOL, "true or false")
_WORD = (_STR, "a string")
_TUNING: Mapping[str, tuple[str, tuple[msgspec.json.Decoder[Any], str]]] = {
    "temperature": ("temperature", _NUMBER),
    "top_p": ("top_p", _NUMBER),
    "top_k": ("top_k", _WHOLE),
    "min_p": ("min_p", _NUMBER),
    "seed": ("seed", _WHOLE),
    "frequency_penalty": ("frequency_penalty", _NUMBER),
    "presence_penalty": ("presence_penalty", _NUMBER),
    "logit_bias": ("logit_bias", (msgspec.json.Decoder(dict[str, float]), "an object of numbers")),
    "logprobs": ("logprobs", _SWITCH),
    "top_logprobs": ("top_logprobs", _WHOLE),
    "parallel_tool_calls": ("parallel_tool_calls", _SWITCH),
    "verbosity": ("verbosity", _WORD),
    "service_tier": ("service_tier", _WORD),
    "prompt_cache_key": ("cache_key", _WORD),
}
"""The dialect's name to the neutral form's, and the type."""


class _Body:
    """The members of a body, taken one by one; what is left when all are taken is knobs."""

    def __init__(self, body: bytes) -> None:
        self._left = {name: raw for name, raw in _MEMBERS.decode(body).items() if bytes(raw) != _NULL}

    def take(self, name: str, decoder: msgspec.json.Decoder[Shape], must_be: str) -> Shape | None:
        """Return a member; None where there is none. Raises Refusal where it is of another type."""
        raw = self._left.pop(name, None)
        if raw is None:
            return None
        try:
            return decoder.decode(raw)
        except msgspec.ValidationError as error:
            where = _place_of(str(error), name)
            raise refused(f"`{where}` must be {must_be}: {_reason(str(error))}", param=where) from None

    def given(self, name: str) -> bool:
        return name in self._left

    def rest(self) -> Mapping[str, Raw]:
        return self._left


def _place_of(error: str, name: str) -> str:
    """Return the path of the member at fault: msgspec says `$[2].content` of what stands below `name`."""
    _, found, path = error.rpartition("`$")
    return f"{name}{path.rstrip('`')}" if found else name


def _reason(error: str) -> str:
    return error.partition(" - at ")[0].replace("`", "")


def parse_request(body: bytes, peek: Peek) -> ChatRequest:
    """Return what a request asks; raises Refusal `invalid_request` for what it cannot understand or carry.

    The body has been peeked at: it is a JSON object in which no name stands twice.
    """
    try:
        return _parse(body, peek)
    except (RecursionError, UnicodeDecodeError):
        raise refused("the body is nested too deeply, or is not valid UTF-8") from None


def _parse(body: bytes, peek: Peek) -> ChatRequest:
    members = _Body(body)
    for name, what in _CONTRACTS.items():
        if members.given(name):
            raise refused(
                f"`{name}` asks for {what}, which this model's provider cannot be asked for: leave it out, or ask for "
                "a model whose provider speaks this dialect",
                param=name,
            )
    for name in ("model", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens"):
        members.take(name, _RAW, "")  # the peek has read them
    strange = _strange_names(members)
    messages = members.take("messages", asked.MESSAGES, "an array of messages")
    parsed = parse_messages(messages or [])
    tools = _tools(members)
    choice, tools = _tool_choice(members, tools)
    tuning: dict[str, Any] = {
        neutral: members.take(name, decoder, must_be) for name, (neutral, (decoder, must_be)) in _TUNING.items()
    }
    end_user, safety = members.take("user", _STR, "a string"), members.take("safety_identifier", _STR, "a string")
    output, wish, audio, stop = _output(members), _wish(members), _audio(members), _stop(members)
    return ChatRequest(
        model=peek.model_asked,
        messages=parsed,
        streamed=peek.streamed,
        tools=tools,
        tool_choice=choice,
        output=output,
        reasoning=wish,
        output_tokens_max=peek.output_tokens_max,
        stop=stop,
        choices=peek.choices,
        end_user=safety or end_user,
        audio=audio,
        knobs={**strange, **members.rest()},
        **tuning,
    )


def _strange_names(members: _Body) -> Mapping[str, Raw]:
    """Return the members of messages that no shape has, by `messages.NAME`: what tunes there is named when it is dropped."""
    raw = members.rest().get("messages")
    if raw is None:
        return {}
    return {
        f"messages.{name}": value
        for message in asked.MESSAGE_NAMES.decode(raw)
        for name, value in message.items()
        if name not in asked.KNOWN_NAMES and bytes(value) != _NULL
    }


def _stop(members: _Body) -> tuple[str, ...]:
    stop = members.take("stop", _STOP, "a string or an array of strings")
    return (stop,) if isinstance(stop, str) else tuple(stop or ())


def _tools(members: _Body) -> tuple[Tool, ...]:
    given = members.take("tools", _TOOLS, "an array of tools") or []
    legacy = members.take("functions", _FUNCTIONS, "an array of functions") or []
    tools = [_tool(tool, f"tools[{place}]") for place, tool in enumerate(given)]
    return (*tools, *(_function(function, None) for function in legacy))


def _tool(tool: asked.Tool, where: str) -> Tool:
    if tool.type == "custom" and tool.custom is not None:
        custom = tool.custom
        return Tool(
            name=custom.name,
            description=custom.description,
            custom=True,
            grammar=_grammar(custom.format, f"{where}.custom.format"),
            cache=cache_mark(tool.cache_control),
        )
    if tool.type == "function" and tool.function is not None:
        return _function(tool.function, tool.cache_control)
    if tool.type in {"custom", "function"}:
        raise refused(f"`{where}` must have `{tool.type}`", param=where)
    raise refused(
        f"`{where}.type` {tool.type[:40]!r} is a tool of one provider: use `function`, or ask for a model whose provider "
        "has it and speaks this dialect",
        param=f"{where}.type",
    )


def _grammar(form: asked.InputForm | None, where: str) -> Raw | None:
    if form is None or form.type == "text":
        return None
    grammar = asked.present(form.grammar) if form.type == "grammar" else None
    if grammar is None:
        raise refused(f"`{where}` must be `text`, or `grammar` with its `grammar`", param=where)
    return grammar


def _function(function: asked.ToolFunction, cache: asked.Cache | None) -> Tool:
    return Tool(
        name=function.name,
        description=function.description,
        parameters=asked.present(function.parameters),
        strict=function.strict or None,  # false is what every dialect means by silence
        cache=cache_mark(cache),
    )


def _tool_choice(members: _Body, tools: tuple[Tool, ...]) -> tuple[ToolChoice | None, tuple[Tool, ...]]:
    """Return the choice, and the tools among which it is made."""
    must_be = "a word or an object that names a tool"
    choice = members.take("tool_choice", _CHOICE, must_be)
    legacy = members.take("function_call", _LEGACY_CHOICE, must_be)
    if choice is None and legacy is not None:
        choice = asked.Choice(function=legacy) if isinstance(legacy, asked.Named) else legacy
    if choice is None:
        return None, tools
    if isinstance(choice, str):
        return ToolChoice(use=_use(choice, "tool_choice")), tools
    if choice.type == "allowed_tools" and choice.allowed_tools is not None:
        allowed = {name for each in choice.allowed_tools.tools if (name := _name_of(each))}
        use = _use(choice.allowed_tools.mode, "tool_choice.allowed_tools.mode")
        return ToolChoice(use=use), tuple(tool for tool in tools if tool.name in allowed)
    name = _name_of(choice)
    if not name:
        _refuse_choice("tool_choice")
    return ToolChoice(use=ToolUse.NAMED, name=name), tools


def _name_of(choice: asked.ChosenTool) -> str | None:
    named = choice.custom if choice.type == "custom" else choice.function
    return None if named is None else named.name


def _use(word: str, where: str) -> ToolUse:
    return _USES.get(word) or _refuse_choice(where)


def _refuse_choice(where: str) -> NoReturn:
    raise refused(f"`{where}` must be {', '.join(_USES)}, or an object that names a tool", param=where)


def _output(members: _Body) -> OutputForm | None:
    form = members.take("response_format", _FORMAT, "an object with a `type`")
    if form is None:
        return None
    kind = _KINDS.get(form.type)
    if kind is None:
        known = ", ".join(_KINDS)
        raise refused(f"`response_format.type` must be one of {known}", param="response_format.type")
    if kind is not OutputKind.JSON_SCHEMA:
        return None if kind is OutputKind.TEXT else OutputForm(kind=kind)
    schema = form.json_schema
    written = None if schema is None else asked.present(schema.schema)
    if schema is None or written is None:
        raise _schemaless()
    return OutputForm(kind=kind, schema=written, name=schema.name, description=schema.description, strict=schema.strict)


def _schemaless() -> Refusal:
    where = "response_format.json_schema"
    return refused(f"`{where}` must be an object with `name` and `schema`", param=where)


def _wish(members: _Body) -> ReasoningWish | None:
    word = members.take("reasoning_effort", _STR, "a string")
    reasoning = members.take("reasoning", _REASONING, "an object")
    for said, where in ((word, "reasoning_effort"), (reasoning and reasoning.effort, "reasoning.effort")):
        if said is not None and said not in _EFFORTS:
            known = ", ".join(word.value for word in Effort)
            raise refused(f"`{where}` must be one of {known}", param=where)
    return wish_of(
        effort_word=word,
        reasoning=reasoning,
        thinking=members.take("thinking", _THINKING, "an object with a `type`"),
        enabled=members.take("enable_thinking", _BOOL, "true or false"),
        budget=members.take("thinking_budget", _INT, "a whole number"),
    )


def _audio(members: _Body) -> Raw | None:
    """Return the contract that the answer be spoken; other kinds of answer than text have no place."""
    kinds = members.take("modalities", _STRS, "an array of strings") or []
    audio = members.take("audio", _RAW, "an object")
    for kind in kinds:
        if kind not in {"text", "audio"}:
            raise refused(
                f"`modalities` with {kind[:40]!r} is more than this model's provider can be asked for: leave it out",
                param="modalities",
            )
    if "audio" not in kinds:
        return None
    if audio is None:
        raise refused("`modalities` with `audio` needs `audio` with a `voice` and a `format`", param="audio")
    return audio
