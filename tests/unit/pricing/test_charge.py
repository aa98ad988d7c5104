"""The exact charge of an answer."""

import msgspec
import pytest

from tollway.catalog.records import PriceCard, PriceTier
from tollway.money import AMOUNT_NANOS_MAX
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.charge import BASE_NANOS_MAX, PriceTerms, batch_ppm, charge_for, combined_ppm
from tollway.settings.fields import FEE_PPM_MAX

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


def test_input_written_to_a_cache_costs_its_own_price_or_the_price_of_input() -> None:
    usage = Usage(input=1, cache_write_5m=10, cache_write_1h=100)
    assert nanos(usage) == 111 * 150
    minutes = msgspec.structs.replace(CARD, cache_write_5m=200_000_000)
    assert nanos(usage, minutes) == 1 * 150 + 110 * 200
    both = msgspec.structs.replace(minutes, cache_write_1h=300_000_000)
    assert nanos(usage, both) == 1 * 150 + 10 * 200 + 100 * 300
    assert nanos(Usage(cache_write_1h=100), both) == 100 * 300


def test_pictures_and_calls_cost_nothing_unless_they_have_a_price() -> None:
    assert nanos(Usage(images=3, calls=2)) == 0
    card = msgspec.structs.replace(CARD, image=40_000_000_000_000, call=1_000_000_000_000)  # 0.04 and 0.001 apiece
    assert nanos(Usage(images=3, calls=0), card) == 3 * 40_000_000


def test_every_answer_is_a_call_unless_the_provider_counted_them() -> None:
    card = msgspec.structs.replace(CARD, call=1_000_000_000_000)
    assert nanos(Usage(input=10), card) == 10 * 150 + 1_000_000
    assert nanos(Usage(input=10, calls=3), card) == 10 * 150 + 3_000_000
    assert nanos(Usage(input=10, calls=0), card) == 10 * 150


TIERED = msgspec.structs.replace(
    CARD,
    tiers=(
        PriceTier(above_tokens=1000, input=300_000_000, output=900_000_000),
        PriceTier(above_tokens=5000, input=100_000_000, output=100_000_000),
    ),
)


@pytest.mark.parametrize(
    ("usage", "price_in", "price_out"),
    [
        (Usage(input=1000, output=10), 150, 600),
        (Usage(input=1001, output=10), 300, 900),
        (
            Usage(input=1, cached_input=400, cache_write_5m=300, cache_write_1h=200, audio_input=100, output=10),
            300,
            900,
        ),
        (
            Usage(input=1, cached_input=399, cache_write_5m=300, cache_write_1h=200, audio_input=100, output=10),
            150,
            600,
        ),
        (Usage(input=5000, output=10), 300, 900),
        (Usage(input=5001, output=10**6), 100, 100),
        (Usage(output=10**6), 150, 600),
    ],
)
def test_a_tier_holds_for_the_whole_request_with_more_input_than_it_says(
    usage: Usage, price_in: int, price_out: int
) -> None:
    output = usage.output or 0
    assert nanos(usage, TIERED) == (usage.tokens - output) * price_in + output * price_out


def test_a_factor_is_the_product_of_model_account_and_batch_rounded_up_once() -> None:
    assert combined_ppm(model_ppm=1_000_000, account_ppm=900_000) == 900_000
    assert combined_ppm(model_ppm=1_200_000, account_ppm=900_000) == 1_080_000
    assert combined_ppm(model_ppm=1_200_000, account_ppm=900_000, batch_ppm=500_000) == 540_000
    assert combined_ppm(model_ppm=1_000_000, account_ppm=1_000_000, batch_ppm=500_000) == 500_000
    assert combined_ppm(model_ppm=333_333, account_ppm=333_333, batch_ppm=333_333) == 37_037
    assert combined_ppm(model_ppm=1, account_ppm=1, batch_ppm=1) == 1
    assert combined_ppm(model_ppm=1_200_000, account_ppm=0) == 0


@pytest.mark.parametrize(
    ("share", "tier", "ppm"),
    [
        (None, "batch", 1_000_000),
        (500_000, None, 1_000_000),
        (500_000, "default", 1_000_000),
        (500_000, "priority", 1_000_000),
        (500_000, "batch", 500_000),
        (500_000, "flex", 500_000),
    ],
)
def test_only_what_waited_for_room_costs_the_batch_share(share: int | None, tier: str | None, ppm: int) -> None:
    assert batch_ppm(msgspec.structs.replace(CARD, batch_ppm=share), tier) == ppm


def test_no_charge_outgrows_the_64_bits_of_the_books() -> None:
    absurd = msgspec.structs.replace(CARD, input=10**13)
    terms = PriceTerms(fee_ppm=FEE_PPM_MAX, price_ppm=10**8, rate_nanos=10**15)
    charge = charge_for(Usage(input=10**9), absurd, terms=terms, basis=Basis.REPORTED)
    assert charge.base_nanos == BASE_NANOS_MAX
    assert charge.total_nanos < AMOUNT_NANOS_MAX


def test_lesson_16_a_cached_token_costs_its_own_price_and_that_only() -> None:
    card = msgspec.structs.replace(CARD, cached_input=15_000_000)
    assert nanos(Usage(input=10, cached_input=90, output=0), card) == 10 * 150 + 90 * 15
