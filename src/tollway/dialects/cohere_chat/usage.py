"""Usage as Cohere bills it.

Cohere counts twice: `tokens` are all that its model read and wrote, with the tokens that Cohere adds under the hood,
and `billed_units` are those that it charges ("Since these are tokens you don't have control over, you are not charged
for them": docs.cohere.com, "How Does Cohere's Pricing Work?"). So the billed counts are the usage. `cached_tokens` are a
part of `tokens` and often more than what is billed (448 of 10), and have no price: they are left out. `reasoning_tokens`
stand among the output of both.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct

from tollway.neutral.usage import Usage

COUNT_MAX = 1_000_000_000
"""A larger count is junk, and must not become an amount of money."""

Count = Annotated[float, Meta(ge=0, le=COUNT_MAX)]
"""Cohere's description calls its counts doubles."""


class _Billed(Struct, gc=False):
    input_tokens: Count | None = None
    output_tokens: Count | None = None


class _Tokens(Struct, gc=False):
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    reasoning_tokens: Count | None = None


class _Counts(Struct, gc=False):
    billed_units: _Billed | None = None
    tokens: _Tokens | None = None


_COUNTS = msgspec.json.Decoder(_Counts)


def read_usage(found: Raw) -> Usage | None:
    """Return what a usage object bills; None for one that says nothing or makes no sense."""
    try:
        counts = _COUNTS.decode(found)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    tokens = counts.tokens or _Tokens()
    billed = counts.billed_units
    if billed is None or (billed.input_tokens is None and billed.output_tokens is None):
        billed = _Billed(tokens.input_tokens, tokens.output_tokens)
    fresh, output, reasoning = (
        _whole(billed.input_tokens),
        _whole(billed.output_tokens),
        _whole(tokens.reasoning_tokens),
    )
    if output is not None and reasoning is not None:
        reasoning = min(reasoning, output)
        output -= reasoning
    usage = Usage(input=fresh, output=output, reasoning=reasoning)
    return None if usage == Usage() else usage


def _whole(count: float | None) -> int | None:
    return None if count is None else round(count)
