"""A polite stop under load: what runs is let come to its end, and every charge is written."""

import asyncio
import json
import random
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tests.e2e.gateway.deployment import Deployment, settings_for, sse_data
from tests.e2e.gateway.provider import CONTENT, USAGE, Line, Provider, Seen, event, events

CHAT = "/v1/chat/completions"


async def slowly(seen: Seen, to: Line) -> None:
    """Stream an answer over a few hundred milliseconds."""
    await to.start_stream()
    for piece in events("x"):
        await to.piece(piece)
        await asyncio.sleep(random.random() * 0.08)
    await to.end_stream()


async def one_stream(client: httpx.AsyncClient) -> Decimal:
    """Return what a streamed reply says that it cost; fails when it does not come to its end."""
    body = {"model": "p/slow", "messages": [{"role": "user", "content": "x"}], "stream": True}
    data = sse_data((await client.post(CHAT, json=body)).text)
    assert data[-1] == "[DONE]"
    return json.loads(data[-2], parse_float=Decimal)["usage"]["total_cost_usd"]


def test_a_polite_stop_lets_running_streams_end_and_writes_every_charge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PROVIDER_KEY", "sk-test")
    provider = Provider().start()
    provider.scripts["slow"] = slowly
    tollway = Deployment(tmp_path, settings_for(provider.port)).start()
    account = tollway.account("5.00")
    key = tollway.key(account)

    async def run() -> list[Decimal]:
        async with httpx.AsyncClient(
            base_url=tollway.url, headers={"authorization": f"Bearer {key}"}, timeout=20
        ) as client:
            tasks = [asyncio.create_task(one_stream(client)) for _ in range(20)]
            await asyncio.to_thread(provider.wait_for_requests, 20)
            await asyncio.to_thread(tollway.stop)
            return list(await asyncio.gather(*tasks))

    try:
        results = asyncio.run(run())
        assert results == [Decimal("0.0012")] * 20
        assert tollway.balance(account) == (5 - 20 * Decimal("0.0012"), 0)
        tollway.check()
    finally:
        tollway.stop()
        provider.stop()


def test_streams_that_outlast_the_grace_end_honestly_and_pay_what_was_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PROVIDER_KEY", "sk-test")
    provider = Provider().start()

    async def for_ever(seen: Seen, to: Line) -> None:
        await to.start_stream()
        for _ in range(10_000):
            await to.piece(event("x", {"content": CONTENT[0]}))
            await asyncio.sleep(0.02)
        await to.piece(event("x", {}, "stop", usage=USAGE))

    provider.scripts["slow"] = for_ever
    tollway = Deployment(tmp_path, settings_for(provider.port, server="shutdown_grace_s = 1")).start()
    account = tollway.account("5.00")
    with tollway.client(tollway.key(account)).stream(
        "POST", CHAT, json={"model": "p/slow", "messages": [{"role": "user", "content": "x"}], "stream": True}
    ) as response:
        pieces = response.iter_text()
        text = next(pieces)
        assert tollway.process is not None
        tollway.process.terminate()
        text += "".join(pieces)
    try:
        tollway.process.wait(20)
        tollway.stop()
        last = json.loads(sse_data(text)[-1], parse_float=Decimal)
        assert last["error"]["code"] == "upstream_error"
        line = tollway.requests()[0]
        assert line["outcome"] == "shut_down"
        assert Decimal(line["total_cost"]) == last["usage"]["total_cost_usd"] > 0
        tollway.check()
    finally:
        tollway.stop()
        provider.stop()
