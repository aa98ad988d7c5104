"""API keys managed over HTTP by management keys, rotation, and what a key is told of itself."""

import hashlib
from typing import Any

import pytest

from tests.e2e.account.conftest import Gateway, Owner, error_of

PATH = "/api/v1/keys"


class Managed:
    """An account whose keys are managed."""

    def __init__(self, gateway: Gateway) -> None:
        self.owner = gateway.owner("gonkagate")

    def told(self, method: str, path: str = "", status: int = 200, **more: Any) -> Any:
        """Ask with the management key that may write."""
        return self.owner.told(method, f"{PATH}{path}", status, secret=self.owner.writing, **more)

    def made(self, **body: Any) -> tuple[dict[str, Any], str]:
        """Make a key; return what is shown of it, and its text."""
        answer = self.told("POST", status=201, json={"name": "made"} | body)
        return answer["data"], answer["key"]


@pytest.fixture(scope="module")
def managed(gateway: Gateway) -> Managed:
    """An account of the brand whose management keys these are."""
    return Managed(gateway)


def test_a_key_is_made_and_called_by_the_hash_of_its_text(managed: Managed) -> None:
    data, key = managed.made(name="customer-1", limit=5, models=["m"])
    assert key.startswith("gp-")
    assert data["hash"] == hashlib.sha256(key.encode()).hexdigest()
    assert data["label"].startswith(key[:7])
    assert (data["name"], data["disabled"], data["models"]) == ("customer-1", False, ["m"])
    assert (data["limit"], data["limit_remaining"], data["limit_reset"], data["usage"]) == (5, 5, None, 0)
    assert data["created_at"].endswith("Z")
    managed.owner.chat(key)
    shown = managed.told("GET", f"/{data['hash']}")["data"]
    assert (shown["usage"], shown["usage_daily"], shown["usage_monthly"]) == (0.00132, 0.00132, 0.00132)
    assert shown["limit_remaining"] == 4.99868
    assert shown["last_used_at"].endswith(":00:00.000Z")
    assert key not in str(managed.told("GET"))
    assert managed.told("GET")["data"][0] == shown
    assert managed.told("GET", f"/{data['id']}")["data"] == shown


WANTED = {
    "created_at", "creator_user_id", "disabled", "expires_at", "external_user", "hash", "include_byok_in_limit", "label",
    "last_used_at", "limit", "limit_remaining", "limit_reset", "name", "updated_at", "workspace_id",
    *(f"{what}{period}" for what in ("usage", "byok_usage") for period in ("", "_daily", "_weekly", "_monthly")),
}  # fmt: skip
"""What OpenRouter's clients, which speak the same API, refuse a key without."""


def test_a_key_is_shown_with_all_that_clients_of_the_same_api_want(managed: Managed) -> None:
    data, key = managed.made(name="shown")
    managed.owner.chat(key)
    shown = managed.told("GET", f"/{data['hash']}")["data"]
    assert data.keys() >= WANTED
    assert shown["usage_weekly"] == shown["usage"] == 0.00132
    assert shown["workspace_id"] == managed.told("GET")["data"][-1]["workspace_id"]


def test_keys_are_listed_page_by_page(gateway: Gateway) -> None:
    managed = Managed(gateway)
    hashes = [managed.made(name=f"k{number}")[0]["hash"] for number in range(3)]
    listed = managed.told("GET", "?limit=2")
    assert [key["hash"] for key in listed["data"]] == hashes[:0:-1]
    rest = managed.told("GET", "/?offset=2")
    assert rest["data"][0]["hash"] == hashes[0]
    assert (listed["total"], len(rest["data"])) == (4, 2)
    assert managed.told("GET", "?offset=100")["data"] == []
    managed.told("PATCH", f"/{hashes[0]}", json={"disabled": True})
    assert managed.told("GET", "?include_disabled=false")["total"] == 3


