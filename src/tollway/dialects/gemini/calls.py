"""Calls of functions, which have no id of their own in most of Gemini's answers and may come in pieces. Pure."""

import hashlib
from typing import cast

import msgspec
from msgspec import UNSET, Raw, Struct

from tollway.dialects.gemini.chunk import Call

UNPARSED = "_unparsed"
"""The one member of the arguments of a call whose text is no JSON object."""

_ENCODE = msgspec.json.Encoder().encode
_OBJECT = msgspec.json.Decoder(dict[str, Raw])


class _Piece(Struct, gc=False, rename="camel"):
    """One value, or a piece of a string, of arguments that stream."""

    json_path: str = "$"
    string_value: str | None = None
    number_value: int | float | None = None
    bool_value: bool | None = None


_PIECE = msgspec.json.Decoder(_Piece)


def made_id(salt: str, place: int, call: tuple[str, str]) -> str:
    """Return an id for a call (name and arguments) that has none: the same for the same bytes, another for each place.

    `salt` is the answer's own id, so that two turns which ask for the same do not collide.
    """
    digest = hashlib.blake2s("\0".join((salt, str(place), *call)).encode("utf-8", "surrogatepass"), digest_size=9)
    return f"call_{digest.hexdigest()}"


def compact(value: Raw) -> str:
    """Return a JSON value as text without blanks, its numbers as they were written."""
    return msgspec.json.format(bytes(value), indent=-1).decode()


def is_object(arguments: str) -> bool:
    """Tell whether arguments are the text of a JSON object."""
    try:
        _OBJECT.decode(arguments.encode("utf-8", "surrogatepass"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def as_object(arguments: str) -> Raw:
    """Return the arguments of a call as an object on one line: an event ends with its line.

    Text of any other form becomes the one member `_unparsed`.
    """
    if not arguments.strip():
        return Raw(b"{}")
    if not is_object(arguments):
        return Raw(_ENCODE({UNPARSED: arguments}))
    return Raw(msgspec.json.format(arguments.encode(), indent=-1))


class OpenCall:
    """A call while it comes in pieces: by JSON path, a string in several."""

    def __init__(self, call: Call) -> None:
        """Take the piece that names the function."""
        self.id = call.id
        self.name = call.name or ""
        self._whole: Raw | None = None
        self._values: dict[str, object] = {}

    def add(self, call: Call) -> None:
        """Take one piece more."""
        if call.args is not UNSET and bytes(call.args) != b"null":
            self._whole = call.args
        for raw in call.partial_args or ():
            try:
                piece = _PIECE.decode(raw)
            except msgspec.ValidationError:
                continue
            _put(self._values, _path(piece.json_path), piece)

    def arguments(self) -> str:
        """Return all that came, as the text of an object."""
        if self._whole is not None:
            return compact(self._whole)
        return _ENCODE(self._values).decode()


def _path(json_path: str) -> list[str | int]:
    """Return the steps of a path such as `$.items[0].name` or `$['a b']`: names and places."""
    steps: list[str | int] = []
    name, rest = "", json_path.removeprefix("$")
    while rest:
        head, rest = rest[0], rest[1:]
        if head not in ".[":
            name += head
            continue
        if name:
            steps.append(name)
            name = ""
        if head == "[":
            inside, _, rest = rest.partition("]")
            steps.append(int(inside) if inside.isdecimal() else inside.strip("'\""))
    return [*steps, name] if name else steps


def _put(values: dict[str, object], steps: list[str | int], piece: _Piece) -> None:
    """Put a value in its place; lists grow as far as they must, and what does not fit is left out."""
    at = cast(object, values)
    for place, step in enumerate(steps):
        last = place + 1 == len(steps)
        following: object = None if last else ([] if isinstance(steps[place + 1], int) else {})
        if isinstance(at, dict) and isinstance(step, str):
            named = cast(dict[str, object], at)
            old = named.get(step)
            at = named[step] = _value(old, piece) if last else (following if old is None else old)
        elif isinstance(at, list) and isinstance(step, int) and step <= len(cast(list[object], at)):
            listed = cast(list[object], at)
            if step == len(listed):
                listed.append(None)
            old = listed[step]
            at = listed[step] = _value(old, piece) if last else (following if old is None else old)
        else:
            return


def _value(old: object, piece: _Piece) -> object:
    if piece.string_value is not None:
        return old + piece.string_value if isinstance(old, str) else piece.string_value
    return piece.number_value if piece.number_value is not None else piece.bool_value
