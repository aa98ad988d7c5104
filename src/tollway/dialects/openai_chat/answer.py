"""A whole chat answer: the facts settlement needs, and the cost spliced into its usage. Knows no price and no provider."""

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tollway.dialects.error_body import parse_error
from tollway.dialects.openai_chat.text import Written, loose_message_bytes, written_bytes
from tollway.dialects.openai_usage import read_usage, usage_or_text
from tollway.dialects.provider_cost import read_provider_cost
from tollway.dialects.record import JSON, ReadAnswer
from tollway.errors import FailureKind, UpstreamFailure


class _Answer(Struct, gc=False):
    choices: list[Raw]
    model: Raw | UnsetType = UNSET
    usage: Raw | UnsetType = UNSET
    service_tier: Raw | UnsetType = UNSET


class _Choice(Struct, gc=False):
    message: Written | None = None


_ANSWER = msgspec.json.Decoder(_Answer)
_CHOICE = msgspec.json.Decoder(_Choice)
_WORD = msgspec.json.Decoder(str | None)


def read_answer(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the facts of a provider's answer of status 200.

    Raises UpstreamFailure JUNK when it is not a JSON object with an array `choices`.
    """
    try:
        if not body.isascii():
            body.decode()  # msgspec does not check what it skips; the splice would stumble over it after the charge
        answer = _ANSWER.decode(body)
        model = None if answer.model is UNSET else _word(answer.model)
        found = None if answer.usage is UNSET else bytes(answer.usage)
        reported = None if found is None else read_usage(found)
        usage, text_bytes = usage_or_text(reported, answer.choices, _choice_bytes)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise _junk(body) from None
    return ReadAnswer(
        body=body,
        usage=usage,
        usage_found=found,
        model_answered=model,
        text_bytes=text_bytes,
        service_tier=None if answer.service_tier is UNSET else _word(answer.service_tier),
        provider_cost_nanos=read_provider_cost(found),
    )


def _junk(body: bytes) -> UpstreamFailure:
    """Return the failure of a body that is no answer; some providers send their errors with status 200."""
    said = f": {parse_error(200, body).message}" if b'"error"' in body else ""
    return UpstreamFailure(FailureKind.JUNK, f"the provider's answer is not a chat completion{said}")


def _word(value: Raw) -> str | None:
    try:
        return _WORD.decode(value)
    except msgspec.ValidationError:
        return None


def _choice_bytes(choice: Raw) -> int:
    try:
        message = _CHOICE.decode(choice).message
    except msgspec.ValidationError:
        return loose_message_bytes(choice)
    return 0 if message is None else written_bytes(message)
