"""The program around the commands: settings, exit status, serving, models and prices."""

import json
from pathlib import Path

import pytest

from tests.e2e.cli.conftest import SETTINGS, Shell
from tollway import __version__
from tollway.cli.office import Finding, Health
from tollway.errors import SetupError


def test_wrong_usage_is_status_2(shell: Shell) -> None:
    for words in (
        ("nonsense",),
        ("balance",),
        ("key", "create"),
        ("requests", "list", "--limit", "0"),
        ("up", "--port", "x"),
    ):
        assert shell(*words).status == 2


def test_options_of_later_versions_are_not_offered(shell: Shell) -> None:
    assert shell("key", "create", "--account", shell.account(), "--name", "k", "--policy", "p").status == 2


def test_help_and_version(shell: Shell) -> None:
    assert shell("--version").out.strip() == __version__
    assert "balance" in shell("--help").out
    assert shell("account", "--help").status == 0


def test_every_mistake_of_the_settings_is_a_line_of_its_own(shell: Shell, config: Path) -> None:
    config.write_text('[server]\nport = "x"\n[nonsense]\n[[providers]]\nname = "a"\npreset = "nope"\n')
    for words in (("balance", "acct_0000000000000001"), ("check",), ("serve",)):
        said = shell(*words)
        assert (said.status, said.out) == (1, "")
        assert all(line.startswith(f"tollway: {config}: ") for line in said.err.splitlines())
    assert len(shell("check").err.splitlines()) == 3


def test_commands_about_the_books_need_no_secret_and_serving_does(shell: Shell) -> None:
    assert shell("account", "list").status == 0
    assert shell("models").status == 0
    for words in (("serve",), ("check",), ("providers", "check"), ("up",)):
        said = shell(*words)
        assert said.status == 1
        assert "ACME_KEY_THAT_NOBODY_SET" in said.err


