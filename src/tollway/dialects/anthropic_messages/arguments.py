"""Calls of tools between the neutral form and Messages: their arguments, text there and an object here, and their ids."""

import zlib

import msgspec
from msgspec import UNSET, Raw, UnsetType

UNPARSED = "_unparsed"
"""The one member of the object that stands for arguments which are none."""

_OBJECT = msgspec.json.Decoder(dict[str, Raw])


def as_object(arguments: str) -> Raw | dict[str, object]:
    """Return the arguments as an object: the very text where it is one, nothing for none, else the text inside of one."""
    if not arguments.strip():
        return {}
    try:
        _OBJECT.decode(arguments)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return {UNPARSED: arguments}
    return Raw(arguments)


def as_text(found: Raw | UnsetType) -> str:
    """Return the arguments of an object, compact; no value is read on the way, so that none changes."""
    if found is UNSET or bytes(found) == b"null":
        return "{}"
    # Nobody has looked into it: a byte that is no UTF-8 stays visible, and breaks nothing.
    return msgspec.json.format(bytes(found), indent=-1).decode(errors="replace")


def call_id(given: str | None, place: int) -> str:
    """Return the id of a call; a server that gives none, against its dialect, gets the call's place among the calls."""
    return given or f"toolu_{place}"


def known_id(given: str) -> str:
    """Return the id of a call as the API takes it: letters, digits, `_` and `-` of ASCII.

    One of another dialect that has anything else is written with a sum of all of it, so that two stay two. A call and
    its result get the same one.
    """
    if given.isascii() and given.replace("_", "a").replace("-", "a").isalnum():
        return given
    kept = "".join(letter for letter in given if letter.isascii() and (letter.isalnum() or letter in "_-"))
    return f"{kept}_{zlib.crc32(given.encode()):08x}"
