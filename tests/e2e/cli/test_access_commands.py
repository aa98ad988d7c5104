"""The commands about keys, limits and the audit trail, on a real store."""

import pytest

from tests.e2e.cli.conftest import Shell

KEY = "key_0000000000000001"


def account_of(shell: Shell) -> str:
    return str(shell("account", "create", "--name", "A", "--json").document["id"])


def test_a_key_is_limited_changed_rotated_and_disabled(shell: Shell) -> None:
    account = account_of(shell)
    words = (
        "--routes",
        "chat,models",
        "--networks",
        "192.0.2.0/24",
        "--rpm",
        "60",
        "--tpm",
        "1000",
        "--total-cap",
        "9",
    )
    made = shell("key", "create", "--account", account, "--name", "k", *words, "--json").document
    assert (made["routes"], made["networks"], made["state"]) == (["chat", "models"], ["192.0.2.0/24"], "active")
    assert [(limit["scope"], limit["rpm"], limit["tpm"]) for limit in made["limits"]] == [("key", 60, 1000)]
    assert [(cap["window"], cap["limit"]) for cap in made["caps"]] == [("total", "9.00")]
    words = ("--name", "prod", "--routes", "", "--rpm", "0", "--daily-cap", "5", "--disable", "--expires", "2100-01-31")
    changed = shell("key", "update", made["id"], *words, "--json").document
    assert (changed["name"], changed["routes"], changed["networks"]) == ("prod", [], ["192.0.2.0/24"])
    assert (changed["state"], changed["expires"]) == ("disabled", "2100-01-31T00:00:00.000Z")
    assert changed["limits"][0]["rpm"] is None
    assert {cap["window"]: cap["limit"] for cap in changed["caps"]} == {"day": "5.00", "total": "9.00"}
    words = ("--enable", "--expires", "never", "--networks", "", "--models", "m/*", "--unsupported", "refused")
    changed = shell("key", "update", made["id"], *words, "--json").document
    assert (changed["state"], changed["expires"], changed["networks"]) == ("active", None, [])
    assert (changed["models"], changed["unsupported"]) == (["m/*"], "refused")
    rotated = shell("key", "rotate", made["id"], "--overlap", "90m", "--json").document
    assert (rotated["id"], rotated["old_text_until"] is None) == (made["id"], False)
    assert rotated["key"] not in (made["key"], "")
    assert shell("key", "rotate", made["id"], "--overlap", "0", "--json").document["old_text_until"] is None
    assert "key" not in shell("key", "show", made["id"], "--json").document
    trail = shell("audit", "list", "--account", account, "--resource-type", "key", "--json").document
    assert [entry["action"] for entry in trail] == [
        "key.rotate",
        "key.rotate",
        "key.update",
        "key.update",
        "key.create",
    ]
    assert {entry["actor"] for entry in trail} == {"operator"}
    assert rotated["key"] not in str(trail)
    shown = shell("audit", "list", "--action", "key.create", "--actor", "operator", "--limit", "1").out
    assert "key.create" in shown
    assert made["id"] in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("key", "update", KEY), "nothing is to change"),
        (("key", "update", KEY, "--name", "x"), "there is no key"),
        (("key", "update", KEY, "--rpm", "-1"), "rpm is 0"),
        (("key", "rotate", KEY), "there is no key"),
        (("key", "rotate", KEY, "--overlap", "a day"), "no duration"),
        (("key", "rotate", KEY, "--overlap", "31d"), "0 to 720 hours"),
        (("audit", "list", "--actor", "me"), "nobody who acts"),
        (("management-key", "create", "--account", "acct_0000000000000001", "--name", "m"), "there is no account"),
        (("management-key", "show", "mk_0000000000000001"), "there is no management key"),
        (("management-key", "revoke", KEY), "is not an id of the form mk_"),
        (("limit", "set", "--rpm", "5"), "name the account of the limit"),
        (("limit", "set", "--key", KEY), "nothing is to change"),
        (("limit", "set", "--key", KEY, "--rpm", "5"), "there is no key"),
        (("limit", "remove", "--account", "acct_0000000000000001"), "there is no account"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(shell: Shell, words: tuple[str, ...], said: str) -> None:
    refused = shell(*words)
    assert refused.status == 1
    assert said in refused.err
    assert refused.err.count("\n") == 1


def test_an_empty_trail_says_so(shell: Shell) -> None:
    assert shell("audit", "list").out == "No change yet.\n"


def test_a_management_key_is_made_listed_and_revoked(shell: Shell) -> None:
    account = account_of(shell)
    words = ("--account", account, "--name", "ci", "--access", "read_only", "--expires", "2100-01-31")
    made = shell("management-key", "create", *words, "--json").document
    assert (made["id"][:3], made["access"], made["expires"]) == ("mk_", "read_only", "2100-01-31T00:00:00.000Z")
    listed = shell("management-key", "list", "--account", account, "--json")
    shown = shell("management-key", "show", made["id"], "--json")
    assert listed.document == [shown.document] == [{name: value for name, value in made.items() if name != "key"}]
    assert made["key"] not in listed.out
    assert shell("management-key", "revoke", made["id"], "--json").document["revoked"] is not None
    assert shell("management-key", "create", "--account", account, "--name", "m", "--json").document["access"] == (
        "read_write"
    )


def test_limits_are_set_listed_and_lifted(shell: Shell) -> None:
    account = account_of(shell)
    words = ("--account", account, "--end-user", "*")
    made = shell("limit", "set", *words, "--rpm", "60", "--concurrency", "4", "--json").document
    assert (made["scope"], made["subject"], made["rpm"], made["concurrency"]) == ("end_user", "*", 60, 4)
    changed = shell("limit", "set", *words, "--rpm", "0", "--burst", "5", "--tpm", "1000", "--json").document
    assert (changed["rpm"], changed["burst"], changed["tpm"], changed["concurrency"]) == (None, 5, 1000, 4)
    assert shell("limit", "list", "--account", account, "--json").document == [changed]
    assert shell("limit", "remove", *words, "--json").document["burst"] == 5
    assert shell("limit", "list").out == "There is no limit.\n"
    assert shell("management-key", "list").out == "There is no management key.\n"
