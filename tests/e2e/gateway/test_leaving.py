"""Clients that leave at each stage: what was generated is paid, and nothing stays held."""

import asyncio
import json
import signal
import socket
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.gateway.conftest import Deploy
from tests.e2e.gateway.deployment import COST, Deployment
from tests.e2e.gateway.provider import Line, Provider, Seen, answer, event, events
from tests.e2e.gateway.test_http import BODY, connect, post


class Gated:
    """A provider that stops before its head, or behind its first content, until it is let go."""

    def __init__(self, provider: Provider, *, before_head: bool) -> None:
        self._provider = provider
        self._before_head = before_head
        self._gate = asyncio.Event()
        provider.scripts["gated"] = self

    async def __call__(self, seen: Seen, to: Line) -> None:
        """Answer, with a stop in between."""
        if not seen.body.get("stream"):
            await self._gate.wait()
            await to.whole(answer("gated"))
            return
        head, *rest = events("gated")
        if self._before_head:
            await self._gate.wait()
        await to.start_stream()
        await to.piece(head + event("gated", {"content": "Hello"}))
        await self._gate.wait()
        for piece in rest:
            await to.piece(piece)
        await to.end_stream()

    def open(self) -> None:
        """Let it go on."""
        self._provider.call(self._gate.set)


def ask(tollway: Deployment, key: str, *, stream: bool) -> socket.socket:
    """Send a request and return its connection."""
    body = json.dumps(json.loads(BODY) | {"model": "p/gated", "stream": stream}).encode()
    sock = connect(tollway)
    sock.sendall(post(key, body))
    return sock


def eventually(tollway: Deployment, found: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 10
    while not found():
        assert time.monotonic() < deadline, tollway.requests()
        time.sleep(0.02)


def settled(tollway: Deployment, account: str) -> dict[str, Any]:
    """Return the line of the only exchange, once nothing runs."""
    eventually(tollway, lambda: tollway.client().get("/health").json()["running_exchanges"] == 0)
    assert tollway.balance(account)[1] == 0
    tollway.check()
    (line,) = tollway.requests()
    return line


@pytest.mark.parametrize("before_head", [True, False], ids=["before the head", "behind the first content"])
@pytest.mark.parametrize("drain", [False, True], ids=["cancel", "drain"])
def test_a_client_that_leaves_a_stream_pays_what_its_provider_bills(
    deploy: Deploy, provider: Provider, before_head: bool, drain: bool
) -> None:
    tollway = deploy(more='after_leave = "drain"' if drain else "")
    account = tollway.account("5.00")
    gated = Gated(provider, before_head=before_head)
    asked = len(provider.seen)
    with ask(tollway, tollway.key(account), stream=True) as sock:
        provider.wait_for_requests(asked + 1)
        if not before_head:
            assert sock.recv(1)
    if drain:
        eventually(tollway, lambda: tollway.client().get("/livez").status_code == 200)
        gated.open()
    line = settled(tollway, account)
    gated.open()
    assert line["outcome"] == ("drained" if drain else "client_gone")
    assert ("read to its end" if drain else "provider stopped") in line["billed_reason"]
    total = Decimal(line["total_cost"])
    if drain:
        assert (line["basis"], total) == ("reported", COST)
    elif before_head:
        assert (line["basis"], total) == ("unknown", 0)
    else:
        assert line["basis"] == "estimated"
        assert 0 < total < COST


def test_an_answer_in_one_piece_is_paid_though_its_client_has_left(deploy: Deploy, provider: Provider) -> None:
    tollway = deploy()
    account = tollway.account("5.00")
    gated = Gated(provider, before_head=True)
    asked = len(provider.seen)
    with ask(tollway, tollway.key(account), stream=False):
        provider.wait_for_requests(asked + 1)
    eventually(tollway, lambda: tollway.client().get("/livez").status_code == 200)
    gated.open()
    line = settled(tollway, account)
    assert (line["outcome"], line["basis"], Decimal(line["total_cost"])) == ("drained", "reported", COST)


def test_a_stop_does_not_wait_longer_for_a_provider_that_is_read_to_its_end(deploy: Deploy, provider: Provider) -> None:
    tollway = deploy(more='after_leave = "drain"', server="shutdown_grace_s = 1")
    account = tollway.account("5.00")
    gated = Gated(provider, before_head=False)
    with ask(tollway, tollway.key(account), stream=True) as sock:
        assert sock.recv(1)
    assert tollway.process is not None
    tollway.process.send_signal(signal.SIGTERM)
    assert tollway.process.wait(20) == 0
    gated.open()
    (line,) = tollway.requests()
    assert (line["outcome"], line["basis"]) == ("client_gone", "estimated")
    assert Decimal(line["total_cost"]) > 0
    assert tollway.balance(account)[1] == 0
    tollway.check()
