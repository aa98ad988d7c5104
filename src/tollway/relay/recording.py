"""What a client is sent, remembered for its next try: compressed as it goes, and bounded. Knows no client and no store."""

import zlib

ANSWER_BYTES_MAX = 4 * 1024 * 1024
"""The longest answer that is kept: some 16,000 tokens streamed at 250 bytes an event, and as much as a replay may have in
memory at once."""

KEPT_BYTES_MAX = 1024 * 1024
"""The most that it may take in the store. A stream of events shrinks to a twentieth and less, base64 hardly at all."""

LEVEL = 1
WINDOW_BITS = 12
MEMORY_LEVEL = 5
"""With a window of 4 KB zlib needs 40 KB for each open stream instead of 270, and an event looks like the one before:
level 1 takes 1.5 µs for each, and nothing is gained by more."""


class Recording:
    """The bytes of one answer, in their order."""

    __slots__ = ("_left", "_pieces", "_zip")

    def __init__(self) -> None:
        """Start with nothing."""
        self._zip = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW_BITS, MEMORY_LEVEL)
        self._pieces: list[bytes] = []
        self._left = ANSWER_BYTES_MAX

    def add(self, data: bytes) -> None:
        """Remember a piece; of an answer that has become too long nothing is remembered any more."""
        if self._left < 0:
            return
        self._left -= len(data)
        if self._left < 0:
            self._pieces.clear()
            return
        packed = self._zip.compress(data)
        if packed:
            self._pieces.append(packed)

    def packed(self) -> bytes | None:
        """Return all of it for the store, once; None when it is too long."""
        if self._left < 0:
            return None
        packed = b"".join([*self._pieces, self._zip.flush()])
        return packed if len(packed) <= KEPT_BYTES_MAX else None


def unpacked(packed: bytes) -> bytes:
    """Return the bytes of an answer that was packed."""
    return zlib.decompress(packed, -WINDOW_BITS)
