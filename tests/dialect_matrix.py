"""Every pair of chat dialects, and how a request and an answer go through one: what tests of pairs have in common."""

from dataclasses import dataclass

import msgspec

from tests.provider_answers import sent_stream, sent_whole
from tollway.dialects.known import DIALECTS
from tollway.dialects.record import (
    Called,
    ChatTranslator,
    Closing,
    Dialect,
    RenderedRequest,
    ReplyTerms,
    RequestEdits,
    StreamReader,
)
from tollway.dialects.translation import TranslatedStream, issued
from tollway.errors import Refusal
from tollway.neutral.answer import ChatAnswer, fold
from tollway.neutral.events import Event
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest
from tollway.neutral.usage import Usage

CLIENTS = (
    "openai_chat",
    "openai_completions",
    "openai_responses",
    "anthropic_messages",
    "gemini",
    "ollama_chat",
    "ollama_generate",
)
"""The dialects of chat that clients speak."""

PROVIDERS = (*CLIENTS, "bedrock_converse", "cohere_chat")
"""And those that providers do."""

PAIRS = tuple((client, provider) for client in CLIENTS for provider in PROVIDERS)

ISSUER = "there"
MODEL = "model-1"
EDITS = RequestEdits(model_routed=MODEL, usage_wanted=True, issuer=ISSUER)


def chat_of(dialect: str) -> ChatTranslator:
    """Return how a chat dialect is read and written."""
    chat = DIALECTS[dialect].chat
    assert chat is not None
    return chat


def called(*, streamed: bool) -> Called:
    """Return what a path says beside a body: Gemini's names the model."""
    return Called(model=MODEL, streamed=streamed)


def stated(client: str, request: ChatRequest) -> RenderedRequest:
    """Return a request as a client of this dialect sends it; raises Refusal for what it cannot ask."""
    render = chat_of(client).render_request
    assert render is not None
    edits = msgspec.structs.replace(EDITS, streamed=request.streamed)
    if client == "gemini":
        edits = msgspec.structs.replace(edits, options={"call_ids": "kept"})
    return render(request, edits)


def peeked(client: str, body: bytes, *, streamed: bool) -> Peek:
    """Return what is peeked of a client's body."""
    dialect = DIALECTS[client]
    return dialect.peek(body, called(streamed=streamed) if "{model}" in dialect.path else Called())


def parsed(client: str, body: bytes, *, streamed: bool = False) -> ChatRequest:
    """Return what a client's body asks."""
    parse = chat_of(client).parse_request
    assert parse is not None
    return parse(body, peeked(client, body, streamed=streamed))


def rendered(provider: str, request: ChatRequest, **edits: object) -> RenderedRequest:
    """Return a request as a provider of this dialect gets it."""
    render = chat_of(provider).render_request
    assert render is not None
    return render(request, msgspec.structs.replace(EDITS, **{"streamed": request.streamed, **edits}))


def terms_of(client: str, request: ChatRequest) -> ReplyTerms:
    """Return what an answer to a client says that no provider does."""
    body = stated(client, request).body
    return ReplyTerms(
        request=parsed(client, body, streamed=request.streamed),
        peek=peeked(client, body, streamed=request.streamed),
        reply_id="r1",
        created_s=1_700_000_000,
        model=MODEL,
    )


def error_of(client: str) -> bytes:
    """Return the body of an error in a client's dialect."""
    return DIALECTS[client].render_error(Refusal("upstream_error", BROKEN))


BROKEN = "The provider broke off."


@dataclass(frozen=True)
class Read:
    """What came out of a reader."""

    answer: ChatAnswer
    finished: bool
    failed: bool


def read_stream(dialect: str, data: bytes, *, step: int | None = None) -> Read:
    """Return what a dialect's own reader makes of a stream, whole or in pieces of `step` bytes."""
    opened = chat_of(dialect).open_reader
    assert opened is not None
    reader = opened()
    events = fed(reader, data, step=step)
    return Read(fold(events), reader.finished, reader.failure is not None)


def finished_at(provider: str, stream: bytes) -> int:
    """Return after how many bytes a provider's stream is finished."""
    low, high = 0, len(stream)
    while low < high:
        middle = (low + high) // 2
        if read_stream(provider, stream[:middle]).finished:
            high = middle
        else:
            low = middle + 1
    return low


def fed(reader: StreamReader, data: bytes, *, step: int | None) -> list[Event]:
    """Return the events of a stream."""
    size = step or max(len(data), 1)
    events = [event for at in range(0, len(data), size) for event in reader.feed(data[at : at + size])]
    return events + reader.close()


def read_whole(dialect: str, data: bytes) -> ChatAnswer:
    """Return what a dialect's own parser makes of a whole answer."""
    parse = chat_of(dialect).parse_answer
    assert parse is not None
    return parse(data)


def written_whole(client: str, answer: ChatAnswer, terms: ReplyTerms) -> bytes:
    """Return a provider's whole answer as the client gets it."""
    render = chat_of(client).render_answer
    assert render is not None
    closing = Closing(usage=answer.usage or Usage(), estimated=answer.usage is None, costs=None)
    return render(issued(answer, ISSUER), terms, closing)


def through(provider: str, client: str, terms: ReplyTerms) -> TranslatedStream:
    """Return the pipe between a provider's stream and a client's."""
    opened_reader, opened_writer = chat_of(provider).open_reader, chat_of(client).open_writer
    assert opened_reader is not None
    assert opened_writer is not None
    return TranslatedStream(opened_reader(), opened_writer(terms), issuer=ISSUER)


def written_stream(pipe: TranslatedStream, client: str, data: bytes, *, step: int | None = None) -> bytes:
    """Return what a client gets of a provider's stream, to its end or to its break."""
    size = step or max(len(data), 1)
    out = b"".join(pipe.feed(data[at : at + size]) for at in range(0, len(data), size)) + pipe.close()
    if pipe.finished and pipe.failure is None:
        return out + pipe.end(None, None)
    return out + pipe.break_off(error_of(client), None, None)


def whole_of(provider: str, answer: ChatAnswer, request: ChatRequest) -> bytes:
    """Return a whole answer as a provider of this dialect sends it."""
    if provider not in CLIENTS:
        return sent_whole(provider, answer)
    render = chat_of(provider).render_answer
    assert render is not None
    closing = Closing(usage=answer.usage or Usage(), estimated=False, costs=None)
    return render(answer, terms_of(provider, request), closing)


def stream_of(provider: str, events: list[Event], usage: Usage, request: ChatRequest) -> bytes:
    """Return a stream as a provider of this dialect sends it."""
    if provider not in CLIENTS:
        return sent_stream(provider, events, usage)
    opened = chat_of(provider).open_writer
    assert opened is not None
    streamed = msgspec.structs.replace(request, streamed=True)
    writer = opened(terms_of(provider, streamed))
    return writer.write(events) + writer.end(Closing(usage=usage, estimated=False, costs=None))


def dialect_of(name: str) -> Dialect:
    """Return a dialect by its name."""
    return DIALECTS[name]
