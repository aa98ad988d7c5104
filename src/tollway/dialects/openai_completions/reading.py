"""A provider's completions, whole and streamed, on their way into the neutral form. Knows no provider by name."""

from tollway.dialects.openai_completions.spoken import Body, Choice, Logprobs, decode_body
from tollway.dialects.openai_reading import ChunkReader, Envelope, read_whole
from tollway.dialects.openai_words import BROKEN, stop_reason
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.answer import ChatAnswer, fold
from tollway.neutral.events import Event, Finished, StopReason, TextDelta, TokenLogprob


class CompletionChoices:
    """All choices of one answer, whole or streamed."""

    __slots__ = ("_ended", "_seen")

    def __init__(self) -> None:
        """Begin before the first choice."""
        self._seen: set[int] = set()
        self._ended: set[int] = set()

    @property
    def all_ended(self) -> bool:
        """One choice or more was seen, and each of them has ended."""
        return bool(self._ended) and self._ended == self._seen

    def read(self, found: Envelope, out: list[Event]) -> None:
        """Tell what the choices say; raises UpstreamFailure where one says that it broke."""
        assert isinstance(found, Body)
        for place, choice in enumerate(found.choices or ()):
            index = place if choice.index is None else choice.index
            self._seen.add(index)
            logprobs = () if choice.logprobs is None else _tokens(choice.logprobs)
            if choice.text or logprobs:
                out.append(TextDelta(text=choice.text or "", choice=index, logprobs=logprobs))
            if choice.finish_reason and index not in self._ended:
                self._ended.add(index)
                out.append(_finished(choice, choice.finish_reason, index))

    def close(self, out: list[Event]) -> None:
        """Keep nothing back."""


def _finished(choice: Choice, word: str, index: int) -> Finished:
    if word in BROKEN:
        raise UpstreamFailure(FailureKind.BROKE, f"the provider ended its answer with the reason {word!r}")
    reason = stop_reason(word)
    met = choice.stop_reason if choice.stop_reason is not None else choice.matched_stop
    if reason is StopReason.STOP and isinstance(met, str) and met:
        return Finished(reason=StopReason.STOP_SEQUENCE, choice=index, sequence=met)
    return Finished(reason=reason, choice=index)


def _tokens(logprobs: Logprobs) -> tuple[TokenLogprob, ...]:
    """Return the tokens; one without a likelihood (the first of an echo) is certain."""
    likely = logprobs.token_logprobs or []
    tops = logprobs.top_logprobs or []
    return tuple(
        TokenLogprob(
            token=token,
            logprob=(likely[place] if place < len(likely) else None) or 0.0,
            top=tuple(
                TokenLogprob(token=other, logprob=value)
                for other, value in ((tops[place] if place < len(tops) else None) or {}).items()
            ),
        )
        for place, token in enumerate(logprobs.tokens or ())
    )


def parse_answer(body: bytes) -> ChatAnswer:
    """Return what a whole answer says; raises UpstreamFailure JUNK."""
    return fold(read_whole(decode_body, CompletionChoices(), body, what="a completion"))


def open_reader() -> ChunkReader:
    """Return the reader of one stream."""
    return ChunkReader(decode_body, CompletionChoices())
