"""What an operator looks at and mends by command: providers, checks, migration."""

from pathlib import Path

import pytest

from tests.e2e.gateway.deployment import Deployment, settings_for
from tests.e2e.gateway.provider import Line, Provider, Seen


def test_providers_check_says_who_answers_and_who_takes_the_key(
    tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PROVIDER_KEY", "sk-test")
    more = '[[providers]]\nname = "gone"\npreset = "openai-compatible"\nbase_url = "http://127.0.0.1:9/v1"\n'
    tollway = Deployment(tmp_path, settings_for(provider.port, more=more))
    for status, health in (("200 OK", "good"), ("401 No", "bad"), ("404 Not Found", "note")):

        async def models(seen: Seen, to: Line, status: str = status) -> None:
            await to.whole(b'{"data":[]}', status=status)

        provider.scripts[""] = models
        done = tollway.run("providers", "check", "--json")
        assert f'"subject":"p","health":"{health}"' in done.stdout
        assert '"subject":"gone","health":"bad"' in done.stdout
        assert done.returncode == 1, "something is to be mended"
        assert "sk-test" not in done.stdout + done.stderr


def test_migrate_makes_a_store_and_says_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PROVIDER_KEY", "sk-test")
    tollway = Deployment(tmp_path, settings_for(1))
    version = tollway.command("migrate")["version"]
    assert version
    assert tollway.command("migrate")["version"] == version
    assert tollway.command("account", "list") == []
