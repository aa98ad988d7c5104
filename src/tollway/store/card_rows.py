"""Price cards in SQL: written before the first charge that names them, never changed. Runs in the caller's transaction."""

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from tollway.catalog.records import PriceCard, PriceTier
from tollway.store.rows import fields_of
from tollway.store.tables import price_cards
from tollway.store.upserts import inserting

IDS_AT_ONCE = 1000
"""Of one query: databases take some thousands of values in a statement."""

_Tiers = tuple[PriceTier, ...]


def add_cards(connection: Connection, cards: Iterable[PriceCard], now_ms: int) -> None:
    """Write cards; one that is there already stays as it is."""
    rows = [_values(card) | {"created_ms": now_ms} for card in cards]
    if rows:
        connection.execute(inserting(price_cards, connection.dialect).on_conflict_do_nothing(), rows)


def read_cards(connection: Connection) -> dict[int, PriceCard]:
    """Return all cards by their ids."""
    return {row["id"]: _read(row) for row in connection.execute(select(price_cards)).mappings()}


def find_cards(connection: Connection, card_ids: Collection[int]) -> dict[int, PriceCard]:
    """Return the cards with these ids."""
    found: dict[int, PriceCard] = {}
    numbers = iter(card_ids)
    while some := tuple(islice(numbers, IDS_AT_ONCE)):
        query = select(price_cards).where(price_cards.c.id.in_(some))
        found |= {row["id"]: _read(row) for row in connection.execute(query).mappings()}
    return found


def read_tier_sizes(connection: Connection) -> frozenset[int]:
    """Return every number of input tokens above which some card has other prices."""
    tiers = connection.scalars(select(price_cards.c.tiers).where(price_cards.c.tiers.is_not(None)).distinct())
    return frozenset(tier.above_tokens for text in tiers for tier in msgspec.json.decode(text, type=_Tiers))


def _values(card: PriceCard) -> dict[str, Any]:
    fields = {name: getattr(card, name) for name in card.__struct_fields__}
    tiers = msgspec.json.encode(card.tiers).decode() if card.tiers else None
    return fields | {"tiers": tiers}


def _read(row: Mapping[Any, Any]) -> PriceCard:
    fields = fields_of(row)
    del fields["created_ms"]
    tiers = fields["tiers"]
    fields["tiers"] = () if tiers is None else msgspec.json.decode(tiers, type=_Tiers)
    return PriceCard(**fields)
