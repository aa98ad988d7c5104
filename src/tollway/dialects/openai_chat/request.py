"""Edits of a chat request for one provider: only top-level keys, every other byte stays. Knows no provider.

The body has been peeked at: it is a JSON object in which no key stands twice.
"""

import msgspec
from msgspec import Raw

from tollway.dialects.members import (
    SMALL_BYTES_MAX,
    Member,
    Span,
    append_members,
    appended,
    has_unicode_escape,
    known_value_start,
    members,
    replace_spans,
)
from tollway.dialects.record import Lane, PatchedRequest, RequestEdits
from tollway.errors import Refusal
from tollway.neutral.peek import Peek

_ENCODE = msgspec.json.Encoder().encode
_OPTIONS = msgspec.json.Decoder(dict[str, Raw] | None)
_USAGE_WANTED = b'"include_usage":true'
_OPTIONS_ADDED = b'"stream_options":{%b}' % _USAGE_WANTED


def patch_request(body: bytes, peek: Peek, edits: RequestEdits) -> PatchedRequest:
    """Return the body for the provider: the very bytes when nothing must change.

    Raises Refusal when a rename meets a key that the body has already: one of the two would be lost.
    """
    model_changes = edits.model_routed != peek.model_asked
    usage_added = edits.usage_wanted and peek.streamed and not peek.usage_asked
    if not (model_changes or usage_added or edits.renames):
        return PatchedRequest(body, Lane.VERBATIM)
    if not edits.renames and len(body) <= SMALL_BYTES_MAX:
        patched = _patch_small(body, peek.model_asked, edits.model_routed, usage_added=usage_added)
        if patched is not None:
            return PatchedRequest(patched, Lane.PATCHED)
    found = members(body)
    spans: list[Span] = []
    options: Member | None = None
    for member in found:
        if edits.renames and member.name in edits.renames:
            new_name = edits.renames[member.name]
            if any(other.name == new_name for other in found):
                raise Refusal(
                    "invalid_request",
                    f"give `{member.name}` or `{new_name}`, not both: this provider knows only `{new_name}`",
                    param=member.name,
                )
            spans.append((member.name_start, member.name_end, _ENCODE(new_name)))
        if model_changes and member.name == "model":
            spans.append((member.start, member.end, _ENCODE(edits.model_routed)))
        elif usage_added and member.name == "stream_options":
            options = member
            spans.append((member.start, member.end, _with_usage(body[member.start : member.end])))
    if usage_added and options is None:
        spans.append(appended(body, _OPTIONS_ADDED))
    return PatchedRequest(replace_spans(body, spans), Lane.PATCHED) if spans else PatchedRequest(body, Lane.VERBATIM)


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
