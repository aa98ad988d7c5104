"""The form of a streamed Messages answer that passes: what each event says, and where its usage and costs stand.

They stand in the usage object of the last `message_delta`, whose counts supersede those of `message_start`. Nothing
else of the provider's bytes changes. Knows no socket and no price.
"""

import msgspec
from msgspec import UNSET, Raw

from tollway.dialects.anthropic_messages.costs import usage_shown, with_usage
from tollway.dialects.anthropic_messages.events import (
    NOTHING,
    STOP_EVENT,
    Block,
    Message,
    StreamEvent,
    block_end,
    ending,
    error_event,
    payload_of,
    read_event,
)
from tollway.dialects.anthropic_messages.usage import Counts, first_usage, merged, read_counts, tier_of, usage_of
from tollway.dialects.anthropic_messages.words import STOP_WORDS
from tollway.dialects.members import append_members
from tollway.dialects.passing import Glance, PassingStream
from tollway.dialects.provider_cost import read_provider_cost
from tollway.dialects.record import Closing
from tollway.errors import UpstreamFailure
from tollway.framing.sse import with_data
from tollway.neutral.events import StopReason
from tollway.neutral.peek import Peek

_SILENT_BLOCKS = frozenset(("text", "thinking"))
"""Blocks that begin before the model has written anything."""

_BLOCK_EVENTS = "content_block_"

_QUIET = Glance()


class _Typed(msgspec.Struct):
    type: str = ""
    usage: Raw | msgspec.UnsetType = UNSET


_TYPED = msgspec.json.Decoder(_Typed)


class MessagesForm:
    """One stream. It keeps the counts of its beginning, and which blocks are open."""

    def __init__(self) -> None:
        """Start at the beginning of a stream."""
        self._counts: Counts | None = None
        self._open: list[int] = []
        self._started = False
        self._stop_reason = STOP_WORDS[StopReason.STOP]
        """Of an answer that has no `message_delta` to say it."""

    def look(self, event: bytes) -> Glance:
        """Return what a raw event says."""
        try:
            said = read_event(event) or NOTHING
        except UpstreamFailure as failure:
            return Glance(error=failure)
        except msgspec.ValidationError:
            return _QUIET
        delta = said.delta
        if said.type == "content_block_delta" and delta is not None:
            # A delta has one of the three.
            text = delta.text or delta.thinking or delta.partial_json or ""
            return Glance(len(text) if text.isascii() else len(text.encode()), begins=True)
        return self._of_block(said) if said.type.startswith(_BLOCK_EVENTS) else self._of_message(said)

    def _of_block(self, said: StreamEvent) -> Glance:
        if said.type == "content_block_start" and said.content_block is not None:
            self._open.append(said.index)
            return _began(said.content_block)
        if said.type == "content_block_stop":
            self._open = [index for index in self._open if index != said.index]
        return _QUIET

    def _of_message(self, said: StreamEvent) -> Glance:
        if said.type == "message_start" and said.message is not None:
            self._started = True
            return self._start(said.message)
        if said.type == "message_stop":
            return Glance(withheld=True, finishes=True, last=True)
        if said.type != "message_delta":
            return _QUIET
        found = None if said.usage is UNSET else bytes(said.usage)
        counts = None if found is None else read_counts(found)
        self._counts = merged(self._counts, counts)
        ends = said.delta is not None and said.delta.stop_reason is not None
        return Glance(
            withheld=ends,
            finishes=ends,
            usage=None if counts is None else usage_of(self._counts),
            service_tier=tier_of(counts),
            provider_cost_nanos=read_provider_cost(found),
        )

    def _start(self, message: Message) -> Glance:
        self._counts = None if message.usage is UNSET else read_counts(message.usage)
        self._stop_reason = message.stop_reason or self._stop_reason
        return Glance(
            begins=bool(message.content),
            usage=first_usage(self._counts, message.stop_reason),
            model=message.model or None,
            service_tier=tier_of(self._counts),
        )

    def end(self, held: list[bytes], closing: Closing) -> bytes:
        """Return the withheld events; usage and costs stand on the last `message_delta`, or on one of ours."""
        out = list(held)
        place = _last(out, "message_delta")
        if place is None:
            before = _last(out, "message_stop")
            usage = Raw(usage_shown(None, closing))
            out.insert(len(out) if before is None else before, ending(self._stop_reason, None, usage))
        else:
            data = payload_of(out[place])[1] or b""
            usage = _TYPED.decode(data).usage
            found = None if usage is UNSET else bytes(usage)
            out[place] = with_data(out[place], with_usage(data, found, usage_shown(found, closing)))
        if _last(out, "message_stop") is None:
            out.append(STOP_EVENT)
        return b"".join(out)

    def break_off(self, held: list[bytes], error: bytes, closing: Closing | None) -> bytes:
        """Return what the model wrote of the withheld, of which the rest would look like an end, and the error."""
        if closing is not None:
            error = append_members(error, b'"usage":%b' % usage_shown(None, closing))
        written = [event for event in held if _kind(event).startswith(_BLOCK_EVENTS)]
        return b"".join(written) + error_event(error)

    def cut(self, held: list[bytes], error: bytes, closing: Closing) -> bytes:
        """Return the end as at the limit, and the error."""
        if held:
            return self.end(held, closing) + error_event(error)
        if not self._started:
            return error_event(error)
        out = [block_end(index) for index in self._open]
        out.append(ending(STOP_WORDS[StopReason.LENGTH], None, Raw(usage_shown(None, closing))))
        out.append(error_event(error))
        return b"".join(out)


def _began(block: Block) -> Glance:
    text = block.name or block.text or block.thinking or ""
    written = len(text.encode())
    return Glance(written, begins=bool(written) or block.type not in _SILENT_BLOCKS)


def _last(events: list[bytes], kind: str) -> int | None:
    """Return the place of the last event of a type."""
    places = (place for place in range(len(events) - 1, -1, -1) if _kind(events[place]) == kind)
    return next(places, None)


def _kind(event: bytes) -> str:
    data = payload_of(event)[1]
    if data is None:
        return ""
    try:
        return _TYPED.decode(data).type
    except msgspec.DecodeError:  # not JSON, which a server may end with, or not an object
        return ""


def _facts(event: bytes) -> tuple[int, object]:
    """Return what `alike.learn` asks; of a delta alone, of which the form keeps nothing."""
    said = read_event(event) or NOTHING
    if said.type != "content_block_delta":
        return 0, None
    seen = MessagesForm().look(event)
    return seen.text_bytes, (said.index, msgspec.structs.replace(seen, text_bytes=0))


def open_stream(_peek: Peek) -> PassingStream:
    """Return the pipe for the answer to a request."""
    return PassingStream(MessagesForm(), facts=_facts)
