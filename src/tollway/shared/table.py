"""A table of counters in one piece of memory, which may be a file that all workers of a host map. Knows no lock and no rule.

Each counter is found by a digest of 16 bytes. The digest says in which set of 32 places it lies; when the set is full,
the counter that was used least recently makes room. So the table never grows and never refuses, and what it forgets
first is what counted for nothing any more.

How many requests run is kept for each worker by itself, so that what a dead one left can be taken back.
"""

import mmap
import sys
from array import array
from collections.abc import Callable, Collection

from tollway.limits.rates import CELLS, SECOND

SEATS = 256
"""Workers that may share a table."""
WAYS = 32
SETS = 512
PLACES = SETS * WAYS

SALT_BYTES = 16
DIGEST_BYTES = 16
HEADER_BYTES = 4096
ENTRY_BYTES = 1536
"""The cells of a counter, and behind them two bytes for each seat."""
SHARES_AT = 1024
"""Where in an entry the seats begin."""
SHARE_MAX = 2**16 - 1

DIGESTS_AT = HEADER_BYTES
ENTRIES_AT = DIGESTS_AT + PLACES * DIGEST_BYTES
TABLE_BYTES = ENTRIES_AT + PLACES * ENTRY_BYTES
"""25 MB, of which only what was ever used takes memory, or room on a disk."""

_SEATS_AT = 64
"""Where in the header it says how many seats, from the first, were ever sat on."""
_TAKEN_AT = 1024
"""Where it says of each seat whether somebody sits there."""
_NO_DIGEST = bytes(DIGEST_BYTES)
_NO_CELLS = array("q", bytes(8 * CELLS))
_CELLS_STEP = ENTRY_BYTES // 8
_SHARES_STEP = ENTRY_BYTES // 2
_SHARES_FIRST = SHARES_AT // 2


def is_sound(header: bytes) -> bool:
    """Tell whether the first HEADER_BYTES may be those of a table: a file may hold anything after a disk was repaired."""
    seats = int.from_bytes(header[_SEATS_AT : _SEATS_AT + 8], sys.byteorder, signed=True)
    taken = header[_TAKEN_AT : _TAKEN_AT + SEATS]
    return 0 <= seats <= SEATS and not taken.translate(None, b"\0\1")


