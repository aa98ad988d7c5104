"""The commands about payments and vouchers, on a real store, with a stand-in for Stripe where one is spoken to."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli.conftest import Shell
from tests.e2e.payments.stripe_server import SECRET_KEY, WEBHOOK_SECRET, StripeServer, serving

VOUCHER = ("voucher", "create", "--batch", "=spring", "--amount", "5")


@pytest.fixture
def stripe_server(config: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StripeServer]:
    """A Stripe of its own, which the settings file names."""
    for server in serving():
        for name, value in (
            ("ACME_KEY_THAT_NOBODY_SET", "sk-acme"),
            ("STRIPE", SECRET_KEY),
            ("SIGNING", WEBHOOK_SECRET),
        ):
            monkeypatch.setenv(name, value)
        payments = f"""
            [payments]
            stripe_secret_key = "env:STRIPE"
            stripe_webhook_secret = "env:SIGNING"
            success_url = "https://example.test/paid"
            api_base = "{server.url}"
            amount_max = "100"
            """
        config.write_text(config.read_text() + payments)
        yield server


def test_a_checkout_shows_where_to_pay(shell: Shell, stripe_server: StripeServer) -> None:
    account = shell.account()
    made = shell("checkout", account, "12.5", "--json").document
    (session,) = stripe_server.sessions.values()
    assert made["url"] == session["url"]
    assert (made["kind"], made["state"], made["amount"]) == ("topup", "open", "12.50")
    assert shell("order", "list", "--json").document == [{key: made[key] for key in made if key != "url"}]
    shown = shell("order", "show", made["id"], "--json").document
    assert (shown["transfers"], shown["taken_back"], shown["package"]) == ([], [], None)
    refused = shell("receipt", made["id"])
    assert (refused.status, refused.err) == (1, f"tollway: order {made['id']} is open: there is no receipt of it\n")


def test_a_package_is_paid_for_at_its_price(shell: Shell, stripe_server: StripeServer) -> None:
    account = shell.account()
    product = shell("product", "create", "--name", "Big", "--amount", "1000", "--price", "20", "--json").document["id"]
    made = shell("checkout", account, "--product", product, "--json").document
    assert (made["kind"], made["product"], made["amount"]) == ("package", product, "20.00")
    (session,) = stripe_server.sessions.values()
    assert (session["amount_total"], session["_title"]) == (2000, "Big")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("100.01",), "a top-up is 1.00 to 100.00 USD, and 100.01 is not"),
        (("0.5",), "a top-up is 1.00 to 100.00 USD, and 0.50 is not"),
        (("5.001",), "5.001 USD cannot be paid: it must be above zero, in whole hundredths"),
        (("five",), "'five' is not a decimal amount such as 5.00"),
        ((), "a payment is for an amount or for a product: name one of them"),
        (("5", "--save-card"), "say first what the card is saved for: `tollway auto-topup set`"),
        (("--product", "prod_000000000000000f"), "product prod_000000000000000f is not sold"),
    ],
)
def test_a_checkout_that_makes_no_sense_is_refused_in_a_line(
    shell: Shell, stripe_server: StripeServer, words: tuple[str, ...], said: str
) -> None:
    refused = shell("checkout", shell.account(), *words)
    assert (refused.status, refused.out, refused.err) == (1, "", f"tollway: {said}\n")
    assert stripe_server.calls == []
    assert shell("order", "list").out == "There is no order: `tollway checkout` makes one.\n"


def test_a_debit_takes_money_off_a_balance_with_its_reason(shell: Shell) -> None:
    account = shell.account("5")
    taken = shell("debit", account, "1.5", "--reason", "credited twice", "--json").document
    assert (taken["kind"], taken["amount"], taken["to"]) == ("debit", "1.50", "funding:operator")
    assert shell("balance", account, "--json").document["balance"] == "3.50"
    refused = shell("debit", account, "3.51", "--reason", "too much")
    assert refused.status == 1
    assert "3.51 USD is more than is available" in refused.err


def test_vouchers_are_made_redeemed_listed_and_revoked(shell: Shell) -> None:
    account = shell.account("0")
    made = shell(*VOUCHER, "--count", "3", "--expires", "2999-01-01", "--json").document
    assert [each["amount"] for each in made] == ["5.00"] * 3
    redeemed = shell("voucher", "redeem", account, made[0]["code"], "--json").document
    assert (redeemed["kind"], redeemed["from"]) == ("voucher", "funding:voucher")
    again = shell("voucher", "redeem", account, made[0]["code"])
    assert (again.status, again.err) == (1, "tollway: this voucher was redeemed before: nothing was credited\n")
    assert shell("voucher", "revoke", "=spring", "--json").document == {"batch": "=spring", "revoked": 2}
    listed = shell("voucher", "list", "--batch", "=spring", "--json").document
    assert [each["state"] for each in listed] == ["revoked", "revoked", "redeemed"]
    assert "code" not in listed[0]
    assert made[1]["code"] not in shell("voucher", "list").out
    assert shell("balance", account, "--json").document["balance"] == "5.00"
    assert shell("voucher", "list", "--batch", "autumn").out == "There is no voucher.\n"


def test_new_vouchers_are_lines_for_a_spreadsheet_without_formulas(shell: Shell) -> None:
    lines = list(csv.DictReader(io.StringIO(shell(*VOUCHER, "--count", "2", "--csv").out)))
    assert [line["batch"] for line in lines] == ["'=spring", "'=spring"]
    assert (lines[0]["amount"], lines[0]["currency"], lines[0]["expires"]) == ("5.00", "USD", "")
    account = shell.account("0")
    for line in lines:
        shell("voucher", "redeem", account, line["code"])
    assert shell("balance", account, "--json").document["balance"] == "10.00"


def test_new_vouchers_are_shown_to_people_with_their_codes(shell: Shell) -> None:
    shown = shell(*VOUCHER).out.splitlines()
    assert shown[0].split() == ["CODE", "AMOUNT", "CURRENCY", "EXPIRES"]
    assert shell("voucher", "redeem", shell.account("0"), shown[1].split()[0]).status == 0


def test_automatic_top_ups_are_allowed_shown_and_ended(shell: Shell) -> None:
    account = shell.account()
    refused = shell("auto-topup", "show", account)
    assert (refused.status, refused.err) == (1, f"tollway: account {account} is not topped up by itself\n")
    allowed = shell("auto-topup", "set", account, "--threshold", "2", "--amount", "20", "--json").document
    assert (allowed["state"], allowed["daily_max"], allowed["card_saved"]) == ("no_card", "100.00", False)
    assert shell("auto-topup", "show", account, "--json").document == allowed
    changed = shell(
        "auto-topup", "set", account, "--threshold", "3", "--amount", "20", "--daily-max", "40", "--json"
    ).document
    assert (changed["threshold"], changed["daily_max"]) == ("3.00", "40.00")
    assert shell("auto-topup", "end", account, "--json").document["state"] == "off"


def test_commands_about_the_books_need_no_secret_of_payments(shell: Shell, config: Path) -> None:
    config.write_text(
        config.read_text()
        + '[payments]\nstripe_secret_key = "env:NOBODY_SET_THIS"\nstripe_webhook_secret = "env:NOR_THIS"\n'
        + 'success_url = "https://example.test/paid"\n'
    )
    account = shell.account()
    assert shell("order", "list", "--account", account).status == 0
    refused = shell("checkout", account, "5")
    assert refused.status == 1
    assert "NOBODY_SET_THIS is not set" in refused.err
