"""What people see of payments: amounts as exact decimals, what was taken back and is owed, and no secret."""

import csv
import io

import msgspec
import pytest

from tollway.billing.payment_views import view_auto_topup, view_receipt, view_voucher, vouchers_csv
from tollway.ledger.auto_topups import AutoTopup, AutoTopupState
from tollway.ledger.orders import (
    Claim,
    ClaimKind,
    ClaimState,
    Order,
    OrderKind,
    OrderState,
    PaidOrder,
    SavedCard,
)
from tollway.ledger.records import Account
from tollway.ledger.vouchers import Voucher
from tollway.money import NANOS_PER_UNIT as UNIT

PAID = PaidOrder(
    order=Order(
        id=7,
        account_id=5,
        kind=OrderKind.TOPUP,
        amount_nanos=10 * UNIT,
        currency="USD",
        state=OrderState.PAID,
        provider_ref="cs_1",
        payment_ref="pi_1",
        created_ms=0,
        paid_ms=1000,
    ),
    account=Account(id=5, name="Ada", currency="USD", created_ms=0),
    transfers=(),
    claims=(),
    package_id=None,
)
VOUCHER = Voucher(id=3, batch="b", hint="...ZZZZ", amount_nanos=UNIT, currency="USD", created_ms=0)


def claim(state: ClaimState, *, taken: int) -> Claim:
    return Claim(
        id="re_1",
        kind=ClaimKind.REFUND,
        payment_ref="pi_1",
        order_id=7,
        amount_nanos=4 * UNIT,
        taken_nanos=taken * UNIT,
        currency="USD",
        state=state,
        created_ms=0,
    )


def test_a_receipt_says_who_paid_how_much_for_what_and_when() -> None:
    receipt = view_receipt(PAID)
    assert receipt["receipt"] == "ord_0000000000000007"
    assert receipt["account"]["name"] == "Ada"  # type: ignore[index]
    assert (receipt["paid_amount"], receipt["returned_amount"], receipt["net_amount"]) == ("10.00", "0.00", "10.00")
    assert (receipt["currency"], receipt["paid"]) == ("USD", "1970-01-01T00:00:01.000Z")


@pytest.mark.parametrize(
    ("state", "taken", "returned", "owed"),
    [
        (ClaimState.TAKEN, 4, "4.00", "0.00"),
        (ClaimState.OWED, 1, "4.00", "3.00"),
        (ClaimState.TAKING, 1, "4.00", "3.00"),
        (ClaimState.RETURNED, 4, "0.00", "0.00"),
        (ClaimState.VOID, 0, "0.00", "0.00"),
    ],
)
def test_a_receipt_takes_off_what_went_back_to_the_payer(
    state: ClaimState, taken: int, returned: str, owed: str
) -> None:
    receipt = view_receipt(msgspec.structs.replace(PAID, claims=(claim(state, taken=taken),), package_id=9))
    (back,) = receipt["order"]["taken_back"]  # type: ignore[index]
    assert (receipt["returned_amount"], back["owed"]) == (returned, owed)
    assert receipt["order"]["package"] == "pkg_0000000000000009"  # type: ignore[index]


def test_a_voucher_is_shown_with_its_state_at_a_time() -> None:
    expiring = msgspec.structs.replace(VOUCHER, expires_ms=10)
    assert [view_voucher(expiring, now_ms=now_ms)["state"] for now_ms in (9, 10)] == ["good", "expired"]


@pytest.mark.parametrize("batch", ["=1+1", "+1", "-1", "@x"])
def test_a_spreadsheet_takes_no_name_of_a_batch_for_a_formula(batch: str) -> None:
    lines = vouchers_csv(((msgspec.structs.replace(VOUCHER, batch=batch), "CODE"),))
    (line,) = csv.DictReader(io.StringIO(lines))
    assert line["batch"] == f"'{batch}"


def test_a_name_with_commas_and_quotes_stays_one_cell() -> None:
    lines = vouchers_csv(((msgspec.structs.replace(VOUCHER, batch='a, "b"', expires_ms=0), "CODE"),))
    (line,) = csv.DictReader(io.StringIO(lines))
    assert (line["code"], line["batch"], line["expires"]) == ("CODE", 'a, "b"', "1970-01-01T00:00:00.000Z")


def test_an_automatic_top_up_is_shown_without_its_card() -> None:
    topup = AutoTopup(
        account_id=5,
        threshold_nanos=UNIT,
        amount_nanos=2 * UNIT,
        daily_max_nanos=10 * UNIT,
        card=SavedCard(customer_ref="cus_1", method_ref="pm_1"),
        state=AutoTopupState.CHARGING,
        order_id=7,
    )
    shown = view_auto_topup(topup, currency="USD")
    assert (shown["card_saved"], shown["order"], shown["state"]) == (True, "ord_0000000000000007", "charging")
    assert "cus_1" not in str(shown)
    assert "pm_1" not in str(shown)
