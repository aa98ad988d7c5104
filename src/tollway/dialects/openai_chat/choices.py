"""What the choices of an answer or of its chunks tell, as events. Knows no framing and no provider by name.

A whole answer is read as if each message were one delta.
"""

import base64
import binascii
import zlib
from typing import Literal

import msgspec

from tollway.dialects.data_url import source_of
from tollway.dialects.openai_chat.spoken import (
    Annotation,
    Body,
    Call,
    Choice,
    Function,
    Logprobs,
    Piece,
    Sound,
    Spoken,
    seal_of,
)
from tollway.dialects.openai_reading import Envelope
from tollway.dialects.openai_words import BROKEN, stop_reason
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.events import (
    CitationAdded,
    DeclinedDelta,
    Event,
    Finished,
    MediaAdded,
    PartEnded,
    ReasoningDelta,
    ReasoningSealed,
    StopReason,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
)
from tollway.neutral.parts import Citation, Inline, Sealed

_ENCODE = msgspec.json.Encoder().encode
_NO_FUNCTION = Function()
NO_ARGUMENTS = "{}"
_LEGACY = -1
"""Where the one call of the legacy `function_call` stands among calls."""

_SOUNDS = (("UklGR", "audio/wav"), ("SUQz", "audio/mpeg"), ("//", "audio/mpeg"), ("T2dnU", "audio/ogg"))
"""How base64 of a sound begins, and what it is then; what begins otherwise is raw samples, as all streams are."""

_IMAGE = "image/png"


class _OpenCall:
    """A call on its way; it starts when its name is known."""

    __slots__ = ("custom", "given_id", "index", "pieces", "written")

    def __init__(self, given_id: str | None) -> None:
        self.given_id = given_id
        self.custom = False
        self.index: int | None = None
        self.pieces: list[str] = []
        self.written = False
        """It has arguments."""


class _ChoiceState:
    """One choice on its way."""

    __slots__ = ("calls", "count", "ended", "held_seals", "last", "plain_reasoning", "sounds", "transcript")

    def __init__(self) -> None:
        self.calls: dict[int, _OpenCall] = {}
        self.last: _OpenCall | None = None
        self.count = 0
        self.ended = False
        self.plain_reasoning = False
        self.held_seals: dict[str, list[Sealed]] = {}
        self.sounds: list[str] = []
        self.transcript: list[str] = []


