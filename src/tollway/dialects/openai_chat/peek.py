"""The few facts of a chat request that admission needs, without a full parse. Knows no provider and no price.

Two decodes, both in C: one of the facts, which also checks that all of the body is JSON, and one of the names of the
top-level keys, where a repeated one shows. What nobody asks for is skipped, not built. msgspec skips strings without
checking that they are UTF-8, so that is checked first. It refuses NaN and Infinity, lone surrogates and control
characters by itself, also in what it skips.

Depth has the interpreter's limit and no other: msgspec counts each level, of what it skips too, with
Py_EnterRecursiveCall, which exists to keep the C stack whole (1,000 with Python's frames on 3.11, some thousands of C
calls since 3.12) and gives a RecursionError. Counting brackets ourselves would cost more than all the rest of a peek.
OpenAI's deepest schemas have ten levels.
"""

import codecs
from collections import Counter
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from tollway.dialects.members import MembersError, member_names, member_names_bounded
from tollway.errors import Refusal
from tollway.neutral.peek import Peek

CHOICES_MAX = 128
"""The most that OpenAI accepts as `n`."""

OUTPUT_TOKENS_LIMIT_MAX = 2**31 - 1
"""Providers keep token limits in 32 bits; with this bound no worst case leaves 64 bits of nano-units."""

KEYS_MAX = 1_000
"""Top-level keys of one large body. OpenAI's own have some forty; building millions of names would take seconds."""

PARAM_CHARS_MAX = 100
"""How much of a client's own key an error repeats."""

SMALL_BYTES_MAX = 65_536
"""Up to this size the names of all keys are built in three milliseconds at worst, and need no counting."""

BRACES_MAX = 1_000_000
"""Opening braces in one body, which bound its messages and parts. Building ten million of them, which fit into 32 MiB,
takes a second and 500 MB; a million braces with what they hold are beyond every model's context, as text too. Each
needs its closing one, so that smaller bodies need no counting."""

UTF8_STEP_BYTES = 1 << 20
"""A body that is not plain ASCII is checked in steps of 1 MiB, so that no copy as large as the body is made."""

TEXT_PARTS = frozenset(("text", "refusal", "thinking", "reasoning", "input_text", "output_text"))
"""Content parts whose tokens are bounded by their bytes; every other type counts as media."""


class _Part(Struct, gc=False):
    type: str = "text"


class _Message(Struct, gc=False):
    content: str | list[_Part] | None = None
    audio: Raw | UnsetType = UNSET
    """A reference to an earlier spoken answer: its tokens are not in the body either."""


class _StreamOptions(Struct, gc=False):
    include_usage: bool | None = None


_Limit = Annotated[int, Meta(ge=1, le=OUTPUT_TOKENS_LIMIT_MAX)]


class _Facts(Struct, gc=False):
    model: Annotated[str, Meta(min_length=1)]
    messages: Annotated[list[_Message], Meta(min_length=1)]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=CHOICES_MAX)] | None = None
    max_tokens: _Limit | None = None
    max_completion_tokens: _Limit | None = None


_FACTS = msgspec.json.Decoder(_Facts)

_EXPECTED = {
    "model": "`model` must be a string that names a model; GET /v1/models lists them",
    "messages": "`messages` must be a non-empty array of objects, each with `content` that is a string, an array of "
    "objects with a `type`, or null",
    "stream": "`stream` must be true or false",
    "stream_options": "`stream_options` must be an object, with `include_usage` true or false, or null",
    "n": f"`n` must be a whole number from 1 to {CHOICES_MAX}",
    "max_tokens": f"`max_tokens` must be a whole number from 1 to {OUTPUT_TOKENS_LIMIT_MAX}",
    "max_completion_tokens": f"`max_completion_tokens` must be a whole number from 1 to {OUTPUT_TOKENS_LIMIT_MAX}",
}


def peek(body: bytes) -> Peek:
    """Return the facts of a chat request; raises Refusal `invalid_request` that says what to mend, and nothing else."""
    _check_utf8(body)
    if len(body) > 2 * BRACES_MAX and body.count(b"{") > BRACES_MAX:
        raise _refuse(f"the body has more than {BRACES_MAX} opening braces: send fewer messages or parts")
    try:
        facts = _FACTS.decode(body)
        _check_names(body)
    except msgspec.ValidationError as error:
        raise _misfit(str(error)) from None
    except msgspec.DecodeError as error:
        raise _refuse(_not_json(body, str(error))) from None
    except RecursionError:
        raise _refuse("the body is nested too deeply: hundreds of arrays or objects inside each other") from None
    streamed = facts.stream is True
    options = facts.stream_options
    limit = facts.max_tokens
    if facts.max_completion_tokens is not None:
        # Which of the two a provider heeds is its choice: the larger one is what may be paid.
        limit = max(facts.max_completion_tokens, limit or 0)
    return Peek(
        model_asked=facts.model,
        streamed=streamed,
        usage_asked=streamed and options is not None and options.include_usage is True,
        output_tokens_max=limit,
        choices=facts.n or 1,
        body_bytes=len(body),
        media_parts=_count_media(facts.messages),
    )


def _check_utf8(body: bytes) -> None:
    if body.isascii():
        return
    start = 0
    decode = codecs.getincrementaldecoder("utf-8")().decode
    try:
        while start < len(body):
            stop = start + UTF8_STEP_BYTES
            decode(body[start:stop], stop >= len(body))
            start = stop
    except UnicodeDecodeError:
        raise _refuse("the body is not valid UTF-8") from None


def _check_names(body: bytes) -> None:
    """Refuse a top-level key that stands twice: a provider might read the value that was not priced."""
    if len(body) <= SMALL_BYTES_MAX:
        names = member_names(body)
    else:
        try:
            names = member_names_bounded(body, KEYS_MAX)
        except MembersError:
            raise _refuse(f"the body has more than {KEYS_MAX} top-level keys") from None
    if len(names) == len(set(names)):
        return
    twice = next(name for name, times in Counter(names).items() if times > 1)[:PARAM_CHARS_MAX]
    raise _refuse(f"`{twice}` stands twice in the body: give it once", param=twice)


def _count_media(messages: list[_Message]) -> int:
    media = 0
    for message in messages:
        if isinstance(message.content, list):
            for part in message.content:
                if part.type not in TEXT_PARTS:
                    media += 1
        if message.audio is not UNSET and bytes(message.audio) != b"null":
            media += 1
    return media


def _misfit(reason: str) -> Refusal:
    """Turn msgspec's words for a wrong type into ours; they end in "- at `$.path`" unless the top level is at fault."""
    _, found, path = reason.rpartition("`$.")
    if not found:  # "Object missing required field `model`", or "Expected `object`, got `array`" at the top level
        path = reason.rpartition("field `")[2]
    param = path.rstrip("`").partition(".")[0].partition("[")[0]
    if param in _EXPECTED:
        return _refuse(_EXPECTED[param], param=param)
    return _refuse("the body must be a JSON object with `model` and `messages`")


def _not_json(body: bytes, reason: str) -> str:
    if not body:
        return "the body is empty: send a JSON object with `model` and `messages`"
    return f"the body is not JSON: {reason.removeprefix('JSON is malformed: ')}"


def _refuse(message: str, *, param: str | None = None) -> Refusal:
    return Refusal("invalid_request", message, param=param)
