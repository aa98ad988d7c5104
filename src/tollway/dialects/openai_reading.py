"""The reading that OpenAI's dialects have in common: what surrounds the choices, of a stream and of a whole answer.

What a choice says is its dialect's to read. Knows no provider by name.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar, cast, get_args

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tollway.dialects.error_body import parse_error
from tollway.dialects.openai_usage import read_usage
from tollway.dialects.provider_cost import read_provider_cost
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.sse import SseReader, read_fields
from tollway.neutral.events import Event, Started, Told, UsageReported

DONE = b"[DONE]"


class _Groq(Struct, gc=False):
    usage: Raw | UnsetType = UNSET
    id: str | None = None


class Envelope(Struct, gc=False):
    """What stands beside the choices."""

    id: str | None = None
    object: str | None = None
    created: int | None = None
    model: str | None = None
    usage: Raw | UnsetType = UNSET
    x_groq: _Groq | None = None
    """Where Groq reports usage to whom does not ask for it."""
    error: Raw | UnsetType = UNSET
    service_tier: str | None = None


Shape = TypeVar("Shape", bound=Struct)
Nested = Mapping[type[Struct], Mapping[str, Any]]
"""Which fields of a Struct hold another one (`Inner`) or a list of them (`list[Inner]`)."""

_NULL = b"null"
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])


def loosely(kind: type[Shape], data: bytes | Raw, nested: Nested) -> Shape:
    """Return what of an object has the expected type, member by member; the rest is left out.

    For data that is JSON and that a decoder refused: slow, and complete.
    """
    try:
        found = _FIELDS.decode(data)
    except msgspec.ValidationError:
        msgspec.json.decode(data)  # what is no object may be no JSON either
        return kind()
    kept: dict[str, object] = {}
    inner = nested.get(kind, {})
    for field in msgspec.structs.fields(kind):
        if field.encode_name in found:
            raw = found[field.encode_name]
            try:
                kept[field.name] = msgspec.json.decode(raw, type=field.type)
            except msgspec.ValidationError:
                if field.name in inner:
                    kept[field.name] = _loosely_nested(inner[field.name], raw, nested)
    return kind(**kept)


def _loosely_nested(inner: Any, raw: Raw, nested: Nested) -> object:  # noqa: ANN401  a type, or a list of one
    kinds: tuple[type[Struct], ...] = get_args(inner)
    if not kinds:
        return loosely(inner, raw, nested) if bytes(raw)[:1] == b"{" else None
    return [loosely(kinds[0], item, nested) for item in _ITEMS.decode(raw)] if bytes(raw)[:1] == b"[" else None


class Surroundings:
    """What the envelopes of one answer have said so far, told as events once each."""

    __slots__ = ("_cost", "_started", "_tier", "_told")

    def __init__(self) -> None:
        """Begin before the first envelope."""
        self._started = False
        self._tier: str | None = None
        self._cost: int | None = None
        self._told: tuple[str | None, int | None] = (None, None)

    def before(self, found: Envelope, out: list[Event]) -> None:
        """Tell who answers: with the first envelope that says so."""
        if not self._started and (found.model or found.id):
            self._started = True
            out.append(Started(id=found.id or None, model=found.model or None, created_s=found.created))

    def after(self, found: Envelope, out: list[Event]) -> None:
        """Tell what was used, and what else a provider says of an answer."""
        counted = usage_in(found)
        if counted is not None:
            reported = read_usage(counted)
            if reported is not None:
                out.append(UsageReported(usage=reported))
            cost = read_provider_cost(counted)
            self._cost = self._cost if cost is None else cost
        self._tier = found.service_tier or self._tier
        if (self._tier, self._cost) != self._told:
            self._told = (self._tier, self._cost)
            out.append(Told(service_tier=self._tier, provider_cost_nanos=self._cost))


def usage_in(found: Envelope) -> bytes | None:
    """Return the very bytes of the usage that an envelope reports; None where it reports none."""
    usage = found.usage
    counted = None if usage is UNSET else bytes(usage)
    if (counted is None or counted == _NULL) and found.x_groq is not None:
        usage = found.x_groq.usage
        counted = None if usage is UNSET else bytes(usage)
    return None if counted == _NULL else counted


def failure_in(found: Envelope, data: bytes, *, named_error: bool) -> UpstreamFailure | None:
    """Return the failure that an event reports, if it reports one."""
    reported = found.error is not UNSET and bytes(found.error) != _NULL
    if not (reported or named_error or found.object == "error"):
        return None
    return UpstreamFailure(FailureKind.BROKE, f"the provider reported an error: {parse_error(200, data).message}")


class Choices(Protocol):
    """The choices of one answer, as a dialect reads them."""

    @property
    def all_ended(self) -> bool:
        """One choice or more was seen, and each of them has ended."""
        ...

    def read(self, found: Envelope, out: list[Event]) -> None:
        """Tell what an envelope's choices say; raises UpstreamFailure where one says that it broke."""
        ...

    def close(self, out: list[Event]) -> None:
        """Tell what was kept back: the provider says no more."""
        ...