class ChatChoices:
    """All choices of one answer, whole or streamed."""

    __slots__ = ("_citations", "_field", "_name", "_states")

    def __init__(self, field: Literal["delta", "message"]) -> None:
        """Begin before the first choice. A choice says what it says in one field; some providers repeat it in the other."""
        self._field = field
        self._states: dict[int, _ChoiceState] = {}
        self._name = 0
        """From the answer's id: part of the ids that calls get which have none."""
        self._citations: list[Citation] = []

    @property
    def all_ended(self) -> bool:
        """One choice or more was seen, and each of them has ended."""
        states = self._states
        return bool(states) and all(state.ended for state in states.values())

    def read(self, found: Envelope, out: list[Event]) -> None:
        """Tell what the choices say; raises UpstreamFailure where one says that it broke."""
        assert isinstance(found, Body)
        if not self._name and found.id:
            self._name = zlib.crc32(found.id.encode("utf-8", "surrogatepass"))
        if found.citations or found.search_results:
            self._note_sources(found)
        choices = found.choices
        if not choices:
            return
        for place, choice in enumerate(choices):
            index = place if choice.index is None else choice.index
            state = self._states.get(index)
            if state is None:
                state = self._states[index] = _ChoiceState()
            spoken = choice.delta if self._field == "delta" else choice.message
            if spoken is not None:
                self._speak(index, state, spoken, choice.logprobs, out)
            if choice.finish_reason and not state.ended:
                self._finish(index, state, choice, out)

    def close(self, out: list[Event]) -> None:
        """Tell what was kept back of choices that gave no reason for their end."""
        for index, state in self._states.items():
            if not state.ended:
                self._flush(index, state, out)

    def _note_sources(self, found: Body) -> None:
        if found.search_results:
            self._citations = [Citation(url=each.url, title=each.title) for each in found.search_results if each.url]
        else:
            self._citations = [Citation(url=url) for url in found.citations or ()]

    def _finish(self, index: int, state: _ChoiceState, choice: Choice, out: list[Event]) -> None:
        word = choice.finish_reason or ""
        if word in BROKEN:
            raise UpstreamFailure(FailureKind.BROKE, f"the provider ended its answer with the reason {word!r}")
        self._flush(index, state, out)
        state.ended = True
        reason, sequence = stop_reason(word), None
        if reason is StopReason.STOP:
            met = choice.stop_reason if choice.stop_reason is not None else choice.matched_stop
            if state.count:
                reason = (
                    StopReason.TOOL_CALLS
                )  # a call that was demanded ends with the plain word, and some know no other
            elif isinstance(met, str) and met:
                reason, sequence = StopReason.STOP_SEQUENCE, met
        out.append(Finished(reason=reason, choice=index, sequence=sequence))

    def _flush(self, index: int, state: _ChoiceState, out: list[Event]) -> None:
        """Tell what waits: sources, a sound, calls that never got a name, and that a function got no arguments."""
        out += [CitationAdded(citation=citation, choice=index) for citation in self._citations]
        self._citations = []
        if state.sounds or state.transcript:
            out.append(_media_of(index, state))
        for call in state.calls.values():
            if call.index is None:
                self._start(index, state, call, Function(name=""), out)
        out += [
            ToolCallDelta(index=call.index or 0, arguments=NO_ARGUMENTS, choice=index)
            for call in state.calls.values()
            if not (call.written or call.custom)
        ]

    def _speak(
        self, index: int, state: _ChoiceState, spoken: Spoken, logprobs: Logprobs | None, out: list[Event]
    ) -> None:
        reasoning = spoken.reasoning_content or spoken.reasoning
        if spoken.reasoning_details:
            _read_details(index, state, spoken, out)
        elif reasoning:
            state.plain_reasoning = True
            out.append(ReasoningDelta(text=reasoning, choice=index))
        content = spoken.content
        if isinstance(content, list):
            for piece in content:
                _read_piece(index, piece, out)
        elif logprobs is not None and logprobs.content and (content or not reasoning):
            out.append(TextDelta(text=content or "", choice=index, logprobs=_tokens(logprobs)))
        elif content:
            out.append(TextDelta(text=content, choice=index))
        if spoken.refusal:
            out.append(DeclinedDelta(text=spoken.refusal, choice=index))
        if spoken.annotations or spoken.images or spoken.audio is not None:
            _show(index, state, spoken, out)
        if spoken.tool_calls:
            for piece in spoken.tool_calls:
                self._call(index, state, piece, out)
        if spoken.function_call is not None:
            self._call(index, state, Call(index=_LEGACY, function=spoken.function_call), out)

    def _call(self, index: int, state: _ChoiceState, piece: Call, out: list[Event]) -> None:
        function = piece.function or piece.custom or _NO_FUNCTION
        call = state.last if piece.index is None else state.calls.get(piece.index)
        if call is None or _begins_another(call, piece, function):
            call = _OpenCall(piece.id or None)
            state.calls[_LEGACY - 1 - len(state.calls) if piece.index is None else piece.index] = state.last = call
            call.custom = piece.function is None and piece.custom is not None
        call.given_id = call.given_id or piece.id or None
        written = function.arguments if function.arguments is not None else function.input
        text = written if isinstance(written, str) else "" if written is None else _ENCODE(written).decode()
        call.written = call.written or bool(text)
        if call.index is not None:
            if text:
                out.append(ToolCallDelta(index=call.index, arguments=text, choice=index))
            return
        if text:
            call.pieces.append(text)
        if function.name:
            self._start(index, state, call, function, out)

    def _start(self, index: int, state: _ChoiceState, call: _OpenCall, function: Function, out: list[Event]) -> None:
        call.index = state.count
        state.count += 1
        call_id = call.given_id or f"call_{self._name:08x}_{index}_{call.index}"
        out += [ReasoningSealed(sealed=each, choice=index) for each in state.held_seals.pop(call_id, ())]
        out.append(
            ToolCallStarted(index=call.index, id=call_id, name=function.name or "", choice=index, custom=call.custom)
        )
        text = "".join(call.pieces)
        if text:
            out.append(ToolCallDelta(index=call.index, arguments=text, choice=index))


