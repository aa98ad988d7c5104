"""The catalog of a deployment: providers, exact models, wildcards, PROVIDER/NAME, prices, suggestions."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tollway import clock
from tollway.catalog.base_url import BaseUrlError, parse_base_url
from tollway.catalog.catalog import ASKED_CHARACTERS_MAX, REMEMBERED_MAX, Catalog, Priced, Pricing, Sketch
from tollway.catalog.listing import Listing, price_rows
from tollway.catalog.loader import deploy, load_catalog, read_deployment
from tollway.catalog.price_library import PriceLibrary
from tollway.catalog.rates import RateTable
from tollway.catalog.records import AfterLeave, Origin, Prices, Reach, Scheme
from tollway.errors import SetupError
from tollway.local_model.weights import CONTEXT_TOKENS, MODEL_ID
from tollway.settings import BrandSettings, LocalModelSettings, Settings, brands_of

NEW_YEAR_2027_MS = 1_798_732_800_000
"""Midnight in Shanghai, eight hours before it is in Greenwich."""

FILE = """\
[[providers]]
name = "oa"
preset = "openai"
api_key = "env:TOLLWAY_TEST_KEY"
after_leave = "drain"
timeouts = { total_s = 7 }

[[providers]]
name = "acme"
preset = "openai-compatible"
base_url = "http://[::1]:9000/api/v1/"

[[models]]
id = "fast"
targets = [{ provider = "acme", model = "acme-1" }]
price = { input = "0.15", output = "0.60", cached_input = "0.075" }

[[models]]
id = "both"
targets = [{ provider = "oa", model = "gpt-4o-mini" }, { provider = "acme", model = "acme-2" }]

[[models]]
id = "any/*"
targets = [{ provider = "oa", model = "*" }]

[[models]]
id = "any/cheap/*"
targets = [{ provider = "acme", model = "*" }, { provider = "acme", model = "spare" }]
price = { input = "0.01", output = "0.02" }
context_tokens = 10
output_tokens_max = 5
capabilities = ["chat"]
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TOLLWAY_TEST_KEY", "canary-77")
    path = tmp_path / "tollway.toml"
    path.write_text(FILE)
    return path


@pytest.fixture
def catalog(path: Path) -> Catalog:
    return read_deployment(path).catalog


def test_a_provider_is_its_preset_with_what_the_operator_said(catalog: Catalog) -> None:
    oa, acme = catalog.providers["oa"], catalog.providers["acme"]
    assert (oa.home.origin.scheme, oa.home.origin.port, oa.home.path_prefix) == (Scheme.HTTPS, 443, "/v1")
    assert (oa.headers, oa.secrets) == ((("authorization", "Bearer canary-77"),), ("canary-77",))
    assert (oa.home.profile.after_leave, oa.timeouts.total_s, oa.timeouts.connect_s) == (AfterLeave.DRAIN, 7, 5)
    assert acme.home.origin == Origin(scheme=Scheme.HTTP, host="::1", port=9000, reach=Reach.PRIVATE)
    assert (acme.home.path_prefix, acme.headers, acme.secrets) == ("/api/v1", (), ())
    assert "canary-77" not in repr(catalog.providers)


def test_an_exact_id_is_case_sensitive_and_comes_first(catalog: Catalog) -> None:
    fast = catalog.resolve("fast")
    assert fast is not None
    assert fast is catalog.models["fast"]
    (target,) = fast.targets
    assert target.card is not None
    assert (target.card.input, target.card.cached_input, target.card.source) == (150_000_000, 75_000_000, "config")
    assert catalog.resolve("FAST") is None


def test_prices_that_nobody_set_come_from_the_library_and_unknown_ones_are_explained(catalog: Catalog) -> None:
    both = catalog.models["both"]
    known, unknown = both.targets
    assert known.card is not None
    assert known.card.source.startswith("genai-prices ")
    assert (unknown.card, both.context_tokens) == (None, 128_000)
    assert list(catalog.unpriced) == ["both"]


def test_the_longest_wildcard_stands_for_what_its_star_matched(catalog: Catalog) -> None:
    cheap, any_ = catalog.resolve("any/cheap/x/y"), catalog.resolve("any/o3")
    assert cheap is not None
    assert any_ is not None
    assert [target.model_routed for target in cheap.targets] == ["x/y", "spare"]
    assert (cheap.id, cheap.context_tokens, cheap.output_tokens_max, cheap.capabilities) == (
        "any/cheap/x/y",
        10,
        5,
        ("chat",),
    )
    assert [target.model_routed for target in any_.targets] == ["o3"]
    assert catalog.resolve("any/cheap/x/y") is cheap
    assert catalog.resolve("any/") is None
    assert catalog.wildcards == ("any/cheap/*", "any/*")
    unpriced = catalog.resolve("any/nobody-knows")
    assert unpriced is not None
    assert unpriced.targets[0].card is None


