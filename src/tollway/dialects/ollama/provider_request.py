"""A request of the neutral form, written for an Ollama server. Knows no client's dialect and no provider by name.

Of `RequestEdits.options`: `think = "switch"` is for servers whose models think or do not, and refuse the words for how
much; without it the words go in.
"""

from collections.abc import Iterable

from msgspec import Raw

from tollway.dialects.body import refused
from tollway.dialects.ollama.provider_history import System, carried_text, check_tools, turns_of
from tollway.dialects.ollama.words import EFFORTS
from tollway.dialects.patching import finished
from tollway.dialects.record import RenderedRequest, RequestEdits
from tollway.neutral.parts import ToolCall
from tollway.neutral.reasoning import UNBOUNDED, effort, nearest
from tollway.neutral.request import (
    CACHE_MARKS,
    PARTICIPANT_NAME,
    REASONING,
    SCHEMA_DESCRIPTION,
    TOOL_STRICT,
    ChatRequest,
    Effort,
    OutputKind,
    ReasoningWish,
    Role,
    Tool,
    ToolUse,
    tuned,
)

_OPTIONS = ("temperature", "top_p", "top_k", "min_p", "seed", "frequency_penalty", "presence_penalty")
_BESIDE = ("logprobs", "top_logprobs")
_NO_PARAMETERS = Raw(b'{"type":"object","properties":{}}')


def render_chat(request: ChatRequest, edits: RequestEdits) -> RenderedRequest:
    """Return the body of a chat request; raises Refusal for what has no place in it."""
    if request.suffix is not None:
        raise _no_place("suffix", "a text that stands after the answer")
    dropped: list[str] = []
    fields: dict[str, object] = {"model": edits.model_routed, "messages": turns_of(request.messages, dropped)}
    tools = _tools(request, dropped)
    if tools:
        fields["tools"] = tools
    return _rendered(fields, request, edits, dropped)


def render_generate(request: ChatRequest, edits: RequestEdits) -> RenderedRequest:
    """Return the body of a generate request; raises Refusal for a conversation of several turns, and for tools."""
    dropped: list[str] = []
    _tools(request, dropped)
    if request.tools:
        raise _no_place("tools", "tools")
    turns = [message for message in request.messages if message.role is not Role.SYSTEM]
    if len(turns) != 1 or turns[0].role is not Role.USER:
        raise _no_place("messages", "a conversation of several turns")
    if turns[0].name is not None:
        dropped.append(PARTICIPANT_NAME)
    fields: dict[str, object] = {"model": edits.model_routed}
    system = System(message for message in request.messages if message.role is Role.SYSTEM).text(dropped)
    if system:
        fields["system"] = system
    fields["prompt"], images = carried_text(turns[0].parts, dropped)
    if images:
        fields["images"] = images
    if request.suffix is not None:
        fields["suffix"] = request.suffix  # only the model's own template knows where it stands: never raw
    elif request.completes and not system:
        fields["raw"] = True
    return _rendered(fields, request, edits, dropped)


def _rendered(
    fields: dict[str, object], request: ChatRequest, edits: RequestEdits, dropped: list[str]
) -> RenderedRequest:
    if request.choices > 1:
        raise _no_place("n", "several answers to one request")
    if request.audio is not None:
        raise _no_place("audio", "a spoken answer")
    fields["stream"] = edits.streamed  # left out, it means true
    output = request.output
    if output is not None and output.kind is not OutputKind.TEXT:
        fields["format"] = "json" if output.kind is OutputKind.JSON_OBJECT else output.schema
        if output.description is not None:
            dropped.append(SCHEMA_DESCRIPTION)
    if request.reasoning is not None:
        think = _think(request.reasoning, edits, dropped)
        if think is not None:
            fields["think"] = think
    fields |= {name: value for name in _BESIDE if (value := getattr(request, name)) is not None}
    options = {name: value for name in _OPTIONS if (value := getattr(request, name)) is not None}
    if request.stop:
        options["stop"] = request.stop
    limits = [limit for limit in (request.output_tokens_max, edits.output_tokens_max) if limit is not None]
    if limits:
        options["num_predict"] = min(limits)
    if options:
        fields["options"] = options
    dropped += [name for name in tuned(request) if name not in _OPTIONS and name not in _BESIDE]
    dropped += request.knobs
    return RenderedRequest(*finished(fields, edits, dropped))


def _think(wish: ReasoningWish, edits: RequestEdits, dropped: list[str]) -> bool | str | None:
    word = effort(wish)
    if word is None:
        return None
    if word is Effort.NONE:
        return False
    if wish.budget_tokens == UNBOUNDED:
        return True
    if edits.options.get("think") == "switch":
        dropped.append(REASONING)  # that it shall think is carried, how much is not
        return True
    return nearest(word, EFFORTS).value


def _tools(request: ChatRequest, dropped: list[str]) -> list[dict[str, object]]:
    check_tools(request.tools)
    choice = request.tool_choice
    if choice is not None and choice.use is not ToolUse.AUTO:
        if choice.use is not ToolUse.NONE:
            raise _no_place("tool_choice", "a tool that the model must use")
        if any(isinstance(part, ToolCall) for message in request.messages for part in message.parts):
            raise _no_place("tool_choice", "a conversation with tool calls in which the model must use no tool")
        return []
    return list(_functions(request.tools, dropped))


def _functions(tools: Iterable[Tool], dropped: list[str]) -> Iterable[dict[str, object]]:
    for tool in tools:
        if tool.strict is not None:
            dropped.append(TOOL_STRICT)
        if tool.cache is not None:
            dropped.append(CACHE_MARKS)
        function: dict[str, object] = {"name": tool.name}
        if tool.description is not None:
            function["description"] = tool.description
        function["parameters"] = _NO_PARAMETERS if tool.parameters is None else tool.parameters
        yield {"type": "function", "function": function}


def _no_place(param: str, what: str) -> Exception:
    return refused(
        f"{what} (`{param}`) cannot be carried to this model's provider: ask for another model, or leave it out",
        param=param,
    )
