"""A ranking: the facts settlement needs, and the cost spliced into its usage. Knows no price and no provider.

Providers of one form count in two: searches, in `meta.billed_units`, and tokens, in `usage` or in `meta`. The cost
stands in a top-level `usage`, made where there is none.
"""

from collections.abc import Iterable
from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from tollway.dialects.cost_fields import cost_members, with_costs
from tollway.dialects.error_body import parse_error
from tollway.dialects.members import SMALL_BYTES_MAX, append_members, known_value_start, members
from tollway.dialects.openai_usage import COUNT_MAX, usage_with_costs
from tollway.dialects.provider_cost import read_provider_cost
from tollway.dialects.record import JSON, CostFields, ReadAnswer
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.usage import Usage

_Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]


class _Answer(Struct, gc=False):
    results: list[Raw] | None = None
    data: list[Raw] | None = None
    """Voyage's word for the results."""
    usage: Raw | UnsetType = UNSET
    meta: Raw | UnsetType = UNSET
    model: Raw | UnsetType = UNSET


class _Tokens(Struct, gc=False):
    total_tokens: _Count | None = None
    prompt_tokens: _Count | None = None
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    search_units: _Count | None = None


class _Meta(Struct, gc=False):
    billed_units: _Tokens | None = None
    tokens: _Tokens | None = None


_T = TypeVar("_T")

_ANSWER = msgspec.json.Decoder(_Answer)
_TOKENS = msgspec.json.Decoder(_Tokens | None)
_META = msgspec.json.Decoder(_Meta | None)
_WORD = msgspec.json.Decoder(str | None)


def read_answer(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the facts of a ranking; raises UpstreamFailure JUNK when it has neither `results` nor `data`."""
    try:
        if not body.isascii():
            body.decode()  # msgspec does not check what it skips; the splice would stumble over it after the charge
        answer = _ANSWER.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise _junk(body) from None
    if answer.results is None and answer.data is None:
        raise _junk(body)
    found = None if answer.usage is UNSET else bytes(answer.usage)
    return ReadAnswer(
        body=body,
        usage=_usage(answer),
        usage_found=found,
        model_answered=_word(answer.model),
        text_bytes=0,
        provider_cost_nanos=read_provider_cost(found),
    )


def splice_cost(answer: ReadAnswer, costs: CostFields, estimate: Usage | None) -> bytes:
    """Return the body with the cost fields in its top-level usage object, made where there is none."""
    body, found = answer.body, answer.usage_found
    if found is not None and found.startswith(b"{"):
        value = with_costs(found, costs)
    elif answer.usage is None:
        value = usage_with_costs(None, costs, estimate)
    else:
        value = b"{%b}" % cost_members(costs)
    if found is None:
        return append_members(body, b'"usage":%b' % value)
    at = known_value_start(body, b'"usage"') if len(body) <= SMALL_BYTES_MAX else None
    if at is None:
        at = next(member.start for member in reversed(members(body)) if member.name == "usage")
    return b"".join((body[:at], value, body[at + len(found) :]))


def _usage(answer: _Answer) -> Usage | None:
    """Return searches and tokens as far as they are reported; None when neither is."""
    meta = None if answer.meta is UNSET else _decoded(_META, answer.meta)
    counts = [
        None if answer.usage is UNSET else _decoded(_TOKENS, answer.usage),
        None if meta is None else meta.billed_units,
        None if meta is None else meta.tokens,
    ]
    searches = _first(None if count is None else count.search_units for count in counts)
    tokens = _first(None if count is None else _tokens(count) for count in counts)
    if tokens is None:
        return None if searches is None else Usage(calls=searches)
    return Usage(input=tokens, output=0, calls=searches)


def _tokens(counts: _Tokens) -> int | None:
    """Return all that was read; nothing is written but numbers. Zero is no report: no query is empty."""
    if counts.total_tokens:
        return counts.total_tokens
    return ((counts.input_tokens or counts.prompt_tokens or 0) + (counts.output_tokens or 0)) or None


def _first(counts: Iterable[int | None]) -> int | None:
    return next((count for count in counts if count is not None), None)


def _decoded(decoder: msgspec.json.Decoder[_T], found: Raw) -> _T | None:
    try:
        return decoder.decode(found)
    except msgspec.ValidationError:
        return None


def _word(found: Raw | UnsetType) -> str | None:
    return None if found is UNSET else _decoded(_WORD, found)


def _junk(body: bytes) -> UpstreamFailure:
    """Return the failure of a body that is no answer; some providers send their errors with status 200."""
    said = f": {parse_error(200, body).message}" if b'"error"' in body or b'"message"' in body else ""
    return UpstreamFailure(FailureKind.JUNK, f"the provider's answer is not a ranking{said}")
