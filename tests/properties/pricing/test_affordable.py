"""A limit that is called affordable is the greatest one that is."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.properties.pricing.test_charges import TERMS, cards
from tollway.catalog.records import PriceCard
from tollway.neutral.peek import Peek
from tollway.pricing.affordable import TOKENS_MAX, affordable_output_tokens, tokens_covered
from tollway.pricing.charge import PriceTerms
from tollway.pricing.estimate import TokenLimits, ceiling_of, worst_case_nanos

PEEKS = st.builds(
    Peek,
    model_asked=st.just("m"),
    streamed=st.booleans(),
    usage_asked=st.just(False),
    output_tokens_max=st.none() | st.integers(1, TOKENS_MAX),
    choices=st.integers(1, 128),
    body_bytes=st.integers(1, 10**7),
    media_parts=st.integers(0, 3),
)
SIZES = st.none() | st.integers(1, 10**6)
LIMITS = st.builds(TokenLimits, context_tokens=SIZES, output_tokens_max=SIZES)
CARDS = st.lists(st.tuples(cards(), TERMS), max_size=3)


@given(st.data(), PEEKS, CARDS, LIMITS, st.integers(1, TOKENS_MAX))
def test_the_affordable_limit_is_exactly_the_greatest(
    data: st.DataObject, peek: Peek, priced: list[tuple[PriceCard, PriceTerms]], limits: TokenLimits, tokens_max: int
) -> None:
    ceilings = [ceiling_of(card, terms) for card, terms in priced]

    def need_of(tokens: int) -> int:
        return worst_case_nanos(msgspec.structs.replace(peek, output_tokens_max=tokens), ceilings, limits)

    available = data.draw(st.integers(0, 10**18) | st.integers(1, TOKENS_MAX).map(need_of))
    tokens = affordable_output_tokens(need_of, available=available, tokens_max=tokens_max)
    assert 0 <= tokens <= tokens_max
    assert tokens == 0 or need_of(tokens) <= available
    assert tokens == tokens_max or need_of(tokens + 1) > available
    assert tokens_covered(need_of, held=available, choices=peek.choices) % peek.choices == 0
