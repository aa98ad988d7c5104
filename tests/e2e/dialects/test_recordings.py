"""Recorded traffic of every kind through a real gateway: byte for byte in its own dialect, and across to every other."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from tests.dialect_matrix import read_stream, read_whole
from tests.e2e.dialects.asking import documents, request
from tests.e2e.dialects.gateway import deploy
from tests.e2e.dialects.replayed import ACROSS, SAME, Exchange, as_asked, replay_server, sample
from tests.e2e.gateway.bookkeeper import Bookkeeper
from tests.e2e.gateway.deployment import Deployment
from tollway.dialects.known import DIALECTS
from tollway.errors import UpstreamFailure
from tollway.neutral.answer import ChatAnswer
from tollway.neutral.parts import Text, ToolCall

CLIENTS = ("openai_chat", "anthropic_messages", "gemini", "ollama_chat", "openai_responses")
"""They take turns."""

WRONG_KEY = b"API_KEY_INVALID"
"""The word by which the preset of these recordings knows that an error of 400 is about the operator's key."""

AT_ONCE = 6


@dataclass(frozen=True)
class Got:
    """What a client got for a recording."""

    recording: Exchange
    dialect: str
    reply: httpx.Response
    line: dict[str, Any]


@pytest.fixture(scope="module")
def tollway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with replay_server() as port:
        deployment = deploy(tmp_path_factory.mktemp("replay"), port)
        yield deployment
        deployment.stop()


Asked = tuple[Exchange, str, str, bytes]
"""A recording, the client's dialect, path and body."""


def ask_all(tollway: Deployment, books: Bookkeeper, key: str, asked: list[Asked]) -> list[Got]:
    """Ask some at a time; return what came of each, with its line."""

    async def run() -> list[httpx.Response]:
        gate = asyncio.Semaphore(AT_ONCE)
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        async with httpx.AsyncClient(base_url=tollway.url, headers=headers, timeout=60) as client:

            async def one(path: str, body: bytes) -> httpx.Response:
                async with gate:
                    return await client.post(path, content=body)

            return list(await asyncio.gather(*(one(path, body) for _, _, path, body in asked)))

    replies = asyncio.run(run())
    lines = {line["id"]: line for line in books.call("GET", "/requests?limit=1000")["data"]}
    return [
        Got(recording, dialect, reply, lines.get(reply.headers["x-request-id"], {}))
        for (recording, dialect, _, _), reply in zip(asked, replies, strict=True)
    ]


@pytest.fixture(scope="module")
def hidden(books: Bookkeeper, account: str) -> str:
    """A key whose replies are not edited."""
    return str(books.key(account, costs="hidden")["key"])


@pytest.fixture(scope="module")
def same(tollway: Deployment, books: Bookkeeper, hidden: str) -> list[Got]:
    return ask_all(tollway, books, hidden, [(each, SAME[each.kind][1], *as_asked(each)) for each in sample(SAME)])


def test_every_recording_passes_its_own_dialect_byte_for_byte(same: list[Got]) -> None:
    assert len(same) >= 150
    refused = [got for got in same if _documents(got.recording.answer)[0].get("error")]
    assert len(refused) <= 2
    assert {got.reply.status_code for got in refused} <= {502}, "an error is one, with whatever status it came"
    changed = [got for got in same if got not in refused and got.reply.content != got.recording.answer]
    assert not changed, [(got.recording, got.reply.status_code, got.reply.text[:200]) for got in changed]


def test_the_ledger_holds_the_recorded_usage(same: list[Got]) -> None:
    checked = 0
    for got in same:
        if got.reply.status_code != 200:
            assert Decimal(got.line["total_cost"]) == 0
            continue
        assert got.line["outcome"] == "completed", got.recording
        counts = recorded_counts(got.recording)
        if counts is None or got.line["basis"] != "reported":
            continue
        usage = {unit: count or 0 for unit, count in got.line["usage"].items()}
        read = sum(usage[unit] for unit in ("input", "cached_input", "cache_write_5m", "cache_write_1h", "audio_input"))
        assert read == counts, (got.recording, got.line["usage"])
        checked += 1
    assert checked > 120


