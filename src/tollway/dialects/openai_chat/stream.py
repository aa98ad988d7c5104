"""The pipe of a streamed chat answer, OpenAI's form in and out: a state machine over events. Knows no socket and no price.

Ordinary events pass as they came. Two things are withheld. At the start, what comes before the model's first text, so
that another provider may still be tried. At the end, everything from the last chunk that has a choice, because the
usage and the cost belong there and are known only when the stream has ended. A stream keeps references to three events
at most besides what is withheld, and no text.
"""

from typing import Literal

import msgspec

from tollway.dialects.alike import LESSONS_MAX, Alike, learn
from tollway.dialects.error_body import parse_error
from tollway.dialects.members import append_members
from tollway.dialects.openai_chat.chunk import (
    Chunk,
    as_last_chunk,
    new_chunk,
    read_chunk,
    service_tier,
    usage_bytes,
    with_usage,
    without_finish,
)
from tollway.dialects.openai_usage import is_all_zero, usage_with_costs
from tollway.dialects.provider_cost import read_provider_cost
from tollway.dialects.record import CostFields
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.sse import SseReader, read_fields, with_data
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage

LEAD_BYTES_MAX = 65_536
"""What may be withheld before the first text: a role chunk, filter results and many minutes of keep-alive comments.
When more comes the stream counts as begun."""

TAIL_BYTES_MAX = 1_048_576
"""What may be withheld after the last chunk that has a choice: usage, filter results, comments. More is junk."""

DONE = b"[DONE]"
DONE_EVENT = b"data: [DONE]\n\n"

_LAST_CHOICE = b'[{"index":0,"delta":{"content":""},"finish_reason":null}]'
_CUT_CHOICE = b'[{"index":%d,"delta":{"content":""},"finish_reason":"length"}]'

_Kind = Literal["choice", "usage", "other", "done"]


