"""Errors as Bedrock words them: `message` or `Message`, and sometimes `__type`. Knows no header."""

import msgspec
from msgspec import Struct, field

from tollway.dialects import error_body
from tollway.dialects.record import ProviderError


class _Facts(Struct):
    message: str | None = None
    capital: str | None = field(name="Message", default=None)
    type: str | None = field(name="__type", default=None)


_FACTS = msgspec.json.Decoder(_Facts)
_ENCODE = msgspec.json.Encoder().encode


def parse_error(status: int, body: bytes) -> ProviderError:
    """Return what the body of an error answer says; a type such as `com.amazon.coral.service#ThrottlingException` is its end."""
    if len(body) <= error_body.ERROR_BODY_BYTES_MAX:
        try:
            facts = _FACTS.decode(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            facts = _Facts()
        if facts.capital is not None or facts.type is not None:
            kind = (facts.type or "").rpartition("#")[2] or None
            body = _ENCODE({"message": facts.message or facts.capital, "type": kind})
    return error_body.parse_error(status, body)
