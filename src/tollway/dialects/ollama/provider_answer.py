"""What an Ollama server answers, whole or in lines, read into the neutral form. Knows no client and no provider by name."""

from datetime import datetime

import msgspec

from tollway.dialects.ollama.answer import read_whole
from tollway.dialects.ollama.wire import (
    CHAT,
    GENERATE,
    Line,
    Logprob,
    Said,
    Shape,
    arguments_text,
    call_id,
    failure_in,
    read_line,
    usage_in,
)
from tollway.dialects.ollama.words import media_type, stop_reason
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.lines import LineReader
from tollway.neutral.answer import ChatAnswer, fold
from tollway.neutral.events import (
    Event,
    Finished,
    MediaAdded,
    ReasoningDelta,
    Started,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tollway.neutral.parts import Inline

_IMAGE_TYPE = "image/png"
"""Of a picture that the model made, where its bytes do not say."""


class LinesReader:
    """One stream of lines on its way into events."""

    def __init__(self, shape: Shape) -> None:
        """Take where the words stand."""
        self._shape = shape
        self._cutter = LineReader()
        self._started = False
        self._calls = 0
        self.finished = False
        self.ended = False
        self.failure: UpstreamFailure | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Return what has happened."""
        try:
            lines = self._cutter.feed(data)
        except UpstreamFailure as failure:
            self.failure = self.failure or failure
            return []
        events: list[Event] = []
        for line in lines:
            self._take(line, events)
        return events

    def close(self) -> list[Event]:
        """Return what came without its line end, if it is whole."""
        events: list[Event] = []
        failed = self.failure
        self._take(self._cutter.close(), events)
        self.failure = failed  # half a line: the connection closed in the midst of it
        return events

    def _take(self, payload: bytes, events: list[Event]) -> None:
        if self.ended or self.failure is not None:
            return
        try:
            line = read_line(payload)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            if payload.strip():
                self.failure = UpstreamFailure(FailureKind.JUNK, "the provider sent a line that is no JSON object")
            return
        self.failure = failure_in(line, payload)
        if self.failure is None:
            self._tell(line, events)

    def _tell(self, line: Line, events: list[Event]) -> None:
        if not self._started:
            self._started = True
            events.append(Started(model=line.model, created_s=created_s(line.created_at)))
        said = self._shape.said(line)
        if said is not None:
            self._calls += tell(said, line, events, self._calls)
        if line.done:
            self.finished = self.ended = True
            usage = usage_in(line)
            if usage is not None:
                events.append(UsageReported(usage=usage))
            events.append(Finished(reason=stop_reason(line.done_reason, called=self._calls)))


def tell(said: Said, line: Line, events: list[Event], calls: int) -> int:
    """Append the events of what a line says; return how many tools it calls, before which `calls` were called."""
    if said.thinking:
        events.append(ReasoningDelta(text=said.thinking))
    if said.content:
        logprobs = tuple(map(_logprob, line.logprobs)) if line.logprobs else ()
        events.append(TextDelta(text=said.content, logprobs=logprobs))
    events += [
        MediaAdded(media=Inline(media_type=media_type(data) or _IMAGE_TYPE, data=data)) for data in said.images or ()
    ]
    called = said.tool_calls or ()
    for place, call in enumerate(called, start=calls):
        arguments = arguments_text(call.function.arguments)
        made = call_id(place, call, line.created_at or "")
        events.append(ToolCallStarted(index=place, id=made, name=call.function.name))
        events.append(ToolCallDelta(index=place, arguments=arguments))
    return len(called)


def _logprob(each: Logprob) -> TokenLogprob:
    top = tuple([TokenLogprob(token=other.token, logprob=other.logprob) for other in each.top_logprobs or ()])
    return TokenLogprob(token=each.token, logprob=each.logprob, top=top)


def created_s(moment: str | None) -> int | None:
    """Return a moment of RFC 3339 in seconds; None when it is none."""
    try:
        return None if moment is None else int(msgspec.convert(moment, datetime).timestamp())
    except (msgspec.ValidationError, OverflowError):
        return None


def parse_chat_answer(body: bytes) -> ChatAnswer:
    """Return a whole chat answer; raises UpstreamFailure JUNK."""
    return _parse(body, CHAT)


def parse_generate_answer(body: bytes) -> ChatAnswer:
    """Return a whole generate answer; raises UpstreamFailure JUNK."""
    return _parse(body, GENERATE)


def _parse(body: bytes, shape: Shape) -> ChatAnswer:
    line, said = read_whole(body, shape)
    events: list[Event] = [Started(model=line.model, created_s=created_s(line.created_at))]
    called = tell(said, line, events, 0)
    usage = usage_in(line)
    if usage is not None:
        events.append(UsageReported(usage=usage))
    events.append(Finished(reason=stop_reason(line.done_reason, called=called)))
    return fold(events)


def open_chat_reader() -> LinesReader:
    """Return the reader of a streamed chat answer."""
    return LinesReader(CHAT)


def open_generate_reader() -> LinesReader:
    """Return the reader of a streamed generate answer."""
    return LinesReader(GENERATE)
