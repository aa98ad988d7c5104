"""Edits of a completion request for one provider: only top-level keys, every other byte stays. Knows no provider.

The body has been peeked at: it is a JSON object in which no key stands twice.
"""

import msgspec
from msgspec import Raw

from tollway.dialects.openai_completions.peek import OUTPUT_TOKENS_DEFAULT
from tollway.dialects.openai_limit import limit_foreign
from tollway.dialects.patching import Patch, common
from tollway.dialects.record import Lane, PatchedRequest, RequestEdits
from tollway.neutral.peek import Peek

_ENCODE = msgspec.json.Encoder().encode
_OPTIONS = msgspec.json.Decoder(dict[str, Raw] | None)
_LIMIT = msgspec.json.Decoder(int | None)
_TRUE = Raw(b"true")
_NO_OPTIONS: dict[str, Raw] = {}


def patch_request(body: bytes, peek: Peek, edits: RequestEdits) -> PatchedRequest:
    """Return the body for the provider: the very bytes when nothing must change.

    Raises Refusal when a renamed key meets a key that the body has already: one of the two would be lost.
    """
    usage_added = edits.usage_wanted and peek.streamed and not peek.usage_asked
    if not (
        usage_added
        or edits.model_routed != peek.model_asked
        or edits.output_tokens_max is not None
        or edits.renames
        or edits.unsupported
        or edits.added
        or edits.removed
    ):
        return PatchedRequest(body, Lane.VERBATIM)
    patch = Patch(body)
    if usage_added:
        options = _OPTIONS.decode(patch.value("stream_options") or b"null")
        patch.set("stream_options", _ENCODE({**(options or _NO_OPTIONS), "include_usage": _TRUE}))
    if edits.output_tokens_max is not None:
        given = _LIMIT.decode(patch.value("max_tokens") or b"null")
        # Without a limit the dialect's own holds: a higher one would ask for more than the client did.
        limit = min(edits.output_tokens_max, OUTPUT_TOKENS_DEFAULT if given is None else given)
        patch.set("max_tokens", b"%d" % limit)
        limit_foreign(patch, limit)
    common(patch, edits, model="model")
    return patch.made()
