"""Two hosts on one PostgreSQL, and a database that is paused, restarted, or too small."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tests.e2e.gateway.conftest import PROVIDER_KEY
from tests.e2e.gateway.deployment import COST, Deployment, settings_for
from tests.e2e.gateway.provider import Line, Provider, Seen, events, well
from tests.e2e.gateway.test_fleet import workers
from tests.postgres import Server, install, reason_for_none
from tests.waiting import until
from tollway import clock
from tollway.store.store import open_backend
from tollway.store.workers import registered_numbers, settle_number

CHAT = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
STREAM = {**BODY, "model": "p/slow", "stream": True}
AT_ONCE = 64


class Hosts:
    """Tollways in folders of their own, as on machines of their own, with one database."""

    def __init__(self, folder: Path, provider: Provider, url: str) -> None:
        self._folder = folder
        self._provider = provider
        self._url = url
        self.started: list[Deployment] = []

    def one(self, *, server: str = "", more: str = "") -> Deployment:
        folder = self._folder / f"host-{len(self.started)}"
        folder.mkdir()
        settings = settings_for(self._provider.port, server=server, more=more, store=self._url)
        self.started.append(Deployment(folder, settings).start())
        return self.started[-1]


@pytest.fixture
def server() -> Iterator[Server]:
    """A PostgreSQL of the test's own, which may be paused and restarted."""
    installed = install()
    if installed is None:
        pytest.skip(reason_for_none())
    server = Server(installed)
    yield server
    server.stop()


