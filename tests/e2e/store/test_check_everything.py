"""One change by hand to books in which everything happened, and the sentence that the check has for it."""

import pytest

from tests.e2e.store.conftest import Tamper
from tests.e2e.store.full_books import FullBooks
from tollway.store import check, check_sums, paging
from tollway.store.postgres.address import is_postgres
from tollway.store.store import Store

BOB = "(SELECT id FROM accounts WHERE name = 'Bob')"

TAMPERINGS = {
    # sums by hour
    "UPDATE usage_hours SET input_tokens = input_tokens + 1 WHERE base_nanos = 70": "has a sum of 71 input_tokens",
    "UPDATE usage_hours SET fee_nanos = 1 WHERE base_nanos = 70": "has a sum of 1 fee_nanos, its lines make 0",
    "UPDATE usage_hours SET package_paid_nanos = 0 WHERE base_nanos = 70": "has a sum of 0 package_paid_nanos",
    "DELETE FROM usage_hours WHERE base_nanos = 70": "but no sum in usage_hours",
    "UPDATE usage_hours SET session = 'x' WHERE base_nanos = 70": "has a sum in usage_hours, but no lines",
    "DELETE FROM exchanges WHERE outcome = 'failed'": "has a sum of 3 requests, its lines make 2",
    # what a line may say
    "UPDATE exchanges SET price_ppm = 2000000 WHERE base_nanos = 30": "its usage and price card make 60",
    "UPDATE exchanges SET fee_ppm = 500000 WHERE base_nanos = 30": "its base and rate make 15",
    "UPDATE exchanges SET rate_nanos = 1000000000 WHERE base_nanos = 30": "was charged at a rate of exchange",
    "UPDATE price_cards SET currency = 'CNY'": "was charged without a rate of exchange",
    'UPDATE price_cards SET tiers = \'[{"above_tokens":20,"input":3000000,"output":0}]\'': "price card make 90",
    "UPDATE exchanges SET images = 1000000, cache_write_1h_tokens = 1 WHERE base_nanos = 30": "price card make 31",
    "UPDATE exchanges SET base_nanos = 4611686018427387904 WHERE base_nanos = 30": "no proper base_nanos",
    "UPDATE exchanges SET caps = '[' WHERE caps IS NOT NULL": "no proper caps",
    "UPDATE exchanges SET lane = x'00' WHERE base_nanos = 30": "no proper lane",
    "UPDATE exchanges SET base_nanos = 30.5, fee_ppm = 0 WHERE base_nanos = 30": "no proper base_nanos",
    # packages
    "UPDATE exchanges SET package_micros = package_micros + 1 WHERE ratio_ppm > 0": "its usage and ratio make 10000000",
    "UPDATE exchanges SET package_micros = package_micros - 1 WHERE ratio_ppm > 0": "its transfers and exchanges make",
    "UPDATE exchanges SET ratio_ppm = NULL": "took tokens of a package without a ratio",
    "UPDATE exchanges SET base_nanos = 20 WHERE ratio_ppm > 0": "was paid in tokens, but was charged money too",
    "UPDATE exchanges SET package_id = NULL WHERE ratio_ppm > 0": "has a ratio of deduction, but no package",
    "UPDATE exchanges SET outcome = 'failed' WHERE ratio_ppm > 0": "is failed with basis reported, but was charged",
    f"UPDATE packages SET account_id = {BOB}": "a package of another account",
    "UPDATE packages SET unit = 'money' WHERE unit = 'tokens'": "in tokens, which it does not hold",
    "DELETE FROM packages": "a package which does not exist",
    "UPDATE packages SET amount = amount + 1": "its grants make",
    "DELETE FROM transfers WHERE kind = 'grant'": "its grants make 0",
    # caps
    "UPDATE purses SET balance_nanos = balance_nanos - 1 WHERE kind = 'cap'": "its transfers and exchanges make",
    "UPDATE purses SET limit_nanos = NULL WHERE kind = 'cap'": "but does not exist: it is a window of cap_",
    "UPDATE exchanges SET caps = '[7]' WHERE caps IS NOT NULL": "purse 0000000000000007 was charged, but does not exist",
    "UPDATE exchanges SET caps = '['||account_id||']' WHERE caps IS NOT NULL": "no cap of theirs",
    "DELETE FROM caps": "but does not exist: it is a window of cap_",
    f"UPDATE purses SET account_id = {BOB} WHERE kind = 'cap'": "no cap of theirs",
    # transfers and papers
    "UPDATE transfers SET credit_account = 'packages:sold' WHERE kind = 'credit'": "other side of it is packages:sold",
    "UPDATE transfers SET credit_account = 'account:x' WHERE kind = 'credit'": "the other side of it is account:x",
    "UPDATE transfers SET debit_account = 'funding:operator' WHERE kind = 'grant'": "is a grant, but the other side",
    "UPDATE transfers SET currency = 'USD' WHERE kind = 'grant'": "in TOKENS",
    "UPDATE transfers SET amount_nanos = 9223372036854775807 WHERE kind IN ('credit', 'topup')": "more to purse",
    "UPDATE orders SET amount_nanos = amount_nanos + 1": "is about 7001 nano-units in USD",
    "UPDATE orders SET state = 'open'": "is open, but a top-up names it",
    "DELETE FROM transfers WHERE kind = 'topup'": "is paid, but no top-up names it",
    "DELETE FROM orders": "top-ups that name no order",
    "UPDATE vouchers SET amount_nanos = 1": "is about 1 nano-units in USD",
    f"UPDATE vouchers SET account_id = {BOB}": "moved 2000 in USD to account:",
    "UPDATE vouchers SET redeemed_ms = NULL": "was redeemed, but no transfer says so",
    "DELETE FROM vouchers": "transfers for vouchers that no redeemed voucher names",
    "DELETE FROM transfers WHERE reference = 're_1/400'": "refund re_1 took 500 nano-units, its transfers make 400",
    "UPDATE payment_claims SET kind = 'zz'": "no proper kind",
    "UPDATE transfers SET reference = 'x' WHERE kind = 'purchase' AND id = (SELECT max(id) FROM transfers "
    "WHERE kind = 'purchase')": "no package of account:",
    "UPDATE orders SET state = 'zz'": "no proper state",
    "UPDATE purses SET kind = 'zz' WHERE kind = 'cap'": "no proper kind",
    # who belongs to whom
    "UPDATE exchanges SET sub_account_id = 7": "are for sa_0000000000000007, which the account does not have",
    f"UPDATE sub_accounts SET account_id = {BOB}": "which the account does not have",
    "UPDATE keys SET sub_account_id = 7": "is of sa_0000000000000007, which the account does not have",
    "UPDATE keys SET package_id = 7 WHERE billing = 'package'": "spends pkg_0000000000000007, which",
    "UPDATE keys SET package_id = NULL": "spends a package, but names none",
    "UPDATE keys SET account_id = 7": "belongs to an account that does not exist",
    "UPDATE keys SET sub_account_id = NULL, account_id = " + BOB: "a key of another account",
}
ONLY_SQLITE = {tampering for tampering in TAMPERINGS if "x'00'" in tampering or "30.5" in tampering}


