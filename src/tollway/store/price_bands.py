"""Price cards as rows of prices by size of input, so that SQL prices many lines at once. Knows no line's account and no sum.

A card becomes one band, or one more for each of its tiers, in a table of the connection's own. The
prices come from `charge_for` itself: which unit costs what, and what stands in for a price that a card leaves out, is
said there and nowhere else.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, ColumnElement, Connection, MetaData, String, Table, and_, func, insert, or_

from tollway.catalog.records import PriceCard, PriceTier, UnitPrices
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.charge import BASE_NANOS_MAX, PriceTerms, charge_for
from tollway.store.tables import exchanges

COUNT_COLUMNS = {
    "input": exchanges.c.input_tokens,
    "cached_input": exchanges.c.cached_input_tokens,
    "output": exchanges.c.output_tokens,
    "reasoning": exchanges.c.reasoning_tokens,
    "audio_input": exchanges.c.audio_input_tokens,
    "audio_output": exchanges.c.audio_output_tokens,
    "cache_write_5m": exchanges.c.cache_write_5m_tokens,
    "cache_write_1h": exchanges.c.cache_write_1h_tokens,
    "images": exchanges.c.images,
    "calls": exchanges.c.calls,
}
"""Where a line keeps each unit of its usage."""
INPUT_UNITS = ("input", "cached_input", "cache_write_5m", "cache_write_1h", "audio_input")
"""What `tier_of` counts."""
TOKEN_UNITS = tuple(unit for unit in COUNT_COLUMNS if unit not in {"images", "calls"})
"""What `Usage.tokens` counts."""

MICRO_MAX = 9 * 10**17
"""What counts times prices of one line may come to here: then it fits 64 bits ten times. That is 900 units of a currency
for one answer; what is dearer is computed one by one."""

FOREVER = 2**62

bands = Table(
    "price_bands",
    MetaData(),
    Column("card_id", BigInteger, primary_key=True, autoincrement=False),
    Column("above", BigInteger, primary_key=True, autoincrement=False),
    Column("upto", BigInteger, nullable=False),
    Column("sole", BigInteger, nullable=False),
    Column("provider", String, nullable=False),
    Column("model", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("count_max", BigInteger, nullable=False),
    *(Column(f"price_{unit}", BigInteger, nullable=False) for unit in COUNT_COLUMNS),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
"""`sole` is 1 for the one band of a card without tiers. No count of a line that is priced here exceeds `count_max`."""

_SIZE = 1_000_000
"""Prices are per million: so many of a unit cost the price itself."""


def make_bands(connection: Connection, cards: Iterable[PriceCard]) -> None:
    """Make the table and fill it, inside `scratch`; a card whose prices are beyond sense is left out."""
    bands.create(connection)
    rows = [row for card in cards for row in _rows(card)]
    if rows:
        connection.execute(insert(bands), rows)


def count_of(unit: str) -> ColumnElement[int]:
    """Return how many of a unit a line used; not reported is zero."""
    return func.coalesce(COUNT_COLUMNS[unit], 0)


def tokens_of(units: Iterable[str] = TOKEN_UNITS) -> ColumnElement[Any]:
    """Return how many tokens a line used, of these units together."""
    first, *others = [count_of(unit) for unit in units]
    for other in others:
        first = first + other
    return first


def has_band() -> ColumnElement[bool]:
    """Return the condition under which a line and a band belong together: for each line at most one."""
    tokens = tokens_of(INPUT_UNITS)
    fits = or_(bands.c.sole == 1, and_(bands.c.above < tokens, tokens <= bands.c.upto))
    return and_(bands.c.card_id == exchanges.c.card_id, fits)


def is_small() -> ColumnElement[bool]:
    """Return whether no count of a line is below zero or so large that counts times prices would exceed MICRO_MAX."""
    # A bit that is set in any is set in all of them together; one below zero makes the whole below zero.
    together: ColumnElement[Any] = count_of("input")
    for unit in COUNT_COLUMNS:
        if unit != "input":
            together = together.bitwise_or(count_of(unit))
    return together.between(0, bands.c.count_max)


def micro() -> ColumnElement[Any]:
    """Return counts times prices of a line that `is_small`: millionths of a nano-unit of the card's currency."""
    total: ColumnElement[Any] = count_of("input") * bands.c.price_input
    for unit, column in COUNT_COLUMNS.items():
        if unit == "calls":  # every answer is one, unless it says how many
            total += func.coalesce(column, 1) * bands.c.price_calls
        elif unit != "input":
            total += count_of(unit) * bands.c[f"price_{unit}"]
    return total


def _rows(card: PriceCard) -> Iterator[dict[str, object]]:
    tiers: tuple[PriceTier, ...] = card.tiers
    steps: list[tuple[int, UnitPrices]] = [(-1, card), *((tier.above_tokens, tier) for tier in tiers)]
    ends = [above for above, _ in steps[1:]] + [FOREVER]
    for (above, prices), upto in zip(steps, ends, strict=True):
        row = {f"price_{unit}": _price(card, prices, unit) for unit in COUNT_COLUMNS}
        dearest = sum(row.values())
        # One bit less than would fit: counts are compared by their bits.
        bits = (MICRO_MAX // max(dearest, 1)).bit_length() - 1
        if bits < 1 or max(row.values()) >= BASE_NANOS_MAX or above >= upto:
            continue
        yield {
            "card_id": card.id,
            "above": above,
            "upto": upto,
            "sole": int(not tiers),
            "provider": card.provider,
            "model": card.model,
            "currency": card.currency,
            "count_max": (1 << min(bits, 40)) - 1,
            **row,
        }


def _price(card: PriceCard, prices: UnitPrices, unit: str) -> int:
    """Return what a million of a unit cost, in nano-units of the card's currency, and so what a millionth of one does."""
    units = {name: getattr(prices, name) for name in UnitPrices.__struct_fields__}
    flat = msgspec.structs.replace(card, **units, tiers=())
    usage = Usage(**{"calls": 0, unit: _SIZE})
    return charge_for(usage, flat, terms=PriceTerms(), basis=Basis.REPORTED).base_nanos
