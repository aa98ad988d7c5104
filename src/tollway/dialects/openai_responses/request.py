"""Edits of a Responses request for one provider: only top-level keys, every other byte stays. Knows no provider."""

import msgspec

from tollway.dialects.openai_limit import limit_foreign
from tollway.dialects.patching import Patch, both, common
from tollway.dialects.record import Lane, PatchedRequest, RequestEdits
from tollway.neutral.peek import Peek

_LIMIT = msgspec.json.Decoder(int | None)

OUTPUT_LIMIT = "max_output_tokens"
"""The dialect has one name for it, whatever else `RequestEdits.output_tokens_name` says for others."""


def patch_request(body: bytes, peek: Peek, edits: RequestEdits) -> PatchedRequest:
    """Return the body for the provider: the very bytes when nothing must change.

    Raises Refusal when a renamed key meets a key that the body has already: one of the two would be lost.
    """
    limit = edits.output_tokens_max
    if limit is not None and peek.output_tokens_max is not None and peek.output_tokens_max <= limit:
        limit = None
    edited = limit is not None or edits.renames or edits.unsupported or edits.added or edits.removed
    if not edited and edits.model_routed == peek.model_asked:
        return PatchedRequest(body, Lane.VERBATIM)
    patch = Patch(body)
    if limit is not None:
        _limit_output(patch, limit, edits)
        limit_foreign(patch, limit)
    common(patch, edits, model="model")
    return patch.made()


def _limit_output(patch: Patch, limit: int, edits: RequestEdits) -> None:
    given = patch.value(OUTPUT_LIMIT)
    if given is not None:
        known = _LIMIT.decode(given)
        patch.set(OUTPUT_LIMIT, b"%d" % (limit if known is None else min(known, limit)))
        return
    name = edits.renames.get(OUTPUT_LIMIT, OUTPUT_LIMIT)
    if name in patch.by_name:
        raise both(OUTPUT_LIMIT, name)
    patch.set(name, b"%d" % limit)