@pytest.fixture
async def books(store: Store) -> FullBooks:
    books = FullBooks(store)
    await books.use_everything()
    return books


async def test_books_in_which_everything_happened_are_clean(books: FullBooks) -> None:
    assert books.store.check().problems == ()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (None, None),
        ("UPDATE purses SET balance_nanos = balance_nanos + 1 WHERE kind = 'account'", "its transfers and exchanges"),
        ("UPDATE exchanges SET fee_nanos = 1 WHERE base_nanos = 40", "its base and rate make 0"),
    ],
)
async def test_books_that_are_read_in_pieces_say_the_same(
    books: FullBooks, tamper: Tamper, monkeypatch: pytest.MonkeyPatch, change: str | None, says: str | None
) -> None:
    monkeypatch.setattr(check_sums, "PIECE_LINES", 1)
    monkeypatch.setattr(check_sums, "PURSES_AT_ONCE", 1)
    monkeypatch.setattr(paging, "ROWS_AT_ONCE", 1)
    assert change is None or tamper(change) >= 1
    problems = books.store.check().problems
    assert bool(problems) == (change is not None)
    assert says is None or any(says in problem for problem in problems)


@pytest.mark.parametrize(("tampering", "says"), TAMPERINGS.items())
async def test_the_check_finds_each_change_by_hand(
    url: str, books: FullBooks, tamper: Tamper, tampering: str, says: str
) -> None:
    if is_postgres(url) and tampering in ONLY_SQLITE:
        pytest.skip("a column of PostgreSQL holds nothing of another kind")
    assert tamper(tampering) >= 1
    problems = books.store.check().problems
    assert any(says in problem for problem in problems), problems


async def test_a_check_that_finds_too_much_stops_and_leaves_nothing_behind(
    books: FullBooks, tamper: Tamper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "PROBLEMS_MAX", 1)
    assert tamper("UPDATE exchanges SET fee_nanos = 1") >= 1
    assert len(books.store.check().problems) == 1
    assert len(books.store.check().problems) == 1