class ChunkReader:
    """A provider's stream of chunks on its way into events: a `StreamReader`."""

    __slots__ = ("_choices", "_cutter", "_decode", "_surroundings", "ended", "failure")

    def __init__(self, decode: Callable[[bytes], Envelope], choices: Choices) -> None:
        """Take what decodes a chunk, whatever its types, and what reads its choices."""
        self._decode = decode
        self._choices = choices
        self._cutter = SseReader()
        self._surroundings = Surroundings()
        self.ended = False
        self.failure: UpstreamFailure | None = None

    @property
    def finished(self) -> bool:
        """Every choice has a finish reason, or `[DONE]` was seen."""
        return self.ended or self._choices.all_ended

    def feed(self, data: bytes) -> list[Event]:
        """Return what has happened."""
        out: list[Event] = []
        if self.ended or self.failure is not None:
            return out
        try:
            for raw in self._cutter.feed(data):
                self._take(raw, out)
        except UpstreamFailure as failure:
            self.failure = failure
        return out

    def close(self) -> list[Event]:
        """Take what came without its blank line if it is whole; half an event says nothing."""
        out: list[Event] = []
        rest = self._cutter.close()
        data = read_fields(rest)[1]
        if data is None or self.ended or self.failure is not None:
            return out
        if data.strip() != DONE:
            try:
                self._decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return out
        try:
            self._take(rest, out)
        except UpstreamFailure as failure:
            self.failure = failure
        return out

    def _take(self, raw: bytes, out: list[Event]) -> None:
        if self.ended:
            return
        name, data = read_fields(raw)
        if data is None:
            return
        try:
            found = self._decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if data.strip() != DONE:
                raise UpstreamFailure(FailureKind.JUNK, "the provider sent an event that is not JSON") from None
            self.ended = True
            self._choices.close(out)
            return
        failure = failure_in(found, data, named_error=name == b"error")
        if failure is not None:
            raise failure
        surroundings = self._surroundings
        surroundings.before(found, out)
        self._choices.read(found, out)
        surroundings.after(found, out)


def read_whole(decode: Callable[[bytes], Envelope], choices: Choices, body: bytes, *, what: str) -> list[Event]:
    """Return the events of a whole answer; raises UpstreamFailure JUNK. `what` is what it should be."""
    try:
        found = decode(body)
        if getattr(found, "choices", None) is None:
            said = f": {parse_error(200, body).message}" if b'"error"' in body else ""
            raise UpstreamFailure(FailureKind.JUNK, f"the provider's answer is not {what}{said}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamFailure(FailureKind.JUNK, f"the provider's answer is not {what}") from None
    out: list[Event] = []
    surroundings = Surroundings()
    surroundings.before(found, out)
    try:
        choices.read(found, out)
    except UpstreamFailure as failure:
        raise UpstreamFailure(FailureKind.JUNK, failure.message) from None
    choices.close(out)
    surroundings.after(found, out)
    return out


def decoder(kind: type[Shape], nested: Nested) -> Callable[[bytes], Shape]:
    """Return what decodes an envelope: typed where the types fit, else member by member; raises for what is not JSON."""
    typed = msgspec.json.Decoder(kind)

    def decode(data: bytes) -> Shape:
        try:
            return typed.decode(data)
        except msgspec.ValidationError:
            return loosely(kind, data, nested)

    return cast("Callable[[bytes], Shape]", decode)
