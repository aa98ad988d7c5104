"""A counter that every process on this host sees at once: moved when keys or accounts change. Knows no key.

Eight bytes in a file that all map into their memory, so that looking costs no system call.
"""

import fcntl
import mmap
import os
from pathlib import Path

SIGNAL_BYTES = 8


class ChangeSignal:
    """One process's view of the counter. Reading is for one thread; bumping is safe from any thread and process."""

    def __init__(self, path: Path) -> None:
        """Map the file at `path`, making it when there is none."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._fd).st_size < SIGNAL_BYTES:
            # Two processes may both do this: the length is the same, and what stands there is kept.
            os.ftruncate(self._fd, SIGNAL_BYTES)
        self._map = mmap.mmap(self._fd, SIGNAL_BYTES)
        self._counter = memoryview(self._map).cast("Q")

    def read(self) -> int:
        """Return the counter; two equal readings mean that nothing was announced between them."""
        return self._counter[0]

    def announce(self, connection: object) -> None:
        """Announce nothing before the commit: what is not committed nobody could see."""
        del connection

    def bump(self) -> None:
        """Announce a change that is already committed."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            self._counter[0] = (self._counter[0] + 1) % 2**64
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Unmap the file."""
        self._counter.release()
        self._map.close()
        os.close(self._fd)
