"""The pipe of a stream whose bytes pass as they came, for any dialect: what is withheld, what is counted, how it ends.

Two things are withheld. At the start, what comes before the model's first word, so that another provider may still be
tried. At the end, everything from the event on in which usage and cost belong, because they are known only when the
stream has ended. What an event means is its dialect's `Form` to say. Knows no dialect, no socket and no price.
"""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from tollway.dialects.alike import LESSONS_MAX, Alike, learn
from tollway.dialects.record import Closing, CostFields
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.sse import SseReader, read_fields
from tollway.neutral.usage import Usage

LEAD_BYTES_MAX = 65_536
"""What may be withheld before the first word; when more comes the stream counts as begun."""

TAIL_BYTES_MAX = 4_194_304
"""What may be withheld at the end, behind the first event of it, which may repeat the whole answer (`response.completed`)."""


class Glance(Struct, gc=False):
    """What one event says, as far as the pipe must know."""

    text_bytes: int = 0
    """UTF-8 bytes of what the model wrote in it; not of what it only repeats."""
    begins: bool = False
    """The model has begun to answer."""
    withheld: bool = False
    """The end may begin here: this event waits for what follows, and so does all that follows it."""
    finishes: bool = False
    """The answer is whole with it: a stream that ends before one such event was cut off."""
    last: bool = False
    """The provider's last word: nothing that follows passes."""
    usage: Usage | Callable[[], Usage | None] | None = None
    """All that the answer has used so far; the last one counts. Where every event says it, what finds it out: that is asked
    once, at the end, and not 1 µs of every event."""
    model: str | None = None
    error: UpstreamFailure | None = None
    """The provider reports, or did, something wrong: the event does not pass."""
    service_tier: str | None = None
    provider_cost_nanos: int | None = None


class Form(Protocol):
    """One stream of a dialect: keeps what the end needs of what has passed."""

    def look(self, event: bytes) -> Glance:
        """Return what a raw event says; raises nothing."""
        ...

    def end(self, held: list[bytes], closing: Closing) -> bytes:
        """Return the withheld events with usage and costs in their place."""
        ...

    def break_off(self, held: list[bytes], error: bytes, closing: Closing | None) -> bytes:
        """Return what may go of the withheld events without looking finished, and the error."""
        ...

    def cut(self, held: list[bytes], error: bytes, closing: Closing) -> bytes:
        """Return the end at a limit, with usage and costs, and the error."""
        ...


class Cutter(Protocol):
    """Cuts bytes into raw events; the events and the rest joined are the bytes."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the events that the data completes; raises UpstreamFailure JUNK on overrun."""
        ...

    def close(self) -> bytes:
        """Return what is left."""
        ...


