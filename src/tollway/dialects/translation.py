"""Answers that change their dialect on the way, streamed or whole, in any mixture. Knows no dialect: it is given two.

A client that streams may have a provider that does not, and the other way round: a whole answer is told as events, and
events fold into a whole answer.
"""

from collections.abc import Callable, Iterable

import msgspec

from tollway.dialects.record import Closing, CostFields, ReadAnswer, StreamReader, StreamWriter
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.answer import ChatAnswer, events_of, fold, written_bytes
from tollway.neutral.events import (
    BEGINNING,
    Event,
    Finished,
    ReasoningSealed,
    Started,
    StopReason,
    Told,
    ToolCallStarted,
    UsageReported,
)
from tollway.neutral.parts import Part, Reasoning
from tollway.neutral.usage import Usage

LEAD_BYTES_MAX = 65_536
"""What a provider may send before the model's first word; when more comes the stream counts as begun."""

WHOLE_BYTES_MAX = 64 * 1024 * 1024
"""Of a whole answer that a streaming client waits for: as much as an answer may have elsewhere."""


def closing_of(usage: Usage | None, costs: CostFields | None, estimate: Usage | None) -> Closing:
    """Return the end of a chat's answer: what was reported, else the estimate by which it is charged, and shown so.

    Where only what was read is reported, what was written is charged by estimate.
    """
    if usage is not None and usage.output is None and estimate is not None:
        usage = None
    return Closing(usage=usage or estimate or Usage(), estimated=usage is None, costs=costs)


class TranslatedStream:
    """One stream: the provider's bytes in, the client's out. A `Stream` like those that pass."""

    __slots__ = (
        "_issuer",
        "_lead_bytes",
        "_reader",
        "_reported",
        "_waiting",
        "_writer",
        "content_started",
        "delivered_events",
        "delivered_text_bytes",
        "model_answered",
        "provider_cost_nanos",
        "service_tier",
    )

    def __init__(self, reader: StreamReader, writer: StreamWriter, *, issuer: str) -> None:
        """Take the provider's reader, the client's writer, and the provider's name, which goes onto its seals."""
        self._reader = reader
        self._writer = writer
        self._issuer = issuer
        self._waiting: list[Event] = []
        self._lead_bytes = 0
        self._reported: Usage | None = None
        self.content_started = False
        self.model_answered: str | None = None
        self.service_tier: str | None = None
        self.provider_cost_nanos: int | None = None
        self.delivered_events = 0
        self.delivered_text_bytes = 0

    @property
    def finished(self) -> bool:
        """The model ended its answer."""
        return self._reader.finished

    @property
    def ended(self) -> bool:
        """The provider has said its last word."""
        return self._reader.ended

    @property
    def failure(self) -> UpstreamFailure | None:
        """What the provider reported or did wrong."""
        return self._reader.failure

    @property
    def usage(self) -> Usage | None:
        """The usage last reported; no token at all although text was delivered is "not reported" (lesson 12)."""
        reported = self._reported
        if reported is not None and self.delivered_text_bytes and not reported.tokens:
            return None
        return reported

    def feed(self, data: bytes) -> bytes:
        """Return what may go to the client now."""
        events = self._reader.feed(data)
        if not self.content_started:
            self._lead_bytes += len(data)
        return self._write(events) if events else b""

    def close(self) -> bytes:
        """Say that the provider ended cleanly; return what may go to the client now."""
        events = self._reader.close()
        return self._write(events) if events else b""

    def end(self, costs: CostFields | None, estimate: Usage | None) -> bytes:
        """Return the end of a finished stream."""
        return self._release() + self._writer.end(self._closing(costs, estimate))

    def break_off(self, error: bytes, costs: CostFields | None, usage: Usage | None) -> bytes:
        """Return the end of a stream that broke."""
        return self._writer.break_off(error, None if costs is None else self._closing(costs, usage))

    def cut(self, error: bytes, costs: CostFields | None, estimate: Usage | None) -> bytes:
        """Return the end of a stream whose money has run out."""
        return self._release() + self._writer.cut(error, self._closing(costs, estimate))

    def _closing(self, costs: CostFields | None, estimate: Usage | None) -> Closing:
        return closing_of(self.usage, costs, estimate)

    def _write(self, events: list[Event]) -> bytes:
        sealed = False  # noted in the one loop: a loop of its own over one event takes 0.3 µs
        for event in events:
            count = written_bytes(event)
            if count:
                self.delivered_events += 1
                self.delivered_text_bytes += count
            elif isinstance(event, UsageReported):
                self._reported = event.usage
            elif isinstance(event, ReasoningSealed):
                sealed = True
            elif isinstance(event, Started):
                self.model_answered = self.model_answered or event.model
            elif isinstance(event, Told):
                self.service_tier = event.service_tier or self.service_tier
                if event.provider_cost_nanos is not None:
                    self.provider_cost_nanos = event.provider_cost_nanos
        if sealed:
            events = [_issued(event, self._issuer) for event in events]
        if self.content_started:
            return self._writer.write(events)
        self._waiting += events
        if self._lead_bytes > LEAD_BYTES_MAX or any(isinstance(event, BEGINNING) for event in events):
            return self._release()
        return b""

    def _release(self) -> bytes:
        self.content_started = True
        if not self._waiting:
            return b""
        waiting, self._waiting = self._waiting, []
        return self._writer.write(waiting)


