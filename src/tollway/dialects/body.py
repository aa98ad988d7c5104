"""A client's body on its way in: is it one JSON object that means the same to everybody, and the facts that a dialect asks of it.

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
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from tollway.dialects.members import MembersError, member_names, member_names_bounded
from tollway.errors import Refusal

KEYS_MAX = 1_000
"""Top-level keys of one large body. OpenAI's own have some forty; building millions of names would take seconds."""

TOO_DEEP = "the body is nested too deeply: hundreds of arrays or objects inside each other"

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


Facts = TypeVar("Facts")


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """How a dialect speaks of its bodies."""

    fields: Mapping[str, str]
    """Top-level field to the sentence that says what it must be."""
    summary: str
    """What a body is: "a JSON object with `model` and `messages`"."""


def read_facts(body: bytes, decoder: msgspec.json.Decoder[Facts], expected: Expected) -> Facts:
    """Return the facts of a body; raises Refusal `invalid_request` that says what to mend, and nothing else."""
    _check_utf8(body)
    if len(body) > 2 * BRACES_MAX and body.count(b"{") > BRACES_MAX:
        raise refused(f"the body has more than {BRACES_MAX} opening braces: send fewer messages or parts")
    try:
        facts = decoder.decode(body)
        _check_names(body)
    except msgspec.ValidationError as error:
        raise _misfit(str(error), expected) from None
    except msgspec.DecodeError as error:
        raise refused(_not_json(body, str(error), expected)) from None
    except RecursionError:
        raise refused(TOO_DEEP) from None
    return facts


def refused(message: str, *, param: str | None = None) -> Refusal:
    """Return the refusal of a body."""
    return Refusal("invalid_request", message, param=param)


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
        raise refused("the body is not valid UTF-8") from None


def _check_names(body: bytes) -> None:
    """Refuse a top-level key that stands twice: a provider might read the value that was not priced.

    Servers written in Go, and some others, take `Model` for `model`, and the last of both.
    """
    if len(body) <= SMALL_BYTES_MAX:
        names = member_names(body)
    else:
        try:
            names = member_names_bounded(body, KEYS_MAX)
        except MembersError:
            raise refused(f"the body has more than {KEYS_MAX} top-level keys") from None
    if len(names) == len({name.casefold() for name in names}):
        return
    times = Counter(name.casefold() for name in names)
    twice = next(name for name in names if times[name.casefold()] > 1)[:PARAM_CHARS_MAX]
    raise refused(f"`{twice}` stands twice in the body, in one spelling or another: give it once", param=twice)


def _misfit(reason: str, expected: Expected) -> Refusal:
    """Turn msgspec's words for a wrong type into ours; they end in "- at `$.path`" unless the top level is at fault."""
    _, found, path = reason.rpartition("`$.")
    if not found:  # "Object missing required field `model`", or "Expected `object`, got `array`" at the top level
        path = reason.rpartition("field `")[2]
    param = path.rstrip("`").partition(".")[0].partition("[")[0]
    if param in expected.fields:
        return refused(expected.fields[param], param=param)
    return refused(f"the body must be {expected.summary}")


def _not_json(body: bytes, reason: str, expected: Expected) -> str:
    if not body:
        return f"the body is empty: send {expected.summary}"
    return f"the body is not JSON: {reason.removeprefix('JSON is malformed: ')}"
