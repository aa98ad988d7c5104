"""Whether a key may be used, and for which model."""

import pytest

from tollway.access.decide import check_key, check_model, may_use
from tollway.access.principal import BillingMode, Principal
from tollway.access.terms import PackageTerms, PackageUnit
from tollway.errors import Refusal


def principal(**fields: object) -> Principal:
    """Return a principal."""
    return Principal(**({"key_id": 1, "account_id": 2} | fields))  # type: ignore[arg-type]


def test_a_good_key_passes() -> None:
    good = principal(expires_ms=11)
    assert check_key(good, now_ms=10) is good


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (None, "invalid_api_key"),
        (principal(expires_ms=10), "invalid_api_key"),
        (principal(account_suspended=True), "account_suspended"),
        (principal(sub_account_id=7, sub_account_suspended=True), "account_suspended"),
    ],
)
def test_an_unknown_or_expired_key_is_401_and_a_suspended_account_403(bad: Principal | None, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_key(bad, now_ms=10)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("models", "asked", "may"),
    [
        ((), "anything", True),
        (("a",), "a", True),
        (("a",), "A", False),
        (("a", "p/*"), "p/x", True),
        (("p/*",), "px", False),
        (("*",), "x", True),
    ],
)
def test_a_list_of_models_is_exact_but_for_a_final_star(models: tuple[str, ...], asked: str, may: bool) -> None:
    assert may_use(principal(models=models), asked) is may
    if may:
        check_model(principal(models=models), asked)
    else:
        with pytest.raises(Refusal, match="limited to"):
            check_model(principal(models=models), asked)


def test_a_key_of_a_sub_account_may_use_what_both_lists_admit() -> None:
    asks = principal(sub_account_id=7, models=("a*",), sub_account_models=("a1", "b"))
    assert [may_use(asks, model) for model in ("a1", "a2", "b")] == [True, False, False]
    with pytest.raises(Refusal, match=r"limited to a\*, within a1, b"):
        check_model(asks, "a2")


def test_a_package_key_may_use_what_both_its_list_and_its_package_cover() -> None:
    package = PackageTerms(package_id=5, name="p", unit=PackageUnit.TOKENS, models=(("a*", 1), ("b", 1)))
    asks = principal(billing=BillingMode.PACKAGE, package=package, models=("a1", "c"))
    assert [may_use(asks, model) for model in ("a1", "a2", "b", "c")] == [True, False, False, False]
    with pytest.raises(Refusal, match="limited to a1, c"):
        check_model(asks, "b")
    with pytest.raises(Refusal, match=r"package 'p' .pkg_0000000000000005. of this API key does not cover"):
        check_model(asks, "c")
