"""What currencies cost in each other."""

import pytest

from tollway.catalog.rates import RateTable
from tollway.errors import Refusal
from tollway.money import NANOS_PER_UNIT

RATES = RateTable("CNY", {"USD": 7_200_000_000, "XTS": 3_000_000_000})


def test_the_same_currency_needs_no_rate() -> None:
    assert RATES.rate_nanos("CNY", "CNY") is None
    assert RATES.rate_nanos("EUR", "EUR") is None


def test_a_rate_holds_in_both_directions_rounded_up() -> None:
    assert RATES.rate_nanos("USD", "CNY") == 7_200_000_000
    assert RATES.rate_nanos("CNY", "USD") == 138_888_889


def test_two_others_are_exchanged_through_the_deployments_currency() -> None:
    assert RATES.rate_nanos("USD", "XTS") == 2_400_000_000
    assert RATES.rate_nanos("XTS", "USD") == 416_666_667


def test_what_can_be_exchanged_is_what_accounts_may_be_in() -> None:
    assert RATES.currencies == ("CNY", "USD", "XTS")
    assert RateTable("USD", {}).currencies == ("USD",)


@pytest.mark.parametrize(
    ("card", "account", "named"), [("EUR", "CNY", "EUR"), ("CNY", "EUR", "EUR"), ("EUR", "USD", "EUR")]
)
def test_a_missing_rate_is_refused_with_what_to_configure(card: str, account: str, named: str) -> None:
    with pytest.raises(Refusal) as caught:
        RATES.rate_nanos(card, account)
    assert caught.value.code == "model_not_allowed"
    assert f"price of this model is in {card}, the account in {account}" in caught.value.message
    assert f'[billing] rates = {{ {named} = "…" }}, which is what one {named} costs in CNY' in caught.value.message


def test_there_and_back_never_loses_money() -> None:
    there, back = RATES.rate_nanos("USD", "CNY"), RATES.rate_nanos("CNY", "USD")
    assert there is not None
    assert back is not None
    assert there * back >= NANOS_PER_UNIT**2
