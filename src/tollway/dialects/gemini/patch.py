"""Edits of a Gemini request for one provider of the same dialect: every byte that is not edited stays. Knows no provider.

The model stands in the path. The output limit lies one level down, in `generationConfig`, whose other members keep
their bytes; members that a provider refuses are left out there as well. The body has been peeked at.
"""

from collections.abc import Iterable

import msgspec

from tollway.dialects.patching import Patch, common
from tollway.dialects.record import Lane, PatchedRequest, RequestEdits
from tollway.neutral.peek import Peek

_ENCODE = msgspec.json.Encoder().encode
_CONFIGS = ("generationConfig", "generation_config")
_LIMITS = ("maxOutputTokens", "max_output_tokens")
_INNER = ("generateContentRequest", "generate_content_request")


def patch_request(body: bytes, peek: Peek, edits: RequestEdits) -> PatchedRequest:
    """Return the body for the provider: the very bytes when nothing must change."""
    limit = edits.output_tokens_max
    if limit is not None and peek.output_tokens_max is not None and peek.output_tokens_max <= limit:
        limit = None
    if limit is None and not (edits.renames or edits.unsupported or edits.added or edits.removed):
        return PatchedRequest(body, Lane.VERBATIM)
    patch = Patch(body)
    unsupported = both_cases(edits.unsupported)
    _patch_config(patch, limit, unsupported)
    patch.drop(unsupported)
    common(patch, msgspec.structs.replace(edits, unsupported=frozenset()), model=None)
    return patch.made()


def patch_count(body: bytes, peek: Peek, edits: RequestEdits) -> PatchedRequest:
    """Return the body of a request to count tokens, which may repeat the model of its path one level down."""
    if edits.model_routed == peek.model_asked:
        return PatchedRequest(body, Lane.VERBATIM)
    patch = Patch(body)
    name = _first(patch, _INNER)
    value = None if name is None else patch.value(name)
    if name is None or value is None or not value.startswith(b"{"):
        return PatchedRequest(body, Lane.VERBATIM)
    inner = Patch(value)
    if inner.value("model") is not None:
        inner.set("model", _ENCODE(f"models/{edits.model_routed}"))
    patch.set(name, inner.made().body)
    return patch.made()


def both_cases(names: Iterable[str]) -> frozenset[str]:
    """Return names in camel case, with what they are in snake case beside them."""
    spelled = set(names)
    spelled |= {"".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name) for name in spelled}
    return frozenset(spelled)


def _patch_config(patch: Patch, limit: int | None, unsupported: frozenset[str]) -> None:
    name = _first(patch, _CONFIGS)
    value = None if name is None else patch.value(name)
    if name is None or value is None or value == b"null":
        if limit is not None:
            patch.set(name or _CONFIGS[0], b'{"maxOutputTokens":%d}' % limit)
        return
    config = Patch(value)
    config.drop(unsupported)
    if limit is not None:
        config.set(_first(config, _LIMITS) or _LIMITS[0], b"%d" % limit)
    patch.set(name, config.made().body)
    patch.dropped += config.dropped


def _first(patch: Patch, names: tuple[str, str]) -> str | None:
    return next((name for name in names if name in patch.by_name), None)
