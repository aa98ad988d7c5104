"""The worst case of a request, and the usage of an answer that reported none."""

import msgspec
import pytest

from tollway.catalog.records import PriceCard, PriceTier
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.charge import PriceTerms
from tollway.pricing.estimate import (
    MEDIA_PART_TOKENS,
    OUTPUT_TOKENS_ASSUMED,
    OutputLimit,
    TokenLimits,
    ceiling_of,
    completed_usage,
    estimated_usage,
    input_tokens_bound,
    output_limit,
    worst_case_nanos,
    worst_case_tokens,
)

PEEK = Peek(
    model_asked="m",
    streamed=False,
    usage_asked=False,
    output_tokens_max=None,
    choices=1,
    body_bytes=1000,
    media_parts=0,
)
CARD = PriceCard(
    id=1, provider="p", model="m", currency="USD", input=2_000_000, output=8_000_000, cached_input=1_000_000, source="t"
)
UNKNOWN = TokenLimits()


def peek(**facts: object) -> Peek:
    return msgspec.structs.replace(PEEK, **facts)


@pytest.mark.parametrize(
    ("asked", "limits", "limit"),
    [
        (7, TokenLimits(context_tokens=5, output_tokens_max=6), OutputLimit(tokens=7, assumed=False)),
        (None, TokenLimits(context_tokens=5, output_tokens_max=6), OutputLimit(tokens=6, assumed=False)),
        (None, TokenLimits(context_tokens=5), OutputLimit(tokens=5, assumed=False)),
        (0, TokenLimits(context_tokens=5, output_tokens_max=6), OutputLimit(tokens=0, assumed=False)),
        (None, UNKNOWN, OutputLimit(tokens=OUTPUT_TOKENS_ASSUMED, assumed=True)),
    ],
)
def test_the_output_limit_is_the_clients_then_the_models_then_the_contexts(
    asked: int | None, limits: TokenLimits, limit: OutputLimit
) -> None:
    assert output_limit(peek(output_tokens_max=asked), limits) == limit


@pytest.mark.parametrize(
    ("media_parts", "context", "bound"),
    [
        (0, None, 1000),
        (0, 200, 200),
        (0, 2000, 1000),
        (2, None, 1000 + 2 * MEDIA_PART_TOKENS),
        (2, 200_000, 200_000),
    ],
)
def test_input_is_bounded_by_bytes_and_by_the_context(media_parts: int, context: int | None, bound: int) -> None:
    assert input_tokens_bound(peek(media_parts=media_parts), TokenLimits(context_tokens=context)) == bound


def test_the_worst_case_is_the_dearest_target_with_every_choice_and_the_fee() -> None:
    cheap = msgspec.structs.replace(CARD, id=2, input=1, output=1)
    asked = peek(output_tokens_max=100, choices=3)
    base = 1000 * 2 + 300 * 8
    fee = PriceTerms(fee_ppm=100_000)
    assert worst_case_nanos(asked, [ceiling_of(CARD, PriceTerms())], UNKNOWN) == base
    assert worst_case_nanos(asked, [ceiling_of(cheap, fee), ceiling_of(CARD, fee)], UNKNOWN) == base + base // 10
    assert worst_case_nanos(asked, [], UNKNOWN) == 0


def test_the_dearest_target_is_so_on_its_own_terms() -> None:
    asked = peek(output_tokens_max=100)
    foreign = (msgspec.structs.replace(CARD, id=2, currency="CNY"), PriceTerms(rate_nanos=140_000_000))
    marked_up = (CARD, PriceTerms(price_ppm=1_500_000))
    assert (
        worst_case_nanos(asked, [ceiling_of(*foreign), ceiling_of(*marked_up)], UNKNOWN)
        == (1000 * 2 + 100 * 8) * 3 // 2
    )
    assert worst_case_nanos(asked, [ceiling_of(*foreign)], UNKNOWN) == (1000 * 2 + 100 * 8) * 14 // 100


