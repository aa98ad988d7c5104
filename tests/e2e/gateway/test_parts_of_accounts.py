"""Sub-accounts at work: their tag, their models, their limits; and every request of theirs found by its id."""

from typing import Any

import httpx
import pytest

from tests.e2e.gateway.bookkeeper import Bookkeeper, ask, frugal
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Provider
from tests.waiting import until


@pytest.fixture(scope="module")
def books(tollway: Deployment, provider: Provider) -> Bookkeeper:
    provider.scripts["frugal"] = frugal
    return Bookkeeper(tollway)


def found(books: Bookkeeper, reply: httpx.Response) -> dict[str, Any]:
    return books.call("GET", f"/requests/{reply.headers['x-request-id']}")


def test_a_sub_accounts_tag_is_on_requests_that_name_none_and_its_limits_hold(
    tollway: Deployment, books: Bookkeeper
) -> None:
    account = books.account()
    made = books.call(
        "POST", "/sub-accounts", account=account, name="C", tag="customer", models=["p/f*"], monthly_cap="1.00", rpm=2
    )
    first, second = ask(tollway, made["key"]), ask(tollway, made["key"], x_aig_tag="said")
    assert (first.status_code, second.status_code) == (200, 200), first.text
    assert [found(books, reply)["tag"] for reply in (first, second)] == ["customer", "said"]
    assert found(books, first)["sub_account"] == made["id"]
    tags = books.call("GET", f"/usage?account={account}&by=tag")["data"]
    assert [(row["tag"], row["requests"]) for row in tags] == [("customer", 1), ("said", 1)]
    uses = books.uses(account)
    assert [(use["subject"], use["window"], use["spent"]) for use in uses] == [(made["id"], "month", "0.00006")]
    assert ask(tollway, made["key"]).json()["error"]["code"] == "rate_limit_exceeded"
    changed = books.call("PATCH", f"/sub-accounts/{made['id']}", rpm=None, models=["p/other"])
    assert (changed["rpm"], changed["tag"]) == (None, "customer")
    assert ask(tollway, made["key"]).json()["error"]["code"] == "model_not_allowed"
    removed = books.call("DELETE", f"/sub-accounts/{made['id']}")
    assert removed["state"] == "removed"
    assert ask(tollway, made["key"]).status_code == 401
    assert found(books, first)["sub_account"] == made["id"]


def test_a_refused_request_is_found_by_its_id_too(tollway: Deployment, books: Bookkeeper) -> None:
    account = books.account()
    key = books.key(account)
    reply = ask(tollway, key["key"], model="nobody-has-this")
    assert reply.status_code == 404
    refused = f"/admin/v1/requests/{reply.headers['x-request-id']}"
    operator = tollway.client(tollway.command("admin-key", "create", "--name", "look")["key"])
    until(lambda: operator.get(refused).status_code == 200)
    shown = operator.get(refused).json()
    assert (shown["outcome"], shown["status"], shown["code"]) == ("refused", 404, "model_not_found")
    assert (shown["account"], shown["key"], shown["path"]) == (account, key["id"], "/v1/chat/completions")
    assert "nobody-has-this" in shown["message"]
    stranger = ask(tollway, "tw-nobody")
    assert operator.get(f"/admin/v1/requests/{stranger.headers['x-request-id']}").status_code == 404


def test_an_operator_sees_a_summary_and_how_providers_do(tollway: Deployment, books: Bookkeeper) -> None:
    account = books.account()
    key = books.key(account)["key"]
    ask(tollway, key)
    summary = books.call("GET", f"/usage/summary?account={account}")
    assert (summary["requests"], summary["total_cost"], summary["error_rate"]) == (1, "0.00003", 0.0)
    assert summary["p99_latency_ms"] >= 0
    health = books.call("GET", "/provider-health")["data"]
    assert [row["provider"] for row in health] == sorted(row["provider"] for row in health)
    assert {row["status"] for row in health} <= {"operational", "degraded", "down", "unknown"}
    listed = books.call("GET", f"/requests?account={account}&status=2xx")["data"]
    assert (len(listed), books.call("GET", f"/requests?account={account}&status=error")["data"]) == (1, [])
