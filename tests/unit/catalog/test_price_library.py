"""What the price library says, in whole nano-units: exact, at its dearest, never guessed."""

from datetime import date, time
from decimal import Decimal

import pytest
from genai_prices.data import providers
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from tollway.catalog.price_library import PriceLibrary

JULY_2026_MS = 1_783_000_000_000


def library(prices: ModelPrice | list[ConditionalPrice]) -> PriceLibrary:
    """Return the library with one provider `p` whose one model is `m`."""
    model = ModelInfo(id="m", match=ClauseEquals("m"), context_window=1000, prices=prices)
    built = PriceLibrary(JULY_2026_MS)
    built.__dict__["_providers"] = {"p": Provider(id="p", name="P", api_pattern="x", models=[model])}
    return built


def test_units_are_read_exactly() -> None:
    entry = library(
        ModelPrice(
            input_mtok=Decimal("0.15"),
            output_mtok=Decimal("0.6"),
            cache_read_mtok=Decimal("0.075"),
            output_reasoning_mtok=Decimal(3),
            input_audio_mtok=Decimal(10),
            output_audio_mtok=Decimal(20),
            cache_write_mtok=Decimal(99),
        )
    ).entry("p", "m")
    assert entry.prices is not None
    assert (entry.prices.input, entry.prices.output, entry.prices.cached_input) == (
        150_000_000,
        600_000_000,
        75_000_000,
    )
    assert entry.prices.reasoning == 3_000_000_000
    assert (entry.prices.audio_input, entry.prices.audio_output) == (10_000_000_000, 20_000_000_000)
    assert entry.context_tokens == 1000


def test_the_dearest_tier_counts() -> None:
    tiered = TieredPrices(
        base=Decimal(1), tiers=[Tier(start=1000, price=Decimal(2)), Tier(start=2000, price=Decimal("1.5"))]
    )
    prices = library(ModelPrice(input_mtok=tiered, output_mtok=Decimal(4))).entry("p", "m").prices
    assert prices is not None
    assert prices.input == 2_000_000_000


def test_the_dearest_hour_counts() -> None:
    cheap = ConditionalPrice(
        TimeOfDateConstraint(start_time=time(16, 30), end_time=time(0, 30)),
        prices=ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(9)),
    )
    usual = ConditionalPrice(
        prices=ModelPrice(input_mtok=Decimal(2), output_mtok=Decimal(3), cache_read_mtok=Decimal(1))
    )
    prices = library([usual, cheap]).entry("p", "m").prices
    assert prices is not None
    assert (prices.input, prices.output, prices.cached_input) == (2_000_000_000, 9_000_000_000, 1_000_000_000)


def test_a_price_holds_from_its_day_on() -> None:
    def at(start: date) -> int:
        old = ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(2), output_mtok=Decimal(2)))
        new = ConditionalPrice(
            StartDateConstraint(start), prices=ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(1))
        )
        prices = library([old, new]).entry("p", "m").prices
        assert prices is not None
        return prices.input

    assert at(date(2026, 1, 1)) == 1_000_000_000
    assert at(date(2027, 1, 1)) == 2_000_000_000


def test_what_is_finer_than_a_nano_unit_is_rounded_up() -> None:
    prices = library(ModelPrice(input_mtok=Decimal("0.0000000001"), output_mtok=Decimal("1.0399999999999998"))).entry(
        "p", "m"
    )
    assert prices.prices is not None
    assert (prices.prices.input, prices.prices.output) == (1, 1_040_000_000)


def test_a_model_without_an_output_price_is_not_free_to_answer() -> None:
    prices = library(ModelPrice(input_mtok=Decimal("0.02"))).entry("p", "m").prices
    assert prices is not None
    assert prices.output == prices.input == 20_000_000


@pytest.mark.parametrize(
    ("prices", "reason"),
    [
        (ModelPrice(), "no price per input token"),
        (ModelPrice(output_mtok=Decimal(1)), "no price per input token"),
        (ModelPrice(input_mtok=Decimal(1), requests_kcount=Decimal(5)), "not per token (requests_kcount)"),
    ],
)
def test_a_price_that_tokens_do_not_tell_is_no_price(prices: ModelPrice, reason: str) -> None:
    entry = library(prices).entry("p", "m")
    assert entry.prices is None
    assert reason in entry.reason
    assert entry.context_tokens == 1000


def test_what_the_library_does_not_know_is_said() -> None:
    empty = library(ModelPrice())
    assert "does not know 'x'" in empty.entry("p", "x").reason
    assert "does not know 'm'" in empty.entry("q", "m").reason
    assert (empty.names("p"), empty.names("q")) == (("m",), ())


def test_every_model_of_the_real_library_is_priced_or_explained() -> None:
    real = PriceLibrary(JULY_2026_MS)
    real.load()
    priced = 0
    for provider in providers:
        for model in real.names(provider.id):
            entry = real.entry(provider.id, model)
            assert (entry.prices is None) == bool(entry.reason)
            priced += entry.prices is not None
    assert priced > 1500
    assert real.source.startswith("genai-prices ")
