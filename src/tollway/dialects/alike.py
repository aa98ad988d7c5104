"""Events that differ from one that was parsed in a single text: told by comparing their bytes, without parsing them.

Nearly every event of a stream is such. What stands before and behind the text is the same, byte for byte, and the new text
is plain too: no quote, no escape, nothing that JSON forbids. So the new event says what the old one said, but for that text.
It took 0.6 instead of 1.8 µs of CPU, and leaves the rest more of the processor's cache. Keeps the bytes of
one event; knows no dialect.
"""

import re
from collections.abc import Callable

LESSONS_MAX = 16
"""How often one stream looks for a new pattern: some change their head with every second that passes, and some with every
event, for which looking is worth nothing."""

_PLAIN = re.compile(rb'[^"\\\x00-\x1f\x80-\xff]*').match
_TEXT = re.compile(
    rb'"(?:content|reasoning_content|reasoning|text|thinking|arguments)":"([^"\\\x00-\x1f\x80-\xff]+)"'
).search
_PADDED = b'"obfuscation":"'
_PADDING = re.compile(rb'[A-Za-z0-9]*"\}\n\n').fullmatch
"""What some providers put at the end to hide how long the text is."""


class Alike:
    """What stands around the text of one event."""

    __slots__ = ("_head", "_padded", "_tail")

    def __init__(self, head: bytes, tail: bytes, *, padded: bool) -> None:
        """Take the bytes before the text and behind it; of a padded event, those until its padding."""
        self._head = head
        self._tail = tail
        self._padded = padded

    def text_bytes(self, data: bytes) -> int:
        """Return how long the text of an event of this pattern is; 0 where bytes are no such event, or have no text."""
        head = self._head
        if data.startswith(head):
            start = len(head)
            end = _PLAIN(data, start).end()  # type: ignore[union-attr]  the empty text matches
            if data.startswith(self._tail, end):
                behind = end + len(self._tail)
                if behind == len(data) or (self._padded and _PADDING(data, behind)):
                    return end - start
        return 0

    def surrounds(self, event: bytes) -> bool:
        """Tell whether an event is of this pattern but for its text, which is not plain: no other is to be learned of it."""
        return event.startswith(self._head) and (self._tail in event if self._padded else event.endswith(self._tail))


def learn(
    event: bytes, facts: Callable[[bytes], tuple[int, object]], *, said: tuple[int, object] | None = None
) -> Alike | None:
    """Return the pattern of an event; None where it has none that can be relied upon.

    `facts` returns how long the text of an event is, and everything else that is to be known of it. It is asked for the
    event, unless `said` has the answer, and for another one of the pattern: what it says must differ in the length of the
    text, and in nothing else.
    """
    found = _TEXT(event)
    if (
        found is None
        or not event.startswith((b"data: {", b"event: "))
        or not event.endswith(b"}\n\n")
        or b"\r" in event
    ):
        return None
    head, tail = event[: found.start(1)], event[found.end(1) :]
    until, padded, padding = tail.partition(_PADDED)
    if padded and not _PADDING(padding):
        return None
    alike = Alike(head, until + padded, padded=bool(padded))
    text_bytes, others = facts(event) if said is None else said
    # All of its text: what else was counted would be left out of every event of the pattern.
    if text_bytes != len(found[1]) or facts(b"%b+%b%b" % (head, found[1], tail)) != (text_bytes + 1, others):
        return None
    return alike
