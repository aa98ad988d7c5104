"""One event of a Responses stream: its data and its members, decoded once. Keeps no state."""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tollway.dialects.error_body import parse_error
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.sse import read_fields

CARRIAGE_RETURN = 0x0D

DONE = b"[DONE]"
"""OpenAI sends none; servers that share code with their chat completions do."""

CREATED = "response.created"
LIFECYCLE = frozenset((CREATED, "response.queued", "response.in_progress"))
"""What comes before the model has begun."""
COMPLETED = "response.completed"
INCOMPLETE = "response.incomplete"
FINISHING = frozenset((COMPLETED, INCOMPLETE))
FAILED = "response.failed"
ERROR = "error"
ITEM_ADDED = "response.output_item.added"
ITEM_DONE = "response.output_item.done"
AUDIO_DELTA = "response.audio.delta"
"""Base64, whose bytes say nothing of its tokens."""


class WireEvent(Struct, gc=False):
    """The members that anybody here looks at."""

    type: str = ""
    delta: Any = None
    """A string, but for what a shell says."""
    sequence_number: int | None = None
    output_index: int = 0
    summary_index: int = 0
    item: Raw | UnsetType = UNSET
    part: Raw | UnsetType = UNSET
    annotation: Raw | UnsetType = UNSET
    logprobs: Raw | UnsetType = UNSET
    response: Raw | UnsetType = UNSET


_EVENT = msgspec.json.Decoder(WireEvent)


class WireResponse(Struct, gc=False):
    """The members of an event's response that the end of a stream needs."""

    usage: Raw | UnsetType = UNSET
    model: Raw | UnsetType = UNSET
    service_tier: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


RESPONSE = msgspec.json.Decoder(WireResponse)


def data_of(event: bytes) -> bytes | None:
    """Return the data of a raw event; None for one without any. Fast for one `event:` line and one `data:` line."""
    at = event.find(b"\n") + 1
    if (
        event[at : at + 6] == b"data: "
        and event.find(b"\n", at) == len(event) - 2
        and event.startswith(b"event: ")
        and CARRIAGE_RETURN not in event
    ):
        return event[at + 6 : -2]
    return read_fields(event)[1]


def read_event(payload: bytes) -> WireEvent | None:
    """Return an event's members; None for JSON that is no event. Raises UpstreamFailure JUNK for what is not JSON."""
    try:
        if not payload.isascii():
            payload.decode()  # msgspec does not check what it skips; an edit of the stream's end would stumble over it
        return _EVENT.decode(payload)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamFailure(FailureKind.JUNK, "the provider sent an event that is not JSON") from None


def reported_error(payload: bytes) -> UpstreamFailure:
    """Return the failure that an `error` event, or the response of a failed one, tells."""
    return UpstreamFailure(FailureKind.BROKE, f"the provider reported an error: {parse_error(200, payload).message}")