@pytest.fixture
def hosts(tmp_path: Path, provider: Provider, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    monkeypatch.setenv("TEST_PROVIDER_KEY", PROVIDER_KEY)
    hosts = Hosts(tmp_path, provider, server.empty_url())
    yield hosts
    for host in hosts.started:
        host.stop()


def test_lesson_37_two_hosts_with_two_workers_each_spend_one_balance_and_not_a_nano_more(hosts: Hosts) -> None:
    one, two = hosts.one(server="workers = 2"), hosts.one(server="workers = 2")
    account = one.account(None)
    key = one.key(account)
    refusal = one.client(key).post(CHAT, json=BODY).json()["error"]["metadata"]
    worst = Decimal(str(refusal["estimated_cost_usd"]))
    one.command("credit", account, str(20 * COST + worst), "--reason", "for twenty and a little")

    async def spend() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=AT_ONCE)
        headers = {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(headers=headers, timeout=60, limits=limits) as client:
            urls = [host.url + CHAT for host in (one, two)] * (AT_ONCE // 2)
            return list(await asyncio.gather(*(client.post(url, json=BODY) for url in urls)))

    replies = [reply for _ in range(3) for reply in asyncio.run(spend())]
    paid = sum(Decimal(str(reply.json()["usage"]["total_cost_usd"])) for reply in replies if reply.status_code == 200)
    assert {reply.status_code for reply in replies} == {200, 429}
    until(lambda: two.balance(account)[1] == 0)
    balance, _ = two.balance(account)
    assert balance == 20 * COST + worst - paid
    assert 0 <= balance < worst
    assert one.client(key).post(CHAT, json=BODY).status_code in {200, 429}
    one.check()


def test_what_a_killed_host_left_open_is_settled_by_the_other(hosts: Hosts, provider: Provider) -> None:
    async def endless(seen: Seen, to: Line) -> None:
        await to.start_stream()
        await to.piece(events("x")[1])
        await to.gone.wait()

    provider.scripts["slow"] = endless
    one, two = hosts.one(), hosts.one()
    account = two.account("5.00")
    with one.client(two.key(account)).stream("POST", CHAT, json=STREAM) as response:
        pieces = response.iter_text()
        assert "content" in next(pieces)
        assert two.balance(account)[1] > 0
        one.kill()
    until(lambda: two.balance(account) == (Decimal(5), Decimal(0)), wait_s=40)
    (line,) = two.requests()
    assert (line["outcome"], line["total_cost"]) == ("interrupted", "0.00")
    two.check()


def test_a_key_revoked_at_one_host_is_refused_at_the_other(hosts: Hosts) -> None:
    one, two = hosts.one(), hosts.one()
    account = one.account("5.00")
    made = one.command("key", "create", "--account", account, "--name", "k")
    assert two.client(made["key"]).post(CHAT, json=BODY).status_code == 200
    one.command("key", "revoke", made["id"])
    client = two.client(made["key"])
    until(lambda: client.post(CHAT, json=BODY).status_code == 401, wait_s=3)


def test_lesson_18_a_paused_database_refuses_in_bounded_time_and_loses_no_charge(
    hosts: Hosts, server: Server, provider: Provider
) -> None:
    go_on = asyncio.Event()

    async def slow(seen: Seen, to: Line) -> None:
        await go_on.wait()
        await well(seen, to)

    provider.scripts["slow"] = slow
    host = hosts.one()
    account = host.account("5.00")
    key, another = host.key(account), host.key(account)
    client = host.client(key)
    assert client.post(CHAT, json=BODY).status_code == 200
    last: list[httpx.Response] = []
    asked = len(provider.seen)
    held = threading.Thread(target=lambda: last.append(client.post(CHAT, json={**BODY, "model": "p/slow"}, timeout=60)))
    held.start()
    provider.wait_for_requests(asked + 1)
    with server.paused():
        # It was let in before: its end waits for the charge.
        provider.call(go_on.set)
        began = time.monotonic()
        stranger = host.client("tw-nobody").post(CHAT, json=BODY)
        unread = host.client(another).post(CHAT, json=BODY)
        assert (stranger.status_code, unread.status_code) == (503, 503)
        assert stranger.json()["error"]["code"] == "not_ready"
        assert stranger.headers["retry-after"] == "1"
        assert host.client().get("/readyz").status_code == 503
        assert host.client().get("/livez").status_code == 200
        assert time.monotonic() - began < 20
        until(lambda: host.client(key).post(CHAT, json=BODY).status_code == 503)
        assert not last
    held.join(60)
    assert last[0].status_code == 200
    until(lambda: host.client().get("/readyz").status_code == 200)
    assert host.client("tw-nobody").post(CHAT, json=BODY).status_code == 401
    assert host.client(another).post(CHAT, json=BODY).status_code == 200
    lines = host.requests()
    until(lambda: host.balance(account)[1] == 0)
    assert host.balance(account)[0] == 5 - sum(Decimal(line["total_cost"]) for line in lines)
    assert len([line for line in lines if line["outcome"] == "completed"]) == 3
    host.check()


def test_a_restarted_database_costs_no_charge_and_no_worker(hosts: Hosts, server: Server, provider: Provider) -> None:
    go_on = asyncio.Event()

    async def slow(seen: Seen, to: Line) -> None:
        first, *rest = events("x")
        await to.start_stream()
        await to.piece(first)
        await go_on.wait()
        for piece in rest:
            await to.piece(piece)
        await to.end_stream()

    provider.scripts["slow"] = slow
    one, two = hosts.one(), hosts.one(server="workers = 2")
    before = workers(two)
    account = one.account("5.00")
    key = one.key(account)
    with (
        one.client(key).stream("POST", CHAT, json=STREAM) as at_one,
        two.client(key).stream("POST", CHAT, json=STREAM) as at_two,
    ):
        pieces = [at_one.iter_text(), at_two.iter_text()]
        texts = [next(each) for each in pieces]
        server.restart()
        provider.call(go_on.set)
        texts = [text + "".join(each) for text, each in zip(texts, pieces, strict=True)]
    for text in texts:
        assert text.rstrip().endswith("data: [DONE]")
        assert '"total_cost_usd":0.0012' in text
    for host in (one, two):
        until(lambda host=host: host.client(key).post(CHAT, json=BODY).status_code == 200)
    # Longer than it takes for a worker that is not back to be taken for dead.
    until(lambda: one.balance(account)[1] == 0)
    assert workers(two) == before
    lines = one.requests()
    assert [line["outcome"] for line in lines] == ["completed"] * len(lines)
    assert one.balance(account)[0] == 5 - sum(Decimal(line["total_cost"]) for line in lines)
    one.check()


def test_a_worker_that_was_taken_for_dead_stops_and_is_replaced(hosts: Hosts, server: Server) -> None:
    host = hosts.one(server="workers = 2")
    before = workers(host)
    account = host.account("5.00")
    key = host.key(account)
    # As another host does that cannot see it: it settles the affairs of one of the two.
    with closing(open_backend(host.store, "full")) as backend, backend.writing() as connection:
        assert settle_number(connection, registered_numbers(connection)[0], clock.now_ms(), begun_by=backend.begun_by)

    def replaced() -> bool:
        # It notices at its next charge, and sends those away who come while it stops.
        with suppress(httpx.HTTPError):
            host.client(key).post(CHAT, json=BODY)
        return len(set(workers(host)) - set(before)) == 1

    until(replaced, wait_s=40)
    until(lambda: len(workers(host)) == 2)
    until(lambda: host.client(key).post(CHAT, json=BODY).status_code == 200)
    host.check()


def test_lesson_19_a_server_without_room_for_the_workers_is_refused_with_its_numbers(
    tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = install()
    if installed is None:
        pytest.skip(reason_for_none())
    monkeypatch.setenv("TEST_PROVIDER_KEY", PROVIDER_KEY)
    server = Server(installed, options=("-c", "max_connections=20"))
    try:
        settings = settings_for(provider.port, server="workers = 3", store=server.empty_url())
        deployment = Deployment(tmp_path, settings)
        done = deployment.run("serve")
        assert done.returncode == 1
        assert "3 workers take up to 27 connections, and PostgreSQL has room for 17: 0 of 17 are in use" in done.stderr
        assert "raise max_connections, or lower [server] workers" in done.stderr
    finally:
        server.stop()
