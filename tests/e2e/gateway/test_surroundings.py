"""What the machine around Tollway can do to it: a store that somebody else locks, a disk that is full of logs."""

import asyncio
import json
import sqlite3
import threading
import time
from pathlib import Path

import httpx

from tests.e2e.gateway.conftest import Deploy
from tests.e2e.gateway.provider import Line, Provider, Seen, answer
from tests.e2e.gateway.test_http import BODY, CHAT


def test_while_the_store_is_locked_a_running_answer_waits_and_nobody_else_does(
    deploy: Deploy, provider: Provider
) -> None:
    gate = asyncio.Event()

    async def gated(seen: Seen, to: Line) -> None:
        await gate.wait()
        await to.whole(answer("x"))

    provider.scripts["gated"] = gated
    tollway = deploy()
    account = tollway.account("5.00")
    client = tollway.client(tollway.key(account))
    replies: list[httpx.Response] = []
    body = json.loads(BODY) | {"model": "p/gated"}
    asking = threading.Thread(target=lambda: replies.append(client.post(CHAT, json=body)))
    asked = len(provider.seen)
    asking.start()
    provider.wait_for_requests(asked + 1)
    other = sqlite3.connect(tollway.folder / "tollway-data" / "tollway.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    provider.call(gate.set)
    since = time.monotonic()
    # A model whose price is not in the store yet.
    unpriced = client.post(CHAT, json=json.loads(BODY) | {"model": "p/another"})
    assert unpriced.status_code == 503
    assert unpriced.json()["error"]["code"] == "not_ready"
    while time.monotonic() < since + 6:
        before = time.monotonic()
        assert client.get("/livez").status_code == 200
        assert time.monotonic() - before < 1
        time.sleep(0.05)
    assert not replies
    other.execute("ROLLBACK")
    other.close()
    asking.join(20)
    assert replies[0].status_code == 200
    assert provider.seen[-1].body["model"] == "gated"
    assert [str(amount) for amount in tollway.balance(account)] == ["4.9988", "0.00"]
    tollway.check()


def test_a_log_that_cannot_be_written_costs_no_request(deploy: Deploy, provider: Provider, tmp_path: Path) -> None:
    async def failing(seen: Seen, to: Line) -> None:
        await to.whole(b"{}", status="500 Oops")

    provider.scripts["failing"] = failing
    (tmp_path / "log").symlink_to("/dev/full")
    tollway = deploy()
    client = tollway.client(tollway.key(tollway.account("5.00")))
    for _ in range(3):
        assert client.post(CHAT, json=json.loads(BODY) | {"model": "p/failing"}).status_code == 502
    assert client.post(CHAT, content=BODY).status_code == 200


def test_a_stop_that_loses_a_charge_says_so_and_is_a_failure(deploy: Deploy, provider: Provider) -> None:
    tollway = deploy()
    account = tollway.account("5.00")
    client = tollway.client(tollway.key(account))
    assert client.post(CHAT, content=BODY).status_code == 200
    other = sqlite3.connect(tollway.folder / "tollway-data" / "tollway.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    broken: list[bool] = []

    def ask() -> None:
        try:
            client.post(CHAT, content=BODY)
        except httpx.HTTPError:
            broken.append(True)

    seen = len(provider.seen)
    asking = threading.Thread(target=ask)
    asking.start()
    provider.wait_for_requests(seen + 1)
    assert tollway.process is not None
    tollway.process.terminate()
    status = tollway.process.wait(60)
    asking.join(20)
    other.execute("ROLLBACK")
    other.close()
    assert status == 1
    assert broken, "a reply whose charge is not on disk does not come to its end"
    assert "could not be written" in tollway.log.read_text()
    tollway.stop()
    tollway.start()
    assert [str(amount) for amount in tollway.balance(account)] == ["4.9988", "0.00"]
    tollway.check()
