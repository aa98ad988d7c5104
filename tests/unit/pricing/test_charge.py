"""The exact charge of an answer."""

from tollway.catalog.records import PriceCard
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.charge import PriceTerms, charge_for

CARD = PriceCard(id=1, provider="p", model="m", currency="USD", input=150_000_000, output=600_000_000, source="t")
EVERY_UNIT = Usage(input=1, cached_input=10, output=100, reasoning=1_000, audio_input=10_000, audio_output=100_000)


def nanos(usage: Usage, card: PriceCard = CARD) -> int:
    return charge_for(usage, card, terms=PriceTerms(), basis=Basis.REPORTED).base_nanos


def test_a_charge_is_counts_times_prices_and_a_fee() -> None:
    charge = charge_for(Usage(input=200, output=150), CARD, terms=PriceTerms(fee_ppm=100_000), basis=Basis.REPORTED)
    assert (charge.base_nanos, charge.fee_nanos, charge.total_nanos) == (120_000, 12_000, 132_000)
    assert charge.basis is Basis.REPORTED


def test_base_and_fee_are_each_rounded_up_once() -> None:
    card = PriceCard(id=1, provider="p", model="m", currency="USD", input=1, output=1, source="t")
    charge = charge_for(Usage(input=1, output=1), card, terms=PriceTerms(fee_ppm=1), basis=Basis.COUNTED)
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
    assert charge_for(Usage(), CARD, terms=PriceTerms(fee_ppm=100_000), basis=Basis.UNKNOWN).total_nanos == 0


def test_discount_and_rate_multiply_before_the_one_rounding() -> None:
    usage = Usage(input=200, output=150)  # 120,000 nano-dollars
    terms = PriceTerms(fee_ppm=100_000, price_ppm=900_000, rate_nanos=7_200_000_000)
    charge = charge_for(usage, CARD, terms=terms, basis=Basis.REPORTED)
    assert (charge.base_nanos, charge.fee_nanos) == (777_600, 77_760)
    tiny = PriceCard(id=1, provider="p", model="m", currency="USD", input=1, output=1, source="t")
    # Half of a third of a millionth of a nano-unit is one nano-unit once, not once for each step.
    terms = PriceTerms(price_ppm=500_000, rate_nanos=333_333_333)
    assert charge_for(Usage(input=1), tiny, terms=terms, basis=Basis.REPORTED).base_nanos == 1
    discounted = charge_for(usage, CARD, terms=PriceTerms(price_ppm=1_200_000), basis=Basis.REPORTED)
    assert discounted.base_nanos == 144_000


def test_input_written_to_a_cache_is_input() -> None:
    assert nanos(Usage(input=1, cache_write_5m=10, cache_write_1h=100)) == 111 * 150
