"""The commands about sub-accounts, caps, products, packages and an account's own terms, on a real store."""

import pytest

from tests.e2e.cli.conftest import Shell


def product(shell: Shell, *words: str) -> str:
    made = shell("product", "create", "--name", "P", "--amount", "1000", "--price", "2.00", *words, "--json")
    return str(made.document["id"])


def test_an_account_may_be_in_yuan(shell: Shell) -> None:
    made = shell("account", "create", "--name", "Bo", "--credit", "1", "--currency", "CNY", "--json").document
    assert shell("balance", made["id"], "--json").document == {"balance": "1.00", "held": "0.00", "currency": "CNY"}


def test_an_account_has_terms_of_its_own(shell: Shell) -> None:
    account = shell.account()
    before = shell("account", "show", account, "--json").document
    assert (before["platform_fee"], before["price_share"]) == (None, "100%")
    changed = shell("account", "set", account, "--fee", "5%", "--discount", "10%", "--json").document
    assert (changed["platform_fee"], changed["price_share"]) == ("5%", "90%")
    changed = shell("account", "set", account, "--markup", "2.5%", "--json").document
    assert (changed["platform_fee"], changed["price_share"]) == ("5%", "102.5%")
    changed = shell("account", "set", account, "--fee", "default", "--discount", "0%", "--json").document
    assert (changed["platform_fee"], changed["price_share"]) == (None, "100%")


@pytest.mark.parametrize(
    "words",
    [
        ("--fee", "5"),
        ("--fee", "-5%"),
        ("--fee", "1000.0001%"),
        ("--fee", "NaN%"),
        ("--discount", "100.0001%"),
        ("--discount", "1%", "--markup", "1%"),
        ("--markup", "1001%"),
        ("--markup", "0.00001%"),
    ],
)
def test_terms_that_make_no_sense_are_refused_in_one_line(shell: Shell, words: tuple[str, ...]) -> None:
    account = shell.account()
    said = shell("account", "set", account, *words)
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert shell("account", "show", account, "--json").document["price_share"] == "100%"


def test_sub_accounts_are_made_shown_and_suspended(shell: Shell) -> None:
    account = shell.account()
    made = shell("sub-account", "create", "--account", account, "--name", "Team", "--json").document
    assert made["id"].startswith("sa_")
    assert made.pop("key")
    assert made.pop("key_id").startswith("key_")
    assert (made["account"], made["name"], made["state"]) == (account, "Team", "active")
    assert shell("sub-account", "list", "--account", account, "--json").document == [made]
    assert shell("sub-account", "suspend", made["id"], "--json").document["state"] == "suspended"
    assert shell("sub-account", "resume", made["id"], "--json").document == made
    assert shell("sub-account", "show", made["id"], "--json").document == made
    assert shell("sub-account", "show", "sa_0000000000000001").status == 1


def test_a_key_is_made_with_caps_that_show_echoes(shell: Shell) -> None:
    account = shell.account()
    shell("cap", "set", "--account", account, "--window", "month", "--limit", "100")
    words = ("--daily-cap", "5.00", "--monthly-cap", "0")
    made = shell("key", "create", "--account", account, "--name", "k", *words, "--json").document
    assert made["billing"] == "payg"
    assert [(cap["scope"], cap["subject"], cap["window"], cap["limit"]) for cap in made["caps"]] == [
        ("key", made["id"], "day", "5.00"),
        ("account", None, "month", "100.00"),
    ]
    shown = shell("key", "show", made["id"], "--json").document
    assert shown == {name: value for name, value in made.items() if name != "key"}


def test_a_cap_is_set_shown_changed_and_lifted(shell: Shell) -> None:
    account = shell.account()
    to = ("--account", account, "--end-user", "*", "--window", "day")
    cap = shell("cap", "set", *to, "--limit", "0.50", "--json").document
    assert (cap["scope"], cap["subject"], cap["window"]) == ("end_user", "*", "day")
    assert (cap["limit"], cap["alert"], cap["removed"]) == ("0.50", "80%", None)
    changed = shell("cap", "set", *to, "--limit", "0.75", "--alert", "90%", "--json").document
    assert changed == cap | {"limit": "0.75", "alert": "90%"}
    assert shell("cap", "list", "--json").document == [changed]
    (use,) = shell("cap", "status", "--account", account, "--json").document
    assert (use["spent"], use["left"], use["currency"]) == ("0.00", "0.75", "USD")
    assert use["resets"].endswith("T00:00:00.000Z")
    assert shell("cap", "set", *to, "--limit", "0", "--json").document["removed"] is not None
    assert shell("cap", "set", *to, "--limit", "0", "--json").document == {"id": None, "removed": None}
    assert "no such cap" in shell("cap", "set", *to, "--limit", "0").out
    assert shell("cap", "remove", cap["id"], "--json").document["removed"] is not None
    assert shell("cap", "list", "--json").document == []


