"""Usage times price card: the exact charge of an answer. Pure; knows no account and no request."""

import msgspec

from tollway.catalog.records import PriceCard
from tollway.money import PPM, divide_up
from tollway.neutral.usage import Basis, Usage


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer costs, in whole nano-units: total = base + fee."""

    base_nanos: int
    fee_nanos: int
    basis: Basis

    @property
    def total_nanos(self) -> int:
        """What the account pays."""
        return self.base_nanos + self.fee_nanos


def charge_for(usage: Usage, card: PriceCard, *, fee_ppm: int, basis: Basis) -> Charge:
    """Return the charge of `usage` at `card`: base = ceil(sum of count x price / 10^6), fee = ceil(base x rate).

    Rounded up once for the base and once for the fee (design, section 5). A unit that was not reported costs nothing.
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
    )
    base = divide_up(micro, PPM)
    return Charge(base_nanos=base, fee_nanos=divide_up(base * fee_ppm, PPM), basis=basis)
