"""What an account is told of its usage and its money."""

from typing import Any

import pytest

from tests.e2e.account.conftest import Gateway, Owner, error_of
from tests.waiting import until

COST = 0.0012
"""Of one chat, in units: the provider says 1000 tokens in and 100 out."""


class Used:
    """An account with three requests: two of a user with a tag, one of a sub-account."""

    def __init__(self, gateway: Gateway) -> None:
        self.owner = gateway.owner()
        for _ in range(2):
            self.owner.chat(x_tollway_tag="search", x_tollway_user_id="u1", x_tollway_session_id="s1")
        self.sub_account = self.owner.told("POST", "/v1/sub-accounts", 201, json={"name": "Customer"})
        self.owner.chat(self.sub_account["key"])
        body = {"model": "m", "messages": "nonsense"}
        assert self.owner.ask("POST", "/v1/chat/completions", json=body).status_code == 400

    def told(self, path: str) -> Any:
        """Ask as the owner."""
        return self.owner.told("GET", path)


@pytest.fixture(scope="module")
def used(gateway: Gateway) -> Used:
    """An account that was used."""
    return Used(gateway)


def test_usage_by_tag_is_of_one_month_in_hundredths(used: Used) -> None:
    told = used.told("/v1/usage/by-tag")
    search, none = told["data"]
    assert (search["tag"], search["label"], search["requests"], search["cost_cents"]) == ("search", "search", 2, 0.24)
    assert (search["input_tokens"], search["output_tokens"]) == (2000, 200)
    assert (none["tag"], none["label"], none["cost_cents"]) == (None, "(none)", 0.12)
    month = told["from"][:7]
    assert used.told(f"/v1/usage/by-tag?month={month}")["data"] == told["data"]
    assert used.told("/v1/usage/by-tag?month=2020-01")["data"] == []


def test_usage_by_sub_account_names_each(used: Used) -> None:
    own, customer = used.told("/v1/usage/by-sub-account")["data"]
    assert (own["sub_account_id"], own["label"], own["requests"]) == (None, "(none)", 2)
    assert (customer["sub_account_id"], customer["label"]) == (used.sub_account["id"], "Customer")


def test_the_usage_of_a_sub_account_is_of_a_window_until_now(used: Used) -> None:
    path = f"/v1/sub-accounts/{used.sub_account['id']}/usage"
    told = used.told(f"{path}?window=24h")
    assert (told["requests"], told["cost_cents"], told["window"]) == (1, 0.12, "24h")
    assert [(part["model"], part["requests"]) for part in told["by_model"]] == [("m-2026", 1)]
    assert used.told(path)["window"] == "30d"


def test_the_newest_requests_come_first(used: Used) -> None:
    lines = used.told("/v1/usage/recent")["data"]
    assert [line["tag"] for line in lines] == [None, "search", "search"]
    assert lines[0]["sub_account_id"] == used.sub_account["id"]
    assert lines[1] | {"id": None, "created_at": None, "latency_ms": None} == {
        "id": None,
        "created_at": None,
        "model": "m",
        "model_routed": "m-2026",
        "provider": "p",
        "tag": "search",
        "sub_account_id": None,
        "status": 200,
        "latency_ms": None,
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "total_tokens": 1100,
        "cost_cents": 0.12,
        "currency": "USD",
    }
    assert used.told("/v1/usage/recent?limit=1")["data"] == lines[:1]


def test_the_balance_says_what_is_left_and_what_was_spent(used: Used, gateway: Gateway) -> None:
    told = used.told("/v1/balance")
    assert (told["balance_cents"], told["available_cents"], told["spent_30d_cents"]) == (4999.64, 4999.64, 0.36)
    assert (told["status"], told["currency"], told["balance"]) == ("active", "USD", 49.9964)
    poor = gateway.owner()
    gateway.desk.accounts.debit(poor.id, 49_500_000_000, "nearly all")
    assert poor.told("GET", "/v1/balance")["status"] == "low"


def test_a_summary_has_sums_latencies_and_rates(used: Used) -> None:
    told = used.told("/api/v1/usage/summary")
    assert (told["total_requests"], told["total_input_tokens"], told["total_output_tokens"]) == (3, 3000, 300)
    assert told["total_cost_usd"] == pytest.approx(3 * COST)
    assert told["p99_latency_ms"] >= told["avg_latency_ms"] >= 0
    assert (told["cache_hit_rate"], told["error_rate"]) == (0, 0)
    for query, requests in (
        ("user_id=u1", 2),
        ("session_id=s1&provider=p&model=m-2026", 2),
        (f"app_id={used.sub_account['id']}", 1),
        ("team_id=search", 2),
        ("tag=search&user_id=nobody", 0),
        (f"key_id={used.owner.key_id}", 2),
        ("since=2020-01&until=2020-12", 0),
        ("app_id=sa_0000000000000001", 0),
    ):
        assert used.told(f"/api/v1/usage/summary?{query}")["total_requests"] == requests, query


