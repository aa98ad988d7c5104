"""What usage costs by the price card alone: what a provider should ask of us. Pure; knows no account and no request."""

import msgspec

from tollway.catalog.records import PriceCard, UnitPrices
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.charge import PriceTerms, charge_for

AT_CARD = PriceTerms()
"""No fee, no discount, no markup, and the card's own currency."""


def list_nanos(usage: Usage, card: PriceCard, *, above_tokens: int) -> int:
    """Return the cost of usage that was summed over many requests, in nano-units of the card's currency, rounded up once.

    Each of the requests had more input than `above_tokens`, and not more than the next number at which the card has a
    tier. `usage.calls` counts every request that did not say how many it was.
    """
    prices: UnitPrices = card
    for tier in card.tiers:
        if above_tokens < tier.above_tokens:
            break
        prices = tier
    units = {name: getattr(prices, name) for name in UnitPrices.__struct_fields__}
    flat = msgspec.structs.replace(card, **units, tiers=())
    return charge_for(usage, flat, terms=AT_CARD, basis=Basis.REPORTED).base_nanos
