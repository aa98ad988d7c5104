"""Errors in OpenAI's form: ours written, providers' read. Knows no HTTP client and no provider by name.

`metadata` is always an object: `{}` when a refusal has no further facts, so that a client may index it unguarded.
"""

from typing import cast

import msgspec

from tollway.dialects.record import ProviderError
from tollway.errors import Refusal

MESSAGE_CHARS_MAX = 500
"""Enough for every provider's sentence; an HTML page or a dump of our own request is not repeated to a client."""

WORD_CHARS_MAX = 100
"""Longest `type` or `code` that is kept: they are words."""

ERROR_BODY_BYTES_MAX = 65_536
"""A JSON error is far shorter; what is longer is not parsed, only quoted from its start."""

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder()


def render_error(refusal: Refusal) -> bytes:
    """Return the body `{"error": {"message", "type", "code", "param", "metadata"}}` of a refusal."""
    return _ENCODER.encode(
        {
            "error": {
                "message": refusal.message,
                "type": refusal.facts.type,
                "code": refusal.code,
                "param": refusal.param,
                "metadata": dict(refusal.metadata or {}),
            }
        }
    )


def parse_error(status: int, body: bytes) -> ProviderError:
    """Return what the body of an error answer says, whatever its shape: object, list, string, HTML or nothing."""
    if len(body) <= ERROR_BODY_BYTES_MAX:
        try:
            found: object = _DECODER.decode(body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            found = None
        if isinstance(found, list):  # Gemini wraps the error object of a stream in a list
            found = next(iter(cast(list[object], found)), None)
        if isinstance(found, dict):
            return _from_object(status, cast(dict[str, object], found))
        if isinstance(found, str):
            return ProviderError(message=_sentence(found) or _silent(status), type=None, code=None)
    # Four bytes a character at most; what is not UTF-8 is shown as such and not refused.
    text = _sentence(body[: MESSAGE_CHARS_MAX * 4].decode("utf-8", "replace"))
    if not text or text.startswith("<"):
        text = _silent(status)
    return ProviderError(message=text, type=None, code=None)


def _from_object(status: int, found: dict[str, object]) -> ProviderError:
    inner = found.get("error")
    if isinstance(inner, dict):
        found = cast(dict[str, object], inner)
    elif isinstance(inner, str):
        found = {"message": inner, **{key: found[key] for key in ("type", "code") if key in found}}
    message = next(
        (text for key in ("message", "msg", "detail", "error_description", "title") if (text := _text(found.get(key)))),
        "",
    )
    return ProviderError(
        message=_sentence(message) or _silent(status), type=_word(found.get("type")), code=_word(found.get("code"))
    )


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    return "" if value is None else _ENCODER.encode(value).decode()


def _word(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value)[:WORD_CHARS_MAX] or None


def _sentence(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text[:MESSAGE_CHARS_MAX])
    return " ".join(printable.split())


def _silent(status: int) -> str:
    return f"the provider answered with status {status} and no message"