def _begins_another(call: _OpenCall, piece: Call, function: Function) -> bool:
    """Tell a new call from more of the one that stands at its place: some give every call the same place, or none."""
    if call.index is None or not function.name:
        return False
    if piece.id:
        return piece.id != call.given_id
    return piece.index is None


def _show(index: int, state: _ChoiceState, spoken: Spoken, out: list[Event]) -> None:
    """Tell what stands beside the words."""
    out += [CitationAdded(citation=_citation(each), choice=index) for each in spoken.annotations or ()]
    for picture in spoken.images or ():
        if picture.image_url is not None:
            out.append(_picture(index, picture.image_url.url))
    if spoken.audio is not None:
        _note_sound(state, spoken.audio)


def _read_details(index: int, state: _ChoiceState, spoken: Spoken, out: list[Event]) -> None:
    """Tell texts and seals; a text that stood or stands in a plain field as well is told once."""
    details = spoken.reasoning_details or []
    plain = spoken.reasoning_content or spoken.reasoning
    told = state.plain_reasoning or not any(detail.text or detail.summary for detail in details)
    if told and plain:
        state.plain_reasoning = True
        out.append(ReasoningDelta(text=plain, choice=index))
    called = {call.id for call in spoken.tool_calls or ()}
    for detail in details:
        sealed = seal_of(detail)
        text = detail.text or detail.summary
        if text and not told:
            out.append(ReasoningDelta(text=text, choice=index))
        if sealed is None:
            continue
        if not sealed.whole and (detail.text == "" or (detail.id is not None and not text)):
            out.append(PartEnded(choice=index))  # it seals what follows, and not the thought before it
        if detail.id is not None and detail.id in called:
            state.held_seals.setdefault(detail.id, []).append(sealed)
        else:
            out.append(ReasoningSealed(sealed=sealed, choice=index))


def _read_piece(index: int, piece: Piece, out: list[Event]) -> None:
    if piece.text:
        out.append(TextDelta(text=piece.text, choice=index))
    thinking = piece.thinking
    if isinstance(thinking, list):
        thinking = "".join(each.text or "" for each in thinking)
    if thinking:
        out.append(ReasoningDelta(text=thinking, choice=index))
    if piece.refusal:
        out.append(DeclinedDelta(text=piece.refusal, choice=index))
    if piece.image_url is not None:
        out.append(_picture(index, piece.image_url if isinstance(piece.image_url, str) else piece.image_url.url))


def _picture(index: int, url: str) -> Event:
    """Return the event of a picture; one that only has an address is shown as text, which every client can follow."""
    source = source_of(url, media_type=_IMAGE)
    if isinstance(source, Inline):
        return MediaAdded(media=source, choice=index)
    return TextDelta(text=f"![image]({url})", choice=index)


def _note_sound(state: _ChoiceState, sound: Sound) -> None:
    if sound.data:
        state.sounds.append(sound.data)
    if sound.transcript:
        state.transcript.append(sound.transcript)


def _media_of(index: int, state: _ChoiceState) -> Event:
    """Return the sound of a choice; its words alone are text."""
    transcript = "".join(state.transcript)
    if not state.sounds:
        return TextDelta(text=transcript, choice=index)
    data = state.sounds[0] if len(state.sounds) == 1 else _joined(state.sounds)
    media_type = next((kind for start, kind in _SOUNDS if data.startswith(start)), "audio/pcm")
    media = Inline(media_type=media_type, data=data)
    return MediaAdded(media=media, choice=index, transcript=transcript or None)


def _joined(pieces: list[str]) -> str:
    """Return the base64 of all that the pieces hold; each of them may end in padding."""
    try:
        return base64.b64encode(b"".join(base64.b64decode(piece) for piece in pieces)).decode()
    except (binascii.Error, ValueError):
        return "".join(pieces)


def _citation(found: Annotation) -> Citation:
    inner = found.url_citation or found
    return Citation(
        url=inner.url,
        title=inner.title,
        quoted=inner.content,
        answer_start=inner.start_index,
        answer_end=inner.end_index,
    )


def _tokens(logprobs: Logprobs) -> tuple[TokenLogprob, ...]:
    return tuple(
        TokenLogprob(
            token=each.token,
            logprob=each.logprob,
            top=tuple(TokenLogprob(token=other.token, logprob=other.logprob) for other in each.top_logprobs or ()),
        )
        for each in logprobs.content or ()
    )
