"""Limits of rates on two workers: how much is let through together, and what clients are told."""

import itertools
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.e2e.gateway.bookkeeper import CHAT, Bookkeeper, ask_at_once
from tests.e2e.gateway.conftest import PROVIDER_KEY
from tests.e2e.gateway.deployment import Deployment, settings_for
from tests.e2e.gateway.provider import CONTENT, Line, Provider, Seen, event
from tests.e2e.gateway.test_fleet import workers
from tests.waiting import until
from tollway.ids import ACCOUNT, KEY, SUB_ACCOUNT, parse_id
from tollway.store.sqlite import database_path

SERVER = """
workers = 2
trusted_proxies = ["127.0.0.1"]
[limits]
key_ip = { rpm = 25 }
ips_per_key_hour = 30
"""
ASKED = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 10}
ADDRESSES = (f"198.51.{number // 250}.{number % 250}" for number in itertools.count())
KINDS = {"key": KEY, "sub_account": SUB_ACCOUNT}


@pytest.fixture(scope="module")
def tollway(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[Deployment]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_PROVIDER_KEY", PROVIDER_KEY)
        folder = tmp_path_factory.mktemp("tollway")
        deployment = Deployment(folder, settings_for(provider.port, server=SERVER)).start()
        yield deployment
        deployment.stop()


@pytest.fixture(scope="module")
def books(tollway: Deployment) -> Bookkeeper:
    return Bookkeeper(tollway)


class Limited:
    """An account with a key that nobody has used yet: what is written of it now is read with its first request."""

    def __init__(self, books: Bookkeeper, **key: object) -> None:
        self._books = books
        self.tollway = books.tollway
        self.account = books.account("50.00")
        made = books.key(self.account, **key)
        self.key_id, self.key = made["id"], made["key"]

    def limit(self, scope: str, subject: str = "", **limits: int) -> None:
        """Set limits of the account's own."""
        values = {
            "account_id": parse_id(ACCOUNT, self.account),
            "scope": scope,
            "subject": self._subject(scope, subject),
        }
        self._write(
            "INSERT INTO rate_limits (account_id, scope, subject, rpm, burst, tpm, concurrency, created_ms) "
            "VALUES (:account_id, :scope, :subject, :rpm, :burst, :tpm, :concurrency, 0)",
            {"rpm": None, "burst": None, "tpm": None, "concurrency": None, **values, **limits},
        )

    def keep_to(self, **lists: str) -> None:
        """Keep the key to routes or networks."""
        for name, value in lists.items():
            self._write(f"UPDATE keys SET {name} = :value WHERE id = :id", {"value": value, "id": self._number})

    @property
    def _number(self) -> int:
        return parse_id(KEY, self.key_id)

    def _subject(self, scope: str, subject: str) -> str:
        if scope == "key":
            return str(self._number)
        return str(parse_id(KINDS[scope], subject)) if scope in KINDS else subject

    def _write(self, statement: str, values: dict[str, Any]) -> None:
        with sqlite3.connect(database_path(self.tollway.store), timeout=20) as connection:
            connection.execute(statement, values)
        connection.close()

    def ask(self, *, key: str | None = None, path: str = CHAT, **more: Any) -> httpx.Response:
        """Ask, from an address of its own unless another is given."""
        headers = {"x-forwarded-for": next(ADDRESSES)} | more.pop("headers", {})
        return self.tollway.client(key or self.key).post(path, json=ASKED | more, headers=headers)

    def open_stream(self, provider: Provider) -> httpx.Response:
        """Begin a stream that runs until it is closed."""
        provider.scripts["endless"] = endless
        client = self.tollway.client(self.key)
        headers = {"x-forwarded-for": next(ADDRESSES)}
        body = ASKED | {"model": "p/endless", "stream": True}
        asked = client.build_request("POST", CHAT, json=body, headers=headers)
        reply = client.send(asked, stream=True)
        assert reply.status_code == 200
        return reply


@pytest.fixture
def limited(books: Bookkeeper) -> Limited:
    return Limited(books)


async def endless(seen: Seen, to: Line) -> None:
    """Begin a stream and leave its end to the client."""
    await to.start_stream()
    await to.piece(event("x", {"content": CONTENT[0]}))
    await to.gone.wait()


def refused(reply: httpx.Response, code: str = "rate_limit_exceeded", **metadata: object) -> int:
    """Return the seconds that a refused client is told to wait."""
    assert reply.status_code == 429, reply.text
    error = reply.json()["error"]
    assert error["code"] == code
    assert error["metadata"].items() >= metadata.items()
    assert "x-should-retry" not in reply.headers
    return int(reply.headers["retry-after"])


def test_a_client_of_openai_learns_that_it_is_too_fast(limited: Limited) -> None:
    limited.limit("key", rpm=1)
    client = openai.OpenAI(api_key=limited.key, base_url=f"{limited.tollway.url}/v1", max_retries=0)
    messages: Any = ASKED["messages"]
    assert client.chat.completions.create(model="m", messages=messages).choices
    with pytest.raises(openai.RateLimitError, match="At most 1 requests a minute for this API key") as caught:
        client.chat.completions.create(model="m", messages=messages)
    assert caught.value.code == "rate_limit_exceeded"
    assert 50 < int(caught.value.response.headers["retry-after"]) <= 60
    assert caught.value.response.headers["x-ratelimit-remaining-requests"] == "0"
    client.close()


def test_a_client_of_openai_waits_as_it_is_told_and_is_served(limited: Limited, provider: Provider) -> None:
    limited.limit("key", concurrency=1)
    stream = limited.open_stream(provider)
    http = httpx.Client(event_hooks={"response": [lambda reply: stream.close() if reply.status_code == 429 else None]})
    client = openai.OpenAI(api_key=limited.key, base_url=f"{limited.tollway.url}/v1", max_retries=2, http_client=http)  # type: ignore[arg-type]  what the SDK bundles is the same
    messages: Any = ASKED["messages"]
    begun = time.monotonic()
    assert client.chat.completions.create(model="m", messages=messages).choices
    assert time.monotonic() - begun > 0.9
    client.close()


@pytest.mark.parametrize("limits", [{"rpm": 20}, {"burst": 15}, {"rpm": 30, "burst": 18}])
def test_two_workers_together_let_exactly_so_many_through(limited: Limited, limits: Any) -> None:
    limited.limit("account", **limits)
    allowed = min(limits.values())
    replies = ask_at_once(limited.tollway, limited.key, 3 * allowed, body=ASKED, headers={})
    assert Counter(reply.status_code for reply in replies) == {200: allowed, 429: 2 * allowed}


def test_what_is_left_is_told_with_every_answer(limited: Limited) -> None:
    limited.limit("key", rpm=10, tpm=5000)
    limited.limit("account", rpm=7, tpm=100_000)
    whole = limited.ask()
    assert whole.status_code == 200, whole.text
    assert whole.headers["x-ratelimit-limit-requests"] == "7"
    assert whole.headers["x-ratelimit-remaining-requests"] == "6"
    assert whole.headers["x-ratelimit-reset-requests"] == "60s"
    assert whole.headers["x-ratelimit-limit-tokens"] == "5000"
    streamed = limited.ask(stream=True)
    assert streamed.headers["x-ratelimit-remaining-requests"] == "5"
    wrong = limited.ask(model="p/no such")
    assert wrong.headers.get("x-ratelimit-remaining-requests") in {None, "4"}


def test_where_only_the_operator_limits_his_limit_is_told(books: Bookkeeper) -> None:
    reply = Limited(books).ask(headers={"x-forwarded-for": "unix"})
    assert reply.status_code == 200
    assert reply.headers["x-ratelimit-limit-requests"] == "25", "of the key from this address"


def test_tokens_are_counted_as_they_were_used(limited: Limited) -> None:
    limited.limit("key", tpm=1500)
    first = limited.ask()
    assert 1400 < int(first.headers["x-ratelimit-remaining-tokens"]) < 1490, "an estimate of some thirty"
    second = limited.ask()
    assert 300 < int(second.headers["x-ratelimit-remaining-tokens"]) < 400, "the first used 1100"
    assert 50 < refused(limited.ask(), scope="key", measure="tpm", limit=1500) <= 60


def test_so_many_streams_run_at_a_time(limited: Limited, provider: Provider) -> None:
    limited.limit("key", concurrency=2)

    first, second = limited.open_stream(provider), limited.open_stream(provider)
    third = limited.ask()
    assert refused(third, "transfer_agent_capacity_reached", scope="key", measure="concurrency", limit=2) == 1
    first.close()
    until(lambda: limited.ask().status_code == 200)
    second.close()


def test_each_end_user_has_a_limit_and_one_has_another(limited: Limited) -> None:
    limited.limit("end_user", "*", rpm=1)
    limited.limit("end_user", "ann", rpm=2)

    def statuses(user: str) -> list[int]:
        return [limited.ask(headers={"x-tollway-user-id": user}).status_code for _ in range(3)]

    assert statuses("ann") == [200, 200, 429]
    assert statuses("bob") == [200, 429, 429]
    assert statuses("cem") == [200, 429, 429]
    assert limited.ask().status_code == 200


def test_the_most_restrictive_of_key_sub_account_and_account_wins(books: Bookkeeper) -> None:
    limited = Limited(books)
    sub_account = books.call("POST", "/sub-accounts", account=limited.account, name="S")["id"]
    part = books.key(limited.account, sub_account=sub_account)["key"]
    limited.limit("key", rpm=1)
    limited.limit("sub_account", sub_account, rpm=2)
    limited.limit("account", rpm=4)
    assert limited.ask().status_code == 200
    refused(limited.ask(), scope="key", limit=1)
    assert [limited.ask(key=part).status_code for _ in range(2)] == [200, 200]
    refused(limited.ask(key=part), scope="sub_account", limit=2)
    other = books.key(limited.account)["key"]
    assert limited.ask(key=other).status_code == 200
    refused(limited.ask(key=other), scope="account", limit=4)


def test_an_address_behind_a_proxy_is_the_one_that_the_proxy_heard(limited: Limited) -> None:
    heard = {"x-forwarded-for": "1.1.1.1, 203.0.113.9"}
    assert [limited.ask(headers=heard).status_code for _ in range(25)] == [200] * 25
    refused(limited.ask(headers={"x-forwarded-for": "2.2.2.2, 203.0.113.9"}), scope="key_ip", limit=25)
    assert limited.ask(headers={"x-forwarded-for": "203.0.113.10"}).status_code == 200


def test_a_key_comes_from_so_many_addresses_in_an_hour(limited: Limited) -> None:
    known = {"x-forwarded-for": "203.0.113.20"}
    assert limited.ask(headers=known).status_code == 200
    assert {limited.ask().status_code for _ in range(29)} == {200}
    assert refused(limited.ask(), scope="key", measure="ips_per_key_hour", limit=30) > 59 * 60
    assert limited.ask(headers=known).status_code == 200


def test_a_key_is_kept_to_its_routes_and_networks(limited: Limited) -> None:
    limited.keep_to(routes="chat,messages", networks="203.0.113.0/24,2001:db8::/32")
    there = {"x-forwarded-for": "203.0.113.77"}
    assert limited.ask(headers=there).status_code == 200
    assert limited.ask(path="/v1/messages", headers=there).status_code == 200
    client = limited.tollway.client(limited.key)
    for reply in (client.get("/v1/models", headers=there), limited.ask(path="/v1/embeddings", headers=there)):
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "route_not_allowed")
    for headers in ({"x-forwarded-for": "203.0.114.1"}, {"x-forwarded-for": ""}):
        reply = limited.ask(headers=headers)
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "address_not_allowed")


def test_a_dialect_tells_a_limit_in_its_own_words(limited: Limited) -> None:
    limited.limit("key", rpm=1)
    assert limited.ask(path="/v1/messages").status_code == 200
    reply = limited.ask(path="/v1/messages")
    assert reply.status_code == 429
    assert reply.json()["error"]["type"] == "rate_limit_error"
    assert int(reply.headers["retry-after"]) > 50


def test_what_a_killed_worker_ran_may_run_again(limited: Limited, provider: Provider) -> None:
    limited.limit("key", concurrency=1)

    stream = limited.open_stream(provider)
    refused(limited.ask(), "transfer_agent_capacity_reached")
    for pid in workers(limited.tollway):
        os.kill(pid, signal.SIGKILL)

    def served() -> bool:
        try:
            return limited.ask().status_code == 200
        except httpx.HTTPError:
            return False

    until(served)
    stream.close()
