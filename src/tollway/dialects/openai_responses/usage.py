"""Usage in the Responses API's words: read into disjoint units, written with its cost. Knows no provider and no price."""

import msgspec
from msgspec import Raw, Struct

from tollway.dialects.cost_fields import cost_members, with_costs
from tollway.dialects.members import append_members
from tollway.dialects.openai_usage import CompletionDetails, Count, Counts, PromptDetails, usage_of
from tollway.dialects.record import Closing
from tollway.neutral.usage import Usage


class _Counts(Struct, gc=False):
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    total_tokens: Count | None = None
    input_tokens_details: PromptDetails | None = None
    output_tokens_details: CompletionDetails | None = None


_COUNTS = msgspec.json.Decoder(_Counts)
_ENCODE = msgspec.json.Encoder().encode


def read_usage(found: bytes | Raw) -> Usage | None:
    """Return the usage of a JSON value; None when it reports none: null, junk types, negative, a fraction, absurd."""
    try:
        counts = _COUNTS.decode(found)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return usage_of(
        Counts(
            prompt_tokens=counts.input_tokens,
            completion_tokens=counts.output_tokens,
            total_tokens=counts.total_tokens,
            prompt_tokens_details=counts.input_tokens_details,
            completion_tokens_details=counts.output_tokens_details,
        )
    )


def shown_usage(found: bytes, closing: Closing) -> bytes:
    """Return the usage object to show: the provider's own bytes if it reported any, else `closing`'s; with the costs."""
    if closing.estimated:
        return written_usage(closing)
    return found if closing.costs is None else with_costs(found, closing.costs)


def written_usage(closing: Closing) -> bytes:
    """Return a usage object of ours, with the costs: the counts overlap as the dialect's do."""
    usage = closing.usage
    output = (usage.output or 0) + (usage.reasoning or 0) + (usage.audio_output or 0)
    fields: dict[str, object] = {
        "input_tokens": usage.tokens - output,
        "input_tokens_details": {
            "cached_tokens": usage.cached_input or 0,
            "cache_write_tokens": (usage.cache_write_5m or 0) + (usage.cache_write_1h or 0),
        },
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": usage.tokens,
    }
    if closing.estimated:
        fields["estimated"] = True
    written = _ENCODE(fields)
    return written if closing.costs is None else append_members(written, cost_members(closing.costs))
