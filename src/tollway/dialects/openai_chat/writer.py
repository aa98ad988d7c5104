"""Events on their way into a stream of chat completion chunks. Knows no provider.

What is the same in every chunk is encoded once. Ends of choices wait for the end of the stream, where usage and costs
belong.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from tollway.dialects.members import append_members
from tollway.dialects.openai_chat.render_answer import (
    ID_PREFIX,
    TIERS,
    annotation_of,
    picture_of,
    sound_of,
    tokens_of,
)
from tollway.dialects.openai_chat.spoken import plain_detail
from tollway.dialects.openai_usage import closing_usage
from tollway.dialects.openai_words import STOP_WORDS
from tollway.dialects.record import Closing, ReplyTerms
from tollway.neutral.events import (
    CitationAdded,
    DeclinedDelta,
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
from tollway.neutral.parts import Sealed
from tollway.neutral.seals import marked

_ENCODE = msgspec.json.Encoder().encode
_DONE = b"data: [DONE]\n\n"
_NO_COUNT = b',"usage":null'


class _ChoiceState:
    """What the writer must know of a choice."""

    __slots__ = ("begin", "chars", "custom", "details", "finished", "seals", "thoughts")

    def __init__(self) -> None:
        self.thoughts: list[str] = []
        """Of the current reasoning: its seal repeats them, so that a client has both in one place."""
        self.seals: list[Sealed] = []
        """Without a text of their own: they wait, because the call that may follow is theirs."""
        self.details = 0
        self.custom: set[int] | None = None
        """Which calls are of custom tools; None before the first call."""
        self.finished: Finished | None = None
        self.begin = 0
        """Where the current text begins in the whole content, in characters."""
        self.chars = 0
        """How much of the content has been said."""


class ChatWriter:
    """One stream for one client: a `StreamWriter`."""

    __slots__ = ("_choices", "_closes", "_head", "_model", "_terms", "_text_heads", "_tier")

    def __init__(self, terms: ReplyTerms) -> None:
        """Take what the answer says that the provider does not."""
        self._terms = terms
        self._choices: dict[int, _ChoiceState] = {}
        self._model: str | None = None
        self._tier: str | None = None
        self._head: bytes = b""
        self._text_heads: dict[int, tuple[bytes, _ChoiceState]] = {}
        no_count = _NO_COUNT if terms.peek.usage_asked else b""
        self._closes = b'},"finish_reason":null}]%b}\n\n' % no_count

    def write(self, events: list[Event]) -> bytes:
        """Return what may go to the client now."""
        out: list[bytes] = []
        for event in events:
            if type(event) is TextDelta and not event.logprobs:
                found = self._text_heads.get(event.choice)
                if found is not None:
                    head, state = found
                    state.chars += len(event.text)
                    out += (head, _ENCODE(event.text), self._closes)
                    continue
            self._write(event, out)
        return b"".join(out)

    def end(self, closing: Closing) -> bytes:
        """Return the end of a finished stream: the reason of each choice, usage and costs, `[DONE]`."""
        return self._ending(closing) + _DONE

    def break_off(self, error: bytes, closing: Closing | None) -> bytes:
        """Return the error as the last event, with usage and costs beside it, and no `[DONE]`."""
        out: list[bytes] = []
        for index, state in self._choices.items():
            self._release_seals(index, state, out)
        if closing is not None:
            error = append_members(error, b'"usage":%b' % closing_usage(closing))
        out.append(b"data: %b\n\n" % error)
        return b"".join(out)

    def cut(self, error: bytes, closing: Closing) -> bytes:
        """Return the end at a limit. The error stands before `[DONE]`, where every client still reads."""
        out: list[bytes] = []
        for index in sorted({*range(self._terms.peek.choices), *self._choices}):
            state = self._choice(index, out)
            if state.finished is None:
                state.finished = Finished(reason=StopReason.LENGTH, choice=index)
        out += (self._ending(closing), b"data: %b\n\n" % error, _DONE)
        return b"".join(out)

    def _write(self, event: Event, out: list[bytes]) -> None:
        if isinstance(event, Started | Told | UsageReported):
            self._note(event)
            return
        index = event.choice
        state = self._choice(index, out)
        if isinstance(event, ReasoningSealed):
            self._end_text(index, state)
            if not state.thoughts or event.sealed.whole:
                state.thoughts.clear()
                state.seals.append(event.sealed)
            else:
                self._seal(index, state, event.sealed, out)
            return
        if state.seals:
            self._release_seals(index, state, out, call_id=event.id if isinstance(event, ToolCallStarted) else None)
        if isinstance(event, ReasoningDelta):
            self._end_text(index, state)
            state.thoughts.append(event.text)
            out.append(self._chunk(index, b'"reasoning_content":%b' % _ENCODE(event.text)))
            return
        if state.thoughts:
            state.thoughts.clear()
        if isinstance(event, Finished):
            state.finished = event
        elif isinstance(event, TextDelta):
            self._text(event, state, out)
        else:
            if not isinstance(event, CitationAdded | ToolCallDelta):
                state.begin = state.chars
            delta = _DELTAS[type(event)](event, state, self._terms)
            if delta:
                out.append(self._chunk(index, delta))

    def _end_text(self, index: int, state: _ChoiceState) -> None:
        self._text_heads.pop(index, None)
        state.begin = state.chars

    def _note(self, event: Started | Told | UsageReported) -> None:
        if isinstance(event, Started):
            self._model = self._model or event.model
        elif isinstance(event, Told):
            self._tier = event.service_tier or self._tier

    def _text(self, event: TextDelta, state: _ChoiceState, out: list[bytes]) -> None:
        state.chars += len(event.text)
        if event.logprobs:
            fields = {"content": tokens_of(event.logprobs), "refusal": None}
            delta = b'"content":%b},"logprobs":%b' % (_ENCODE(event.text), _ENCODE(fields))
            close = self._closes[1:]
            out.append(b"%b%d%b%b%b" % (self._head, event.choice, b',"delta":{', delta, close))
            return
        head = b'%b%d,"delta":{"content":' % (self._head, event.choice)
        self._text_heads[event.choice] = (head, state)
        out += (head, _ENCODE(event.text), self._closes)

    def _choice(self, index: int, out: list[bytes]) -> _ChoiceState:
        """Return the state of a choice; one that is new begins with its role."""
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = _ChoiceState()
            if not self._head:
                self._head = b'data: {%b,"choices":[{"index":' % self._envelope()
            out.append(self._chunk(index, b'"role":"assistant","content":""'))
        return state

    def _chunk(self, index: int, delta: bytes) -> bytes:
        return b'%b%d,"delta":{%b%b' % (self._head, index, delta, self._closes)

    def _envelope(self) -> bytes:
        fields = {
            "id": f"{ID_PREFIX}{self._terms.reply_id}",
            "object": "chat.completion.chunk",
            "created": self._terms.created_s,
            "model": self._model or self._terms.model,
        }
        return _ENCODE(fields)[1:-1]

    def _seal(
        self, index: int, state: _ChoiceState, sealed: Sealed, out: list[bytes], *, call_id: str | None = None
    ) -> None:
        text = "" if sealed.whole else "".join(state.thoughts)
        detail = plain_detail(marked(sealed), text=text, whole=sealed.whole, call_id=call_id)
        detail["index"] = state.details
        state.details += 1
        if not sealed.whole:
            state.thoughts.clear()
        out.append(self._chunk(index, b'"reasoning_details":%b' % _ENCODE([detail])))

    def _release_seals(self, index: int, state: _ChoiceState, out: list[bytes], *, call_id: str | None = None) -> None:
        if state.seals:
            state.thoughts.clear()
        for sealed in state.seals:
            self._seal(index, state, sealed, out, call_id=call_id)
        state.seals.clear()

    def _ending(self, closing: Closing) -> bytes:
        """Return the last chunks. The usage stands on one of its own for a client that asked, else on the last choice."""
        out: list[bytes] = []
        if not self._choices:
            self._choice(0, out)
        asked = self._terms.peek.usage_asked
        usage = closing_usage(closing) if asked or closing.costs is not None else None
        last = max(self._choices)
        for index, state in sorted(self._choices.items()):
            self._release_seals(index, state, out)
            with_usage = index == last and not asked and usage is not None
            fields: dict[str, object] = {
                "choices": [
                    {
                        "index": index,
                        "delta": {"content": ""} if with_usage else {},
                        "finish_reason": _finish_word(state),
                    }
                ]
            }
            if self._tier in TIERS:
                fields["service_tier"] = self._tier
            if asked:
                fields["usage"] = None
            elif with_usage:
                fields["usage"] = Raw(usage or b"null")
            out.append(self._event(fields))
        if asked:
            out.append(self._event({"choices": [], "usage": Raw(usage or b"null")}))
        return b"".join(out)

    def _event(self, fields: dict[str, object]) -> bytes:
        return b"data: {%b,%b\n\n" % (self._envelope(), _ENCODE(fields)[1:])


def _started(event: ToolCallStarted, state: _ChoiceState, _terms: ReplyTerms) -> bytes:
    state.custom = state.custom or set()
    call: dict[str, object] = {"index": event.index, "id": event.id}
    if event.custom:
        state.custom.add(event.index)
        call |= {"type": "custom", "custom": {"name": event.name, "input": ""}}
    else:
        call |= {"type": "function", "function": {"name": event.name, "arguments": ""}}
    return b'"tool_calls":%b' % _ENCODE([call])


def _continued(event: ToolCallDelta, state: _ChoiceState, _terms: ReplyTerms) -> bytes:
    text = _ENCODE(event.arguments)
    if state.custom and event.index in state.custom:
        return b'"tool_calls":[{"index":%d,"custom":{"input":%b}}]' % (event.index, text)
    return b'"tool_calls":[{"index":%d,"function":{"arguments":%b}}]' % (event.index, text)


def _declined(event: DeclinedDelta, _state: _ChoiceState, _terms: ReplyTerms) -> bytes:
    return b'"refusal":%b' % _ENCODE(event.text)


def _cited(event: CitationAdded, state: _ChoiceState, _terms: ReplyTerms) -> bytes:
    annotation = annotation_of(event.citation, (state.begin, state.chars))
    return b"" if annotation is None else b'"annotations":%b' % _ENCODE([annotation])


def _shown(event: MediaAdded, _state: _ChoiceState, terms: ReplyTerms) -> bytes:
    if event.media.media_type.startswith("audio/"):
        return b'"audio":%b' % _ENCODE(sound_of(event.media, event.transcript, terms))
    return b'"images":%b' % _ENCODE([picture_of(event.media)])


def _unsaid(_event: PartEnded, _state: _ChoiceState, _terms: ReplyTerms) -> bytes:
    return b""


_DELTAS: Mapping[type[Event], Callable[[Any, _ChoiceState, ReplyTerms], bytes]] = {
    ToolCallStarted: _started,
    ToolCallDelta: _continued,
    DeclinedDelta: _declined,
    CitationAdded: _cited,
    MediaAdded: _shown,
    PartEnded: _unsaid,
}
"""What makes the members of a delta; empty where the dialect has no word."""


def _finish_word(state: _ChoiceState) -> str:
    if state.finished is not None:
        return STOP_WORDS[state.finished.reason]
    return STOP_WORDS[StopReason.STOP if state.custom is None else StopReason.TOOL_CALLS]


def open_writer(terms: ReplyTerms) -> ChatWriter:
    """Return the writer of one stream."""
    return ChatWriter(terms)
