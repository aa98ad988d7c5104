"""A client's Gemini request on its way into the neutral form. Knows no provider.

What only tunes and has no place goes to `knobs` (safety settings and labels among it); content and contracts without
a place are refused: built-in tools, cached contents, answers that are not text.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from tollway.dialects.body import refused
from tollway.dialects.gemini.contents import Conversation
from tollway.dialects.gemini.fields import Fields
from tollway.dialects.gemini.schema import as_json_schema
from tollway.dialects.gemini.words import LEVELS, MODES
from tollway.neutral.parts import Text
from tollway.neutral.peek import Peek
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

_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder().decode

_ELSEWHERE = "ask for a model whose provider speaks Gemini's dialect, or leave it out"

_OUTPUT_TYPES: Mapping[str, OutputKind] = {
    "text/plain": OutputKind.TEXT,
    "application/json": OutputKind.JSON_OBJECT,
}


def parse_request(body: bytes, peek: Peek) -> ChatRequest:
    """Return what a request asks; raises Refusal `invalid_request` for what has no neutral place."""
    try:
        top = Fields(_DECODE(body), "")
    except (msgspec.MsgspecError, RecursionError):
        raise refused("the body has a number or a depth that nobody can carry") from None
    if top.text("cachedContent"):
        raise refused(f"`cachedContent` means nothing to another dialect: {_ELSEWHERE}", param="cachedContent")
    knobs: dict[str, object] = {}
    tools, choice = _tools(top, knobs)
    messages = _messages(top, knobs)
    config = top.inner("generationConfig") or Fields({}, "generationConfig")
    request = ChatRequest(
        model=peek.model_asked,
        messages=messages,
        streamed=peek.streamed,
        tools=tools,
        tool_choice=choice,
        output=_output(config),
        reasoning=_reasoning(config.inner("thinkingConfig")),
        output_tokens_max=config.whole("maxOutputTokens"),
        stop=tuple(config.texts("stopSequences")),
        choices=config.whole("candidateCount") or 1,
        temperature=config.number("temperature"),
        top_p=config.number("topP"),
        top_k=config.whole("topK"),
        seed=config.whole("seed"),
        frequency_penalty=config.number("frequencyPenalty"),
        presence_penalty=config.number("presencePenalty"),
        logprobs=config.flag("responseLogprobs"),
        top_logprobs=config.whole("logprobs"),
        service_tier=top.text("serviceTier"),
    )
    _check_modalities(config)
    top.take("model")  # the path says it
    knobs |= config.left() | top.left()
    return msgspec.structs.replace(request, knobs={name: Raw(_ENCODE(value)) for name, value in knobs.items()})


def _messages(top: Fields, knobs: dict[str, object]) -> tuple[Message, ...]:
    conversation = Conversation()
    system = top.take("systemInstruction")
    if isinstance(system, str):
        system = {"parts": [{"text": system}]}
    before: list[Message] = []
    if system is not None:
        content = Fields(system, "systemInstruction")
        texts = [text for part in content.objects("parts") if (text := _system_text(part))]
        if texts:
            before.append(Message(role=Role.SYSTEM, parts=tuple(Text(text=text) for text in texts)))
    for content in top.objects("contents"):
        conversation.take(content)
    if not conversation.messages:
        raise refused("`contents` must have a part that says something", param="contents")
    knobs |= conversation.knobs
    return (*before, *conversation.messages)


def _system_text(part: Fields) -> str | None:
    text = part.text("text")
    for name in part.left():
        raise refused(f"`{part.at(name)}` cannot be carried: instructions must be text", param=part.at(name))
    return text


def _tools(top: Fields, knobs: dict[str, object]) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """Return the functions that may be called; those that are not allowed are left out, as the client wants it."""
    tools: list[Tool] = []
    for entry in top.objects("tools"):
        tools += [_tool(each, knobs) for each in entry.objects("functionDeclarations")]
        for name in entry.left():
            raise refused(
                f"`{entry.at(name)}` is a tool that the provider runs, and cannot be carried: {_ELSEWHERE}",
                param=entry.at(name),
            )
    config = top.inner("toolConfig")
    calling = None if config is None else config.inner("functionCallingConfig")
    knobs |= {} if config is None else config.left()
    if calling is None:
        return tuple(tools), None
    mode = (calling.text("mode") or "AUTO").upper()
    allowed = calling.texts("allowedFunctionNames")
    knobs |= calling.left()
    use = MODES.get(mode)
    if use is None:
        place = calling.at("mode")
        raise refused(f"`{place}` must be AUTO, ANY, NONE or VALIDATED", param=place)
    if use is ToolUse.REQUIRED and len(allowed) == 1:
        return tuple(tools), ToolChoice(use=ToolUse.NAMED, name=allowed[0])
    if allowed:
        tools = [tool for tool in tools if tool.name in allowed]
    return tuple(tools), ToolChoice(use=use)


def _tool(declared: Fields, knobs: dict[str, object]) -> Tool:
    name = declared.text("name")
    if not name:
        raise refused(f"`{declared.at('name')}` must name a function", param=declared.at("name"))
    schema = declared.take("parametersJsonSchema")
    own = declared.take("parameters")
    if schema is None and own is not None:
        schema = as_json_schema(own, declared.at("parameters"))
    tool = Tool(
        name=name,
        description=declared.text("description"),
        parameters=None if schema is None else Raw(_ENCODE(schema)),
    )
    knobs |= {f"functionDeclarations.{other}": value for other, value in declared.left().items()}
    return tool


def _output(config: Fields) -> OutputForm | None:
    media_type = config.text("responseMimeType")
    schema = config.take("responseJsonSchema")
    own = config.take("responseSchema")
    if schema is None and own is not None:
        schema = as_json_schema(own, config.at("responseSchema"))
    kind = _OUTPUT_TYPES.get(media_type or "text/plain")
    if kind is None:
        place = config.at("responseMimeType")
        raise refused(f"`{place}` can be text/plain or application/json when carried: {_ELSEWHERE}", param=place)
    if schema is not None:
        return OutputForm(kind=OutputKind.JSON_SCHEMA, schema=Raw(_ENCODE(schema)))
    return None if media_type is None else OutputForm(kind=kind)


def _reasoning(config: Fields | None) -> ReasoningWish | None:
    if config is None:
        return None
    level, budget = config.text("thinkingLevel"), config.whole("thinkingBudget")
    effort = None if level is None else LEVELS.get(level.lower().removeprefix("thinking_level_"))
    if level is not None and effort is None and level != "THINKING_LEVEL_UNSPECIFIED":
        place = config.at("thinkingLevel")
        raise refused(f"`{place}` must be one of {', '.join(LEVELS)}", param=place)
    if effort is not None and budget is not None:
        place = config.at("thinkingBudget")
        raise refused(f"give `{place}` or `thinkingLevel`, not both", param=place)
    return ReasoningWish(effort=effort, budget_tokens=budget, shown=config.flag("includeThoughts"))


def _check_modalities(config: Fields) -> None:
    """Refuse answers that are pictures or sound: no other dialect can be asked for them in this way."""
    place = config.at("responseModalities")
    if any(each.upper() not in {"TEXT", "MODALITY_UNSPECIFIED"} for each in config.texts("responseModalities")):
        raise refused(f"`{place}` can be TEXT alone when carried: {_ELSEWHERE}", param=place)
