"""A whole completion: the facts settlement needs, and the cost spliced into its usage. Knows no price and no provider."""

from typing import cast

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tollway.dialects.error_body import parse_error
from tollway.dialects.openai_usage import read_usage, usage_or_text
from tollway.dialects.provider_cost import read_provider_cost
from tollway.dialects.record import JSON, ReadAnswer
from tollway.errors import FailureKind, UpstreamFailure


class _Answer(Struct, gc=False):
    choices: list[Raw]
    model: Raw | UnsetType = UNSET
    usage: Raw | UnsetType = UNSET
    service_tier: Raw | UnsetType = UNSET


_ANSWER = msgspec.json.Decoder(_Answer)
_ANY = msgspec.json.Decoder()


def read_answer(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the facts of a provider's answer of status 200; raises UpstreamFailure JUNK when it is no completion."""
    try:
        if not body.isascii():
            body.decode()  # msgspec does not check what it skips; the splice would stumble over it after the charge
        answer = _ANSWER.decode(body)
        found = None if answer.usage is UNSET else bytes(answer.usage)
        reported = None if found is None else read_usage(found)
        usage, text_bytes = usage_or_text(reported, answer.choices, _text_bytes)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        said = f": {parse_error(200, body).message}" if b'"error"' in body else ""
        raise UpstreamFailure(FailureKind.JUNK, f"the provider's answer is not a completion{said}") from None
    return ReadAnswer(
        body=body,
        usage=usage,
        usage_found=found,
        model_answered=_word(answer.model),
        text_bytes=text_bytes,
        service_tier=_word(answer.service_tier),
        provider_cost_nanos=read_provider_cost(found),
    )


def _word(value: Raw | UnsetType) -> str | None:
    word: object = None if value is UNSET else _ANY.decode(value)
    return word if isinstance(word, str) else None


def _text_bytes(choice: Raw) -> int:
    found: object = _ANY.decode(choice)
    text = cast("dict[str, object]", found).get("text") if isinstance(found, dict) else None
    return len(text.encode("utf-8", "surrogatepass")) if isinstance(text, str) else 0
