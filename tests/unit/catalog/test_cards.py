"""Price cards: named by their content, in force from their moment on."""

import msgspec
import pytest

from tests.providers import a_provider
from tollway.catalog.cards import make_card, timeline
from tollway.catalog.records import Prices, PriceTier, Target, card_at

PRICES = Prices(currency="USD", input=1, output=2)
PROVIDER = a_provider()


def card_id(**changes: object) -> int:
    return make_card("p", "m", msgspec.structs.replace(PRICES, **changes), source="config").id


def test_lesson_21_a_card_is_named_by_its_content_and_not_by_where_it_was_read() -> None:
    assert 0 < card_id() < 2**63
    assert card_id() == make_card("p", "m", PRICES, source="library").id
    tier = PriceTier(above_tokens=5, input=1, output=2)
    ids = [
        card_id(),
        make_card("q", "m", PRICES, source="").id,
        make_card("p", "n", PRICES, source="").id,
        card_id(currency="CNY"),
        card_id(input=2, output=1),
        *(card_id(**{unit: 7}) for unit in ("cached_input", "reasoning", "audio_input", "audio_output")),
        *(card_id(**{unit: 7}) for unit in ("cache_write_5m", "cache_write_1h", "image", "call", "batch_ppm")),
        card_id(valid_from_ms=7),
        card_id(tiers=(tier,)),
        card_id(tiers=(msgspec.structs.replace(tier, above_tokens=6),)),
        card_id(tiers=(tier, msgspec.structs.replace(tier, above_tokens=6))),
    ]
    assert len(set(ids)) == len(ids)


def test_the_cards_of_older_versions_keep_their_ids() -> None:
    """Charges name them: these were made by the first version."""
    assert card_id(input=150_000_000, output=600_000_000, cached_input=75_000_000) == 3_491_029_302_868_347_369
    assert (
        card_id(cached_input=3, reasoning=4, audio_input=5, audio_output=6, currency="CNY") == 4_111_303_809_280_257_224
    )


def test_a_price_of_zero_is_another_card_than_no_price() -> None:
    assert card_id(cache_write_5m=0) != card_id()


def target_of(*starts: int | None, now_ms: int) -> Target:
    cards = [
        make_card("p", "m", msgspec.structs.replace(PRICES, input=number, valid_from_ms=start), source="")
        for number, start in enumerate(starts)
    ]
    card, later = timeline(cards, now_ms=now_ms)
    return Target(provider=PROVIDER, model_routed="m", card=card, later_cards=later)


@pytest.mark.parametrize(
    ("starts", "now_ms", "then_ms", "number"),
    [
        ((None,), 0, 10**15, 0),
        ((None, 100), 50, 99, 0),
        ((None, 100), 50, 100, 1),
        ((200, None, 100), 50, 150, 2),
        ((200, None, 100), 50, 200, 0),
        ((None, 100, 200), 150, 150, 1),
        ((None, 100, 200), 500, 500, 2),
        ((100,), 50, 99, None),
        ((100,), 50, 100, 0),
        ((), 50, 100, None),
        # A clock that is set back takes nobody back to a price that was superseded before the start.
        ((None, 100), 150, 50, 1),
    ],
)
def test_the_card_in_force_is_the_last_that_has_begun(
    starts: tuple[int | None, ...], now_ms: int, then_ms: int, number: int | None
) -> None:
    card = card_at(target_of(*starts, now_ms=now_ms), then_ms)
    assert (None if card is None else card.input) == number


def test_cards_that_are_superseded_at_the_start_are_dropped() -> None:
    target = target_of(None, 100, 200, 300, now_ms=250)
    assert (target.card and target.card.input, [card.input for card in target.later_cards]) == (2, [3])
