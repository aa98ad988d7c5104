"""Edits of a request for a ranking, for one provider: only top-level keys, every other byte stays. Knows no provider."""

from tollway.dialects.patching import patch_body
from tollway.dialects.record import PatchedRequest, RequestEdits, Stream
from tollway.errors import Refusal
from tollway.neutral.peek import Peek


def patch_request(body: bytes, _peek: Peek, edits: RequestEdits) -> PatchedRequest:
    """Return the body for the provider: the very bytes when nothing must change.

    Raises Refusal when the money covers less than the whole answer: a ranking has no word for a limit.
    """
    if edits.output_tokens_max is not None:
        raise Refusal(
            "insufficient_quota",
            "The balance does not cover the most that this ranking may cost: add credit, or send fewer documents.",
        )
    return patch_body(body, edits, model="model")


def open_stream(_peek: Peek) -> Stream:
    """Rankings are never streamed: their peek says so."""
    raise NotImplementedError
