"""Budgets of tags and of anything, the secret of webhooks, and the trail that changes leave."""

from typing import Any

import pytest

from tests.e2e.account.conftest import Gateway, Owner, error_of


def test_a_tag_has_a_monthly_budget(gateway: Gateway) -> None:
    owner = gateway.owner("aigateway")
    made = owner.told("POST", "/v1/budgets", 201, json={"tag": "team-a", "monthly_cap_cents": 500})
    assert (made["tag"], made["monthly_cap_cents"]) == ("team-a", 500)
    owner.chat(x_aig_tag="team-a")
    for name in (made["id"], "team-a"):
        assert owner.told("GET", f"/v1/budgets/{name}")["spent_cents"] == 0.126  # with the fee
    again = owner.told("POST", "/v1/budgets", 201, json={"tag": "team-a", "monthly_cap_cents": 0.2})
    assert (again["id"], again["monthly_cap_cents"]) == (made["id"], 0.2)
    body = {"model": "m", "messages": [{"role": "user", "content": "hello " * 800}]}
    refused = owner.ask("POST", "/v1/chat/completions", json=body, headers={"x-aig-tag": "team-a"})
    assert (refused.status_code, error_of(refused)["type"]) == (402, "payment_required")
    assert [each["id"] for each in owner.told("GET", "/v1/budgets")["data"]] == [made["id"]]
    assert owner.told("DELETE", "/v1/budgets/team-a")["status"] == "ok"
    for method in ("GET", "DELETE"):
        for name in (made["id"], "team-a", "cap_1", "cap_0000000000000001"):
            assert owner.ask(method, f"/v1/budgets/{name}").status_code == 404
    assert owner.told("GET", "/v1/budgets")["data"] == []
    assert owner.told("POST", "/v1/budgets", json={"tag": "never", "monthly_cap_cents": 0})["id"] is None


def test_a_budget_of_the_organisation_has_a_soft_and_a_hard_limit_and_a_status(gateway: Gateway) -> None:
    owner = gateway.owner("ingate")
    body = {"scope": "org", "soft_limit_usd": 10, "hard_limit_usd": 30.5, "period_type": "monthly"}
    made = owner.told("POST", "/api/v1/budgets", 201, json=body)
    assert {name: made[name] for name in body} == body
    assert made["scope_id"] is None
    owner.chat()
    path = f"/api/v1/budgets/{made['id']}"
    status = owner.told("GET", f"{path}/status")
    assert (status["current_spend"], status["remaining"], status["budget_id"]) == (0.0012, 30.4988, made["id"])
    assert status["utilization"] == pytest.approx(0.0012 / 30.5)
    changed = owner.told("PUT", path, json={"hard_limit_usd": 50, "soft_limit_usd": 25})
    assert (changed["hard_limit_usd"], changed["soft_limit_usd"]) == (50, 25)
    assert owner.told("PATCH", path, json={"hard_limit_usd": 40})["soft_limit_usd"] == 25
    assert owner.told("GET", path) == owner.told("GET", "/api/v1/budgets")["data"][0]
    assert owner.told("DELETE", path)["deleted"] is True
    assert owner.ask("GET", path).status_code == owner.ask("GET", f"{path}/status").status_code == 404


def test_budgets_of_keys_apps_and_users_name_what_they_are_for(gateway: Gateway) -> None:
    owner = gateway.owner()
    made = owner.told("POST", "/v1/sub-accounts", 201, json={"name": "app"})
    for scope, scope_id in (("key", made["key_id"]), ("app", made["id"]), ("user", "*"), ("tag", "t")):
        body = {"scope": scope, "scope_id": scope_id, "hard_limit_usd": 5, "period_type": "daily"}
        made = owner.told("POST", "/api/v1/budgets", 201, json=body)
        assert (made["scope"], made["scope_id"], made["period_type"]) == (scope, scope_id, "daily")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"scope": "org", "hard_limit_usd": -1}, 400),
        ({"scope": "org", "hard_limit_usd": 5, "soft_limit_usd": 6}, 400),
        ({"scope": "planet", "hard_limit_usd": 5}, 400),
        ({"scope": "org", "hard_limit_usd": 5, "period_type": "weekly"}, 400),
        ({"scope": "key", "scope_id": "key_0000000000000001", "hard_limit_usd": 5}, 404),
        ({"scope": "key", "scope_id": "nonsense", "hard_limit_usd": 5}, 404),
        ({"scope": "app", "hard_limit_usd": 5}, 400),
        ({"scope": "tag", "hard_limit_usd": 5}, 400),
        ({"scope": "tag", "scope_id": "x" * 300, "hard_limit_usd": 5}, 400),
        ({"scope": "org"}, 400),
    ],
)
def test_a_budget_that_cannot_be_is_refused(owner: Owner, body: Any, status: int) -> None:
    assert owner.ask("POST", "/api/v1/budgets", json=body).status_code == status


def test_a_budget_of_nothing_says_what_is_missing(owner: Owner) -> None:
    refused = owner.told("POST", "/api/v1/budgets", 400, json={"scope": "key", "hard_limit_usd": 5})
    assert refused["error"]["message"].startswith("scope_id: is missing: it says which key")


def test_the_secret_of_webhooks_stays_until_it_is_rotated(gateway: Gateway) -> None:
    owner = gateway.owner()
    first = owner.told("GET", "/v1/webhook-secret")
    assert first == owner.told("GET", "/v1/webhook-secret")
    assert first["secret"].startswith("whsec_")
    second = owner.told("POST", "/v1/webhook-secret/rotate")
    assert second["secret"] != first["secret"]
    assert owner.told("GET", "/v1/webhook-secret") == second


def test_every_change_stands_in_the_trail_with_who_made_it(gateway: Gateway, stranger: Owner) -> None:
    owner = gateway.owner()
    sub_account = owner.told("POST", "/v1/sub-accounts", 201, json={"name": "s"})
    owner.told("POST", "/v1/webhook-secret/rotate")
    trail = owner.told("GET", "/api/v1/audit")
    actions = [entry["action"] for entry in trail["data"]]
    assert actions[:3] == ["webhook_secret.rotate", "key.create", "sub_account.create"]
    assert sub_account["key"] not in str(trail)
    entry = trail["data"][2]
    assert entry["actor_id"] == owner.key_id
    assert (entry["actor_type"], entry["ip_address"]) == ("key", "127.0.0.1")
    assert entry["resource_id"] == sub_account["id"]
    by_operator = trail["data"][-1]
    assert (by_operator["actor_type"], by_operator["actor_id"], by_operator["ip_address"]) == ("operator", None, None)
    page = owner.told("GET", "/api/v1/audit?limit=1&offset=1")
    assert [entry["id"] for entry in page["data"]] == [trail["data"][1]["id"]]
    assert page["total"] == trail["total"] == len(trail["data"])
    query = f"action=sub_account.create&resource_type=sub_account&actor_id={owner.key_id}&since=2020-01-01"
    assert [each["id"] for each in owner.told("GET", f"/api/v1/audit?{query}")["data"]] == [entry["id"]]
    assert owner.told("GET", "/api/v1/audit?until=2020-01")["data"] == []
    assert entry["id"] not in str(stranger.told("GET", "/api/v1/audit"))
    for bad in ("limit=0", "limit=201", "offset=-1", "since=yesterday", "actor_id=x"):
        assert owner.ask("GET", f"/api/v1/audit?{bad}").status_code == 400, bad