def test_no_command_shows_a_provider_key(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY_THAT_NOBODY_SET", "canary-5f1c")
    for words in (("serve",), ("check",), ("models", "--json"), ("prices", "--json"), ("providers", "check"), ("up",)):
        said = shell(*words)
        assert said.status == 0
        assert "canary-5f1c" not in said.out + said.err


def test_config_may_be_given_as_an_option_and_wins(shell: Shell, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(SETTINGS.replace('id = "fast"', 'id = "faster"'))
    assert shell("models", "--config", str(other), "--json").document[0]["id"] == "faster"
    said = shell("models", "--config", str(tmp_path / "missing.toml"))
    assert (said.status, said.err.count("\n")) == (1, 1)


def test_serve_works_on_the_data_of_up_too(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLLWAY_CONFIG", str(tmp_path / "data"))
    assert shell("up").status == 1
    (tmp_path / "data").mkdir()
    assert shell("serve").status == 1
    assert shell("up", "--json").status == 0
    (tmp_path / "data" / "tollway.db").touch()
    assert shell("serve", "--json").status == 0
    first, second = shell.office.served
    assert first.settings.store == second.settings.store


def test_without_settings_a_command_works_on_the_data_of_up_or_says_what_to_do(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOLLWAY_CONFIG")
    said = shell("account", "list")
    assert (said.status, "tollway up" in said.err) == (1, True)
    data = tmp_path / "tollway-data"
    data.mkdir()
    (data / "tollway.db").touch()
    shell.account()
    assert len(shell("account", "list", "--json").document) == 1
    assert len(shell("account", "list", "--config", str(data), "--json").document) == 1


def test_a_store_in_the_settings_is_found_from_any_working_directory(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.account()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(shell("account", "list", "--json").document) == 1


def test_up_prints_one_json_line_and_starts_with_what_was_asked(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOLLWAY_CONFIG")
    said = shell("up", "--json", "--port", "0", "--data", "d", "--no-local-model")
    assert said.document == {
        "url": "http://127.0.0.1:1234",
        "api_key": "tw-secret",
        "admin_key": "tw-admin-secret",
        "console_url": None,
    }
    (deployment,) = shell.office.served
    assert deployment.settings.server.port == 0
    assert deployment.settings.store.url == f"sqlite:///{tmp_path / 'd' / 'tollway.db'}"
    assert not deployment.settings.local_model.enabled


def test_up_prints_a_request_to_paste(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOLLWAY_CONFIG")
    said = shell("up")
    assert "curl http://127.0.0.1:1234/v1/chat/completions" in said.out
    assert "A note." in said.out
    body = said.out[said.out.index("{") : said.out.rindex("}") + 1]
    assert json.loads(body)["model"] == next(iter(shell.office.served[0].catalog.models))


def test_up_takes_settings_from_a_file_and_changes_only_what_is_said(
    shell: Shell, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_KEY_THAT_NOBODY_SET", "k")
    config.write_text(SETTINGS + "[local_model]\nenabled = true\n[server]\nport = 1111\n")
    assert shell("up", "--port", "2222", "--no-local-model").status == 0
    assert shell("up").status == 0
    changed, unchanged = shell.office.served
    assert (changed.settings.server.port, changed.settings.local_model.enabled) == (2222, False)
    assert (unchanged.settings.server.port, unchanged.settings.local_model.enabled) == (1111, True)
    assert shell("up", "--data", "d").status == 2


def test_a_worker_serves_on_the_socket_it_was_handed_with_the_model_beside_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_KEY_THAT_NOBODY_SET", "k")
    assert shell("worker", "--fd", "7", "--model-port", "4321").out == "ready\n"
    assert shell("worker", "--fd", "7", "--json").document == {"ready": True}
    beside, without = shell.office.served
    assert beside.catalog.providers["local"].home.origin.port == 4321
    assert "local" not in without.catalog.providers


def test_serve_says_in_one_line_where_it_serves(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY_THAT_NOBODY_SET", "k")
    assert shell("serve").out == "Tollway serves at http://127.0.0.1:1234/v1\n"
    assert shell("serve", "--json").document == {"url": "http://127.0.0.1:1234"}


def test_check_is_status_1_when_something_is_to_be_mended(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY_THAT_NOBODY_SET", "k")
    found = shell("check", "--json").document
    assert {finding["subject"]: finding["health"] for finding in found} == {
        "settings": "good",
        "prices": "note",
        "store": "good",
    }
    shell.office.findings = (Finding("store", Health.BAD, "on fire"),)
    said = shell("check")
    assert (said.status, "on fire" in said.out) == (1, True)


def test_models_and_prices_are_listed_with_exact_decimals(shell: Shell) -> None:
    fast, unpriced = shell("models", "--json").document
    assert (fast["id"], fast["pricing"]["input"], fast["pricing"]["output"]) == ("fast", "0.15", "0.60")
    assert unpriced["pricing"] is None
    assert "free/*" in shell("models").out
    priced, unknown = shell("prices", "--json").document
    assert (priced["model"], priced["input"], priced["source"]) == ("fast", "0.15", "config")
    assert priced["price_card"].startswith("card_")
    assert unknown["price_card"] is None
    assert [row["model"] for row in shell("prices", "acme/acme-1", "--json").document] == ["acme/acme-1"]
    said = shell("prices", "fats")
    assert (said.status, "fast" in said.err) == (1, True)


def test_tiers_and_prices_to_come_have_lines_of_their_own(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "tiers.toml"
    path.write_text(
        '[[providers]]\nname = "acme"\npreset = "openai-compatible"\nbase_url = "http://127.0.0.1:9/v1"\n'
        '[[models]]\nid = "long"\ntargets = [{ provider = "acme", model = "x" }]\nprice = [\n'
        '{ input = "1", output = "2", tiers = [{ above = 200000, output = "3" }] },\n'
        '{ input = "1", output = "2", image = "0.04", batch = "50%", from = "2999-01-01" }]\n'
    )
    lines = [" ".join(line.split()) for line in shell("prices", "--config", str(path)).out.splitlines()]
    assert lines == [
        "MODEL PROVIDER MODEL ROUTED CURRENCY INPUT OUTPUT FROM ABOVE IMAGE BATCH SOURCE",
        "long acme x USD 1.00 2.00 - - - - config",
        "long - - - 1.00 3.00 - 200000 - - -",
        "long acme x USD 1.00 2.00 2999-01-01T00:00:00Z - 0.04 50% config",
        "Per million tokens; pictures and calls apiece.",
    ]
    assert shell("prices", "--config", str(path), "--json").document[0]["tiers"][0]["above"] == 200_000


def test_providers_list_shows_where_each_dialect_is_spoken_and_needs_no_secret(shell: Shell, config: Path) -> None:
    more = '[[providers]]\nname = "box"\npreset = "ollama"\ndialects = ["ollama_chat", "openai_chat"]\n'
    config.write_text(f"{config.read_text()}\n{more}")
    _, box = shell("providers", "list", "--json").document
    assert box == {
        "name": "box",
        "base_url": "http://127.0.0.1:11434",
        "prices": None,
        "dialects": {"ollama_chat": "http://127.0.0.1:11434", "openai_chat": "http://127.0.0.1:11434/v1"},
    }
    assert "ollama_chat, openai_chat" in shell("providers", "list").out


def test_providers_check_names_each_provider(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY_THAT_NOBODY_SET", "k")
    assert [found["subject"] for found in shell("providers", "check", "--json").document] == ["acme"]


def test_what_the_system_refuses_is_said_in_one_line(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> str:
        raise PermissionError(13, "Permission denied", "/books")

    monkeypatch.setattr(shell.office, "migrate", refuse)
    said = shell("migrate")
    assert (said.status, said.err) == (1, "tollway: Permission denied: /books\n")


def test_a_setup_that_must_be_mended_is_a_line_for_each_mistake(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> str:
        raise SetupError(("one", "two"))

    monkeypatch.setattr(shell.office, "migrate", refuse)
    assert shell("migrate").err == "tollway: one\ntollway: two\n"
