"""The top-level members of a JSON object, with their exact places, so that one can be edited and no other byte moves.

Knows no dialect. Everything here takes bytes that are known to be one JSON object, or raises msgspec.DecodeError.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Raw

SPACE = b" \t\r\n"
"""What JSON allows between tokens."""

SMALL_BYTES_MAX = 16_384
"""Up to this size searching a body for a name is cheaper than finding the places of all its members."""

SPACE_STEP_BYTES = 4_096

Span = tuple[int, int, bytes]
"""Where an edit starts and ends in a body, and what stands there afterwards."""

_SPACES = frozenset((b" ", b"\t", b"\r", b"\n"))


class MembersError(ValueError):
    """An object has more members than its reader wants to build."""


class Member(msgspec.Struct, frozen=True, gc=False):
    """One member: its name, and where its name (with quotes) and its value stand."""

    name: str
    name_start: int
    name_end: int
    start: int
    end: int


class _Name:
    """A name in the object. Two of the same text are different keys of a dict: identity decides, so none is lost."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def _name(_type: type, text: str) -> _Name:
    return _Name(text)


_MEMBERS = msgspec.json.Decoder(dict[_Name, Raw], dec_hook=_name)


def member_names(body: bytes) -> list[str]:
    """Return the names of all members in order, repeated ones too, with escapes resolved."""
    return [name.text for name in _MEMBERS.decode(body)]


def member_names_bounded(body: bytes, names_max: int) -> list[str]:
    """The same for a body of any size: raises MembersError when there are more than `names_max`.

    The decoder is built for this call (some 20 µs), because it counts.
    """
    names: list[str] = []

    def count(_type: type, text: str) -> _Name:
        if len(names) == names_max:
            raise KeyError  # msgspec lets it through; a ValueError would become a ValidationError
        names.append(text)
        return _Name(text)

    try:
        msgspec.json.decode(body, type=dict[_Name, Raw], dec_hook=count)
    except KeyError:
        raise MembersError(f"more than {names_max} members") from None
    return names


def members(body: bytes) -> list[Member]:
    """Return all members in order, repeated ones too. Values are not decoded."""
    found: list[Member] = []
    at = _skip_space(body, 0) + 1  # the opening brace
    for name, raw in _MEMBERS.decode(body).items():
        name_start = _skip_space(body, at)
        name_end = _string_end(body, name_start)
        start = _skip_space(body, _skip_space(body, name_end) + 1)  # over the colon
        end = start + memoryview(raw).nbytes
        found.append(Member(name.text, name_start, name_end, start, end))
        at = _skip_space(body, end) + 1  # over the comma or the closing brace
    return found


def known_value_start(body: bytes, token: bytes) -> int | None:
    """Return where the value of a member begins that is known to exist, without a decode; None when that is not certain.

    `token` is the name in quotes. Inside a JSON string its quotes would be escaped, so it can only be a whole string;
    where it stands once and no name can be spelled in another way, it is the name. For bodies of a few kilobytes.
    """
    at = body.rfind(token)
    if at < 0 or body.find(token, 0, at + len(token) - 1) >= 0 or has_unicode_escape(body):
        return None
    return _skip_space(body, _skip_space(body, at + len(token)) + 1)


def has_unicode_escape(body: bytes) -> bool:
    """Can a name in the body be spelled in another way? Of JSON's escapes only the one with a `u` makes a letter."""
    return b"\\" in body and b"\\u" in body  # one byte is found ten times faster than two


def replace_spans(body: bytes, spans: Iterable[Span]) -> bytes:
    """Return `body` with each span replaced; the spans are in order and do not overlap. Copies the body once."""
    view = memoryview(body)
    pieces: list[bytes | memoryview] = []
    at = 0
    for start, end, value in spans:
        pieces += (view[at:start], value)
        at = end
    pieces.append(view[at:])
    return b"".join(pieces)


def appended(body: bytes, added: bytes) -> Span:
    """Return the span that puts `added` (members without braces) after the last member of the object."""
    end = body.rindex(b"}")
    while body[end - 1] in SPACE:
        end -= 1
    return end, end, added if body[end - 1] == 0x7B else b"," + added


def append_members(body: bytes, added: bytes) -> bytes:
    """Return the object with `added` after its last member."""
    at, _, value = appended(body, added)
    return b"".join((body[:at], value, body[at:]))


def _skip_space(body: bytes, at: int) -> int:
    if body[at : at + 1] not in _SPACES:
        return at
    while True:  # in steps, for a client may send megabytes of it
        step = body[at : at + SPACE_STEP_BYTES]
        rest = len(step.lstrip(SPACE))
        at += len(step) - rest
        if rest or not step:
            return at


def _string_end(body: bytes, start: int) -> int:
    """Return the place after the closing quote of the string that opens at `start`."""
    at = body.index(b'"', start + 1)
    while _escaped(body, at):
        at = body.index(b'"', at + 1)
    return at + 1


def _escaped(body: bytes, at: int) -> bool:
    backslashes = 0
    while body[at - 1 - backslashes] == 0x5C:
        backslashes += 1
    return backslashes % 2 == 1
