"""Nobody spends more than their caps allow, whichever caps those are, and who is refused learns until when."""

import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.gateway.bookkeeper import COST, Bookkeeper, ask, ask_at_once, frugal, refusal
from tests.e2e.gateway.conftest import Deploy
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Provider
from tests.waiting import until

LIMIT = Decimal("0.0003")
"""A few requests: each holds about 0.0001 and costs 0.00003."""

TAG, USER = "x_tollway_tag", "x_tollway_user_id"


@pytest.fixture(scope="module")
def books(tollway: Deployment, provider: Provider) -> Bookkeeper:
    provider.scripts["frugal"] = frugal
    return Bookkeeper(tollway)


class Spender:
    """An account with a key of a sub-account, what its capped requests say, and what others of it say."""

    def __init__(self, books: Bookkeeper) -> None:
        self.account = books.account()
        self.sub_account = books.call("POST", "/sub-accounts", account=self.account, name="S")["id"]
        self.key = books.key(self.account, sub_account=self.sub_account)
        self.neighbour = books.key(self.account)
        self.headers = {TAG: "nightly", USER: "ann"}

    def target(self, scope: str) -> dict[str, Any]:
        return {
            "key": {"key": self.key["id"]},
            "sub_account": {"sub_account": self.sub_account},
            "tag": {"account": self.account, "tag": "nightly"},
            "end_user": {"account": self.account, "end_user": "ann"},
            "each end user": {"account": self.account, "end_user": "*"},
            "each tag": {"account": self.account, "tag": "*"},
            "account": {"account": self.account},
        }[scope]

    def someone_else(self, scope: str) -> tuple[str, dict[str, str]] | None:
        """Return who is not under the cap; nobody for an account's own."""
        return {
            "key": (self.neighbour["key"], self.headers),
            "sub_account": (self.neighbour["key"], self.headers),
            "tag": (self.key["key"], {TAG: "daily", USER: "ann"}),
            "end_user": (self.key["key"], {TAG: "nightly", USER: "bob"}),
            "each end user": (self.key["key"], {TAG: "nightly", USER: "bob"}),
            "each tag": (self.key["key"], {TAG: "daily"}),
        }.get(scope)


@pytest.mark.parametrize("window", ["day", "month", "total"])
@pytest.mark.parametrize("scope", ["key", "sub_account", "tag", "end_user", "account", "each end user", "each tag"])
def test_lesson_4_a_cap_holds_in_every_scope_and_window(
    tollway: Deployment, books: Bookkeeper, scope: str, window: str
) -> None:
    who = Spender(books)
    cap = books.cap(LIMIT, window, **who.target(scope))
    answered = 0
    while (reply := ask(tollway, who.key["key"], **who.headers)).status_code == 200:
        answered += 1
        assert answered * COST <= LIMIT
    assert answered > 0
    error = refusal(reply, "cap_reached")
    told = error["metadata"]
    assert (told["cap"], told["scope"], told["window"]) == (cap["id"], cap["scope"], window)
    assert (told["limit"], told["currency"]) == ("0.0003", "USD")
    assert Decimal(told["left"]) == LIMIT - answered * COST
    if window == "total":
        assert told["resets_at"] is None
    else:
        resets = datetime.fromisoformat(told["resets_at"])
        assert resets > datetime.now(UTC)
        assert (resets.hour, resets.minute) == (0, 0)
        assert told["resets_at"] in error["message"]
    (use,) = books.uses(who.account)
    assert (Decimal(use["spent"]), Decimal(use["left"])) == (answered * COST, LIMIT - answered * COST)
    other = who.someone_else(scope)
    if other is not None:
        assert ask(tollway, other[0], **other[1]).status_code == 200


def test_the_books_are_clean_after_all_that(tollway: Deployment) -> None:
    tollway.check()


