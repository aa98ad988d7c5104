"""What a dialect is: one record of plain functions, and the values they pass. Knows no dialect and no provider."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from tollway.errors import Refusal, UpstreamFailure
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage


class Lane(StrEnum):
    """How the bytes travel."""

    VERBATIM = "verbatim"
    """The very bytes of the client."""
    PATCHED = "patched"
    """The same dialect, top-level keys edited."""
    TRANSLATED = "translated"
    """Another dialect."""


class RequestEdits(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt needs changed in the client's body."""

    model_routed: str
    usage_wanted: bool = False
    """The provider reports the usage of a stream only when asked."""
    renames: Mapping[str, str] = {}
    """Top-level fields that the provider calls by another name."""
    output_tokens_max: int | None = None
    """The limit on the output of one choice that the money covers; it takes the place of a higher one of the client's.
    None leaves the client's own."""
    output_tokens_name: str = "max_tokens"
    """How the limit is called where the client gave none."""


class PatchedRequest(msgspec.Struct, frozen=True):
    """The body for the provider, and the lane it took."""

    body: bytes
    lane: Lane


class CostFields(msgspec.Struct, frozen=True, kw_only=True):
    """The amounts that a reply shows: whole nano-units of `currency`, total = base + fee."""

    base_nanos: int
    fee_nanos: int
    total_nanos: int
    currency: str
    package_micros: int | None = None
    """What was taken of a package of tokens, in micro-tokens; None when money paid."""


class ReadAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer of a provider, and the facts that settlement needs of it."""

    body: bytes
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


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """A wire format."""

    name: str
    path: str
    """Below a provider's path prefix: `/chat/completions`."""
    peek: Callable[[bytes], Peek]
    """Raises Refusal `invalid_request`."""
    patch_request: Callable[[bytes, Peek, RequestEdits], PatchedRequest]
    """Raises Refusal where an edit would lose something."""
    read_answer: Callable[[bytes], ReadAnswer]
    """Raises UpstreamFailure JUNK."""
    splice_cost: Callable[[ReadAnswer, CostFields, Usage | None], bytes]
    """The third argument is the estimate, shown when the provider reported no usage."""
    open_stream: Callable[[Peek], Stream]
    parse_error: Callable[[int, bytes], ProviderError]
    """Takes the status and the body of any error answer; raises nothing."""
    render_error: Callable[[Refusal], bytes]
