"""Events on their way into a Gemini client's answer, streamed or whole. Knows no price and no provider.

A function call stands in one part with arguments that are an object, so it waits until all of it is there. Citations
and likelihoods stand beside the content of a candidate; every finish waits for the end, where usage and costs are.
"""

import msgspec
from msgspec import Raw

from tollway.dialects.gemini import sealing
from tollway.dialects.gemini.calls import as_object, is_object
from tollway.dialects.gemini.frames import open_frames
from tollway.dialects.gemini.grounding import written_citations, written_logprobs
from tollway.dialects.gemini.usage import new_usage
from tollway.dialects.gemini.words import REASON_WORDS
from tollway.dialects.members import append_members
from tollway.dialects.record import Closing, ReplyTerms
from tollway.neutral.answer import ChatAnswer, events_of
from tollway.neutral.events import (
    CitationAdded,
    DeclinedDelta,
    Event,
    Finished,
    MediaAdded,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    StopReason,
    TextDelta,
    TokenLogprob,
    Told,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tollway.neutral.parts import Citation

_ENCODE = msgspec.json.Encoder().encode
_SIGNATURE = "thoughtSignature"

_Part = dict[str, object]


class _Call:
    """A call until all of it is there."""

    __slots__ = ("id", "name", "pieces", "seal")

    def __init__(self, event: ToolCallStarted, seal: str | None) -> None:
        self.id = event.id
        self.name = event.name
        self.pieces: list[str] = []
        self.seal = seal


class _Choice:
    """What of a choice waits, and what its end must say."""

    __slots__ = ("begin", "called", "calls", "citations", "finished", "logprobs", "seal", "texts", "thinking")

    def __init__(self) -> None:
        self.calls: dict[int, _Call] = {}
        self.called = False
        """A call was written: models that seal calls seal the first."""
        self.seal: str | None = None
        """A seal of what comes next."""
        self.thinking = False
        self.texts: list[str] = []
        self.begin = 0
        """Which of the texts is the first of the current part: places of citations count from there."""
        self.citations: list[Citation] = []
        self.logprobs: tuple[TokenLogprob, ...] = ()
        self.finished: Finished | None = None

    def take(self, event: Event) -> list[_Part]:
        """Return the parts that an event sets free."""
        match event:
            case TextDelta() | DeclinedDelta():
                return self._text(event)
            case ReasoningDelta():
                self.begin = len(self.texts)
                freed = self.last() if event.text else []
                self.thinking = True
                return [*freed, {"text": event.text, "thought": True}] if event.text else freed
            case ReasoningSealed():
                self.begin = len(self.texts)
                return self._sealed(event)
            case MediaAdded():
                self.begin = len(self.texts)
                blob = {"mimeType": event.media.media_type, "data": event.media.data}
                spoken: list[_Part] = [{"text": event.transcript}] if event.transcript else []
                return [*self.waiting(), *spoken, self._with_seal({"inlineData": blob})]
            case _:
                self._note(event)
                return []

    def _note(self, event: Event) -> None:
        """Keep what is said later; a call that another part has ended takes no more."""
        if isinstance(event, CitationAdded):
            self.citations.append(self._placed(event.citation))
            return
        if not isinstance(event, ToolCallDelta):
            self.begin = len(self.texts)
        if isinstance(event, Finished):
            self.finished = event
        elif isinstance(event, ToolCallStarted):
            seal = self.seal if self.called or self.seal is not None else sealing.UNSEALED
            self.calls[event.index] = _Call(event, seal)
            self.seal, self.thinking, self.called = None, False, True
        elif not isinstance(event, ToolCallDelta):
            self.thinking = False
        elif event.index in self.calls:
            self.calls[event.index].pieces.append(event.arguments)

    def _placed(self, citation: Citation) -> Citation:
        """Return a citation with its place in all the text of the answer, which is how Gemini counts."""
        before = sum(map(len, self.texts[: self.begin]))
        if not before or citation.answer_end is None:
            return citation
        start = before + (citation.answer_start or 0)
        return msgspec.structs.replace(citation, answer_start=start, answer_end=before + citation.answer_end)

    def _text(self, event: TextDelta | DeclinedDelta) -> list[_Part]:
        if isinstance(event, TextDelta) and event.logprobs:
            self.logprobs += event.logprobs
        if not event.text:
            return []
        freed = self.waiting()
        self.texts.append(event.text)
        return [*freed, self._with_seal({"text": event.text})]

    def _sealed(self, event: ReasoningSealed) -> list[_Part]:
        freed = self.waiting()
        signature = sealing.written(event.sealed)
        if self.thinking or event.sealed.whole:
            self.thinking = False
            return [*freed, {"text": "", "thought": True, _SIGNATURE: signature}]
        freed += self._lone_seal()
        self.seal = signature
        return freed

    def _with_seal(self, part: _Part) -> _Part:
        self.thinking = False
        if self.seal is not None:
            part[_SIGNATURE], self.seal = self.seal, None
        return part

    def _lone_seal(self) -> list[_Part]:
        """Return the seal of something that never came, as Google sends one behind the last text."""
        if self.seal is None:
            return []
        part: _Part = {"text": "", _SIGNATURE: self.seal}
        self.seal = None
        return [part]

    def waiting(self) -> list[_Part]:
        """Return the calls that wait: whatever else comes, they are whole."""
        if not self.calls:
            return []
        freed = [_call_part(call) for call in self.calls.values()]
        self.calls.clear()
        return freed

    def last(self) -> list[_Part]:
        """Return all that waits at the end of the choice."""
        return [*self.waiting(), *self._lone_seal()]

    def drop_halves(self) -> None:
        """Forget calls of which only a part came: nobody could act on them."""
        self.calls = {index: call for index, call in self.calls.items() if is_object("".join(call.pieces) or "{}")}

    def closing(self, reason: StopReason, index: int) -> dict[str, object]:
        """Return the last candidate of the choice."""
        parts: list[_Part] = [*self.last()] or [{"text": ""}]
        candidate: dict[str, object] = {
            "content": {"parts": parts, "role": "model"},
            "finishReason": REASON_WORDS[reason],
            "index": index,
        }
        return candidate | self.beside()

    def beside(self) -> dict[str, object]:
        """Return what stands beside the content at the end."""
        found: dict[str, object] = {}
        if self.citations:
            found["groundingMetadata"] = written_citations(self.citations, "".join(self.texts))
        if self.logprobs:
            found["logprobsResult"] = written_logprobs(self.logprobs)
        return found


def _call_part(call: _Call) -> _Part:
    part: _Part = {"functionCall": {"id": call.id, "name": call.name, "args": as_object("".join(call.pieces))}}
    if call.seal is not None:
        part[_SIGNATURE] = call.seal
    return part


class GeminiWriter:
    """One stream to a client."""

    def __init__(self, terms: ReplyTerms) -> None:
        """Take what the provider does not say."""
        self._frames = open_frames(terms.peek)
        self._identity = {"modelVersion": terms.model, "responseId": terms.reply_id}
        self._behind = _members(self._identity)
        self._choices: dict[int, _Choice] = {}

    def write(self, events: list[Event]) -> bytes:
        """Return what may go to the client now: a chunk for each part."""
        out: list[bytes] = []
        for event in events:
            if isinstance(event, Started):
                self._identity = {
                    "modelVersion": event.model or self._identity["modelVersion"],
                    "responseId": event.id or self._identity["responseId"],
                }
                self._behind = _members(self._identity)
            elif not isinstance(event, UsageReported | Told):
                index = event.choice
                out += [self._chunk([part], index) for part in self._choice(index).take(event)]
        return b"".join(out)

    def end(self, closing: Closing) -> bytes:
        """Return the last chunk, with every finish, usage and costs."""
        if not self._choices:
            self._choice(0)
        return self._last(StopReason.STOP, closing) + self._frames.finish()

    def break_off(self, error: bytes, closing: Closing | None) -> bytes:
        """Return the calls that are whole, and the error with usage and costs beside it."""
        out: list[bytes] = []
        for index, choice in sorted(self._choices.items()):
            choice.drop_halves()
            out += [self._chunk([part], index) for part in choice.last()]
        if closing is not None:
            error = append_members(error, b'"usageMetadata":%b' % new_usage(closing))
        return b"".join([*out, self._frames.frame(error), self._frames.finish()])

    def cut(self, error: bytes, closing: Closing) -> bytes:
        """Return the end at a limit, and the error."""
        if not self._choices:
            self._choice(0)
        for choice in self._choices.values():
            choice.drop_halves()
        return self._last(StopReason.LENGTH, closing) + self._frames.frame(error) + self._frames.finish()

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
        return choice

    def _last(self, reason: StopReason, closing: Closing) -> bytes:
        candidates = [
            choice.closing(reason if choice.finished is None else choice.finished.reason, index)
            for index, choice in sorted(self._choices.items())
        ]
        return self._frames.frame(
            b'{"candidates":%b,"usageMetadata":%b%b}' % (_ENCODE(candidates), new_usage(closing), self._behind)
        )

    def _chunk(self, parts: list[_Part], index: int) -> bytes:
        return self._frames.frame(
            b'{"candidates":[{"content":{"parts":%b,"role":"model"},"index":%d}]%b}'
            % (_ENCODE(parts), index, self._behind)
        )


def _members(identity: dict[str, str]) -> bytes:
    return b",%b" % _ENCODE(identity)[1:-1]


def open_writer(terms: ReplyTerms) -> GeminiWriter:
    """Return the writer of one stream."""
    return GeminiWriter(terms)


def render_answer(answer: ChatAnswer, terms: ReplyTerms, closing: Closing) -> bytes:
    """Return a whole answer."""
    choices: dict[int, tuple[_Choice, list[_Part]]] = {}
    for event in events_of(answer):
        if not isinstance(event, Started | Told | UsageReported):
            index = event.choice
            choice, parts = choices.setdefault(index, (_Choice(), []))
            _merge(parts, choice.take(event))
    candidates: list[dict[str, object]] = []
    for index, (choice, parts) in sorted(choices.items() or {0: (_Choice(), list[_Part]())}.items()):
        _merge(parts, choice.last())
        reason = StopReason.STOP if choice.finished is None else choice.finished.reason
        candidate: dict[str, object] = {
            "content": {"parts": parts, "role": "model"},
            "finishReason": REASON_WORDS[reason],
            "index": index,
        }
        candidates.append(candidate | choice.beside())
    return _ENCODE(
        {
            "candidates": candidates,
            "usageMetadata": Raw(new_usage(closing)),
            "modelVersion": answer.model or terms.model,
            "responseId": answer.id or terms.reply_id,
        }
    )


def _merge(parts: list[_Part], added: list[_Part]) -> None:
    """Put parts behind others; the seal of thoughts stands in one part with them."""
    for part in added:
        before = parts[-1] if parts else {}
        thought = part.get("thought") is True and part.get("text") == ""
        if thought and before.get("thought") is True and _SIGNATURE not in before:
            before[_SIGNATURE] = part[_SIGNATURE]
        else:
            parts.append(part)
