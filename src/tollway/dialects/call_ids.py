"""Ids of tool calls as an API takes them that bounds them: the same for a call and for its result. Knows no dialect."""

from hashlib import sha256

_PREFIX = "call_"
_DIGITS = 32
NINE = 9


def within(call_id: str, chars_max: int) -> str:
    """Return the very id where it is no longer than allowed, else one that is made from all of it."""
    return call_id if len(call_id) <= chars_max else f"{_PREFIX}{_digest(call_id)[:_DIGITS]}"


def of_nine(call_id: str) -> str:
    """Return an id of nine letters and digits, which one family of models demands: the very id where it is one."""
    if len(call_id) == NINE and call_id.isascii() and call_id.isalnum():
        return call_id
    return _digest(call_id)[:NINE]


def _digest(call_id: str) -> str:
    return sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()
