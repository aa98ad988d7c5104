"""The counters of rate limits: of one worker in its own memory, or of all workers of a host in a file that they map.

The file is locked around each operation, which takes some microseconds: waiting for it costs less than anything that
could be done meanwhile. A process that is killed in an operation holds nothing up, for the kernel drops its lock, and
leaves at most one request miscounted, for a minute. Knows no request: satisfies relay's Counters.
"""

import fcntl
import hashlib
import mmap
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Self

from tollway import clock
from tollway.errors import Refusal, SetupError
from tollway.limits import distinct
from tollway.limits.rates import (
    RUNNING,
    Counter,
    Measure,
    Membership,
    Refused,
    Rule,
    Verdict,
    settle,
    take,
)
from tollway.numbered_locks import NumberedLocks
from tollway.shared.table import DIGEST_BYTES, ENTRIES_AT, HEADER_BYTES, SALT_BYTES, SEATS, TABLE_BYTES, Table, is_sound

NAMES_KNOWN_MAX = 4096
"""Names whose digests are remembered: half a microsecond each to make anew."""


class FileLock:
    """Keeps every other process out of a file while it is entered; for one thread."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        """Take the open file."""
        self._fd = fd

    def __enter__(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_UN)


def no_room() -> Refusal:
    """Return the refusal of a request that cannot be counted."""
    return Refusal("not_ready", "The disk is full: requests cannot be counted for their limits.", retry_after_s=1)


Lock = AbstractContextManager[None, None]
NOBODY_ELSE: Lock = nullcontext()


class Counters:
    """Counters of one worker alone. Belongs to one thread."""

    def __init__(
        self, table: Table, *, seat: int = 0, alone: Lock = NOBODY_ELSE, now_ms: Callable[[], int] = clock.host_ms
    ) -> None:
        """Count in a table, as the worker that sits on `seat`, `alone` with it as long as that is entered.

        `now_ms` is a clock that is never set.
        """
        self._alone = alone
        self._closed = False
        self._table = table
        self._seat = seat
        self._now_ms = now_ms
        with self._alone:
            if not any(table.salt):
                table.salt = secrets.token_bytes(SALT_BYTES)
            table.take_seat(seat)
        salt = table.salt

        def digest(name: bytes) -> bytes:
            return hashlib.blake2b(name, digest_size=DIGEST_BYTES, key=salt).digest()

        self._digest = lru_cache(NAMES_KNOWN_MAX)(digest)

    @classmethod
    def in_memory(cls, *, now_ms: Callable[[], int] = clock.host_ms) -> Self:
        """Return counters that no other process sees."""
        return cls(Table(mmap.mmap(-1, TABLE_BYTES)), now_ms=now_ms)

    async def take(self, rules: Sequence[Rule], *, tokens: int, memberships: Sequence[Membership] = ()) -> Verdict:
        """Count a request, the tokens that it is thought to need, and who comes, for everything or for nothing.

        No two rules and memberships have one name. Raises Refusal `not_ready` on a full disk.
        """
        with self._alone:
            table, now_ms = self._table, self._now_ms()
            places: list[int] = []
            coming: list[tuple[memoryview, int]] = []
            for number, (name, member, most) in enumerate(memberships):
                cells = table.cells(self._place(name, now_ms, places))
                hashed = int.from_bytes(self._digest(member)[:4], "little")
                wait_ms = distinct.wait_ms(cells, hashed, limit=most, now_ms=now_ms)
                if wait_ms:
                    return Verdict(Refused(number, Measure.MEMBERS, most, wait_ms), None, None, now_ms)
                coming.append((cells, hashed))
            members = len(places)
            counters: list[Counter] = []
            for name, limit in rules:
                place = self._place(name, now_ms, places)
                cells = table.cells(place)
                if limit.concurrency is not None:
                    cells[RUNNING] = table.running(place)
                counters.append(Counter(cells, limit))
            verdict = take(counters, tokens=tokens, now_ms=now_ms)
            if verdict.refused is None:
                for place, (_, limit) in zip(places[members:], rules, strict=True):
                    if limit.concurrency is not None:
                        table.begin(place, seat=self._seat)
                for cells, hashed in coming:
                    distinct.note(cells, hashed, now_ms=now_ms)
            return verdict

    def _place(self, name: bytes, now_ms: int, places: list[int]) -> int:
        """Return the place of a counter, which is put behind those that must stay as well."""
        try:
            place = self._table.find_or_make(self._digest(name), second=now_ms // 1000, beside=places)
        except OSError as error:
            raise no_room() from error
        places.append(place)
        return place

    def finish(self, rules: Sequence[Rule], *, reserved: int, used: int, taken_ms: int) -> None:
        """End a request that was taken at `taken_ms`: it no longer runs, and used other tokens than were `reserved`."""
        if self._closed:
            return
        with self._alone:
            table, now_ms = self._table, self._now_ms()
            for name, limit in rules:
                if limit.tpm is None and limit.concurrency is None:
                    continue
                place = table.find(self._digest(name))
                if place is None:
                    continue
                if limit.concurrency is not None:
                    table.end(place, seat=self._seat)
                counter = Counter(table.cells(place), limit)
                settle(counter, reserved=reserved, used=used, taken_ms=taken_ms, now_ms=now_ms)

    def reclaim(self) -> int:
        """Take back what dead workers left running; return how many there were."""
        return 0

    def close(self) -> None:
        """Let go of the memory; what runs is over."""
        self._closed = True
        with self._alone:
            self._table.leave_seat(self._seat)
        self._table.close()


class HostCounters(Counters):
    """Counters of all workers of a host, in a file."""

    def __init__(self, path: Path, *, now_ms: Callable[[], int] = clock.host_ms) -> None:
        """Map the file at `path`, which is made, and sit down; raises SetupError."""
        try:
            self._seats = NumberedLocks(
                path.with_name(f"{path.name}.seats"), count=SEATS, of="places of workers that count together"
            )
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            # Several processes may do this at once: what stands there is kept, unless it is no table.
            with FileLock(self._fd):
                if not is_sound(os.pread(self._fd, HEADER_BYTES, 0)):
                    os.ftruncate(self._fd, 0)
                if os.fstat(self._fd).st_size < TABLE_BYTES:
                    os.ftruncate(self._fd, TABLE_BYTES)
            self._make_room(0, ENTRIES_AT)
            memory = mmap.mmap(self._fd, TABLE_BYTES)
        except OSError as error:
            raise SetupError((f"{path} cannot be made, in which workers count requests: {error.strerror}",)) from error
        self._mine = self._seats.claim()
        table = Table(memory, reserve=self._make_room)
        super().__init__(table, seat=self._mine.number, alone=FileLock(self._fd), now_ms=now_ms)

    def _make_room(self, offset: int, length: int) -> None:
        """Take room on the disk: who wrote to a page of the file that has none, on a full disk, would be killed for it."""
        if sys.platform == "linux":
            os.posix_fallocate(self._fd, offset, length)

    def reclaim(self) -> int:
        """Take back what dead workers left running; return how many there were."""
        dead = 0
        with self._alone:
            for number in self._table.taken_seats():
                # Our own is not free: it is locked by another open file.
                seat = self._seats.try_claim(number)
                if seat is not None:
                    self._table.leave_seat(number)
                    seat.release()
                    dead += 1
        return dead

    def close(self) -> None:
        """Let go of the file; what runs is over."""
        super().close()
        os.close(self._fd)
        self._mine.release()
