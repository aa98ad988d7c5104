"""Arguments of a tool's call between text, which the neutral form has, and the object that Messages holds. Pure."""

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
    return msgspec.json.format(bytes(found), indent=-1).decode()


def call_id(given: str | None, place: int) -> str:
    """Return the id of a call; a server that gives none, against its dialect, gets the call's place among the calls."""
    return given or f"toolu_{place}"
