"""Embeddings in Ollama's two forms, `/api/embed` and the older `/api/embeddings`; both ways. Knows no provider by name.

The older form has one text, one vector and no usage.
"""

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from tollway.dialects.body import Expected, read_facts, refused
from tollway.dialects.embedding_form import peek_of, read_usage_of, texts_of
from tollway.dialects.error_body import parse_error
from tollway.dialects.ollama.closing import closing_members, with_closing
from tollway.dialects.ollama.wire import Count
from tollway.dialects.patching import finished
from tollway.dialects.record import (
    JSON,
    PLAIN_CALL,
    Called,
    Closing,
    CostFields,
    ReadAnswer,
    RenderedRequest,
    RequestEdits,
)
from tollway.dialects.routing_wishes import FIELDS, Wishing, first_model, model_must_be, wishes_of
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.embedding import EmbeddingAnswer, EmbeddingRequest
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage

DIMENSIONS_MAX = 1_000_000


class _Facts(Wishing, gc=False, kw_only=True):
    input: str | list[str]
    dimensions: Annotated[int, Meta(ge=1, le=DIMENSIONS_MAX)] | None = None


class _OlderFacts(Wishing, gc=False, kw_only=True):
    prompt: Annotated[str, Meta(min_length=1)]


class _Answer(Struct, gc=False):
    embeddings: list[Raw]
    model: Raw = Raw(b"null")
    prompt_eval_count: Raw = Raw(b"null")


class _OlderAnswer(Struct, gc=False):
    embedding: Raw


_Kind = TypeVar("_Kind", _Answer, _OlderAnswer)

_FACTS = msgspec.json.Decoder(_Facts)
_OLDER_FACTS = msgspec.json.Decoder(_OlderFacts)
_ANSWER = msgspec.json.Decoder(_Answer)
_OLDER_ANSWER = msgspec.json.Decoder(_OlderAnswer)
_VECTOR = msgspec.json.Decoder(tuple[float, ...])
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_COUNT = msgspec.json.Decoder(Count | None)
_WORD = msgspec.json.Decoder(str | None)
_ENCODE = msgspec.json.Encoder().encode
_KNOWN = frozenset(("model", "input", "prompt", "dimensions"))
_MODEL = model_must_be("GET /api/tags")

_EXPECTED = Expected(
    summary="a JSON object with `model` and `input`",
    fields={
        "model": _MODEL,
        **FIELDS,
        "input": "`input` must be a string or an array of strings",
        "dimensions": f"`dimensions` must be a whole number from 1 to {DIMENSIONS_MAX}",
    },
)
_OLDER_EXPECTED = Expected(
    summary="a JSON object with `model` and `prompt`",
    fields={"model": _MODEL, **FIELDS, "prompt": "`prompt` must be a string that is not empty"},
)


