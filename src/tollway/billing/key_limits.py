"""A key's one limit of money and when it starts again, as services word it, beside the caps that keys have here. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from tollway.access.caps import Cap
from tollway.access.terms import CapScope, CapSpan

SHOWN_FIRST = (CapSpan.TOTAL, CapSpan.MONTH, CapSpan.DAY)
"""Of a key with several caps, which other surfaces may set, the one for the longest time is its limit."""


class KeyLimit(NamedTuple):
    """What a key may spend."""

    limit_nanos: int
    """Zero is no limit."""
    span: CapSpan = CapSpan.TOTAL

    @property
    def caps(self) -> dict[CapSpan, int]:
        """The caps that make it the key's only one; zero lifts."""
        return {span: self.limit_nanos if span is self.span else 0 for span in CapSpan}


NO_LIMIT = KeyLimit(0)


def limit_cap(caps: Sequence[Cap], key_id: int) -> Cap | None:
    """Return the cap that is a key's limit, the lower one of two sides'; None when it has none of its own."""
    own = [cap for cap in caps if cap.scope is CapScope.KEY and cap.subject == str(key_id)]
    return min(own, key=lambda cap: (SHOWN_FIRST.index(cap.span), cap.limit_nanos), default=None)


def changed_limit(cap: Cap | None, *, limit_nanos: int | None, span: CapSpan | None) -> KeyLimit:
    """Return the limit that follows from the one there is: what is None of it stays."""
    before = NO_LIMIT if cap is None else KeyLimit(cap.limit_nanos, cap.span)
    return KeyLimit(before.limit_nanos if limit_nanos is None else limit_nanos, before.span if span is None else span)
