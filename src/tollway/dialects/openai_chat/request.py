"""Edits of a chat request for one provider: only top-level keys, every other byte stays. Knows no provider.

The body has been peeked at: it is a JSON object in which no key stands twice.
"""

import msgspec
from msgspec import Raw

from tollway.dialects.members import (
    SMALL_BYTES_MAX,
    append_members,
    has_unicode_escape,
    known_value_start,
)
from tollway.dialects.openai_limit import limit_foreign
from tollway.dialects.patching import Patch, both, common
from tollway.dialects.record import Lane, PatchedRequest, RequestEdits
from tollway.neutral.peek import Peek

_ENCODE = msgspec.json.Encoder().encode
_OPTIONS = msgspec.json.Decoder(dict[str, Raw] | None)
_LIMIT = msgspec.json.Decoder(int | None)
_USAGE_WANTED = b'"include_usage":true'
_OPTIONS_ADDED = b'"stream_options":{%b}' % _USAGE_WANTED
_OUTPUT_LIMITS = ("max_completion_tokens", "max_tokens")


def patch_request(body: bytes, peek: Peek, edits: RequestEdits) -> PatchedRequest:
    """Return the body for the provider: the very bytes when nothing must change.

    Raises Refusal when a key of ours or a renamed one meets a key that the body has already: one of the two would be lost.
    """
    model_changes = edits.model_routed != peek.model_asked
    usage_added = edits.usage_wanted and peek.streamed and not peek.usage_asked
    limit = edits.output_tokens_max
    if limit is None and not (edits.renames or edits.unsupported or edits.added or edits.removed):
        if not (model_changes or usage_added):
            return PatchedRequest(body, Lane.VERBATIM)
        if len(body) <= SMALL_BYTES_MAX:
            patched = _patch_small(body, peek.model_asked, edits.model_routed, usage_added=usage_added)
            if patched is not None:
                return PatchedRequest(patched, Lane.PATCHED)
    patch = Patch(body)
    if usage_added:
        options = patch.value("stream_options")
        patch.set("stream_options", b"{%b}" % _USAGE_WANTED if options is None else _with_usage(options))
    if limit is not None:
        _limit_output(patch, limit, edits)
    common(patch, edits, model="model")
    return patch.made()


def _limit_output(patch: Patch, limit: int, edits: RequestEdits) -> None:
    """Make every limit that the client gave `limit` at most; where it gave none, give one. Null is none."""
    given = {name: _LIMIT.decode(value) for name in _OUTPUT_LIMITS if (value := patch.value(name)) is not None}
    numbers = {name: value for name, value in given.items() if value is not None}
    if not given:
        name = edits.renames.get(edits.output_tokens_name, edits.output_tokens_name)
        if name in patch.by_name:
            raise both(edits.output_tokens_name, name)
        patch.set(name, b"%d" % limit)
    elif not numbers:
        patch.set(next(iter(given)), b"%d" % limit)
    for name, value in numbers.items():
        if value > limit:
            patch.set(name, b"%d" % limit)
    limit_foreign(patch, limit)


def _patch_small(body: bytes, model_asked: str, model_routed: str, *, usage_added: bool) -> bytes | None:
    """Return the patched body where a search proves every place; None where it does not."""
    if usage_added:
        if b'"stream_options"' in body or has_unicode_escape(body):
            return None
        body = append_members(body, _OPTIONS_ADDED)
    if model_routed != model_asked:
        start = known_value_start(body, b'"model"')
        asked = b'"%b"' % model_asked.encode()
        if start is None or not body.startswith(asked, start):
            return None
        body = b"".join((body[:start], _ENCODE(model_routed), body[start + len(asked) :]))
    return body


def _with_usage(options: bytes) -> bytes:
    """Return the value of `stream_options` that asks for usage and keeps its other members."""
    known = _OPTIONS.decode(options)
    if known is None:
        return b"{%b}" % _USAGE_WANTED
    known["include_usage"] = Raw(b"true")
    return _ENCODE(known)
