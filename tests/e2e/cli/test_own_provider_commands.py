"""The commands about providers that accounts bring: no key stands on the command line, and none is printed."""

import pytest

from tests.e2e.cli.conftest import Shell

KEY = "sk-canary-0123456789-wxyz"


def test_a_provider_is_made_listed_changed_and_removed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIR_KEY", KEY)
    account = shell.account()
    words = ("--account", account, "--name", "mine", "--preset", "openai", "--key", "env:THEIR_KEY", "--default")
    said = shell("provider", "create", *words, "--json")
    made = said.document
    assert KEY not in said.out
    assert (made["name"], made["key_hint"], made["default"], made["enabled"]) == ("mine", "...wxyz", True, True)
    assert shell("provider", "list", "--account", account, "--json").document == [made]
    assert "mine" in shell("provider", "list").out
    assert shell("provider", "show", made["id"], "--json").document == made
    changed = shell("provider", "update", made["id"], "--no-default", "--disabled", "--name", "ours", "--json").document
    assert (changed["name"], changed["default"], changed["enabled"]) == ("ours", False, False)
    removed = shell("provider", "remove", made["id"], "--json").document
    assert removed["removed"] is not None
    assert shell("provider", "list", "--json").document == []


def test_a_key_on_the_command_line_is_refused_and_not_repeated(shell: Shell) -> None:
    account = shell.account()
    words = ("--account", account, "--name", "mine", "--preset", "openai", "--key", KEY)
    said = shell("provider", "create", *words)
    assert said.status == 1
    assert "env:NAME" in said.err
    assert KEY not in said.err + said.out
