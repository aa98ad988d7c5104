"""Nothing keeps the event loop for long: no neighbour's large body, no change of keys, no commit, no collection of garbage.

What is judged is CPU time of the loop's own thread, which a loaded machine does not lengthen much: the gateway itself says
what it saw, a line each half second (see jobs/loop_watch.py).
"""

import asyncio
import json
import statistics
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.gateway.deployment import Deployment, settings_for
from tests.e2e.gateway.provider import Line, Provider, Seen, event, events
from tollway.desks import open_books
from tollway.jobs.loop_watch import ASKED_BY, EVENT
from tollway.settings import SecretUse
from tollway.settings.load import load_settings

WINDOW_S = 0.5
LOAD_S = 5.0

PAUSE_MS_MAX = 5.0
"""The longest that anything may keep the loop."""
ROUND_MS = 4.0
"""What else may be done in the same round of the loop, on a machine that is busy: a dozen requests, and a tick."""

WORDS = "Tell me how a gateway keeps its books. "


async def paced(seen: Seen, line: Line) -> None:
    """Send a stream of twenty words, one each 20 ms."""
    await line.start_stream()
    first, *_, last = events("paced")
    await line.piece(first)
    for number in range(20):
        await line.piece(event("paced", {"content": f" word{number}"}))
        await asyncio.sleep(0.02)
    await line.piece(event("paced", {}, "stop"))
    await line.piece(last)
    await line.end_stream()


def chat(words: str, *, messages: int = 1, **more: object) -> bytes:
    """Return a chat request's body."""
    said = [{"role": "user", "content": words}] * messages
    return json.dumps({"model": "m", "messages": said, "max_tokens": 50, **more}).encode()


class Client:
    """One connection that asks again and again."""

    def __init__(self, url: str, key: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._place = host, int(port)
        self._key = key
        self.answers = 0

    async def ask(self, path: str, body: bytes, *, until_s: float, pause_s: float = 0.0) -> None:
        """Ask until the loop's time is `until_s`, with a pause after each answer."""
        reader, writer = await asyncio.open_connection(*self._place)
        head = f"POST {path} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {self._key}\r\nContent-Type: application/json\r\n"
        request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        while asyncio.get_running_loop().time() < until_s:
            writer.write(request)
            answered = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert answered.startswith((b"http/1.1 200", b"http/1.1 201")), answered
            if b"transfer-encoding: chunked" in answered:
                while size := int(await reader.readline(), 16):
                    await reader.readexactly(size + 2)
                await reader.readexactly(2)
            else:
                length = next(line for line in answered.split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length[15:]))
            self.answers += 1
            await asyncio.sleep(pause_s)
        writer.close()


def windows(log: Path) -> list[dict[str, Any]]:
    """Return what the gateway has said of its loop so far."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == EVENT]


@pytest.fixture
def tollway(tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    monkeypatch.setenv("TEST_PROVIDER_KEY", "sk-canary-0123456789")
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        monkeypatch.delenv(name, raising=False)  # it would be what takes the time
    models = "\n".join(
        f'[[models]]\nid = "{name}"\ntargets = [{{ provider = "p", model = "{name}" }}]\n'
        'price = { input = "0.001", output = "0.002" }\noutput_tokens_max = 1000\ncontext_tokens = 4000000'
        for name in ("roomy", "paced")
    )
    return Deployment(tmp_path, settings_for(provider.port) + models)


def test_no_callback_keeps_the_event_loop_for_more_than_a_few_milliseconds(
    tollway: Deployment, provider: Provider
) -> None:
    provider.scripts["paced"] = paced
    with open_books(load_settings(tollway.config, secrets=SecretUse.LEAVE)) as desk:
        account = desk.accounts.create("test", credit_nanos=10**12)
        _, key = desk.keys.create(account.id, "test")
        _, admin_key = desk.admin_keys.create("test")
    tollway.start({ASKED_BY: str(WINDOW_S)})
    named = json.dumps({"account": f"acct_{account.id:016x}", "name": "another"}).encode()
    path = "/v1/chat/completions"
    large = chat(WORDS * 12, messages=2100, model="roomy")
    assert 1_000_000 < len(large) < 1_200_000

    def clients(until_s: float) -> list[tuple[Client, Callable[[Client], Awaitable[None]]]]:
        def of(text: str, path: str, body: bytes, pause_s: float) -> tuple[Client, Callable[[Client], Awaitable[None]]]:
            return Client(tollway.url, text), lambda each: each.ask(path, body, until_s=until_s, pause_s=pause_s)

        return [
            *(of(key, path, chat(WORDS * 20), 0.01) for _ in range(4)),
            *(of(key, path, chat(WORDS * 20, model="paced", stream=True), 0.0) for _ in range(8)),
            of(key, path, large, 0.1),
            of(key, "/v1/messages", large, 0.2),
            of(admin_key, "/admin/v1/keys", named, 0.2),
        ]

    async def load(seconds: float) -> int:
        asked = clients(asyncio.get_running_loop().time() + seconds)
        await asyncio.gather(*(ask(client) for client, ask in asked))
        return sum(client.answers for client, _ in asked)

    try:
        asyncio.run(load(1.5))  # what is made at the first request of a kind is made
        before = len(windows(tollway.log))
        answers = asyncio.run(load(LOAD_S))
        seen = windows(tollway.log)[before + 1 :]
    finally:
        tollway.stop()
    tollway.check()

    cpu_ms = [window["cpu_ms_max"] for window in seen]
    said = f"{answers} answers; CPU between two turns {cpu_ms} ms; {seen}"
    print(said)
    assert answers > 100, said
    assert len(seen) >= LOAD_S / WINDOW_S / 2, said
    # What comes round again and again is in each window; the longest of all may be the machine's.
    assert statistics.median(cpu_ms) < PAUSE_MS_MAX, said
    assert max(cpu_ms) < PAUSE_MS_MAX + ROUND_MS, said
