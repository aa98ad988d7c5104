"""The exact charge of an answer."""

from tollway.catalog.records import PriceCard
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.charge import charge_for

CARD = PriceCard(id=1, provider="p", model="m", currency="USD", input=150_000_000, output=600_000_000, source="t")
EVERY_UNIT = Usage(input=1, cached_input=10, output=100, reasoning=1_000, audio_input=10_000, audio_output=100_000)


def nanos(usage: Usage, card: PriceCard = CARD) -> int:
    return charge_for(usage, card, fee_ppm=0, basis=Basis.REPORTED).base_nanos


def test_a_charge_is_counts_times_prices_and_a_fee() -> None:
    charge = charge_for(Usage(input=200, output=150), CARD, fee_ppm=100_000, basis=Basis.REPORTED)
    assert (charge.base_nanos, charge.fee_nanos, charge.total_nanos) == (120_000, 12_000, 132_000)
    assert charge.basis is Basis.REPORTED


def test_base_and_fee_are_each_rounded_up_once() -> None:
    card = PriceCard(id=1, provider="p", model="m", currency="USD", input=1, output=1, source="t")
    charge = charge_for(Usage(input=1, output=1), card, fee_ppm=1, basis=Basis.COUNTED)
    assert (charge.base_nanos, charge.fee_nanos) == (1, 1)


def test_a_unit_without_a_price_costs_what_its_parent_costs() -> None:
    assert nanos(EVERY_UNIT) == 10_011 * 150 + 101_100 * 600


def test_a_unit_with_a_price_costs_that() -> None:
    card = PriceCard(
        id=1,
        provider="p",
        model="m",
        currency="USD",
        input=1_000_000,
        cached_input=0,
        output=2_000_000,
        reasoning=3_000_000,
        audio_input=4_000_000,
        audio_output=5_000_000,
        source="t",
    )
    assert nanos(EVERY_UNIT, card) == 1 + 0 + 200 + 3_000 + 40_000 + 500_000


def test_what_was_not_reported_costs_nothing() -> None:
    assert charge_for(Usage(), CARD, fee_ppm=100_000, basis=Basis.UNKNOWN).total_nanos == 0
