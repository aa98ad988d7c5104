"""Encrypted reasoning as a seal: the item's id and its `encrypted_content` in one text, `LENGTH:IDCONTENT`. Pure.

A provider may check that the two belong together, so both come back to it: `9:rs_abcdef` and what is encrypted. LENGTH
counts the characters of the id; 0 is an item without one.
"""

from tollway.neutral.parts import Sealed
from tollway.neutral.seals import MARK, unmarked

_LENGTH_DIGITS_MAX = 3


def packed(item_id: str | None, encrypted: str) -> str:
    """Return both in one text."""
    return f"{len(item_id or '')}:{item_id or ''}{encrypted}"


def unpacked(data: str) -> tuple[str | None, str]:
    """Return the item's id, None without one, and what is encrypted; what `packed` did not make is all encrypted."""
    length, colon, rest = data.partition(":")
    if not (colon and length.isdecimal() and length.isascii() and len(length) <= _LENGTH_DIGITS_MAX):
        return None, data
    size = int(length)
    return rest[:size] or None, rest[size:]


def seal_of(item_id: str | None, encrypted: str, *, whole: bool) -> Sealed:
    """Return the seal of an item that a client sends back; a mark of ours tells its issuer's own form."""
    if encrypted.startswith(MARK):
        return unmarked(encrypted, whole=whole)
    return Sealed(data=packed(item_id, encrypted), whole=whole)
