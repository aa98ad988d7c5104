"""Edits of a Messages request for a provider of the same dialect: only top-level keys, every other byte stays. Pure.

Where the output limit is lowered below what the client lets the model think, the thinking goes down with it: the API
refuses a budget that is not below the limit. With less left than the least that it accepts, the model does not think.
"""

import msgspec
from msgspec import Struct

from tollway.dialects.members import SMALL_BYTES_MAX, known_value_start
from tollway.dialects.patching import Patch, common
from tollway.dialects.record import Lane, PatchedRequest, RequestEdits
from tollway.neutral.peek import Peek

BUDGET_MIN = 1_024
"""The least that the API accepts as `thinking.budget_tokens`."""


class _Thinking(Struct):
    budget_tokens: int | None = None


_ENCODE = msgspec.json.Encoder().encode
_LIMIT = msgspec.json.Decoder(int)
_THINKING = msgspec.json.Decoder(_Thinking | None)
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def patch_request(body: bytes, peek: Peek, edits: RequestEdits) -> PatchedRequest:
    """Return the body for the provider: the very bytes when nothing must change."""
    limit = edits.output_tokens_max
    if limit is None and not (edits.renames or edits.unsupported or edits.added or edits.removed):
        if edits.model_routed == peek.model_asked:
            return PatchedRequest(body, Lane.VERBATIM)
        if len(body) <= SMALL_BYTES_MAX:
            patched = _patch_small(body, peek.model_asked, edits.model_routed)
            if patched is not None:
                return PatchedRequest(patched, Lane.PATCHED)
    patch = Patch(body)
    if limit is not None:
        _limit_output(patch, limit)
    common(patch, edits, model="model")
    return patch.made()


def _limit_output(patch: Patch, limit: int) -> None:
    given = patch.value("max_tokens")
    if given is None or _LIMIT.decode(given) <= limit:  # counting tokens has none
        return
    patch.set("max_tokens", b"%d" % limit)
    thinking = patch.value("thinking")
    if thinking is None:
        return
    try:
        known = _THINKING.decode(thinking)
    except msgspec.ValidationError:
        return  # the provider says what is wrong with it
    if known is None or known.budget_tokens is None or known.budget_tokens < limit:
        return
    if limit <= BUDGET_MIN:
        patch.drop(("thinking",))
    else:
        members = _MEMBERS.decode(thinking)
        members["budget_tokens"] = msgspec.Raw(b"%d" % (limit - 1))
        patch.set("thinking", _ENCODE(members))


def _patch_small(body: bytes, model_asked: str, model_routed: str) -> bytes | None:
    """Return the patched body where a search proves the place of the model; None where it does not."""
    start = known_value_start(body, b'"model"')
    asked = b'"%b"' % model_asked.encode()
    if start is None or not body.startswith(asked, start):
        return None
    return b"".join((body[:start], _ENCODE(model_routed), body[start + len(asked) :]))