def test_a_priced_model_of_a_provider_needs_no_entry(catalog: Catalog) -> None:
    named = catalog.resolve("oa/gpt-4o")
    assert named is not None
    assert (named.id, named.targets[0].model_routed) == ("oa/gpt-4o", "gpt-4o")
    assert named.targets[0].card is not None
    by_config = catalog.resolve("acme/acme-1")
    assert by_config is not None
    assert by_config.targets[0].card == catalog.models["fast"].targets[0].card
    for unknown in ("oa/nobody-knows", "acme/acme-2", "oa/", "oa", "nope/gpt-4o", "", "x" * (ASKED_CHARACTERS_MAX + 1)):
        assert catalog.resolve(unknown) is None


def test_what_clients_make_up_is_remembered_within_a_bound(catalog: Catalog) -> None:
    for number in range(REMEMBERED_MAX + 5):
        catalog.resolve(f"nobody-{number}")
    assert len(catalog._remembered) <= REMEMBERED_MAX
    catalog.resolve("x" * (ASKED_CHARACTERS_MAX + 1))
    assert max(map(len, catalog._remembered)) <= ASKED_CHARACTERS_MAX


def test_close_names_are_suggested_and_the_same_name_at_a_provider_first(catalog: Catalog) -> None:
    assert catalog.suggest("fats") == ("fast",)
    assert catalog.suggest("gpt-4o")[0] == "oa/gpt-4o"
    assert "oa/gpt-4o-mini" in catalog.suggest("oa/gpt-4o-mni")
    assert "gpt-4o" not in catalog.suggest("gpt-4o")
    assert catalog.suggest("zzzzzzzz" * 100) == ()
    assert catalog.suggest("acme/zzzzzzzzzzzz") == ()


def test_every_mistake_of_settings_and_catalog_is_reported_together(path: Path, tmp_path: Path) -> None:
    path.write_text(
        '[server]\nport = "x"\n'
        '[[providers]]\nname = "a"\npreset = "opnai"\n'
        '[[providers]]\nname = "b"\npreset = "zzzzzz"\n'
        '[[providers]]\nname = "c"\npreset = "openai"\nbase_url = "ftp://x"\n'
        '[[providers]]\nname = "d"\npreset = "openai-compatible"\n'
        '[[providers]]\nname = "e"\n'
        '[[providers]]\nname = "f"\npreset = "openai"\napi_key = "sk-canary"\n'
    )
    with pytest.raises(SetupError) as caught:
        read_deployment(path)
    text = str(caught.value)
    for said in (
        "[server]: port: must be",
        '"opnai" is no preset; did you mean openai?',
        '"zzzzzz" is no preset; there are: ',
        '(name "c"): api_key: is missing',
        '(name "c"): base_url: must start with https:// or http://',
        '(name "d"): base_url: is missing',
        '(name "e"): preset: is missing',
        '(name "f"): api_key: a secret does not stand in this file',
    ):
        assert said in text
    assert len(caught.value.mistakes) == 8
    assert "canary" not in text


def test_the_local_model_is_a_provider_with_a_model_of_its_own() -> None:
    settings = Settings(local_model=LocalModelSettings(enabled=True, port=4321))
    catalog = load_catalog(settings)
    assert catalog.providers["local"].home.origin.port == 4321
    (model,) = catalog.models.values()
    assert (model.id, model.targets[0].model_routed, model.context_tokens) == (MODEL_ID, MODEL_ID, CONTEXT_TOKENS)
    assert model.targets[0].card is not None


def test_a_target_at_a_local_model_that_cannot_run_falls_away(path: Path) -> None:
    local = '{ provider = "local", model = "smollm2-135m-instruct" }'
    path.write_text(
        "[local_model]\nenabled = true\n"
        + FILE
        + f'[[models]]\nid = "small"\ntargets = [{local}]\n'
        + f'[[models]]\nid = "some"\ntargets = [{local}, {{ provider = "acme", model = "x" }}]\n'
    )
    deployment = read_deployment(path)
    assert {"small", "some", MODEL_ID} <= deployment.catalog.models.keys()
    without = deploy(msgspec.structs.replace(deployment.settings, local_model=LocalModelSettings()))
    assert "small" not in without.catalog.models
    assert [target.provider.name for target in without.catalog.models["some"].targets] == ["acme"]


