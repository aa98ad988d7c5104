"""What an answer is charged for that is billed by the piece, by characters or by seconds, and what is held for it."""

import msgspec
import pytest

from tests.unit.pricing.test_estimate import CARD, peek
from tollway.catalog.records import PriceCard, PriceTier
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.charge import PriceTerms, charge_for
from tollway.pricing.estimate import TokenLimits, ceiling_of, input_tokens_bound, settled_usage, worst_case_nanos

FREE = msgspec.structs.replace(CARD, input=0, output=0, cached_input=None)
PER_PICTURE = msgspec.structs.replace(FREE, image=40_000_000_000)
PER_SEARCH = msgspec.structs.replace(FREE, call=2_000_000_000)
PER_CHARACTER = msgspec.structs.replace(FREE, input=15_000_000_000)
SPOKEN_TOKENS = msgspec.structs.replace(FREE, audio_output=12_000_000_000)
SPEECH = peek(counted=Usage(input=6), estimated=Usage(input=2, audio_output=9))
PICTURES = peek(estimated=Usage(input=4, output=4_160))


def settled(usage: Usage | None, asked: object, card: PriceCard | None) -> tuple[Usage, Basis]:
    return settled_usage(usage, asked, card, text_bytes=9, events=7)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("usage", "asked", "card", "found"),
    [
        # what the provider says counts, whatever was known before
        (Usage(input=5, output=6), SPEECH, PER_CHARACTER, (Usage(input=5, output=6), Basis.REPORTED)),
        (Usage(audio_input=37, output=0), PICTURES, CARD, (Usage(audio_input=37, output=0), Basis.REPORTED)),
        (Usage(input=5), peek(body_bytes=9), CARD, (Usage(input=5, output=7), Basis.ESTIMATED)),
        (Usage(cached_input=5, images=1), PICTURES, CARD, (Usage(cached_input=5, images=1, output=7), Basis.ESTIMATED)),
        (None, peek(body_bytes=9), CARD, (Usage(input=3, output=7), Basis.ESTIMATED)),
        # pieces are enough where a piece has a price
        (Usage(images=2), PICTURES, PER_PICTURE, (Usage(images=2), Basis.REPORTED)),
        (Usage(images=2), PICTURES, None, (Usage(images=2), Basis.REPORTED)),
        (Usage(calls=3), peek(), PER_SEARCH, (Usage(calls=3), Basis.REPORTED)),
        (Usage(calls=3), peek(), None, (Usage(calls=3), Basis.REPORTED)),
        (Usage(images=2), PICTURES, CARD, (Usage(input=4, output=4_160, images=2), Basis.ESTIMATED)),
        (Usage(calls=3), peek(body_bytes=9), PER_PICTURE, (Usage(input=3, output=7, calls=3), Basis.ESTIMATED)),
        # characters are exact where the input alone has a price
        (None, SPEECH, PER_CHARACTER, (Usage(input=6), Basis.COUNTED)),
        (None, SPEECH, None, (Usage(input=6), Basis.COUNTED)),
        (None, peek(counted=Usage()), PER_CHARACTER, (Usage(), Basis.COUNTED)),
        (None, SPEECH, CARD, (Usage(input=2, audio_output=9), Basis.ESTIMATED)),
        (None, SPEECH, SPOKEN_TOKENS, (Usage(input=2, audio_output=9), Basis.ESTIMATED)),
        # the side that an estimate leaves open follows from the text
        (None, peek(estimated=Usage(audio_input=11)), CARD, (Usage(audio_input=11, output=7), Basis.ESTIMATED)),
    ],
)
def test_what_was_not_reported_is_counted_or_else_estimated(
    usage: Usage | None, asked: object, card: PriceCard | None, found: tuple[Usage, Basis]
) -> None:
    assert settled(usage, asked, card) == found


def test_the_bound_that_a_dialect_knows_counts_whatever_the_context() -> None:
    asked = peek(input_tokens_bound=70_000, media_parts=3)
    assert input_tokens_bound(asked, TokenLimits(context_tokens=200)) == 70_000


def test_a_hold_covers_every_picture_and_every_call() -> None:
    terms = PriceTerms()
    pictures = peek(images=3, output_tokens_max=0)
    assert worst_case_nanos(pictures, [ceiling_of(PER_PICTURE, terms)], TokenLimits()) == 3 * 40_000
    searches = peek(calls=4, output_tokens_max=0)
    assert worst_case_nanos(searches, [ceiling_of(PER_SEARCH, terms)], TokenLimits()) == 4 * 2_000
    assert worst_case_nanos(pictures, [ceiling_of(FREE, terms)], TokenLimits()) == 0
    tier = PriceTier(above_tokens=1, input=0, output=0, image=50_000_000_000)
    tiered = msgspec.structs.replace(PER_PICTURE, tiers=(tier,))
    assert worst_case_nanos(pictures, [ceiling_of(tiered, terms)], TokenLimits()) == 3 * 50_000


def test_nothing_that_is_settled_exceeds_its_hold() -> None:
    terms = PriceTerms(fee_ppm=50_000)
    for card, asked, usage in [
        (PER_PICTURE, peek(images=2, output_tokens_max=0), Usage(images=2)),
        (PER_SEARCH, peek(calls=2, output_tokens_max=0), Usage(calls=2)),
        (PER_CHARACTER, peek(input_tokens_bound=8, output_tokens_max=96, counted=Usage(input=6)), None),
    ]:
        used, basis = settled(usage, asked, card)
        charge = charge_for(used, card, terms=terms, basis=basis)
        assert 0 < charge.total_nanos <= worst_case_nanos(asked, [ceiling_of(card, terms)], TokenLimits())