def peek(body: bytes, _called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a request; raises Refusal `invalid_request`."""
    facts = read_facts(body, _FACTS, _EXPECTED)
    return peek_of(first_model(facts), body, wishes=wishes_of(facts))


def peek_older(body: bytes, _called: Called = PLAIN_CALL) -> Peek:
    """Return the facts of a request of the older form; raises Refusal `invalid_request`."""
    facts = read_facts(body, _OLDER_FACTS, _OLDER_EXPECTED)
    return peek_of(first_model(facts), body, wishes=wishes_of(facts))


def parse_request(body: bytes, _peek: Peek) -> EmbeddingRequest:
    """Return a request in the neutral form; raises Refusal `invalid_request`."""
    facts = read_facts(body, _FACTS, _EXPECTED)
    if not facts.input:
        raise refused("`input` must not be empty: this model's provider has nothing to load", param="input")
    return EmbeddingRequest(
        model=first_model(facts),
        inputs=(facts.input,) if isinstance(facts.input, str) else tuple(facts.input),
        single=isinstance(facts.input, str),
        dimensions=facts.dimensions,
        knobs=_knobs(body),
    )


def parse_older_request(body: bytes, _peek: Peek) -> EmbeddingRequest:
    """Return a request of the older form in the neutral form; raises Refusal `invalid_request`."""
    facts = read_facts(body, _OLDER_FACTS, _OLDER_EXPECTED)
    return EmbeddingRequest(model=first_model(facts), inputs=(facts.prompt,), single=True, knobs=_knobs(body))


def _knobs(body: bytes) -> dict[str, Raw]:
    found = _MEMBERS.decode(body)
    return {name: value for name, value in found.items() if name not in _KNOWN and bytes(value) not in {b"null", b"{}"}}


def render_request(request: EmbeddingRequest, edits: RequestEdits) -> RenderedRequest:
    """Return the body of a request; raises Refusal for tokens."""
    texts = texts_of(request)
    fields: dict[str, object] = {"model": edits.model_routed, "input": texts[0] if request.single else texts}
    if request.dimensions is not None:
        fields["dimensions"] = request.dimensions
    return RenderedRequest(*finished(fields, edits, _dropped(request)))


def render_older_request(request: EmbeddingRequest, edits: RequestEdits) -> RenderedRequest:
    """Return the body of a request of the older form; raises Refusal for tokens, several texts, and dimensions."""
    texts = texts_of(request)
    if len(texts) > 1:
        raise refused("this model's provider takes one text a request: send one `input` at a time", param="input")
    if request.dimensions is not None:
        raise refused(
            "`dimensions` cannot be carried to this model's provider, whose vectors have one length: leave it out",
            param="dimensions",
        )
    fields: dict[str, object] = {"model": edits.model_routed, "prompt": texts[0]}
    return RenderedRequest(*finished(fields, edits, _dropped(request)))


def _dropped(request: EmbeddingRequest) -> list[str]:
    return [name for name in ("task", "end_user") if getattr(request, name) is not None] + list(request.knobs)


def read_answer(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the facts of a provider's answer; raises UpstreamFailure JUNK when it has no `embeddings`."""
    answer = _read(body, _ANSWER)
    return _facts(body, _usage(answer), _word(answer.model))


def read_older_answer(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the facts of an answer of the older form, which reports no usage; raises UpstreamFailure JUNK."""
    _read(body, _OLDER_ANSWER)
    return _facts(body, None, None)


def _facts(body: bytes, usage: Usage | None, model: str | None) -> ReadAnswer:
    return ReadAnswer(body=body, usage=usage, usage_found=None, model_answered=model, text_bytes=0)


def splice_cost(answer: ReadAnswer, costs: CostFields, estimate: Usage | None) -> bytes:
    """Return the body with the cost fields at its top level, and the estimate where the server reported no usage."""
    estimated = answer.usage is None
    usage = _input_only(answer.usage or estimate or Usage())
    return with_closing(answer.body, Closing(usage=usage, estimated=estimated, costs=costs))


def parse_answer(body: bytes) -> EmbeddingAnswer:
    """Return an answer in the neutral form; raises UpstreamFailure JUNK."""
    answer = _read(body, _ANSWER)
    vectors = tuple([_vector(vector, body) for vector in answer.embeddings])
    return EmbeddingAnswer(vectors=vectors, usage=_usage(answer), model=_word(answer.model))


def parse_older_answer(body: bytes) -> EmbeddingAnswer:
    """Return an answer of the older form in the neutral form; raises UpstreamFailure JUNK."""
    return EmbeddingAnswer(vectors=(_vector(_read(body, _OLDER_ANSWER).embedding, body),))


def render_answer(answer: EmbeddingAnswer, request: EmbeddingRequest, closing: Closing) -> bytes:
    """Return an answer to a client."""
    members = {"model": answer.model or request.model, "embeddings": answer.vectors}
    return _ENCODE(members | _ending(closing))


def render_older_answer(answer: EmbeddingAnswer, _request: EmbeddingRequest, closing: Closing) -> bytes:
    """Return an answer of the older form to a client."""
    vector = answer.vectors[0] if answer.vectors else ()
    return _ENCODE({"embedding": vector} | _ending(closing))


def _ending(closing: Closing) -> dict[str, object]:
    return closing_members(msgspec.structs.replace(closing, usage=_input_only(closing.usage)))


def _input_only(usage: Usage) -> Usage:
    """Return a usage without an output: an embedding has none, and its answer no place for one."""
    return msgspec.structs.replace(usage, output=None, reasoning=None, audio_output=None)


def _usage(answer: _Answer) -> Usage | None:
    try:
        return read_usage_of(_COUNT.decode(answer.prompt_eval_count))
    except msgspec.ValidationError:
        return None


def _word(value: Raw) -> str | None:
    try:
        return _WORD.decode(value)
    except msgspec.ValidationError:
        return None


def _vector(value: Raw, body: bytes) -> tuple[float, ...]:
    try:
        return _VECTOR.decode(value)
    except msgspec.MsgspecError:
        raise _junk(body) from None


def _read(body: bytes, decoder: msgspec.json.Decoder[_Kind]) -> _Kind:
    try:
        if not body.isascii():
            body.decode()  # msgspec does not check what it skips; the splice would stumble over it after the charge
        return decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise _junk(body) from None


def _junk(body: bytes) -> UpstreamFailure:
    said = f": {parse_error(200, body).message}" if b'"error"' in body else ""
    return UpstreamFailure(FailureKind.JUNK, f"the provider's answer holds no embeddings{said}")
