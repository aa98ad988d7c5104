"""What happens while a model answers, in no wire format. An answer is the fold of its events. Values only.

Order is meaning: text, reasoning and tool calls come in the order in which the model wrote them. A part ends where
another kind begins, at `PartEnded`, and where its choice is finished.
"""

from enum import StrEnum

from msgspec import Struct

from tollway.neutral.parts import Citation, Inline, Sealed
from tollway.neutral.usage import Usage


class StopReason(StrEnum):
    """Why a choice ended."""

    STOP = "stop"
    """The model had said what it wanted."""
    STOP_SEQUENCE = "stop_sequence"
    """One of the client's."""
    LENGTH = "length"
    CONTEXT_FULL = "context_full"
    """The context window, and not the client's limit."""
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    """The provider stopped it."""
    DECLINED = "declined"
    """The model will not answer."""
    PAUSED = "paused"
    """It is to be asked again with what it said so far."""
    OTHER = "other"
    """A word that its dialect's table does not have."""


class TokenLogprob(Struct, frozen=True, kw_only=True, gc=False):
    """One token with its likelihood, and what else might have stood there."""

    token: str
    logprob: float
    top: "tuple[TokenLogprob, ...]" = ()


class Started(Struct, frozen=True, kw_only=True, gc=False):
    """The answer has begun; the provider's own words."""

    id: str | None = None
    model: str | None = None
    created_s: int | None = None


class TextDelta(Struct, frozen=True, kw_only=True, gc=False):
    """More of the current text."""

    text: str
    choice: int = 0
    logprobs: tuple[TokenLogprob, ...] = ()


class ReasoningDelta(Struct, frozen=True, kw_only=True, gc=False):
    """More of the current reasoning."""

    text: str
    choice: int = 0


class ReasoningSealed(Struct, frozen=True, kw_only=True, gc=False):
    """The seal of the reasoning that just stood here, which it ends; without one, of a reasoning that has no text."""

    sealed: Sealed
    choice: int = 0


class DeclinedDelta(Struct, frozen=True, kw_only=True, gc=False):
    """More of the words with which the model declines."""

    text: str
    choice: int = 0


class ToolCallStarted(Struct, frozen=True, kw_only=True, gc=False):
    """The model begins to ask for a tool."""

    index: int
    """Counts the calls of a choice from 0."""
    id: str
    name: str
    choice: int = 0
    custom: bool = False


class ToolCallDelta(Struct, frozen=True, kw_only=True, gc=False):
    """More of the arguments of a call that has started; calls of one choice may take turns."""

    index: int
    arguments: str
    choice: int = 0


class CitationAdded(Struct, frozen=True, kw_only=True, gc=False):
    """What the current text rests on."""

    citation: Citation
    choice: int = 0


class MediaAdded(Struct, frozen=True, kw_only=True, gc=False):
    """A whole picture or sound that the model made."""

    media: Inline
    choice: int = 0
    transcript: str | None = None


class PartEnded(Struct, frozen=True, kw_only=True, gc=False):
    """The current part is over although the next may be of the same kind."""

    choice: int = 0


class Finished(Struct, frozen=True, kw_only=True, gc=False):
    """A choice has ended."""

    reason: StopReason
    choice: int = 0
    sequence: str | None = None
    """The stop sequence that was met, where the provider says it."""


class UsageReported(Struct, frozen=True, kw_only=True, gc=False):
    """What the answer used, all in all so far: the last one counts."""

    usage: Usage


class Told(Struct, frozen=True, kw_only=True, gc=False):
    """What else a provider says of an answer."""

    service_tier: str | None = None
    provider_cost_nanos: int | None = None


Event = (
    Started
    | TextDelta
    | ReasoningDelta
    | ReasoningSealed
    | DeclinedDelta
    | ToolCallStarted
    | ToolCallDelta
    | CitationAdded
    | MediaAdded
    | PartEnded
    | Finished
    | UsageReported
    | Told
)

BEGINNING = (TextDelta, ReasoningDelta, ReasoningSealed, DeclinedDelta, ToolCallStarted, MediaAdded, Finished)
"""Once one of these has been seen the model has begun to answer, and no other provider may be tried."""
