"""The commands that read the books: usage, requests, statements, receipts."""

import asyncio
import csv
import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.cli.conftest import Shell
from tests.e2e.store.full_books import FullBooks
from tollway.ids import ACCOUNT, EXCHANGE, KEY, render_id
from tollway.ledger.requests import EVERY_REQUEST
from tollway.store.store import Store


class Used:
    """Books in which everything happened once, as the command line names what is in them."""

    def __init__(self, url: str) -> None:
        store = Store.open(url, durability="normal")
        asyncio.run(self._use(store))
        store.close()

    async def _use(self, store: Store) -> None:
        books = FullBooks(store, name="=Ada")
        await books.use_everything()
        self.account = render_id(ACCOUNT, books.account.id)
        self.key = render_id(KEY, books.key.id)
        self.requests = [render_id(EXCHANGE, line.exchange_id) for line in store.exchanges(EVERY_REQUEST, 10)]
        self.running = render_id(EXCHANGE, next(iter(books.desk.books._open)))


@pytest.fixture
def used(shell: Shell, tmp_path: Path) -> Used:
    (tmp_path / "books").mkdir()
    return Used(f"sqlite:///{tmp_path / 'books' / 'tollway.db'}")


def test_usage_without_a_word_is_by_account_provider_and_model(shell: Shell, used: Used) -> None:
    (row,) = shell("usage", "--json").document
    assert row == {
        "account": used.account,
        "provider": "p",
        "model_routed": "m",
        "requests": 4,
        "input_tokens": 90,
        "cached_input_tokens": 0,
        "cache_write_tokens": 0,
        "output_tokens": 0,
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "images": 0,
        "calls": 0,
        "base_cost": "0.00000007",
        "platform_fee": "0.00",
        "written_off": "0.00",
        "total_cost": "0.00000007",
        "paid_by_packages": "0.00000004",
        "package_tokens": "10",
        "currency": "USD",
    }
    assert shell("usage", "--account", used.account).out.splitlines()[0].startswith("ACCOUNT")


def test_usage_is_divided_filtered_and_printed_for_a_spreadsheet(shell: Shell, used: Used) -> None:
    words = ("usage", "--by", "day,key,tag", "--key", used.key, "--tag", "t")
    (row,) = shell(*words, "--json").document
    assert (row["key"], row["tag"], row["requests"]) == (used.key, "t", 3)
    (line,) = csv.DictReader(io.StringIO(shell(*words, "--csv").out))
    assert line == {name: "" if value is None else str(value) for name, value in row.items()}
    assert shell("usage", "--from", "2100-01-01", "--json").document == []
    assert shell("usage", "--from", "2100-01-01", "--csv").out.startswith("account,provider,model_routed,requests,")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("usage", "--by", "colour"), "not divided by 'colour'"),
        (("usage", "--from", "soon"), "'soon' is not a day"),
        (("usage", "--from", "2026-02", "--to", "2026-01"), "is empty"),
        (("usage", "--key", "acct_0000000000000001"), "key_"),
        (("statement", "acct_0000000000000001"), "there is no account"),
        (("receipt", "txn_0000000000000001"), "there is no transfer"),
    ],
)
def test_a_report_that_cannot_be_is_refused_in_one_line(
    shell: Shell, used: Used, words: tuple[str, ...], says: str
) -> None:
    said = shell(*words)
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert says in said.err


def test_requests_are_listed_by_what_they_carry(shell: Shell, used: Used) -> None:
    listed = shell("requests", "list", "--json").document
    assert [each["id"] for each in listed] == used.requests
    assert {each["currency"] for each in listed} == {"USD"}
    (failed,) = shell("requests", "list", "--account", used.account, "--outcome", "failed", "--json").document
    assert (failed["outcome"], failed["sub_account"][:3], failed["session"]) == ("failed", "sa_", "s")
    assert shell("requests", "list", "--tag", "x").out == "No request yet.\n"


