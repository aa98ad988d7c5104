"""What people and clients are shown of prices."""

import msgspec
import pytest

from tests.providers import a_provider
from tollway import clock
from tollway.catalog.cards import make_card
from tollway.catalog.catalog import Catalog, Pricing, Sketch
from tollway.catalog.listing import Listing, price_rows, render_card, render_model
from tollway.catalog.price_library import PriceLibrary
from tollway.catalog.rates import RateTable
from tollway.catalog.records import Model, PriceCard, Prices, PriceTier, Target

DOLLARS = RateTable("USD", {"CNY": 140_000_000})
PROVIDER = a_provider()
CHEAP = Prices(currency="USD", input=150_000_000, output=600_000_000)
RICH = Prices(
    currency="CNY",
    input=1_000_000_000,
    output=2_000_000_000,
    cached_input=100_000_000,
    cache_write_5m=1_250_000_000,
    image=40_000_000_000_000,
    call=1,
    tiers=(PriceTier(above_tokens=200_000, input=2_000_000_000, output=3_000_000_001),),
    batch_ppm=505_000,
)


def card(prices: Prices) -> PriceCard:
    return make_card("p", "m", prices, source="config")


def model(*targets: Target, price_ppm: int = 1_000_000) -> Model:
    return Model(id="m", targets=targets, price_ppm=price_ppm)


def target(prices: Prices | None, *later: Prices) -> Target:
    return Target(
        provider=PROVIDER,
        model_routed="m",
        card=None if prices is None else card(prices),
        later_cards=tuple(card(each) for each in later),
    )


def test_a_card_is_shown_whole_as_exact_decimals() -> None:
    assert render_card(card(RICH)) == {
        "currency": "CNY",
        "per_tokens": "1000000",
        "input": "1.00",
        "output": "2.00",
        "cached_input": "0.10",
        "cache_write_5m": "1.25",
        "image": "0.04",
        "call": "0.000000000000001",
        "tiers": [{"above": 200_000, "input": "2.00", "output": "3.000000001"}],
        "batch": "50.5%",
    }


def test_clients_are_shown_what_they_pay_with_the_markup_in_it() -> None:
    entry = render_model(model(target(RICH), price_ppm=1_200_000), DOLLARS, now_ms=0)
    pricing = entry["pricing"]
    assert isinstance(pricing, dict)
    assert (pricing["input"], pricing["image"], pricing["call"]) == ("1.20", "0.048", "0.000000000000002")
    assert pricing["tiers"] == [{"above": 200_000, "input": "2.40", "output": "3.600000002"}]
    assert (pricing["prompt"], pricing["completion"]) == ("0.0000012", "0.0000024")


def test_the_dearest_target_is_shown_whatever_its_currency() -> None:
    def shown(*targets: Target) -> object:
        pricing = render_model(model(*targets), DOLLARS, now_ms=0)["pricing"]
        return pricing if pricing is None else pricing["currency"]  # type: ignore[index]

    assert shown(target(CHEAP), target(RICH)) == "USD"
    assert shown(target(msgspec.structs.replace(CHEAP, output=100_000_000)), target(RICH)) == "CNY"
    assert shown(target(CHEAP), target(None)) is None


LATER = msgspec.structs.replace(CHEAP, output=700_000_000, valid_from_ms=1_798_732_800_000)


def test_prices_to_come_are_listed_behind_the_one_that_holds() -> None:
    two = model(target(CHEAP, LATER), target(None), price_ppm=900_000)
    rows = price_rows(two, now_ms=0)
    assert [(row.get("output"), row.get("from"), row.get("factor")) for row in rows] == [
        ("0.60", None, "90%"),
        ("0.70", "2026-12-31T16:00:00Z", "90%"),
        (None, None, None),
    ]
    assert [row["source"] for row in rows] == ["config", "config", "unknown: set its price"]
    assert rows[0]["price_card"] != rows[1]["price_card"]
    begun = price_rows(two, now_ms=1_798_732_800_000)
    assert [row.get("output") for row in begun] == ["0.70", None]
    assert price_rows(model(target(CHEAP)), now_ms=0)[0]["factor"] is None


def test_the_list_follows_a_price_that_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ms = 1_798_732_800_000 - 1
    monkeypatch.setattr(clock, "now_ms", lambda: now_ms)
    catalog = Catalog(
        providers={"p": PROVIDER},
        sketches=(Sketch(id="m", targets=((PROVIDER, "m", 1),), prices=(CHEAP, LATER)),),
        pricing=Pricing(rates=DOLLARS, library=PriceLibrary(now_ms)),
    )
    listing = Listing(catalog)

    def shown() -> tuple[object, object]:
        (entry,) = listing.entries()
        alone = listing.entry("m")
        assert alone is not None
        return entry["pricing"]["output"], alone["pricing"]["output"]  # type: ignore[index]

    assert shown() == ("0.60", "0.60")
    assert listing.entries() is listing.entries()
    now_ms += 1
    assert shown() == ("0.70", "0.70")
    assert listing.entries() is listing.entries()


def test_a_model_says_how_it_is_called_and_one_that_does_not_exist_nothing() -> None:
    pricing = Pricing(rates=DOLLARS, library=PriceLibrary(0))
    sketch = Sketch(id="m", targets=((PROVIDER, "m-1", 1),), prices=(CHEAP,), capabilities=("embeddings",))
    listing = Listing(Catalog(providers={PROVIDER.name: PROVIDER}, sketches=(sketch,), pricing=pricing))
    (entry,) = listing.entries()
    assert entry["modality"] == "embedding"
    schema = listing.schema("m")
    assert schema is not None
    assert schema["modality"] == "embedding"
    assert listing.schema("nope") is None
