"""Usage as Converse reports it: `inputTokens` without what a cache gave or took, and no word about reasoning."""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from tollway.neutral.usage import Usage

COUNT_MAX = 1_000_000_000
"""A larger count is junk, and must not become an amount of money."""

Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]

HOUR = "1h"


class _CacheDetail(Struct, gc=False):
    inputTokens: Count = 0  # noqa: N815  a word of the wire, as the next ones
    ttl: str = ""


class _Counts(Struct, gc=False):
    inputTokens: Count | None = None  # noqa: N815
    outputTokens: Count | None = None  # noqa: N815
    cacheReadInputTokens: Count | None = None  # noqa: N815
    cacheWriteInputTokens: Count | None = None  # noqa: N815
    cacheDetails: list[_CacheDetail] | None = None  # noqa: N815


_COUNTS = msgspec.json.Decoder(_Counts)


def read_usage(found: Raw) -> Usage | None:
    """Return the counts of a usage object; None for one that says nothing or makes no sense."""
    try:
        counts = _COUNTS.decode(found)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    written = counts.cacheWriteInputTokens
    hour = sum(detail.inputTokens for detail in counts.cacheDetails or () if detail.ttl == HOUR) or None
    if written is not None and hour is not None:
        hour = min(hour, written)
        written -= hour
    usage = Usage(
        input=counts.inputTokens,
        cached_input=counts.cacheReadInputTokens,
        output=counts.outputTokens,
        cache_write_5m=written,
        cache_write_1h=hour,
    )
    return None if usage == Usage() else usage
