"""Exchanges that do not end as they should: each has its charge rule, which its line tells; and drains are bounded."""

import asyncio
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.gateway import deployment
from tests.e2e.gateway.conftest import Deploy
from tests.e2e.gateway.deployment import COST, Deployment, sse_data
from tests.e2e.gateway.provider import Line, Provider, Seen, answer, event, events
from tests.e2e.gateway.test_http import BODY, CHAT, connect, post
from tests.e2e.gateway.test_leaving import eventually
from tollway.ledger.lines import BILLED_REASON, Outcome

DRAINED_PROVIDER = """
after_leave = "drain"
[[providers]]
name = "stops"
preset = "openai-compatible"
base_url = "http://127.0.0.1:{port}/v1"
api_key = "env:TEST_PROVIDER_KEY"
[[models]]
id = "stops/*"
targets = [{{ provider = "stops", model = "*" }}]
price = {{ input = "1", output = "2" }}
output_tokens_max = 1000
[[models]]
id = "open"
targets = [{{ provider = "stops", model = "endless" }}]
price = {{ input = "1", output = "2" }}
"""
"""Beside the provider `p`, which bills to the end, the same one under a name that says that it stops."""


class Held:
    """A provider that stops behind its first content until all are let go."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._gate = asyncio.Event()
        self.cancelled = 0

    async def __call__(self, seen: Seen, to: Line) -> None:
        """Answer in two parts; count those who did not want the second."""
        head, *rest = events("held")
        await to.start_stream()
        await to.piece(head + event("held", {"content": "Hello"}))
        try:
            while not self._gate.is_set():
                await to.piece(b": thinking\n\n")
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._gate.wait(), 0.02)
        except ConnectionError:
            self.cancelled += 1
            raise
        for piece in rest:
            await to.piece(piece)
        await to.end_stream()

    def open(self) -> None:
        """Let all go on."""
        self._provider.call(self._gate.set)


@pytest.fixture
def held(provider: Provider) -> Iterator[Held]:
    """The script of the model `held`."""
    script = provider.scripts["held"] = Held(provider)
    yield script
    script.open()


def impatient(monkeypatch: pytest.MonkeyPatch, waits: str) -> None:
    """Let the next Tollway run with other limits."""
    monkeypatch.setenv("IMPATIENCE", waits)
    monkeypatch.setattr(deployment, "TOLLWAY", (sys.executable, str(Path(__file__).with_name("impatient.py"))))


def stream_of(tollway: Deployment, key: str, model: str) -> socket.socket:
    """Ask for a stream, and return its connection once it has begun."""
    sock = connect(tollway)
    sock.sendall(post(key, json.dumps(json.loads(BODY) | {"model": model, "stream": True}).encode()))
    assert sock.recv(1)
    return sock


def running(tollway: Deployment) -> int:
    """Return how many exchanges run."""
    return tollway.client().get("/health").json()["running_exchanges"]


def outcomes(tollway: Deployment) -> list[str]:
    """Return how the finished exchanges ended, in the order of the words."""
    return sorted(line["outcome"] for line in tollway.requests())


def test_lesson_13_drains_are_bounded_in_number(
    deploy: Deploy, provider: Provider, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch, "tollway.relay.exchange:DRAINS_MAX=2")
    tollway = deploy(more='after_leave = "drain"')
    account = tollway.account("5.00")
    key = tollway.key(account)
    with ExitStack() as clients:
        for _ in range(5):
            clients.enter_context(stream_of(tollway, key, "p/held"))
    eventually(tollway, lambda: running(tollway) == 2)
    assert outcomes(tollway) == ["client_gone"] * 3
    held.open()
    eventually(tollway, lambda: running(tollway) == 0)
    assert outcomes(tollway) == ["client_gone"] * 3 + ["drained"] * 2
    by_outcome = {line["outcome"]: line for line in tollway.requests()}
    assert (by_outcome["drained"]["basis"], by_outcome["client_gone"]["basis"]) == ("reported", "estimated")
    again = provider.scripts["held"] = Held(provider)
    with stream_of(tollway, key, "p/held"):
        pass
    eventually(tollway, lambda: running(tollway) == 1)
    again.open()
    eventually(tollway, lambda: running(tollway) == 0)
    assert outcomes(tollway).count("drained") == 3, "those that have ended make room"
    assert tollway.balance(account)[1] == 0
    tollway.check()


def test_lesson_13_drains_are_bounded_in_time(
    deploy: Deploy, provider: Provider, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(monkeypatch, "tollway.relay.exchange:DRAIN_S=0.3")
    tollway = deploy(more='after_leave = "drain"')
    account = tollway.account("5.00")
    with stream_of(tollway, tollway.key(account), "p/held"):
        pass
    eventually(tollway, lambda: running(tollway) == 0)
    (line,) = tollway.requests()
    assert (line["outcome"], line["basis"]) == ("client_gone", "estimated")
    assert Decimal(line["total_cost"]) > 0
    assert tollway.balance(account) == (5 - Decimal(line["total_cost"]), 0)
    eventually(tollway, lambda: held.cancelled == 1)


def test_nobody_buys_another_attempt_for_a_client_that_has_left(deploy: Deploy, provider: Provider) -> None:
    asked, failing = asyncio.Event(), asyncio.Event()

    async def fails(seen: Seen, to: Line) -> None:
        asked.set()
        await failing.wait()
        await to.whole(b"{}", status="503 Busy")

    provider.scripts["fails"] = fails
    twice = """
    [[models]]
    id = "twice"
    targets = [{ provider = "p", model = "fails" }, { provider = "p", model = "well", weight = 0 }]
    price = { input = "1", output = "2" }
    """
    tollway = deploy(more='after_leave = "drain"' + twice)
    account = tollway.account("5.00")
    reached = len(provider.seen)
    with connect(tollway) as sock:
        sock.sendall(post(tollway.key(account), json.dumps(json.loads(BODY) | {"model": "twice"}).encode()))
        provider.wait_for_requests(reached + 1)
    eventually(tollway, lambda: tollway.client().get("/livez").status_code == 200)
    provider.call(failing.set)
    eventually(tollway, lambda: running(tollway) == 0)
    assert len(provider.seen) == reached + 1
    (line,) = tollway.requests()
    assert (line["outcome"], line["total_cost"]) == ("failed", "0.00")
    assert tollway.balance(account) == (5, 0)


def test_a_stop_lets_streams_and_drains_run_for_the_grace_and_then_writes_every_charge(
    deploy: Deploy, provider: Provider, held: Held
) -> None:
    tollway = deploy(more='after_leave = "drain"', server="shutdown_grace_s = 1")
    account = tollway.account("5.00")
    key = tollway.key(account)
    with ExitStack() as clients:
        streams = [clients.enter_context(stream_of(tollway, key, "p/held")) for _ in range(3)]
        for _ in range(3):
            stream_of(tollway, key, "p/held").close()
        tollway.stop()
        told = [stream.makefile("rb").read() for stream in streams]
    assert all(b'"error"' in text and b"[DONE]" not in text for text in told)
    assert outcomes(tollway) == ["client_gone"] * 3 + ["shut_down"] * 3
    lines = tollway.requests()
    assert all(Decimal(line["total_cost"]) > 0 for line in lines)
    assert tollway.balance(account) == (5 - sum(Decimal(line["total_cost"]) for line in lines), 0)
    tollway.check()


def test_lesson_74_a_stream_that_fails_before_its_first_byte_holds_nothing_back(
    deploy: Deploy, provider: Provider
) -> None:
    async def fails(seen: Seen, to: Line) -> None:
        await to.whole(b'{"error":{"message":"overloaded"}}', status="500 Oops")

    provider.scripts["fails"] = fails
    tollway = deploy()
    body: dict[str, Any] = json.loads(BODY) | {"stream": True}
    poor = tollway.client(tollway.key(tollway.account(None)))
    worst = poor.post(CHAT, json=body).json()["error"]["metadata"]["estimated_cost_usd"]
    account = tollway.account(worst)
    client = tollway.client(tollway.key(account))
    for _ in range(5):
        assert client.post(CHAT, json=body | {"model": "p/fails"}).status_code == 502
    reply = client.post(CHAT, json=body)
    assert reply.status_code == 200
    assert "x-tollway-warning" not in reply.headers, "all of the balance was there to be held"
    assert tollway.balance(account) == (Decimal(worst) - COST, 0)
    tollway.check()


def test_lesson_66_an_estimate_says_that_it_is_one_and_a_failure_is_free(deploy: Deploy, provider: Provider) -> None:
    async def breaks(seen: Seen, to: Line) -> None:
        await to.start_stream()
        await to.piece(event("breaks", {"content": "x" * 400}))
        to.cut()

    async def silent(seen: Seen, to: Line) -> None:
        await to.start_stream()
        await to.piece(event("silent", {"role": "assistant", "content": ""}))
        to.cut()

    provider.scripts |= {"breaks": breaks, "silent": silent}
    tollway = deploy()
    client = tollway.client(tollway.key(tollway.account("5.00")))
    body: dict[str, Any] = json.loads(BODY) | {"stream": True}
    broken = client.post(CHAT, json=body | {"model": "p/breaks"})
    usage = json.loads(sse_data(broken.text)[-1])["usage"]
    assert (usage["completion_tokens"], usage["estimated"]) == (100, True)
    assert client.post(CHAT, json=body | {"model": "p/silent"}).status_code == 502
    silent_line, broken_line = tollway.requests()
    assert (broken_line["outcome"], broken_line["basis"]) == ("upstream_broke", "estimated")
    assert Decimal(broken_line["total_cost"]) == Decimal(str(usage["total_cost_usd"])) > 0
    assert (silent_line["outcome"], silent_line["basis"], silent_line["total_cost"]) == ("failed", "unknown", "0.00")


def test_lesson_65_every_line_says_why_it_was_charged_what_it_was(
    deploy: Deploy, provider: Provider, held: Held
) -> None:
    async def endless(seen: Seen, to: Line) -> None:
        await to.start_stream()
        while True:
            await to.piece(event("endless", {"content": " word" * 16}))

    async def breaks(seen: Seen, to: Line) -> None:
        await to.start_stream()
        await to.piece(event("breaks", {"content": "Hello"}))
        to.cut()

    async def fails(seen: Seen, to: Line) -> None:
        await to.whole(b"{}", status="500 Oops")

    async def small(seen: Seen, to: Line) -> None:
        await to.whole(answer("small"))

    provider.scripts |= {"endless": endless, "breaks": breaks, "fails": fails, "small": small}
    tollway = deploy(more=DRAINED_PROVIDER.format(port=provider.port), server="shutdown_grace_s = 0")
    key, poor = tollway.key(tollway.account("5.00")), tollway.key(tollway.account("0.01"))

    def ask(model: str, *, stream: bool, by: str = key) -> None:
        body: dict[str, Any] = json.loads(BODY) | {"model": model, "stream": stream}
        tollway.client(by).post(CHAT, json=body)

    ask("p/small", stream=False)
    ask("p/fails", stream=False)
    ask("p/breaks", stream=True)
    ask("open", stream=True, by=poor)
    with stream_of(tollway, key, "stops/held"), stream_of(tollway, key, "p/held"):
        pass
    eventually(tollway, lambda: running(tollway) == 1)
    held.open()
    eventually(tollway, lambda: running(tollway) == 0)
    provider.scripts["held"] = Held(provider)
    with stream_of(tollway, key, "stops/held"):
        tollway.kill()
    tollway.start()
    with stream_of(tollway, key, "stops/held"):
        tollway.stop()

    said = {line["outcome"]: line["billed_reason"] for line in tollway.requests()}
    assert said == {
        outcome.value: reason for outcome, reason in BILLED_REASON.items() if outcome is not Outcome.EXPIRED
    }
    tollway.check()