class ChatStream:
    """One stream. Feed it until the provider ends, `close` it, then `end` it when it is finished, else `break_off`."""

    __slots__ = (
        "_alike",
        "_choices",
        "_finished_choices",
        "_held",
        "_held_bytes",
        "_last_choice",
        "_lead",
        "_lead_bytes",
        "_learned",
        "_lessons_left",
        "_reader",
        "_reported",
        "_usage_asked",
        "_usage_payload",
        "content_started",
        "delivered_events",
        "delivered_text_bytes",
        "ended",
        "failure",
        "model_answered",
    )

    def __init__(self, *, usage_asked: bool, choices: int = 1) -> None:
        """Start a stream for a client that asked for usage in OpenAI's form or not, and for so many choices."""
        self._usage_asked = usage_asked
        self._choices = choices
        self._reader = SseReader()
        self._lead: list[bytes] = []
        self._lead_bytes = 0
        self._held: list[tuple[_Kind, bytes, int]] = []
        """Kind, event and text bytes of what waits for the end, in order; at most one is a choice, and it is first."""
        self._held_bytes = 0
        self._finished_choices: frozenset[int] = frozenset()
        self._learned: Alike | None = None
        self._lessons_left = LESSONS_MAX
        self._alike: Alike | None = None
        """The pattern of the events that pass, while they do: text has begun, nothing is withheld, no event is half read."""
        self.ended = False
        """`[DONE]` was seen."""
        self._last_choice: bytes | None = None
        self._reported: Usage | None = None
        self._usage_payload = b""
        self.content_started = False
        self.failure: UpstreamFailure | None = None
        self.model_answered: str | None = None
        self.delivered_events = 0
        self.delivered_text_bytes = 0

    @property
    def finished(self) -> bool:
        """Every choice that was asked for has a finish reason, or `[DONE]` was seen."""
        return self.ended or len(self._finished_choices) >= self._choices

    @property
    def usage(self) -> Usage | None:
        """The usage last reported; all zero although text was delivered is "not reported" (lesson 12)."""
        if self._reported is not None and self.delivered_text_bytes and is_all_zero(self._reported):
            return None
        return self._reported

    @property
    def service_tier(self) -> str | None:
        """The tier named by the chunk that reported the usage, else by the last one that had a choice."""
        payload = self._usage_payload or self._last_choice
        return None if payload is None else service_tier(payload)

    @property
    def provider_cost_nanos(self) -> int | None:
        """What the usage last reported says that it cost."""
        return read_provider_cost(usage_bytes(self._usage_payload)) if self._usage_payload else None

    def feed(self, data: bytes) -> bytes:
        """Return what may go to the client now; empty when nothing may, and after a failure or `[DONE]`."""
        if self._alike is not None and (text_bytes := self._alike.text_bytes(data)):
            self.delivered_events += 1
            self.delivered_text_bytes += text_bytes
            return data
        if self.ended or self.failure is not None:
            return b""
        if (
            not self._reader.pending
            and data.startswith(b"data: {")
            and data.find(b"\n") == len(data) - 2
            and data.endswith(b"}\n\n")
            and b"\r" not in data
        ):  # one whole event on one line: nearly every read
            return self._take_data(data, data[6:-2])
        try:
            events = self._reader.feed(data)
        except UpstreamFailure as failure:
            self.failure = failure
            self._alike = None
            return b""
        freed = self._take(events[0]) if len(events) == 1 else self._take_all(events)
        if self._reader.pending:
            self._alike = None
        return freed

    def close(self) -> bytes:
        """Take what came after the last blank line as an event if it is whole: some servers omit the last blank line."""
        rest = self._reader.close()
        data = read_fields(rest)[1]
        if data is None or self.ended or self.failure is not None:
            return b""
        if data.strip() != DONE:
            try:
                read_chunk(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return b""
        line_end = b"\r\n" if b"\r\n" in rest else b"\n"
        return self._take(rest.rstrip(b"\r\n") + line_end * 2)

    def end(self, costs: CostFields | None, estimate: Usage | None) -> bytes:
        """Return the withheld end of a finished stream, with usage and cost, down to `[DONE]`.

        `estimate` is shown when the provider reported no usage. Without costs the bytes stay the provider's, but a
        usage chunk for which the client did not ask is left out.
        """
        lead = self._release_lead()
        if costs is None:
            return lead + b"".join(event for kind, event, _ in self._held if kind != "usage" or self._usage_asked)
        usage = self._usage_value(costs, estimate)
        tail = self._tail_asked(usage) if self._usage_asked else self._tail_merged(usage)
        if not self.ended:
            tail.append(DONE_EVENT)
        return lead + b"".join(tail)

    def cut(self, error: bytes, costs: CostFields | None, estimate: Usage | None) -> bytes:
        """Return the end of a stream that we stop for lack of money: as at an output limit, and then the error.

        The end is the one that a provider sends whose limit was reached, so all that `end` does is done here. The
        error stands before `[DONE]`, where every client still reads; it carries no usage, which was shown.
        """
        shown_anew = ("done",) if costs is None else ("done", "usage")
        self._held = [held for held in self._held if held[0] not in shown_anew]
        freed = [self._release_lead()]
        for index in range(self._choices):
            if not (self.ended or index in self._finished_choices):
                chunk = new_chunk(self._last_choice, _CUT_CHOICE % index, None)
                freed.append(self._take_data(b"data: %b\n\n" % chunk, chunk))
        self.ended = True
        freed += (self.end(costs, estimate), b"data: %b\n\n" % error, DONE_EVENT)
        return b"".join(freed)

    def break_off(self, error: bytes, costs: CostFields | None, usage: Usage | None) -> bytes:
        """Return the honest end of a stream that broke: what text is withheld, then an error event, and no `[DONE]`.

        `error` is the body of `render_error`; usage and costs of what was delivered stand beside its `error`.
        """
        out = [self._release_lead()]
        for _, event, text_bytes in self._held:
            if text_bytes:
                payload = without_finish(read_fields(event)[1] or b"")
                out.append(b"" if payload is None else with_data(event, payload))
        if costs is not None:
            error = append_members(error, b'"usage":%b' % self._usage_value(costs, usage))
        out.append(b"data: %b\n\n" % error)
        return b"".join(out)

    def _take_all(self, events: list[bytes]) -> bytes:
        """Return what the events of a burst set free."""
        freed: list[bytes] = []
        for event in events:
            if self._alike is not None and (text_bytes := self._alike.text_bytes(event)):
                self.delivered_events += 1
                self.delivered_text_bytes += text_bytes
                freed.append(event)
            else:
                freed.append(self._take(event))
        return b"".join(freed)

    def _take(self, event: bytes) -> bytes:
        """Return what an event sets free: itself, itself and what was withheld, or nothing."""
        if self.ended or self.failure is not None:
            return b""
        name, data = read_fields(event)
        return self._pass(event) if data is None else self._take_data(event, data, named_error=name == b"error")

    def _take_data(self, event: bytes, data: bytes, *, named_error: bool = False) -> bytes:
        self._alike = None
        if data == DONE:  # before it is found not to be JSON, which takes ten times as long
            return self._end_here(event)
        try:
            chunk = read_chunk(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if data.strip() == DONE:
                return self._end_here(event)
            self.failure = UpstreamFailure(FailureKind.JUNK, "the provider sent an event that is not JSON")
            return b""
        if chunk.is_error or named_error:
            said = parse_error(200, data).message
            self.failure = UpstreamFailure(FailureKind.BROKE, f"the provider reported an error: {said}")
            return b""
        return self._route(event, data, chunk)

    def _end_here(self, event: bytes) -> bytes:
        self.ended = self.content_started = True
        self._hold("done", event, 0)
        return b""

    def _route(self, event: bytes, data: bytes, chunk: Chunk) -> bytes:
        if chunk.model and self.model_answered is None:
            self.model_answered = chunk.model
        if chunk.usage is not None:
            self._reported, self._usage_payload = chunk.usage, data
        if not chunk.has_choices:
            if not chunk.usage_given:
                return self._pass(event)
            self._hold("usage", event, 0)
            return b""
        self._last_choice = data
        text_bytes = chunk.text_bytes
        if text_bytes:
            self.delivered_events += 1
            self.delivered_text_bytes += text_bytes
        if chunk.finished:
            self._finished_choices = self._finished_choices.union(chunk.finished)
        elif not self._finished_choices:
            if self.content_started and not self._held:
                # Only behind an event of the pattern: what another one says last of usage and tier would stay the last word.
                if self._learned is not None and self._learned.surrounds(event):
                    self._alike = self._learned
                elif text_bytes:
                    self._learn(event, chunk)
                return event
            if text_bytes:
                return self._release_lead() + self._release_held() + event
            return self._release_held() + self._pass(event)
        # From the first finish reason on, any chunk with a choice may be the last one.
        freed = self._release_lead() + self._release_held()
        self._hold("choice", event, text_bytes)
        return freed

    def _learn(self, event: bytes, chunk: Chunk) -> None:
        if self._lessons_left:
            self._lessons_left -= 1
            self._alike = self._learned = learn(event, _facts, said=_facts_of(chunk))

    def _pass(self, event: bytes) -> bytes:
        """Let an event without text go, in its place: behind what is withheld, if anything is."""
        if self._held:
            self._hold("other", event, 0)
            return b""
        if self.content_started:
            return event
        self._lead.append(event)
        self._lead_bytes += len(event)
        return self._release_lead() if self._lead_bytes > LEAD_BYTES_MAX else b""

    def _hold(self, kind: _Kind, event: bytes, text_bytes: int) -> None:
        self._held.append((kind, event, text_bytes))
        if kind != "choice":
            self._held_bytes += len(event)
            if self._held_bytes > TAIL_BYTES_MAX:
                self.failure = UpstreamFailure(FailureKind.JUNK, "the provider does not end its stream")

    def _release_lead(self) -> bytes:
        self.content_started = True
        if not self._lead:
            return b""
        lead = b"".join(self._lead)
        self._lead.clear()
        return lead

    def _release_held(self) -> bytes:
        """Return what is withheld because more came; a usage chunk for which nobody asked stays behind."""
        if not self._held:
            return b""
        freed = b"".join(event for kind, event, _ in self._held if kind != "usage" or self._usage_asked)
        self._held.clear()
        self._held_bytes = 0
        return freed

    def _usage_value(self, costs: CostFields, estimate: Usage | None) -> bytes:
        found = None if self.usage is None else usage_bytes(self._usage_payload)
        return usage_with_costs(found, costs, estimate)

    def _tail_merged(self, usage: bytes) -> list[bytes]:
        """Return the tail for a client that did not ask: the usage stands on the last chunk that has a choice."""
        tail: list[bytes] = []
        done: list[bytes] = []
        merged = False
        for kind, event, _ in self._held:
            if kind == "choice":
                payload = as_last_chunk(read_fields(event)[1] or b"", usage)
                merged = payload is not None
                tail.append(event if payload is None else with_data(event, payload))
            elif kind != "usage":
                (done if kind == "done" else tail).append(event)
        if not merged:
            tail.append(b"data: %b\n\n" % new_chunk(self._last_choice, _LAST_CHOICE, usage))
        return tail + done

    def _tail_asked(self, usage: bytes) -> list[bytes]:
        """Return the tail for a client that asked: a last chunk without choices carries the usage, as OpenAI's does."""
        tail: list[bytes] = []
        done: list[bytes] = []
        last = max((place for place, held in enumerate(self._held) if held[0] == "usage"), default=None)
        for place, (kind, event, _) in enumerate(self._held):
            if place == last:
                tail.append(with_data(event, with_usage(read_fields(event)[1] or b"", usage)))
            elif kind == "choice" and self._usage_payload and self._usage_payload == self._last_choice:
                # Its usage moves to the chunk of its own: clients add up what they find on several.
                tail.append(with_data(event, with_usage(self._usage_payload, b"null")))
            else:
                (done if kind == "done" else tail).append(event)
        if last is None:
            tail.append(b"data: %b\n\n" % new_chunk(self._last_choice, b"[]", usage))
        return tail + done


def _facts(event: bytes) -> tuple[int, Chunk]:
    return _facts_of(read_chunk(read_fields(event)[1] or b""))


def _facts_of(chunk: Chunk) -> tuple[int, Chunk]:
    return chunk.text_bytes, msgspec.structs.replace(chunk, text_bytes=0)


def open_stream(peek: Peek) -> ChatStream:
    """Return the pipe for the answer to a request."""
    return ChatStream(usage_asked=peek.usage_asked, choices=peek.choices)
