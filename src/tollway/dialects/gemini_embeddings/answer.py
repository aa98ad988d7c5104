"""Embeddings in Gemini's form: the facts of an answer, its costs, and the way to and from the neutral form.

Knows no price and no provider by name. Older models report no usage; it is estimated then, and says so.
"""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from tollway.dialects.cost_fields import with_costs
from tollway.dialects.embedding_form import with_member
from tollway.dialects.error_body import parse_error
from tollway.dialects.record import JSON, Closing, CostFields, ReadAnswer
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.embedding import EmbeddingAnswer, EmbeddingRequest
from tollway.neutral.usage import Usage

_Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
_USAGE_NAME = "usageMetadata"
_AUDIO = "AUDIO"


class _Detail(Struct, gc=False):
    modality: str | None = None
    count: _Count = msgspec.field(default=0, name="tokenCount")


class _Counts(Struct, gc=False):
    prompt: _Count = msgspec.field(default=0, name="promptTokenCount")
    details: list[_Detail] | None = msgspec.field(default=None, name="promptTokenDetails")
    details_plural: list[_Detail] | None = msgspec.field(default=None, name="promptTokensDetails")


class _Values(Struct, gc=False):
    values: tuple[float, ...]


class _Answer(Struct, gc=False):
    embeddings: list[Raw]
    usage: Raw | UnsetType = msgspec.field(default=UNSET, name=_USAGE_NAME)


class _AnswerOfOne(Struct, gc=False):
    embedding: Raw
    usage: Raw | UnsetType = msgspec.field(default=UNSET, name=_USAGE_NAME)


_ANSWER = msgspec.json.Decoder(_Answer)
_ANSWER_OF_ONE = msgspec.json.Decoder(_AnswerOfOne)
_VALUES = msgspec.json.Decoder(_Values)
_COUNTS = msgspec.json.Decoder(_Counts)
_ENCODE = msgspec.json.Encoder().encode


def read_answer(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the facts of the answer to a batch; raises UpstreamFailure JUNK when it has no `embeddings`."""
    return _facts(body, _read(body).usage)


def read_answer_of_one(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the facts of the answer for one content; raises UpstreamFailure JUNK when it has no `embedding`."""
    return _facts(body, _read_one(body).usage)


def _facts(body: bytes, usage: Raw | UnsetType) -> ReadAnswer:
    found = None if usage is UNSET else bytes(usage)
    return ReadAnswer(body=body, usage=usage_of(found), usage_found=found, model_answered=None, text_bytes=0)


def usage_of(found: bytes | None) -> Usage | None:
    """Return the usage of a usage value; None when it reports none, or no token at all (lesson 12)."""
    if found is None:
        return None
    try:
        counts = _COUNTS.decode(found)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if not counts.prompt:
        return None
    details = counts.details or counts.details_plural or ()
    audio = min(sum(detail.count for detail in details if detail.modality == _AUDIO), counts.prompt)
    return Usage(input=counts.prompt - audio, audio_input=audio or None, output=0)


def splice_cost(answer: ReadAnswer, costs: CostFields, estimate: Usage | None) -> bytes:
    """Return the body with the cost fields in its usage object; no byte outside that object changes."""
    found = answer.usage_found
    if answer.usage is None or found is None:
        value = _usage_bytes(Closing(usage=estimate or Usage(), estimated=True, costs=costs))
    else:
        value = with_costs(found, costs)
    return with_member(answer.body, _USAGE_NAME, found, value)


def _usage_bytes(closing: Closing) -> bytes:
    usage: dict[str, object] = {"promptTokenCount": closing.usage.tokens}
    if closing.estimated:
        usage["estimated"] = True
    return _ENCODE(usage) if closing.costs is None else with_costs(_ENCODE(usage), closing.costs)


def parse_answer(body: bytes) -> EmbeddingAnswer:
    """Return the answer to a batch in the neutral form; raises UpstreamFailure JUNK."""
    answer = _read(body)
    vectors = tuple([_vector(each, body) for each in answer.embeddings])
    return EmbeddingAnswer(vectors=vectors, usage=_facts(body, answer.usage).usage)


def parse_answer_of_one(body: bytes) -> EmbeddingAnswer:
    """Return the answer for one content in the neutral form; raises UpstreamFailure JUNK."""
    answer = _read_one(body)
    return EmbeddingAnswer(vectors=(_vector(answer.embedding, body),), usage=_facts(body, answer.usage).usage)


def render_answer(answer: EmbeddingAnswer, _request: EmbeddingRequest, closing: Closing) -> bytes:
    """Return the answer to a batch of a client."""
    embeddings = [{"values": vector} for vector in answer.vectors]
    return _ENCODE({"embeddings": embeddings, _USAGE_NAME: Raw(_usage_bytes(closing))})


def render_answer_of_one(answer: EmbeddingAnswer, _request: EmbeddingRequest, closing: Closing) -> bytes:
    """Return the answer for one content of a client."""
    vector = answer.vectors[0] if answer.vectors else ()
    return _ENCODE({"embedding": {"values": vector}, _USAGE_NAME: Raw(_usage_bytes(closing))})


def _vector(value: Raw, body: bytes) -> tuple[float, ...]:
    try:
        return _VALUES.decode(value).values
    except (msgspec.MsgspecError, RecursionError):
        raise _junk(body) from None


def _read(body: bytes) -> _Answer:
    try:
        return _ANSWER.decode(_checked(body))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise _junk(body) from None


def _read_one(body: bytes) -> _AnswerOfOne:
    try:
        return _ANSWER_OF_ONE.decode(_checked(body))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise _junk(body) from None


def _checked(body: bytes) -> bytes:
    """Return the body; msgspec does not check what it skips, and the splice would stumble over it after the charge."""
    if not body.isascii():
        body.decode()
    return body


def _junk(body: bytes) -> UpstreamFailure:
    said = f": {parse_error(200, body).message}" if b'"error"' in body else ""
    return UpstreamFailure(FailureKind.JUNK, f"the provider's answer holds no embeddings{said}")
