"""A client's Ollama request, read completely into the neutral form. Knows no provider and no other dialect."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from tollway.dialects.body import Expected, Facts, read_facts, refused
from tollway.dialects.ollama.history import Turn, messages_of, pictures
from tollway.dialects.ollama.peek import EXPECTED_FIELDS, OUTPUT_TOKENS_LIMIT_MAX
from tollway.dialects.ollama.words import wish_of
from tollway.neutral.parts import Part, Text
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest, Message, OutputForm, OutputKind, ReasoningWish, Role, Tool


class _Options(Struct, gc=False):
    num_predict: Annotated[int, Meta(le=OUTPUT_TOKENS_LIMIT_MAX)] | None = None
    stop: str | list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None


class _Function(Struct, gc=False):
    name: Annotated[str, Meta(min_length=1)]
    description: str | None = None
    parameters: Raw | UnsetType = UNSET


class _Tool(Struct, gc=False):
    function: _Function
    type: str = "function"


class _Asked(Struct, gc=False):
    model: str
    stream: bool | None = None
    options: _Options | None = None
    format: Raw | UnsetType = UNSET
    think: bool | str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    debug_render_only: bool | None = msgspec.field(default=None, name="_debug_render_only")


class _Chat(_Asked, gc=False):
    messages: list[Turn] | None = None
    tools: list[_Tool] | None = None


class _Generate(_Asked, gc=False):
    prompt: str | None = None
    system: str | None = None
    suffix: str | None = None
    template: str | None = None
    raw: bool | None = None
    context: list[int] | None = None
    images: list[str] | None = None


_CHAT = msgspec.json.Decoder(_Chat)
_GENERATE = msgspec.json.Decoder(_Generate)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_TEXT = msgspec.json.Decoder(str)
_NULL = b"null"
_EXPECTED = Expected(
    summary="a JSON object in the form of Ollama's API",
    fields={
        **EXPECTED_FIELDS,
        "tools": '`tools` must be an array of objects {"type": "function", "function": {"name", "description", "parameters"}}',
        "think": '`think` must be true, false, "low", "medium" or "high"',
        "logprobs": "`logprobs` must be true or false",
        "top_logprobs": "`top_logprobs` must be a whole number",
        "prompt": "`prompt` must be a string",
        "system": "`system` must be a string",
        "suffix": "`suffix` must be a string",
        "template": "`template` must be a string",
        "raw": "`raw` must be true or false",
        "context": "`context` must be an array of whole numbers",
    },
)


def parse_chat(body: bytes, peek: Peek) -> ChatRequest:
    """Return a chat request; raises Refusal `invalid_request`."""
    facts = _read(body, _CHAT)
    if not facts.messages:
        raise refused("`messages` must not be empty: this model's provider has nothing to load", param="messages")
    tools = tuple(_tool(tool) for tool in facts.tools or ())
    request = _neutral(facts, body, peek, messages_of(facts.messages))
    return msgspec.structs.replace(request, tools=tools)


def parse_generate(body: bytes, peek: Peek) -> ChatRequest:
    """Return a generate request as a conversation of one turn; raises Refusal `invalid_request`."""
    facts = _read(body, _GENERATE)
    for name in ("template", "context"):
        if getattr(facts, name):
            raise _not_carried(name)
    parts: list[Part] = list(pictures(facts.images or (), "images"))
    if facts.prompt:
        parts.append(Text(text=facts.prompt))
    if not parts:
        raise refused("`prompt` must not be empty: this model's provider has nothing to load", param="prompt")
    messages = [Message(role=Role.USER, parts=tuple(parts))]
    if facts.system:
        messages.insert(0, Message(role=Role.SYSTEM, parts=(Text(text=facts.system),)))
    request = _neutral(facts, body, peek, tuple(messages))
    completes = facts.raw is True or bool(facts.suffix)
    return msgspec.structs.replace(request, completes=completes, suffix=facts.suffix or None)


def _read(body: bytes, decoder: msgspec.json.Decoder[Facts]) -> Facts:
    return read_facts(body, decoder, _EXPECTED)


def _neutral(facts: _Asked, body: bytes, peek: Peek, messages: tuple[Message, ...]) -> ChatRequest:
    if facts.debug_render_only:
        raise _not_carried("_debug_render_only")
    options = facts.options or _Options()
    stop = (options.stop,) if isinstance(options.stop, str) else tuple(options.stop or ())
    return ChatRequest(
        model=facts.model,
        messages=messages,
        streamed=peek.streamed,
        output=_output(facts.format),
        reasoning=_wish(facts.think),
        output_tokens_max=peek.output_tokens_max,
        stop=stop,
        temperature=options.temperature,
        top_p=options.top_p,
        top_k=options.top_k,
        min_p=options.min_p,
        seed=options.seed,
        frequency_penalty=options.frequency_penalty,
        presence_penalty=options.presence_penalty,
        logprobs=facts.logprobs,
        top_logprobs=facts.top_logprobs,
        knobs=_knobs(body, type(facts)),
    )


def _knobs(body: bytes, known: type[_Asked]) -> dict[str, Raw]:
    """Return what else was tuned; what stands in `options` is called `options.NAME`."""
    members = _MEMBERS.decode(body)
    told, told_inside = _names(known), _names(_Options)  # once: there may be a hundred thousand of them
    given = members.get("options", Raw(_NULL))
    options = {} if bytes(given) == _NULL else _MEMBERS.decode(given)
    found = {name: value for name, value in members.items() if name not in told}
    found |= {f"options.{name}": value for name, value in options.items() if name not in told_inside}
    return {name: value for name, value in found.items() if bytes(value) != _NULL}


def _names(known: type[Struct]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(known))


def _output(given: Raw | UnsetType) -> OutputForm | None:
    form = b"" if given is UNSET else bytes(given)
    if form in {b"", _NULL, b'""'}:
        return None
    if form.startswith(b"{"):
        return OutputForm(kind=OutputKind.JSON_SCHEMA, schema=Raw(form))
    if form.startswith(b'"') and _TEXT.decode(form) == "json":
        return OutputForm(kind=OutputKind.JSON_OBJECT)
    raise refused('`format` must be "json" or a JSON schema', param="format")


def _wish(think: bool | str | None) -> ReasoningWish | None:  # noqa: FBT001  the word of the wire
    if think is None or think == "":
        return None
    wish = wish_of(think)
    if wish is None:
        raise refused(_EXPECTED.fields["think"], param="think")
    return wish


def _tool(tool: _Tool) -> Tool:
    if tool.type != "function":
        raise refused(_EXPECTED.fields["tools"], param="tools")
    given = tool.function.parameters
    parameters = None if given is UNSET or bytes(given) == _NULL else given
    return Tool(name=tool.function.name, description=tool.function.description, parameters=parameters)


def _not_carried(name: str) -> Exception:
    return refused(
        f"`{name}` cannot be carried to this model's provider: ask for a model whose provider speaks Ollama's form, or "
        f"leave `{name}` out",
        param=name,
    )