def test_a_key_is_changed_disabled_and_deleted(managed: Managed) -> None:
    data, key = managed.made(limit=5, limit_reset="daily", expires_at="2100-01-31T00:00:00Z")
    assert (data["limit"], data["limit_reset"], data["expires_at"]) == (5, "daily", "2100-01-31T00:00:00.000Z")
    path = f"/{data['hash']}"
    for body, changed in (
        ({"name": "new", "limit": 7.5}, {"name": "new", "limit": 7.5, "limit_reset": "daily"}),
        ({"limit_reset": "monthly"}, {"limit": 7.5, "limit_reset": "monthly"}),
        ({"limit_reset": None}, {"limit": 7.5, "limit_reset": None}),
        ({"limit": None}, {"limit": None, "limit_remaining": None, "limit_reset": None}),
        (
            {"expires_at": None, "models": ["m"], "routes": ["chat", "models"]},
            {"expires_at": None, "routes": ["chat", "models"]},
        ),
        ({"networks": ["127.0.0.1"], "rate_limit_rpm": 100}, {"networks": ["127.0.0.1/32"]}),
    ):
        assert changed.items() <= managed.told("PATCH", path, json=body)["data"].items(), body
    managed.owner.chat(key)
    assert managed.told("PATCH", path, json={"disabled": True})["data"]["disabled"] is True
    assert managed.owner.ask("GET", "/v1/models", key).status_code == 401
    managed.told("PATCH", path, json={"disabled": False})
    assert managed.owner.ask("GET", "/v1/models", key).status_code == 200
    assert managed.told("DELETE", path)["deleted"] is True
    assert managed.owner.ask("GET", "/v1/models", key).status_code == 401
    for method in ("GET", "PATCH", "DELETE"):
        assert managed.owner.ask(method, f"{PATH}{path}", managed.owner.writing, json={}).status_code == 404, method


