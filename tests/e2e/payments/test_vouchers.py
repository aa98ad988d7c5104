"""Vouchers: worth their amount once, to whoever has the code; and nothing moves for any that is not good."""

import threading

import pytest
from sqlalchemy import select

from tests.e2e.payments.conftest import UNIT, Shop
from tollway.billing.vouchers import BATCH_MAX, EXPIRES_MS_MAX, NewVouchers
from tollway.errors import CommandRefused
from tollway.ids import VOUCHER, render_id
from tollway.ledger.records import Transfer, TransferKind
from tollway.ledger.vouchers import VoucherState
from tollway.money import AMOUNT_NANOS_MAX
from tollway.store.tables import metadata

THREADS = 32


def made(
    shop: Shop, count: int = 1, *, batch: str = "spring", amount_nanos: int = 5 * UNIT, **more: object
) -> list[str]:
    """Make a batch; return its codes."""
    new = NewVouchers(batch=batch, amount_nanos=amount_nanos, currency="USD", count=count, **more)  # type: ignore[arg-type]
    return [code for _, code in shop.vouchers.create(new)]


def test_a_voucher_puts_its_amount_onto_an_account(shop: Shop) -> None:
    (code,) = made(shop)
    transfer = shop.vouchers.redeem(shop.account.id, code)
    (voucher,) = shop.vouchers.list("spring")
    assert shop.balance() == 5 * UNIT
    assert (transfer.kind, transfer.debit_account) == (TransferKind.VOUCHER, "funding:voucher")
    assert transfer.reference == render_id(VOUCHER, voucher.id)
    assert shop.transfers() == [transfer]
    assert (voucher.account_id, voucher.transfer_id) == (shop.account.id, transfer.id)
    assert voucher.state(shop.now_ms) is VoucherState.REDEEMED
    assert code.endswith(voucher.hint.removeprefix("..."))


def test_a_code_may_be_typed_as_people_type(shop: Shop) -> None:
    (code,) = made(shop)
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    shop.vouchers.redeem(shop.account.id, f" {typed} ")
    assert shop.balance() == 5 * UNIT


def test_a_voucher_that_many_redeem_at_once_is_worth_its_amount_once(shop: Shop) -> None:
    (code,) = made(shop)
    others = [shop.account, *(shop.accounts.create(f"other {number}") for number in range(3))]
    start = threading.Barrier(THREADS)
    done: list[Transfer] = []
    refused: list[str] = []

    def redeem(number: int) -> None:
        start.wait()
        try:
            done.append(shop.vouchers.redeem(others[number % len(others)].id, code))
        except CommandRefused as error:
            refused.append(str(error))

    threads = [threading.Thread(target=redeem, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert refused == ["this voucher was redeemed before: nothing was credited"] * (THREADS - 1)
    assert sum(shop.accounts.balance(account.id).balance_nanos for account in others) == 5 * UNIT


def test_a_voucher_that_is_not_good_says_why_and_moves_nothing(shop: Shop) -> None:
    (expiring,) = made(shop, batch="expiring", expires_ms=shop.now_ms + 1000)
    (revoked,) = made(shop, batch="revoked")
    (foreign,) = [
        code for _, code in shop.vouchers.create(NewVouchers(batch="yuan", amount_nanos=UNIT, currency="CNY"))
    ]
    (too_much,) = made(shop, batch="too much", amount_nanos=AMOUNT_NANOS_MAX)
    shop.accounts.credit(shop.account.id, UNIT, "its own money")
    assert shop.vouchers.revoke("revoked") == 1
    shop.now_ms += 1000
    for code, said in (
        (expiring, "this voucher has expired: nothing was credited"),
        (revoked, "this voucher was revoked: nothing was credited"),
        (foreign, "this voucher is in CNY, and the account in USD"),
        (too_much, "would exceed the largest balance kept"),
        (revoked.replace(revoked[0], "X" if revoked[0] != "X" else "Y", 1), "there is no voucher with this code"),
        ("1234", "this is not a voucher code: one has 28 letters and digits"),
        ("Ü" * 28, "this is not a voucher code"),
        ("", "this is not a voucher code"),
    ):
        with pytest.raises(CommandRefused, match=said):
            shop.vouchers.redeem(shop.account.id, code)
    with pytest.raises(CommandRefused, match="there is no account"):
        shop.vouchers.redeem(1, too_much)
    assert shop.balance() == UNIT
    assert shop.vouchers.list("too much")[0].state(shop.now_ms) is VoucherState.GOOD


def test_a_voucher_is_good_until_the_moment_it_expires(shop: Shop) -> None:
    (code,) = made(shop, expires_ms=shop.now_ms + 1000)
    shop.now_ms += 999
    shop.vouchers.redeem(shop.account.id, code)
    assert shop.balance() == 5 * UNIT


def test_a_batch_is_made_whole_with_codes_that_are_all_different(shop: Shop) -> None:
    codes = made(shop, BATCH_MAX)
    assert len(set(codes)) == len(shop.vouchers.list(limit=BATCH_MAX)) == BATCH_MAX
    assert shop.vouchers.revoke("spring") == BATCH_MAX


def test_no_code_is_stored(shop: Shop) -> None:
    codes = made(shop, 3)
    shop.vouchers.redeem(shop.account.id, codes[0])
    with shop.store._reading() as connection:
        kept = "\n".join(str(row) for table in metadata.tables.values() for row in connection.execute(select(table)))
    assert "spring" in kept
    for code in codes:
        assert code not in kept
        assert code.replace("-", "") not in kept


def test_what_was_redeemed_stays_so_when_its_batch_is_revoked(shop: Shop) -> None:
    codes = made(shop, 3)
    shop.vouchers.redeem(shop.account.id, codes[0])
    assert shop.vouchers.revoke("spring") == 2
    assert shop.vouchers.revoke("spring") == 0
    assert shop.balance() == 5 * UNIT
    assert sorted(voucher.state(shop.now_ms) for voucher in shop.vouchers.list()) == ["redeemed", "revoked", "revoked"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"count": 0}, "a batch has 1 to 10000 vouchers"),
        ({"count": BATCH_MAX + 1}, "a batch has 1 to 10000 vouchers"),
        ({"amount_nanos": 0}, "an amount must be above zero"),
        ({"amount_nanos": -UNIT}, "an amount must be above zero"),
        ({"amount_nanos": AMOUNT_NANOS_MAX + 1}, "an amount must be above zero"),
        ({"batch": " "}, "a name has 1 to 200"),
        ({"expires_ms": 1}, "vouchers must expire in the future"),
        ({"expires_ms": EXPIRES_MS_MAX + 1}, "and before the year 10000"),
        ({"currency": "XYZ"}, "is not a currency"),
    ],
)
def test_a_batch_that_makes_no_sense_is_not_made(shop: Shop, fields: dict[str, object], said: str) -> None:
    whole: dict[str, object] = {"batch": "spring", "amount_nanos": UNIT, "currency": "USD"}
    with pytest.raises(CommandRefused, match=said):
        shop.vouchers.create(NewVouchers(**{**whole, **fields}))  # type: ignore[arg-type]
    assert shop.vouchers.list() == ()


def test_batches_have_names_of_their_own(shop: Shop) -> None:
    made(shop)
    with pytest.raises(CommandRefused, match="there is a batch 'spring' already"):
        made(shop)
    with pytest.raises(CommandRefused, match="there is no batch 'autumn'"):
        shop.vouchers.revoke("autumn")
    with pytest.raises(CommandRefused, match="a listing has 1 to 10000 vouchers"):
        shop.vouchers.list(limit=0)
    assert len(shop.vouchers.list()) == 1