def test_lesson_5_64_at_once_of_an_end_user_nobody_knew_stay_within_the_cap_of_each(
    tollway: Deployment, books: Bookkeeper
) -> None:
    body = {"model": "p/frugal", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
    poor = books.key(books.account("0"))["key"]
    refused = tollway.client(poor).post("/v1/chat/completions", json=body)
    cost = Decimal(refused.json()["error"]["metadata"]["estimated_cost_usd"])
    account = books.account()
    key = books.key(account)["key"]
    books.cap(cost * 3, account=account, end_user="*")
    replies = ask_at_once(tollway, key, 64, body=body, headers={"x-tollway-user-id": "never-seen"})
    answered = [reply for reply in replies if reply.status_code == 200]
    assert 3 <= len(answered) < 64
    assert {reply.json()["error"]["code"] for reply in replies if reply.status_code == 429} == {"cap_reached"}
    (use,) = books.uses(account)
    assert use["subject"] == "never-seen"
    assert Decimal(use["spent"]) == len(answered) * COST <= cost * 3
    assert books.balance(account) == 5 - len(answered) * COST
    tollway.check()


def test_two_workers_keep_one_cap(deploy: Deploy, provider: Provider) -> None:
    provider.scripts["frugal"] = frugal
    tollway = deploy(server="workers = 2")
    books = Bookkeeper(tollway)
    account = books.account()
    key = books.key(account)["key"]
    books.cap(LIMIT * 3, account=account, tag="*")
    body = {"model": "p/frugal", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 10}
    headers = {"x-tollway-tag": "new", "connection": "close"}
    replies = ask_at_once(tollway, key, 100, body=body, headers=headers)
    answered = sum(reply.status_code == 200 for reply in replies)
    assert {reply.status_code for reply in replies} == {200, 429}
    assert answered * COST <= LIMIT * 3
    (use,) = books.uses(account)
    assert Decimal(use["spent"]) == answered * COST
    tollway.check()


def test_no_cap_is_no_limit_and_zero_is_none(tollway: Deployment, books: Bookkeeper) -> None:
    account = books.account()
    made = books.key(account, daily_cap="0", monthly_cap="0")
    assert made["caps"] == []
    books.cap(LIMIT, account=account)
    assert books.cap("0", account=account)["removed"] is not None
    for _ in range(12):
        assert ask(tollway, made["key"]).status_code == 200


def test_lesson_71_a_cap_that_is_changed_holds_from_the_next_request_on(tollway: Deployment, books: Bookkeeper) -> None:
    account = books.account()
    made = books.key(account, daily_cap=str(LIMIT))
    while (reply := ask(tollway, made["key"])).status_code == 200:
        pass
    refusal(reply, "cap_reached")
    books.cap(LIMIT * 2, key=made["id"])
    assert ask(tollway, made["key"]).status_code == 200
    (use,) = books.uses(account)
    books.cap(use["spent"], key=made["id"])
    refusal(ask(tollway, made["key"]), "cap_reached")
    books.cap("0", key=made["id"])
    assert ask(tollway, made["key"]).status_code == 200
    tollway.check()


def test_most_of_a_cap_spent_raises_one_event(tollway: Deployment, books: Bookkeeper) -> None:
    account = books.account()
    made = books.key(account)
    cap = books.cap(LIMIT, account=account, alert="50%")
    while ask(tollway, made["key"]).status_code == 200:
        pass
    number = int(cap["id"].removeprefix("cap_"), 16)

    def told() -> list[tuple[str, int]]:
        connection = sqlite3.connect(tollway.folder / "tollway-data" / "tollway.db")
        found = connection.execute(
            "SELECT kind, json_extract(data, '$.cap_id') FROM events WHERE account_id = ? ORDER BY created_ms, kind DESC",
            (int(account.removeprefix("acct_"), 16),),
        ).fetchall()
        connection.close()
        return found

    until(lambda: len(told()) > 1)  # nobody who is refused waits for the people to be told
    assert told() == [("cap_threshold", number), ("cap_reached", number)]


def test_a_reset_is_told_in_the_deployments_timezone(deploy: Deploy, provider: Provider) -> None:
    provider.scripts["frugal"] = frugal
    tollway = deploy(more='[billing]\ntimezone = "Asia/Shanghai"\n')
    books = Bookkeeper(tollway)
    key = books.key(books.account(), daily_cap="0.00001")["key"]
    told = refusal(ask(tollway, key), "cap_reached")["metadata"]
    assert told["resets_at"].endswith("T00:00:00+08:00")


def test_a_suspended_sub_account_is_refused_and_its_account_is_not(tollway: Deployment, books: Bookkeeper) -> None:
    who = Spender(books)
    books.call("POST", f"/sub-accounts/{who.sub_account}/suspend")
    reply = ask(tollway, who.key["key"])
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "account_suspended")
    assert "sub-account" in reply.json()["error"]["message"]
    assert ask(tollway, who.neighbour["key"]).status_code == 200
    books.call("POST", f"/sub-accounts/{who.sub_account}/resume")
    assert ask(tollway, who.key["key"]).status_code == 200


def test_an_account_pays_its_own_fee_and_share_of_prices(tollway: Deployment, books: Bookkeeper) -> None:
    account = books.account()
    key = books.key(account)["key"]
    books.call("PATCH", f"/accounts/{account}", platform_fee="10%", discount="50%")
    usage = ask(tollway, key).json()["usage"]
    assert (usage["base_cost_usd"], usage["platform_fee_usd"], usage["total_cost_usd"]) == (
        0.000015,
        0.0000015,
        0.0000165,
    )
    assert books.balance(account) == 5 - Decimal("0.0000165")
    tollway.check()
