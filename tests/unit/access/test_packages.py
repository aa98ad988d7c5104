"""What packages are good for, and what their keys are told when they are not."""

import msgspec
import pytest

from tollway.access.packages import (
    ModelRatio,
    Package,
    PackageState,
    PackageUse,
    Product,
    deduction_ppm,
    model_not_covered,
    package_exhausted,
    package_expired,
    package_of,
    render_quantity,
    standing_of,
    terms_of,
)
from tollway.access.terms import PackageTerms, PackageUnit

PRODUCT = Product(
    id=1,
    name="Ten million",
    unit=PackageUnit.TOKENS,
    amount=10_000_000_000_000,
    models=(ModelRatio(model="gpt-4o", ratio_ppm=2_000_000), ModelRatio(model="gpt-*", ratio_ppm=500_000)),
    price_nanos=5_000_000_000,
    currency="CNY",
    validity_days=30,
    created_ms=0,
)


def package(**fields: object) -> Package:
    """Return a package of the product, bought at 1000."""
    made = package_of(PRODUCT, package_id=0xAB, account_id=2, bought_ms=1000, reference=None)
    return msgspec.structs.replace(made, **fields)


def test_a_package_has_the_terms_of_its_product_at_that_moment() -> None:
    bought = package()
    assert (bought.unit, bought.amount, bought.currency) == (PackageUnit.TOKENS, PRODUCT.amount, "CNY")
    assert bought.expires_ms == 1000 + 30 * 86_400_000
    forever = msgspec.structs.replace(PRODUCT, validity_days=None)
    assert package_of(forever, package_id=1, account_id=2, bought_ms=5, reference="ord_1").expires_ms is None


@pytest.mark.parametrize(
    ("model", "ratio_ppm"),
    [("gpt-4o", 2_000_000), ("gpt-4o-mini", 500_000), ("gpt-", 500_000), ("GPT-4o", None), ("claude", None)],
)
def test_the_first_model_that_matches_says_the_ratio(model: str, ratio_ppm: int | None) -> None:
    assert deduction_ppm(terms_of(package()), model) == ratio_ppm


def test_a_package_without_models_covers_all_at_their_full_count() -> None:
    assert deduction_ppm(PackageTerms(package_id=1, name="p", unit=PackageUnit.TOKENS), "anything") == 1_000_000


@pytest.mark.parametrize(
    ("fields", "left", "word"),
    [
        ({}, 1_000_000, "active"),
        ({}, 999_999, "exhausted"),
        ({"expires_ms": 5001}, 1_000_000, "active"),
        ({"expires_ms": 5000}, 1_000_000, "expired"),
        ({"state": PackageState.REFUNDED}, 1_000_000, "refunded"),
        ({"unit": PackageUnit.MONEY}, 1, "active"),
        ({"unit": PackageUnit.MONEY}, 0, "exhausted"),
    ],
)
def test_a_package_is_active_while_it_lasts_and_holds_a_whole_token(
    fields: dict[str, object], left: int, word: str
) -> None:
    assert standing_of(PackageUse(package=package(**fields), left=left), now_ms=5000) == word


@pytest.mark.parametrize(
    ("amount", "unit", "shown"),
    [
        (10_000_000_000_000, PackageUnit.TOKENS, "10000000"),
        (1_500_000, PackageUnit.TOKENS, "1.50"),
        (1, PackageUnit.TOKENS, "0.000001"),
        (0, PackageUnit.TOKENS, "0"),
        (1_500_000_000, PackageUnit.MONEY, "1.50"),
    ],
)
def test_what_a_package_holds_is_shown_exactly(amount: int, unit: PackageUnit, shown: str) -> None:
    assert render_quantity(amount, unit) == shown


def test_an_exhausted_and_an_expired_package_are_named() -> None:
    terms = terms_of(package())
    exhausted = package_exhausted(terms, left=1_500_000, needed=40_000_000)
    expired = package_expired(terms)
    for refused in (exhausted, expired):
        assert (refused.code, refused.facts.status, refused.facts.retry) == ("insufficient_quota", 429, False)
        assert "'Ten million' (pkg_00000000000000ab)" in refused.message
        assert refused.metadata is not None
        assert refused.metadata["package"] == "pkg_00000000000000ab"
    assert "1.50 tokens left" in exhausted.message
    assert "up to 40." in exhausted.message
    assert "expired" in expired.message


def test_a_model_that_a_package_does_not_cover_is_403_and_names_the_package() -> None:
    refused = model_not_covered(terms_of(package()), "claude")
    assert (refused.code, refused.facts.status, refused.param) == ("model_not_allowed", 403, "model")
    assert "'Ten million' (pkg_00000000000000ab)" in refused.message
    assert "gpt-4o, gpt-*" in refused.message
