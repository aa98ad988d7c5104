"""Keys that spend a package: to the last micro-token, for the models it covers, until it ends, and never the balance."""

import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from tests.e2e.gateway.bookkeeper import COST, Bookkeeper, ask, ask_at_once, frugal, refusal
from tests.e2e.gateway.conftest import Deploy
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Line, Provider, Seen
from tests.waiting import until

TOKENS = 20
"""Of a frugal answer, in and out."""


@pytest.fixture(scope="module")
def books(tollway: Deployment, provider: Provider) -> Bookkeeper:
    provider.scripts["frugal"] = frugal
    return Bookkeeper(tollway)


class Buyer:
    """An account with a package, and a key that spends it."""

    def __init__(self, books: Bookkeeper, **product: object) -> None:
        self.account = books.account("5.00")
        self.package = books.package(self.account, **product)
        made = books.key(self.account, billing="package", package=self.package)
        self.key = str(made["key"])


@pytest.mark.parametrize("ratio", ["1", "0.5", "2", "0.333333", "0.000001", "12.345678"])
def test_a_call_takes_its_tokens_times_the_ratio_to_the_last_micro_token(
    tollway: Deployment, books: Bookkeeper, ratio: str
) -> None:
    models = [{"model": "m", "ratio": "7"}, {"model": "p/*", "ratio": ratio}]
    buyer = Buyer(books, amount="1000000", models=models)
    for number in range(1, 4):
        assert ask(tollway, buyer.key).status_code == 200
        assert books.left(buyer.package) == 1_000_000 - number * TOKENS * Decimal(ratio)
    assert books.balance(buyer.account) == 4
    tollway.check()


def test_lesson_73_a_package_key_never_touches_the_wallet_and_a_wallet_key_never_the_package(
    tollway: Deployment, books: Bookkeeper
) -> None:
    buyer = Buyer(books, amount="1000")
    wallet = str(books.key(buyer.account)["key"])
    reply = ask(tollway, buyer.key)
    assert (books.balance(buyer.account), books.left(buyer.package)) == (4, 1000 - TOKENS)
    assert (reply.json()["usage"]["total_cost_usd"], reply.json()["usage"]["prompt_tokens"]) == (0, 10)
    assert ask(tollway, wallet).status_code == 200
    assert (books.balance(buyer.account), books.left(buyer.package)) == (4 - COST, 1000 - TOKENS)
    while (reply := ask(tollway, buyer.key)).status_code == 200:
        pass
    refusal(reply, "insufficient_quota")
    assert books.balance(buyer.account) == 4 - COST
    tollway.check()


def test_an_exhausted_package_is_named_with_what_is_left(tollway: Deployment, books: Bookkeeper) -> None:
    buyer = Buyer(books, amount="150", name="Tiny pack")
    while (reply := ask(tollway, buyer.key)).status_code == 200:
        pass
    error = refusal(reply, "insufficient_quota")
    assert f"'Tiny pack' ({buyer.package})" in error["message"]
    assert "exhausted" in error["message"]
    assert error["metadata"]["package"] == buyer.package
    assert Decimal(error["metadata"]["left"]) == books.left(buyer.package)


def test_an_expired_package_is_named_and_its_rest_is_booked(tollway: Deployment, books: Bookkeeper) -> None:
    buyer = Buyer(books, amount="1000", name="Old pack")
    assert ask(tollway, buyer.key).status_code == 200
    books.call("POST", f"/packages/{buyer.package}/end")
    error = refusal(ask(tollway, buyer.key), "insufficient_quota")
    assert f"'Old pack' ({buyer.package})" in error["message"]
    assert "expired" in error["message"]
    assert error["metadata"]["package"] == buyer.package
    assert books.balance(buyer.account) == 4
    tollway.check()


