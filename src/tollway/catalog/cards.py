"""Makes price cards, whose id follows from their content. Pure; knows no file and no price library."""

import hashlib
from collections.abc import Iterable
from datetime import tzinfo
from typing import NamedTuple

import msgspec

from tollway.catalog.records import PriceCard, Prices, PriceTier, UnitPrices
from tollway.settings import PriceSettings, TierSettings

FIRST_UNITS = ("input", "output", "cached_input", "reasoning", "audio_input", "audio_output")
"""The units of the first cards, whose ids must stay what they are: charges name them."""

LATER_PARTS = ("cache_write_5m", "cache_write_1h", "image", "call", "tiers", "batch_ppm", "valid_from_ms")


def configured_prices(price: PriceSettings, *, currency: str, zone: tzinfo) -> Prices:
    """Return the prices that the operator's file states, in `currency` unless they name one; dates are of `zone`."""
    units = {unit: getattr(price, unit) for unit in UnitPrices.__struct_fields__}
    start = price.start
    if start is not None and start.tzinfo is None:
        start = start.replace(tzinfo=zone)
    return Prices(
        currency=currency if price.currency is None else price.currency,
        tiers=tuple(_tier(tier, units) for tier in price.tiers),
        batch_ppm=price.batch_ppm,
        valid_from_ms=None if start is None else round(start.timestamp() * 1000),
        **units,
    )


def _tier(tier: TierSettings, units: dict[str, int | None]) -> PriceTier:
    """Return the tier with every price: what it does not state is as below it."""
    stated = {unit: price for unit, price in msgspec.structs.asdict(tier).items() if price is not None}
    return msgspec.convert(units | {"above_tokens": stated.pop("above")} | stated, PriceTier)


class Timeline(NamedTuple):
    """The cards of one model at one provider, from a moment on."""

    card: PriceCard | None
    """In force at that moment."""
    later: tuple[PriceCard, ...]
    """What supersedes it, in the order of time."""


def make_card(provider: str, model_routed: str, prices: Prices, *, source: str) -> PriceCard:
    """Return the card; equal content has an equal id on every host, wherever it was read."""
    content: list[object] = [provider, model_routed, prices.currency, [getattr(prices, unit) for unit in FIRST_UNITS]]
    # Only what a card has, so that one without any of it has the id that it always had.
    if more := {part: value for part in LATER_PARTS if (value := getattr(prices, part)) not in {None, ()}}:
        content.append(more)
    digest = hashlib.blake2b(msgspec.json.encode(content), digest_size=8).digest()
    # 63 bits: the id is a signed 64-bit key in SQL, and zero is kept free for "none".
    number = int.from_bytes(digest, "big") >> 1 or 1
    said = {field: getattr(prices, field) for field in Prices.__struct_fields__}
    return PriceCard(id=number, provider=provider, model=model_routed, source=source, **said)


def timeline(cards: Iterable[PriceCard], *, now_ms: int) -> Timeline:
    """Return the cards that matter from `now_ms` on: those that are superseded already do not."""
    card: PriceCard | None = None
    later: list[PriceCard] = []
    for each in sorted(cards, key=lambda card: card.valid_from_ms or 0):
        if (each.valid_from_ms or 0) > now_ms:
            later.append(each)
        else:
            card = each
    return Timeline(card, tuple(later))
