"""What holds for every charge, whatever the usage and the prices."""

from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tollway.catalog.records import PriceCard
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.charge import PriceTerms, charge_for
from tollway.pricing.estimate import TokenLimits, input_tokens_bound, output_limit, worst_case_nanos

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
        source="t",
    )


USAGES = st.builds(Usage, **dict.fromkeys(INPUT_UNITS + OUTPUT_UNITS, COUNTS))


@given(USAGES, cards(), TERMS)
def test_a_charge_is_never_negative_and_its_total_is_exact(usage: Usage, card: PriceCard, terms: PriceTerms) -> None:
    charge = charge_for(usage, card, terms=terms, basis=Basis.REPORTED)
    assert charge.base_nanos >= 0
    assert charge.fee_nanos >= 0
    assert charge.total_nanos == charge.base_nanos + charge.fee_nanos
    prices = {
        "input": card.input,
        "cached_input": card.input if card.cached_input is None else card.cached_input,
        "audio_input": card.input if card.audio_input is None else card.audio_input,
        "output": card.output,
        "reasoning": card.output if card.reasoning is None else card.reasoning,
        "audio_output": card.output if card.audio_output is None else card.audio_output,
        "cache_write_5m": card.input,
        "cache_write_1h": card.input,
    }
    exact = sum((Fraction((getattr(usage, unit) or 0) * price, 10**6) for unit, price in prices.items()), Fraction(0))
    exact *= Fraction(terms.price_ppm, 10**6)
    exact *= 1 if terms.rate_nanos is None else Fraction(terms.rate_nanos, 10**9)
    assert 0 <= charge.base_nanos - exact < 1
    assert 0 <= charge.fee_nanos - Fraction(charge.base_nanos * terms.fee_ppm, 10**6) < 1


@given(USAGES, cards(), TERMS, st.sampled_from(INPUT_UNITS + OUTPUT_UNITS), st.integers(1, 10**6))
def test_more_of_any_unit_never_costs_less(
    usage: Usage, card: PriceCard, terms: PriceTerms, unit: str, more: int
) -> None:
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
    worst = worst_case_nanos(peek, priced, limits)
    for card, terms in priced:
        assert charge_for(usage, card, terms=terms, basis=Basis.REPORTED).total_nanos <= worst
