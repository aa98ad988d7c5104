"""Usage in the form of Messages: read into disjoint units, merged over a stream, written. Knows no price and no provider.

`input_tokens` leave out what a cache had or was given; `output_tokens` include the reasoning. The counts of a stream
stand twice: those of `message_delta` are totals that supersede those of `message_start`, and never add to them.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from tollway.neutral.usage import Usage

COUNT_MAX = 1_000_000_000
"""No answer uses a thousand million tokens; a larger count is junk, and must not become an amount of money."""

COMPACTION = "compaction"
"""The iteration that sums up a long conversation: billed at the model's own price, and left out of the totals."""

USUAL_SPEED = "standard"

_Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]


class _CacheWrites(Struct, gc=False):
    ephemeral_5m_input_tokens: _Count | None = None
    ephemeral_1h_input_tokens: _Count | None = None


class _OutputDetails(Struct, gc=False):
    thinking_tokens: _Count | None = None


class _Iteration(Struct, gc=False):
    type: str = ""
    input_tokens: _Count = 0
    output_tokens: _Count = 0
    cache_read_input_tokens: _Count | None = None
    cache_creation_input_tokens: _Count | None = None


class Counts(Struct, gc=False):
    """The members of a usage object that are read."""

    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    cache_read_input_tokens: _Count | None = None
    cache_creation_input_tokens: _Count | None = None
    cache_creation: _CacheWrites | None = None
    output_tokens_details: _OutputDetails | None = None
    iterations: list[_Iteration] | None = None
    service_tier: str | None = None
    speed: str | None = None


_COUNTS = msgspec.json.Decoder(Counts)
_FIELDS = Counts.__struct_fields__
_INPUTS = {"input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"}


def read_counts(found: bytes | Raw) -> Counts | None:
    """Return the counts of a JSON value; None when it reports none: null, junk types, negative, a fraction, absurd."""
    try:
        return _COUNTS.decode(found)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def merged(first: Counts | None, later: Counts | None) -> Counts | None:
    """Return what is known after two reports of one stream: what the later one says stands, else what the first one said.

    Totals do not fall to nothing: a later report whose input is zero throughout, as some servers fill in, says nothing
    of it.
    """
    if first is None or later is None:
        return later or first
    silent = {name for name in _FIELDS if getattr(later, name) is None}
    if not any(getattr(later, name) for name in _INPUTS):
        silent |= _INPUTS
    return Counts(*(getattr(first if name in silent else later, name) for name in _FIELDS))


def usage_of(counts: Counts | None) -> Usage | None:
    """Return the counts in disjoint units; None when neither side is reported."""
    if counts is None or counts.input_tokens is counts.output_tokens is None:
        return None
    minutes, hour = _written(counts)
    details = counts.output_tokens_details
    output, reasoning = counts.output_tokens, None if details is None else details.thinking_tokens
    if output is None:
        reasoning = None
    elif reasoning is not None:
        reasoning = min(reasoning, output)  # always a part of it, says the API's reference
        output -= reasoning
    usage = Usage(
        input=counts.input_tokens,
        cached_input=counts.cache_read_input_tokens,
        output=output,
        reasoning=reasoning,
        cache_write_5m=minutes,
        cache_write_1h=hour,
    )
    for iteration in counts.iterations or ():
        if iteration.type == COMPACTION:
            usage = _with_iteration(usage, iteration)
    return usage


def first_usage(counts: Counts | None, stop_reason: str | None) -> Usage | None:
    """Return what the beginning of a stream reports of an answer that has ended with it for this reason, or has not.

    The output of one that goes on is what the model had written by then, and says nothing.
    """
    if counts is None:
        return None
    return usage_of(counts if stop_reason is not None else msgspec.structs.replace(counts, output_tokens=None))


def tier_of(counts: Counts | None) -> str | None:
    """Return the provider's word for the tier it answered in; a speed that costs more is one as well."""
    if counts is None:
        return None
    return counts.service_tier if counts.speed in {None, USUAL_SPEED} else counts.speed


def _written(counts: Counts) -> tuple[int | None, int | None]:
    """Return what was written to a cache for minutes, and for an hour.

    The later report of a stream has the total and not its division: what the first one wrote for an hour stays so.
    """
    total, divided = counts.cache_creation_input_tokens, counts.cache_creation
    if divided is None:
        return total, None
    minutes, hour = divided.ephemeral_5m_input_tokens, divided.ephemeral_1h_input_tokens
    if total is None:
        return minutes, hour
    hour = None if hour is None else min(hour, total)
    return total - (hour or 0), hour


def _with_iteration(usage: Usage, more: _Iteration) -> Usage:
    return msgspec.structs.replace(
        usage,
        input=(usage.input or 0) + more.input_tokens,
        output=(usage.output or 0) + more.output_tokens,
        cached_input=_sum(usage.cached_input, more.cache_read_input_tokens),
        cache_write_5m=_sum(usage.cache_write_5m, more.cache_creation_input_tokens),
    )


def _sum(one: int | None, more: int | None) -> int | None:
    return one if more is None else (one or 0) + more


def usage_members(usage: Usage, *, estimated: bool = False) -> dict[str, object]:
    """Return the members of a usage object: the two that every client demands, and what else is known.

    Sound has no place of its own in this dialect and stands with the rest of its side.
    """
    members: dict[str, object] = {"input_tokens": (usage.input or 0) + (usage.audio_input or 0)}
    if usage.cached_input is not None:
        members["cache_read_input_tokens"] = usage.cached_input
    minutes, hour = usage.cache_write_5m, usage.cache_write_1h
    if minutes is not None or hour is not None:
        members["cache_creation_input_tokens"] = (minutes or 0) + (hour or 0)
    if hour is not None:
        members["cache_creation"] = {"ephemeral_5m_input_tokens": minutes or 0, "ephemeral_1h_input_tokens": hour}
    members["output_tokens"] = (usage.output or 0) + (usage.reasoning or 0) + (usage.audio_output or 0)
    if usage.reasoning is not None:
        members["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    if estimated:
        members["estimated"] = True
    return members
