"""What holds for every charge, whatever the usage and the prices."""

from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tollway.catalog.records import PriceCard, PriceTier, UnitPrices
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.charge import BASE_NANOS_MAX, PriceTerms, charge_for
from tollway.pricing.estimate import TokenLimits, ceiling_of, input_tokens_bound, output_limit, worst_case_nanos

PRICES = st.integers(0, 10**12)
COUNTS = st.none() | st.integers(0, 10**9)
FEES = st.integers(0, 2_000_000)
TERMS = st.builds(
    PriceTerms,
    fee_ppm=FEES,
    price_ppm=st.just(10**6) | st.integers(0, 20 * 10**6),
    rate_nanos=st.none() | st.integers(1, 10**12),
)
INPUT_UNITS = ("input", "cached_input", "audio_input", "cache_write_5m", "cache_write_1h")
OUTPUT_UNITS = ("output", "reasoning", "audio_output")
TIERS = st.lists(
    st.builds(
        PriceTier,
        above_tokens=st.integers(1, 10**9),
        input=PRICES,
        output=PRICES,
        cached_input=st.none() | PRICES,
        reasoning=st.none() | PRICES,
        cache_write_5m=st.none() | PRICES,
    ),
    max_size=3,
    unique_by=lambda tier: tier.above_tokens,
).map(lambda tiers: sorted(tiers, key=lambda tier: tier.above_tokens))


@st.composite
def cards(draw: st.DrawFn) -> PriceCard:
    optional = st.none() | PRICES
    return PriceCard(
        id=1,
        provider="p",
        model="m",
        currency="USD",
        input=draw(PRICES),
        output=draw(PRICES),
        cached_input=draw(optional),
        reasoning=draw(optional),
        audio_input=draw(optional),
        audio_output=draw(optional),
        cache_write_5m=draw(optional),
        cache_write_1h=draw(optional),
        image=draw(optional),
        call=draw(optional),
        tiers=tuple(draw(TIERS)) if draw(st.booleans()) else (),
        source="t",
    )


def price_of(prices: UnitPrices) -> dict[str, int]:
    """Every unit's price, with what the parents say filled in."""
    minutes = prices.input if prices.cache_write_5m is None else prices.cache_write_5m
    return {
        "input": prices.input,
        "cached_input": prices.input if prices.cached_input is None else prices.cached_input,
        "audio_input": prices.input if prices.audio_input is None else prices.audio_input,
        "cache_write_5m": minutes,
        "cache_write_1h": minutes if prices.cache_write_1h is None else prices.cache_write_1h,
        "output": prices.output,
        "reasoning": prices.output if prices.reasoning is None else prices.reasoning,
        "audio_output": prices.output if prices.audio_output is None else prices.audio_output,
        "images": prices.image or 0,
    }


USAGES = st.builds(Usage, **dict.fromkeys((*INPUT_UNITS, *OUTPUT_UNITS, "images"), COUNTS))


@given(USAGES, cards(), TERMS)
def test_a_charge_is_never_negative_and_its_total_is_exact(usage: Usage, card: PriceCard, terms: PriceTerms) -> None:
    charge = charge_for(usage, card, terms=terms, basis=Basis.REPORTED)
    assert charge.base_nanos >= 0
    assert charge.fee_nanos >= 0
    assert charge.total_nanos == charge.base_nanos + charge.fee_nanos
    tokens_in = sum(getattr(usage, unit) or 0 for unit in INPUT_UNITS)
    prices = next((tier for tier in reversed(card.tiers) if tokens_in > tier.above_tokens), card)
    counts = {unit: getattr(usage, unit) or 0 for unit in price_of(prices)}
    exact = Fraction(sum(counts[unit] * price for unit, price in price_of(prices).items()) + (prices.call or 0), 10**6)
    exact *= Fraction(terms.price_ppm, 10**6)
    exact *= 1 if terms.rate_nanos is None else Fraction(terms.rate_nanos, 10**9)
    assert charge.base_nanos == BASE_NANOS_MAX or 0 <= charge.base_nanos - exact < 1
    assert 0 <= charge.fee_nanos - Fraction(charge.base_nanos * terms.fee_ppm, 10**6) < 1


@given(USAGES, cards(), TERMS, st.sampled_from(INPUT_UNITS + OUTPUT_UNITS), st.integers(1, 10**6))
def test_more_of_any_unit_never_costs_less_within_a_tier(
    usage: Usage, card: PriceCard, terms: PriceTerms, unit: str, more: int
) -> None:
    card = msgspec.structs.replace(card, tiers=())
    larger = msgspec.structs.replace(usage, **{unit: (getattr(usage, unit) or 0) + more})
    before = charge_for(usage, card, terms=terms, basis=Basis.REPORTED)
    assert charge_for(larger, card, terms=terms, basis=Basis.REPORTED).total_nanos >= before.total_nanos


@st.composite
def shares(draw: st.DrawFn, units: tuple[str, ...], bound: int) -> dict[str, int | None]:
    """Counts, or None, of each unit, whose sum is within a bound."""
    counts: dict[str, int | None] = {}
    for unit in units:
        counts[unit] = count = draw(st.none() | st.integers(0, bound))
        bound -= count or 0
    return counts


@given(st.data(), st.lists(st.tuples(cards(), TERMS), min_size=1, max_size=3))
def test_no_usage_within_the_bounds_costs_more_than_the_worst_case(
    data: st.DataObject, priced: list[tuple[PriceCard, PriceTerms]]
) -> None:
    peek = Peek(
        model_asked="m",
        streamed=True,
        usage_asked=False,
        output_tokens_max=data.draw(st.none() | st.integers(1, 10**6)),
        choices=data.draw(st.integers(1, 128)),
        body_bytes=data.draw(st.integers(1, 10**7)),
        media_parts=data.draw(st.integers(0, 3)),
    )
    sizes = st.none() | st.integers(1, 10**6)
    limits = TokenLimits(context_tokens=data.draw(sizes), output_tokens_max=data.draw(sizes))
    used_in = data.draw(shares(INPUT_UNITS, input_tokens_bound(peek, limits)))
    used_out = data.draw(shares(OUTPUT_UNITS, output_limit(peek, limits).tokens * peek.choices))
    usage = Usage(**used_in, **used_out)
    worst = worst_case_nanos(peek, [ceiling_of(card, terms) for card, terms in priced], limits)
    for card, terms in priced:
        assert charge_for(usage, card, terms=terms, basis=Basis.REPORTED).total_nanos <= worst
