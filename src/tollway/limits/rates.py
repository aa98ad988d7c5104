"""How many requests and tokens a minute, how many in a burst, how many at once: counted over rolling windows. Pure.

A counter is a row of integers in whatever memory it lies: a process's own, or a file that many processes map. It has one
cell for each second of the last minute and says for each how much was counted in it, and at which of its milliseconds
last. A second leaves its window when the last that was counted in it does, so that no window of 60 seconds, wherever it
begins, ever holds more than its limit, and a client that keeps to its limit evenly is never refused.

Time enters as an argument: milliseconds of a clock that is never set, and that all who share a counter read.
"""

from array import array
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

MINUTE_S = 60
BURST_S = 10
SLOTS = MINUTE_S + 1
"""The seconds that a window of a minute can touch: it begins in the midst of one."""

SECOND, RUNNING, REQUESTS, TOKENS = 0, 1, 2, 2 + SLOTS
"""Cells: the second that was looked at last, the requests that run, and where the two rings of seconds begin."""
CELLS = TOKENS + SLOTS
CELL_BYTES = 8
EMPTY_RINGS = array("q", bytes(CELL_BYTES * 2 * SLOTS))

MS_BITS = 16
"""The millisecond stands in the low bits of a cell. It needs ten; with sixteen, a sum of 61 cells needs no taking apart."""
MS_MASK = (1 << MS_BITS) - 1
COUNT_MAX = 1 << 40
"""Of one second, and of a limit: the sum of a minute of them still fits into the 64 bits of a cell."""

RUNNING_WAIT_MS = 1000
"""What is said to one of too many requests at once: nobody knows when another ends."""

Cells = memoryview
"""A row of CELLS integers of 64 bits: format `q`."""


class Limit(Protocol):
    """What may be counted in one counter; None is no limit."""

    @property
    def rpm(self) -> int | None:
        """Requests in any 60 seconds."""
        ...

    @property
    def burst(self) -> int | None:
        """Requests in any 10 seconds."""
        ...

    @property
    def tpm(self) -> int | None:
        """Tokens in any 60 seconds."""
        ...

    @property
    def concurrency(self) -> int | None:
        """Requests at once."""
        ...


Rule = tuple[bytes, Limit]
"""The name of a counter, the same wherever it is counted, and what it may reach."""


class Membership(NamedTuple):
    """Who comes, among how many different ones that may come in an hour (`limits.distinct`)."""

    name: bytes
    """Of the counter."""
    member: bytes
    limit: int


class Counter(NamedTuple):
    """One counter, and what it may reach."""

    cells: Cells
    limit: Limit


class Measure(StrEnum):
    """What is limited, by the name that it has in a Limit."""

    REQUESTS = "rpm"
    BURST = "burst"
    TOKENS = "tpm"
    CONCURRENCY = "concurrency"
    MEMBERS = "per_hour"
    """Of a Membership."""


class Refused(NamedTuple):
    """Why a request must wait: of all limits that it is over, the one with the longest wait."""

    place: int
    """Of its counter, among those that were asked, from 0; of its membership, where too many different ones came."""
    measure: Measure
    limit: int
    wait_ms: int
    """Until it would be admitted if nobody else came; above zero."""


class Standing(NamedTuple):
    """How much of a limit is left: of all that apply, the one with the least."""

    limit: int
    remaining: int
    reset_ms: int
    """Until some of what is used comes back; zero when nothing is used."""


class Verdict(NamedTuple):
    """What became of a request."""

    refused: Refused | None
    """None: it is counted everywhere. Otherwise it is counted nowhere."""
    requests: Standing | None
    """None: no number of requests is limited."""
    tokens: Standing | None
    at_ms: int
    """When it was counted, by the clock of the counters."""


class _Window(NamedTuple):
    """One limit of one counter over one span of time."""

    left: int
    """When what is wanted is taken; below zero when it cannot be."""
    wanted: int
    limit: int
    measure: Measure
    cells: Cells
    ring: int
    seconds: int
    at_ms: int


def take(counters: Sequence[Counter], *, tokens: int, now_ms: int) -> Verdict:
    """Count one request, and the `tokens` that it is thought to need, in every counter, or in none when one is full.

    Where more tokens are thought to be needed than the limit has, they are taken as the whole limit: the request has to
    wait for a minute without any other, and is not shut out for ever. `settle` and `release` end what is taken here.
    """
    refused: Refused | None = None
    longest_ms = 0
    requests: _Window | None = None
    rest: _Window | None = None
    for place, (cells, limit) in enumerate(counters):
        at_ms = _roll(cells, now_ms)
        for window in _windows(cells, limit, tokens, at_ms):
            left = window.left
            if window.ring == REQUESTS:
                if requests is None or left < requests.left:
                    requests = window
            elif rest is None or left < rest.left:
                rest = window
            if left < 0:
                wait_ms = _frees_ms(window, -left)
                if wait_ms > longest_ms:
                    longest_ms = wait_ms
                    refused = Refused(place, window.measure, window.limit, wait_ms)
        if limit.concurrency is not None and cells[RUNNING] >= limit.concurrency and longest_ms < RUNNING_WAIT_MS:
            longest_ms = RUNNING_WAIT_MS
            refused = Refused(place, Measure.CONCURRENCY, limit.concurrency, RUNNING_WAIT_MS)
    if refused is not None:
        return Verdict(refused, _standing(requests, taken=False), _standing(rest, taken=False), now_ms)
    for cells, limit in counters:
        _count(cells, limit, tokens, now_ms)
    return Verdict(None, _standing(requests, taken=True), _standing(rest, taken=True), now_ms)


