"""A provider's Responses stream, and its whole answers, as neutral events. Knows no provider and no price.

An item is told from its deltas. What a provider did not stream of it is told when it is done; where it streamed no
item at all, from the response at the end: so a whole answer is told by the same lines.
"""

import msgspec
from msgspec import UNSET, Raw

from tollway.dialects.openai_responses.answer import FAILED as FAILED_STATUS
from tollway.dialects.openai_responses.answer import junk
from tollway.dialects.openai_responses.events import (
    DONE,
    ERROR,
    FAILED,
    FINISHING,
    INCOMPLETE,
    LIFECYCLE,
    WireEvent,
    data_of,
    read_event,
    reported_error,
)
from tollway.dialects.openai_responses.items_read import Items
from tollway.dialects.openai_responses.usage import read_usage
from tollway.dialects.openai_responses.wire import ANSWER, WireAnswer
from tollway.dialects.openai_responses.words import REASONS
from tollway.dialects.provider_cost import read_provider_cost
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.sse import SseReader
from tollway.neutral.answer import ChatAnswer, fold
from tollway.neutral.events import Event, Finished, Started, StopReason, Told, UsageReported


class ResponsesReader:
    """One stream."""

    def __init__(self) -> None:
        """Start at the beginning of a stream."""
        self._events = SseReader()
        self._items = Items()
        self._started = False
        self.finished = False
        self.ended = False
        self.failure: UpstreamFailure | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Return what has happened."""
        told: list[Event] = []
        if self.ended or self.failure is not None:
            return told
        try:
            for event in self._events.feed(data):
                self._take(event, told)
        except UpstreamFailure as failure:
            self.failure = failure
        return told

    def close(self) -> list[Event]:
        """Take what came without its end as an event if it is whole: some servers omit the last blank line."""
        told: list[Event] = []
        rest = self._events.close()
        if not rest.strip() or self.ended or self.failure is not None:
            return told
        try:
            self._take(rest, told)
        except UpstreamFailure as failure:
            # Junk is half an event: the connection closed in the midst of it.
            self.failure = None if failure.kind is FailureKind.JUNK else failure
        return told

    def whole(self, response: Raw | bytes) -> list[Event]:
        """Return what a whole response tells; raises UpstreamFailure for one that failed, msgspec's for what is none."""
        told: list[Event] = []
        answer = ANSWER.decode(response)
        if answer.output is UNSET:
            raise msgspec.ValidationError("a response has an output")
        if answer.status in FAILED_STATUS:
            raise reported_error(bytes(response))
        self._finish(answer, told, complete=answer.status != "incomplete")
        return told

    def _take(self, event: bytes, told: list[Event]) -> None:
        payload = data_of(event)
        if payload is None or self.ended:
            return
        if payload.strip() == DONE:
            self.ended = True
            return
        wire = read_event(payload)
        if wire is None:
            return
        if isinstance(wire.delta, str):
            self._items.write(wire, wire.delta, told)
        elif wire.response is not UNSET:
            self._take_response(wire, wire.response, told)
        elif wire.type == ERROR:
            raise reported_error(payload)
        else:
            self._items.take(wire, told)

    def _take_response(self, wire: WireEvent, response: Raw, told: list[Event]) -> None:
        try:
            answer = ANSWER.decode(response)
            if wire.type in LIFECYCLE:
                self._start(answer, told)
            elif wire.type in FINISHING:
                self._finish(answer, told, complete=wire.type != INCOMPLETE and answer.status != "incomplete")
        except msgspec.ValidationError:
            raise UpstreamFailure(FailureKind.JUNK, "the provider sent a response that is none") from None
        if wire.type == FAILED:
            _tell_usage(answer, told)
            raise reported_error(bytes(response))

    def _start(self, answer: WireAnswer, told: list[Event]) -> None:
        if not self._started:
            self._started = True
            created = None if answer.created_at is None else int(answer.created_at)
            told.append(Started(id=answer.id, model=answer.model, created_s=created))

    def _finish(self, answer: WireAnswer, told: list[Event], *, complete: bool) -> None:
        self._start(answer, told)
        if answer.output is not UNSET:
            self._items.tell_whole(answer.output, told)
        reason = StopReason.TOOL_CALLS if self._items.calls else StopReason.STOP
        if not complete:
            why = answer.incomplete_details
            reason = StopReason.OTHER if why is None else REASONS.get(why.reason or "", StopReason.OTHER)
        told.append(Finished(reason=reason))
        _tell_usage(answer, told)
        self.finished = self.ended = True


def _tell_usage(answer: WireAnswer, told: list[Event]) -> None:
    found = None if answer.usage is UNSET else bytes(answer.usage)
    usage = None if found is None else read_usage(found)
    cost = read_provider_cost(found)
    if answer.service_tier is not None or cost is not None:
        told.append(Told(service_tier=answer.service_tier, provider_cost_nanos=cost))
    if usage is not None:
        told.append(UsageReported(usage=usage))


def parse_answer(body: bytes) -> ChatAnswer:
    """Return a whole answer; raises UpstreamFailure JUNK when it is none, and BROKE when it says that it failed."""
    try:
        return fold(ResponsesReader().whole(body))
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise junk(body) from None
