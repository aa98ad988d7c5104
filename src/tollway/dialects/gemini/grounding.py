"""What an answer rests on, and how likely its tokens were: Gemini's metadata of a candidate, read and written. Pure.

Google counts places in bytes of UTF-8, the neutral form in characters.
"""

import msgspec
from msgspec import UNSET, Raw, Struct

from tollway.dialects.gemini.chunk import Candidate
from tollway.neutral.events import TokenLogprob
from tollway.neutral.parts import Citation


class _Source(Struct, gc=False):
    uri: str | None = None
    title: str | None = None
    text: str | None = None


class _Chunk(Struct, gc=False, rename="camel"):
    web: _Source | None = None
    retrieved_context: _Source | None = None
    maps: _Source | None = None


class _Segment(Struct, gc=False, rename="camel"):
    start_index: int | None = None
    end_index: int | None = None


class _Support(Struct, gc=False, rename="camel"):
    segment: _Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class _Grounding(Struct, gc=False, rename="camel"):
    grounding_chunks: list[_Chunk] | None = None
    grounding_supports: list[_Support] | None = None


class _Cited(Struct, gc=False, rename="camel"):
    start_index: int | None = None
    end_index: int | None = None
    uri: str | None = None
    title: str | None = None


class _CitationMetadata(Struct, gc=False, rename="camel"):
    citations: list[_Cited] | None = None
    citation_sources: list[_Cited] | None = None


class _Token(Struct, gc=False, rename="camel"):
    token: str = ""
    log_probability: float = 0.0


class _Top(Struct, gc=False):
    candidates: list[_Token] | None = None


class _Logprobs(Struct, gc=False, rename="camel"):
    chosen_candidates: list[_Token] | None = None
    top_candidates: list[_Top] | None = None


_GROUNDING = msgspec.json.Decoder(_Grounding | None)
_CITATIONS = msgspec.json.Decoder(_CitationMetadata | None)
_LOGPROBS = msgspec.json.Decoder(_Logprobs | None)


def read_citations(candidate: Candidate, texts: list[str]) -> list[Citation]:
    """Return what the text of a candidate rests on, given all its pieces so far; junk is nothing."""
    encoded = "".join(texts).encode("utf-8", "surrogatepass")
    found: list[Citation] = []
    if candidate.grounding_metadata is not UNSET:
        found += _grounded(candidate.grounding_metadata, encoded)
    if candidate.citation_metadata is not UNSET:
        found += _cited(candidate.citation_metadata, encoded)
    return found


def _grounded(raw: Raw, text: bytes) -> list[Citation]:
    try:
        grounding = _GROUNDING.decode(raw) or _Grounding()
    except msgspec.ValidationError:
        return []
    chunks = [each.web or each.retrieved_context or each.maps for each in grounding.grounding_chunks or ()]
    found: list[Citation] = []
    used: set[int] = set()
    for support in grounding.grounding_supports or ():
        segment = support.segment or _Segment()
        for index in support.grounding_chunk_indices or ():
            source = chunks[index] if 0 <= index < len(chunks) else None
            if source is not None:
                used.add(index)
                found.append(_citation(source, _place(segment.start_index, segment.end_index, text)))
    unplaced = (source for index, source in enumerate(chunks) if source is not None and index not in used)
    return found + [_citation(source, (None, None)) for source in unplaced]


def _citation(source: _Source, place: tuple[int | None, int | None]) -> Citation:
    start, end = place
    return Citation(url=source.uri, title=source.title, quoted=source.text, answer_start=start, answer_end=end)


def _cited(raw: Raw, text: bytes) -> list[Citation]:
    try:
        metadata = _CITATIONS.decode(raw) or _CitationMetadata()
    except msgspec.ValidationError:
        return []
    found: list[Citation] = []
    for each in metadata.citations or metadata.citation_sources or ():
        if each.uri is not None or each.title is not None:
            start, end = _place(each.start_index, each.end_index, text)
            found.append(Citation(url=each.uri, title=each.title, answer_start=start, answer_end=end))
    return list(dict.fromkeys(found))


def _place(start: int | None, end: int | None, text: bytes) -> tuple[int | None, int | None]:
    """Return a place in characters; the start is left out where it is zero."""
    if end is None:
        return None, None
    return _characters(text, start or 0), _characters(text, end)


def _characters(text: bytes, at: int) -> int:
    return len(text[: max(at, 0)].decode("utf-8", "ignore"))


def read_logprobs(raw: Raw) -> tuple[TokenLogprob, ...]:
    """Return the likelihoods of a candidate's tokens; junk is nothing."""
    try:
        found = _LOGPROBS.decode(raw) or _Logprobs()
    except msgspec.ValidationError:
        return ()
    tops = found.top_candidates or []
    return tuple(
        TokenLogprob(
            token=chosen.token,
            logprob=chosen.log_probability,
            top=tuple(
                TokenLogprob(token=each.token, logprob=each.log_probability)
                for each in (tops[place].candidates or () if place < len(tops) else ())
            ),
        )
        for place, chosen in enumerate(found.chosen_candidates or ())
    )


def written_logprobs(logprobs: tuple[TokenLogprob, ...]) -> dict[str, object]:
    """Return `logprobsResult`."""
    return {
        "chosenCandidates": [_token(each) for each in logprobs],
        "topCandidates": [{"candidates": [_token(other) for other in each.top]} for each in logprobs],
    }


def _token(each: TokenLogprob) -> dict[str, object]:
    return {"token": each.token, "logProbability": each.logprob}


def written_citations(citations: list[Citation], text: str) -> dict[str, object]:
    """Return `groundingMetadata`: the web for what has an address alone, else a retrieved context with its words."""
    chunks: list[dict[str, object]] = []
    supports: list[dict[str, object]] = []
    for citation in citations:
        source = {"uri": citation.url, "title": citation.title, "text": citation.quoted}
        given = {name: value for name, value in source.items() if value is not None}
        chunk: dict[str, object] = {"web" if citation.quoted is None and citation.url else "retrievedContext": given}
        if chunk not in chunks:
            chunks.append(chunk)
        if citation.answer_end is not None:
            start, end = citation.answer_start or 0, citation.answer_end
            segment: dict[str, object] = {"endIndex": _bytes(text, end), "text": text[start:end]}
            if start:
                segment["startIndex"] = _bytes(text, start)
            supports.append({"segment": segment, "groundingChunkIndices": [chunks.index(chunk)]})
    return {"groundingChunks": chunks, "groundingSupports": supports}


def _bytes(text: str, at: int) -> int:
    return len(text[:at].encode("utf-8", "surrogatepass"))
