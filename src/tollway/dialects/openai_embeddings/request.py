"""Requests for embeddings in OpenAI's form: their facts, and the way to and from the neutral form. Knows no provider by name.

Of `RequestEdits.options`: `task = "input_type"` is for providers that take what the vectors are for under this name.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from tollway.dialects.body import Expected, read_facts, refused
from tollway.dialects.embedding_form import peek_of
from tollway.dialects.patching import finished
from tollway.dialects.record import PLAIN_CALL, Called, RenderedRequest, RequestEdits
from tollway.dialects.routing_wishes import FIELDS, Wishing, first_model, model_must_be, wishes_of
from tollway.neutral.embedding import EmbeddingRequest
from tollway.neutral.peek import Peek

DIMENSIONS_MAX = 1_000_000

TASKS = {
    "query": "query",
    "search_query": "query",
    "document": "document",
    "passage": "document",
    "search_document": "document",
    "similarity": "similarity",
    "classification": "classification",
    "clustering": "clustering",
}
"""What servers of this form call `input_type`, and the neutral words."""


class _Thing(Struct, gc=False):
    """An input that is neither text nor tokens: some servers of this form take pictures."""


_Text = Annotated[str, Meta(min_length=1)]
_Input = _Text | Annotated[list[str | int | list[int] | _Thing], Meta(min_length=1)]


class _Facts(Wishing, gc=False, kw_only=True):
    input: _Input
    encoding_format: str | None = None
    dimensions: Annotated[int, Meta(ge=1, le=DIMENSIONS_MAX)] | None = None
    user: str | None = None


_FACTS = msgspec.json.Decoder(_Facts)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ANY = msgspec.json.Decoder()
_KNOWN = frozenset(("model", "input", "encoding_format", "dimensions", "user", "input_type"))

_EXPECTED = Expected(
    summary="a JSON object with `model` and `input`",
    fields={
        "model": model_must_be(),
        **FIELDS,
        "input": "`input` must be a string, or a non-empty array of strings, of whole numbers (tokens), or of arrays of them",
        "encoding_format": '`encoding_format` must be "float" or "base64"',
        "dimensions": f"`dimensions` must be a whole number from 1 to {DIMENSIONS_MAX}",
        "user": "`user` must be a string",
    },
)


def peek(body: bytes, _called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a request; raises Refusal `invalid_request`."""
    facts = read_facts(body, _FACTS, _EXPECTED)
    given = facts.input
    media = 0 if isinstance(given, str) else sum(isinstance(each, _Thing) for each in given)
    return peek_of(first_model(facts), body, media=media, wishes=wishes_of(facts))


def parse_request(body: bytes, _peek: Peek) -> EmbeddingRequest:
    """Return a request in the neutral form; raises Refusal `invalid_request`."""
    facts = read_facts(body, _FACTS, _EXPECTED)
    found = _MEMBERS.decode(body)
    knobs = {name: value for name, value in found.items() if name not in _KNOWN and bytes(value) != b"null"}
    task = _ANY.decode(found.get("input_type", b"null"))
    if not isinstance(task, str) or task not in TASKS:
        if task is not None:
            knobs["input_type"] = found["input_type"]
        task = None
    if facts.encoding_format not in {None, "float", "base64"}:
        raise refused(_EXPECTED.fields["encoding_format"], param="encoding_format")
    inputs, single = _inputs(facts.input)
    return EmbeddingRequest(
        model=first_model(facts),
        inputs=inputs,
        single=single,
        dimensions=facts.dimensions,
        base64=facts.encoding_format == "base64",
        task=None if task is None else TASKS[task],
        end_user=facts.user,
        knobs=knobs,
    )


def _inputs(given: str | list[str | int | list[int] | _Thing]) -> tuple[tuple[str | tuple[int, ...], ...], bool]:
    """Return the inputs, and whether it is one and no list."""
    if isinstance(given, str):
        return (given,), True
    tokens = [each for each in given if isinstance(each, int)]
    if tokens:
        if len(tokens) < len(given):
            raise refused(_EXPECTED.fields["input"], param="input")
        return (tuple(tokens),), True
    inputs: list[str | tuple[int, ...]] = []
    for each in given:
        if isinstance(each, str):
            inputs.append(each)
        elif isinstance(each, list):
            inputs.append(tuple(each))
        else:
            raise refused(
                "`input` holds something else than text, which this model's provider does not take in this form",
                param="input",
            )
    return tuple(inputs), False


def render_request(request: EmbeddingRequest, edits: RequestEdits) -> RenderedRequest:
    """Return the body of a request. The vectors are asked for as numbers: base64 is made of them where a client wants it."""
    dropped: list[str] = []
    fields: dict[str, object] = {
        "model": edits.model_routed,
        "input": request.inputs[0] if request.single else request.inputs,
    }
    if request.dimensions is not None:
        fields["dimensions"] = request.dimensions
    if request.end_user is not None:
        fields["user"] = request.end_user
    if request.task is not None:
        if edits.options.get("task") == "input_type":
            fields["input_type"] = request.task
        else:
            dropped.append("task")
    dropped += request.knobs
    return RenderedRequest(*finished(fields, edits, dropped))
