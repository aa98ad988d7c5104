"""A whole answer with pictures, a sound, a transcript or a judgement: its facts, and the cost spliced into its usage.

What is not JSON (a sound, subtitles, plain text) passes untouched: it has no place for a cost, and its content type
says so. Knows no price and no provider.
"""

from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from tollway.dialects.error_body import parse_error
from tollway.dialects.members import SMALL_BYTES_MAX, append_members, known_value_start, members
from tollway.dialects.openai_media.usage import added_up, by_seconds, read_media_usage, usage_value
from tollway.dialects.openai_usage import COUNT_MAX
from tollway.dialects.provider_cost import read_provider_cost
from tollway.dialects.record import JSON, CostFields, ReadAnswer
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.multipart import media_type
from tollway.neutral.usage import Usage

_PAGES = frozenset(("text/html", "application/xhtml+xml"))
"""What a server says when it is not the one that was meant."""


class _Answer(Struct, gc=False, kw_only=True):
    usage: Raw | UnsetType = UNSET
    model: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


class _Pictures(_Answer, gc=False, kw_only=True):
    data: list[Raw]
    svg_usage: Raw | UnsetType = UNSET


class _Moderation(_Answer, gc=False, kw_only=True):
    results: list[Raw]


class _Transcript(_Answer, gc=False, kw_only=True):
    text: str
    duration: Raw | UnsetType = UNSET


_AnswerT = TypeVar("_AnswerT", bound=_Answer)

_SPEECH = msgspec.json.Decoder(_Answer)
_PICTURES = msgspec.json.Decoder(_Pictures)
_MODERATION = msgspec.json.Decoder(_Moderation)
_TRANSCRIPT = msgspec.json.Decoder(_Transcript)
_SECONDS = msgspec.json.Decoder(Annotated[float, Meta(gt=0, le=COUNT_MAX)], strict=False)
"""Some servers write the number in quotes."""
_WORD = msgspec.json.Decoder(str | None)
_NULL = Raw(b"null")


def is_json(content_type: str) -> bool:
    """Tell whether a body is JSON by its type; no type means it is."""
    kind = media_type(content_type)
    return kind in {"", JSON} or kind.endswith("+json")


def read_pictures(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the facts of an answer with pictures; raises UpstreamFailure JUNK when it has no array `data`."""
    answer = _decoded(body, _PICTURES, "an answer with pictures")
    usage = _usage_of(answer.usage) or Usage()
    drawn = _usage_of(answer.svg_usage)
    if drawn is not None:  # a second model has drawn the lines: its tokens are not in the usage of the first
        usage = added_up(usage, drawn)
    usage = msgspec.structs.replace(usage, images=len(answer.data))
    return _read(body, answer, usage, text_bytes=0)


def read_moderation(body: bytes, _content_type: str = JSON) -> ReadAnswer:
    """Return the facts of a judgement; raises UpstreamFailure JUNK when it has no array `results`."""
    answer = _decoded(body, _MODERATION, "a moderation")
    return _read(body, answer, _usage_of(answer.usage), text_bytes=0)


def read_transcript(body: bytes, content_type: str = JSON) -> ReadAnswer:
    """Return the facts of a transcript; raises UpstreamFailure JUNK for JSON without `text`, and for a web page."""
    if not is_json(content_type):
        return _untouched(body, content_type, "a transcript", text_bytes=len(body))
    answer = _decoded(body, _TRANSCRIPT, "a transcript")
    usage = _usage_of(answer.usage) or _by_duration(answer.duration)
    unknown = usage is None or usage.output is None
    return _read(body, answer, usage, text_bytes=len(answer.text.encode()) if unknown else 0)


def read_speech(body: bytes, content_type: str = "audio/mpeg") -> ReadAnswer:
    """Return the facts of a spoken answer, which may be JSON; raises UpstreamFailure JUNK for an error or a web page."""
    if not is_json(content_type):
        return _untouched(body, content_type, "a spoken answer", text_bytes=0)
    answer = _decoded(body, _SPEECH, "a spoken answer")
    return _read(body, answer, _usage_of(answer.usage), text_bytes=0)


def splice_cost(answer: ReadAnswer, costs: CostFields, estimate: Usage | None) -> bytes:
    """Return the body with the cost fields in its top-level usage object, made where there is none.

    No byte outside that object changes, and none at all of a body that is not JSON.
    """
    if not is_json(answer.content_type):
        return answer.body
    body, found = answer.body, answer.usage_found
    known = answer.usage is not None and answer.usage.tokens > 0
    value = usage_value(found, costs, None if known else estimate)
    if found is None:
        return append_members(body, b'"usage":%b' % value)
    at = known_value_start(body, b'"usage"') if len(body) <= SMALL_BYTES_MAX else None
    if at is None:
        at = next(member.start for member in reversed(members(body)) if member.name == "usage")
    return b"".join((body[:at], value, body[at + len(found) :]))


def _usage_of(found: Raw | UnsetType) -> Usage | None:
    return None if found is UNSET else read_media_usage(found)


def _by_duration(found: Raw | UnsetType) -> Usage | None:
    try:
        return None if found is UNSET else by_seconds(_SECONDS.decode(found))
    except msgspec.ValidationError:
        return None


def _decoded(body: bytes, decoder: msgspec.json.Decoder[_AnswerT], what: str) -> _AnswerT:
    try:
        if not body.isascii():
            body.decode()  # msgspec does not check what it skips; the splice would stumble over it after the charge
        answer = decoder.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise _junk(body, what) from None
    if answer.error is not UNSET and answer.error != _NULL:
        raise _junk(body, what)
    return answer


def _read(body: bytes, answer: _Answer, usage: Usage | None, *, text_bytes: int) -> ReadAnswer:
    found = None if answer.usage is UNSET else bytes(answer.usage)
    return ReadAnswer(
        body=body,
        usage=usage,
        usage_found=found,
        model_answered=None if answer.model is UNSET else _word(answer.model),
        text_bytes=text_bytes,
        provider_cost_nanos=read_provider_cost(found),
    )


def _untouched(body: bytes, content_type: str, what: str, *, text_bytes: int) -> ReadAnswer:
    if not body or media_type(content_type) in _PAGES:
        raise UpstreamFailure(FailureKind.JUNK, f"the provider's answer is not {what}")
    return ReadAnswer(
        body=body,
        content_type=content_type,
        usage=None,
        usage_found=None,
        model_answered=None,
        text_bytes=text_bytes,
    )


def _junk(body: bytes, what: str) -> UpstreamFailure:
    """Return the failure of a body that is no answer; some providers send their errors with status 200."""
    said = f": {parse_error(200, body).message}" if b'"error"' in body else ""
    return UpstreamFailure(FailureKind.JUNK, f"the provider's answer is not {what}{said}")


def _word(value: Raw) -> str | None:
    try:
        return _WORD.decode(value)
    except msgspec.ValidationError:
        return None
