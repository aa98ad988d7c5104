"""Cohere's stream, read into events. Knows no request and no connection."""

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Raw, Struct

from tollway.dialects.cohere_chat.answer import NO_ARGUMENTS
from tollway.dialects.cohere_chat.usage import read_usage
from tollway.dialects.cohere_chat.words import (
    FAILED,
    FINISH_REASONS,
    Cited,
    Likelihood,
    broke_off,
    read_citations,
    read_likelihoods,
)
from tollway.dialects.error_body import parse_error
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.sse import SseReader, read_fields
from tollway.neutral.events import (
    CitationAdded,
    Event,
    Finished,
    PartEnded,
    ReasoningDelta,
    Started,
    StopReason,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)

DONE = b"[DONE]"


class _Content(Struct, gc=False):
    text: str | None = None
    thinking: str | None = None


class _Function(Struct, gc=False):
    name: str = ""
    arguments: str | None = None


class _ToolCall(Struct, gc=False):
    id: str = ""
    function: _Function | None = None


class _Message(Struct, gc=False):
    """The lists are those of the first event, which are empty."""

    content: _Content | list[Raw] | None = None
    tool_calls: _ToolCall | list[Raw] | None = None
    citations: Cited | list[Raw] | None = None
    tool_plan: str | None = None


class _Delta(Struct, gc=False):
    message: _Message | None = None
    finish_reason: str | None = None
    error: str | None = None
    usage: Raw = Raw(b"null")


class _Event(Struct, gc=False):
    type: str = ""
    id: str | None = None
    index: int = 0
    delta: _Delta | None = None
    logprobs: Likelihood | None = None
    message: Raw = Raw(b"")
    """Of an error, which has no type."""


_EVENT = msgspec.json.Decoder(_Event)
_NO_DELTA = _Delta()
_NO_MESSAGE = _Message()


class CohereReader:
    """One stream."""

    def __init__(self) -> None:
        """Start at the beginning of a stream."""
        self._events = SseReader()
        self._begun = False
        self._calls: dict[int, int] = {}
        """The number of each call, by the index that Cohere gives it."""
        self._unwritten: set[int] = set()
        """Calls for whose arguments the model has written nothing."""
        self.finished = False
        self.ended = False
        self.failure: UpstreamFailure | None = None
        self._takers: Mapping[str, Callable[[_Event, _Delta, _Message], list[Event]]] = {
            "content-delta": self._content,
            "content-start": self._content_start,
            "tool-call-delta": self._call_delta,
            "tool-call-start": self._call_start,
            "tool-call-end": self._call_end,
            "tool-plan-delta": self._plan,
            "citation-start": self._citation,
            "message-start": self._start,
            "message-end": self._end,
        }

    def feed(self, data: bytes) -> list[Event]:
        """Return what has happened."""
        if self.ended or self.failure is not None:
            return []
        try:
            raw = self._events.feed(data)
        except UpstreamFailure as failure:
            self.failure = failure
            return []
        events: list[Event] = []
        for event in raw:
            events += self._take(event)
        return events

    def close(self) -> list[Event]:
        """Take what came without its blank line, if it is whole."""
        rest = self._events.close()
        if self.failure is not None:
            return []
        events = self._take(rest)
        if self.failure is not None and self.failure.kind is FailureKind.JUNK:
            self.failure = None  # half an event: the connection closed in the midst of it
        return events

    def _take(self, raw: bytes) -> list[Event]:
        data = read_fields(raw)[1]
        if data is None or self.ended or self.failure is not None:
            return []
        if data.strip() == DONE:
            self.ended = True
            return []
        try:
            event = _EVENT.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.failure = UpstreamFailure(FailureKind.JUNK, "the provider sent an event that is not in its dialect")
            return []
        taker = self._takers.get(event.type)
        if taker is None:
            if event.message:
                said = parse_error(200, data).message
                self.failure = UpstreamFailure(FailureKind.BROKE, f"the provider reported an error: {said}")
            return []
        delta = event.delta or _NO_DELTA
        return taker(event, delta, delta.message or _NO_MESSAGE)

    def _start(self, event: _Event, _delta: _Delta, _message: _Message) -> list[Event]:
        return [Started(id=event.id)]

    def _content_start(self, event: _Event, delta: _Delta, message: _Message) -> list[Event]:
        ended: list[Event] = [PartEnded()] if self._begun else []
        self._begun = True
        return ended + self._content(event, delta, message)

    def _content(self, event: _Event, _delta: _Delta, message: _Message) -> list[Event]:
        content = message.content
        if not isinstance(content, _Content):
            return []
        if content.thinking:
            return [ReasoningDelta(text=content.thinking)]
        if not content.text:
            return []
        logprobs = () if event.logprobs is None else read_likelihoods((event.logprobs,))
        return [TextDelta(text=content.text, logprobs=logprobs)]

    def _plan(self, _event: _Event, _delta: _Delta, message: _Message) -> list[Event]:
        if not message.tool_plan:
            return []
        self._begun = True
        return [ReasoningDelta(text=message.tool_plan)]

    def _call_start(self, event: _Event, delta: _Delta, message: _Message) -> list[Event]:
        call = message.tool_calls
        if not isinstance(call, _ToolCall) or call.function is None:
            return []
        number = self._calls[event.index] = len(self._calls)
        self._unwritten.add(number)
        started: list[Event] = [ToolCallStarted(index=number, id=call.id, name=call.function.name)]
        return started + self._call_delta(event, delta, message)

    def _call_delta(self, event: _Event, _delta: _Delta, message: _Message) -> list[Event]:
        call, number = message.tool_calls, self._calls.get(event.index)
        if number is None or not isinstance(call, _ToolCall) or call.function is None or not call.function.arguments:
            return []
        self._unwritten.discard(number)
        return [ToolCallDelta(index=number, arguments=call.function.arguments)]

    def _call_end(self, event: _Event, _delta: _Delta, _message: _Message) -> list[Event]:
        number = self._calls.get(event.index)
        if number not in self._unwritten:
            return []
        self._unwritten.discard(number)
        return [ToolCallDelta(index=number, arguments=NO_ARGUMENTS)]

    def _citation(self, _event: _Event, _delta: _Delta, message: _Message) -> list[Event]:
        if not isinstance(message.citations, Cited):
            return []
        return [CitationAdded(citation=citation) for citation in read_citations(message.citations)]

    def _end(self, _event: _Event, delta: _Delta, _message: _Message) -> list[Event]:
        said = delta.finish_reason or "COMPLETE"
        if said in FAILED or delta.error is not None:
            self.failure = broke_off(said, delta.error)
            return []
        usage = read_usage(delta.usage)
        self.finished = True
        written: list[Event] = [
            ToolCallDelta(index=number, arguments=NO_ARGUMENTS) for number in sorted(self._unwritten)
        ]
        self._unwritten.clear()
        reported: list[Event] = [] if usage is None else [UsageReported(usage=usage)]
        return [*written, *reported, Finished(reason=FINISH_REASONS.get(said, StopReason.OTHER))]


def open_reader() -> CohereReader:
    """Return the reader of one stream."""
    return CohereReader()