def test_a_request_shows_its_caps_and_its_package(shell: Shell, used: Used) -> None:
    shown = [shell("requests", "show", request, "--json").document for request in used.requests]
    capped = next(each for each in shown if each["caps"])
    assert (capped["caps"][0]["id"][:4], capped["total_cost"], capped["currency"]) == ("cap_", "0.00000003", "USD")
    tokens = next(each for each in shown if each["package_ratio"])
    assert (tokens["package_tokens"], tokens["package_ratio"], tokens["hold_unit"]) == ("10", "50%", "tokens")
    running = shell("requests", "show", used.running, "--json").document
    assert (running["outcome"], running["hold_unit"], running["currency"]) == ("running", "money", "USD")


def test_a_statement_is_printed_in_every_form(shell: Shell, used: Used) -> None:
    document = shell("statement", used.account, "--json").document
    assert document == shell("statement", used.account, "--format", "json").document
    assert (document["opening"], document["credits"], document["debits"]) == ("0.00", "0.0000293", "0.00000103")
    assert document["closing"] == shell("balance", used.account, "--json").document["balance"]
    assert "closing:  0.00002827" in shell("statement", used.account).out
    lines = list(csv.DictReader(io.StringIO(shell("statement", used.account, "--format", "csv").out)))
    assert lines[-1]["balance"] == document["closing"]
    page = shell("statement", used.account, "--format", "html").out
    assert page.startswith("<!doctype html>")
    assert 'Closing balance</td><td></td><td class="amount">0.00002827' in page


def test_statements_of_months_that_meet_chain(shell: Shell, used: Used) -> None:
    past = shell("statement", used.account, "--to", "2026-01", "--json").document
    rest = shell("statement", used.account, "--from", "2026-02-01", "--json").document
    assert (past["closing"], past["to"]) == (rest["opening"], rest["from"]) == ("0.00", "2026-02-01T00:00:00Z")


def test_a_receipt_is_printed_by_its_order_or_transfer(shell: Shell, used: Used) -> None:
    transfers = shell("statement", used.account, "--json").document["transfers"]
    topup = next(each for each in transfers if each["kind"] == "topup")
    receipt = shell("receipt", topup["id"], "--json").document
    assert receipt == shell("receipt", topup["reference"], "--format", "json").document
    assert (receipt["receipt"], receipt["net_amount"]) == (topup["reference"], "0.0000065")
    assert "net_amount:" in shell("receipt", topup["id"]).out
    page = shell("receipt", topup["reference"], "--format", "html").out
    assert page.startswith("<!doctype html>")
    assert topup["id"] in page
    assert 'Given back</td><td class="amount">-0.0000005<' in page


def test_charges_are_computed_anew_and_changed_by_nobody(shell: Shell, used: Used, tmp_path: Path) -> None:
    assert shell("ledger", "reprice", "--check", "--json").document == {"clean": True, "checked": 4, "wrong": []}
    (row,) = shell("ledger", "reprice", "--fee", "10%", "--account", used.account, "--model", "m", "--json").document
    assert (row["platform_fee"], row["new_platform_fee"], row["difference"]) == ("0.00", "0.000000007", "0.000000007")
    assert shell("ledger", "reprice", "--prices", "input=0,output=0").out.startswith("ACCOUNT")
    with closing(sqlite3.connect(tmp_path / "books" / "tollway.db")) as connection:
        connection.execute("UPDATE exchanges SET base_nanos = 29 WHERE base_nanos = 30")
        connection.commit()
    said = shell("ledger", "reprice", "--check")
    assert (said.status, said.out.startswith("1 charges differ: 4 requests\n")) == (1, True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "say what shall be otherwise"),
        (("--check", "--fee", "1%"), "takes no other word"),
        (("--check", "--from", "2026-01"), "takes no other word"),
        (("--card", "card_0000000000000001", "--prices", "input=1,output=1"), "not both"),
        (("--prices", "input=1"), "input and output at least"),
    ],
)
def test_words_that_would_have_no_effect_are_refused(
    shell: Shell, used: Used, words: tuple[str, ...], says: str
) -> None:
    said = shell("ledger", "reprice", *words)
    assert (said.status, says in said.err) == (1, True)
