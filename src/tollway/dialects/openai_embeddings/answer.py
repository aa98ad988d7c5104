"""Embeddings in OpenAI's form: the facts of an answer, its costs, and the way to and from the neutral form.

Knows no price and no provider by name. Embeddings have no output, and some servers report only a total.
"""

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tollway.dialects.embedding_form import base64_of, floats_of, indexed, read_usage_of, with_member
from tollway.dialects.error_body import parse_error
from tollway.dialects.openai_usage import read_usage, usage_with_costs
from tollway.dialects.provider_cost import read_provider_cost
from tollway.dialects.record import JSON, Closing, CostFields, ReadAnswer
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.embedding import EmbeddingAnswer, EmbeddingRequest
from tollway.neutral.usage import Usage


class _Item(Struct, gc=False):
    embedding: list[float] | str
    index: int | None = None


class _Answer(Struct, gc=False):
    data: list[Raw]
    model: Raw | UnsetType = UNSET
    usage: Raw | UnsetType = UNSET


class _Total(Struct, gc=False):
    total_tokens: int


_ANSWER = msgspec.json.Decoder(_Answer)
_ITEM = msgspec.json.Decoder(_Item)
_WORD = msgspec.json.Decoder(str)
_TOTAL = msgspec.json.Decoder(_Total)
_ENCODE = msgspec.json.Encoder().encode
_TOTAL_MAX = 1_000_000_000


def read_answer(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the facts of a provider's answer of status 200; raises UpstreamFailure JUNK when it has no array `data`."""
    answer = _read(body)
    found = None if answer.usage is UNSET else bytes(answer.usage)
    return ReadAnswer(
        body=body,
        usage=usage_of(found),
        usage_found=found,
        model_answered=_word(answer.model),
        text_bytes=0,
        provider_cost_nanos=read_provider_cost(found),
    )


def splice_cost(answer: ReadAnswer, costs: CostFields, estimate: Usage | None) -> bytes:
    """Return the body with the cost fields in its usage object; no byte outside that object changes."""
    found = answer.usage_found
    value = usage_with_costs(found if answer.usage is not None else None, costs, estimate)
    return with_member(answer.body, "usage", found, value)


def usage_of(found: bytes | None) -> Usage | None:
    """Return the usage of a usage value; None when it reports none."""
    if found is None:
        return None
    usage = read_usage(found)
    if usage is None:
        return _total_only(found)
    usage = msgspec.structs.replace(usage, output=0, reasoning=None, audio_output=None)
    return usage if usage.tokens else None


def _total_only(found: bytes) -> Usage | None:
    try:
        total = _TOTAL.decode(found).total_tokens
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return read_usage_of(total if 0 <= total <= _TOTAL_MAX else None)


def parse_answer(body: bytes) -> EmbeddingAnswer:
    """Return an answer in the neutral form; raises UpstreamFailure JUNK."""
    answer = _read(body)
    try:
        items = [_ITEM.decode(item) for item in answer.data]
    except (msgspec.MsgspecError, RecursionError):
        raise _junk(body) from None
    return EmbeddingAnswer(
        vectors=indexed((item.index, _vector(item.embedding)) for item in items),
        usage=usage_of(None if answer.usage is UNSET else bytes(answer.usage)),
        model=_word(answer.model),
    )


def _vector(given: list[float] | str) -> tuple[float, ...]:
    return floats_of(given) if isinstance(given, str) else tuple(given)


def render_answer(answer: EmbeddingAnswer, request: EmbeddingRequest, closing: Closing) -> bytes:
    """Return an answer to a client, its vectors as the client wants them."""
    data = [
        {"object": "embedding", "index": index, "embedding": base64_of(vector) if request.base64 else vector}
        for index, vector in enumerate(answer.vectors)
    ]
    tokens = closing.usage.tokens
    usage: dict[str, object] = {"prompt_tokens": tokens, "total_tokens": tokens}
    if closing.estimated:
        usage["estimated"] = True
    shown = _ENCODE(usage) if closing.costs is None else usage_with_costs(_ENCODE(usage), closing.costs, None)
    model = answer.model or request.model
    return _ENCODE({"object": "list", "data": data, "model": model, "usage": Raw(shown)})


def _read(body: bytes) -> _Answer:
    try:
        if not body.isascii():
            body.decode()  # msgspec does not check what it skips; the splice would stumble over it after the charge
        return _ANSWER.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise _junk(body) from None


def _word(value: Raw | UnsetType) -> str | None:
    try:
        return None if value is UNSET else _WORD.decode(value)
    except msgspec.ValidationError:
        return None


def _junk(body: bytes) -> UpstreamFailure:
    said = f": {parse_error(200, body).message}" if b'"error"' in body else ""
    return UpstreamFailure(FailureKind.JUNK, f"the provider's answer is not a list of embeddings{said}")
