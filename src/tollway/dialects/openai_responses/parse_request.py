"""A client's Responses request, read completely into the neutral form. Knows no provider.

`include` may ask for encrypted reasoning or not: an answer always has it, because nothing is stored here and a client
could not go on without it. `store: true` is dropped and named; the answer says `"store": false`. So is
`max_tool_calls`: it bounds the tools that a provider runs by itself, and those are refused.
"""

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tollway.dialects.body import Expected, read_facts, refused
from tollway.dialects.openai_responses.parse_items import messages_of
from tollway.dialects.openai_responses.parse_tools import WireChoice, WireTool, chosen, tools_of
from tollway.dialects.openai_responses.peek import EXPECTED
from tollway.dialects.openai_responses.wire import present
from tollway.dialects.openai_responses.words import ASKED_AGAIN, ENCRYPTED, LOGPROBS
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest, Effort, OutputForm, OutputKind, ReasoningWish


class _Format(Struct, gc=False):
    type: str = "text"
    schema: Raw | UnsetType = UNSET
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class _Text(Struct, gc=False):
    format: _Format | None = None
    verbosity: str | None = None


class _Reasoning(Struct, gc=False):
    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None
    """The older name."""


class _Request(Struct, gc=False):
    input: str | list[Raw] | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    parallel_tool_calls: bool | None = None
    tools: list[WireTool] | None = None
    tool_choice: str | WireChoice | None = None
    text: _Text | None = None
    reasoning: _Reasoning | None = None
    include: list[str] | None = None
    store: bool | None = None
    truncation: str | None = None
    top_logprobs: int | None = None
    service_tier: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    previous_response_id: Raw | UnsetType = UNSET
    conversation: Raw | UnsetType = UNSET
    prompt: Raw | UnsetType = UNSET


_REQUEST = msgspec.json.Decoder(_Request)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ENCODE = msgspec.json.Encoder().encode

_EXPECTED = Expected(
    summary=EXPECTED.summary,
    fields={
        **EXPECTED.fields,
        "input": "`input` must be a string or an array of items",
        "tools": "`tools` must be an array of objects, each with a `type`, a `name` and what its type asks for",
        "instructions": "`instructions` must be a string",
        "temperature": "`temperature` must be a number",
        "top_p": "`top_p` must be a number",
        "parallel_tool_calls": "`parallel_tool_calls` must be true or false",
        "tool_choice": "`tool_choice` must be auto, none, required, or an object with a `type`",
        "text": "`text` must be an object with a `format` and a `verbosity`, or either",
        "reasoning": "`reasoning` must be an object whose `effort` and `summary` are strings",
        "include": "`include` must be an array of strings",
        "store": "`store` must be true or false",
        "truncation": "`truncation` must be a string",
        "top_logprobs": "`top_logprobs` must be a whole number",
        "service_tier": "`service_tier` must be a string",
        "user": "`user` must be a string",
        "safety_identifier": "`safety_identifier` must be a string",
        "prompt_cache_key": "`prompt_cache_key` must be a string",
    },
)

_KEPT_ELSEWHERE = ("previous_response_id", "conversation", "prompt")
"""Contracts about what only the provider has that keeps it."""

_ECHOED = (
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
)
_READ = frozenset(_Request.__struct_fields__) | {"model", "stream", "background"}
_TOOLS = msgspec.json.Decoder(list[dict[str, Raw]])
_NESTED = {"text": _Text, "reasoning": _Reasoning}


def parse_request(body: bytes, peek: Peek) -> ChatRequest:
    """Return the request; raises Refusal `invalid_request` for what it cannot understand, or only its provider can."""
    given = read_facts(body, _REQUEST, _EXPECTED)
    members = {name: value for name, value in _MEMBERS.decode(body).items() if bytes(value) != b"null"}
    for name in _KEPT_ELSEWHERE:
        if name in members:
            raise refused(
                f"`{name}`: this model's provider keeps nothing that it could mean: {ASKED_AGAIN}", param=name
            )
    if given.input is None:
        raise refused(_EXPECTED.fields["input"], param="input")
    tools, choice = tools_of(given.tools or []), None
    if given.tool_choice is not None:
        choice, tools = chosen(given.tool_choice, tools)
    include = given.include or []
    return ChatRequest(
        model=peek.model_asked,
        messages=messages_of(given.input, given.instructions),
        streamed=peek.streamed,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=given.parallel_tool_calls,
        output=_output_form(given.text),
        reasoning=_reasoning_wish(given.reasoning),
        output_tokens_max=given.max_output_tokens,
        temperature=given.temperature,
        top_p=given.top_p,
        logprobs=True if LOGPROBS in include or given.top_logprobs else None,
        top_logprobs=given.top_logprobs,
        end_user=given.safety_identifier or given.user,
        verbosity=None if given.text is None else given.text.verbosity,
        service_tier=given.service_tier,
        cache_key=given.prompt_cache_key,
        echoes={name: members[name] for name in _ECHOED if name in members},
        knobs=_knobs(given, members),
    )


def _output_form(text: _Text | None) -> OutputForm | None:
    if text is None or text.format is None:
        return None
    form = text.format
    if form.type not in tuple(OutputKind):
        raise refused("`text.format.type` must be text, json_object or json_schema", param="text")
    schema = present(form.schema) if form.type == OutputKind.JSON_SCHEMA else None
    if form.type == OutputKind.JSON_SCHEMA and schema is None:
        raise refused("`text.format` of the type json_schema needs a `schema`", param="text")
    return OutputForm(
        kind=OutputKind(form.type),
        schema=schema,
        name=form.name,
        description=form.description,
        strict=form.strict,
    )


def _reasoning_wish(found: _Reasoning | None) -> ReasoningWish | None:
    if found is None:
        return None
    if found.effort is not None and found.effort not in tuple(Effort):
        raise refused(f"`reasoning.effort` must be one of {', '.join(Effort)}", param="reasoning")
    shown = found.summary or found.generate_summary
    return ReasoningWish(
        effort=None if found.effort is None else Effort(found.effort),
        shown=True if shown is not None else None,
    )


def _knobs(given: _Request, members: dict[str, Raw]) -> dict[str, Raw]:
    """Return what else the client tuned, and of what was read what cannot be done."""
    knobs = {name: value for name, value in members.items() if name not in _READ}
    if given.store:
        knobs["store"] = members["store"]
    if given.truncation not in {None, "disabled"}:
        knobs["truncation"] = members["truncation"]
    if given.user and given.safety_identifier:
        knobs["user"] = members["user"]
    for name in given.include or ():
        if name not in {ENCRYPTED, LOGPROBS}:
            knobs[f"include {name[:100]}"] = Raw(_ENCODE(name))
    for name, known in _NESTED.items():
        if name in members:
            inside = _MEMBERS.decode(members[name]).items()
            knobs |= {f"{name}.{key}": value for key, value in inside if key not in known.__struct_fields__}
    for tool in _TOOLS.decode(members["tools"]) if given.tools else ():
        knobs |= {f"tools.{key}": value for key, value in tool.items() if key not in WireTool.__struct_fields__}
    return knobs
