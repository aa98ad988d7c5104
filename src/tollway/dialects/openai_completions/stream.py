"""The pipe of a streamed completion: what an event says, and where usage and costs stand at its end. Knows no price.

As in chat, the usage stands on a last chunk without choices for a client that asked for it, else on the last chunk that
has a choice.
"""

import msgspec
from msgspec import Raw

from tollway.dialects.members import append_members
from tollway.dialects.openai_completions.spoken import Body, decode_body
from tollway.dialects.openai_reading import DONE, failure_in, usage_in
from tollway.dialects.openai_usage import read_usage, usage_with_costs
from tollway.dialects.passing import Glance, PassingStream
from tollway.dialects.provider_cost import read_provider_cost
from tollway.dialects.record import Closing, CostFields
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.sse import read_fields, with_data
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage

_DONE_EVENT = b"data: [DONE]\n\n"
_ENCODE = msgspec.json.Encoder().encode
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_CHOICES = msgspec.json.Decoder(list[Raw])
_NULL = Raw(b"null")
_LAST_CHOICE = b'[{"text":"","index":0,"logprobs":null,"finish_reason":null}]'
_CUT_CHOICE = b'[{"text":"","index":%d,"logprobs":null,"finish_reason":"length"}]'
_KEPT = ("id", "object", "created", "model", "system_fingerprint")
"""What a chunk of ours repeats of the last chunk that was seen."""
_DEFAULTS = {"id": Raw(b'""'), "object": Raw(b'"text_completion"'), "created": Raw(b"0"), "model": Raw(b'""')}


