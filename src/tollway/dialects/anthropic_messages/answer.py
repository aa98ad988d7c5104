"""A whole Messages answer: the facts settlement needs, and the cost spliced into its usage. Knows no price and no provider."""

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tollway.dialects.anthropic_messages.costs import usage_shown, with_usage
from tollway.dialects.anthropic_messages.usage import read_counts, tier_of, usage_of
from tollway.dialects.error_body import parse_error
from tollway.dialects.provider_cost import read_provider_cost
from tollway.dialects.record import JSON, Closing, CostFields, ReadAnswer
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.usage import Usage


class _Answer(Struct, gc=False):
    content: list[Raw]
    model: Raw | UnsetType = UNSET
    usage: Raw | UnsetType = UNSET


class _Written(Struct, gc=False):
    text: str | None = None
    thinking: str | None = None
    name: str | None = None
    input: Raw | UnsetType = UNSET


_ANSWER = msgspec.json.Decoder(_Answer)
_WRITTEN = msgspec.json.Decoder(_Written)
_WORD = msgspec.json.Decoder(str | None)


def read_answer(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the facts of a provider's answer of status 200.

    Raises UpstreamFailure JUNK when it is not a JSON object with an array `content`.
    """
    try:
        if not body.isascii():
            body.decode()  # msgspec does not check what it skips; the splice would stumble over it after the charge
        answer = _ANSWER.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise junk(body) from None
    found = None if answer.usage is UNSET else bytes(answer.usage)
    counts = None if found is None else read_counts(found)
    usage = usage_of(counts)
    text_bytes = 0
    if usage is None or usage.output is None or not usage.tokens:
        text_bytes = sum(_block_bytes(block) for block in answer.content)
        if text_bytes and usage is not None and not usage.tokens:
            usage = None
    return ReadAnswer(
        body=body,
        usage=usage,
        usage_found=found,
        model_answered=_word(answer.model),
        text_bytes=text_bytes,
        service_tier=tier_of(counts),
        provider_cost_nanos=read_provider_cost(found),
    )


def splice_cost(answer: ReadAnswer, costs: CostFields, estimate: Usage | None) -> bytes:
    """Return the body with the cost fields in its top-level usage object; no byte outside that object changes.

    Where the provider reported no usage, the object is made from `estimate` and says `"estimated": true`.
    """
    closing = Closing(usage=answer.usage or estimate or Usage(), estimated=answer.usage is None, costs=costs)
    return with_usage(answer.body, answer.usage_found, usage_shown(answer.usage_found, closing))


def junk(body: bytes) -> UpstreamFailure:
    """Return the failure of a body that is no answer; some servers send their errors with status 200."""
    said = f": {parse_error(200, body).message}" if b'"error"' in body else ""
    return UpstreamFailure(FailureKind.JUNK, f"the provider's answer is not a message{said}")


def _word(value: Raw | UnsetType) -> str | None:
    if value is UNSET:
        return None
    try:
        return _WORD.decode(value)
    except msgspec.ValidationError:
        return None


def _block_bytes(block: Raw) -> int:
    try:
        written = _WRITTEN.decode(block)
    except msgspec.ValidationError:
        return len(bytes(block))
    count = 0 if written.input is UNSET else len(bytes(written.input))
    return count + sum(len(text.encode()) for text in (written.text, written.thinking, written.name) if text)