def test_the_rest_of_a_package_that_expires_by_itself_is_booked_while_tollway_serves(
    tollway: Deployment, books: Bookkeeper
) -> None:
    buyer = Buyer(books, amount="1000", validity_days=1)
    assert ask(tollway, buyer.key).status_code == 200
    # As if a day had passed.
    with closing(sqlite3.connect(tollway.folder / "tollway-data" / "tollway.db")) as connection, connection:
        number = int(buyer.package.removeprefix("pkg_"), 16)
        connection.execute("UPDATE packages SET expires_ms = bought_ms WHERE id = ?", (number,))
    until(lambda: books.left(buyer.package) == 0, wait_s=30)
    assert books.call("GET", f"/packages/{buyer.package}")["state"] == "expired"
    refusal(ask(tollway, buyer.key), "insufficient_quota")
    tollway.check()


def test_a_model_that_the_package_does_not_cover_is_403_and_reaches_no_provider(
    tollway: Deployment, books: Bookkeeper, provider: Provider
) -> None:
    buyer = Buyer(books, models=[{"model": "m"}], name="Narrow pack")
    reached = len(provider.seen)
    reply = ask(tollway, buyer.key)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (403, "model_not_allowed", "model")
    assert f"'Narrow pack' ({buyer.package})" in error["message"]
    assert len(provider.seen) == reached
    assert books.left(buyer.package) == 1000
    assert [model["id"] for model in tollway.client(buyer.key).get("/v1/models").json()["data"]] == ["m"]
    assert tollway.client(buyer.key).get("/v1/models/p/frugal").status_code == 404


def test_a_call_that_fails_takes_nothing_of_the_package(
    tollway: Deployment, books: Bookkeeper, provider: Provider
) -> None:
    async def fail(_: Seen, to: Line) -> None:
        await to.whole(b'{"error": {"message": "no"}}', "500 Internal Server Error")

    provider.scripts["fails"] = fail
    buyer = Buyer(books)
    assert ask(tollway, buyer.key, model="p/fails").status_code == 502
    assert books.left(buyer.package) == 1000
    tollway.check()


def test_a_package_of_money_pays_base_and_fee(deploy: Deploy, provider: Provider) -> None:
    provider.scripts["frugal"] = frugal
    tollway = deploy(more='[billing]\nplatform_fee = "10%"\n')
    books = Bookkeeper(tollway)
    buyer = Buyer(books, unit="money", amount="2.00")
    usage = ask(tollway, buyer.key).json()["usage"]
    assert usage["total_cost_usd"] == 0.000033
    assert books.left(buyer.package) == 2 - COST - COST / 10
    assert books.balance(buyer.account) == 4
    tollway.check()


def test_a_key_that_spends_a_package_of_money_keeps_its_caps(tollway: Deployment, books: Bookkeeper) -> None:
    account = books.account()
    package = books.package(account, unit="money", amount="2.00")
    made = books.key(account, billing="package", package=package, daily_cap="0.0003")
    answered = 0
    while (reply := ask(tollway, made["key"])).status_code == 200:
        answered += 1
    refusal(reply, "cap_reached")
    assert books.left(package) == 2 - answered * COST
    tollway.check()


def test_caps_on_money_do_not_stop_a_package_of_tokens(tollway: Deployment, books: Bookkeeper) -> None:
    buyer = Buyer(books)
    books.cap("0.000000001", account=buyer.account)
    assert ask(tollway, buyer.key).status_code == 200
    wallet = str(books.key(buyer.account)["key"])
    refusal(ask(tollway, wallet), "cap_reached")


def test_64_at_once_take_no_more_than_the_package_holds(tollway: Deployment, books: Bookkeeper) -> None:
    buyer = Buyer(books, amount="500")
    body = {"model": "p/frugal", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 10}
    replies = ask_at_once(tollway, buyer.key, 64, body=body, headers={})
    answered = sum(reply.status_code == 200 for reply in replies)
    assert {reply.status_code for reply in replies} == {200, 429}
    assert books.left(buyer.package) == 500 - answered * TOKENS >= 0
    assert books.balance(buyer.account) == 4
    tollway.check()


def test_an_account_in_yuan_buys_and_spends_in_yuan(tollway: Deployment, books: Bookkeeper) -> None:
    account = books.account("9.00", currency="CNY")
    package = books.package(account, price="6.00", currency="CNY")
    key = str(books.key(account, billing="package", package=package)["key"])
    assert ask(tollway, key).status_code == 200
    assert (books.balance(account), books.left(package)) == (3, 1000 - TOKENS)
    tollway.check()