class Table:
    """The counters of one piece of memory. Whoever shares it with others takes turns with them."""

    def __init__(self, memory: mmap.mmap, *, reserve: Callable[[int, int], None] | None = None) -> None:
        """Use memory of TABLE_BYTES; zeroes are an empty table.

        Before a place is used for the first time, `reserve` is asked to make room for so many bytes behind an offset,
        from ENTRIES_AT on; it may raise OSError.
        """
        self._memory = memory
        self._reserve = reserve
        self._all = memoryview(memory)
        entries = self._all[ENTRIES_AT:TABLE_BYTES]
        self._seats = self._all[_SEATS_AT : _SEATS_AT + 8].cast("q")
        self._cells = entries.cast("q")
        self._shares = entries.cast("H")
        self._entries = entries

    @property
    def salt(self) -> bytes:
        """What digests are made with, so that nobody can choose names that push another's counter out."""
        return self._memory[:SALT_BYTES]

    @salt.setter
    def salt(self, salt: bytes) -> None:
        self._memory[:SALT_BYTES] = salt

    # -- seats

    def taken_seats(self) -> list[int]:
        """Return the seats that somebody sits on, or died on."""
        taken = self._memory[_TAKEN_AT : _TAKEN_AT + SEATS]
        return [seat for seat, sign in enumerate(taken) if sign]

    def take_seat(self, seat: int) -> None:
        """Sit down, with nothing running."""
        self._clear_seat(seat)
        self._memory[_TAKEN_AT + seat] = 1
        self._seats[0] = max(self._seats[0], seat + 1)

    def leave_seat(self, seat: int) -> None:
        """Stand up; what still ran is over."""
        self._clear_seat(seat)
        self._memory[_TAKEN_AT + seat] = 0

    def _clear_seat(self, seat: int) -> None:
        digests = self._memory[DIGESTS_AT:ENTRIES_AT]
        if digests.count(0) == len(digests):  # as each worker alone begins: 2 ms of its start
            return
        shares, first = self._shares, _SHARES_FIRST + seat
        for place in range(PLACES):
            # What is empty is not looked at: a page of memory for each would be taken by that.
            if digests.startswith(_NO_DIGEST, place * DIGEST_BYTES):
                continue
            if shares[first + place * _SHARES_STEP]:
                shares[first + place * _SHARES_STEP] = 0

    # -- counters

    def find(self, digest: bytes) -> int | None:
        """Return the place of a counter; None when there is none, or no longer."""
        start, end = _set_of(digest)
        at = self._memory.find(digest, start, end)
        return None if at < 0 else (at - DIGESTS_AT) // DIGEST_BYTES

    def find_or_make(self, digest: bytes, *, second: int, beside: Collection[int]) -> int:
        """Return the place of a counter, which is made where there is none: of all in its set, the stalest goes.

        `second` is the present one, and `beside` are places that must stay. Raises OSError when there is no room for a
        place that was never used.
        """
        found = self.find(digest)
        if found is not None:
            return found
        start, end = _set_of(digest)
        at = self._memory.find(_NO_DIGEST, start, end)
        if at >= 0:
            # Places fill in their order. The digest before may end in zeroes, which belong to the same row of them.
            place = -(-(at - DIGESTS_AT) // DIGEST_BYTES)
            if self._reserve is not None:
                self._reserve(ENTRIES_AT + place * ENTRY_BYTES, ENTRY_BYTES)
        else:
            first = (start - DIGESTS_AT) // DIGEST_BYTES
            stay = [place for place in range(first, first + WAYS) if place not in beside]
            place = min(stay, key=lambda place: self._age_key(place, second))
            # The count first: who dies in between leaves a counter that begins anew, and none with another's count.
            self._clear(place)
        self._memory[DIGESTS_AT + place * DIGEST_BYTES : DIGESTS_AT + (place + 1) * DIGEST_BYTES] = digest
        return place

    def _age_key(self, place: int, second: int) -> tuple[bool, int]:
        """Return what sorts counters by how little is lost with them."""
        used = self._cells[place * _CELLS_STEP + SECOND]
        return self.running(
            place
        ) > 0, used if used <= second else 0  # a later one is of before the machine was started

    def _clear(self, place: int) -> None:
        cells = place * _CELLS_STEP
        self._cells[cells : cells + CELLS] = _NO_CELLS
        self._entries[place * ENTRY_BYTES + SHARES_AT : (place + 1) * ENTRY_BYTES] = bytes(ENTRY_BYTES - SHARES_AT)

    def cells(self, place: int) -> memoryview:
        """Return the cells of a counter."""
        first = place * _CELLS_STEP
        return self._cells[first : first + CELLS]

    def running(self, place: int) -> int:
        """Return how many requests of a counter run, on all seats."""
        first = place * _SHARES_STEP + _SHARES_FIRST
        return sum(self._shares[first : first + self._seats[0]])

    def begin(self, place: int, *, seat: int) -> None:
        """Count one request more as running on a seat."""
        at = place * _SHARES_STEP + _SHARES_FIRST + seat
        if self._shares[at] < SHARE_MAX:
            self._shares[at] += 1

    def end(self, place: int, *, seat: int) -> None:
        """Count one less; none when it is of a counter that has made room since."""
        at = place * _SHARES_STEP + _SHARES_FIRST + seat
        if self._shares[at]:
            self._shares[at] -= 1

    def close(self) -> None:
        """Let go of the memory."""
        for view in (self._seats, self._cells, self._shares, self._entries, self._all):
            view.release()
        self._memory.close()


def _set_of(digest: bytes) -> tuple[int, int]:
    """Return where the digests of a set begin and end. No other is found in between: none begins within another."""
    start = DIGESTS_AT + int.from_bytes(digest[:4], "little") % SETS * WAYS * DIGEST_BYTES
    return start, start + WAYS * DIGEST_BYTES
