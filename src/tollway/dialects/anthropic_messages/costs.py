"""The usage object that a client sees, with the costs in it: the provider's own one where it gave one. Knows no stream."""

import msgspec

from tollway.dialects.anthropic_messages.usage import usage_members
from tollway.dialects.cost_fields import with_costs
from tollway.dialects.members import SMALL_BYTES_MAX, append_members, known_value_start, members
from tollway.dialects.record import Closing

_ENCODE = msgspec.json.Encoder().encode


def usage_shown(found: bytes | None, closing: Closing) -> bytes:
    """Return the usage to show: the provider's own bytes when it reported a usage, else ours; with the costs, if any."""
    if found is None or found[:1] != b"{" or closing.estimated:
        found = _ENCODE(usage_members(closing.usage, estimated=closing.estimated))
    return found if closing.costs is None else with_costs(found, closing.costs)


def with_usage(body: bytes, found: bytes | None, usage: bytes) -> bytes:
    """Return a JSON object whose top-level member `usage`, with the value `found` or not there, has the new value.

    No byte outside of it changes.
    """
    if found is None:
        return append_members(body, b'"usage":%b' % usage)
    at = known_value_start(body, b'"usage"') if len(body) <= SMALL_BYTES_MAX else None
    if at is None:
        # Of a repeated key the last one counts, for this decoder and for the clients'.
        at = next(member.start for member in reversed(members(body)) if member.name == "usage")
    return b"".join((body[:at], usage, body[at + len(found) :]))
