"""Providers' bills and what stands beside them: what a provider asks for, and sums of what we recorded. Values only; knows no SQL."""

import msgspec

from tollway.neutral.usage import Usage

DAY_MS = 86_400_000
"""Days are those of UTC: they are what providers bill by."""


class BillLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider asks for one model on one day."""

    day_ms: int
    """The day's first millisecond in UTC."""
    model: str
    """As the provider writes it; empty where a line is for no model, such as a credit."""
    amount_nanos: int
    """Nano-units of the bill's currency; below zero is a credit."""
    tokens: int | None = None
    """None is "not reported"."""


class BillHead(msgspec.Struct, frozen=True, kw_only=True):
    """Whose bill it is, and when it came to us."""

    name: str
    provider: str
    currency: str
    imported_ms: int


class BillContent(msgspec.Struct, frozen=True, kw_only=True):
    """A bill with its lines: one for each day and model, in that order."""

    head: BillHead
    lines: tuple[BillLine, ...]


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """A bill that is kept, summed up."""

    head: BillHead
    lines: int
    first_day_ms: int
    last_day_ms: int
    amount_nanos: int
    tokens: int | None
    """Of the lines that report some; None when none does."""


class LineSum(msgspec.Struct, frozen=True, kw_only=True):
    """What was used of one model on one day, by one price card, with input of one size: what a list cost is made from."""

    day_ms: int
    """Of the day on which the exchanges ended."""
    provider: str
    model_routed: str
    model_answered: str | None
    card_id: int | None
    """None where nobody knows what they cost: they have no price card, or nobody knows their usage."""
    above_tokens: int
    """The input of each was above so many tokens, and not above the next number at which any card has a tier."""
    requests: int
    usage: Usage
    theirs_nanos: int
    """What the provider said they cost, in nano-USD, of those of which it said so."""
