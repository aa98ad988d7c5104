"""Who of this host's workers is alive, as files under locks: a lock that can be taken belongs to nobody. Knows no counter.

The kernel drops a lock when its process dies, whatever kills it. It goes with the open file: a forked child would keep
it, so workers are spawned, never forked.
"""

import fcntl
import os
from pathlib import Path

from tollway.errors import SetupError


class Seat:
    """A number that this process holds until it releases it, or dies."""

    __slots__ = ("_fd", "number")

    def __init__(self, number: int, fd: int) -> None:
        """Take the number and the locked file."""
        self.number = number
        self._fd = fd

    def release(self) -> None:
        """Let others take it."""
        os.close(self._fd)


class Seats:
    """Numbers from 0, as files in one folder."""

    def __init__(self, folder: Path, *, count: int) -> None:
        """Keep the files in `folder`, which is made; raises OSError."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._count = count

    def take(self) -> Seat:
        """Take the lowest free one; raises SetupError when all are taken."""
        for number in range(self._count):
            seat = self.try_take(number)
            if seat is not None:
                return seat
        raise SetupError((f"{self._folder}: {self._count} workers serve here already, and no more can count together",))

    def try_take(self, number: int) -> Seat | None:
        """Take this one; None when a live process has it."""
        # The file is never removed: whoever has it open would hold a lock on a name that is gone.
        fd = os.open(self._folder / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return Seat(number, fd)
