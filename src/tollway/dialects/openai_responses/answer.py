"""A whole Responses answer: the facts settlement needs, and the cost spliced into its usage. Knows no price."""

from typing import cast

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tollway.dialects.error_body import parse_error
from tollway.dialects.members import SMALL_BYTES_MAX, append_members, known_value_start, members
from tollway.dialects.openai_responses.usage import read_usage, shown_usage, written_usage
from tollway.dialects.openai_usage import usage_or_text
from tollway.dialects.provider_cost import read_provider_cost
from tollway.dialects.record import JSON, Closing, CostFields, ReadAnswer
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.usage import Usage

FAILED = frozenset(("failed", "cancelled"))
"""What `status` says of an answer that is none."""

_TEXT_KEYS = frozenset(("content", "summary", "text", "refusal", "name", "arguments", "input", "code", "transcript"))


class _Answer(Struct, gc=False):
    output: list[Raw]
    model: Raw | UnsetType = UNSET
    status: Raw | UnsetType = UNSET
    usage: Raw | UnsetType = UNSET
    service_tier: Raw | UnsetType = UNSET


_ANSWER = msgspec.json.Decoder(_Answer)
_WORD = msgspec.json.Decoder(str | None)
_ANY = msgspec.json.Decoder()


def read_answer(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the facts of a provider's answer of status 200.

    Raises UpstreamFailure JUNK when it is not a JSON object with an array `output`, and BROKE when it says that it failed.
    """
    try:
        if not body.isascii():
            body.decode()  # msgspec does not check what it skips; the splice would stumble over it after the charge
        answer = _ANSWER.decode(body)
        found = None if answer.usage is UNSET else bytes(answer.usage)
        reported = None if found is None else read_usage(found)
        usage, text_bytes = usage_or_text(reported, answer.output, _text_bytes)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise junk(body) from None
    if word(answer.status) in FAILED:
        raise UpstreamFailure(FailureKind.BROKE, f"the provider reported an error: {parse_error(200, body).message}")
    return ReadAnswer(
        body=body,
        usage=usage,
        usage_found=found,
        model_answered=word(answer.model),
        text_bytes=text_bytes,
        service_tier=word(answer.service_tier),
        provider_cost_nanos=read_provider_cost(found),
    )


def splice_cost(answer: ReadAnswer, costs: CostFields, estimate: Usage | None) -> bytes:
    """Return the body with the cost fields in its top-level usage object; no byte outside that object changes.

    Where the provider reported no usage, or only one side of it, the object is made from `estimate` and says
    `"estimated": true`.
    """
    body, found = answer.body, answer.usage_found
    usage = answer.usage
    if usage is None or usage.input is None or usage.output is None:
        usage = estimate or usage or Usage()
    closing = Closing(usage=usage, estimated=usage != answer.usage, costs=costs)
    if found is None:
        return append_members(body, b'"usage":%b' % written_usage(closing))
    value = shown_usage(found, closing)
    at = known_value_start(body, b'"usage"') if len(body) <= SMALL_BYTES_MAX else None
    if at is None:
        # Of a repeated key the last one counts, for this decoder and for the clients'.
        at = next(member.start for member in reversed(members(body)) if member.name == "usage")
    return b"".join((body[:at], value, body[at + len(found) :]))


def junk(body: bytes) -> UpstreamFailure:
    """Return the failure of a body that is no answer; some providers send their errors with status 200."""
    said = f": {parse_error(200, body).message}" if b'"error"' in body else ""
    return UpstreamFailure(FailureKind.JUNK, f"the provider's answer is not a response{said}")


def word(value: Raw | UnsetType) -> str | None:
    """Return a member that ought to be a string; None for anything else."""
    try:
        return None if value is UNSET else _WORD.decode(value)
    except msgspec.ValidationError:
        return None


def _text_bytes(item: Raw) -> int:
    return _loose_bytes(_ANY.decode(item))


def _loose_bytes(value: object) -> int:
    """Return the UTF-8 bytes of what the model wrote in an output item, whatever its type."""
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, list):
        return sum(_loose_bytes(item) for item in cast(list[object], value))
    if not isinstance(value, dict):
        return 0
    return sum(_loose_bytes(held) for key, held in cast(dict[str, object], value).items() if key in _TEXT_KEYS)
