"""Lines of JSON (NDJSON): bytes to whole lines, byte for byte. Knows no dialect and no JSON."""

from tollway.errors import FailureKind, UpstreamFailure

LINE_BYTES_MAX = 16 * 1024 * 1024
"""Longest line, as of an event elsewhere: a picture stands in one line, and a line without an end must not fill the memory."""


class LineReader:
    """Cuts a stream into lines, each with its line end; the lines and the remainder joined are the bytes that were fed."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        """Start at the beginning of a stream."""
        self._pending = bytearray()
        """Of a line that is not whole yet: it has no line end."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes; raises UpstreamFailure JUNK on overrun."""
        end = data.rfind(b"\n") + 1
        if not self._pending and end == len(data) and data.find(b"\n") == end - 1:
            return [data] if data else []
        if not end:
            self._keep(data)
            return []
        whole = bytes(self._pending) + data[:end]
        self._pending.clear()
        self._keep(data[end:])
        return [line + b"\n" for line in whole[:-1].split(b"\n")]

    def close(self) -> bytes:
        """Return what is left without a line end; the reader is then at the beginning again."""
        rest = bytes(self._pending)
        self._pending.clear()
        return rest

    def _keep(self, data: bytes) -> None:
        self._pending += data
        if len(self._pending) > LINE_BYTES_MAX:
            raise UpstreamFailure(FailureKind.JUNK, f"a line of the stream is longer than {LINE_BYTES_MAX} bytes")
