"""The accounts' API with its books in PostgreSQL, answered by two workers: keys are read across a network there."""

from pathlib import Path

from tests.e2e.account.conftest import error_of, open_gateway


def test_accounts_are_managed_the_same_with_books_in_postgresql(tmp_path: Path, postgres_url: str) -> None:
    with open_gateway(tmp_path, store=postgres_url, server="workers = 2") as gateway:
        owner, stranger = gateway.owner("ingate"), gateway.owner()
        made = owner.told("POST", "/api/v1/keys", 201, secret=owner.writing, json={"name": "k", "limit": 5})
        owner.chat(made["key"], x_ingate_user_id="ada")
        path = f"/api/v1/keys/{made['data']['hash']}"
        # Each request comes on a connection of its own, so to either worker.
        for _ in range(8):
            assert gateway.fresh("GET", path, owner.writing).json()["data"]["limit_remaining"] == 4.9988
            assert gateway.fresh("GET", path, stranger.writing).status_code == 404
            assert gateway.fresh("GET", "/v1/balance", made["key"]).status_code == 403
            assert gateway.fresh("GET", "/v1/balance", "nonsense").status_code == 401
        owner.told("PATCH", path, secret=owner.writing, json={"disabled": True})
        for _ in range(8):
            assert gateway.fresh("GET", "/v1/models", made["key"]).status_code == 401
        sub_account = owner.told("POST", "/v1/sub-accounts", 201, json={"name": "s", "spend_cap_cents": 5})
        rotated = owner.told("POST", f"/v1/keys/{sub_account['key_id']}/rotate")
        owner.chat(rotated["key"])
        owner.told("POST", "/api/v1/budgets", 201, json={"scope": "org", "hard_limit_usd": 5})
        assert owner.told("GET", "/api/v1/usage/users")["data"][1]["user_id"] == "ada"
        assert owner.told("GET", "/api/v1/usage/summary")["total_requests"] == 2
        assert len(owner.told("GET", "/v1/usage/by-sub-account")["data"]) == 2
        assert owner.told("GET", "/api/v1/logs?limit=1")["has_more"] is True
        assert owner.told("GET", "/api/v1/audit")["total"] >= 6
        assert owner.told("GET", "/api/v1/whoami")["data"]["balance"]["usd"] == "49.9976"
        # Without an encryption key in the settings there is nothing to seal secrets with.
        refused = owner.ask("GET", "/v1/webhook-secret")
        assert (refused.status_code, error_of(refused)["code"]) == (400, "invalid_request")
        assert "encryption_key" in error_of(refused)["message"]
