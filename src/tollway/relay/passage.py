"""The way of one attempt between the client's dialect and the provider's: straight where they speak the same, else translated.

Decides the lane, and knows no connection: bytes in, bytes out.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import msgspec

from tollway.catalog.records import Profile, Spoken, Streaming, Target
from tollway.dialects.body import TOO_DEEP, refused
from tollway.dialects.record import (
    Closing,
    CostFields,
    Dialect,
    Lane,
    ProviderError,
    ReadAnswer,
    ReplyTerms,
    RequestEdits,
    Stream,
)
from tollway.dialects.translation import TranslatedStream, WholeReader, closing_of, facts_of, issued, read_folded
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.giving_way import giving_way
from tollway.neutral.answer import ChatAnswer
from tollway.neutral.embedding import EmbeddingAnswer, EmbeddingRequest
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest
from tollway.neutral.usage import Usage
from tollway.relay.admit import Admitted
from tollway.relay.arrival import Arrival
from tollway.relay.unpriced import refuse_unpriced
from tollway.relay.ways import Way, Ways, edits_for, path_of
from tollway.settings.brand import UsageChunk

LARGE_BYTES = 64 * 1024
"""A request from which on the way is made beside the event loop: translating 1 MB takes 12 ms of CPU in 2,000 messages and
80 in 20,000, in which nobody else would be served. What is smaller takes less than a thread's coming and going is worth."""


class Passage(Protocol):
    """How one attempt's request reaches its provider, and how the answer comes back."""

    spoken: Spoken
    """Where it goes."""
    path: str
    """Below the provider's prefix, with its query."""
    lane: Lane
    body: bytes
    dropped: tuple[str, ...]
    """Names of tuning knobs that were left out."""
    speaks: Dialect
    """What the provider speaks."""

    def parse_error(self, status: int, body: bytes) -> ProviderError:
        """Return what the provider's error answer says."""
        ...

    def open_stream(self) -> Stream:
        """Return the pipe of a streamed answer to the client."""
        ...

    def read_answer(self, body: bytes, content_type: str) -> ReadAnswer:
        """Return the facts of a whole answer; raises UpstreamFailure."""
        ...

    def write_answer(self, read: ReadAnswer, costs: CostFields | None, estimate: Usage | None) -> bytes:
        """Return the whole answer as the client gets it."""
        ...


class Passages:
    """Finds the way for each attempt of one exchange; the client's request is parsed once, if at all."""

    def __init__(
        self, dialects: Mapping[str, Dialect], arrival: Arrival, admitted: Admitted, *, ways: Ways | None = None
    ) -> None:
        """Take every dialect by its name, the request, and what is remembered of earlier ones."""
        self._dialects = dialects
        self._ways = Ways() if ways is None else ways
        self._arrival = arrival
        self._admitted = admitted
        self._sealed = arrival.dialect.chat is not None and arrival.dialect.is_marked(arrival.body)
        self._chat: ChatRequest | None = None
        self._embedding: EmbeddingRequest | None = None

    def through(self, target: Target) -> Passage:
        """Return the way to a target; raises Refusal where there is none, or where it would lose something."""
        try:
            return self._way(target)
        except RecursionError:  # a peek takes a few levels more than an edit does, which is called from further down
            raise refused(TOO_DEEP) from None

    async def through_beside(self, target: Target) -> Passage:
        """Do as `through` does, in a thread: for a request of LARGE_BYTES or more."""
        with giving_way():
            return await asyncio.to_thread(self.through, target)

    def _way(self, target: Target) -> Passage:
        arrival, admitted = self._arrival, self._admitted
        dialect = arrival.dialect
        if not self._sealed:
            tokens_max = admitted.need.of(target).limits.output_tokens_max
            way = self._ways.straight(target, dialect, streamed=admitted.peek.streamed, tokens_max=tokens_max)
            if way is not None:
                return Straight(way, arrival, admitted, target)
        if dialect.embedding is not None:
            return self._embedded(target)
        return self._translated(target, target.provider.speaking(dialect.name, target.model_routed))

    def _translated(self, target: Target, spoken: Spoken | None) -> Passage:
        dialect = self._arrival.dialect
        client = dialect.chat
        others = target.provider.speaks_of(target.model_routed) if spoken is None else (spoken,)
        for other in others:
            provider = self._dialects[other.dialect].chat
            if provider is None or provider.render_request is None or client is None or client.parse_request is None:
                continue
            self._refuse_unwished(target)
            if self._chat is None:
                self._chat = client.parse_request(self._arrival.body, self._admitted.peek)
            return Translated(self._dialects[other.dialect], self._arrival, self._admitted, (target, other, self._chat))
        raise _no_way(target, dialect)

    def _embedded(self, target: Target) -> Passage:
        client = self._arrival.dialect.embedding
        for other in target.provider.speaks_of(target.model_routed):
            provider = self._dialects[other.dialect].embedding
            if provider is None or provider.render_request is None or client is None or client.parse_request is None:
                continue
            self._refuse_unwished(target)
            if self._embedding is None:
                self._embedding = client.parse_request(self._arrival.body, self._admitted.peek)
            way = (target, other, self._embedding)
            return Embedded(self._dialects[other.dialect], self._arrival, self._admitted, way)
        raise _no_way(target, self._arrival.dialect)

    def _refuse_unwished(self, target: Target) -> None:
        if self._arrival.translate is False:
            raise Refusal(
                "not_supported",
                f"The provider {target.provider.name!r} does not speak {self._arrival.dialect.name}, and the request's "
                "headers say that it must not be translated.",
            )


