"""A provider's streamed Messages answer, read into events: a state machine over content blocks. Knows no socket."""

import msgspec
from msgspec import UNSET, Struct

from tollway.dialects.anthropic_messages.arguments import as_text, call_id
from tollway.dialects.anthropic_messages.citations import read_citation
from tollway.dialects.anthropic_messages.events import Block, Delta, Message, StreamEvent, explanation, read_event
from tollway.dialects.anthropic_messages.parse_answer import citations_of
from tollway.dialects.anthropic_messages.usage import Counts, first_usage, merged, read_counts, tier_of, usage_of
from tollway.dialects.anthropic_messages.words import STOP_REASONS
from tollway.dialects.provider_cost import read_provider_cost
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.sse import SseReader
from tollway.neutral.events import (
    CitationAdded,
    DeclinedDelta,
    Event,
    Finished,
    PartEnded,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    StopReason,
    TextDelta,
    Told,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tollway.neutral.parts import Sealed
from tollway.neutral.seals import UNSEALED


class _Open(Struct, gc=False):
    """A block that has begun."""

    block: Block
    call: int = -1
    """Which call of a tool it is."""
    written: bool = False
    """Its arguments came in deltas: what its beginning said of them stands for nothing."""
    signature: str = ""


class MessagesReader:
    """One stream."""

    def __init__(self) -> None:
        """Start at the beginning of a stream."""
        self._cutter = SseReader()
        self._open: dict[int, _Open] = {}
        self._calls = 0
        self._counts: Counts | None = None
        self._started = False
        self._begun = False
        self._otherwise = Finished(reason=StopReason.STOP)
        """The end of an answer that never says why it ended."""
        self.finished = False
        self.ended = False
        self.failure: UpstreamFailure | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Return what has happened."""
        if self.ended or self.failure is not None:
            return []
        try:
            raws = self._cutter.feed(data)
        except UpstreamFailure as failure:
            self.failure = failure
            return []
        events: list[Event] = []
        for raw in raws:
            self._take(raw, events)
        return events

    def close(self) -> list[Event]:
        """Take what came without its end as an event if it is whole: some servers omit the last blank line."""
        rest = self._cutter.close()
        events: list[Event] = []
        self._take(rest, events)
        failure = self.failure
        if (
            rest and failure is not None and failure.kind is FailureKind.JUNK
        ):  # the connection closed in the midst of it
            self.failure = None
        return events

    def _take(self, raw: bytes, events: list[Event]) -> None:
        if self.ended or self.failure is not None:
            return
        try:
            said = read_event(raw)
            if said is not None:
                self._tell(said, events)
        except UpstreamFailure as failure:
            self.failure = failure
        except msgspec.ValidationError:
            self.failure = UpstreamFailure(FailureKind.JUNK, "the provider sent an event of an unknown form")

    def _tell(self, said: StreamEvent, events: list[Event]) -> None:
        match said.type:
            case "content_block_delta" if said.delta is not None:
                self._write(said.index, said.delta, events)
            case "content_block_start" if said.content_block is not None:
                self._begin(said.index, said.content_block, events)
            case "content_block_stop":
                self._end(said.index, events)
            case "message_start" if said.message is not None:
                self._start(said.message, events)
            case "message_delta":
                self._finish(said, events)
            case "message_stop":
                if not self.finished:
                    events.append(self._otherwise)
                self.finished = self.ended = True
            case _:  # ping, and what is not invented yet
                pass

    def _start(self, message: Message, events: list[Event]) -> None:
        if self._begun:
            raise UpstreamFailure(FailureKind.BROKE, "the provider began its answer anew in the midst of it")
        self._counts = None if message.usage is UNSET else read_counts(message.usage)
        if not self._started:
            events.append(Started(id=message.id, model=message.model))
        self._started = True
        usage, tier = first_usage(self._counts, message.stop_reason), tier_of(self._counts)
        if usage is not None:
            events.append(UsageReported(usage=usage))
        if tier is not None:
            events.append(Told(service_tier=tier))
        for index, block in enumerate(message.content or ()):
            self._begin(index, block, events)
            self._end(index, events)
        if message.stop_reason is not None:
            reason = STOP_REASONS.get(message.stop_reason, StopReason.OTHER)
            self._otherwise = Finished(reason=reason, sequence=message.stop_sequence)

    def _begin(self, index: int, block: Block, events: list[Event]) -> None:
        self._begun = True
        opened = self._open[index] = _Open(block)
        match block.type:
            case "text":
                if block.text:
                    events.append(TextDelta(text=block.text))
                events += [CitationAdded(citation=citation) for citation in citations_of(block.citations)]
            case "thinking":
                opened.signature = block.signature or ""
                if block.thinking:
                    events.append(ReasoningDelta(text=block.thinking))
            case "redacted_thinking":
                events.append(ReasoningSealed(sealed=Sealed(data=block.data or "", whole=True)))
            case "tool_use":
                opened.call, self._calls = self._calls, self._calls + 1
                events.append(
                    ToolCallStarted(index=opened.call, id=call_id(block.id, opened.call), name=block.name or "")
                )
            case _:  # the provider's own tools, for which nobody asked
                pass

    def _write(self, index: int, delta: Delta, events: list[Event]) -> None:
        if delta.text:
            events.append(TextDelta(text=delta.text))
        elif delta.thinking:
            events.append(ReasoningDelta(text=delta.thinking))
        else:
            opened = self._open.get(index)
            if opened is not None:
                _add(opened, delta, events)

    def _end(self, index: int, events: list[Event]) -> None:
        opened = self._open.pop(index, None)
        if opened is None:
            return
        if opened.signature and opened.signature != UNSEALED:
            events.append(ReasoningSealed(sealed=Sealed(data=opened.signature)))
        elif opened.call < 0:
            events.append(PartEnded())
        elif not opened.written:
            events.append(ToolCallDelta(index=opened.call, arguments=as_text(opened.block.input)))

    def _finish(self, said: StreamEvent, events: list[Event]) -> None:
        found = None if said.usage is UNSET else bytes(said.usage)
        if found is not None:
            self._report(found, events)
        delta = said.delta
        if delta is None or delta.stop_reason is None or self.finished:
            return
        words = explanation(delta.stop_details)
        if words:
            events.append(DeclinedDelta(text=words))
        reason = STOP_REASONS.get(delta.stop_reason, StopReason.OTHER)
        events.append(Finished(reason=reason, sequence=delta.stop_sequence))
        self.finished = True

    def _report(self, found: bytes, events: list[Event]) -> None:
        counts = read_counts(found)
        self._counts = merged(self._counts, counts)
        usage, tier, cost = usage_of(self._counts), tier_of(self._counts), read_provider_cost(found)
        if counts is not None and usage is not None:
            events.append(UsageReported(usage=usage))
        if tier is not None or cost is not None:
            events.append(Told(service_tier=tier, provider_cost_nanos=cost))


def _add(opened: _Open, delta: Delta, events: list[Event]) -> None:
    """Add to a block what only it can have."""
    if delta.partial_json and opened.call >= 0:
        opened.written = True
        events.append(ToolCallDelta(index=opened.call, arguments=delta.partial_json))
    elif delta.signature:
        opened.signature = delta.signature
    elif delta.citation is not UNSET:
        citation = read_citation(delta.citation)
        if citation is not None:
            events.append(CitationAdded(citation=citation))


def open_reader() -> MessagesReader:
    """Return what reads the answer to a request."""
    return MessagesReader()