@pytest.mark.parametrize("limit", ["-1", "1.0000000001", "1e400", "NaN", "inf", "x", ""])
def test_a_limit_that_is_no_amount_is_refused(shell: Shell, limit: str) -> None:
    account = shell.account()
    said = shell("cap", "set", "--account", account, "--window", "day", f"--limit={limit}")
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    said = shell("key", "create", "--account", account, "--name", "k", f"--daily-cap={limit}")
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert shell.count("cap") == shell.count("key") == 0


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--tag", "t"),
        ("--key", "*"),
        ("--key", "key_0000000000000001"),
        ("--sub-account", "sa_0000000000000001"),
        ("--account", "acct_0000000000000001"),
        ("--account", "{account}", "--tag", "a", "--end-user", "b"),
        ("--account", "{account}", "--tag", ""),
        ("--account", "{account}", "--alert", "0%"),
        ("--account", "{account}", "--alert", "101%"),
    ],
)
def test_a_cap_on_nothing_is_refused(shell: Shell, words: tuple[str, ...]) -> None:
    account = shell.account()
    filled = [word.format(account=account) for word in words]
    said = shell("cap", "set", *filled, "--window", "day", "--limit", "5")
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert shell.count("cap") == 0


def test_a_window_that_does_not_exist_is_wrong_usage(shell: Shell) -> None:
    account = shell.account()
    assert shell("cap", "set", "--account", account, "--window", "week", "--limit", "5").status == 2


def test_a_product_is_offered_and_bought(shell: Shell) -> None:
    account = shell.account("5.00")
    words = ("--models", "gpt-4o=2, gpt-*=0.5,other", "--days", "30", "--json")
    made = shell("product", "create", "--name", "Thousand", "--amount", "1000", "--price", "2.00", *words).document
    assert made["models"] == [
        {"model": "gpt-4o", "ratio": "2"},
        {"model": "gpt-*", "ratio": "0.5"},
        {"model": "other", "ratio": "1"},
    ]
    assert (made["unit"], made["amount"], made["price"], made["currency"]) == ("tokens", "1000", "2.00", "USD")
    bought = shell("package", "buy", account, made["id"], "--json").document
    assert (bought["state"], bought["left"], bought["amount"]) == ("active", "1000", "1000")
    assert bought["expires"] is not None
    assert shell("balance", account, "--json").document["balance"] == "3.00"
    again = shell("package", "buy", account, made["id"])
    assert (again.status, again.err.count("\n")) == (1, 1)
    assert "1000 left" in again.err
    assert shell("package", "list", "--account", account, "--json").document == [bought]
    assert shell("package", "show", bought["id"], "--json").document == bought
    assert shell("package", "end", bought["id"], "--json").document["state"] == "expired"
    assert shell("product", "retire", made["id"], "--json").document["state"] == "retired"
    assert "not sold" in shell("package", "buy", account, made["id"]).err
    given = shell("package", "grant", account, made["id"], "--reason", "sorry", "--json").document
    assert given["state"] == "active"
    assert shell("ledger", "check").status == 0


def test_a_package_of_money_is_in_its_currency(shell: Shell) -> None:
    account = shell.account("5.00")
    words = ("--unit", "money", "--amount", "4.50", "--price", "4.00", "--json")
    made = shell("product", "create", "--name", "Money", *words).document
    bought = shell("package", "buy", account, made["id"], "--json").document
    assert (bought["unit"], bought["left"], bought["currency"], bought["expires"]) == ("money", "4.50", "USD", None)


@pytest.mark.parametrize(
    "words",
    [
        ("--amount", "0"),
        ("--amount=-5"),
        ("--amount", "1.5"),
        ("--amount", "NaN"),
        ("--amount", "9" * 30),
        ("--unit", "money", "--amount", "0.0000000001"),
        ("--price=-1",),
        ("--price", "1e400"),
        ("--currency", "EUR"),
        ("--days", "0"),
        ("--days", "36501"),
        ("--models", "a*b"),
        ("--models", "a=0"),
        ("--models", "a=-1"),
        ("--models", "a=1001"),
        ("--models", "a=0.0000001"),
        ("--models", "a=NaN"),
        ("--models", "*,a"),
    ],
)
def test_a_product_that_makes_no_sense_is_refused_in_one_line(shell: Shell, words: tuple[str, ...] | str) -> None:
    wrong = (words,) if isinstance(words, str) else words
    said = shell("product", "create", "--name", "P", "--amount", "1000", "--price", "2.00", *wrong)
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert shell.count("product") == 0


def test_a_purchase_beyond_the_balance_moves_nothing(shell: Shell) -> None:
    account = shell.account("1.00")
    said = shell("package", "buy", account, product(shell))
    assert (said.status, said.err.count("\n")) == (1, 1)
    assert "2.00 USD is more than is available" in said.err
    assert shell("balance", account, "--json").document["balance"] == "1.00"
    assert shell.count("package") == 0


def test_a_key_is_bound_to_a_package_of_its_account(shell: Shell) -> None:
    account, stranger = shell.account(), shell.account()
    package = str(shell("package", "buy", account, product(shell), "--json").document["id"])
    bind = ("--name", "k", "--billing", "package", "--package", package)
    made = shell("key", "create", "--account", account, *bind, "--json").document
    assert (made["billing"], made["package"], made["caps"]) == ("package", package, [])
    refused = (
        ("--account", stranger, *bind),
        ("--account", account, "--name", "k", "--billing", "package"),
        ("--account", account, "--name", "k", "--package", package),
        ("--account", account, *bind, "--daily-cap", "1"),
    )
    for words in refused:
        said = shell("key", "create", *words)
        assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert shell("key", "create", "--account", account, "--name", "k", "--billing", "free").status == 2
