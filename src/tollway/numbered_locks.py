"""Numbers that no two live processes on this host share, as files under locks. Knows not what they are for.

A number is a file under an operating system lock. The kernel drops the lock when the process dies, whatever kills it,
so a number that can be taken belongs to nobody alive. The lock goes with the open file: a forked child would keep it,
so workers are spawned, never forked.
"""

import fcntl
import os
from pathlib import Path

from tollway.errors import SetupError


class NumberClaim:
    """A number held by this process until released, or until the process dies."""

    __slots__ = ("_fd", "number")

    def __init__(self, number: int, fd: int) -> None:
        """Take the number and the locked file."""
        self.number = number
        self._fd = fd

    def release(self) -> None:
        """Let others take the number; may be called again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class NumberedLocks:
    """The numbers from 0 on, as files in one folder."""

    def __init__(self, folder: Path, *, count: int, of: str) -> None:
        """Keep `count` files in `folder`, which is made; `of` says whose numbers they are. Raises OSError."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._count = count
        self._of = of

    def claim(self) -> NumberClaim:
        """Take the lowest free number; raises SetupError when all are taken."""
        for number in range(self._count):
            claim = self.try_claim(number)
            if claim is not None:
                return claim
        raise SetupError((f"{self._folder}: all {self._count} {self._of} are in use",))

    def try_claim(self, number: int) -> NumberClaim | None:
        """Take this number, or return None when a live process has it."""
        # The file is never removed: whoever has it open would hold a lock on a name that is gone.
        fd = os.open(self._folder / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return NumberClaim(number, fd)
