"""What a dialect is: one record of plain functions, and the values they pass. Knows no dialect and no provider."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from tollway.errors import Refusal, UpstreamFailure
from tollway.neutral import seals
from tollway.neutral.answer import ChatAnswer
from tollway.neutral.embedding import EmbeddingAnswer, EmbeddingRequest
from tollway.neutral.events import Event
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest
from tollway.neutral.usage import Usage

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"
LINES = "application/x-ndjson"


class Operation(StrEnum):
    """What is asked for. Dialects of one operation reach each other where both have a translator."""

    CHAT = "chat"
    EMBEDDING = "embedding"
    TOKEN_COUNT = "token_count"  # noqa: S105  no secret
    IMAGE = "image"
    IMAGE_EDIT = "image_edit"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    SPEECH_TRANSLATION = "speech_translation"
    MODERATION = "moderation"
    RERANK = "rerank"


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """What path, query and headers of a request say beside its body."""

    model: str | None = None
    """From the path; None where the dialect names it in the body."""
    streamed: bool | None = None
    """From the path; None where the body says it."""
    variant: str = ""
    """Which of a dialect's forms was asked for, in the dialect's own words: `array` for Gemini's stream without `alt=sse`."""
    content_type: str = JSON


PLAIN_CALL = Called()


class Lane(StrEnum):
    """How the bytes travel."""

    VERBATIM = "verbatim"
    """The very bytes of the client."""
    PATCHED = "patched"
    """The same dialect, top-level keys edited."""
    TRANSLATED = "translated"
    """Another dialect."""


