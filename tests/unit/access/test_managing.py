"""Whether a key may manage its account."""

import pytest

from tollway.access.limits import LimitScope, RateRule
from tollway.access.managing import ManagementAccess, Need, check_key_manages, check_management_key, limits_of
from tollway.access.principal import BillingMode, Principal
from tollway.access.terms import CapRule, CapScope, CapSpan
from tollway.errors import Refusal

CAP = CapRule(cap_id=1, scope=CapScope.KEY, subject="1", span=CapSpan.DAY, limit_nanos=1, alert_ppm=1)
LIMIT = RateRule(scope=LimitScope.KEY, subject="1", rpm=1)


def principal(**fields: object) -> Principal:
    """Return a principal."""
    return Principal(**({"key_id": 1, "account_id": 2} | fields))  # type: ignore[arg-type]


def code_of(principal: Principal, need: Need) -> str | None:
    """Return why a key may not, or None."""
    try:
        check_key_manages(principal, need)
    except Refusal as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize("access", ManagementAccess)
@pytest.mark.parametrize("need", Need)
def test_a_management_key_that_may_only_read_may_do_all_but_write(access: ManagementAccess, need: Need) -> None:
    refused = access is ManagementAccess.READ_ONLY and need in (Need.WRITE, Need.KEYS_WRITE)
    if refused:
        with pytest.raises(Refusal) as refusal:
            check_management_key(access, need)
        assert refusal.value.code == "not_permitted"
    else:
        check_management_key(access, need)


@pytest.mark.parametrize("need", [Need.KEYS_READ, Need.KEYS_WRITE])
def test_no_api_key_manages_keys(need: Need) -> None:
    assert code_of(principal(), need) == "invalid_api_key"


@pytest.mark.parametrize("need", [Need.OPEN, Need.KEY, Need.READ, Need.WRITE])
def test_an_unrestricted_key_may_see_and_change_its_account(need: Need) -> None:
    assert code_of(principal(tag="t", currency="CNY"), need) is None


@pytest.mark.parametrize(
    "limited",
    [
        {"sub_account_id": 7},
        {"models": ("m",)},
        {"sub_account_models": ("m",)},
        {"routes": ("chat",)},
        {"networks": ("10.0.0.0/8",)},
        {"billing": BillingMode.PACKAGE},
        {"expires_ms": 5},
        {"caps": (CAP,)},
        {"limits": (LIMIT,)},
    ],
)
def test_a_key_with_any_limit_sees_only_what_everybody_may(limited: dict[str, object]) -> None:
    limits = limits_of(principal(**limited))
    assert len(limits) == 1
    assert code_of(principal(**limited), Need.KEY) is None
    for need in (Need.READ, Need.WRITE):
        with pytest.raises(Refusal, match=limits[0]) as refused:
            check_key_manages(principal(**limited), need)
        assert refused.value.code == "not_permitted"
