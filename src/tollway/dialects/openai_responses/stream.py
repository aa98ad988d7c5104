"""A Responses stream whose bytes pass: what each event says, and how the stream ends. Knows no socket and no price.

Usage stands in the last event, inside its `response`, which repeats the whole answer; it is withheld for the costs.
The answer counts as begun with the first event that is not about the response as a whole: hidden reasoning writes
nothing for minutes, and its client wants to see that something works.
"""

import msgspec
from msgspec import UNSET, Raw

from tollway.dialects.members import append_members, members, replace_spans
from tollway.dialects.openai_responses.answer import word
from tollway.dialects.openai_responses.errors import error_event
from tollway.dialects.openai_responses.events import (
    AUDIO_DELTA,
    DONE,
    ERROR,
    FAILED,
    FINISHING,
    ITEM_ADDED,
    ITEM_DONE,
    LIFECYCLE,
    RESPONSE,
    WireEvent,
    data_of,
    read_event,
    reported_error,
)
from tollway.dialects.openai_responses.interrupted import Interrupted
from tollway.dialects.openai_responses.usage import read_usage, shown_usage, written_usage
from tollway.dialects.passing import Glance, PassingStream
from tollway.dialects.provider_cost import read_provider_cost
from tollway.dialects.record import Closing
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.sse import with_data
from tollway.neutral.peek import Peek


class ResponsesForm:
    """One stream."""

    def __init__(self) -> None:
        """Start at the beginning of a stream."""
        self._number = -1
        self._finished = False
        self._shown = Interrupted()

    def look(self, event: bytes) -> Glance:
        """Return what a raw event says; raises nothing."""
        payload = data_of(event)
        if payload is None:
            return Glance()
        if payload.strip() == DONE:
            return Glance(withheld=True, last=True)
        try:
            wire = read_event(payload)
        except UpstreamFailure as failure:
            return Glance(error=failure)
        return Glance() if wire is None else self._look_at(wire, payload)

    def _look_at(self, wire: WireEvent, payload: bytes) -> Glance:
        if wire.sequence_number is not None:
            self._number = wire.sequence_number
        if isinstance(wire.delta, str) and wire.type != AUDIO_DELTA:
            delta = wire.delta
            self._shown.write(wire.output_index, delta)
            return Glance(text_bytes=len(delta) if delta.isascii() else len(delta.encode()), begins=True)
        if wire.response is not UNSET:
            return self._look_at_response(wire, wire.response)
        if wire.type == ERROR:
            return Glance(error=reported_error(payload))
        if wire.item is not UNSET:
            return self._look_at_item(wire, wire.item)
        return Glance(begins=bool(wire.type))

    def _look_at_item(self, wire: WireEvent, item: Raw) -> Glance:
        text_bytes = 0
        if wire.type == ITEM_ADDED:
            text_bytes = self._shown.open(wire.output_index, item)
        elif wire.type == ITEM_DONE:
            self._shown.done(wire.output_index, item)
        return Glance(text_bytes=text_bytes, begins=True)

    def _look_at_response(self, wire: WireEvent, found: Raw) -> Glance:
        try:
            response = RESPONSE.decode(found)
        except msgspec.ValidationError:
            return Glance(error=UpstreamFailure(FailureKind.JUNK, "the provider sent a response that is no object"))
        model = word(response.model)
        if wire.type in LIFECYCLE:
            self._shown.begin(found)
            return Glance(model=model)
        self._finished = wire.type in FINISHING
        usage = None if response.usage is UNSET else bytes(response.usage)
        return Glance(
            withheld=self._finished,
            finishes=self._finished,
            usage=None if usage is None else read_usage(usage),
            model=model,
            error=reported_error(bytes(found)) if wire.type == FAILED else None,
            service_tier=word(response.service_tier),
            provider_cost_nanos=read_provider_cost(usage),
        )

    def end(self, held: list[bytes], closing: Closing) -> bytes:
        """Return the withheld events, the first of which finishes the answer, with usage and costs in it."""
        payload = (data_of(held[0]) or b"").replace(b"\n", b" ")  # on several lines before, on one now
        return b"".join((with_data(held[0], _with_usage(payload, closing)), *held[1:]))

    def break_off(self, held: list[bytes], error: bytes, closing: Closing | None) -> bytes:
        """Return the error with what was used; an event that looks finished does not pass."""
        del held
        usage = None if closing is None else written_usage(closing)
        return error_event(error, number=self._number + 1, usage=usage)

    def cut(self, held: list[bytes], error: bytes, closing: Closing) -> bytes:
        """Return the end at a limit: what the model wrote so far as an incomplete response, and the error."""
        if self._finished:  # just then
            end = self.end(held, closing)
        else:
            self._number += 1
            end = self._shown.incomplete(self._number, written_usage(closing))
        return end + error_event(error, number=self._number + 1, usage=None)


def _with_usage(payload: bytes, closing: Closing) -> bytes:
    """Return an event's data with the usage to show inside its response."""
    outer = next(member for member in reversed(members(payload)) if member.name == "response")
    response = payload[outer.start : outer.end]
    inner = next((member for member in reversed(members(response)) if member.name == "usage"), None)
    if inner is None:
        response = append_members(response, b'"usage":%b' % written_usage(closing))
    else:
        found = response[inner.start : inner.end]
        response = replace_spans(response, [(inner.start, inner.end, shown_usage(found, closing))])
    return replace_spans(payload, [(outer.start, outer.end, response)])


def open_stream(_peek: Peek) -> PassingStream:
    """Return the pipe for the answer to a request."""
    return PassingStream(ResponsesForm())
