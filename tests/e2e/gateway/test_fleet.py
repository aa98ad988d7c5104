"""Several workers on one socket: one that is killed is replaced, and what it left open is settled."""

import json
import os
import signal
import time
from decimal import Decimal
from pathlib import Path

import httpx

from tests.e2e.gateway.conftest import Deploy, on_both_stores
from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Line, Provider, Seen, event

pytestmark = on_both_stores

CHAT = "/v1/chat/completions"


def workers(tollway: Deployment) -> list[int]:
    """Return the processes of the workers."""
    assert tollway.process is not None
    pid = tollway.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_killed_worker_is_replaced_and_its_open_requests_are_settled(deploy: Deploy, provider: Provider) -> None:
    tollway = deploy(server="workers = 2")
    account = tollway.account("5.00")
    key = tollway.key(account)

    async def endless(seen: Seen, to: Line) -> None:
        await to.start_stream()
        await to.piece(event("x", {"content": "first"}))
        await to.gone.wait()

    provider.scripts["endless"] = endless
    body = {"model": "p/endless", "messages": [{"role": "user", "content": "x"}], "stream": True}
    before = workers(tollway)
    assert len(before) == 2
    streams = []
    for _ in range(8):
        client = tollway.client(key)
        stream = client.send(client.build_request("POST", CHAT, json=body), stream=True)
        pieces = stream.iter_raw()
        next(pieces)
        streams.append((stream, pieces))
    assert tollway.balance(account)[1] > 0
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while (after := workers(tollway)) != [pid for pid in after if pid not in before] or len(after) < 2:
        assert time.monotonic() < deadline
    for stream, pieces in streams:
        try:
            rest = b"".join(pieces)
        except httpx.HTTPError:
            rest = b""
        assert b"[DONE]" not in rest
        stream.close()
    while tollway.balance(account) != (Decimal(5), Decimal(0)):
        assert time.monotonic() < deadline
    lines = {line["id"]: line for line in tollway.requests()}
    assert [lines[stream.headers["x-request-id"]]["outcome"] for stream, _ in streams] == ["interrupted"] * 8
    answer = tollway.client(key).post(CHAT, json={"model": "m", "messages": [{"role": "user", "content": "x"}]})
    assert answer.status_code == 200
    tollway.check()


def test_workers_end_with_the_process_that_started_them(deploy: Deploy) -> None:
    tollway = deploy(server="workers = 2")
    watched = [os.pidfd_open(pid) for pid in workers(tollway)]
    tollway.kill()
    deadline = time.monotonic() + 20
    for descriptor in watched:
        while True:
            try:
                signal.pidfd_send_signal(descriptor, 0)
            except ProcessLookupError:
                break
            assert time.monotonic() < deadline, "a worker outlived the process that started it"
        os.close(descriptor)


def test_health_and_models_are_the_same_from_every_worker(deploy: Deploy) -> None:
    tollway = deploy(server="workers = 2")
    key = tollway.key(tollway.account())
    seen = set()
    for _ in range(10):
        with tollway.client(key) as client:
            seen.add(json.dumps(client.get("/v1/models").json(), sort_keys=True))
            assert client.get("/readyz").status_code == 200
    assert len(seen) == 1