def test_the_operators_own_model_takes_the_place_of_the_local_one(path: Path) -> None:
    entry = f'[[models]]\nid = "{MODEL_ID}"\ntargets = [{{ provider = "acme", model = "mine" }}]\n'
    path.write_text("[local_model]\nenabled = true\n" + FILE + entry)
    assert read_deployment(path).catalog.models[MODEL_ID].targets[0].model_routed == "mine"


def test_a_brand_is_its_preset_with_what_the_operator_overrides() -> None:
    assert brands_of(Settings()).default.key_prefix == "tw-"
    brand = brands_of(Settings(brand=BrandSettings(name="Ours", key_prefix="our-"))).default
    assert (brand.name, brand.key_prefix, brand.header_prefix) == ("Ours", "our-", "x-tollway")


@pytest.mark.parametrize(
    ("text", "origin", "prefix"),
    [
        ("https://API.example.com/v1", (Scheme.HTTPS, "api.example.com", 443), "/v1"),
        ("http://127.0.0.1:8080", (Scheme.HTTP, "127.0.0.1", 8080), ""),
        ("http://[fe80::1]/a/b//", (Scheme.HTTP, "fe80::1", 80), "/a/b"),
    ],
)
def test_a_base_url_is_an_origin_and_a_prefix(text: str, origin: tuple[Scheme, str, int], prefix: str) -> None:
    found, path_prefix = parse_base_url(text, reach=Reach.PUBLIC)
    assert (found.scheme, found.host, found.port, found.reach) == (*origin, Reach.PUBLIC)
    assert path_prefix == prefix


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api.example.com/v1",
        "//api.example.com",
        "ftp://x",
        "file:///etc/passwd",
        "https://",
        "https://:443/v1",
        "https://user:canary@host/v1",
        "https://canary@host/v1",
        "https://host/v1?canary",
        "https://host/v1?",
        "https://host/v1#",
        "https://host:99999/",
        "https://host:x/",
        "https://[::1/",
        "https://[::1%25eth0]/",
        "https://ho st/",
        "https://höst/",
        "https://host/\r\nX: y",
        "https://ho$t/",
    ],
)
def test_what_is_no_base_url_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(BaseUrlError) as caught:
        parse_base_url(text, reach=Reach.PUBLIC)
    assert "canary" not in str(caught.value)


def test_the_librarys_dollars_need_a_rate_where_accounts_have_none(catalog: Catalog) -> None:
    def price(rates: RateTable) -> Priced:
        return Pricing(rates=rates, library=PriceLibrary(0)).price(catalog.providers["oa"], "gpt-4o", ())

    refused = price(RateTable("CNY", {}))
    assert refused.cards.card is None
    assert 'set [billing] rates = { USD = "…" }, which is what one USD costs in CNY' in refused.reason
    card = price(RateTable("CNY", {"USD": 7_200_000_000})).cards.card
    assert card is not None
    assert card.currency == "USD"


PRICED = """\
[billing]
currency = "CNY"
rates = { USD = "7.2" }
timezone = "Asia/Shanghai"

[[providers]]
name = "acme"
preset = "openai-compatible"
base_url = "http://x/v1"

[[models]]
id = "dated"
targets = [{ provider = "acme", model = "a" }]
price = [
    { input = "2", output = "4", from = "2027-01-01", image = "0.04", call = "0.001", batch = "50%" },
    { input = "1", output = "2" },
    { input = "3", output = "6", from = 2027-02-01T00:00:00Z, currency = "USD" },
]
markup = "20%"

[[models]]
id = "tiered"
targets = [{ provider = "acme", model = "b" }]
price = { input = "1", output = "2", cached_input = "0.5", tiers = [{ above = 200000, input = "2", cache_write_5m = "3" }] }
discount = "10%"
"""


