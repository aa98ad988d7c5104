"""A form, a reader and a writer that say exactly what a test wants, in a wire format of one word an event."""

from collections.abc import Callable

from tollway.dialects.passing import Glance
from tollway.dialects.record import Closing
from tollway.errors import UpstreamFailure
from tollway.neutral.events import Event, Finished


class ScriptedReader:
    """A stream whose pieces are names of events: `feed(b"a b")` tells what `a` and `b` stand for."""

    def __init__(self, script: dict[bytes, list[Event]], *, broken: dict[bytes, UpstreamFailure] | None = None) -> None:
        """Take what each name stands for, and which ones break the stream."""
        self._script = script
        self._broken = broken or {}
        self.finished = False
        self.ended = False
        self.failure: UpstreamFailure | None = None
        self.last: list[Event] = []
        """What the end still tells."""

    def feed(self, data: bytes) -> list[Event]:
        """Return what has happened."""
        events: list[Event] = []
        for name in data.split():
            self.failure = self.failure or self._broken.get(name)
            if self.failure is None:
                events += self._script.get(name, [])
        self.finished = self.finished or any(isinstance(event, Finished) for event in events)
        return events

    def close(self) -> list[Event]:
        """Return what was still open."""
        return self.last


class PlainWriter:
    """Writes each event as a line of its `repr`, and keeps what its end was."""

    def __init__(self) -> None:
        """Start with nothing written."""
        self.written: list[Event] = []
        self.closing: Closing | None = None

    def write(self, events: list[Event]) -> bytes:
        """Return one line an event."""
        self.written += events
        return b"".join(f"{event!r}\n".encode() for event in events)

    def end(self, closing: Closing) -> bytes:
        """Return the end of a finished stream."""
        self.closing = closing
        return b"END\n"

    def break_off(self, error: bytes, closing: Closing | None) -> bytes:
        """Return the end of a stream that broke."""
        self.closing = closing
        return b"BROKEN " + error + b"\n"

    def cut(self, error: bytes, closing: Closing) -> bytes:
        """Return the end of a stream whose money has run out."""
        self.closing = closing
        return b"CUT " + error + b"\n"


class ScriptedForm:
    """Sees in an event of server-sent events what a function says."""

    def __init__(self, look: Callable[[bytes], Glance]) -> None:
        """Take what each event says."""
        self._look = look
        self.closing: Closing | None = None

    def look(self, event: bytes) -> Glance:
        """Return what a raw event says."""
        return self._look(event)

    def end(self, held: list[bytes], closing: Closing) -> bytes:
        """Return the withheld events and the end."""
        self.closing = closing
        return b"".join(held) + b"END\n"

    def break_off(self, held: list[bytes], error: bytes, closing: Closing | None) -> bytes:
        """Return the error alone."""
        self.closing = closing
        return b"BROKEN " + error

    def cut(self, held: list[bytes], error: bytes, closing: Closing) -> bytes:
        """Return the end at a limit."""
        self.closing = closing
        return b"CUT " + error
