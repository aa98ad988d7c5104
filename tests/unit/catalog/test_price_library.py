"""What the price library says, in whole nano-units: exact, at its dearest, never guessed."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from genai_prices.data import providers
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from tollway.catalog.price_library import Entry, PriceLibrary
from tollway.catalog.records import Prices
from tollway.settings.prices import PRICE_NANOS_MAX

JULY_2026_MS = 1_783_000_000_000


def library(prices: ModelPrice | list[ConditionalPrice], variants: list[PriceVariant] | None = None) -> PriceLibrary:
    """Return the library with one provider `p` whose one model is `m`."""
    model = ModelInfo(id="m", match=ClauseEquals("m"), context_window=1000, prices=prices, price_variants=variants)
    built = PriceLibrary(JULY_2026_MS)
    built.__dict__["_providers"] = {"p": Provider(id="p", name="P", api_pattern="x", models=[model])}
    return built


def entry_of(prices: ModelPrice | list[ConditionalPrice], variants: list[PriceVariant] | None = None) -> Entry:
    return library(prices, variants).entry("p", "m")


def prices_of(prices: ModelPrice | list[ConditionalPrice], variants: list[PriceVariant] | None = None) -> Prices:
    """Return the only prices."""
    (found,) = entry_of(prices, variants).prices
    return found


def usd(text: str) -> int:
    return int(Decimal(text) * 10**9)


def midnight_ms(day: date) -> int:
    return int(datetime.combine(day, time(tzinfo=UTC)).timestamp() * 1000)


def test_units_are_read_exactly() -> None:
    found = prices_of(
        ModelPrice(
            input_mtok=Decimal("0.15"),
            output_mtok=Decimal("0.6"),
            cache_read_mtok=Decimal("0.075"),
            cache_write_mtok=Decimal("0.1875"),
            cache_write_1h_mtok=Decimal("0.3"),
            output_reasoning_mtok=Decimal(3),
            input_audio_mtok=Decimal(10),
            output_audio_mtok=Decimal(20),
            requests_kcount=Decimal(12),
            web_searches_kcount=Decimal(99),
        )
    )
    assert found == Prices(
        currency="USD",
        input=usd("0.15"),
        output=usd("0.6"),
        cached_input=usd("0.075"),
        cache_write_5m=usd("0.1875"),
        cache_write_1h=usd("0.3"),
        reasoning=usd("3"),
        audio_input=usd("10"),
        audio_output=usd("20"),
        call=usd("12000"),
    )


def test_the_dearest_of_what_is_counted_as_output_counts() -> None:
    found = prices_of(ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(2), output_image_mtok=Decimal(30)))
    assert found.output == usd("30")


def test_tiers_hold_for_requests_with_more_input() -> None:
    def tiered(base: str, *tiers: tuple[int, str]) -> TieredPrices:
        return TieredPrices(
            base=Decimal(base), tiers=[Tier(start=start, price=Decimal(price)) for start, price in tiers]
        )

    found = prices_of(
        ModelPrice(
            input_mtok=tiered("1", (1000, "2"), (2000, "1.5")),
            output_mtok=Decimal(4),
            cache_read_mtok=tiered("0.1", (2000, "0.2")),
            cache_write_mtok=tiered("3", (3000, "3")),
        )
    )
    assert (found.input, found.output, found.cached_input) == (usd("1"), usd("4"), usd("0.1"))
    assert [(tier.above_tokens, tier.input, tier.output, tier.cached_input) for tier in found.tiers] == [
        (1000, usd("2"), usd("4"), usd("0.1")),
        (2000, usd("1.5"), usd("4"), usd("0.2")),
    ]


def test_the_dearest_hour_counts() -> None:
    cheap = ConditionalPrice(
        TimeOfDateConstraint(start_time=time(16, 30), end_time=time(0, 30)),
        prices=ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(9)),
    )
    usual = ConditionalPrice(
        prices=ModelPrice(input_mtok=Decimal(2), output_mtok=Decimal(3), cache_read_mtok=Decimal(1))
    )
    found = prices_of([usual, cheap])
    assert (found.input, found.output, found.cached_input) == (usd("2"), usd("9"), usd("1"))


def flat(price: str | int, **others: Decimal) -> ModelPrice:
    return ModelPrice(input_mtok=Decimal(price), output_mtok=Decimal(price), **others)


def test_each_price_holds_from_its_day_on() -> None:
    past, soon, later, last = date(2026, 1, 1), date(2026, 12, 1), date(2027, 3, 1), date(2027, 6, 1)
    entry = entry_of(
        [
            ConditionalPrice(prices=flat(5)),
            ConditionalPrice(StartDateConstraint(past), prices=flat(4)),
            ConditionalPrice(StartDateConstraint(soon), prices=flat(3)),
            ConditionalPrice(StartDateConstraint(later), prices=flat(3)),
            ConditionalPrice(StartDateConstraint(last), prices=flat(2)),
        ]
    )
    assert [(prices.input, prices.valid_from_ms) for prices in entry.prices] == [
        (usd("5"), None),
        (usd("4"), midnight_ms(past)),
        (usd("3"), midnight_ms(soon)),
        (usd("2"), midnight_ms(last)),
    ]


def test_an_announcement_that_nobody_can_read_leaves_the_price_that_holds() -> None:
    entry = entry_of(
        [
            ConditionalPrice(prices=flat(5)),
            ConditionalPrice(StartDateConstraint(date(2027, 1, 1)), prices=ModelPrice()),
            ConditionalPrice(StartDateConstraint(date(2027, 2, 1)), prices=flat(4)),
        ]
    )
    assert [prices.input for prices in entry.prices] == [usd("5")]


def test_a_price_that_is_gone_is_no_price() -> None:
    nothing = ConditionalPrice(StartDateConstraint(date(2026, 1, 1)), prices=ModelPrice())
    entry = entry_of([ConditionalPrice(prices=flat(5)), nothing])
    assert (entry.prices, "no price per input token" in entry.reason) == ((), True)
    back = ConditionalPrice(StartDateConstraint(date(2026, 2, 1)), prices=flat(3))
    assert [prices.input for prices in entry_of([ConditionalPrice(prices=flat(5)), nothing, back]).prices] == [usd("3")]


@pytest.mark.parametrize(
    ("usual", "variants", "share"),
    [
        (flat(4), [], None),
        (flat(4), [PriceVariant({"processing": "batch"}, flat(2))], 500_000),
        (
            flat(4),
            [PriceVariant({"service_tier": "flex"}, flat(3)), PriceVariant({"processing": "batch"}, flat(2))],
            750_000,
        ),
        (flat(3), [PriceVariant({"processing": "batch"}, flat(1))], 333_334),
        # What one unit costs in full, all cost in full: nobody is undercharged.
        (flat(4, cache_read_mtok=Decimal(1)), [PriceVariant({"processing": "batch"}, flat(2))], None),
        (flat(4), [PriceVariant({"service_tier": "priority"}, flat(8))], None),
        (flat(0), [PriceVariant({"processing": "batch"}, flat(0))], None),
    ],
)
def test_the_share_of_a_batch_is_the_largest_of_any_unit(
    usual: ModelPrice, variants: list[PriceVariant], share: int | None
) -> None:
    assert prices_of(usual, variants).batch_ppm == share


def test_a_batch_price_too_holds_from_its_day_on() -> None:
    day = date(2026, 12, 1)
    entry = entry_of(flat(4), [PriceVariant({"processing": "batch"}, flat(2), StartDateConstraint(day))])
    assert [(prices.batch_ppm, prices.valid_from_ms) for prices in entry.prices] == [
        (None, None),
        (500_000, midnight_ms(day)),
    ]


def test_what_is_finer_than_a_nano_unit_is_rounded_up() -> None:
    found = prices_of(ModelPrice(input_mtok=Decimal("0.0000000001"), output_mtok=Decimal("1.0399999999999998")))
    assert (found.input, found.output) == (1, 1_040_000_000)


def test_a_model_without_an_output_price_is_not_free_to_answer() -> None:
    found = prices_of(ModelPrice(input_mtok=Decimal("0.02")))
    assert found.output == found.input == 20_000_000


@pytest.mark.parametrize(
    ("prices", "reason"),
    [
        (ModelPrice(), "no price per input token"),
        (ModelPrice(output_mtok=Decimal(1)), "no price per input token"),
        (flat("10000.01"), "says 10000.01 per million tokens, which cannot be true"),
    ],
)
def test_lesson_21_a_price_that_cannot_be_is_no_price(prices: ModelPrice, reason: str) -> None:
    entry = entry_of(prices)
    assert entry.prices == ()
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
            assert (not entry.prices) == bool(entry.reason)
            priced += bool(entry.prices)
            starts = [prices.valid_from_ms or 0 for prices in entry.prices]
            assert starts == sorted(set(starts))
    assert priced > 1500
    assert real.source.startswith("genai-prices ")


def test_the_bound_of_prices_is_beyond_the_dearest_and_below_a_hundred_times_it() -> None:
    real = PriceLibrary(JULY_2026_MS)
    dearest = max(
        tier.output
        for provider in providers
        for model in real.names(provider.id)
        for prices in real.entry(provider.id, model).prices
        for tier in (prices, *prices.tiers)
    )
    assert 2 * dearest < PRICE_NANOS_MAX < 100 * dearest
