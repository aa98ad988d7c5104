"""How many different members (the addresses of a key, the keys of an address) come in an hour: which, and when last. Pure.

A counter is the same row of integers that rates are counted in, with another meaning: each member has 32 bits, of which 24
are a hash of it and 8 the minute in which it came last. Two members with one hash are taken as one, which of 200 happens
once in a thousand hours. A member counts until an hour has passed since the end of the minute in which it came last.
"""

from tollway.limits.rates import CELLS, EMPTY_RINGS, REQUESTS, SECOND, Cells

HOUR_MINUTES = 60
MEMBERS_MAX = 240
"""Four less than there is room for in a counter."""

_MINUTE_BITS = 8
_MINUTE_MASK = (1 << _MINUTE_BITS) - 1
_AGE_MINUTES_MAX = _MINUTE_MASK - HOUR_MINUTES
"""A counter that was not looked at for so long holds nothing that counts, and its minutes can no longer be told apart."""
_HASH_MASK = (1 << 24) - 1


def wait_ms(cells: Cells, member: int, *, limit: int, now_ms: int) -> int:
    """Return how long a member has to wait, in milliseconds; zero when it is known or there is room for it.

    `limit` is at most MEMBERS_MAX; what no longer counts is forgotten.
    """
    minute = now_ms // 60_000
    if not 0 <= minute - cells[SECOND] // 60 <= _AGE_MINUTES_MAX:
        cells[REQUESTS:CELLS] = EMPTY_RINGS
    words = _words(cells)
    hashed = _hashed(member)
    known = False
    count = oldest = 0
    for place, word in enumerate(words.tolist()):
        if not word:
            continue
        age = (minute - word) & _MINUTE_MASK
        if age > HOUR_MINUTES:
            words[place] = 0
        elif word >> _MINUTE_BITS == hashed:
            known = True  # and on: who is not forgotten here would be back when the minutes begin anew
        else:
            count += 1
            oldest = max(oldest, age)
    return 0 if known or count < limit else (minute - oldest + HOUR_MINUTES + 1) * 60_000 - now_ms


def note(cells: Cells, member: int, *, now_ms: int) -> None:
    """Note that a member has come, for which `wait_ms` has just found room."""
    words = _words(cells)
    hashed = _hashed(member)
    known = words.tolist()
    place = next((place for place, word in enumerate(known) if word >> _MINUTE_BITS == hashed), None)
    words[known.index(0) if place is None else place] = hashed << _MINUTE_BITS | now_ms // 60_000 & _MINUTE_MASK
    cells[SECOND] = now_ms // 1000


def _hashed(member: int) -> int:
    return member & _HASH_MASK or 1  # zero is nobody


def _words(cells: Cells) -> memoryview:
    return cells[REQUESTS:CELLS].cast("B").cast("I")