@pytest.mark.parametrize("granularity", ["hour", "day"])
def test_a_series_has_a_part_for_each_hour_or_day_of_use(used: Used, granularity: str) -> None:
    told = used.told(f"/api/v1/usage/timeseries?granularity={granularity}")
    assert sum(part["requests"] for part in told["data"]) == 3
    assert all(part["timestamp"].endswith(":00:00.000Z") for part in told["data"])


@pytest.mark.parametrize(
    ("by", "name", "first"),
    [
        ("models", "model", "m-2026"),
        ("providers", "provider", "p"),
        ("users", "user_id", "u1"),
        ("sessions", "session_id", "s1"),
        ("tags", "tag", "search"),
        ("teams", "team_id", "search"),
        ("apps", "app_id", None),
    ],
)
def test_usage_is_broken_down_by_anything(used: Used, by: str, name: str, first: str | None) -> None:
    told = used.told(f"/api/v1/usage/{by}")
    assert told["data"][0][name] == first
    assert sum(part["requests"] for part in told["data"]) == 3
    assert told["total"] == len(told["data"])
    assert len(used.told(f"/api/v1/usage/{by}?limit=1")["data"]) == 1


def test_the_log_goes_page_by_page(used: Used) -> None:
    first = used.told("/api/v1/logs?limit=2")
    second = used.told(f"/api/v1/logs?limit=2&after={first['next']}")
    assert (first["has_more"], second["has_more"], second["next"]) == (True, False, None)
    lines = [*first["data"], *second["data"]]
    assert lines == used.told("/api/logs")["data"]
    assert [line["user_id"] for line in lines] == [None, "u1", "u1"]
    assert (lines[0]["app_id"], lines[0]["cost_usd"], lines[0]["status_code"]) == (used.sub_account["id"], COST, 200)
    assert used.told(f"/api/v1/logs/{lines[0]['request_id']}") == lines[0]
    for query, found in (("user_id=u1&status=200", 2), ("status=error", 0), ("status=2xx&provider=p", 3)):
        assert len(used.told(f"/api/logs?{query}")["data"]) == found, query


def test_a_request_is_found_by_the_id_that_its_answer_had(used: Used, stranger: Owner) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    name = stranger.ask("POST", "/v1/chat/completions", json=body).headers["x-request-id"]
    assert stranger.told("GET", f"/api/v1/logs/{name}")["request_id"] == name
    assert used.owner.ask("GET", f"/api/v1/logs/{name}").status_code == 404


def test_a_refused_request_is_found_too(stranger: Owner) -> None:
    body = {"model": "nonsense", "messages": [{"role": "user", "content": "hello"}]}
    refused = stranger.ask("POST", "/v1/chat/completions", json=body)
    assert refused.status_code == 404
    path = f"/api/v1/logs/{refused.headers['x-request-id']}"

    def found() -> bool:
        return stranger.ask("GET", path).status_code == 200

    until(found)
    told = stranger.told("GET", path)
    assert (told["outcome"], told["status_code"], told["error_code"]) == ("refused", 404, "model_not_found")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/usage/by-tag?month=april", 400),
        ("/v1/usage/by-tag?month=2026-13", 400),
        ("/v1/usage/recent?limit=0", 400),
        ("/v1/usage/recent?limit=x", 400),
        ("/v1/sub-accounts/sa_0000000000000001/usage", 404),
        ("/v1/sub-accounts/nonsense/usage", 404),
        ("/api/v1/usage/summary?since=yesterday", 400),
        ("/api/v1/usage/summary?since=2026-02&until=2026-01", 400),
        ("/api/v1/usage/summary?app_id=x", 400),
        ("/api/v1/usage/timeseries?granularity=minute", 400),
        ("/api/v1/usage/planets", 404),
        ("/api/v1/usage/models?limit=100000", 400),
        ("/api/v1/logs?status=7", 400),
        ("/api/v1/logs?after=req_0000000000000001", 404),
        ("/api/v1/logs?after=x", 404),
        ("/api/v1/logs/req_0000000000000001", 404),
        ("/api/v1/logs/x", 404),
        ("/api/v1/usage/summary?tag=%00", 400),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(owner: Owner, path: str, status: int) -> None:
    reply = owner.ask("GET", path)
    assert (reply.status_code, bool(error_of(reply)["message"])) == (status, True)


def test_a_bad_window_is_refused(used: Used) -> None:
    for window in ("30", "0d", "9999d", "a month"):
        reply = used.owner.ask("GET", f"/v1/sub-accounts/{used.sub_account['id']}/usage", params={"window": window})
        assert reply.status_code == 400, window


def test_capabilities_and_providers_are_listed(owner: Owner, used: Used) -> None:
    known = {each["id"]: each for each in owner.told("GET", "/v1/capabilities")["data"]}
    assert known["embeddings"]["endpoint"] == "/v1/embeddings"
    assert used.told("/v1/health/providers")["data"] == [{"id": "p", "provider": "p", "status": "operational"}]