def _as_told(peek: Peek, usage: UsageChunk) -> Peek:
    """Return the facts by which an answer is written: with a chunk of its own for usage where the brand always has one."""
    if usage is UsageChunk.LAST_CHOICE or not peek.streamed or peek.usage_asked:
        return peek
    return msgspec.structs.replace(peek, usage_asked=True)


def _no_way(target: Target, dialect: Dialect) -> Refusal:
    spoken = ", ".join(spoken.dialect for spoken in target.provider.speaks)
    return Refusal(
        "not_supported",
        f"The provider {target.provider.name!r} cannot be asked in the form {dialect.name}: it speaks {spoken}. "
        "Ask for another model, or ask this one by another endpoint.",
    )


def _too_deep() -> UpstreamFailure:
    return UpstreamFailure(FailureKind.JUNK, "the provider's answer is nested too deeply")


def _limited(edits: RequestEdits, admitted: Admitted, target: Target) -> RequestEdits:
    """Return the edits with the output limit that was lowered, if any was."""
    if admitted.lowered is None:
        return edits
    return msgspec.structs.replace(edits, output_tokens_max=admitted.lowered_at(admitted.lowered, target))


def _in_words_of(dialect: Dialect, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of what was left out as the client's dialect has them."""
    return tuple(dialect.words.get(name, name) for name in names)


def _edits(admitted: Admitted, target: Target, profile: Profile, *, streamed: bool) -> RequestEdits:
    tokens_max = admitted.need.of(target).limits.output_tokens_max
    return _limited(edits_for(target, profile, streamed=streamed, tokens_max=tokens_max), admitted, target)


class Straight:
    """Both speak the same dialect: the bytes pass, edited where they must be."""

    __slots__ = ("_peek", "body", "dropped", "lane", "path", "speaks", "spoken")

    def __init__(self, way: Way, arrival: Arrival, admitted: Admitted, target: Target) -> None:
        """Take where it goes, and the request; raises Refusal where an edit would lose something."""
        peek = admitted.peek
        self._peek = _as_told(peek, arrival.stream_usage)
        self.speaks = dialect = arrival.dialect
        self.spoken = way.spoken
        self.path = way.path
        patched = dialect.patch_request(arrival.body, peek, _limited(way.edits, admitted, target))
        if way.refused:
            refuse_unpriced(patched.body, way.refused)
        self.lane = patched.lane
        self.body = patched.body
        self.dropped = patched.dropped

    def parse_error(self, status: int, body: bytes) -> ProviderError:
        """Return what the provider's error answer says."""
        return self.speaks.parse_error(status, body)

    def open_stream(self) -> Stream:
        """Return the pipe of a streamed answer to the client."""
        return self.speaks.open_stream(self._peek)

    def read_answer(self, body: bytes, content_type: str) -> ReadAnswer:
        """Return the facts of a whole answer; raises UpstreamFailure."""
        try:
            return self.speaks.read_answer(body, content_type)
        except RecursionError:
            raise _too_deep() from None

    def write_answer(self, read: ReadAnswer, costs: CostFields | None, estimate: Usage | None) -> bytes:
        """Return the whole answer with its costs."""
        if costs is None:
            return read.body
        return self.speaks.splice_cost(read, costs, estimate)


class Translated:
    """The dialects differ, or one side streams and the other does not: read into events, written from events."""

    __slots__ = (
        "_answer",
        "_client",
        "_issuer",
        "_streams",
        "_terms",
        "body",
        "dropped",
        "lane",
        "path",
        "speaks",
        "spoken",
    )

    def __init__(
        self, speaks: Dialect, arrival: Arrival, admitted: Admitted, way: tuple[Target, Spoken, ChatRequest]
    ) -> None:
        """Take the provider's dialect, the request, and where it goes; raises Refusal where something would be lost."""
        target, spoken, request = way
        profile = spoken.profile_of(target.model_routed)
        peek = admitted.peek
        self._client = arrival.dialect
        self._streams = peek.streamed if profile.streaming is Streaming.BOTH else profile.streaming is Streaming.ALWAYS
        self._issuer = target.provider.identity
        self._answer: ChatAnswer | None = None
        self._terms = ReplyTerms(
            request=request,
            peek=_as_told(peek, arrival.stream_usage),
            reply_id=arrival.request_id.rpartition("_")[2],
            created_s=arrival.received_ms // 1000,
            model=target.model_routed,
        )
        self.speaks = speaks
        self.spoken = spoken
        self.lane = Lane.TRANSLATED
        self.path = path_of(spoken, speaks, target.model_routed, streamed=self._streams)
        assert speaks.chat is not None, "a way is only made between dialects of chat"
        assert speaks.chat.render_request is not None, "and to one that stands on the provider's side"
        rendered = speaks.chat.render_request(request, _edits(admitted, target, profile, streamed=self._streams))
        refuse_unpriced(rendered.body, profile.refused)
        self.body = rendered.body
        self.dropped = _in_words_of(arrival.dialect, rendered.dropped)

    def parse_error(self, status: int, body: bytes) -> ProviderError:
        """Return what the provider's error answer says."""
        return self.speaks.parse_error(status, body)

    def open_stream(self) -> Stream:
        """Return the pipe of a streamed answer to the client."""
        provider, client = self.speaks.chat, self._client.chat
        assert provider is not None, "see the constructor"
        assert client is not None, "whoever parsed a request can write its answer"
        assert provider.open_reader is not None, "whoever renders a request can read its answer"
        assert provider.parse_answer is not None, "streamed or not"
        assert client.open_writer is not None, "streamed or not"
        reader = provider.open_reader() if self._streams else WholeReader(provider.parse_answer)
        return TranslatedStream(reader, client.open_writer(self._terms), issuer=self._issuer)

    def read_answer(self, body: bytes, content_type: str) -> ReadAnswer:  # noqa: ARG002  every chat answer is JSON
        """Return the facts of a whole answer; raises UpstreamFailure."""
        provider = self.speaks.chat
        assert provider is not None, "see the constructor"
        assert provider.open_reader is not None, "see open_stream"
        assert provider.parse_answer is not None, "see open_stream"
        try:
            answer = read_folded(provider.open_reader(), body) if self._streams else provider.parse_answer(body)
        except RecursionError:
            raise _too_deep() from None
        self._answer = issued(answer, self._issuer)
        return facts_of(self._answer)

    def write_answer(self, read: ReadAnswer, costs: CostFields | None, estimate: Usage | None) -> bytes:
        """Return the whole answer in the client's dialect."""
        client = self._client.chat
        assert client is not None, "see open_stream"
        assert client.render_answer is not None, "see open_stream"
        assert self._answer is not None, "an answer is read before it is written"
        return client.render_answer(self._answer, self._terms, closing_of(read.usage, costs, estimate))


class Embedded:
    """Embeddings between different dialects."""

    __slots__ = ("_answer", "_client", "_request", "body", "dropped", "lane", "path", "speaks", "spoken")

    def __init__(
        self, speaks: Dialect, arrival: Arrival, admitted: Admitted, way: tuple[Target, Spoken, EmbeddingRequest]
    ) -> None:
        """Take the provider's dialect, the request, and where it goes; raises Refusal where something would be lost."""
        target, spoken, request = way
        profile = spoken.profile_of(target.model_routed)
        self._client = arrival.dialect
        self._request = request
        self._answer: EmbeddingAnswer | None = None
        self.speaks = speaks
        self.spoken = spoken
        self.lane = Lane.TRANSLATED
        self.path = path_of(spoken, speaks, target.model_routed, streamed=False)
        assert speaks.embedding is not None, "a way is only made between dialects of embeddings"
        assert speaks.embedding.render_request is not None, "and to one that stands on the provider's side"
        rendered = speaks.embedding.render_request(request, _edits(admitted, target, profile, streamed=False))
        self.body = rendered.body
        self.dropped = _in_words_of(arrival.dialect, rendered.dropped)

    def parse_error(self, status: int, body: bytes) -> ProviderError:
        """Return what the provider's error answer says."""
        return self.speaks.parse_error(status, body)

    def open_stream(self) -> Stream:
        """Never called: no embedding is streamed."""
        raise AssertionError("no embedding is streamed")

    def read_answer(self, body: bytes, content_type: str) -> ReadAnswer:  # noqa: ARG002  every such answer is JSON
        """Return the facts of an answer; raises UpstreamFailure."""
        provider = self.speaks.embedding
        assert provider is not None, "see the constructor"
        assert provider.parse_answer is not None, "whoever renders a request can read its answer"
        self._answer = answer = provider.parse_answer(body)
        return ReadAnswer(body=b"", usage=answer.usage, usage_found=None, model_answered=answer.model, text_bytes=0)

    def write_answer(self, read: ReadAnswer, costs: CostFields | None, estimate: Usage | None) -> bytes:
        """Return the answer in the client's dialect."""
        client = self._client.embedding
        assert client is not None, "whoever parsed a request can write its answer"
        assert client.render_answer is not None, "see above"
        assert self._answer is not None, "an answer is read before it is written"
        closing = Closing(usage=read.usage or estimate or Usage(), estimated=read.usage is None, costs=costs)
        return client.render_answer(self._answer, self._request, closing)