def settle(counter: Counter, *, reserved: int, used: int, taken_ms: int, now_ms: int) -> None:
    """Put right what was counted for a request that `take` was asked for `reserved` tokens, at `taken_ms`.

    What it did not use is taken back from the second in which it was counted, if that still counts. What it used beyond
    is counted now, when it is known.
    """
    cells, limit = counter
    if limit.tpm is None:
        return
    at_ms = _roll(cells, now_ms)
    counted = _wanted(reserved, limit.tpm)
    if used > counted:
        _add(cells, TOKENS, used - counted, at_ms)
        return
    second = taken_ms // 1000
    if 0 <= at_ms // 1000 - second < SLOTS:
        place = TOKENS + second % SLOTS
        cell = cells[place]
        cells[place] = max(0, (cell >> MS_BITS) - (counted - used)) << MS_BITS | cell & MS_MASK


def release(counter: Counter) -> None:
    """Count one request less as running."""
    cells, limit = counter
    if limit.concurrency is not None and cells[RUNNING] > 0:
        cells[RUNNING] -= 1


def _roll(cells: Cells, now_ms: int) -> int:
    """Empty the seconds that have passed since a counter was looked at; return the time at which it stands then.

    The second is moved last: who dies in between leaves seconds that are emptied once more. A clock that stands far
    behind is another one, of a machine that was started anew, and what was counted by the old one is over.
    """
    second = now_ms // 1000
    last = cells[SECOND]
    passed = second - last
    if not passed:
        return now_ms
    if -SLOTS <= passed < 0:
        return last * 1000
    if 0 < passed < SLOTS:
        for each in range(last + 1, second + 1):
            place = each % SLOTS
            cells[REQUESTS + place] = 0
            cells[TOKENS + place] = 0
    else:
        cells[REQUESTS:CELLS] = EMPTY_RINGS
    cells[SECOND] = second
    return now_ms


def _windows(cells: Cells, limit: Limit, tokens: int, at_ms: int) -> list[_Window]:
    windows: list[_Window] = []
    rpm, burst, tpm = limit.rpm, limit.burst, limit.tpm
    if rpm is not None:
        left = rpm - 1 - _used(cells, REQUESTS, MINUTE_S, at_ms)
        windows.append(_Window(left, 1, rpm, Measure.REQUESTS, cells, REQUESTS, MINUTE_S, at_ms))
    if burst is not None:
        left = burst - 1 - _used(cells, REQUESTS, BURST_S, at_ms)
        windows.append(_Window(left, 1, burst, Measure.BURST, cells, REQUESTS, BURST_S, at_ms))
    if tpm is not None:
        wanted = _wanted(tokens, tpm)
        left = tpm - wanted - _used(cells, TOKENS, MINUTE_S, at_ms)
        windows.append(_Window(left, wanted, tpm, Measure.TOKENS, cells, TOKENS, MINUTE_S, at_ms))
    return windows


def _count(cells: Cells, limit: Limit, tokens: int, now_ms: int) -> None:
    at_ms = _roll(cells, now_ms)
    _add(cells, REQUESTS, 1, at_ms)
    if limit.tpm is not None:
        _add(cells, TOKENS, _wanted(tokens, limit.tpm), at_ms)
    if limit.concurrency is not None:
        cells[RUNNING] += 1


def _used(cells: Cells, ring: int, seconds: int, at_ms: int) -> int:
    """Return how much is counted in the window of `seconds` that ends now."""
    newest = ring + at_ms // 1000 % SLOTS
    oldest = newest - seconds
    if oldest >= ring:
        packed = sum(cells[oldest : newest + 1])
    else:
        oldest += SLOTS
        packed = sum(cells[oldest : ring + SLOTS]) + sum(cells[ring : newest + 1])
    first = cells[oldest]
    if first & MS_MASK <= at_ms % 1000:  # the last of the oldest second is as old as the window is long
        packed -= first
    return packed >> MS_BITS


def _frees_ms(window: _Window, count: int) -> int:
    """Return in how long `count` of what is used of a window will have left it; there is as much in it."""
    cells, ring, seconds = window.cells, window.ring, window.seconds
    second, ms = divmod(window.at_ms, 1000)
    newest = ring + second % SLOTS
    oldest = newest - seconds
    row = cells[max(oldest, ring) : newest].tobytes()
    if oldest < ring:
        row = cells[oldest + SLOTS : ring + SLOTS].tobytes() + row
    # Most seconds of most counters are empty, and those before the first that is not need no look each.
    empty = (len(row) - len(row.lstrip(b"\0"))) // CELL_BYTES
    ends_ms = empty * 1000 - ms
    for cell in memoryview(row).cast("q")[empty:]:
        # Of the oldest second, the last may be out of the window already: then all of it is.
        if ends_ms + (cell & MS_MASK) > 0:
            count -= cell >> MS_BITS
            if count <= 0:
                return ends_ms + (cell & MS_MASK)
        ends_ms += 1000
    return ends_ms + (cells[newest] & MS_MASK)


def _add(cells: Cells, ring: int, count: int, at_ms: int) -> None:
    place = ring + at_ms // 1000 % SLOTS
    cell = cells[place]
    # Who read the clock earlier may come later: a second does not end before what was counted in it.
    cells[place] = min(COUNT_MAX, (cell >> MS_BITS) + count) << MS_BITS | max(cell & MS_MASK, at_ms % 1000)


def _wanted(tokens: int, tpm: int) -> int:
    return tokens if tokens < tpm else tpm


def _standing(window: _Window | None, *, taken: bool) -> Standing | None:
    if window is None:
        return None
    remaining = window.left if taken else window.left + window.wanted
    return Standing(window.limit, max(0, remaining), _frees_ms(window, 1) if remaining < window.limit else 0)
