"""The list cost of summed usage: the card's prices, the tier's where there is one, and nothing of what we put on them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.catalog.records import PriceCard, PriceTier
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.charge import PriceTerms, charge_for
from tollway.pricing.list_cost import list_nanos

UNIT = 1_000_000
CARD = PriceCard(
    id=1,
    provider="p",
    model="m",
    currency="USD",
    input=2 * UNIT,
    output=8 * UNIT,
    cached_input=UNIT // 2,
    call=100 * UNIT,
    batch_ppm=500_000,
    tiers=(
        PriceTier(above_tokens=100, input=4 * UNIT, output=16 * UNIT),
        PriceTier(above_tokens=300, input=6 * UNIT, output=24 * UNIT),
    ),
    source="test",
)

counts = st.none() | st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("above", "nanos"),
    [(-1, 2 + 8 + 100), (50, 2 + 8 + 100), (99, 2 + 8 + 100), (100, 4 + 16), (200, 4 + 16), (300, 6 + 24), (10**9, 30)],
)
def test_the_prices_are_those_of_the_highest_tier_that_is_exceeded(above: int, nanos: int) -> None:
    assert list_nanos(Usage(input=1, output=1, calls=1), CARD, above_tokens=above) == nanos


def test_a_sum_is_rounded_up_once() -> None:
    assert list_nanos(Usage(cached_input=3, calls=0), CARD, above_tokens=-1) == 2


@given(fresh=counts, cached=counts, written=counts, output=counts, calls=counts)
def test_of_one_request_it_is_what_is_charged_without_terms(
    fresh: int | None, cached: int | None, written: int | None, output: int | None, calls: int | None
) -> None:
    usage = Usage(input=fresh, cached_input=cached, cache_write_1h=written, output=output, calls=calls)
    size = (fresh or 0) + (cached or 0) + (written or 0)
    above = max((number for number in (100, 300) if size > number), default=-1)
    charge = charge_for(usage, CARD, terms=PriceTerms(), basis=Basis.REPORTED)
    assert list_nanos(usage, CARD, above_tokens=above) == charge.base_nanos
