"""What must stop the start stops it, in one line for each mistake, with exit status 1 and no traceback."""

import sqlite3
from pathlib import Path

import pytest

from tests.e2e.gateway.deployment import Deployment, settings_for


@pytest.fixture(autouse=True)
def provider_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secret that the settings name."""
    monkeypatch.setenv("TEST_PROVIDER_KEY", "sk-test")


def test_every_mistake_of_a_settings_file_is_told_at_once_with_file_and_key(tmp_path: Path) -> None:
    wrong = settings_for(1, server='prot = 80\nworkers = "two"', more='[billing]\nplatform_fee = "much"\n')
    wrong = wrong.replace("env:TEST_PROVIDER_KEY", "env:NOT_SET_ANYWHERE").replace('input = "1"', "input = 0.1")
    done = Deployment(tmp_path, wrong).run("serve")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) >= 5
    assert all("tollway.toml" in line for line in lines)
    for word in ("prot", "workers", "platform_fee", "NOT_SET_ANYWHERE", "input"):
        assert any(word in line for line in lines), word


@pytest.mark.parametrize(("version", "word"), [("0000", "migrate"), ("9999", "newer")])
def test_a_store_of_another_schema_version_is_not_served_and_the_command_is_named(
    tmp_path: Path, version: str, word: str
) -> None:
    tollway = Deployment(tmp_path, settings_for(1))
    tollway.account()
    with sqlite3.connect(tmp_path / "tollway-data" / "tollway.db") as store:
        store.execute("UPDATE alembic_version SET version_num = ?", (version,))
    store.close()
    for command in (("serve",), ("account", "list")):
        done = tollway.run(*command)
        assert done.returncode == 1
        assert word in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_file_that_is_no_store_is_said_so(tmp_path: Path) -> None:
    tollway = Deployment(tmp_path, settings_for(1))
    (tmp_path / "tollway-data").mkdir()
    (tmp_path / "tollway-data" / "tollway.db").write_bytes(b"not a database" * 1000)
    done = tollway.run("serve")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "tollway.db" in done.stderr


def test_check_says_that_all_is_well(tmp_path: Path) -> None:
    tollway = Deployment(tmp_path, settings_for(1))
    tollway.account()
    assert tollway.run("check").returncode == 0
