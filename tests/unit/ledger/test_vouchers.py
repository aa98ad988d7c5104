"""Voucher codes: made of random bits, read however people type them; and when a voucher is good."""

import pytest

from tollway.ledger.vouchers import (
    ALPHABET,
    CODE_BYTES,
    CODE_CHARS,
    Voucher,
    VoucherState,
    code_of,
    normal_code,
)

ZERO, ONES = code_of(bytes(CODE_BYTES)), code_of(b"\xff" * CODE_BYTES)


def test_a_code_is_groups_of_letters_that_nobody_takes_for_another() -> None:
    assert "-".join(["0000"] * 7) == ZERO
    assert "-".join(["ZZZZ"] * 7) == ONES
    assert len(ALPHABET) == len(set(ALPHABET)) == 32
    assert not set("ILOU") & set(ALPHABET)


def test_every_bit_of_a_code_counts() -> None:
    codes = {code_of((1 << bit).to_bytes(CODE_BYTES, "big")) for bit in range(CODE_CHARS * 5)}
    assert len(codes) == CODE_CHARS * 5


@pytest.mark.parametrize(
    ("typed", "counts"),
    [
        (ONES, "Z" * 28),
        (ONES.lower(), "Z" * 28),
        (f"\t {ONES.replace('-', ' ')}\n", "Z" * 28),
        ("o" * 28, "0" * 28),
        ("iIlL" * 7, "1" * 28),
        ("z" * 27, None),
        ("z" * 29, None),
        ("U" * 28, None),
        ("Ü" * 28, None),
        ("", None),
    ],
)
def test_a_code_is_read_however_it_is_typed(typed: str, counts: str | None) -> None:
    assert normal_code(typed) == counts


@pytest.mark.parametrize(
    ("redeemed_ms", "revoked_ms", "expires_ms", "state"),
    [
        (None, None, None, VoucherState.GOOD),
        (None, None, 11, VoucherState.GOOD),
        (None, None, 10, VoucherState.EXPIRED),
        (None, 5, 10, VoucherState.REVOKED),
        (5, None, 10, VoucherState.REDEEMED),
    ],
)
def test_a_voucher_is_good_until_something_happens_to_it(
    redeemed_ms: int | None, revoked_ms: int | None, expires_ms: int | None, state: VoucherState
) -> None:
    voucher = Voucher(
        id=1,
        batch="b",
        hint="...ZZZZ",
        amount_nanos=1,
        currency="USD",
        created_ms=1,
        redeemed_ms=redeemed_ms,
        revoked_ms=revoked_ms,
        expires_ms=expires_ms,
    )
    assert voucher.state(10) is state
