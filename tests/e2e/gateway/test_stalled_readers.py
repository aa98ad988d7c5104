"""Clients that do not read: they keep neither money nor memory, and what waits for them does not spoil what follows."""

import contextlib
import json
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.gateway import deployment
from tests.e2e.gateway.conftest import Deploy
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Line, Provider, Seen, event
from tests.e2e.gateway.test_http import BODY, connect, post, read_answer


async def flood(seen: Seen, to: Line) -> None:
    """Send much more than all buffers on the way hold."""
    await to.start_stream()
    for _ in range(4000):
        await to.piece(event("x", {"content": "y" * 10_000}))


async def one_large_event(seen: Seen, to: Line) -> None:
    """Send about as much in one piece, and the end of the stream behind it."""
    await to.start_stream()
    await to.piece(event("x", {"content": "y" * 12_000_000}))
    await to.piece(event("x", {}, "stop") + b"data: [DONE]\n\n")
    await to.end_stream()


WAITS = ("tollway.http.server_protocol:IDLE_S=0.6", "tollway.relay.pump:KEEPALIVE_S=0.3")


@pytest.fixture
def impatient(deploy: Deploy, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A Tollway whose clients hear a comment after 0.3 s, and must read within 0.6 s."""
    return with_waits(deploy, provider, monkeypatch, WAITS)


@pytest.fixture
def short_lived(deploy: Deploy, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """One whose holds live for 6 s, the last 3 of which no client may still read in."""
    waits = (*WAITS, "tollway.app:HOLD_MARGIN_MS=5000", "tollway.relay.exchange:READ_MARGIN_S=3")
    return with_waits(deploy, provider, monkeypatch, waits, more="timeouts = { total_s = 1 }")


def with_waits(
    deploy: Deploy, provider: Provider, monkeypatch: pytest.MonkeyPatch, waits: tuple[str, ...], more: str = ""
) -> Deployment:
    """Start a Tollway with these waits instead of its own."""
    monkeypatch.setenv("IMPATIENCE", ",".join(waits))
    monkeypatch.setattr(deployment, "TOLLWAY", (sys.executable, str(Path(__file__).with_name("impatient.py"))))
    provider.scripts["flood"] = flood
    provider.scripts["large"] = one_large_event
    return deploy(more=more)


def ask_for(tollway: Deployment, key: str, model: str) -> socket.socket:
    """Ask for a stream and read none of it."""
    body = json.dumps(json.loads(BODY) | {"model": f"p/{model}", "stream": True}).encode()
    sock = connect(tollway)
    sock.sendall(post(key, body))
    return sock


def running(tollway: Deployment) -> int:
    """Return how many exchanges run."""
    return tollway.client().get("/health").json()["running_exchanges"]


def test_a_client_that_stops_reading_pays_and_its_money_is_free_again(impatient: Deployment) -> None:
    account = impatient.account("5.00")
    with ask_for(impatient, impatient.key(account), "flood") as sock:
        assert sock.recv(1)
        deadline = time.monotonic() + 15
        while running(impatient) and time.monotonic() < deadline:
            pass
        line = impatient.requests()[0]
        assert line["outcome"] == "client_gone"
        assert float(line["total_cost"]) > 0
        assert impatient.balance(account)[1] == 0
    impatient.check()


def test_a_client_that_reads_slowly_is_left_in_peace(impatient: Deployment) -> None:
    with ask_for(impatient, impatient.key(impatient.account("5.00")), "flood") as sock:
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert sock.recv(20_000)
            time.sleep(0.02)
        assert running(impatient) == 1


def test_a_client_cannot_read_so_slowly_that_its_hold_expires(short_lived: Deployment) -> None:
    account = short_lived.account("5.00")
    with ask_for(short_lived, short_lived.key(account), "flood") as sock:
        deadline = time.monotonic() + 15
        while running(short_lived) and time.monotonic() < deadline:
            with contextlib.suppress(ConnectionError):
                sock.recv(20_000)
            time.sleep(0.02)
    line = short_lived.requests()[0]
    assert line["outcome"] == "client_gone"
    assert float(line["total_cost"]) > 0
    assert short_lived.client().get("/health").json()["expired_holds"] == 0
    short_lived.check()


def test_no_comment_follows_the_end_of_a_stream(impatient: Deployment) -> None:
    with ask_for(impatient, impatient.key(impatient.account("5.00")), "large") as sock:
        until = time.monotonic() + 2  # slow enough for comments to wait behind what is being read
        received = b""
        while time.monotonic() < until:
            received += sock.recv(20_000)
            time.sleep(0.02)
        while not received.endswith(b"\r\n0\r\n\r\n"):
            data = sock.recv(1_000_000)
            assert data, "the server closed"
            received += data
        sock.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        assert read_answer(sock.makefile("rb"))[0] == 200  # type: ignore[arg-type]