class CompletionForm:
    """One stream: keeps which choices have ended, the last chunk, and the last usage."""

    def __init__(self, *, usage_asked: bool, choices: int) -> None:
        """Start for a client that asked for usage in OpenAI's form or not, and for so many choices."""
        self._asked = usage_asked
        self._choices = choices
        self._ended: set[int] = set()
        self._last: bytes | None = None
        self._usage: bytes | None = None

    def look(self, event: bytes) -> Glance:
        """Return what a raw event says; raises nothing."""
        name, data = read_fields(event)
        if data is None:
            return Glance()
        try:
            if not data.isascii():
                data.decode()  # msgspec does not check what it skips; the edits of the end would stumble over it
            found = decode_body(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if data.strip() == DONE:
                return Glance(begins=True, withheld=True, finishes=True, last=True)
            return Glance(error=UpstreamFailure(FailureKind.JUNK, "the provider sent an event that is not JSON"))
        failure = failure_in(found, data, named_error=name == b"error")
        if failure is not None:
            return Glance(error=failure)
        return self._look_at(found, data)

    def _look_at(self, found: Body, data: bytes) -> Glance:
        glance = Glance(model=found.model or None, service_tier=found.service_tier)
        counted = usage_in(found)
        if counted is not None:
            self._usage = counted
            glance.usage = read_usage(counted)
            glance.provider_cost_nanos = read_provider_cost(counted)
        if not found.choices:
            glance.withheld = glance.usage is not None
            return glance
        self._last = data
        for place, choice in enumerate(found.choices):
            text = choice.text
            if text:
                glance.text_bytes += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
            if choice.finish_reason:
                self._ended.add(place if choice.index is None else choice.index)
        glance.begins = glance.text_bytes > 0
        # One that ends while others go on passes: the last of them carries the usage.
        glance.finishes = glance.withheld = len(self._ended) >= self._choices
        return glance

    def end(self, held: list[bytes], closing: Closing) -> bytes:
        """Return the withheld events with usage and costs in their place, down to `[DONE]`."""
        return self._tail(held, closing) + _DONE_EVENT

    def break_off(self, held: list[bytes], error: bytes, closing: Closing | None) -> bytes:
        """Return what text is withheld, without its finish reason, and the error; no `[DONE]`."""
        out = [with_data(event, _without_finish(data)) for event, data in _chunks(held) if _choices_of(data)]
        if closing is not None:
            error = append_members(error, b'"usage":%b' % self._usage_value(closing))
        return b"".join((*out, b"data: %b\n\n" % error))

    def cut(self, held: list[bytes], error: bytes, closing: Closing) -> bytes:
        """Return the end at a limit, with usage and costs; the error stands before `[DONE]`."""
        ends = [
            b"data: %b\n\n" % self._chunk(_CUT_CHOICE % index, None)
            for index in range(self._choices)
            if index not in self._ended
        ]
        return b"".join((self._tail([*held, *ends], closing), b"data: %b\n\n" % error, _DONE_EVENT))

    def without_costs(self, held: list[bytes]) -> bytes:
        """Return the withheld events as they came, but for usage that the client did not ask for."""
        unasked = () if self._asked else {event for event, data in _chunks(held) if not _choices_of(data)}
        return b"".join(event for event in held if event not in unasked)

    def _usage_value(self, closing: Closing) -> bytes:
        found = None if closing.estimated else self._usage
        if closing.costs is None:
            return found or b"null"
        return usage_with_costs(found, closing.costs, closing.usage)

    def _tail(self, held: list[bytes], closing: Closing) -> bytes:
        """Return the tail without `[DONE]`."""
        usage = self._usage_value(closing)
        tail: list[bytes] = []
        place: int | None = None
        for event in held:
            data = read_fields(event)[1]
            if data is None:
                tail.append(event)
                continue
            if data.strip() == DONE:
                continue
            found = decode_body(data)
            counts = usage_in(found) is not None
            if bool(found.choices) is not self._asked and (found.choices or counts):
                place = len(tail)
                tail.append(event)
            elif not counts:
                tail.append(event)
            elif found.choices:  # its usage moves to the last chunk: clients add up what they find on several
                tail.append(with_data(event, _with_usage(data, b"null")))
        if place is None:
            tail.append(b"data: %b\n\n" % self._chunk(b"[]" if self._asked else _LAST_CHOICE, usage))
        else:
            tail[place] = with_data(tail[place], _with_usage(read_fields(tail[place])[1] or b"", usage))
        return b"".join(tail)

    def _chunk(self, choices: bytes, usage: bytes | None) -> bytes:
        like = {} if self._last is None else _FIELDS.decode(self._last)
        fields = {name: like.get(name, _DEFAULTS.get(name)) for name in _KEPT if name in like or name in _DEFAULTS}
        fields["choices"] = Raw(choices)
        if usage is not None:
            fields["usage"] = Raw(usage)
        return _ENCODE(fields)


def _chunks(held: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Return the events that hold a chunk, each with its data."""
    found = [(event, read_fields(event)[1]) for event in held]
    return [(event, data) for event, data in found if data is not None and data.strip() != DONE]


def _choices_of(data: bytes) -> bool:
    return bool(decode_body(data).choices)


def _with_usage(data: bytes, usage: bytes) -> bytes:
    fields = _FIELDS.decode(data)
    fields["usage"] = Raw(usage)
    return _ENCODE(fields)


def _without_finish(data: bytes) -> bytes:
    """Return the chunk with every finish reason null."""
    fields = _FIELDS.decode(data)
    fields["choices"] = Raw(_ENCODE([_unfinished(choice) for choice in _CHOICES.decode(fields["choices"])]))
    return _ENCODE(fields)


def _unfinished(choice: Raw) -> Raw | dict[str, Raw]:
    if not bytes(choice).startswith(b"{"):
        return choice  # junk among the choices says nothing, of an end neither
    return {**_FIELDS.decode(choice), "finish_reason": _NULL}


class CompletionStream(PassingStream):
    """A stream that passes; without costs, usage for which nobody asked stays behind all the same."""

    __slots__ = ("_completion_form",)

    def __init__(self, form: CompletionForm) -> None:
        """Take the form of the stream."""
        super().__init__(form)
        self._completion_form = form

    def end(self, costs: CostFields | None, estimate: Usage | None) -> bytes:
        """Return the end of a finished stream; no costs: as the provider sent it."""
        if costs is None:
            return self._release_lead() + self._completion_form.without_costs(self._held)
        return super().end(costs, estimate)


def open_stream(peek: Peek) -> CompletionStream:
    """Return the pipe for the answer to a request."""
    return CompletionStream(CompletionForm(usage_asked=peek.usage_asked, choices=peek.choices))
