"""The pipes of streamed pictures, spoken answers and transcripts: events that name their type. Knows no provider, no price.

The last event of each kind ends in `.completed` or `.done`, and reports the usage: there the cost stands. No end can be
made for a stream that is cut: its last event would hold a picture or a text that nobody has; so a stream whose money has
run out ends like one that broke, with an error that says why.
"""

import msgspec
from msgspec import Raw, Struct

from tollway.dialects.error_body import parse_error
from tollway.dialects.members import append_members
from tollway.dialects.openai_media.usage import added_up, read_media_usage, told_value, usage_value
from tollway.dialects.passing import Glance, PassingStream
from tollway.dialects.provider_cost import read_provider_cost
from tollway.dialects.record import Closing, Stream
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.sse import EVENT_BYTES_MAX, read_fields, with_data
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage

DONE = b"[DONE]"

PICTURE_TAIL_BYTES_MAX = 2 * EVENT_BYTES_MAX
"""What may be withheld of a stream of pictures: each of its last events holds a whole one."""

_LASTS = (".completed", ".done")
_TRANSCRIPTS = ("transcript.text.delta", "transcription.text.delta")
_NULL = Raw(b"null")


class _Event(Struct, gc=False):
    type: str = ""
    delta: str = ""
    """A piece of a transcript, or of a sound."""
    text: str = ""
    """Another word for a piece of a transcript; the last event repeats the whole."""
    usage: Raw = _NULL
    model: str | None = None
    error: Raw = _NULL


_EVENT = msgspec.json.Decoder(_Event)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ENCODE = msgspec.json.Encoder().encode


class MediaForm:
    """One stream of pictures, sound or a transcript: keeps the usage, which several events may add to."""

    __slots__ = ("_usage",)

    def __init__(self) -> None:
        """Start with nothing reported."""
        self._usage: Usage | None = None

    def look(self, event: bytes) -> Glance:
        """Return what a raw event says; raises nothing."""
        name, data = read_fields(event)
        if data is None:
            return Glance()
        if data.strip() == DONE:
            return Glance(withheld=True, finishes=True, last=True)
        try:
            if not data.isascii():
                data.decode()
            found = _EVENT.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return Glance(error=UpstreamFailure(FailureKind.JUNK, "the provider sent an event that cannot be read"))
        failed = found.error != _NULL
        if failed or name == b"error" or found.type == "error":
            said = parse_error(200, data).message
            return Glance(error=UpstreamFailure(FailureKind.BROKE, f"the provider reported an error: {said}"))
        if not found.type.endswith(_LASTS):
            piece = found.delta or found.text if found.type.startswith(_TRANSCRIPTS) else ""
            return Glance(text_bytes=len(piece.encode()), begins=True, model=found.model)
        self._add(found.usage)
        return Glance(
            withheld=True,
            begins=True,
            finishes=True,
            usage=self._usage,
            model=found.model,
            provider_cost_nanos=read_provider_cost(bytes(found.usage)),
        )

    def end(self, held: list[bytes], closing: Closing) -> bytes:
        """Return the withheld events with usage and costs on the last one that is no `[DONE]`."""
        out = list(held)
        for place in range(len(out) - 1, -1, -1):
            data = read_fields(out[place])[1]
            if data is not None and data.strip() != DONE:
                out[place] = with_data(out[place], _with_costs(data, closing))
                break
        return b"".join(out)

    def break_off(self, held: list[bytes], error: bytes, closing: Closing | None) -> bytes:
        """Return the error, with usage and costs beside it; what is withheld would look finished."""
        del held
        told = None if closing is None else told_value(closing)
        if told is not None:
            error = append_members(error, b'"usage":%b' % told)
        return b"event: error\ndata: %b\n\n" % error

    def cut(self, held: list[bytes], error: bytes, closing: Closing) -> bytes:
        """Return the same."""
        return self.break_off(held, error, closing)

    def _add(self, found: Raw) -> None:
        usage = read_media_usage(found)
        if usage is not None:
            self._usage = usage if self._usage is None else added_up(self._usage, usage)


class PictureForm(MediaForm):
    """The same, where each last event delivers one picture, billed by tokens or by piece."""

    def _add(self, found: Raw) -> None:
        usage = read_media_usage(found) or Usage()
        self._usage = added_up(self._usage or Usage(), msgspec.structs.replace(usage, images=1))


def open_media_stream(_peek: Peek) -> Stream:
    """Return the pipe for a spoken answer or a transcript."""
    return PassingStream(MediaForm())


def open_picture_stream(_peek: Peek) -> Stream:
    """Return the pipe for pictures."""
    return PassingStream(PictureForm(), tail_bytes_max=PICTURE_TAIL_BYTES_MAX)


def open_no_stream(_peek: Peek) -> Stream:
    """Moderations are never streamed: their peek says so."""
    raise NotImplementedError


def _with_costs(data: bytes, closing: Closing) -> bytes:
    """Return the event with usage and costs in its usage object, in its place or made at the end."""
    assert closing.costs is not None  # without costs the bytes stay as they came
    fields = _MEMBERS.decode(data)
    found = fields.get("usage")
    estimate = closing.usage if closing.estimated else None
    fields["usage"] = Raw(usage_value(None if found is None else bytes(found), closing.costs, estimate))
    return _ENCODE(fields)
