"""A request in the neutral form, written for a provider that speaks the Responses API. Knows no provider by name.

Nothing is stored there: `store` is false, and encrypted reasoning comes back so that a conversation can go on. It is
asked for where the client wishes reasoning; `options["reasoning"] = "sealed"` asks always, for models that reason by
themselves. A model that does not reason refuses the question. `options["efforts"]` has the words of effort that a model
knows, "none low medium high" where it is left out; the nearest goes.
"""

import msgspec
from msgspec import Raw

from tollway.dialects.body import refused
from tollway.dialects.identifiers import shortened
from tollway.dialects.openai_responses.render_items import Items, instructions_of
from tollway.dialects.openai_responses.words import ENCRYPTED, LOGPROBS
from tollway.dialects.patching import finished
from tollway.dialects.record import RenderedRequest, RequestEdits
from tollway.dialects.tool_schemas import of_object
from tollway.neutral.reasoning import effort, nearest
from tollway.neutral.request import (
    CACHE_MARKS,
    ChatRequest,
    Effort,
    OutputForm,
    OutputKind,
    Tool,
    ToolChoice,
    ToolUse,
    tuned,
)

_CARRIED = {
    "parallel_tool_calls": "parallel_tool_calls",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_logprobs": "top_logprobs",
    "end_user": "user",
    "service_tier": "service_tier",
    "cache_key": "prompt_cache_key",
}
"""Fields of the neutral form and their names here; those of TUNING that have no place at all are dropped and named."""
_ELSEWHERE = frozenset(("logprobs", "verbosity"))
"""Fields whose place is inside another one."""
_IDENTIFIERS = frozenset(("user", "prompt_cache_key"))
_IDENTIFIER_CHARS_MAX = 64
"""OpenAI refuses longer ones of these."""
_EFFORTS = (Effort.NONE, Effort.LOW, Effort.MEDIUM, Effort.HIGH)
_GRAMMAR = msgspec.json.Decoder(dict[str, Raw])


def render_request(request: ChatRequest, edits: RequestEdits) -> RenderedRequest:
    """Return the request; raises Refusal `invalid_request` for content or a contract without a place."""
    _refuse_contracts(request)
    items = Items(edits.issuer)
    instructions, messages = instructions_of(request.messages)
    for message in messages:
        items.add(message)
    fields: dict[str, object] = {"model": edits.model_routed, "input": items.fields, "store": False}
    if instructions is not None:
        fields["instructions"] = instructions
    if edits.streamed:
        fields["stream"] = True
    _limit(fields, request, edits)
    fields |= {here: value for name, here in _CARRIED.items() if (value := getattr(request, name)) is not None}
    fields |= {name: shortened(str(fields[name]), _IDENTIFIER_CHARS_MAX) for name in _IDENTIFIERS.intersection(fields)}
    fields |= _tool_fields(request)
    fields |= _answer_fields(request, edits)
    include = _include(request, edits)
    if include:
        fields["include"] = include
    dropped = items.dropped + [name for name in tuned(request) if name not in _CARRIED and name not in _ELSEWHERE]
    dropped += [CACHE_MARKS] * any(tool.cache is not None for tool in request.tools)
    body, named = finished(fields, edits, [*dropped, *request.knobs])
    return RenderedRequest(body=body, dropped=named)


def _refuse_contracts(request: ChatRequest) -> None:
    if request.stop:
        raise refused(
            "this model's provider has no stop sequences: leave `stop` out, or ask for another model", param="stop"
        )
    if request.choices > 1:
        raise refused("this model's provider gives one answer to a request: leave `n` out, or ask again", param="n")
    if request.suffix is not None:
        raise refused(
            "this model's provider fills no gaps: leave `suffix` out, or ask for another model", param="suffix"
        )
    if request.audio is not None:
        raise refused(
            "this model's provider does not speak: leave `audio` out, or ask for another model", param="audio"
        )


def _limit(fields: dict[str, object], request: ChatRequest, edits: RequestEdits) -> None:
    limits = [limit for limit in (request.output_tokens_max, edits.output_tokens_max) if limit is not None]
    if limits:
        fields["max_output_tokens"] = min(limits)


def _tool_fields(request: ChatRequest) -> dict[str, object]:
    fields: dict[str, object] = {}
    if request.tools:
        fields["tools"] = [_tool(tool) for tool in request.tools]
    choice = request.tool_choice
    if choice is not None and (request.tools or choice.use in {ToolUse.REQUIRED, ToolUse.NAMED}):
        fields["tool_choice"] = _choice(choice, request.tools)  # of no tools a provider refuses even `none`
    return fields


def _tool(tool: Tool) -> dict[str, object]:
    fields: dict[str, object] = {"type": "custom" if tool.custom else "function", "name": tool.name}
    if tool.description is not None:
        fields["description"] = tool.description
    if not tool.custom:
        fields["parameters"] = of_object(tool.parameters)
        fields["strict"] = tool.strict or False  # here, unlike elsewhere, leaving it out means true
    elif tool.grammar is not None:
        fields["format"] = {"type": "grammar", **_GRAMMAR.decode(tool.grammar)}
    return fields


def _choice(choice: ToolChoice, tools: tuple[Tool, ...]) -> object:
    if choice.use is not ToolUse.NAMED:
        return choice.use.value
    custom = any(tool.custom and tool.name == choice.name for tool in tools)
    return {"type": "custom" if custom else "function", "name": choice.name}


def _answer_fields(request: ChatRequest, edits: RequestEdits) -> dict[str, object]:
    """Return what the answer is to be, and how much is to be thought for it."""
    fields: dict[str, object] = {}
    text: dict[str, object] = {}
    if request.output is not None:
        text["format"] = _format(request.output)
    if request.verbosity is not None:
        text["verbosity"] = request.verbosity
    if text:
        fields["text"] = text
    if request.reasoning is not None:
        word = effort(request.reasoning)
        wish: dict[str, object] = {} if word is None else {"effort": nearest(word, _efforts(edits)).value}
        if request.reasoning.shown:
            wish["summary"] = "auto"
        if wish:
            fields["reasoning"] = wish
    return fields


def _efforts(edits: RequestEdits) -> tuple[Effort, ...]:
    """Return the words that the model knows; that it shall not think is said where nobody says what it knows."""
    words = edits.options.get("efforts")
    return tuple(Effort(word) for word in words.split()) if words else _EFFORTS


def _format(form: OutputForm) -> dict[str, object]:
    if form.kind is not OutputKind.JSON_SCHEMA:
        return {"type": form.kind.value}
    fields: dict[str, object] = {"type": "json_schema", "name": form.name or "answer", "schema": form.schema}
    if form.description is not None:
        fields["description"] = form.description
    if form.strict is not None:
        fields["strict"] = form.strict
    return fields


def _include(request: ChatRequest, edits: RequestEdits) -> list[str]:
    wish = request.reasoning
    reasons = wish is not None and effort(wish) is not Effort.NONE
    include = [ENCRYPTED] if reasons or edits.options.get("reasoning") == "sealed" else []
    return [*include, LOGPROBS] if request.logprobs or request.top_logprobs else include
