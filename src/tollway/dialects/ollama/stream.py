"""What the lines of an Ollama stream say, for the pipe that passes them; and how such a stream ends. Knows no socket."""

import msgspec
from msgspec import Raw

from tollway.dialects.ollama.closing import closing_members, line, with_closing
from tollway.dialects.ollama.wire import CHAT, GENERATE, Said, Shape, failure_in, read_line, usage_in, written_bytes
from tollway.dialects.passing import Glance, PassingStream
from tollway.dialects.record import Closing
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.lines import LineReader
from tollway.neutral.peek import Peek

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_KEPT = ("model", "created_at")
"""What a line of ours repeats of the last line that was seen."""


class LinesForm:
    """One stream of lines."""

    __slots__ = ("_last", "_shape")

    def __init__(self, shape: Shape) -> None:
        """Take where the words stand."""
        self._shape = shape
        self._last = b"{}\n"

    def look(self, event: bytes) -> Glance:
        """Return what a line says."""
        try:
            read = read_line(event)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            if not event.strip():
                return Glance()
            return Glance(error=UpstreamFailure(FailureKind.JUNK, "the provider sent a line that is no JSON object"))
        failure = failure_in(read, event)
        if failure is not None:
            return Glance(error=failure)
        self._last = event
        said = self._shape.said(read)
        count = 0 if said is None else written_bytes(said)
        if not read.done:
            return Glance(count, bool(count) or (said is not None and bool(said.images)), model=read.model)
        return Glance(count, True, True, True, True, usage_in(read), read.model)

    def end(self, held: list[bytes], closing: Closing) -> bytes:
        """Return the last line with its costs."""
        last = held[-1]
        body = last.rstrip()
        return b"".join((*held[:-1], with_closing(body, closing), last[len(body) :] or b"\n"))

    def break_off(self, held: list[bytes], error: bytes, closing: Closing | None) -> bytes:
        """Return what the last line says, not as the last one; the counts and costs; and the error."""
        if not held and closing is None:
            return self._gap(held) + error + b"\n"
        ending = {} if closing is None else closing_members(closing)
        return self._gap(held) + line({**self._unended(held), "done": False, **ending}) + error + b"\n"

    def cut(self, held: list[bytes], error: bytes, closing: Closing) -> bytes:
        """Return a last line as at the output limit, and the error."""
        ending = {"done": True, "done_reason": "length", **closing_members(closing)}
        return self._gap(held) + line({**self._unended(held), **ending}) + error + b"\n"

    def _gap(self, held: list[bytes]) -> bytes:
        """Return the line end that the last line which passed lacks."""
        return b"" if held or self._last.endswith(b"\n") else b"\n"

    def _unended(self, held: list[bytes]) -> dict[str, object]:
        """Return the members of a line that says what the withheld one says, or nothing."""
        found = _MEMBERS.decode(self._last)
        members: dict[str, object] = {name: found[name] for name in _KEPT if name in found}
        said = self._shape.said(read_line(held[-1])) if held else None
        return members | self._shape.members(said or Said())


def open_chat(_peek: Peek) -> PassingStream:
    """Return the pipe for the answer to a chat request."""
    return PassingStream(LinesForm(CHAT), cutter=LineReader())


def open_generate(_peek: Peek) -> PassingStream:
    """Return the pipe for the answer to a generate request."""
    return PassingStream(LinesForm(GENERATE), cutter=LineReader())
