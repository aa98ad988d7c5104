"""Edits of an Ollama request for one server: top-level keys, and the output limit one level down. Knows no provider."""

import msgspec

from tollway.dialects.patching import Patch, common
from tollway.dialects.record import Lane, PatchedRequest, RequestEdits
from tollway.neutral.peek import Peek

_LIMIT = msgspec.json.Decoder(int | None)


def patch_request(body: bytes, peek: Peek, edits: RequestEdits) -> PatchedRequest:
    """Return the body for the server: the very bytes when nothing must change.

    Raises Refusal when a renamed key meets one that the body has already.
    """
    limit = edits.output_tokens_max
    edited = edits.renames or edits.unsupported or edits.added or edits.removed
    if limit is None and not edited and edits.model_routed == peek.model_asked:
        return PatchedRequest(body, Lane.VERBATIM)
    patch = Patch(body)
    if limit is not None:
        _limit_output(patch, limit)
    common(patch, edits, model="model")
    return patch.made()


def _limit_output(patch: Patch, limit: int) -> None:
    """Make `options.num_predict` at most `limit`; what is not positive is no limit."""
    given = patch.value("options")
    options = Patch(b"{}" if given is None or given == b"null" else given)
    old = _LIMIT.decode(options.value("num_predict") or b"null")
    if old is None or not 0 < old <= limit:
        options.set("num_predict", b"%d" % limit)
        patch.set("options", options.made().body)
