"""What people see of products, packages, caps and sub-accounts."""

import pytest

from tollway.access.caps import Cap, CapUse
from tollway.access.terms import EACH, CapScope, CapSpan, PackageUnit
from tollway.billing.products import parse_models
from tollway.billing.terms_views import render_ratio, view_cap, view_cap_use, view_ratios
from tollway.billing.views import view_transfer
from tollway.errors import CommandRefused
from tollway.ledger.records import TOKENS, Transfer, TransferKind, package_leg, packages_issued
from tollway.money import AmountError


def cap(scope: CapScope, subject: str) -> Cap:
    """Return a cap of ten units."""
    return Cap(
        id=1,
        account_id=2,
        scope=scope,
        subject=subject,
        span=CapSpan.TOTAL,
        limit_nanos=10_000_000_000,
        alert_ppm=855_000,
        created_ms=0,
    )


@pytest.mark.parametrize(
    ("scope", "subject", "shown"),
    [
        (CapScope.ACCOUNT, "", None),
        (CapScope.KEY, "16", "key_0000000000000010"),
        (CapScope.SUB_ACCOUNT, "16", "sa_0000000000000010"),
        (CapScope.SUB_ACCOUNT, EACH, "*"),
        (CapScope.TAG, "16", "16"),
    ],
)
def test_a_cap_says_for_what_it_is(scope: CapScope, subject: str, shown: str | None) -> None:
    view = view_cap(cap(scope, subject))
    assert (view["subject"], view["alert"], view["limit"]) == (shown, "85.5%", "10.00")


def test_a_cap_of_each_shows_who_spent() -> None:
    use = CapUse(
        cap=cap(CapScope.END_USER, EACH), subject="ann", currency="CNY", spent_nanos=12_000_000_000, resets_ms=None
    )
    view = view_cap_use(use)
    assert (view["subject"], view["spent"], view["left"], view["resets"]) == ("ann", "12.00", "0.00", None)


@pytest.mark.parametrize(("ppm", "shown"), [(1_000_000, "1"), (500_000, "0.5"), (1, "0.000001"), (12_340_000, "12.34")])
def test_a_ratio_is_shown_exactly(ppm: int, shown: str) -> None:
    assert render_ratio(ppm) == shown


def test_models_are_read_as_they_are_shown() -> None:
    models = parse_models(" a=2, b/*=0.5 ,c")
    assert view_ratios(models) == [
        {"model": "a", "ratio": "2"},
        {"model": "b/*", "ratio": "0.5"},
        {"model": "c", "ratio": "1"},
    ]
    assert parse_models(" ") == ()
    with pytest.raises((AmountError, CommandRefused)):
        parse_models("a=")


def test_a_transfer_of_tokens_is_shown_in_tokens() -> None:
    transfer = Transfer(
        id=1,
        kind=TransferKind.GRANT,
        debit_account=packages_issued(PackageUnit.TOKENS),
        credit_account=package_leg(5),
        amount_nanos=2_500_000,
        currency=TOKENS,
        reason="r",
        created_ms=0,
    )
    assert view_transfer(transfer)["amount"] == "2.50"