def test_a_limit_of_a_key_holds(managed: Managed) -> None:
    _, key = managed.made(limit=0.0014)
    managed.owner.chat(key)
    body = {"model": "m", "messages": [{"role": "user", "content": "hello " * 800}]}
    refused = managed.owner.ask("POST", "/v1/chat/completions", key, json=body)
    assert (refused.status_code, error_of(refused)["code"]) == (429, "cap_reached")


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": "a", "limit": -1},
        {"name": "a", "limit": "lots"},
        {"name": "a", "limit_reset": "weekly"},
        {"name": "a", "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "a", "expires_at": "soon"},
        {"name": "a", "expires_at": 10**20},
        {"name": "a", "models": ["a,b"]},
        {"name": "a", "routes": ["nowhere"]},
        {"name": "a", "networks": ["everywhere"]},
        {"name": "a", "rate_limit_rpm": -5},
        {"name": "a", "surplus": 1},
    ],
)
def test_a_key_that_cannot_be_is_refused(managed: Managed, body: Any) -> None:
    reply = managed.owner.ask("POST", PATH, managed.owner.writing, json=body)
    assert (reply.status_code, error_of(reply)["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("name", ["0" * 64, "00", "zz", "key_0000000000000001", "key_1", "%20", "..", "a" * 5000])
def test_a_hash_of_nothing_is_404(managed: Managed, name: str) -> None:
    reply = managed.owner.ask("GET", f"{PATH}/{name}", managed.owner.writing)
    assert reply.status_code == 404


def test_a_key_is_rotated_and_the_old_text_works_a_while(gateway: Gateway) -> None:
    owner = gateway.owner("aigateway")
    sub_account = owner.told("POST", "/v1/sub-accounts", 201, json={"name": "s"})
    path = f"/v1/keys/{sub_account['key_id']}/rotate"
    rotated = owner.told("POST", path)
    assert (rotated["id"], rotated["key"]) == (sub_account["key_id"], rotated["scoped_key"])
    assert rotated["old_key_expires_at"] is not None
    for key in (sub_account["key"], rotated["key"]):
        assert owner.ask("GET", "/v1/models", key).status_code == 200
    again = owner.told("POST", f"/v1/keys/{rotated['hash']}/rotate", json={"overlap_hours": 0})
    assert again["old_key_expires_at"] is None
    for key, status in ((sub_account["key"], 401), (rotated["key"], 401), (again["key"], 200)):
        assert owner.ask("GET", "/v1/models", key).status_code == status
    for hours in (-1, 10_000, 10**30, "1"):
        assert owner.ask("POST", path, json={"overlap_hours": hours}).status_code == 400, hours
    assert owner.ask("POST", "/v1/keys/key_0000000000000001/rotate").status_code == 404


def test_a_management_key_rotates_where_it_manages(managed: Managed) -> None:
    data, old = managed.made()
    rotated = managed.told("POST", f"/{data['hash']}/rotate", json={"overlap_hours": 0})
    assert (rotated["id"], rotated["old_key_expires_at"]) == (data["id"], None)
    assert managed.told("GET", f"/{rotated['hash']}")["data"]["label"].startswith("gp-")
    assert managed.owner.ask("GET", "/v1/models", old).status_code == 401
    assert managed.owner.ask("POST", f"{PATH}/{rotated['hash']}/rotate").status_code == 401
    assert managed.owner.ask("POST", f"{PATH}/{rotated['hash']}/rotate", managed.owner.reading).status_code == 403


def test_a_key_asks_what_it_is(gateway: Gateway) -> None:
    owner = gateway.owner("gonkagate")
    data = owner.told("GET", "/api/v1/whoami")["data"]
    assert data["apiKey"]["name"] == "free"
    assert data["apiKey"]["maskedKey"].startswith("gp-")
    assert (data["apiKey"]["status"], data["apiKey"]["lastUsed"]) == ("active", None)
    assert data["balance"] == {"usd": "50.00", "currency": "USD", "status": "active"}
    owner.chat()
    assert owner.told("GET", "/api/v1/whoami")["data"]["apiKey"]["lastUsed"].endswith(":00:00.000Z")
    managing = owner.told("GET", "/api/v1/whoami", secret=owner.reading)["data"]
    assert (managing["apiKey"]["kind"], managing["apiKey"]["access"]) == ("management", "read_only")
    assert managing["apiKey"]["maskedKey"].startswith("gpm-")
    sub_account = owner.told("POST", "/v1/sub-accounts", 201, json={"name": "s"})
    limited = owner.told("GET", "/api/v1/whoami", secret=sub_account["key"])["data"]
    assert limited["balance"] is None


def test_a_balance_in_yuan_is_not_called_dollars(gateway: Gateway) -> None:
    account = gateway.desk.accounts.create("yuan", "CNY", 3_000_000_000)
    _, secret = gateway.desk.keys.create(account.id, "free")
    told = gateway.ask("GET", "/api/v1/whoami", secret).json()["data"]["balance"]
    assert told == {"usd": None, "cny": "3.00", "currency": "CNY", "status": "active"}


def test_the_prices_of_an_account_have_its_fee(gateway: Gateway) -> None:
    owner = gateway.owner("gonkagate")
    for path in ("/api/v1/pricing", "/api/v1/public/pricing"):
        data = owner.told("GET", path)["data"]
        assert data["fees"] == {"platformFeeRate": 0.1}
        (model,) = [model for model in data["models"] if model["id"] == "m"]
        assert model["usdPer1MTokens"] == {"network": 2, "platformFee": 0.2, "total": 2.2}


def test_a_management_key_asks_no_models_and_that_is_said(owner: Owner) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    for method, path in (("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("POST", "/v1/evals")):
        refused = owner.ask(method, path, owner.writing, json=body)
        assert (refused.status_code, error_of(refused)["code"]) == (401, "invalid_api_key")
        assert "management key" in error_of(refused)["message"]


def test_a_management_key_of_a_suspended_account_is_refused_and_a_revoked_one_unknown(gateway: Gateway) -> None:
    owner = gateway.owner()
    gateway.desk.accounts.suspend(owner.id)
    for secret in (owner.writing, owner.key):
        refused = owner.ask("GET", "/v1/balance", secret)
        assert (refused.status_code, error_of(refused)["code"]) == (403, "account_suspended")
    gateway.desk.accounts.resume(owner.id)
    (first, _) = gateway.desk.management_keys.list(owner.id)
    gateway.desk.management_keys.revoke(first.id)
    assert owner.ask("GET", "/v1/balance", owner.reading).status_code == 401
    assert owner.ask("GET", "/v1/balance", owner.writing).status_code == 200
