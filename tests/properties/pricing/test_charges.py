"""What holds for every charge, whatever the usage and the prices."""

from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tollway.catalog.records import PriceCard
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.charge import charge_for
from tollway.pricing.estimate import TokenLimits, input_tokens_bound, output_limit, worst_case_nanos

PRICES = st.integers(0, 10**12)
COUNTS = st.none() | st.integers(0, 10**9)
FEES = st.integers(0, 2_000_000)
INPUT_UNITS = ("input", "cached_input", "audio_input")
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


@given(USAGES, cards(), FEES)
def test_a_charge_is_never_negative_and_its_total_is_exact(usage: Usage, card: PriceCard, fee_ppm: int) -> None:
    charge = charge_for(usage, card, fee_ppm=fee_ppm, basis=Basis.REPORTED)
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
    }
    exact = sum((Fraction((getattr(usage, unit) or 0) * price, 10**6) for unit, price in prices.items()), Fraction(0))
    assert 0 <= charge.base_nanos - exact < 1
    assert 0 <= charge.fee_nanos - Fraction(charge.base_nanos * fee_ppm, 10**6) < 1


@given(USAGES, cards(), FEES, st.sampled_from(INPUT_UNITS + OUTPUT_UNITS), st.integers(1, 10**6))
def test_more_of_any_unit_never_costs_less(usage: Usage, card: PriceCard, fee_ppm: int, unit: str, more: int) -> None:
    larger = msgspec.structs.replace(usage, **{unit: (getattr(usage, unit) or 0) + more})
    before = charge_for(usage, card, fee_ppm=fee_ppm, basis=Basis.REPORTED)
    assert charge_for(larger, card, fee_ppm=fee_ppm, basis=Basis.REPORTED).total_nanos >= before.total_nanos


@st.composite
def shares(draw: st.DrawFn, bound: int) -> tuple[int | None, int | None, int | None]:
    """Three counts, or None, whose sum is within a bound."""
    first = draw(st.none() | st.integers(0, bound))
    second = draw(st.none() | st.integers(0, bound - (first or 0)))
    third = draw(st.none() | st.integers(0, bound - (first or 0) - (second or 0)))
    return first, second, third


@given(st.data(), st.lists(cards(), min_size=1, max_size=3), FEES)
def test_no_usage_within_the_bounds_costs_more_than_the_worst_case(
    data: st.DataObject, all_cards: list[PriceCard], fee_ppm: int
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
    used_in = data.draw(shares(input_tokens_bound(peek, limits)))
    used_out = data.draw(shares(output_limit(peek, limits).tokens * peek.choices))
    usage = Usage(**dict(zip(INPUT_UNITS + OUTPUT_UNITS, used_in + used_out, strict=True)))
    worst = worst_case_nanos(peek, all_cards, limits, fee_ppm=fee_ppm)
    for card in all_cards:
        assert charge_for(usage, card, fee_ppm=fee_ppm, basis=Basis.REPORTED).total_nanos <= worst