class RequestEdits(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt needs of the body that goes to its provider: changed in the client's, or said in a new one."""

    model_routed: str
    usage_wanted: bool = False
    """The provider reports the usage of a stream only when asked."""
    renames: Mapping[str, str] = {}
    """Top-level fields that the provider calls by another name."""
    unsupported: frozenset[str] = frozenset()
    """Top-level fields, by the dialect's name, that this model or provider refuses: left out, and named."""
    added: Mapping[str, object] = {}
    """Top-level fields that this provider demands, with their values: put in where the body has none of that name."""
    removed: frozenset[str] = frozenset()
    """Top-level fields that this provider has somewhere else, such as a model that stands in its path: left out, unnamed."""
    output_tokens_max: int | None = None
    """The limit on the output of one choice that the money covers; it takes the place of a higher one of the client's.
    None leaves the client's own."""
    output_tokens_name: str = "max_tokens"
    """How the limit is called where the client gave none."""
    output_tokens_default: int = 4096
    """The limit for a dialect that demands one, where the client gave none: the model's, as far as it is known."""
    streamed: bool = False
    """The provider is to stream. Only a translated request heeds it: a client's own body says it already."""
    options: Mapping[str, str] = {}
    """What a provider varies inside its dialect beyond names, in words that the dialect documents beside its renderer."""
    issuer: str = ""
    """The provider's name: seals of any other are left out."""


class PatchedRequest(msgspec.Struct, frozen=True):
    """The body for the provider, the lane it took, and what was left out of it."""

    body: bytes
    lane: Lane
    dropped: tuple[str, ...] = ()
    """Names of tuning knobs that this provider does not know."""


class RenderedRequest(msgspec.Struct, frozen=True):
    """A request in another dialect than it came in."""

    body: bytes
    dropped: tuple[str, ...] = ()
    """What could not be carried, by the neutral form's names, in the order of the request; each once."""


class ReplyTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer in the client's dialect says that the provider does not."""

    request: ChatRequest
    """Some dialects repeat it in their answer."""
    peek: Peek
    reply_id: str
    """Ours, from the request id; without a prefix of any dialect."""
    created_s: int
    model: str
    """The provider's model, shown where the provider does not name one."""


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at the end of an answer in the client's dialect."""

    usage: Usage
    estimated: bool
    """The provider reported none: the usage says so in its dialect's own place."""
    costs: "CostFields | None"
    """None for a key that wants no costs."""


class CostFields(msgspec.Struct, frozen=True, kw_only=True):
    """The amounts that a reply shows: whole nano-units of `currency`, total = base + fee."""

    base_nanos: int
    fee_nanos: int
    total_nanos: int
    currency: str
    package_micros: int | None = None
    """What was taken of a package of tokens, in micro-tokens; None when money paid."""
    total_name: str | None = None
    """The name under which the total is told once more; None is that nobody asks for it by another one."""


class ReadAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer of a provider, and the facts that settlement needs of it."""

    body: bytes
    content_type: str = JSON
    """What the client is told of it."""
    usage: Usage | None
    """None when the provider reported nothing usable."""
    usage_found: bytes | None
    """The very bytes of the top-level usage value; None when there is none."""
    model_answered: str | None
    text_bytes: int
    """UTF-8 bytes of what the model wrote; counted only when `usage` lacks the output, for the estimate, else 0."""
    service_tier: str | None = None
    """The provider's word for the tier it answered in: `batch` and `flex` may cost less."""
    provider_cost_nanos: int | None = None
    """What the provider says that it cost, in nano-dollars; None is "it did not say". Never our charge."""


class ProviderError(msgspec.Struct, frozen=True):
    """What an error answer of a provider says; each text is bounded."""

    message: str
    type: str | None
    code: str | None


class Stream(Protocol):
    """The pipe of one streamed answer: provider's bytes in, client's bytes out. Never raises for what a provider sends."""

    @property
    def content_started(self) -> bool:
        """The model has begun to answer: from here on no other provider may be tried."""
        ...

    @property
    def finished(self) -> bool:
        """The model ended its answer; a stream that ends with False was cut off."""
        ...

    @property
    def ended(self) -> bool:
        """The provider has said its last word: nothing that may follow would pass, and there is nothing to wait for."""
        ...

    @property
    def failure(self) -> UpstreamFailure | None:
        """What the provider reported or did wrong inside the stream; nothing passes after it."""
        ...

    @property
    def usage(self) -> Usage | None:
        """The usage as last reported; None is "not reported"."""
        ...

    @property
    def model_answered(self) -> str | None:
        """The provider's own word for the model."""
        ...

    @property
    def service_tier(self) -> str | None:
        """The provider's word for the tier it answered in, as `ReadAnswer` has it. Asked once, at the end."""
        ...

    @property
    def provider_cost_nanos(self) -> int | None:
        """What the provider says that it cost, as `ReadAnswer` has it. Asked once, at the end."""
        ...

    @property
    def delivered_events(self) -> int:
        """Events in which the model wrote something, of what was fed. Cheap: it is asked after every piece."""
        ...

    @property
    def delivered_text_bytes(self) -> int:
        """UTF-8 bytes of all that the model wrote, reasoning and tool calls included, of what was fed. Cheap as well.

        What it counts and has not been returned yet is returned by `end`, `break_off` or `cut`.
        """
        ...

    def feed(self, data: bytes) -> bytes:
        """Return what may go to the client now."""
        ...

    def close(self) -> bytes:
        """Say that the provider ended cleanly; return what may go to the client now."""
        ...

    def end(self, costs: CostFields | None, estimate: Usage | None) -> bytes:
        """Return the end of a finished stream; no costs: as the provider sent it."""
        ...

    def break_off(self, error: bytes, costs: CostFields | None, usage: Usage | None) -> bytes:
        """Return the end of a stream that broke, given the body of `render_error`."""
        ...

    def cut(self, error: bytes, costs: CostFields | None, estimate: Usage | None) -> bytes:
        """Return the end of a stream that we stop because its money has run out, given the body of `render_error`.

        Each choice that has not finished ends as at its output limit; usage and costs stand as in `end`; the error
        comes last.
        """
        ...


class StreamReader(Protocol):
    """A provider's stream on its way into events. Never raises for what a provider sends.

    Any split of the same bytes gives events that fold into the same answer.
    """

    @property
    def finished(self) -> bool:
        """The model ended its answer; a stream that ends with False was cut off."""
        ...

    @property
    def ended(self) -> bool:
        """The provider has said its last word."""
        ...

    @property
    def failure(self) -> UpstreamFailure | None:
        """What the provider reported or did wrong inside the stream; no event comes after it."""
        ...

    def feed(self, data: bytes) -> list[Event]:
        """Return what has happened."""
        ...

    def close(self) -> list[Event]:
        """Say that the provider ended cleanly; return what was still open."""
        ...


class StreamWriter(Protocol):
    """Events on their way into a client's stream.

    It keeps back every Finished until `end`, `break_off` or `cut`, one of which is called once, and last.
    """

    def write(self, events: list[Event]) -> bytes:
        """Return what may go to the client now."""
        ...

    def end(self, closing: Closing) -> bytes:
        """Return the end of a finished stream."""
        ...

    def break_off(self, error: bytes, closing: Closing | None) -> bytes:
        """Return the end of a stream that broke: it never looks finished. `error` is a body of `render_error`."""
        ...

    def cut(self, error: bytes, closing: Closing) -> bytes:
        """Return the end of a stream whose money has run out: open choices end as at their limit, the error comes last."""
        ...


class ChatTranslator(msgspec.Struct, frozen=True, kw_only=True):
    """How a chat dialect is read and written. None on one side: it does not stand on that side."""

    parse_request: Callable[[bytes, Peek], ChatRequest] | None = None
    """Raises Refusal `invalid_request` for what it cannot understand, and for content or a contract without a neutral place."""
    render_request: Callable[[ChatRequest, RequestEdits], RenderedRequest] | None = None
    """Raises Refusal `invalid_request` for content or a contract that the dialect has no place for."""
    parse_answer: Callable[[bytes], ChatAnswer] | None = None
    """Raises UpstreamFailure JUNK."""
    render_answer: Callable[[ChatAnswer, ReplyTerms, Closing], bytes] | None = None
    open_reader: Callable[[], StreamReader] | None = None
    open_writer: Callable[[ReplyTerms], StreamWriter] | None = None


class EmbeddingTranslator(msgspec.Struct, frozen=True, kw_only=True):
    """How an embedding dialect is read and written; the same rules."""

    parse_request: Callable[[bytes, Peek], EmbeddingRequest] | None = None
    render_request: Callable[[EmbeddingRequest, RequestEdits], RenderedRequest] | None = None
    parse_answer: Callable[[bytes], EmbeddingAnswer] | None = None
    render_answer: Callable[[EmbeddingAnswer, EmbeddingRequest, Closing], bytes] | None = None


def _events(_peek: Peek) -> str:
    return EVENTS


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """A wire format.

    A dialect that stands on the provider's side alone has no `peek`, `patch_request`, `read_answer`, `splice_cost`,
    `open_stream` and `render_error` of use: they raise.
    """

    name: str
    operation: Operation = Operation.CHAT
    path: str
    """Below a provider's path prefix: `/chat/completions`. `{model}` stands for the model, quoted."""
    streamed_path: str | None = None
    """The same for a stream, where it differs."""
    request_headers: tuple[tuple[str, str], ...] = ()
    """What the dialect demands of every request."""
    passed_headers: frozenset[bytes] = frozenset()
    """Headers of the client, in lower case, that belong to the dialect: they go to a provider of the same dialect."""
    peek: Callable[[bytes, Called], Peek]
    """Raises Refusal `invalid_request`."""
    patch_request: Callable[[bytes, Peek, RequestEdits], PatchedRequest]
    """Raises Refusal where an edit would lose something."""
    read_answer: Callable[[bytes, str], ReadAnswer]
    """Takes the body and its content type; raises UpstreamFailure JUNK."""
    splice_cost: Callable[[ReadAnswer, CostFields, Usage | None], bytes]
    """The third argument is the estimate, shown when the provider reported no usage."""
    open_stream: Callable[[Peek], Stream]
    parse_error: Callable[[int, bytes], ProviderError]
    """Takes the status and the body of any error answer; raises nothing."""
    render_error: Callable[[Refusal], bytes]
    stream_type: Callable[[Peek], str] = _events
    """The content type of a stream."""
    keepalive: bytes = b": keep-alive\n\n"
    """What may be sent at any time between events to show that the stream lives; empty where the form allows nothing."""
    words: Mapping[str, str] = {}
    """What its clients call what the neutral form calls otherwise: a warning names a parameter as they know it."""
    is_marked: Callable[[bytes], bool] = seals.is_marked
    """Whether a client's body may hold seals that came from another dialect."""
    chat: ChatTranslator | None = None
    embedding: EmbeddingTranslator | None = None
    render_count: Callable[[int], bytes] | None = None
    """The answer of a dialect of TOKEN_COUNT, for a count of our own where no provider counts."""
