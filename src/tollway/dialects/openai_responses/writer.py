"""Neutral events as the stream of a Responses client, and as its whole answer. Knows no provider and no price.

Every item ends with the response: calls may take turns, and how an item ended is known only then.
"""

import msgspec

from tollway.dialects.openai_responses.errors import error_event
from tollway.dialects.openai_responses.response import Fields, Response
from tollway.dialects.openai_responses.usage import written_usage
from tollway.dialects.openai_responses.words import REASON_WORDS
from tollway.dialects.openai_responses.written import (
    COMPLETED,
    Written,
    WrittenCall,
    WrittenImage,
    WrittenMessage,
    WrittenReasoning,
)
from tollway.dialects.record import Closing, ReplyTerms
from tollway.dialects.translation import with_ends
from tollway.neutral.answer import ChatAnswer, events_of
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
    Told,
    ToolCallDelta,
    ToolCallStarted,
)
from tollway.neutral.parts import Sealed

_ENCODE = msgspec.json.Encoder().encode


class ResponsesWriter:
    """One stream. Only the first choice is written: no request of this dialect asks for a second."""

    def __init__(self, terms: ReplyTerms) -> None:
        """Take what the answer says that the provider does not."""
        self._reply_id = terms.reply_id
        self._response = Response(terms)
        self._out: list[bytes] = []
        self._number = 0
        self._items: list[Written] = []
        self._open: Written | None = None
        """The message or reasoning that goes on."""
        self._calls: dict[int, WrittenCall] = {}
        self._reason: StopReason | None = None

    def write(self, events: list[Event]) -> bytes:
        """Return what may go to the client now."""
        for event in events:
            if isinstance(event, TextDelta):
                if (event.text or event.logprobs) and event.choice == 0:
                    self._message().write(event.text, event.logprobs)
            elif isinstance(event, Started):
                self._response.model = event.model or self._response.model
            elif isinstance(event, Told):
                if event.service_tier is not None:
                    self._response.serve(event.service_tier)
            elif getattr(event, "choice", 1) == 0:
                self._write_other(event)
        return self._taken()

    def _write_other(self, event: Event) -> None:
        match event:
            case ReasoningDelta():
                if event.text:
                    self._reasoning().write(event.text)
            case ToolCallDelta():
                if event.index in self._calls and event.arguments:
                    self._calls[event.index].write(event.arguments)
            case ToolCallStarted():
                self._call(event)
            case ReasoningSealed():
                self._seal(event.sealed)
            case DeclinedDelta():
                self._message().decline(event.text)
            case CitationAdded():
                self._message().cite(event.citation)
            case MediaAdded():
                self._media(event)
            case PartEnded():
                self._end_part()
            case Finished():
                self._reason = event.reason
            case _:
                return

    def end(self, closing: Closing) -> bytes:
        """Return the end of a finished stream."""
        self._finish(self._reason or StopReason.STOP, closing)
        return self._taken()

    def break_off(self, error: bytes, closing: Closing | None) -> bytes:
        """Return the end of a stream that broke: what is open stays open."""
        return self._taken() + self._error(error, None if closing is None else written_usage(closing))

    def cut(self, error: bytes, closing: Closing) -> bytes:
        """Return the end of a stream whose money has run out."""
        self._finish(self._reason or StopReason.LENGTH, closing)
        return self._taken() + self._error(error, None)

    def finished(self, closing: Closing) -> Fields:
        """End the answer; return the response."""
        return self._finish(self._reason or StopReason.STOP, closing)

    def _finish(self, reason: StopReason, closing: Closing) -> Fields:
        word = REASON_WORDS.get(reason)
        status = COMPLETED if word is None else "incomplete"
        self._begin()
        for place, item in enumerate(self._items):
            if item is self._open or item in self._calls.values():
                item.close(status if place == len(self._items) - 1 else COMPLETED)
        response = self._response.over([item.fields for item in self._items], reason, written_usage(closing))
        self._emit(f"response.{status}", {"response": response})
        return response

    def _error(self, error: bytes, usage: bytes | None) -> bytes:
        return error_event(error, number=self._number, usage=usage)

    def _begin(self) -> None:
        if not self._number:
            response = self._response.begun()
            self._emit("response.created", {"response": response})
            self._emit("response.in_progress", {"response": response})

    def _next_id(self, prefix: str) -> str:
        return f"{prefix}_{self._reply_id}_{len(self._items)}"

    def _message(self) -> WrittenMessage:
        if isinstance(self._open, WrittenMessage):
            return self._open
        self._close_open()
        message = WrittenMessage(self._emit, len(self._items), self._next_id("msg"))
        self._items.append(message)
        self._open = message
        return message

    def _reasoning(self) -> WrittenReasoning:
        if isinstance(self._open, WrittenReasoning):
            return self._open
        self._close_open()
        reasoning = WrittenReasoning(self._emit, len(self._items), self._next_id("rs"))
        self._items.append(reasoning)
        self._open = reasoning
        return reasoning

    def _seal(self, sealed: Sealed) -> None:
        if sealed.whole:
            self._close_open()
        self._reasoning().seal(sealed)
        self._close_open()

    def _call(self, event: ToolCallStarted) -> None:
        self._close_open()
        kind, prefix = ("custom_tool_call", "ctc") if event.custom else ("function_call", "fc")
        fields: Fields = {"id": self._next_id(prefix), "type": kind, "call_id": event.id, "name": event.name}
        call = WrittenCall(self._emit, len(self._items), fields)
        self._items.append(call)
        self._calls[event.index] = call

    def _media(self, event: MediaAdded) -> None:
        kind, _, form = event.media.media_type.partition("/")
        if kind != "image":  # a sound has no place among items; its words have
            if event.transcript:
                self._message().write(event.transcript, ())
                self._end_part()
            return
        self._close_open()
        fields: Fields = {"id": self._next_id("ig"), "result": event.media.data, "output_format": form}
        image = WrittenImage(self._emit, len(self._items), fields)
        self._items.append(image)
        image.close(COMPLETED)

    def _end_part(self) -> None:
        if isinstance(self._open, WrittenMessage):
            self._open.end_part()
        else:
            self._close_open()

    def _close_open(self) -> None:
        self._begin()
        if self._open is not None:
            self._open.close(COMPLETED)
            self._open = None

    def _emit(self, kind: str, fields: Fields) -> None:
        data = _ENCODE({"type": kind, "sequence_number": self._number, **fields})
        self._out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), data))
        self._number += 1

    def _taken(self) -> bytes:
        if not self._out:
            return b""
        out = b"".join(self._out)
        self._out.clear()
        return out


def open_writer(terms: ReplyTerms) -> ResponsesWriter:
    """Return the writer of a stream."""
    return ResponsesWriter(terms)


def render_answer(answer: ChatAnswer, terms: ReplyTerms, closing: Closing) -> bytes:
    """Return a whole answer: what its stream would end with."""
    writer = ResponsesWriter(terms)
    writer.write(with_ends(events_of(answer)))
    return _ENCODE(writer.finished(closing))