def test_what_an_operator_says_of_prices_stands_on_the_cards(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now_ms", lambda: NEW_YEAR_2027_MS - 1)
    path.write_text(PRICED)
    deployment = read_deployment(path)
    dated, tiered = deployment.catalog.models["dated"], deployment.catalog.models["tiered"]
    assert (dated.price_ppm, tiered.price_ppm) == (1_200_000, 900_000)
    (target,) = dated.targets
    assert target.card is not None
    assert (target.card.input, target.card.currency, target.card.valid_from_ms) == (10**9, "CNY", None)
    january, february = target.later_cards
    assert (january.valid_from_ms, january.image, january.call) == (NEW_YEAR_2027_MS, 4 * 10**13, 10**12)
    assert (january.batch_ppm, january.currency, february.currency) == (500_000, "CNY", "USD")
    (card,) = [target.card for target in tiered.targets]
    assert card is not None
    (tier,) = card.tiers
    assert (tier.above_tokens, tier.input, tier.output, tier.cached_input) == (200_000, 2 * 10**9, 2 * 10**9, 5 * 10**8)
    assert (tier.cache_write_5m, card.cache_write_5m) == (3 * 10**9, None)
    assert deployment.rates.rate_nanos("USD", "CNY") == 7_200_000_000


def test_prices_that_are_superseded_are_gone_and_prices_to_come_are_no_price_yet(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text(PRICED)
    monkeypatch.setattr(clock, "now_ms", lambda: NEW_YEAR_2027_MS)
    (target,) = read_deployment(path).catalog.models["dated"].targets
    assert (target.card and target.card.input, len(target.later_cards)) == (2 * 10**9, 1)
    path.write_text(PRICED.replace('    { input = "1", output = "2" },\n', ""))
    monkeypatch.setattr(clock, "now_ms", lambda: NEW_YEAR_2027_MS - 1)
    catalog = read_deployment(path).catalog
    assert catalog.models["dated"].targets[0].card is None
    assert catalog.unpriced["dated"] == ("its price begins later",)


def test_a_price_in_a_currency_without_a_rate_is_a_mistake(path: Path) -> None:
    path.write_text(PRICED.replace('rates = { USD = "7.2" }\n', ""))
    with pytest.raises(SetupError) as caught:
        read_deployment(path)
    (said,) = caught.value.mistakes
    assert '(id "dated"): price: currency: USD needs a rate of exchange: [billing] rates = { USD = "…" }' in said


def test_the_list_shows_each_model_with_prices_as_exact_decimals(catalog: Catalog) -> None:
    listing = Listing(catalog)
    both, fast = listing.entries()
    assert fast["pricing"] == {
        "currency": "USD",
        "per_tokens": "1000000",
        "input": "0.15",
        "output": "0.60",
        "cached_input": "0.075",
        "prompt": "0.00000015",
        "completion": "0.0000006",
    }
    assert (fast["object"], fast["owned_by"], fast["id"]) == ("model", "acme", "fast")
    assert both["pricing"] is None
    cheap = listing.entry("any/cheap/x")
    assert cheap is not None
    assert (cheap["context_length"], cheap["capabilities"], cheap["max_output_tokens"]) == (10, ["chat"], 5)
    assert listing.entry("nope") is None
    assert listing.suggest("fats") == ("fast",)
    rows = price_rows(catalog.models["both"], now_ms=clock.now_ms())
    assert [row["price_card"] is None for row in rows if row.get("from") is None] == [False, True]


def test_a_free_model_costs_nothing_rather_than_being_unknown(catalog: Catalog) -> None:
    pricing = Pricing(rates=RateTable("USD", {}), library=PriceLibrary(0))
    free = Sketch(
        id="f",
        targets=((catalog.providers["acme"], "f", 1),),
        prices=(Prices(currency="USD", input=0, output=0),),
    )
    model, reasons = free.fill("f", pricing)
    assert (model.targets[0].card is not None, reasons) == (True, ())


def test_the_price_library_is_imported_only_when_a_price_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text(FILE[: FILE.index('[[models]]\nid = "both"')])
    program = (
        "import sys; from pathlib import Path; from tollway.catalog.loader import read_deployment\n"
        "catalog = read_deployment(Path(sys.argv[1])).catalog\n"
        "catalog.resolve('fast'); assert 'genai_prices' not in sys.modules\n"
        "catalog.warm(); assert 'genai_prices.data' in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env={"TOLLWAY_TEST_KEY": "k", "PYTHONPATH": ":".join(sys.path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_deployment_without_library_prices_never_warms_it(path: Path) -> None:
    path.write_text('[[providers]]\nname = "acme"\npreset = "openai-compatible"\nbase_url = "http://x/v1"\n')
    catalog = read_deployment(path).catalog
    catalog.warm()
    assert catalog._pricing.library.__dict__.keys().isdisjoint({"source", "_providers"})
