"""Events of any provider as a streamed Messages answer: one content block after the other. Knows no provider.

Blocks of this dialect come one at a time, and calls of tools may take turns elsewhere: from the first call on, what does
not belong to it waits until the answer has ended, because only then nothing more can come to that call. So what a
client reads is always a block that begins, goes on with deltas of its own kind, and ends.
"""

from msgspec import Raw, Struct

from tollway.dialects.anthropic_messages.citations import citation_members
from tollway.dialects.anthropic_messages.costs import usage_shown
from tollway.dialects.anthropic_messages.events import STOP_EVENT, block_end, ending, error_event, write_event
from tollway.dialects.anthropic_messages.render_answer import media_text, message_members, stop_word
from tollway.dialects.members import append_members
from tollway.dialects.record import Closing, ReplyTerms
from tollway.neutral.events import (
    CitationAdded,
    DeclinedDelta,
    Event,
    Finished,
    MediaAdded,
    PartEnded,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    StopReason,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from tollway.neutral.parts import Declined, Part, Reasoning, Sealed, Text, ToolCall
from tollway.neutral.seals import UNSEALED, marked

_NOTHING_YET = {"input_tokens": 0, "output_tokens": 0}
"""What the beginning says of the usage, which is known at the end: that of the end supersedes it."""

_EMPTY_TEXT: dict[str, object] = {"type": "text", "text": ""}
_EMPTY_THINKING: dict[str, object] = {"type": "thinking", "thinking": "", "signature": ""}


class _Waiting(Struct, gc=False):
    """A block that waits for the first call to end: its beginning and its deltas, as they will stand."""

    kind: type[Part]
    start: dict[str, object]
    deltas: list[dict[str, object]]
    call: int = -1
    ended: bool = False


class MessagesWriter:
    """One stream."""

    def __init__(self, terms: ReplyTerms) -> None:
        """Take what the answer says that the provider does not."""
        self._terms = terms
        self._begun = False
        self._index = -1
        """Of the open block, or of the last one."""
        self._open: type[Part] | None = None
        self._unsealed = False
        """The open block is a thought that nobody has sealed."""
        self._call = -1
        """Which call the open block is."""
        self._waiting: list[_Waiting] = []
        self._waiting_calls: dict[int, _Waiting] = {}
        """The calls among them, by their index: there may be many."""
        self._kinds: set[type[Part]] = set()
        self._finished: Finished | None = None
        self._out: list[bytes] = []

    def write(self, events: list[Event]) -> bytes:
        """Return what may go to the client now."""
        for event in events:
            self._take(event)
        return self._flush()

    def end(self, closing: Closing) -> bytes:
        """Return the end of a finished stream."""
        self._finish(closing, StopReason.STOP)
        self._out.append(STOP_EVENT)
        return self._flush()

    def break_off(self, error: bytes, closing: Closing | None) -> bytes:
        """Return the end of a stream that broke: what waits, with the last block left open, and the error."""
        self._release()
        if closing is not None:
            error = append_members(error, b'"usage":%b' % usage_shown(None, closing))
        self._out.append(error_event(error))
        return self._flush()

    def cut(self, error: bytes, closing: Closing) -> bytes:
        """Return the end of a stream whose money has run out: it ends as at its limit, and then with the error."""
        self._finish(closing, StopReason.LENGTH)
        self._out.append(error_event(error))
        return self._flush()

    def _flush(self) -> bytes:
        out = b"".join(self._out)
        self._out.clear()
        return out

    def _finish(self, closing: Closing, otherwise: StopReason) -> None:
        self._begin(None)
        self._release()
        self._close()
        finished = self._finished or Finished(reason=otherwise)
        word = stop_word(finished.reason, self._kinds)
        self._out.append(ending(word, finished.sequence, Raw(usage_shown(None, closing))))

    def _take(self, event: Event) -> None:
        match event:
            case TextDelta() | ReasoningDelta() | DeclinedDelta() | CitationAdded() | MediaAdded() if not event.choice:
                self._add(event)
            case ToolCallDelta(choice=0):
                self._arguments(event)
            case ToolCallStarted(choice=0):
                self._start_call(event)
            case ReasoningSealed(choice=0):
                self._seal(event.sealed)
            case PartEnded(choice=0):
                self._end_part()
            case Finished(choice=0):
                self._finished = event
            case Started():
                self._begin(event.model)
            case _:  # usage, which stands at the end, and a second choice, for which nobody could ask
                pass

    def _add(self, event: TextDelta | ReasoningDelta | DeclinedDelta | CitationAdded | MediaAdded) -> None:
        match event:
            case TextDelta() | DeclinedDelta():
                if event.text:
                    kind = Text if isinstance(event, TextDelta) else Declined
                    self._delta(kind, {"type": "text_delta", "text": event.text})
            case ReasoningDelta():
                if event.text:
                    self._delta(Reasoning, {"type": "thinking_delta", "thinking": event.text})
            case CitationAdded():
                self._delta(Text, {"type": "citations_delta", "citation": citation_members(event.citation)})
            case _:
                self._end_part()
                self._delta(Text, {"type": "text_delta", "text": media_text(event.media, event.transcript)})
                self._end_part()

    def _begin(self, model: str | None) -> None:
        if self._begun:
            return
        self._begun = True
        message = message_members(model, self._terms)
        message |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": _NOTHING_YET}
        self._out.append(write_event("message_start", {"type": "message_start", "message": message}))

    def _delta(self, kind: type[Part], delta: dict[str, object]) -> None:
        """Add to the current part, which is a new one where it is of another kind."""
        if self._call < 0:
            if self._open is not kind:
                self._open_block(kind, _empty(kind))
            self._write_delta(delta)
            return
        last = self._waiting[-1] if self._waiting else None
        if last is None or last.ended or last.kind is not kind:
            last = _Waiting(kind, _empty(kind), [])
            self._waiting.append(last)
        last.deltas.append(delta)

    def _end_part(self) -> None:
        if self._call < 0:
            self._close()
        elif self._waiting and self._waiting[-1].call < 0:
            self._waiting[-1].ended = True

    def _start_call(self, event: ToolCallStarted) -> None:
        block: dict[str, object] = {"type": "tool_use", "id": event.id, "name": event.name, "input": {}}
        if self._call < 0:
            self._open_block(ToolCall, block)
            self._call = event.index
        else:
            waiting = _Waiting(ToolCall, block, [], event.index)
            self._waiting.append(waiting)
            self._waiting_calls[event.index] = waiting

    def _arguments(self, event: ToolCallDelta) -> None:
        delta: dict[str, object] = {"type": "input_json_delta", "partial_json": event.arguments}
        if event.index == self._call:
            self._write_delta(delta)
            return
        waiting = self._waiting_calls.get(event.index)
        if waiting is not None:
            waiting.deltas.append(delta)

    def _seal(self, sealed: Sealed) -> None:
        """Write a seal: on the reasoning that stands before it, or on one without text."""
        if sealed.whole:
            block: dict[str, object] = {"type": "redacted_thinking", "data": marked(sealed)}
            if self._call < 0:
                self._open_block(Reasoning, block)
                self._close()
            else:
                self._waiting.append(_Waiting(Reasoning, block, [], ended=True))
            return
        self._delta(Reasoning, {"type": "signature_delta", "signature": marked(sealed)})
        self._end_part()

    def _open_block(self, kind: type[Part], block: dict[str, object]) -> None:
        self._begin(None)
        self._close()
        self._index += 1
        self._open = kind
        self._kinds.add(kind)
        payload = {"type": "content_block_start", "index": self._index, "content_block": block}
        self._out.append(write_event("content_block_start", payload))

    def _write_delta(self, delta: dict[str, object]) -> None:
        self._unsealed = delta["type"] == "thinking_delta"
        payload = {"type": "content_block_delta", "index": self._index, "delta": delta}
        self._out.append(write_event("content_block_delta", payload))

    def _close(self) -> None:
        if self._unsealed:
            self._write_delta({"type": "signature_delta", "signature": UNSEALED})
        if self._open is not None:
            self._out.append(block_end(self._index))
            self._open = None

    def _release(self) -> None:
        """Write what waits: the first call has ended. The last block of it stays open."""
        for waiting in self._waiting:
            self._open_block(waiting.kind, waiting.start)
            for delta in waiting.deltas:
                self._write_delta(delta)
        self._waiting.clear()
        self._waiting_calls.clear()


def _empty(kind: type[Part]) -> dict[str, object]:
    return _EMPTY_THINKING if kind is Reasoning else _EMPTY_TEXT


def open_writer(terms: ReplyTerms) -> MessagesWriter:
    """Return what writes the answer to a request."""
    return MessagesWriter(terms)
