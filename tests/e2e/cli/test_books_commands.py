"""The commands about money, keys and statements, on a real store."""

import sqlite3
from pathlib import Path

import pytest

from tests.e2e.cli.conftest import Shell


def test_an_account_is_made_with_its_first_credit_as_an_exact_decimal(shell: Shell) -> None:
    made = shell("account", "create", "--name", "Ada", "--credit", "5.000000001", "--json").document
    assert made["id"].startswith("acct_")
    assert (made["name"], made["currency"], made["state"]) == ("Ada", "USD", "active")
    assert shell("balance", made["id"], "--json").document == {
        "balance": "5.000000001",
        "held": "0.00",
        "currency": "USD",
    }


def test_a_credit_stands_on_a_transfer_with_its_reason(shell: Shell) -> None:
    account = shell.account("1")
    credit = shell("credit", account, "0.000000001", "--reason", "goodwill", "--json").document
    assert (credit["amount"], credit["reason"], credit["kind"]) == ("0.000000001", "goodwill", "credit")
    assert credit["id"].startswith("txn_")
    assert shell("account", "show", account, "--json").document["balance"] == "1.000000001"


@pytest.mark.parametrize("amount", ["0", "1.0000000001", "1e400", "five", "NaN", ""])
def test_a_bad_amount_is_refused_in_one_line_and_moves_nothing(shell: Shell, amount: str) -> None:
    account = shell.account("1")
    said = shell("credit", account, amount, "--reason", "x")
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("tollway: ")
    assert said.err.count("\n") == 1
    assert shell("balance", account, "--json").document["balance"] == "1.00"


def test_a_negative_credit_is_refused(shell: Shell) -> None:
    account = shell.account("1")
    assert shell("credit", "--reason", "x", "--", account, "-1").status == 1


def test_an_account_in_a_currency_that_nothing_is_charged_in_is_refused(shell: Shell) -> None:
    said = shell("account", "create", "--name", "A", "--currency", "EUR")
    assert said.status == 1
    assert "USD" in said.err


def test_accounts_are_suspended_and_resumed(shell: Shell) -> None:
    account = shell.account()
    assert shell("account", "suspend", account, "--json").document["state"] == "suspended"
    assert shell("account", "list", "--json").document[0]["state"] == "suspended"
    assert shell("account", "resume", account, "--json").document["state"] == "active"


def test_a_key_is_shown_once(shell: Shell) -> None:
    account = shell.account()
    words = ("--models", "fast, free/*", "--expires", "2100-01-31")
    made = shell("key", "create", "--account", account, "--name", "k", *words, "--json").document
    assert made["key"].startswith("tw-")
    assert made["id"].startswith("key_")
    assert made["models"] == ["fast", "free/*"]
    assert made["expires"] == "2100-01-31T00:00:00.000Z"
    for words in (
        ("key", "list"),
        ("key", "list", "--json"),
        ("key", "list", "--account", account),
        ("account", "list"),
    ):
        said = shell(*words)
        assert said.status == 0
        assert made["key"] not in said.out + said.err
    assert shell("key", "revoke", made["id"], "--json").document["revoked"] is not None


def test_a_key_that_expires_at_a_time_without_zone_expires_in_utc(shell: Shell) -> None:
    account = shell.account()
    made = shell(
        "key", "create", "--account", account, "--name", "k", "--expires", "2100-01-31T01:00:00+01:00", "--json"
    )
    assert made.document["expires"] == "2100-01-31T00:00:00.000Z"
    said = shell("key", "create", "--account", account, "--name", "k", "--expires", "tomorrow")
    assert (said.status, "2027-01-31" in said.err) == (1, True)


def test_an_admin_key_is_made_listed_and_revoked(shell: Shell) -> None:
    made = shell("admin-key", "create", "--name", "me", "--json").document
    assert made["key"].startswith("tw-admin-")
    listed = shell("admin-key", "list", "--json")
    assert made["key"] not in listed.out
    assert [key["id"] for key in listed.document] == [made["id"]]
    assert shell("admin-key", "revoke", made["id"], "--json").document["revoked"] is not None


@pytest.mark.parametrize(
    "words",
    [
        ("balance", "acct_0000000000000001"),
        ("account", "show", "acct_0000000000000001"),
        ("account", "suspend", "acct_0000000000000001"),
        ("credit", "acct_0000000000000001", "1", "--reason", "x"),
        ("key", "create", "--account", "acct_0000000000000001", "--name", "k"),
        ("key", "revoke", "key_0000000000000001"),
        ("admin-key", "revoke", "key_0000000000000001"),
        ("requests", "show", "req_0000000000000001"),
        ("balance", "key_0000000000000001"),
        ("balance", "1"),
    ],
)
def test_what_does_not_exist_is_refused_in_one_line(shell: Shell, words: tuple[str, ...]) -> None:
    said = shell(*words)
    assert (said.status, said.out) == (1, "")
    assert said.err.count("\n") == 1


def test_a_new_store_has_no_requests_and_a_clean_ledger(shell: Shell) -> None:
    account = shell.account()
    assert shell("requests", "list", "--account", account, "--json").document == []
    assert shell("usage", "--json").document == []
    checked = shell("ledger", "check", "--json").document
    assert (checked["clean"], checked["problems"]) == (True, [])
    assert shell("ledger", "check").out.startswith("The books are clean")


@pytest.mark.parametrize(
    "words", [("account", "list"), ("key", "list"), ("admin-key", "list"), ("requests", "list"), ("usage",)]
)
def test_an_empty_list_says_so_to_people_and_is_empty_for_programs(shell: Shell, words: tuple[str, ...]) -> None:
    assert shell(*words).out.strip() not in {"", "[]"}
    assert shell(*words, "--json").document == []


def test_people_see_a_table_and_one_thing_line_by_line(shell: Shell) -> None:
    account = shell.account()
    header, row = shell("account", "list").out.splitlines()
    assert header.split()[:3] == ["ID", "NAME", "STATE"]
    assert row.split()[0] == account
    assert "balance:" in shell("account", "show", account).out


def test_migrate_says_the_version_of_the_store(shell: Shell) -> None:
    shell.account()
    assert shell("migrate", "--json").document["version"]


def test_books_that_do_not_add_up_are_status_1_and_name_the_account(shell: Shell, tmp_path: Path) -> None:
    account = shell.account("1")
    with sqlite3.connect(tmp_path / "books" / "tollway.db") as connection:
        connection.execute("UPDATE purses SET balance_nanos = balance_nanos + 1")
    connection.close()
    said = shell("ledger", "check")
    assert said.status == 1
    assert account in said.out
    assert shell("ledger", "check", "--json").status == 1


def test_a_damaged_store_is_said_in_one_line(shell: Shell, tmp_path: Path) -> None:
    shell.account()
    with sqlite3.connect(tmp_path / "books" / "tollway.db") as connection:
        connection.execute("DROP TABLE exchanges")
    said = shell("account", "list")
    assert (said.status, said.out) == (1, "")
    assert said.err == "tollway: The store cannot be used at the moment: no such table: exchanges.\n"
