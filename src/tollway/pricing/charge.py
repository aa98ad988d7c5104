"""Usage times price card: the exact charge of an answer. Pure; knows no account and no request."""

import msgspec

from tollway.catalog.records import PriceCard
from tollway.money import NANOS_PER_UNIT, PPM, divide_up
from tollway.neutral.usage import Basis, Usage


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
    once for the base and once for the fee (design, section 5). A unit that was not reported costs nothing.
    """
    cached = card.input if card.cached_input is None else card.cached_input
    reasoning = card.output if card.reasoning is None else card.reasoning
    audio_in = card.input if card.audio_input is None else card.audio_input
    audio_out = card.output if card.audio_output is None else card.audio_output
    micro = (
        (usage.input or 0) * card.input
        + (usage.cached_input or 0) * cached
        + (usage.output or 0) * card.output
        + (usage.reasoning or 0) * reasoning
        + (usage.audio_input or 0) * audio_in
        + (usage.audio_output or 0) * audio_out
        + ((usage.cache_write_5m or 0) + (usage.cache_write_1h or 0)) * card.input
    )
    base = base_nanos(micro, terms)
    return Charge(base_nanos=base, fee_nanos=divide_up(base * terms.fee_ppm, PPM), basis=basis)


def base_nanos(micro: int, terms: PriceTerms) -> int:
    """Return the base of counts times prices (millionths of a nano-unit of the card's currency), rounded up once."""
    price_ppm, rate_nanos = terms.price_ppm, terms.rate_nanos
    if rate_nanos is None:
        return divide_up(micro, PPM) if price_ppm == PPM else divide_up(micro * price_ppm, PPM * PPM)
    return divide_up(micro * price_ppm * rate_nanos, PPM * PPM * NANOS_PER_UNIT)
