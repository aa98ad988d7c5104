"""Requests for embeddings in Cohere's form, and their answers. Knows no client and no provider by name."""

import msgspec
from msgspec import Raw, Struct

from tollway.dialects.embedding_form import read_usage_of, texts_of
from tollway.dialects.error_body import parse_error
from tollway.dialects.patching import finished
from tollway.dialects.record import RenderedRequest, RequestEdits
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.embedding import EmbeddingAnswer, EmbeddingRequest
from tollway.neutral.usage import Usage

INPUT_TYPES = {
    "query": "search_query",
    "document": "search_document",
    "classification": "classification",
    "clustering": "clustering",
}
INPUT_TYPE_DEFAULT = "search_document"
"""Models since the third version demand one; what is stored to be found is what most vectors are for."""

TOKENS_MAX = 1_000_000_000


class _Types(Struct, gc=False):
    float: list[tuple[float, ...]]


class _Billed(Struct, gc=False):
    input_tokens: float | None = None
    image_tokens: float | None = None


class _Meta(Struct, gc=False):
    billed_units: _Billed | None = None


class _Answer(Struct, gc=False):
    embeddings: _Types
    meta: Raw = Raw(b"null")


_ANSWER = msgspec.json.Decoder(_Answer)
_META = msgspec.json.Decoder(_Meta | None)


def render_request(request: EmbeddingRequest, edits: RequestEdits) -> RenderedRequest:
    """Return the body of a request; raises Refusal for tokens."""
    dropped: list[str] = []
    fields: dict[str, object] = {
        "model": edits.model_routed,
        "texts": texts_of(request),
        "input_type": INPUT_TYPE_DEFAULT,
        "embedding_types": ["float"],
    }
    if request.task is not None:
        if request.task in INPUT_TYPES:
            fields["input_type"] = INPUT_TYPES[request.task]
        else:
            dropped.append("task")
    if request.dimensions is not None:
        fields["output_dimension"] = request.dimensions
    if request.end_user is not None:
        dropped.append("end_user")
    dropped += request.knobs
    return RenderedRequest(*finished(fields, edits, dropped))


def parse_answer(body: bytes) -> EmbeddingAnswer:
    """Return an answer in the neutral form; raises UpstreamFailure JUNK."""
    try:
        answer = _ANSWER.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        said = f": {parse_error(200, body).message}" if b'"error"' in body or b'"message"' in body else ""
        raise UpstreamFailure(FailureKind.JUNK, f"the provider's answer holds no embeddings{said}") from None
    return EmbeddingAnswer(vectors=tuple(answer.embeddings.float), usage=_usage(answer.meta))


def _usage(meta: Raw) -> Usage | None:
    try:
        found = _META.decode(meta)
    except msgspec.ValidationError:
        return None
    billed = None if found is None else found.billed_units
    if billed is None:
        return None
    tokens = (billed.input_tokens or 0) + (billed.image_tokens or 0)
    return read_usage_of(int(tokens)) if 0 <= tokens <= TOKENS_MAX else None
