"""Killed at a random moment under load: what clients received and what the ledger says agree."""

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
STREAMS = 50


async def slowly(seen: Seen, to: Line) -> None:
    """Stream an answer over a few hundred milliseconds."""
    await to.start_stream()
    for piece in events("x"):
        await to.piece(piece)
        await asyncio.sleep(random.random() * 0.08)
    await to.end_stream()


async def one_stream(client: httpx.AsyncClient) -> tuple[str | None, Decimal | None, bool]:
    """Return the request id, the cost if the reply came to its end, and whether any content came."""
    request_id, text = None, ""
    try:
        async with client.stream(
            "POST", CHAT, json={"model": "p/slow", "messages": [{"role": "user", "content": "x"}], "stream": True}
        ) as response:
            request_id = response.headers["x-request-id"]
            async for piece in response.aiter_text():
                text += piece
    except httpx.HTTPError:
        pass
    data = sse_data(text)
    if data and data[-1] == "[DONE]":
        return request_id, json.loads(data[-2], parse_float=Decimal)["usage"]["total_cost_usd"], True
    return request_id, None, bool(data)


@pytest.mark.parametrize("after_s", [0.15, 0.3, 0.45, 0.6])
def test_kill_9_loses_no_charge_doubles_none_and_leaves_nothing_held(
    tmp_path: Path, after_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PROVIDER_KEY", "sk-test")
    provider = Provider().start()
    provider.scripts["slow"] = slowly
    tollway = Deployment(tmp_path, settings_for(provider.port)).start()
    account = tollway.account("5.00")
    key = tollway.key(account)

    async def run() -> list[tuple[str | None, Decimal | None, bool]]:
        headers = {"authorization": f"Bearer {key}"}
        limits = httpx.Limits(max_connections=STREAMS)
        async with httpx.AsyncClient(base_url=tollway.url, headers=headers, timeout=20, limits=limits) as client:
            running = {asyncio.create_task(one_stream(client)) for _ in range(STREAMS)}
            results: list[tuple[str | None, Decimal | None, bool]] = []
            deadline = asyncio.get_running_loop().time() + after_s + 0.5
            while (left := deadline - asyncio.get_running_loop().time()) > 0:
                done, running = await asyncio.wait(running, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                results += [task.result() for task in done]
                running |= {asyncio.create_task(one_stream(client)) for _ in done}
            await asyncio.to_thread(tollway.kill)
            return results + [task.result() for task in (await asyncio.wait(running))[0]]

    try:
        results = asyncio.run(run())
        tollway.start()
        lines = {line["id"]: line for line in tollway.requests()}
        for request_id, cost, began in results:
            if cost is not None:
                assert lines[request_id]["outcome"] == "completed"
                assert Decimal(lines[request_id]["total_cost"]) == cost
            elif began:
                assert request_id in lines, "what reached a client leaves a line"
                assert lines[request_id]["outcome"] in {"interrupted", "completed"}
        interrupted = [line for line in lines.values() if line["outcome"] == "interrupted"]
        assert all(Decimal(line["total_cost"]) == 0 and line["basis"] == "unknown" for line in interrupted)
        assert any(cost is None for _, cost, _ in results), "the kill came while streams ran"
        balance, held = tollway.balance(account)
        assert held == 0
        assert balance == 5 - sum(Decimal(line["total_cost"]) for line in lines.values())
        tollway.check()
    finally:
        tollway.stop()
        provider.stop()


def test_a_polite_stop_lets_running_streams_end_and_writes_every_charge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PROVIDER_KEY", "sk-test")
    provider = Provider().start()
    provider.scripts["slow"] = slowly
    tollway = Deployment(tmp_path, settings_for(provider.port)).start()
    account = tollway.account("5.00")
    key = tollway.key(account)

    async def run() -> list[tuple[str | None, Decimal | None, bool]]:
        async with httpx.AsyncClient(
            base_url=tollway.url, headers={"authorization": f"Bearer {key}"}, timeout=20
        ) as client:
            tasks = [asyncio.create_task(one_stream(client)) for _ in range(20)]
            await asyncio.to_thread(provider.wait_for_requests, 20)
            await asyncio.to_thread(tollway.stop)
            return list(await asyncio.gather(*tasks))

    try:
        results = asyncio.run(run())
        assert all(cost == Decimal("0.0012") for _, cost, _ in results)
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
