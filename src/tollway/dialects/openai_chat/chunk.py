"""One chunk of a streamed chat answer: its facts, and the edits that the end of a stream needs. Keeps no state."""

from typing import cast

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tollway.dialects.openai_chat.text import Written, loose_bytes, written_bytes
from tollway.dialects.openai_usage import Counts, read_usage, usage_of
from tollway.neutral.usage import Usage


class _Choice(Struct, gc=False):
    index: int = 0
    delta: Written | None = None
    finish_reason: str | None = None


class _Groq(Struct, gc=False):
    usage: Counts | None = None


class _Chunk(Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: Counts | None = None
    error: Raw | UnsetType = UNSET
    model: str | None = None
    x_groq: _Groq | None = None
    """Where Groq reports usage to whom does not ask for it."""


class _Tier(Struct, gc=False):
    service_tier: str | None = None


class Chunk(Struct, gc=False):
    """What the pipe must know of a chunk."""

    has_choices: bool
    finished: tuple[int, ...]
    """Indexes of the choices that carry a finish reason."""
    text_bytes: int
    usage_given: bool
    usage: Usage | None
    model: str | None
    is_error: bool


_CHUNK = msgspec.json.Decoder(_Chunk)
_ANY = msgspec.json.Decoder()
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_TIER = msgspec.json.Decoder(_Tier)
_CHOICES = msgspec.json.Decoder(list[dict[str, Raw]])
_DELTA = msgspec.json.Decoder(dict[str, Raw])
_CONTENT = msgspec.json.Decoder(str)
_ENCODE = msgspec.json.Encoder().encode

_NULL = Raw(b"null")
_EMPTY_TEXT = Raw(b'""')
_KEPT = ("id", "object", "created", "model", "system_fingerprint", "service_tier")
"""What a chunk of ours repeats of the last chunk that was seen."""
_DEFAULTS = {"id": Raw(b'""'), "object": Raw(b'"chat.completion.chunk"'), "created": Raw(b"0"), "model": Raw(b'""')}


def read_chunk(payload: bytes) -> Chunk:
    """Return the facts of an event's data; raises msgspec.DecodeError or UnicodeDecodeError when it is not JSON."""
    if not payload.isascii():
        payload.decode()  # msgspec does not check what it skips; an edit of the stream's end would stumble over it
    try:
        chunk = _CHUNK.decode(payload)
    except msgspec.ValidationError:
        return _read_loosely(_ANY.decode(payload))
    text = 0
    finished: tuple[int, ...] = ()
    choices = chunk.choices
    if choices:
        for choice in choices:
            if choice.delta is not None:
                text += written_bytes(choice.delta)
            if choice.finish_reason:
                finished += (choice.index,)
    counts = chunk.usage
    if counts is None and chunk.x_groq is not None:
        counts = chunk.x_groq.usage
    return Chunk(
        bool(choices),
        finished,
        text,
        counts is not None,
        None if counts is None else usage_of(counts),
        chunk.model,
        chunk.error is not UNSET and bytes(chunk.error) != b"null",
    )


def _read_loosely(value: object) -> Chunk:
    """Read the facts of a chunk whose types are not the expected ones, one by one."""
    fields = cast(dict[str, object], value) if isinstance(value, dict) else {}
    found = fields.get("choices")
    choices = cast(list[object], found) if isinstance(found, list) else []
    finished: list[int] = []
    text = 0
    for position, choice in enumerate(choices):
        if isinstance(choice, dict):
            known = cast(dict[str, object], choice)
            text += loose_bytes(known.get("delta"))
            if known.get("finish_reason"):
                index = known.get("index")
                finished.append(index if isinstance(index, int) else position)
    usage, model = fields.get("usage"), fields.get("model")
    return Chunk(
        has_choices=bool(choices),
        finished=tuple(finished),
        text_bytes=text,
        usage_given=usage is not None,
        usage=None if usage is None else read_usage(_ENCODE(usage)),
        model=model if isinstance(model, str) else None,
        is_error=fields.get("error") is not None,
    )


def usage_bytes(payload: bytes) -> bytes:
    """Return the very bytes of the usage value of a chunk that has one."""
    fields = _FIELDS.decode(payload)
    usage = bytes(fields.get("usage", _NULL))
    return bytes(_FIELDS.decode(fields["x_groq"])["usage"]) if usage == b"null" else usage


def service_tier(payload: bytes) -> str | None:
    """Return the tier that a chunk names; None when it names none."""
    try:
        return _TIER.decode(payload).service_tier
    except msgspec.ValidationError:
        return None


def as_last_chunk(payload: bytes, usage: bytes) -> bytes | None:
    """Return the chunk with `usage`, and with a string as `content` in every delta; None when its form forbids it.

    Clients print `choices[0].delta.content` of every chunk unguarded: on the chunk that carries the usage it is "".
    """
    try:
        fields = _FIELDS.decode(payload)
        choices = _CHOICES.decode(fields["choices"])
        for choice in choices:
            given = choice.get("delta", _NULL)
            delta = {} if bytes(given) == b"null" else _DELTA.decode(given)
            if bytes(delta.get("content", _NULL)) == b"null":
                delta["content"] = _EMPTY_TEXT
            choice["delta"] = Raw(_ENCODE(delta))
    except msgspec.ValidationError:
        return None
    fields["choices"] = Raw(_ENCODE(choices))
    fields["usage"] = Raw(usage)
    return _ENCODE(fields)


def with_usage(payload: bytes, usage: bytes) -> bytes:
    """Return the chunk with this usage value in the place of its own."""
    fields = _FIELDS.decode(payload)
    fields["usage"] = Raw(usage)
    return _ENCODE(fields)


def without_finish(payload: bytes) -> bytes | None:
    """Return the chunk with every finish reason null; None when its form forbids it."""
    try:
        fields = _FIELDS.decode(payload)
        choices = _CHOICES.decode(fields["choices"])
    except msgspec.ValidationError:
        return None
    for choice in choices:
        choice["finish_reason"] = _NULL
    fields["choices"] = Raw(_ENCODE(choices))
    return _ENCODE(fields)


def new_chunk(seen: bytes | None, choices: bytes, usage: bytes | None) -> bytes:
    """Return a chunk of ours with these choices and this usage if any, otherwise like the chunk `seen` last."""
    like = {} if seen is None else _FIELDS.decode(seen)
    fields = {name: like.get(name, _DEFAULTS.get(name)) for name in _KEPT if name in like or name in _DEFAULTS}
    fields["choices"] = Raw(choices)
    if usage is not None:
        fields["usage"] = Raw(usage)
    return _ENCODE(fields)
