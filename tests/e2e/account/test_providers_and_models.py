"""Providers that an account brings, how models are called, and the official client of the service that has both."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.account.conftest import Gateway, Owner, error_of
from tests.tidy.tree import ROOT

SECRET = "sk-brought-by-me-0123456789"
CLIENT = ROOT / ".venv" / "compat" / "aigateway"


def test_a_provider_is_brought_changed_and_removed_and_its_key_never_shown(gateway: Gateway) -> None:
    owner = gateway.owner("ingate")
    body = {"name": "mine", "type": "openai", "api_key": SECRET, "is_default": True}
    made = owner.told("POST", "/api/v1/providers", 201, json=body)
    assert (made["name"], made["type"], made["auth_mode"]) == ("mine", "openai", "api_key")
    assert (made["is_default"], made["enabled"], made["key_hint"], made["has_key"]) == (True, True, "...6789", True)
    for name in (made["id"], "mine"):
        assert owner.told("GET", f"/api/v1/providers/{name}") == made
    assert owner.told("GET", "/api/v1/providers")["data"] == [made]
    path = f"/api/v1/providers/{made['id']}"
    assert owner.told("PUT", path, json={"enabled": False, "type": "openai"})["enabled"] is False
    passing = owner.told("PATCH", path, json={"auth_mode": "passthrough", "name": "theirs"})
    assert (passing["auth_mode"], passing["has_key"], passing["name"]) == ("passthrough", False, "theirs")
    assert SECRET not in str(owner.told("GET", "/api/v1/audit"))
    assert owner.told("DELETE", path)["deleted"] is True
    for method in ("GET", "PUT", "DELETE"):
        assert owner.ask(method, path, json={}).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a", "type": "no-such-preset", "api_key": SECRET},
        {"name": "a/b", "type": "openai", "api_key": SECRET},
        {"name": "a", "type": "openai"},
        {"name": "a", "type": "openai", "api_key": "with space"},
        {"name": "a", "type": "openai", "api_key": "x" * 10_000},
        {"name": "a", "type": "openai", "api_key": SECRET, "auth_mode": "magic"},
        {"name": "a", "type": "openai-compatible", "api_key": SECRET, "base_url": "http://127.0.0.1:1/v1"},
        {"name": "a", "type": "openai-compatible", "api_key": SECRET, "base_url": "http://169.254.169.254/v1"},
        {"name": "a", "type": "openai-compatible", "api_key": SECRET, "base_url": "file:///etc/passwd"},
        {"type": "openai", "api_key": SECRET},
    ],
)
def test_a_provider_that_cannot_be_is_refused_and_its_key_not_repeated(owner: Owner, body: Any) -> None:
    reply = owner.ask("POST", "/api/v1/providers", json=body)
    assert (reply.status_code, error_of(reply)["code"]) == (400, "invalid_request")
    assert SECRET not in reply.text


def test_a_provider_stays_of_its_kind(gateway: Gateway) -> None:
    owner = gateway.owner()
    owner.told("POST", "/api/v1/providers", 201, json={"name": "openai", "api_key": SECRET})
    assert owner.ask("PATCH", "/api/v1/providers/openai", json={"type": "anthropic"}).status_code == 400


@pytest.mark.parametrize("name", ["p/any/thing", "p%2Fany%2Fthing", "p/any%2Fthing"])
def test_a_model_is_shown_with_its_schema_however_its_slashes_came(owner: Owner, name: str) -> None:
    shown = owner.told("GET", f"/v1/models/{name}")
    assert shown["id"] == "p/any/thing"
    assert shown["schema"] == owner.told("GET", f"/v1/models/{name}/schema")
    assert shown["schema"]["endpoint"] == {
        "method": "POST",
        "path": "/v1/chat/completions",
        "content_type": "application/json",
    }


def test_the_list_of_models_is_filtered(owner: Owner) -> None:
    assert [model["id"] for model in owner.told("GET", "/v1/models?modality=text&provider=p")["data"]] == ["m"]
    assert owner.told("GET", "/v1/models?modality=image")["data"] == []
    assert owner.ask("GET", "/v1/models?modality=smell").status_code == 400


@pytest.fixture
def aigateway() -> Iterator[Any]:
    """The official client."""
    if not CLIENT.exists():
        pytest.skip("the client is not installed: make setup")
    sys.path.insert(0, str(CLIENT))
    try:
        yield pytest.importorskip("aigateway.client")
    finally:
        sys.path.remove(str(CLIENT))
        for name in [name for name in sys.modules if name.partition(".")[0] == "aigateway"]:
            del sys.modules[name]


def test_the_official_client_works_unchanged(gateway: Gateway, aigateway: Any) -> None:
    owner = gateway.owner("aigateway")
    with aigateway.AIgateway(owner.key, base_url=gateway.deployment.url, tag="t") as client:
        made = client.sub_accounts.create(name="c", spend_cap_cents=100, rate_limit_rpm=60, default_tag="c")
        assert made["key"].startswith("sk-aig-")
        assert [each["id"] for each in client.sub_accounts.list()] == [made["id"]]
        assert client.sub_accounts.get(made["id"])["spend_cap_cents"] == 100
        assert client.sub_accounts.delete(made["id"])["status"] == "ok"
        with pytest.raises(aigateway.AIgatewayError) as gone:
            client.sub_accounts.get(made["id"])
        assert (gone.value.status_code, gone.value.type) == (404, "not_found")
        secret = client.webhook_secret.get()["secret"]
        assert client.webhook_secret.rotate()["secret"] != secret
        assert [model["id"] for model in client.models.list(modality="text", provider="p")] == ["m"]
        assert client.models.get("p/any/thing")["schema"]["model"] == "p/any/thing"
        for later in (client.evals.list, client.replays.list, lambda: client.jobs.get("j")):
            with pytest.raises(aigateway.AIgatewayError) as refused:
                later()
            assert (refused.value.status_code, refused.value.type) == (501, "not_supported")


def test_the_schema_of_a_model_runs(owner: Owner, tmp_path: Path) -> None:
    snippet = owner.told("GET", "/v1/models/m/schema")["snippets"]["python"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWAY_URL", owner.gateway.deployment.url)
        patch.setenv("GATEWAY_KEY", owner.key)
        exec(compile(snippet, str(tmp_path / "snippet.py"), "exec"), {})
