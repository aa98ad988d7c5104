"""What pays for a request, and how much of a package it takes, under whatever name its model is asked for."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tollway.access.principal import BillingMode, Principal
from tollway.access.terms import PackageTerms, PackageUnit
from tollway.catalog.catalog import Catalog
from tollway.catalog.loader import read_deployment
from tollway.ledger.lines import NOBODY
from tollway.limits.windows import WindowClock
from tollway.relay.funding import Funds

FILE = """\
[[providers]]
name = "acme"
preset = "openai-compatible"
base_url = "http://127.0.0.1:9000/v1"

[[models]]
id = "big"
targets = [{ provider = "acme", model = "big-1" }]
price = { input = "10", output = "50" }

[[models]]
id = "small"
targets = [{ provider = "acme", model = "small-1" }]
price = { input = "1", output = "5" }
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    path = tmp_path / "tollway.toml"
    path.write_text(FILE)
    return read_deployment(path).catalog


@pytest.mark.parametrize(
    ("models", "asked", "ratio_ppm"),
    [
        ((("big", 50_000_000), ("*", 1_000_000)), "big", 50_000_000),
        ((("big", 50_000_000), ("*", 1_000_000)), "acme/big-1", 50_000_000),
        ((("big", 50_000_000), ("*", 1_000_000)), "acme/small-1", 1_000_000),
        ((("acme/*", 3_000_000),), "acme/big-1", 3_000_000),
        ((("acme/*", 3_000_000), ("big", 2_000_000)), "acme/big-1", 3_000_000),
        ((), "acme/big-1", 1_000_000),
    ],
)
def test_a_model_takes_no_less_of_a_package_by_another_name(
    models: tuple[tuple[str, int], ...], asked: str, ratio_ppm: int, catalog: Catalog
) -> None:
    package = PackageTerms(package_id=9, name="Five hundred", unit=PackageUnit.TOKENS, models=models)
    principal = Principal(key_id=1, account_id=2, billing=BillingMode.PACKAGE, package=package)
    funds = Funds(fee_ppm=0, rates=catalog.rates, windows=WindowClock(ZoneInfo("UTC")))
    model = catalog.resolve(asked)
    assert model is not None
    assert funds.find(principal, model, NOBODY, now_ms=0).ratio_ppm == ratio_ppm
