"""Brands: five presets, what the operator overrides, and what is a mistake."""

from pathlib import Path

import pytest

from tollway.errors import SetupError
from tollway.money import parse_rate
from tollway.settings import BillingSettings, Settings, brands_of, load_settings
from tollway.settings.brand import Brand, ToldAs, UsageChunk, brand_names, header_prefixes, read_brand

PRESETS = ("aigateway", "gogpu", "gonkagate", "ingate", "tollway")


def settings_of(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "tollway.toml"
    file.write_text(text)
    return load_settings(file)


def test_the_four_services_have_a_preset_beside_our_own() -> None:
    assert brand_names() == PRESETS
    assert header_prefixes() == ("x-aig", "x-gogpu", "x-gonkagate", "x-ingate", "x-tollway")
    with pytest.raises(KeyError):
        read_brand("../brands/tollway")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_complete(preset: str) -> None:
    brand = read_brand(preset)
    assert brand.preset == preset
    assert brand.logo.startswith("<svg ")
    assert brand.name
    assert brand.stream_usage is UsageChunk.LAST_CHOICE
    assert brand.platform_fee_ppm == parse_rate(brand.platform_fee)


@pytest.mark.parametrize(
    ("preset", "keys", "management", "currency", "fee_ppm"),
    [
        ("tollway", "tw-", "tw-mgmt-", "USD", 0),
        ("gonkagate", "gp-", "gpm-", "USD", 100_000),
        ("gogpu", "sk-", "skm-", "CNY", 0),
        ("ingate", "sk-ingate-", "sk-ingate-mgmt-", "USD", 0),
        ("aigateway", "sk-aig-", "sk-aig-mgmt-", "USD", 50_000),
    ],
)
def test_keys_currency_and_fee_are_the_services(
    preset: str, keys: str, management: str, currency: str, fee_ppm: int
) -> None:
    brand = read_brand(preset)
    assert (brand.key_prefix, brand.management_key_prefix) == (keys, management)
    assert (brand.currency, brand.platform_fee_ppm) == (currency, fee_ppm)


def test_what_billing_leaves_open_is_the_brands(tmp_path: Path) -> None:
    billing = settings_of(tmp_path, '[brand]\npreset = "gogpu"').billing
    assert (billing.currency, billing.platform_fee_ppm, billing.timezone) == ("CNY", 0, "Asia/Shanghai")
    assert settings_of(tmp_path, '[brand]\npreset = "aigateway"').billing.platform_fee_ppm == 50_000
    said = '[brand]\npreset = "gogpu"\n[billing]\ncurrency = "CNY"\nplatform_fee = "1%"\ntimezone = "UTC"'
    billing = settings_of(tmp_path, said).billing
    assert (billing.currency, billing.platform_fee_ppm, billing.timezone) == ("CNY", 10_000, "UTC")
    assert settings_of(tmp_path, "").billing == BillingSettings()


def test_any_field_can_be_overridden(tmp_path: Path) -> None:
    text = """
    [brand]
    preset = "ingate"
    name = "Ours"
    logo = "<svg/>"
    key_prefix = "our-"
    management_key_prefix = "ourm-"
    header_prefix = "x-our"
    hosts = ["our.example", "[::1]"]
    error_members = { ok = false }
    refusals = { cap_reached = { status = 402 } }
    cost_cents_header = "x-cost"
    stream_usage = "own_chunk"
    currency = "CNY"
    platform_fee = "3%"
    timezone = "Europe/Berlin"
    """
    settings = settings_of(tmp_path, text)
    assert brands_of(settings).default == Brand(
        preset="ingate",
        name="Ours",
        logo="<svg/>",
        key_prefix="our-",
        management_key_prefix="ourm-",
        header_prefix="x-our",
        hosts=("our.example", "[::1]"),
        error_members={"ok": False},
        refusals={"cap_reached": ToldAs(status=402)},
        cost_cents_header="x-cost",
        stream_usage=UsageChunk.OWN_CHUNK,
        currency="CNY",
        platform_fee="3%",
        timezone="Europe/Berlin",
    )
    assert settings.billing == BillingSettings(currency="CNY", platform_fee_ppm=30_000, timezone="Europe/Berlin")


def test_several_brands_share_a_deployment(tmp_path: Path) -> None:
    text = '[[brands]]\npreset = "ingate"\nhosts = ["in.example"]\n[[brands]]\npreset = "gogpu"\nhosts = ["g.example"]'
    brands = brands_of(settings_of(tmp_path, text))
    assert [brand.preset for brand in brands.all] == ["tollway", "ingate", "gogpu"]
    assert brands.named("gogpu").currency == "CNY"
    assert brands.named(None) is brands.named("gone") is brands.default


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ('[brand]\npreset = "ingat"', '[brand]: preset: "ingat" is no preset; did you mean ingate?'),
        ('[brand]\npreset = "qqq"', "there are: aigateway, gogpu, gonkagate, ingate, tollway"),
        ('[[brands]]\npreset = "ingate"', "[[brands]] 1: hosts: is missing"),
        (
            '[brand]\nhosts = ["a.example"]\n[[brands]]\npreset = "ingate"\nhosts = ["a.example"]',
            "[[brands]] 1: hosts: a.example is a host of [brand] already",
        ),
        ('[[brands]]\nhosts = ["a.example"]', '[[brands]] 1: preset: "tollway" stands twice'),
        ('[brand]\nhosts = "a.example"', "[brand]: hosts: must be a list of host names"),
        ('[brand]\nhosts = ["A.example"]', "in lower case, not 'A.example'"),
        ('[brand]\nhosts = ["a.example:8080/x"]', "[brand]: hosts: must be a list of host names"),
        ('[brand]\nerror_members = { error = "x" }', "[brand]: error_members: cannot have a member error"),
        ("[brand]\nerror_members = 7", "[brand]: error_members: must be a table"),
        ("[brand]\nrefusals = { nope = { status = 402 } }", "[brand]: refusals: there is no code nope"),
        ('[brand]\nplatform_fee = "x"', "[brand]: platform_fee: "),
        ('[brand]\ncost_cents_header = "X Cost"', "[brand]: cost_cents_header: must be a header name in lower case"),
    ],
)
def test_a_mistake_in_a_brand_is_told(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(SetupError) as told:
        settings_of(tmp_path, text)
    assert mistake in str(told.value)