def test_the_dearest_unit_of_each_side_counts() -> None:
    dear = msgspec.structs.replace(CARD, audio_input=9_000_000, audio_output=20_000_000, reasoning=10_000_000)
    assert (
        worst_case_nanos(peek(output_tokens_max=100), [ceiling_of(dear, PriceTerms())], UNKNOWN) == 1000 * 9 + 100 * 20
    )


def test_the_worst_case_in_tokens_is_all_input_and_the_output_of_every_choice() -> None:
    assert worst_case_tokens(peek(output_tokens_max=100, choices=3), UNKNOWN) == 1000 + 300
    assert worst_case_tokens(peek(), TokenLimits(context_tokens=200, output_tokens_max=50)) == 250


def test_writing_to_a_cache_and_the_call_itself_may_be_what_is_dearest() -> None:
    written = msgspec.structs.replace(CARD, cache_write_5m=3_000_000, cache_write_1h=4_000_000, call=7_000_000)
    assert (
        worst_case_nanos(peek(output_tokens_max=100), [ceiling_of(written, PriceTerms())], UNKNOWN)
        == 1000 * 4 + 100 * 8 + 7
    )


def test_a_tier_counts_that_the_input_may_reach() -> None:
    def worst(*tiers: PriceTier) -> int:
        card = msgspec.structs.replace(CARD, tiers=tiers)
        return worst_case_nanos(peek(output_tokens_max=100), [ceiling_of(card, PriceTerms())], UNKNOWN)

    dearer = PriceTier(above_tokens=999, input=5_000_000, output=9_000_000)
    cheaper = PriceTier(above_tokens=500, input=1_000_000, output=1_000_000)
    usual = 1000 * 2 + 100 * 8
    assert worst(dearer) == 1000 * 5 + 100 * 9
    assert worst(msgspec.structs.replace(dearer, above_tokens=1000)) == usual
    assert worst(cheaper) == usual


@pytest.mark.parametrize(
    ("reported", "completed"),
    [
        (Usage(input=5, output=6), (Usage(input=5, output=6), Basis.REPORTED)),
        (Usage(cached_input=5, reasoning=0), (Usage(cached_input=5, reasoning=0), Basis.REPORTED)),
        (Usage(output=6), (Usage(input=3, output=6), Basis.ESTIMATED)),
        (Usage(audio_output=6), (Usage(input=3, audio_output=6), Basis.ESTIMATED)),
        (Usage(input=5), (Usage(input=5, output=7), Basis.ESTIMATED)),
        (Usage(cache_write_1h=5, images=1), (Usage(cache_write_1h=5, images=1, output=7), Basis.ESTIMATED)),
        (Usage(), (Usage(input=3, output=7), Basis.ESTIMATED)),
        (None, (Usage(input=3, output=7), Basis.ESTIMATED)),
    ],
)
def test_a_side_that_was_not_reported_is_estimated_and_not_free(
    reported: Usage | None, completed: tuple[Usage, Basis]
) -> None:
    assert completed_usage(reported, body_bytes=9, text_bytes=9, events=7) == completed


def test_an_estimate_follows_from_bytes_and_events() -> None:
    assert estimated_usage(body_bytes=9, text_bytes=9, events=0) == Usage(input=3, output=3)
    assert estimated_usage(body_bytes=8, text_bytes=9, events=7) == Usage(input=2, output=7)
    assert estimated_usage(body_bytes=0, text_bytes=0, events=0) == Usage(input=0, output=0)


def test_an_embedding_has_no_output_to_hold_for_and_may_read_more_than_one_context() -> None:
    facts = peek(output_tokens_max=0, input_tokens_bound=1000)
    limits = TokenLimits(context_tokens=512, output_tokens_max=256)
    assert worst_case_tokens(facts, limits) == 1000
    assert worst_case_nanos(facts, [ceiling_of(CARD, PriceTerms())], limits) == 2_000
