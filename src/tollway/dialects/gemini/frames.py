"""How the chunks of a Gemini stream are framed for a client: as server-sent events, or as one JSON array. Knows no chunk."""

from typing import Protocol

from tollway.dialects.gemini.peek import ARRAY
from tollway.dialects.record import EVENTS, JSON
from tollway.framing.sse import SseReader, read_fields
from tollway.neutral.peek import Peek


class Frames(Protocol):
    """One stream's framing."""

    def frame(self, data: bytes) -> bytes:
        """Return a chunk, framed."""
        ...

    def finish(self) -> bytes:
        """Return what stands behind the last one."""
        ...


class EventFrames:
    """Server-sent events with Google's line ends. Its older clients take nothing but `data: ` at the start of each."""

    def frame(self, data: bytes) -> bytes:
        """Return an event."""
        return b"data: %b\r\n\r\n" % data

    def finish(self) -> bytes:
        """Return nothing: such a stream just ends."""
        return b""


class ArrayFrames:
    """One JSON array, element by element; it is closed even behind an error, which is then its last element."""

    def __init__(self) -> None:
        """Start before the first element."""
        self._begun = False

    def frame(self, data: bytes) -> bytes:
        """Return an element with what stands before it."""
        before = b",\r\n" if self._begun else b"["
        self._begun = True
        return before + data

    def finish(self) -> bytes:
        """Return the end of the array."""
        return b"]\n" if self._begun else b"[]\n"

    def reframe(self, events: bytes) -> bytes:
        """Return whole server-sent events as elements; what is no data, such as a comment, has no place among them."""
        reader = SseReader()
        found = [*reader.feed(events), reader.close()]
        return b"".join(self.frame(data) for each in found if (data := (read_fields(each)[1] or b"").strip()))


def open_frames(peek: Peek) -> Frames:
    """Return the framing that a client asked for."""
    return ArrayFrames() if peek.variant == ARRAY else EventFrames()


def stream_type(peek: Peek) -> str:
    """Return the content type of a stream."""
    return JSON if peek.variant == ARRAY else EVENTS
