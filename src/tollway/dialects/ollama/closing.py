"""The end of an answer in Ollama's form: counts and costs at its top level, since it has no usage object; and errors.

Knows no price. `prompt_eval_count` is all that was read, `eval_count` all that was written.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from tollway.dialects.cost_fields import cost_members, with_costs
from tollway.dialects.members import append_members
from tollway.dialects.record import Closing
from tollway.errors import Refusal
from tollway.neutral.usage import Usage

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ENCODE = msgspec.json.Encoder().encode
COUNTS = ("prompt_eval_count", "eval_count", "estimated")


def count_members(usage: Usage) -> dict[str, object]:
    """Return the counts of a usage; a side of which nothing is known is left out."""
    read = (usage.input, usage.cached_input, usage.cache_write_5m, usage.cache_write_1h, usage.audio_input)
    written = (usage.output, usage.reasoning, usage.audio_output)
    members: dict[str, object] = {}
    for name, counts in zip(COUNTS, (read, written), strict=False):
        known = [count for count in counts if count is not None]
        if known:
            members[name] = sum(known)
    return members


def closing_members(closing: Closing) -> dict[str, object]:
    """Return the members of counts, and of costs where the client wants them."""
    members = count_members(closing.usage)
    if closing.estimated:
        members["estimated"] = True
    if closing.costs is not None:
        members |= _MEMBERS.decode(b"{%b}" % cost_members(closing.costs))
    return members


def with_closing(body: bytes, closing: Closing) -> bytes:
    """Return a whole answer or a last line with its costs, and with an estimate where it reported no usage.

    No other byte changes, unless it has members of these names.
    """
    if closing.costs is None:
        return body
    if not closing.estimated:
        return with_costs(body, closing.costs)
    found = _MEMBERS.decode(body)
    if not found.keys().isdisjoint(COUNTS):
        body = _ENCODE({name: value for name, value in found.items() if name not in COUNTS})
    counts = _ENCODE({**count_members(closing.usage), "estimated": True})
    return with_costs(append_members(body, counts[1:-1]), closing.costs)


def line(members: Mapping[str, object]) -> bytes:
    """Return a line of a stream."""
    return _ENCODE(members) + b"\n"


def render_error(refusal: Refusal) -> bytes:
    """Return the body of a refusal: `error` is a string here, for the clients that show it; all else stands beside it."""
    return _ENCODE(
        {
            "error": refusal.message,
            "type": refusal.facts.type,
            "code": refusal.code,
            "param": refusal.param,
            "metadata": dict(refusal.metadata or {}),
        }
    )