class PassingStream:
    """One stream. Feed it until the provider ends, `close` it, then `end` it when it is finished, else `break_off`."""

    __slots__ = (
        "_alike",
        "_cutter",
        "_facts",
        "_form",
        "_held",
        "_held_bytes",
        "_lead",
        "_lead_bytes",
        "_learned",
        "_lessons_left",
        "_reported",
        "_tail_bytes_max",
        "content_started",
        "delivered_events",
        "delivered_text_bytes",
        "ended",
        "failure",
        "finished",
        "model_answered",
        "provider_cost_nanos",
        "service_tier",
    )

    def __init__(
        self,
        form: Form,
        *,
        cutter: Cutter | None = None,
        tail_bytes_max: int = TAIL_BYTES_MAX,
        facts: Callable[[bytes], tuple[int, object]] | None = None,
    ) -> None:
        """Take the dialect's form, what cuts its events (server-sent events unless another is given), and a bound.

        `facts` is what `alike.learn` asks about an event, 0 for one of which the form keeps something; for
        server-sent events only.
        """
        self._form = form
        self._facts = facts
        self._learned: Alike | None = None
        self._lessons_left = LESSONS_MAX
        self._alike: Alike | None = None
        """The pattern of the events that pass, while they do: text has begun, nothing is withheld, no event is half read."""
        self._tail_bytes_max = tail_bytes_max
        self._cutter: Cutter = SseReader() if cutter is None else cutter
        self._lead: list[bytes] = []
        self._lead_bytes = 0
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._reported: Usage | Callable[[], Usage | None] | None = None
        self.content_started = False
        self.finished = False
        self.ended = False
        self.failure: UpstreamFailure | None = None
        self.model_answered: str | None = None
        self.service_tier: str | None = None
        self.provider_cost_nanos: int | None = None
        self.delivered_events = 0
        self.delivered_text_bytes = 0

    @property
    def usage(self) -> Usage | None:
        """The usage last reported; no token at all although text was delivered is "not reported" (lesson 12)."""
        reported = self._reported
        if callable(reported):
            reported = self._reported = reported()
        if reported is not None and self.delivered_text_bytes and not reported.tokens:
            return None
        return reported

    def feed(self, data: bytes) -> bytes:
        """Return what may go to the client now; empty when nothing may, and after a failure or the last word."""
        if self._alike is not None and (text_bytes := self._alike.text_bytes(data)):
            self.delivered_events += 1
            self.delivered_text_bytes += text_bytes
            return data
        if self.ended or self.failure is not None:
            return b""
        try:
            events = self._cutter.feed(data)
        except UpstreamFailure as failure:
            self.failure = failure
            self._alike = None
            return b""
        freed = self._take(events[0]) if len(events) == 1 else b"".join([self._take(event) for event in events])
        if self._alike is not None and isinstance(self._cutter, SseReader) and self._cutter.pending:
            self._alike = None
        return freed

    def close(self) -> bytes:
        """Take what came without its end as an event if it is whole: some servers omit the last blank line."""
        rest = self._cutter.close()
        if not rest.strip() or self.ended or self.failure is not None:
            return b""
        if isinstance(self._cutter, SseReader):  # what follows must not run into it
            if not (read_fields(rest)[1] or b"").strip():
                return b""
            line_end = b"\r\n" if b"\r\n" in rest else b"\n"
            rest = rest.rstrip(b"\r\n") + line_end * 2
        freed = self._take(rest)
        if self.failure is not None and self.failure.kind is FailureKind.JUNK:
            self.failure = None  # half an event: the connection closed in the midst of it
        return freed

    def end(self, costs: CostFields | None, estimate: Usage | None) -> bytes:
        """Return the end of a finished stream; no costs: as the provider sent it."""
        if costs is None:
            return self._release_lead() + b"".join(self._held)
        return self._release_lead() + self._form.end(self._held, self._closing(costs, estimate))

    def break_off(self, error: bytes, costs: CostFields | None, usage: Usage | None) -> bytes:
        """Return the end of a stream that broke."""
        closing = None if costs is None else self._closing(costs, usage)
        return self._release_lead() + self._form.break_off(self._held, error, closing)

    def cut(self, error: bytes, costs: CostFields | None, estimate: Usage | None) -> bytes:
        """Return the end of a stream whose money has run out."""
        return self._release_lead() + self._form.cut(self._held, error, self._closing(costs, estimate))

    def _closing(self, costs: CostFields | None, estimate: Usage | None) -> Closing:
        usage = self.usage
        if usage is not None and usage.output is None and estimate is not None:
            usage = None  # what was written is charged by estimate where only what was read is known, and shown so
        return Closing(usage=usage or estimate or Usage(), estimated=usage is None, costs=costs)

    def _take(self, event: bytes) -> bytes:
        """Return what an event sets free: itself behind what was withheld, or nothing."""
        if self.ended or self.failure is not None:
            return b""
        self._alike = None
        seen = self._form.look(event)
        if seen.error is not None:
            self.failure = seen.error
            self._reported = seen.usage or self._reported  # a failed answer may have cost something
            return b""
        if seen.text_bytes:
            self.delivered_events += 1
            self.delivered_text_bytes += seen.text_bytes
        if seen.usage is not None:
            self._reported = seen.usage
        if seen.model is not None and self.model_answered is None:
            self.model_answered = seen.model
        if seen.service_tier is not None:
            self.service_tier = seen.service_tier
        if seen.provider_cost_nanos is not None:
            self.provider_cost_nanos = seen.provider_cost_nanos
        self.finished = self.finished or seen.finishes
        self.ended = seen.last
        if seen.withheld or self._held:
            freed = self._release_lead() if seen.begins or seen.finishes else b""
            self._hold(event)
            return freed
        if self.content_started:
            if self._facts is not None and seen.text_bytes:
                self._learn(event, self._facts)
            return event
        self._lead.append(event)
        self._lead_bytes += len(event)
        return self._release_lead() if seen.begins or self._lead_bytes > LEAD_BYTES_MAX else b""

    def _learn(self, event: bytes, facts: Callable[[bytes], tuple[int, object]]) -> None:
        """Know the pattern of an event again, or take a new one from it."""
        if self._lessons_left and (self._learned is None or not self._learned.surrounds(event)):
            self._lessons_left -= 1
            self._learned = learn(event, facts)
        self._alike = self._learned

    def _hold(self, event: bytes) -> None:
        if self._held:  # the first of them may repeat the whole answer, and has its own bound as an event
            self._held_bytes += len(event)
        self._held.append(event)
        if self._held_bytes > self._tail_bytes_max:
            self.failure = UpstreamFailure(FailureKind.JUNK, "the provider does not end its stream")

    def _release_lead(self) -> bytes:
        self.content_started = True
        if not self._lead:
            return b""
        lead = b"".join(self._lead)
        self._lead.clear()
        return lead
