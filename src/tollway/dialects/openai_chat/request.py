"""Edits of a chat request for one provider: only top-level keys, every other byte stays. Knows no provider.

The body has been peeked at: it is a JSON object in which no key stands twice.
"""

from collections.abc import Mapping

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
    if limit is None and not edits.renames:
        if not (model_changes or usage_added):
            return PatchedRequest(body, Lane.VERBATIM)
        if len(body) <= SMALL_BYTES_MAX:
            patched = _patch_small(body, peek.model_asked, edits.model_routed, usage_added=usage_added)
            if patched is not None:
                return PatchedRequest(patched, Lane.PATCHED)
    found = members(body)
    by_name = {member.name: member for member in found}
    spans = _renamed(found, edits.renames)
    added: list[bytes] = []
    if model_changes:
        model = by_name["model"]
        spans.append((model.start, model.end, _ENCODE(edits.model_routed)))
    if usage_added:
        options = by_name.get("stream_options")
        if options is None:
            added.append(_OPTIONS_ADDED)
        else:
            spans.append((options.start, options.end, _with_usage(body[options.start : options.end])))
    if limit is not None:
        given = [by_name[name] for name in _OUTPUT_LIMITS if name in by_name]
        if given:
            spans += _lowered(body, given, limit)
        else:
            added.append(b"%b:%d" % (_ENCODE(_name_of_limit(edits, by_name)), limit))
    if added:
        spans.append(appended(body, b",".join(added)))
    spans.sort()
    return PatchedRequest(replace_spans(body, spans), Lane.PATCHED) if spans else PatchedRequest(body, Lane.VERBATIM)


def _name_of_limit(edits: RequestEdits, by_name: Mapping[str, Member]) -> str:
    name = edits.renames.get(edits.output_tokens_name, edits.output_tokens_name)
    if name in by_name:
        raise _both(edits.output_tokens_name, name)
    return name


def _renamed(found: list[Member], renames: Mapping[str, str]) -> list[Span]:
    """Return the edits that give each key the name that the provider knows."""
    spans: list[Span] = []
    for member in found:
        new_name = renames.get(member.name)
        if new_name is None:
            continue
        if any(other.name == new_name for other in found):
            raise _both(member.name, new_name)
        spans.append((member.name_start, member.name_end, _ENCODE(new_name)))
    return spans


def _both(name: str, new_name: str) -> Refusal:
    return Refusal(
        "invalid_request",
        f"give `{name}` or `{new_name}`, not both: this provider knows only `{new_name}`",
        param=name,
    )


def _lowered(body: bytes, given: list[Member], limit: int) -> list[Span]:
    """Return the edits that make every limit that the client gave `limit` at most; null is none, but holds the place."""
    values = [(member, _LIMIT.decode(body[member.start : member.end])) for member in given]
    numbers = [(member, value) for member, value in values if value is not None]
    if not numbers:
        return [(given[0].start, given[0].end, b"%d" % limit)]
    return [(member.start, member.end, b"%d" % limit) for member, value in numbers if value > limit]


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
