"""The list of prices that people compare."""

import msgspec

from tests.providers import a_provider
from tollway.billing.price_lists import ListTerms, list_prices
from tollway.catalog.cards import make_card
from tollway.catalog.rates import RateTable
from tollway.catalog.records import Model, Prices, PriceTier, Target

RATES = RateTable("USD", {"CNY": 140_000_000})
USD = ListTerms(currency="USD", fee_ppm=100_000)
CHEAP = Prices(currency="USD", input=150_000_000, output=600_000_000)
DEAR = Prices(
    currency="CNY",
    input=10_000_000_000,
    output=20_000_000_000,
    call=10**15,
    tiers=(PriceTier(above_tokens=1000, input=99, output=99),),
)


def target(prices: Prices | None) -> Target:
    """Return a model at a provider."""
    card = None if prices is None else make_card("p", "m", prices, source="config")
    return Target(provider=a_provider(), model_routed="m", card=card)


def model(name: str, *targets: Target, price_ppm: int = 1_000_000) -> Model:
    """Return a model."""
    return Model(id=name, targets=targets, price_ppm=price_ppm)


def test_a_price_has_its_fee_beside_it() -> None:
    (listed,) = list_prices([model("m", target(CHEAP))], RATES, USD, now_ms=1)
    assert (listed.input.base_nanos, listed.input.fee_nanos) == (150_000_000, 15_000_000)
    assert (listed.output.base_nanos, listed.output.total_nanos) == (600_000_000, 660_000_000)


def test_the_dearest_target_counts_in_the_currency_of_who_asks_and_at_its_lowest_tier() -> None:
    (listed,) = list_prices([model("m", target(CHEAP), target(DEAR))], RATES, USD, now_ms=1)
    assert (listed.input.base_nanos, listed.output.base_nanos) == (1_400_000_000, 2_800_000_000)


def test_discounts_of_the_model_and_of_the_account_both_count() -> None:
    terms = msgspec.structs.replace(USD, price_ppm=500_000, fee_ppm=0)
    (listed,) = list_prices([model("m", target(CHEAP), price_ppm=500_000)], RATES, terms, now_ms=1)
    assert listed.output.total_nanos == 150_000_000


def test_what_nobody_can_pay_for_is_left_out() -> None:
    models = [model("b", target(CHEAP)), model("c", target(None)), model("a", target(CHEAP)), model("d", target(DEAR))]
    assert [listed.model for listed in list_prices(models, RATES, USD, now_ms=1)] == ["a", "b", "d"]
    only_dollars = RateTable("USD", {})
    assert [listed.model for listed in list_prices(models, only_dollars, USD, now_ms=1)] == ["a", "b"]
