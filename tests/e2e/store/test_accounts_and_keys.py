import hashlib
from pathlib import Path

import pytest

from tests.e2e.store.conftest import Desk, Tamper, on_sqlite, tw
from tests.waiting import until
from tollway import clock
from tollway.billing.accounts import Accounts
from tollway.billing.admin_keys import AdminKeys
from tollway.billing.keys import EXPIRES_MS_MAX, Keys, KeyTerms
from tollway.billing.reports import Reports
from tollway.billing.statements import Statements
from tollway.billing.views import view_key
from tollway.errors import CommandRefused
from tollway.ledger.lines import ExchangeLine
from tollway.ledger.records import Account, AccountState, TransferKind
from tollway.ledger.requests import RequestQuery
from tollway.ledger.usage import UsageFilter
from tollway.money import AMOUNT_NANOS_MAX
from tollway.store.postgres.address import is_postgres
from tollway.store.store import Store

NOBODY = 12345


@pytest.fixture
def keys(store: Store) -> Keys:
    return Keys(store, store.ids(), tw)


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def test_an_account_is_listed_shown_and_has_its_credit(accounts: Accounts, account: Account) -> None:
    poor = accounts.create("  Bob ", "CNY")
    assert accounts.list() == (account, poor)
    assert accounts.show(poor.id).name == "Bob"
    assert (accounts.balance(poor.id).balance_nanos, accounts.balance(poor.id).currency) == (0, "CNY")
    assert accounts.balance(account.id).balance_nanos == 10_000


def test_money_comes_and_goes_by_transfers_that_say_why(store: Store, accounts: Accounts, account: Account) -> None:
    accounts.credit(account.id, 500, "paid by card")
    accounts.debit(account.id, 10_500, "refunded")
    assert accounts.balance(account.id).balance_nanos == 0
    newest, older, first = Statements(store).transfers(account.id)
    assert (newest.kind, newest.debit_account, newest.reason) == (
        TransferKind.DEBIT,
        f"account:{account.id}",
        "refunded",
    )
    assert (older.kind, older.amount_nanos, first.reason) == (TransferKind.CREDIT, 500, "opening credit")
    assert store.check().problems == ()


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "\ud800", "x" * 1001])
def test_a_reason_can_be_shown(accounts: Accounts, account: Account, reason: str) -> None:
    for move in (accounts.credit, accounts.debit):
        with pytest.raises(CommandRefused):
            move(account.id, 1, reason)
    assert accounts.balance(account.id).balance_nanos == 10_000


def test_a_key_expires_at_a_time_that_can_be_shown(keys: Keys, account: Account) -> None:
    with pytest.raises(CommandRefused):
        keys.create(account.id, "k", KeyTerms(expires_ms=EXPIRES_MS_MAX + 1))
    key, _ = keys.create(account.id, "k", KeyTerms(expires_ms=EXPIRES_MS_MAX))
    assert str(view_key(key)["expires"]).startswith("9999-12-31T23:59:59.")


@pytest.mark.parametrize("amount", [0, -5, AMOUNT_NANOS_MAX + 1])
def test_an_amount_is_above_zero_and_fits(accounts: Accounts, account: Account, amount: int) -> None:
    for move in (accounts.credit, accounts.debit):
        with pytest.raises(CommandRefused):
            move(account.id, amount, "x")
    assert accounts.balance(account.id).balance_nanos == 10_000


def test_a_balance_neither_overflows_nor_goes_below_zero(store: Store, accounts: Accounts, account: Account) -> None:
    with pytest.raises(CommandRefused, match="largest balance"):
        accounts.credit(account.id, AMOUNT_NANOS_MAX, "too much")
    with pytest.raises(CommandRefused, match="more than is available"):
        accounts.debit(account.id, 10_001, "too much")
    assert accounts.balance(account.id).balance_nanos == 10_000
    assert len(Statements(store).transfers(account.id)) == 1


def test_what_makes_no_sense_is_refused_with_a_sentence(store: Store, accounts: Accounts, account: Account) -> None:
    statements = Statements(store)
    refused = (
        lambda: accounts.create(" "),
        lambda: accounts.create("a\nb"),
        lambda: accounts.create("x" * 201),
        lambda: accounts.create("x", "usd"),
        lambda: accounts.create("x", "EUR"),
        lambda: accounts.create("x", credit_nanos=-1),
        lambda: accounts.show(NOBODY),
        lambda: accounts.suspend(NOBODY),
        lambda: accounts.balance(NOBODY),
        lambda: accounts.credit(NOBODY, 5, "x"),
        lambda: accounts.credit(account.id, 5, " "),
        lambda: statements.request(NOBODY),
        lambda: statements.requests(limit=0),
        lambda: statements.transfers(limit=1001),
    )
    for command in refused:
        with pytest.raises(CommandRefused):
            command()


@on_sqlite
def test_a_key_is_shown_once_and_stored_as_its_hash(store: Store, keys: Keys, account: Account, tmp_path: Path) -> None:
    key, secret = keys.create(
        account.id, "ci", KeyTerms(models=("gpt-4o", "groq/*"), expires_ms=clock.now_ms() + 60_000)
    )
    assert secret.startswith("tw-")
    assert len(secret) == 3 + 43
    assert key.hint == f"{secret[:7]}...{secret[-4:]}"
    assert keys.list(account.id) == keys.list() == (key,)
    for file in tmp_path.iterdir():
        assert file.is_dir() or secret[8:].encode() not in file.read_bytes()


