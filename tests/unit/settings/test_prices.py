"""What an operator may say about prices, rates of exchange, discounts and markups."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tollway.errors import SetupError
from tollway.settings import ModelSettings, load_settings
from tollway.settings.prices import MARKUP_PPM_MAX, PIECE_NANOS_MAX, PRICE_NANOS_MAX, PRICE_NANOS_MIN, RATE_NANOS_MAX

Load = Callable[[str], ModelSettings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a file with one model that has these lines, and return the model."""
    path = tmp_path / "tollway.toml"

    def load(lines: str) -> ModelSettings:
        path.write_text(
            '[[providers]]\nname = "a"\npreset = "p"\n'
            '[[models]]\nid = "m"\ntargets = [{ provider = "a", model = "x" }]\n' + lines
        )
        return load_settings(path).models[0]

    return load


def mistakes(load: Load, lines: str) -> list[str]:
    with pytest.raises(SetupError) as caught:
        load(lines)
    return [line.partition(": ")[2] for line in caught.value.mistakes]


def test_a_price_states_every_unit(load: Load) -> None:
    (price,) = load(
        'price = { input = "1", output = "2", cached_input = "0.1", cache_write_5m = "1.25", cache_write_1h = "2", '
        'reasoning = "3", audio_input = "4", audio_output = "5", image = "0.04", call = "0.001", batch = "50%", '
        'currency = "CNY", tiers = [{ above = 10, input = "7" }, { above = 20, output = 8 }] }'
    ).prices
    assert (price.cache_write_5m, price.cache_write_1h) == (1_250_000_000, 2_000_000_000)
    assert (price.image, price.call) == (40_000_000_000_000, 1_000_000_000_000)
    assert (price.batch_ppm, price.currency, price.start) == (500_000, "CNY", None)
    assert [(tier.above, tier.input, tier.output) for tier in price.tiers] == [
        (10, 7_000_000_000, None),
        (20, None, 8_000_000_000),
    ]


@pytest.mark.parametrize(
    ("start", "moment"),
    [
        ('"2026-12-01"', "2026-12-01T00:00:00"),
        ("2026-12-01", "2026-12-01T00:00:00"),
        ('"2026-12-01T08:30:00"', "2026-12-01T08:30:00"),
        ("2026-12-01T08:30:00Z", "2026-12-01T08:30:00+00:00"),
    ],
)
def test_a_price_begins_on_a_date_or_at_a_moment(load: Load, start: str, moment: str) -> None:
    prices = load(f"price = [{{ input = 1, output = 1 }}, {{ input = 2, output = 2, from = {start} }}]").prices
    assert [price.start and price.start.isoformat() for price in prices] == [None, moment]


@pytest.mark.parametrize(
    ("price", "said"),
    [
        ("tiers = [{ above = 10, input = 1 }, { above = 10, input = 1 }]", "tiers 2: above: must be more than the 10"),
        ("tiers = [{ above = 10 }]", "tiers 1: input: is missing: a tier without any price changes nothing"),
        ("tiers = [{ above = 0, input = 1 }]", "tiers 1: above: must be a whole number >= 1"),
        ("tiers = [{ above = 1, input = 1, image = 1 }]", "tiers 1: image: is not a setting"),
        ('image = "0.0000000001"', "finer than a nano-unit"),
        ('image = "100.01"', "image: must be at most 100 for one piece"),
        ("call = -1", "call: must not be negative"),
        ('call = "x"', "write the price of one piece"),
        ('batch = "101%"', "batch: must be at most 100%"),
        ("batch = 0.5", 'batch: must be a rate as text such as "10%"'),
        ('currency = "EUR"', "currency: must be one of USD, CNY, not 'EUR'"),
        ("currency = [1]", "currency: must be one of USD, CNY, not a list"),
        ('from = "soon"', "from: must be a date such as"),
        ("from = 5", "from: must be a date such as"),
        ("from = 08:30:00", "from: must be a date such as"),
        ('from = "0026-12-01"', "the year 26 is none that prices begin in"),
        ('from = "3026-12-01"', "the year 3026 is none that prices begin in"),
    ],
)
def test_what_no_price_can_be_is_said(load: Load, price: str, said: str) -> None:
    (found,) = mistakes(load, f"price = {{ input = 1, output = 1, {price} }}")
    assert found.startswith('[[models]] 1 (id "m"): price: ')
    assert said in found


def test_prices_that_begin_together_are_a_mistake(load: Load) -> None:
    one = "{ input = 1, output = 1%s }"
    assert mistakes(load, f"price = [{one % ''}, {one % ''}]") == [
        '[[models]] 1 (id "m"): price 2: from: is missing: price 1 holds since ever already, so say when this begins'
    ]
    dated = one % ', from = "2026-12-01"'
    assert mistakes(load, f"price = [{dated}, {dated}]") == [
        '[[models]] 1 (id "m"): price 2: from: is also when price 1 begins; each needs its own'
    ]


def test_a_price_is_a_table_or_a_list_of_tables(load: Load) -> None:
    assert mistakes(load, "price = 5") == ['[[models]] 1 (id "m"): price: must be a list of tables']
    assert "price 1: must be a table with input" in mistakes(load, "price = [5]")[0]
    assert load("price = []").prices == ()


def test_a_model_has_a_markup_or_a_discount(load: Load) -> None:
    assert (load('markup = "20%"').markup_ppm, load('discount = "7.5%"').discount_ppm) == (200_000, 75_000)
    assert "discount: stands beside a markup; say one of the two" in mistakes(load, 'markup = "1%"\ndiscount = "1%"')[0]
    assert "markup: must be at most 900%" in mistakes(load, 'markup = "901%"')[0]
    assert "discount: must be at most 100%" in mistakes(load, 'discount = "100.1%"')[0]
    assert load('markup = "900%"').markup_ppm == MARKUP_PPM_MAX


def test_every_bound_is_itself_allowed(load: Load) -> None:
    (price,) = load('price = { input = "10000", output = "0.0001", image = "100", call = 0 }').prices
    assert (price.input, price.output) == (PRICE_NANOS_MAX, PRICE_NANOS_MIN)
    assert (price.image, price.call) == (PIECE_NANOS_MAX * 10**6, 0)


def test_rates_are_amounts_of_the_deployments_currency(load: Load) -> None:
    load('[billing]\ncurrency = "CNY"\nrates = { USD = "7.2" }')
    load('[billing.rates]\nCNY = "0.138888889"')
    load(f'[billing]\nrates = {{ CNY = "{RATE_NANOS_MAX // 10**9}" }}')


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ("rates = 5", "rates: must be a table such as"),
        ("rates = { EUR = 1 }", "rates: must be one of USD, CNY, not 'EUR'"),
        ("rates = { CNY = 7.2 }", 'rates: CNY: must be written as text: "7.2"'),
        ('rates = { CNY = "x" }', "rates: CNY: 'x' is not a decimal amount"),
        ("rates = { CNY = 0 }", "rates: CNY: must be above 0 and at most 1000000"),
        ("rates = { CNY = -1 }", "rates: CNY: must be above 0"),
        ("rates = { CNY = 1000001 }", "at most 1000000"),
        ("rates = { USD = 1 }", "rates: USD is the deployment's own currency: one costs one; leave it out"),
    ],
)
def test_a_rate_that_cannot_be_is_said(load: Load, rates: str, said: str) -> None:
    (found,) = mistakes(load, f"[billing]\n{rates}")
    assert found.startswith("[billing]: rates: ")
    assert said in f"rates: {found.removeprefix('[billing]: rates: ')}"
