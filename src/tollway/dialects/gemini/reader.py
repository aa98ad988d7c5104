"""A provider's Gemini answer on its way into events, streamed or whole, which has the form of one chunk. Knows no socket."""

from msgspec import UNSET

from tollway.dialects.gemini.calls import OpenCall, made_id
from tollway.dialects.gemini.chunk import Call, Candidate, Chunk, Part, read_chunk
from tollway.dialects.gemini.grounding import read_citations, read_logprobs
from tollway.dialects.gemini.sealing import UNSEALED
from tollway.dialects.gemini.stream import data_of
from tollway.dialects.gemini.usage import usage_of
from tollway.dialects.gemini.words import REASONS
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.sse import SseReader
from tollway.neutral.answer import ChatAnswer, fold
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
    TokenLogprob,
    Told,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tollway.neutral.parts import Citation, Inline, Sealed


class _Choice:
    """One choice, as far as it has come."""

    __slots__ = ("calls", "cited", "finished", "open", "texts", "thinking")

    def __init__(self) -> None:
        self.texts: list[str] = []
        """Its text so far: places of citations are counted in it."""
        self.thinking = False
        """Thoughts were the last thing it said."""
        self.open: OpenCall | None = None
        self.calls = 0
        self.cited: set[Citation] = set()
        self.finished = False


class Teller:
    """Chunks in, events out: the state of one answer."""

    def __init__(self) -> None:
        """Start before the first chunk."""
        self._choices: dict[int, _Choice] = {}
        self._started = False
        self._salt = ""
        self._tier: str | None = None

    @property
    def finished(self) -> bool:
        """Every choice that was seen has ended, or the prompt was blocked. Found out when asked: a loop a chunk is 0.4 µs."""
        return bool(self._choices) and all(choice.finished for choice in self._choices.values())

    def take(self, chunk: Chunk) -> list[Event]:
        """Return what a chunk tells."""
        events: list[Event] = []
        if not self._started:
            self._started = True
            self._salt = chunk.response_id or ""
            events.append(Started(id=chunk.response_id, model=chunk.model_version))
        for candidate in chunk.candidates or ():
            self._candidate(candidate, events)
        if chunk.blocked and not self._choices:
            self._choices[0] = choice = _Choice()
            choice.finished = True
            events.append(Finished(reason=StopReason.CONTENT_FILTER))
        counts = chunk.usage_metadata
        if counts is not None:
            usage = usage_of(counts)
            if usage is not None:
                events.append(UsageReported(usage=usage))
            if counts.tier is not None and counts.tier != self._tier:
                self._tier = counts.tier
                events.append(Told(service_tier=counts.tier))
        return events

    def _candidate(self, candidate: Candidate, events: list[Event]) -> None:
        index = candidate.index or 0
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice()
        given = candidate.logprobs_result
        logprobs = () if given is UNSET else read_logprobs(given)
        if candidate.content is not None:
            for part in candidate.content.parts or ():
                logprobs = self._part(part, index, logprobs, events)
        if logprobs:
            events.append(TextDelta(text="", choice=index, logprobs=logprobs))
        if candidate.finish_reason is not None:
            self._close_call(choice, index, events)
        if not (candidate.grounding_metadata is candidate.citation_metadata is UNSET):
            for citation in read_citations(candidate, choice.texts):
                if citation not in choice.cited:
                    choice.cited.add(citation)
                    events.append(CitationAdded(citation=citation, choice=index))
        if candidate.finish_reason is not None and not choice.finished:
            choice.finished = True
            reason = REASONS.get(candidate.finish_reason, StopReason.OTHER)
            if reason is StopReason.STOP and choice.calls:
                reason = StopReason.TOOL_CALLS
            events.append(Finished(reason=reason, choice=index))

    def _part(
        self, part: Part, index: int, logprobs: tuple[TokenLogprob, ...], events: list[Event]
    ) -> tuple[TokenLogprob, ...]:
        """Tell one part; return the likelihoods that no text has taken yet."""
        choice = self._choices[index]
        if part.function_call is not None:
            self._seal(part, index, events)
            self._call(part.function_call, index, events)
            return logprobs
        if choice.open is not None:
            self._close_call(choice, index, events)
        if part.thought:
            return self._thought(part, index, events) or logprobs
        if part.thought_signature:
            self._seal(part, index, events)
        text = part.text or _program(part)
        if text:
            choice.thinking = False
            choice.texts.append(text)
            events.append(TextDelta(text=text, choice=index, logprobs=logprobs))
            logprobs = ()
        if part.inline_data is not None:
            self._media(part, index, events)
        return logprobs

    def _thought(self, part: Part, index: int, events: list[Event]) -> tuple[()]:
        choice = self._choices[index]
        if part.text:
            choice.thinking = True
            events.append(ReasoningDelta(text=part.text, choice=index))
        if part.thought_signature:
            choice.thinking = False
            events.append(ReasoningSealed(sealed=Sealed(data=part.thought_signature), choice=index))
        self._media(part, index, events)
        return ()

    def _media(self, part: Part, index: int, events: list[Event]) -> None:
        blob = part.inline_data
        if blob is not None and blob.data:
            self._choices[index].thinking = False
            media = Inline(media_type=blob.mime_type or "application/octet-stream", data=blob.data)
            events.append(MediaAdded(media=media, choice=index))

    def _seal(self, part: Part, index: int, events: list[Event]) -> None:
        """Tell the seal of something else than a thought: it must not be taken for the seal of thoughts before it."""
        if part.thought_signature and part.thought_signature != UNSEALED:
            choice = self._choices[index]
            if choice.thinking:
                choice.thinking = False
                events.append(PartEnded(choice=index))
            events.append(ReasoningSealed(sealed=Sealed(data=part.thought_signature), choice=index))

    def _call(self, call: Call, index: int, events: list[Event]) -> None:
        choice = self._choices[index]
        if call.name:
            self._close_call(choice, index, events)
            choice.open = OpenCall(call)
        if choice.open is not None:
            choice.open.add(call)
            if not call.will_continue:
                self._close_call(choice, index, events)

    def _close_call(self, choice: _Choice, index: int, events: list[Event]) -> None:
        """Tell a call as soon as all of it is there, which is nearly always at once."""
        call = choice.open
        if call is None:
            return
        choice.open, choice.thinking = None, False
        place, arguments = choice.calls, call.arguments()
        choice.calls += 1
        call_id = call.id or made_id(f"{self._salt}/{index}", place, (call.name, arguments))
        events.append(ToolCallStarted(index=place, id=call_id, name=call.name, choice=index))
        events.append(ToolCallDelta(index=place, arguments=arguments, choice=index))