def test_a_key_leads_to_its_account(store: Store, keys: Keys, account: Account) -> None:
    key, secret = keys.create(account.id, "ci", KeyTerms(models=("gpt-4o", "groq/*")))
    directory = store.key_directory()
    digest = digest_of(secret)
    assert directory.known(digest) is None
    principal = directory.find(digest)
    assert principal is not None
    assert (principal.key_id, principal.account_id) == (key.id, account.id)
    assert (principal.models, principal.currency) == (("gpt-4o", "groq/*"), "USD")
    assert directory.known(digest) == principal
    assert directory.find(digest_of("tw-another")) is None


def test_a_revoked_key_is_refused_at_once_in_every_process(
    url: str, store: Store, keys: Keys, account: Account
) -> None:
    key, secret = keys.create(account.id, "ci")
    theirs = Store.open(url)
    directory = theirs.key_directory()
    digest = digest_of(secret)
    assert directory.find(digest) == directory.known(digest) is not None
    revoked = keys.revoke(key.id)
    # In a file that is now; across a network it takes the server a moment to tell.
    until(lambda: directory.known(digest) is None, wait_s=10 if is_postgres(url) else 0)
    assert directory.find(digest) is None
    assert keys.revoke(key.id).revoked_ms == revoked.revoked_ms
    theirs.close()


def test_a_suspended_account_shows_at_the_next_request(
    store: Store, keys: Keys, accounts: Accounts, account: Account
) -> None:
    _, secret = keys.create(account.id, "ci")
    directory = store.key_directory()
    digest = digest_of(secret)
    directory.find(digest)
    assert accounts.suspend(account.id).state is AccountState.SUSPENDED
    assert directory.known(digest) is None
    suspended = directory.find(digest)
    assert suspended is not None
    assert suspended.account_suspended
    assert accounts.resume(account.id).state is AccountState.ACTIVE
    resumed = directory.find(digest)
    assert resumed is not None
    assert not resumed.account_suspended


async def test_a_change_whose_announcement_was_lost_is_found_by_polling(
    store: Store, keys: Keys, account: Account, tamper: Tamper
) -> None:
    key, secret = keys.create(account.id, "ci")
    directory = store.key_directory()
    digest = digest_of(secret)
    directory.find(digest)
    tamper(f"UPDATE keys SET revoked_ms = 1 WHERE id = {key.id}")
    tamper("UPDATE meta SET value = '77' WHERE key = 'access_version'")
    assert directory.known(digest) is not None
    await directory.poll()
    assert directory.known(digest) is None
    await directory.poll()


def test_only_so_many_keys_are_remembered(store: Store, keys: Keys, account: Account) -> None:
    digests = [digest_of(keys.create(account.id, f"k{number}")[1]) for number in range(3)]
    directory = store.key_directory(entries_max=2)
    for digest in digests:
        directory.find(digest)
    assert [directory.known(digest) is not None for digest in digests] == [False, True, True]


def test_a_key_that_makes_no_sense_is_refused(keys: Keys, account: Account) -> None:
    refused = (
        lambda: keys.create(NOBODY, "x"),
        lambda: keys.create(account.id, ""),
        lambda: keys.create(account.id, "x", KeyTerms(expires_ms=1)),
        lambda: keys.create(account.id, "x", KeyTerms(models=("",))),
        lambda: keys.create(account.id, "x", KeyTerms(models=("a,b",))),
        lambda: keys.create(account.id, "x", KeyTerms(models=("a*b",))),
        lambda: keys.revoke(NOBODY),
    )
    for command in refused:
        with pytest.raises(CommandRefused):
            command()


def test_an_admin_key_works_until_it_is_revoked(store: Store) -> None:
    admin_keys = AdminKeys(store, store.ids(), "tw-")
    key, secret = admin_keys.create("console")
    assert secret.startswith("tw-admin-")
    assert admin_keys.list() == (key,)
    assert admin_keys.verify(secret) == key
    assert admin_keys.verify("tw-admin-x") is None
    assert admin_keys.revoke(key.id).revoked_ms is not None
    assert admin_keys.verify(secret) is None
    with pytest.raises(CommandRefused):
        admin_keys.revoke(NOBODY)


def test_ids_of_two_processes_never_meet(url: str, store: Store) -> None:
    theirs = Store.open(url)
    mine, other = store.ids(), theirs.ids()
    made = [source.next() for _ in range(100) for source in (mine, other)]
    assert len(set(made)) == len(made)
    theirs.close()


async def test_statements_show_requests_and_add_them_up(store: Store, account: Account, desk: Desk) -> None:
    lines = [await desk.close(await desk.held(account, 100), cost) for cost in (10, 20)]
    running = await desk.held(account, 5)
    desk.age()
    assert await desk.commits.probe()
    statements = Statements(store)
    theirs, nobodys = (RequestQuery(who=UsageFilter(account_id=number)) for number in (account.id, NOBODY))
    assert statements.requests() == statements.requests(theirs) == tuple(reversed(lines))
    assert statements.requests(limit=1) == statements.requests(theirs, 1) == (lines[1],)
    assert statements.requests(nobodys) == ()
    assert statements.request(running.exchange_id) == running
    assert isinstance(statements.request(lines[0].exchange_id), ExchangeLine)
    (row,) = Reports(store).usage()
    assert (row.sums.requests, row.sums.input_tokens, row.sums.output_tokens, row.sums.total_nanos) == (2, 30, 0, 30)
    assert statements.ledger_check().problems == ()
