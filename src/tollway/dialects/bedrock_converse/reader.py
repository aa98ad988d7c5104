"""ConverseStream, read into events: Amazon's event stream around JSON payloads. Knows no request and no connection."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Raw, Struct

from tollway.dialects.bedrock_converse.answer import SERVER_TOOL, Tier
from tollway.dialects.bedrock_converse.citations import Cited, read_citation
from tollway.dialects.bedrock_converse.errors import parse_error
from tollway.dialects.bedrock_converse.usage import read_usage
from tollway.dialects.bedrock_converse.words import STOP_REASONS
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.aws_events import AwsEventReader, Message
from tollway.neutral.events import (
    CitationAdded,
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
    UsageReported,
)
from tollway.neutral.parts import Inline, Sealed

WORDS_CHARS_MAX = 500
"""Of a failure that stands in a header."""


class _ToolUse(Struct, gc=False):
    toolUseId: str  # noqa: N815  words of the wire, here and below
    name: str
    type: str | None = None


class _ImageStart(Struct, gc=False):
    format: str


class _Beginning(Struct, frozen=True, gc=False):
    toolUse: _ToolUse | None = None  # noqa: N815
    image: _ImageStart | None = None


class _BlockStart(Struct, gc=False):
    contentBlockIndex: int  # noqa: N815
    start: _Beginning = _Beginning()


class _ToolInput(Struct, gc=False):
    input: str


class _Reasoning(Struct, gc=False):
    text: str | None = None
    signature: str | None = None
    redactedContent: str | None = None  # noqa: N815


class _Bytes(Struct, gc=False):
    bytes: str = ""


class _Pixels(Struct, gc=False):
    source: _Bytes | None = None


class _Delta(Struct, gc=False):
    text: str | None = None
    toolUse: _ToolInput | None = None  # noqa: N815
    reasoningContent: _Reasoning | None = None  # noqa: N815
    citation: Cited | None = None
    image: _Pixels | None = None


class _BlockDelta(Struct, gc=False):
    contentBlockIndex: int  # noqa: N815
    delta: _Delta


class _BlockStop(Struct, gc=False):
    contentBlockIndex: int  # noqa: N815


class _Stop(Struct, gc=False):
    stopReason: str | None = None  # noqa: N815


class _Metadata(Struct, gc=False):
    usage: Raw = Raw(b"null")
    serviceTier: Tier | None = None  # noqa: N815


_BLOCK_START = msgspec.json.Decoder(_BlockStart)
_BLOCK_DELTA = msgspec.json.Decoder(_BlockDelta)
_BLOCK_STOP = msgspec.json.Decoder(_BlockStop)
_STOP = msgspec.json.Decoder(_Stop)
_METADATA = msgspec.json.Decoder(_Metadata)


class _Call:
    """A tool call while it is written."""

    __slots__ = ("index", "written")

    def __init__(self, index: int) -> None:
        self.index = index
        self.written = False


class _Open:
    """The block that is being written, if it is no tool call: what of it can be told only at its end."""

    __slots__ = ("format", "index", "pixels", "redacted", "signature")

    def __init__(self, index: int) -> None:
        self.index = index
        self.format = ""
        self.pixels: list[str] = []
        self.redacted: list[str] = []
        self.signature: list[str] = []


class ConverseReader:
    """One stream. The last word is the usage, which follows the stop."""

    def __init__(self) -> None:
        """Start at the beginning of a stream."""
        self._messages = AwsEventReader()
        self._started = False
        self._calls: dict[int, _Call] = {}
        self._open: _Open | None = None
        self._reported = False
        self.finished = False
        self.failure: UpstreamFailure | None = None
        self._takers: Mapping[str, Callable[[bytes], list[Event]]] = {
            "contentBlockStart": self._block_start,
            "contentBlockDelta": self._block_delta,
            "contentBlockStop": self._block_stop,
            "messageStop": self._stop,
            "metadata": self._metadata,
        }

    @property
    def ended(self) -> bool:
        """Both the stop and the usage have come."""
        return self.finished and self._reported

    def feed(self, data: bytes) -> list[Event]:
        """Return what has happened."""
        events: list[Event] = []
        for message in self._messages.feed(data):
            if self.failure is not None or self.ended:
                return events
            try:
                events += self._take(message)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
                self.failure = UpstreamFailure(
                    FailureKind.JUNK, "the provider sent an event that is not in its dialect"
                )
        if self.failure is None and not self.ended:
            self.failure = self._messages.failure
        return events

    def close(self) -> list[Event]:
        """Return nothing: what is no whole message says nothing."""
        return []

    def _take(self, message: Message) -> list[Event]:
        headers = message.headers
        kind = headers.get(":message-type")
        if kind != "event":
            self.failure = UpstreamFailure(FailureKind.BROKE, f"the provider reported an error: {_said(message)}")
            return []
        taker = self._takers.get(str(headers.get(":event-type")))
        events = [] if taker is None else taker(message.payload)
        if self._started:
            return events
        self._started = True
        return [Started(), *events]

    def _block_start(self, payload: bytes) -> list[Event]:
        block = _BLOCK_START.decode(payload)
        events, use = self._end_open(), block.start.toolUse
        if use is not None:
            if use.type == SERVER_TOOL:
                return events
            call = self._calls[block.contentBlockIndex] = _Call(len(self._calls))
            return [*events, ToolCallStarted(index=call.index, id=use.toolUseId, name=use.name)]
        if block.start.image is not None:
            self._open = _Open(block.contentBlockIndex)
            self._open.format = block.start.image.format
        return events

    def _block_delta(self, payload: bytes) -> list[Event]:
        block = _BLOCK_DELTA.decode(payload)
        delta = block.delta
        if delta.toolUse is not None:
            call = self._calls.get(block.contentBlockIndex)
            if call is None or not delta.toolUse.input:
                return []
            call.written = True
            return [ToolCallDelta(index=call.index, arguments=delta.toolUse.input)]
        events: list[Event] = []
        if self._open is None or self._open.index != block.contentBlockIndex:
            events = self._end_open()
            self._open = _Open(block.contentBlockIndex)
        if delta.text:
            events.append(TextDelta(text=delta.text))
        elif delta.citation is not None:
            events.append(CitationAdded(citation=read_citation(delta.citation)))
        elif delta.reasoningContent is not None:
            events += _reasoning(delta.reasoningContent, self._open)
        elif delta.image is not None and delta.image.source is not None:
            self._open.pixels.append(delta.image.source.bytes)
        return events

    def _block_stop(self, payload: bytes) -> list[Event]:
        call = self._calls.get(_BLOCK_STOP.decode(payload).contentBlockIndex)
        if call is None:
            return self._end_open()
        return _without_arguments(call)

    def _stop(self, payload: bytes) -> list[Event]:
        said = _STOP.decode(payload).stopReason
        events = self._end_open()
        for call in self._calls.values():  # a provider may leave the stops of its blocks out
            events += _without_arguments(call)
        self.finished = True
        return [*events, Finished(reason=STOP_REASONS.get(said or "end_turn", StopReason.OTHER))]

    def _metadata(self, payload: bytes) -> list[Event]:
        metadata = _METADATA.decode(payload)
        usage, events = read_usage(metadata.usage), list[Event]()
        self._reported = True
        if metadata.serviceTier is not None and metadata.serviceTier.type is not None:
            events.append(Told(service_tier=metadata.serviceTier.type))
        if usage is not None:
            events.append(UsageReported(usage=usage))
        return events

    def _end_open(self) -> list[Event]:
        block, self._open = self._open, None
        if block is None:
            return []
        events: list[Event] = []
        if block.signature:
            events.append(ReasoningSealed(sealed=Sealed(data="".join(block.signature))))
        if block.redacted:
            events.append(ReasoningSealed(sealed=Sealed(data=_joined(block.redacted), whole=True)))
        if block.pixels:
            media = Inline(media_type=f"image/{block.format or 'png'}", data=_joined(block.pixels))
            events.append(MediaAdded(media=media))
        return [*events, PartEnded()]


def _reasoning(found: _Reasoning, block: _Open) -> list[Event]:
    if found.signature is not None:
        block.signature.append(found.signature)
    if found.redactedContent is not None:
        block.redacted.append(found.redactedContent)
    return [ReasoningDelta(text=found.text)] if found.text else []


def _without_arguments(call: _Call) -> list[Event]:
    """Return the arguments of a call for which the model wrote none: an answer that is not streamed has an empty object."""
    if call.written:
        return []
    call.written = True
    return [ToolCallDelta(index=call.index, arguments="{}")]


def _joined(pieces: list[str]) -> str:
    """Return the base64 of bytes that came in pieces, each in base64 of its own; raises ValueError."""
    if len(pieces) == 1:
        return pieces[0]
    return b64encode(b"".join(b64decode(piece, validate=True) for piece in pieces)).decode("ascii")


def _said(message: Message) -> str:
    """Return what an exception (a payload) or an error (headers) says."""
    told = message.headers.get(":error-message")
    if isinstance(told, str) and told:
        return " ".join(told[:WORDS_CHARS_MAX].split())
    kind = message.headers.get(":exception-type") or message.headers.get(":error-code")
    said = parse_error(200, message.payload).message if message.payload else ""
    return f"{kind}: {said}" if kind and said else str(kind or said or "without a word")


def open_reader() -> ConverseReader:
    """Return the reader of one stream."""
    return ConverseReader()
