"""Errors in Google's form: ours written, providers' read. Knows no HTTP client.

An invalid key is a 400 with the same status word as a bad body; only the reason tells them apart, so it is the code.
"""

from typing import cast

import msgspec

from tollway.dialects import error_body
from tollway.dialects.gemini.words import STATUS_WORDS
from tollway.dialects.record import ProviderError
from tollway.errors import Refusal

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
DOMAIN = "tollway"

_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder().decode


def render_error(refusal: Refusal) -> bytes:
    """Return the body of a refusal: Google's members, and ours (`type`, `param`, `metadata`) beside them."""
    metadata = dict(refusal.metadata or {})
    details: list[dict[str, object]] = [
        {
            "@type": ERROR_INFO,
            "reason": refusal.code,
            "domain": DOMAIN,
            "metadata": {name: _as_text(value) for name, value in metadata.items()},
        }
    ]
    if refusal.retry_after_s is not None:
        details.append({"@type": RETRY_INFO, "retryDelay": f"{refusal.retry_after_s}s"})
    facts = refusal.facts
    return _ENCODE(
        {
            "error": {
                "code": facts.status,
                "message": refusal.message,
                "status": STATUS_WORDS.get(facts.status, "UNKNOWN"),
                "details": details,
                "type": facts.type,
                "param": refusal.param,
                "metadata": metadata,
            }
        }
    )


def parse_error(status: int, body: bytes) -> ProviderError:
    """Return what an error answer says: as type Google's status word, as code the reason where it gives one."""
    plain = error_body.parse_error(status, body)
    found = _error_object(body)
    word = _word(found.get("status"))
    reason = next((each for each in map(_reason, _list(found.get("details"))) if each), None)
    return ProviderError(message=plain.message, type=word or plain.type, code=reason or word or plain.code)


def _error_object(body: bytes) -> dict[str, object]:
    if len(body) > error_body.ERROR_BODY_BYTES_MAX:
        return {}
    try:
        found: object = _DECODE(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}
    if isinstance(found, list):  # a stream that is refused is one array
        found = next(iter(cast(list[object], found)), None)
    return _object(_object(found).get("error"))


def _reason(detail: object) -> str | None:
    return _word(_object(detail).get("reason"))


def _object(value: object) -> dict[str, object]:
    return cast(dict[str, object], value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast(list[object], value) if isinstance(value, list) else []


def _word(value: object) -> str | None:
    return value[: error_body.WORD_CHARS_MAX] or None if isinstance(value, str) else None


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else _ENCODE(value).decode()
