"""Recorded traffic through a real gateway: every leaf arrives, the ledger has the recorded usage, a cut never looks finished."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from tests.e2e.gateway.deployment import Deployment, settings_for, sse_data
from tests.recordings.corpus import FOLDER, Recording, chats

PER_KIND = 40
"""Of each kind a spread sample: the dialect's own tests read all of them."""

COSTS = {"base_cost_usd", "platform_fee_usd", "total_cost_usd"}


def sample(*, streamed: bool) -> list[Recording]:
    """Return recorded good answers that the replay server knows, spread over the corpus."""
    known = [
        each
        for each in chats()
        if each.streamed is streamed and each.status == 200 and each.request and not each.name.startswith("vercel")
    ]
    return known[:: max(1, len(known) // PER_KIND)]


@pytest.fixture(scope="module")
def tollway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A gateway in front of the replay server."""
    chats()
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    corpora = [word for name in ("ruby_llm", "openllmetry") for word in ("--corpus", str(FOLDER / f"{name}.jsonl.gz"))]
    arguments = [sys.executable, str(FOLDER / "replay_upstream.py"), "--port", str(port), *corpora]
    replay = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    assert replay.stdout is not None
    assert b"recordings on port" in replay.stdout.readline()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_PROVIDER_KEY", "sk-test")
        deployment = Deployment(Path(tmp_path_factory.mktemp("replay")), settings_for(port)).start()
        yield deployment
        deployment.stop()
    replay.terminate()
    replay.wait(20)
    replay.stdout.close()


@pytest.fixture(scope="module")
def client(tollway: Deployment) -> httpx.Client:
    """A client with plenty of money."""
    return tollway.client(tollway.key(tollway.account("1000")))


def ask(recording: Recording) -> bytes:
    """Return the recorded request with the recording's own model name."""
    body = json.loads(recording.request)
    body["model"] = f"p/replay-{recording.name.rpartition('-')[2]}"
    return json.dumps(body).encode()


def without_costs(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without what Tollway adds to its usage."""
    usage = answer.get("usage")
    if not isinstance(usage, dict) or usage.get("estimated"):
        return {name: value for name, value in answer.items() if name != "usage"}
    return answer | {"usage": {name: value for name, value in usage.items() if name not in COSTS}}


def test_whole_answers_arrive_leaf_by_leaf_with_a_cost_that_the_ledger_confirms(
    tollway: Deployment, client: httpx.Client
) -> None:
    recordings = sample(streamed=False)
    assert len(recordings) >= 20
    lines: dict[str, tuple[Recording, Decimal]] = {}
    for recording in recordings:
        response = client.post("/v1/chat/completions", content=ask(recording))
        assert response.status_code == 200, recording
        answer = json.loads(response.text, parse_float=Decimal)
        recorded = json.loads(recording.answer, parse_float=Decimal)
        if not isinstance(recorded.get("usage"), dict):
            recorded.pop("usage", None)
        assert without_costs(answer) == without_costs(recorded), recording
        lines[response.headers["x-request-id"]] = recording, answer["usage"]["total_cost_usd"]
    for line in tollway.requests():
        if line["id"] not in lines:
            continue
        recording, cost = lines.pop(line["id"])
        assert Decimal(line["total_cost"]) == cost, recording
        usage = json.loads(recording.answer).get("usage") or {}
        if line["basis"] == "reported" and "prompt_tokens" in usage:
            counted = line["usage"]
            incoming = [counted[unit] or 0 for unit in ("input", "cached_input", "audio_input")]
            assert sum(incoming) == usage["prompt_tokens"], recording
    assert not lines
    tollway.check()


def test_streams_arrive_event_by_event_and_the_official_client_reads_them(
    tollway: Deployment, client: httpx.Client
) -> None:
    recordings = sample(streamed=True)
    assert len(recordings) >= 10
    told: dict[str, tuple[Recording, Decimal]] = {}
    for recording in recordings:
        response = client.post("/v1/chat/completions", content=ask(recording))
        assert response.status_code == 200, (recording, response.text)
        *chunks, done = sse_data(response.text)
        assert done == "[DONE]", recording
        read = [ChatCompletionChunk.construct(**json.loads(chunk)) for chunk in chunks]
        texts = [choice.delta.content for chunk in read for choice in chunk.choices if choice.delta.content]
        recorded = [
            json.loads(data) for data in sse_data(recording.answer.decode().replace("\r\n", "\n")) if data != "[DONE]"
        ]
        expected = [
            choice["delta"]["content"]
            for chunk in recorded
            for choice in chunk.get("choices") or []
            if isinstance(choice.get("delta"), dict) and choice["delta"].get("content")
        ]
        assert texts == expected, recording
        last = json.loads(chunks[-1], parse_float=Decimal)
        told[response.headers["x-request-id"]] = recording, last["usage"]["total_cost_usd"]
    lines = {line["id"]: line for line in tollway.requests()}
    for name, (recording, cost) in told.items():
        assert Decimal(lines[name]["total_cost"]) == cost, recording
    tollway.check()


def test_a_provider_that_refuses_is_refused_in_the_clients_words(client: httpx.Client) -> None:
    refused = [each for each in chats() if each.status >= 400 and each.request and not each.name.startswith("vercel")]
    assert refused
    for recording in refused[:20]:
        response = client.post("/v1/chat/completions", content=ask(recording))
        assert response.status_code >= 400, recording
        error = response.json()["error"]
        assert error["metadata"]["provider_status"] == recording.status
        assert isinstance(error["code"], str)


def test_the_official_client_raises_its_own_errors(tollway: Deployment) -> None:
    with openai.OpenAI(base_url=f"{tollway.url}/v1", api_key="tw-wrong", max_retries=0) as wrong:
        with pytest.raises(openai.AuthenticationError) as unknown:
            wrong.models.list()
        assert unknown.value.code == "invalid_api_key"
    poor = tollway.key(tollway.account(None))
    with openai.OpenAI(base_url=f"{tollway.url}/v1", api_key=poor) as client:
        with pytest.raises(openai.RateLimitError) as refused:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
        assert refused.value.code == "insufficient_quota"
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="nothing", messages=[{"role": "user", "content": "x"}])
