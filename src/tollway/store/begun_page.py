"""A page on which a worker notes exchanges that have just begun, for whoever settles its affairs when it dies. No SQL.

A row says the same, and costs a commit, which the first byte of a stream would have to wait for. What is written to a file
outlives the process that wrote it, whatever ends that, and costs 5 µs. It need not outlive the host: nobody is charged by it. A
note is not taken back: an exchange that has a line is over, and one that has a row is known by it.
"""

import os
import zlib
from pathlib import Path
from struct import Struct
from typing import Final

import msgspec

from tollway.ledger.lines import Hold
from tollway.logs import get_log

log = get_log(__name__)

SLOT_BYTES: Final = 1024
"""Room for one exchange. What is longer is written as a row: with four names of 64 characters, four caps are too many; with
four of 128, two."""
SLOTS: Final = 1024
"""How many exchanges stand on a page: as many as 25,000 streams a second leave without a row for 40 ms."""

_HEAD: Final = Struct("<II")
"""Length and checksum of what follows: a note that was cut short by the end of its process is none."""
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Hold).decode


class BegunPage:
    """The page of one live worker. Belongs to its event loop."""

    __slots__ = ("_fd", "_free", "_slots")

    def __init__(self, path: Path) -> None:
        """Begin an empty page at `path`; what an earlier worker left there is settled. Raises OSError."""
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._free = list(range(SLOTS - 1, -1, -1))
        self._slots: dict[int, int] = {}

    @property
    def is_empty(self) -> bool:
        """No exchange is known by this page alone."""
        return not self._slots

    def note(self, hold: Hold) -> bool:
        """Note an exchange that begins; False when it does not fit, or the disk is full."""
        if hold.exchange_id in self._slots:
            return True
        content = _ENCODE(hold)
        if not self._free or len(content) > SLOT_BYTES - _HEAD.size:
            return False
        slot = self._free[-1]
        noted = _HEAD.pack(len(content), zlib.crc32(content)) + content
        try:
            if os.pwrite(self._fd, noted, slot * SLOT_BYTES) != len(noted):
                return False
        except OSError:
            return False
        self._slots[hold.exchange_id] = self._free.pop()
        return True

    def forget(self, exchange_id: int) -> None:
        """Let another have the place of an exchange whose row or line is written."""
        slot = self._slots.pop(exchange_id, None)
        if slot is not None:
            self._free.append(slot)

    def close(self) -> None:
        """Close the file; what stands in it stays. Nothing is noted any more."""
        # The number of a file that is closed is soon another's: a late note must not be written into the books.
        number, self._fd = self._fd, -1
        os.close(number)


def read_begun(path: Path, worker_id: int) -> tuple[Hold, ...]:
    """Return what a worker that is dead had noted, over or not; nothing where it had no page. Raises OSError."""
    try:
        page = path.read_bytes()
    except FileNotFoundError:
        return ()
    noted = (_noted(page, start) for start in range(0, len(page), SLOT_BYTES))
    return tuple(hold for hold in noted if hold is not None and hold.worker_id == worker_id)


def _noted(page: bytes, start: int) -> Hold | None:
    content = page[start + _HEAD.size : start + SLOT_BYTES]
    if not content:
        return None
    length, checksum = _HEAD.unpack_from(page, start)
    if not 0 < length <= len(content) or zlib.crc32(content[:length]) != checksum:
        return None
    try:
        return _DECODE(content[:length])
    except msgspec.MsgspecError:
        # Of another version. Nobody is charged by a note: to lose one is better than not to start.
        log.warning("a note of an exchange that had begun cannot be read")
        return None