def recorded_counts(each: Exchange) -> int | None:
    """Return all input tokens that a recording reports, read from its JSON and nothing else."""
    found: dict[str, int] = {}
    for document in _documents(each.answer):
        holder = document.get("message") or document.get("response") or document
        holder = holder if isinstance(holder, dict) else document
        usage = holder.get("usage") or document.get("usage") or document.get("usageMetadata")
        if isinstance(usage, dict):
            found |= {name: count for name, count in usage.items() if isinstance(count, int)}
        if "prompt_eval_count" in document:
            found["prompt_eval_count"] = document["prompt_eval_count"]
    if each.kind == "messages":
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        return sum(found.get(name, 0) for name in names) if found else None
    if "toolUsePromptTokenCount" in found:
        found["promptTokenCount"] = found.get("promptTokenCount", 0) + found["toolUsePromptTokenCount"]
    for name in ("prompt_tokens", "input_tokens", "promptTokenCount", "prompt_eval_count"):
        if name in found:
            return found[name]
    return None


def _documents(body: bytes) -> list[dict[str, Any]]:
    try:
        return [json.loads(body)]
    except ValueError:
        lines = [line.removeprefix(b"data:").strip() for line in body.splitlines()]
        return [json.loads(line) for line in lines if line.startswith(b"{")]


def test_a_recorded_error_keeps_its_class_in_the_clients_dialect(
    tollway: Deployment, books: Bookkeeper, key: str
) -> None:
    errors = [each for each in sample(SAME, good=False) if each.status >= 400]
    assert len(errors) >= 10
    for got in ask_all(tollway, books, key, [(each, SAME[each.kind][1], *as_asked(each)) for each in errors]):
        status = got.reply.status_code
        assert status >= 400, got.recording
        if WRONG_KEY in got.recording.answer:
            assert status == 502, "the key is the operator's, whatever status the provider has for it"
        elif got.recording.status in {400, 404, 422, 429}:
            assert status == {422: 400}.get(got.recording.status, got.recording.status), got.recording
        assert "provider_status" in json.dumps(got.reply.json()), "its facts stand beside it"
        assert f"'{SAME[got.recording.kind][0]}'" in got.reply.text


def test_recordings_reach_clients_of_every_other_dialect(tollway: Deployment, books: Bookkeeper, key: str) -> None:
    asked: list[Asked] = []
    for turn, each in enumerate(sample(ACROSS)):
        place, dialect, _ = ACROSS[each.kind]
        others = [client for client in CLIENTS if client != dialect]
        client = others[turn % len(others)]
        path, body = request(client, f"{place}/replay-{each.id}", stream=each.streamed)
        asked.append((each, client, path, json.dumps(body).encode()))
    checked = 0
    for got in ask_all(tollway, books, key, asked):
        answer = spoken(got.recording)
        if answer is None:
            assert got.reply.status_code == 502 or got.line["outcome"] != "completed", got.recording
            continue
        assert got.reply.status_code == 200, (got.recording, got.reply.text)
        heard = read_stream(got.dialect, got.reply.content).answer if got.recording.streamed else None
        found = heard or read_whole(got.dialect, got.reply.content)
        assert said(found) == said(answer), (got.recording, got.dialect)
        usage = {unit: count for unit, count in got.line["usage"].items() if count}
        if got.line["basis"] == "reported" and answer.usage is not None:
            told = {unit: count for unit, count in msgspec.structs.asdict(answer.usage).items() if count}
            assert told.items() <= usage.items(), got.recording
        costs = [text for text in map(_total, documents(got.reply)) if text is not None]
        assert costs == [Decimal(got.line["total_cost"])], (got.recording, got.dialect)
        checked += 1
    assert checked >= 100
    tollway.check()


def spoken(each: Exchange) -> ChatAnswer | None:
    """Return what a recording says, read by its provider's dialect; None for one that does not end, or is no answer."""
    _, dialect, _ = ACROSS[each.kind]
    assert dialect in DIALECTS
    if each.streamed:
        read = read_stream(dialect, each.answer)
        return read.answer if read.finished and not read.failed else None
    try:
        return read_whole(dialect, each.answer)
    except UpstreamFailure:
        return None


def said(answer: ChatAnswer) -> tuple[str, list[tuple[str, Any]]]:
    """Return the text and the calls of the first choice."""
    parts = answer.choices[0].parts if answer.choices else ()
    text = "".join(part.text for part in parts if isinstance(part, Text))
    calls = [(part.name, json.loads(part.arguments or "{}")) for part in parts if isinstance(part, ToolCall)]
    return text, calls


def _total(value: Any) -> Decimal | None:
    if isinstance(value, dict):
        if "total_cost_usd" in value:
            return Decimal(value["total_cost_usd"])
        return next((found for each in value.values() if (found := _total(each)) is not None), None)
    return (
        next((found for each in value if (found := _total(each)) is not None), None)
        if isinstance(value, list)
        else None
    )
