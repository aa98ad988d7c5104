"""Usage times price card: the exact charge of an answer. Pure; knows no account and no request."""

import msgspec

from tollway.catalog.records import PriceCard, PriceTier
from tollway.money import NANOS_PER_UNIT, PPM, divide_up
from tollway.neutral.usage import Basis, Usage

BASE_NANOS_MAX = 10**17
"""A hundred million units. No answer costs that; a count or a rate that makes it is junk, and what the books cannot hold
in 64 bits (the fee may be ten times the base) would stop them for everybody."""

BATCH_TIERS = frozenset(("batch", "flex"))
"""Words of providers for answers that wait until there is room, at a lower price."""


class PriceTerms(msgspec.Struct, frozen=True, kw_only=True):
    """On what terms a card is charged to an account; all of it stands on the line, so that it can be recomputed."""

    fee_ppm: int = 0
    """The platform fee, in parts per million of the base."""
    price_ppm: int = PPM
    """Discount x markup x batch factor of this charge: what the card's prices are multiplied by."""
    rate_nanos: int | None = None
    """Units of the account's currency for one unit of the card's currency, x 10^9; None is the same currency."""


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer costs, in whole nano-units: total = base + fee."""

    base_nanos: int
    fee_nanos: int
    basis: Basis

    @property
    def total_nanos(self) -> int:
        """What the account pays."""
        return self.base_nanos + self.fee_nanos


def charge_for(usage: Usage, card: PriceCard, *, terms: PriceTerms, basis: Basis) -> Charge:
    """Return the charge of `usage` at `card`, in nano-units of the account's currency.

    base = ceil(sum of count x price / 10^6 x price_ppm / 10^6 x rate), fee = ceil(base x fee_ppm / 10^6): rounded up
    once for the base and once for the fee (design, section 5). A unit that was not reported costs nothing; only a call
    need not be, because every answer is one.
    """
    prices = tier_of(usage, card) if card.tiers else card
    micro = (usage.input or 0) * prices.input + (usage.output or 0) * prices.output
    # The other units one by one: most answers have few of them, and asking costs less than multiplying by zero.
    if usage.cached_input:
        micro += usage.cached_input * (prices.input if prices.cached_input is None else prices.cached_input)
    if usage.reasoning:
        micro += usage.reasoning * (prices.output if prices.reasoning is None else prices.reasoning)
    if usage.cache_write_5m or usage.cache_write_1h:
        minutes = prices.input if prices.cache_write_5m is None else prices.cache_write_5m
        hour = minutes if prices.cache_write_1h is None else prices.cache_write_1h
        micro += (usage.cache_write_5m or 0) * minutes + (usage.cache_write_1h or 0) * hour
    if usage.audio_input:
        micro += usage.audio_input * (prices.input if prices.audio_input is None else prices.audio_input)
    if usage.audio_output:
        micro += usage.audio_output * (prices.output if prices.audio_output is None else prices.audio_output)
    if usage.images:
        micro += usage.images * (prices.image or 0)
    if prices.call:
        micro += prices.call * (1 if usage.calls is None else usage.calls)
    base = base_nanos(micro, terms)
    return Charge(base_nanos=base, fee_nanos=-(-base * terms.fee_ppm // PPM), basis=basis)


def tier_of(usage: Usage, card: PriceCard) -> PriceCard | PriceTier:
    """Return the prices that hold for the whole of a request with this input: those of the highest tier it exceeds."""
    tokens = (
        (usage.input or 0)
        + (usage.cached_input or 0)
        + (usage.cache_write_5m or 0)
        + (usage.cache_write_1h or 0)
        + (usage.audio_input or 0)
    )
    prices = card
    for tier in card.tiers:
        if tokens <= tier.above_tokens:
            break
        prices = tier
    return prices


def base_nanos(micro: int, terms: PriceTerms) -> int:
    """Return the base of counts times prices (millionths of a nano-unit of the card's currency), rounded up once."""
    price_ppm, rate_nanos = terms.price_ppm, terms.rate_nanos
    if rate_nanos is not None:
        base = divide_up(micro * price_ppm * rate_nanos, PPM * PPM * NANOS_PER_UNIT)
    elif price_ppm == PPM:
        base = -(-micro // PPM)
    else:
        base = divide_up(micro * price_ppm, PPM * PPM)
    return base if base <= BASE_NANOS_MAX else BASE_NANOS_MAX


def combined_ppm(*, model_ppm: int, account_ppm: int, batch_ppm: int = PPM) -> int:
    """Return what a card's prices are multiplied by, in parts per million: the product of all three, rounded up once."""
    if model_ppm == PPM and batch_ppm == PPM:
        return account_ppm
    return divide_up(model_ppm * account_ppm * batch_ppm, PPM * PPM)


def batch_ppm(card: PriceCard, service_tier: str | None) -> int:
    """Return the share of the price that an answer of this tier costs, in parts per million: all, but for a batch."""
    return PPM if card.batch_ppm is None or service_tier not in BATCH_TIERS else card.batch_ppm
