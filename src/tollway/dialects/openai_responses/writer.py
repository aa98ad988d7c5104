"""Neutral events as the stream of a Responses client, and as its whole answer. Knows no provider and no price.

Every item ends with the response: calls may take turns, and how an item ended is known only then.
"""

from collections.abc import Callable
from typing import Any

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
            write = _WRITES.get(type(event))
            if write is not None and getattr(event, "choice", 0) == 0:
                write(self, event)
        return self._taken()

    def name(self, event: Started) -> None:
        """Take the provider's word for the model."""
        self._response.model = event.model or self._response.model

    def serve(self, event: Told) -> None:
        """Take the provider's word for its tier."""
        if event.service_tier is not None:
            self._response.serve(event.service_tier)

    def say(self, event: TextDelta) -> None:
        """Write text."""
        if event.text or event.logprobs:
            self._message().write(event.text, event.logprobs)

    def decline(self, event: DeclinedDelta) -> None:
        """Write a refusal."""
        self._message().decline(event.text)

    def cite(self, event: CitationAdded) -> None:
        """Write what the text rests on."""
        self._message().cite(event.citation)

    def think(self, event: ReasoningDelta) -> None:
        """Write thoughts."""
        if event.text:
            self._reasoning().write(event.text)

    def seal(self, event: ReasoningSealed) -> None:
        """Seal the thoughts that stand here; what is sealed as a whole is an item of its own."""
        if event.sealed.whole:
            self._close_open()
        self._reasoning().seal(event.sealed)
        self._close_open()

    def call(self, event: ToolCallStarted) -> None:
        """Begin a call."""
        self._close_open()
        kind, prefix = ("custom_tool_call", "ctc") if event.custom else ("function_call", "fc")
        fields: Fields = {"id": self._next_id(prefix), "type": kind, "call_id": event.id, "name": event.name}
        call = WrittenCall(self._emit, len(self._items), fields)
        self._items.append(call)
        self._calls[event.index] = call

    def argue(self, event: ToolCallDelta) -> None:
        """Write arguments of a call that has begun."""
        if event.index in self._calls and event.arguments:
            self._calls[event.index].write(event.arguments)

    def add(self, event: MediaAdded) -> None:
        """Write a picture; a sound has no place among items, but its words have."""
        kind, _, form = event.media.media_type.partition("/")
        if kind != "image":
            if event.transcript:
                self._message().write(event.transcript, ())
                self.end_part(None)
            return
        self._close_open()
        fields: Fields = {"id": self._next_id("ig"), "result": event.media.data, "output_format": form}
        image = WrittenImage(self._emit, len(self._items), fields)
        self._items.append(image)
        image.close(COMPLETED)

    def end_part(self, _event: PartEnded | None) -> None:
        """End the part that is open; a message goes on."""
        if isinstance(self._open, WrittenMessage):
            self._open.end_part()
        else:
            self._close_open()

    def finish(self, event: Finished) -> None:
        """Keep how the answer ended."""
        self._reason = event.reason

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


_WRITES: dict[type[Event], Callable[[ResponsesWriter, Any], None]] = {
    Started: ResponsesWriter.name,
    Told: ResponsesWriter.serve,
    TextDelta: ResponsesWriter.say,
    DeclinedDelta: ResponsesWriter.decline,
    CitationAdded: ResponsesWriter.cite,
    ReasoningDelta: ResponsesWriter.think,
    ReasoningSealed: ResponsesWriter.seal,
    ToolCallStarted: ResponsesWriter.call,
    ToolCallDelta: ResponsesWriter.argue,
    MediaAdded: ResponsesWriter.add,
    PartEnded: ResponsesWriter.end_part,
    Finished: ResponsesWriter.finish,
}


def open_writer(terms: ReplyTerms) -> ResponsesWriter:
    """Return the writer of a stream."""
    return ResponsesWriter(terms)


def render_answer(answer: ChatAnswer, terms: ReplyTerms, closing: Closing) -> bytes:
    """Return a whole answer: what its stream would end with."""
    writer = ResponsesWriter(terms)
    writer.write(with_ends(events_of(answer)))
    return _ENCODE(writer.finished(closing))