def _issued(event: Event, issuer: str) -> Event:
    if not isinstance(event, ReasoningSealed):
        return event
    return msgspec.structs.replace(event, sealed=msgspec.structs.replace(event.sealed, issuer=issuer))


class WholeReader:
    """A provider's whole answer, read as a stream of which everything comes at its end."""

    def __init__(self, parse_answer: Callable[[bytes], ChatAnswer]) -> None:
        """Take what reads the answer."""
        self._parse_answer = parse_answer
        self._pieces: list[bytes] = []
        self._bytes = 0
        self.finished = False
        self.ended = False
        self.failure: UpstreamFailure | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Keep the bytes."""
        self._bytes += len(data)
        if self._bytes > WHOLE_BYTES_MAX:
            self.failure = UpstreamFailure(FailureKind.JUNK, f"the answer is larger than {WHOLE_BYTES_MAX} bytes")
            self._pieces.clear()
        else:
            self._pieces.append(data)
        return []

    def close(self) -> list[Event]:
        """Return all that the answer tells."""
        if self.failure is not None:
            return []
        try:
            answer = self._parse_answer(b"".join(self._pieces))
        except UpstreamFailure as failure:
            self.failure = failure
            return []
        self._pieces.clear()
        self.finished = True
        return with_ends(events_of(answer))


def with_ends(events: list[Event]) -> list[Event]:
    """Return the events of a whole answer with an end for each choice: what is whole has ended."""
    ended = {event.choice for event in events if isinstance(event, Finished)}
    begun = {event.choice for event in events if isinstance(event, BEGINNING)} | {0}
    called = {event.choice for event in events if isinstance(event, ToolCallStarted)}
    return events + [
        Finished(reason=StopReason.TOOL_CALLS if choice in called else StopReason.STOP, choice=choice)
        for choice in sorted(begun - ended)
    ]


def read_folded(reader: StreamReader, body: bytes) -> ChatAnswer:
    """Return the answer that a whole recorded stream tells; raises UpstreamFailure when it broke or never finished."""
    events = reader.feed(body) + reader.close()
    if reader.failure is not None:
        raise reader.failure
    if not reader.finished:
        raise UpstreamFailure(FailureKind.BROKE, "the stream ended before the answer did")
    return fold(events)


def facts_of(answer: ChatAnswer) -> ReadAnswer:
    """Return what settlement needs of an answer in the neutral form."""
    usage = answer.usage
    text_bytes = 0
    if usage is None or usage.output is None or not usage.tokens:
        text_bytes = _text_bytes(events_of(answer))
        if text_bytes and usage is not None and not usage.tokens:
            usage = None
    return ReadAnswer(
        body=b"",
        usage=usage,
        usage_found=None,
        model_answered=answer.model,
        text_bytes=text_bytes,
        service_tier=answer.service_tier,
        provider_cost_nanos=answer.provider_cost_nanos,
    )


def issued(answer: ChatAnswer, issuer: str) -> ChatAnswer:
    """Return the answer with the provider's name on its seals."""
    choices = tuple(
        msgspec.structs.replace(choice, parts=tuple(_signed(part, issuer) for part in choice.parts))
        for choice in answer.choices
    )
    return msgspec.structs.replace(answer, choices=choices)


def _signed(part: Part, issuer: str) -> Part:
    if not isinstance(part, Reasoning) or part.sealed is None:
        return part
    return msgspec.structs.replace(part, sealed=msgspec.structs.replace(part.sealed, issuer=issuer))


def _text_bytes(events: Iterable[Event]) -> int:
    return sum(written_bytes(event) for event in events)
