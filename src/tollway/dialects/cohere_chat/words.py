"""What Cohere's words mean, in requests and answers alike: finish reasons, documents, citations, likelihoods, failures."""

from collections.abc import Iterable

from msgspec import Struct

from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.events import StopReason, TokenLogprob
from tollway.neutral.parts import Citation

FINISH_REASONS = {
    "COMPLETE": StopReason.STOP,
    "STOP_SEQUENCE": StopReason.STOP_SEQUENCE,
    "MAX_TOKENS": StopReason.LENGTH,
    "TOOL_CALL": StopReason.TOOL_CALLS,
}
"""Any other word is OTHER, but for the next ones."""

FAILED = frozenset(("ERROR", "TIMEOUT"))
"""The generation broke off: what came of it is no answer."""

DOCUMENT_ID = "doc:"
"""What the ids of our documents begin with; their number follows."""


class _Known(Struct, gc=False):
    """What a document or a tool's output says of itself."""

    title: str | None = None
    url: str | None = None


class _Source(Struct, gc=False):
    id: str | None = None
    document: _Known | None = None
    tool_output: _Known | None = None


class Cited(Struct, gc=False):
    """A passage of the answer with its sources."""

    start: int | None = None
    end: int | None = None
    sources: list[_Source] | None = None
    content_index: int | None = None


class Likelihood(Struct, gc=False):
    """A piece of text with the likelihood of each of its tokens."""

    text: str | None = None
    logprobs: list[float] | None = None


_UNKNOWN = _Known()


def read_citations(cited: Cited) -> list[Citation]:
    """Return one citation for each source."""
    return [
        Citation(
            url=known.url,
            title=known.title,
            document=_document(source.id or ""),
            answer_start=cited.start,
            answer_end=cited.end,
        )
        for source in cited.sources or ()
        for known in (source.document or source.tool_output or _UNKNOWN,)
    ]


def _document(id_: str) -> int | None:
    number = id_.removeprefix(DOCUMENT_ID)
    return int(number) if number != id_ and number.isascii() and number.isdigit() and len(number) < 10 else None


def read_likelihoods(found: Iterable[Likelihood]) -> tuple[TokenLogprob, ...]:
    """Return a likelihood for each piece of text: that of its tokens together, which Cohere does not name one by one."""
    return tuple(TokenLogprob(token=piece.text or "", logprob=sum(piece.logprobs)) for piece in found if piece.logprobs)


def broke_off(reason: str, message: str | None) -> UpstreamFailure:
    """Return the failure of a generation that Cohere itself says has failed."""
    said = " ".join((message or reason)[:500].split())
    return UpstreamFailure(FailureKind.BROKE, f"the provider reported an error: {said}")