def _program(part: Part) -> str:
    """Return a program that the provider ran, or what it put out, as the text that it becomes elsewhere."""
    if part.executable_code is not None:
        return program_text(part.executable_code.language, part.executable_code.code)
    if part.code_execution_result is not None:
        return output_text(part.code_execution_result.output)
    return ""


def program_text(language: str | None, code: str | None) -> str:
    """Return a program as text."""
    return f"\n```{(language or '').lower()}\n{code or ''}\n```\n"


def output_text(output: str | None) -> str:
    """Return what a program put out as text."""
    return f"\n```\n{output or ''}\n```\n"


class GeminiReader:
    """One stream of server-sent events."""

    def __init__(self) -> None:
        """Start at the beginning of a stream."""
        self._events = SseReader()
        self._teller = Teller()
        self.failure: UpstreamFailure | None = None
        self.ended = False
        """Always: nothing in this dialect says that nothing follows."""

    @property
    def finished(self) -> bool:
        """Every choice that was seen has a finish reason, or the prompt was blocked."""
        return self._teller.finished

    def feed(self, data: bytes) -> list[Event]:
        """Return what has happened."""
        if self.failure is not None:
            return []
        try:
            events = self._events.feed(data)
        except UpstreamFailure as failure:
            self.failure = failure
            return []
        told: list[Event] = []
        for event in events:
            self._take(event, told)
        return told

    def close(self) -> list[Event]:
        """Return what came without its end, if it is whole: some servers omit the last blank line."""
        told: list[Event] = []
        rest = self._events.close()
        if self.failure is None and rest.strip():
            self._take(rest, told)
            if self.failure is not None and self.failure.kind is FailureKind.JUNK:
                self.failure = None  # half an event: the connection closed in the midst of it
        return told

    def _take(self, event: bytes, told: list[Event]) -> None:
        data = data_of(event)
        if data is None or self.failure is not None:
            return
        try:
            told += self._teller.take(read_chunk(data))
        except UpstreamFailure as failure:
            self.failure = failure


def open_reader() -> GeminiReader:
    """Return the reader of one stream."""
    return GeminiReader()


def parse_answer(body: bytes) -> ChatAnswer:
    """Return a whole answer; raises UpstreamFailure JUNK."""
    try:
        if not body.isascii():
            body.decode()
        chunk = read_chunk(body)
    except UnicodeDecodeError:
        raise UpstreamFailure(FailureKind.JUNK, "the provider's answer is not UTF-8") from None
    except UpstreamFailure as failure:
        raise UpstreamFailure(FailureKind.JUNK, f"no answer of the Gemini dialect: {failure.message}") from None
    if chunk.candidates is chunk.prompt_feedback is chunk.usage_metadata is None:
        raise UpstreamFailure(FailureKind.JUNK, "the provider's answer has no candidates")
    return fold(Teller().take(chunk))
