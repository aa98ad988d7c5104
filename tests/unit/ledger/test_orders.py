"""Orders: amounts in coins, what must agree before money moves, and the state that refunds and disputes leave."""

from typing import Any

import msgspec
import pytest

from tollway.ledger.orders import (
    Claim,
    ClaimKind,
    ClaimState,
    Order,
    OrderKind,
    OrderState,
    PaymentNotice,
    PaymentOutcome,
    Said,
    claim_differences,
    from_minor,
    payment_differences,
    state_after_claims,
    to_minor,
)
from tollway.money import NANOS_PER_UNIT

ORDER = Order(
    id=1,
    account_id=2,
    kind=OrderKind.TOPUP,
    amount_nanos=10 * NANOS_PER_UNIT,
    currency="USD",
    provider_ref="cs_1",
    payment_ref="pi_1",
    created_ms=1,
)
PAID = PaymentNotice(
    about=Said.PAGE,
    outcome=PaymentOutcome.PAID,
    order_id=1,
    account_id=2,
    provider_ref="cs_1",
    payment_ref="pi_1",
    amount_minor=1000,
    currency="USD",
)


def claim(units: int, kind: ClaimKind = ClaimKind.REFUND, state: ClaimState = ClaimState.TAKEN) -> Claim:
    return Claim(
        id=f"re_{units}",
        kind=kind,
        payment_ref="pi_1",
        order_id=1,
        amount_nanos=units * NANOS_PER_UNIT,
        currency="USD",
        state=state,
        created_ms=1,
    )


@pytest.mark.parametrize(
    ("nanos", "currency", "coins"),
    [(12_340_000_000, "USD", 1234), (10_000_000, "CNY", 1), (1_000_000, "USD", None), (1, "CNY", None)],
)
def test_payments_are_whole_coins(nanos: int, currency: str, coins: int | None) -> None:
    assert to_minor(nanos, currency) == coins
    if coins is not None:
        assert from_minor(coins, currency) == nanos


def test_a_currency_without_known_coins_is_none_that_payments_take() -> None:
    assert to_minor(NANOS_PER_UNIT, "EUR") is None
    assert from_minor(100, "EUR") is None


def test_a_notice_that_agrees_differs_in_nothing() -> None:
    assert payment_differences(ORDER, PAID) == ()


def test_references_that_we_never_heard_of_are_taken_from_the_notice() -> None:
    unheard = msgspec.structs.replace(ORDER, provider_ref=None, payment_ref=None)
    assert payment_differences(unheard, PAID) == ()
    assert payment_differences(ORDER, msgspec.structs.replace(PAID, payment_ref=None)) == ()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"account_id": 3}, "it names another account than the order's"),
        ({"provider_ref": "cs_2"}, "it is about cs_2, the order is paid by cs_1"),
        ({"payment_ref": "pi_2"}, "its payment is pi_2, the order's is pi_1"),
        ({"currency": "CNY"}, "it is in CNY, the order in USD"),
        ({"currency": ""}, "it is in no currency, the order in USD"),
        ({"amount_minor": 999}, "it is about 999 of the smallest coins, the order about 10.00 USD"),
        ({"amount_minor": None}, "it is about None of the smallest coins, the order about 10.00 USD"),
    ],
)
def test_lesson_67_each_difference_of_a_payment_is_named(changed: dict[str, Any], said: str) -> None:
    assert payment_differences(ORDER, msgspec.structs.replace(PAID, **changed)) == (said,)


def test_lesson_67_an_expired_order_is_not_paid() -> None:
    expired = msgspec.structs.replace(ORDER, state=OrderState.EXPIRED)
    assert payment_differences(expired, PAID) == ("the order has expired",)
    failed = msgspec.structs.replace(PAID, outcome=PaymentOutcome.FAILED)
    assert payment_differences(expired, failed) == ()


def test_a_claim_stays_within_what_was_paid() -> None:
    assert claim_differences(ORDER, claim(4), [claim(6)]) == ()
    assert claim_differences(ORDER, claim(4), [claim(7)]) == (
        "with re_4, 11.00 would be taken back of an order of 10.00 USD",
    )


def test_claims_that_take_nothing_and_the_claim_itself_do_not_count_against_it() -> None:
    assert claim_differences(ORDER, claim(4), [claim(7, state=ClaimState.RETURNED), claim(4)]) == ()


def test_a_claim_is_in_the_currency_of_what_was_paid() -> None:
    other = msgspec.structs.replace(claim(4), currency="CNY")
    assert claim_differences(ORDER, other, []) == ("re_4 is in CNY, the order in USD",)


@pytest.mark.parametrize(
    ("claims", "state"),
    [
        ([], OrderState.PAID),
        ([claim(4)], OrderState.PAID),
        ([claim(4), claim(6, state=ClaimState.OWED)], OrderState.REFUNDED),
        ([claim(10, state=ClaimState.RETURNED)], OrderState.PAID),
        ([claim(10, state=ClaimState.VOID)], OrderState.PAID),
        ([claim(1, ClaimKind.DISPUTE, ClaimState.TAKING)], OrderState.DISPUTED),
        ([claim(10), claim(1, ClaimKind.DISPUTE)], OrderState.DISPUTED),
        ([claim(10, ClaimKind.DISPUTE, ClaimState.RETURNED)], OrderState.PAID),
    ],
)
def test_what_was_taken_back_is_the_state_of_an_order(claims: list[Claim], state: OrderState) -> None:
    assert state_after_claims(ORDER, claims) is state
    assert claim(4).rest_nanos == 4 * NANOS_PER_UNIT
