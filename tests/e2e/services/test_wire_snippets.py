"""The snippets for curl and the raw request, unchanged but for base URL and key: the very bytes of what they get."""

import json
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.e2e.services.deployments import Serve, Served
from tests.e2e.services.interpreter import users_environment
from tests.e2e.services.running import assert_nothing_of_ours_is_sent
from tests.e2e.services.scripted import TEXT, Scripted
from tests.e2e.services.seeds import AIGATEWAY, GOGPU, SNIPPETS_BY_ROW

NOT_A_KEY = "sk-not-a-key-of-anyone"


class Curled(NamedTuple):
    """What curl was answered."""

    status: int
    body: dict[str, Any]


class Curl:
    """Types snippets into a shell, for one brand."""

    def __init__(self, served: Served, home: Path) -> None:
        if shutil.which("curl") is None:
            pytest.skip("there is no curl on this machine")
        self.served = served
        host, _, port = served.host.partition(":")
        told = 'write-out = "\\n%{http_code}"\n' + f'resolve = "{host}:{port}:127.0.0.1"\n'
        (home / ".curlrc").write_text(told)
        self._env = users_environment() | {"CURL_HOME": str(home)}

    def run(self, row: str, key: str, **changes: str) -> Curled:
        """Run a row; the status is what curl was told to write after the body."""
        code = SNIPPETS_BY_ROW[row].at(url=self.served.url, key=key, changes=changes)
        done = subprocess.run(["sh", "-c", code], env=self._env, capture_output=True, text=True, timeout=30, check=True)
        body, _, status = done.stdout.rpartition("\n")
        return Curled(int(status), json.loads(body))


@pytest.fixture
def curl(serve: Serve, tmp_path: Path) -> Curl:
    return Curl(serve(GOGPU), tmp_path)


def assert_its_envelope(answered: Curled) -> None:
    """Assert that an error has the members that this brand's pages show, beside the object that every client reads."""
    assert answered.body["code"] == 7
    assert answered.body["data"] == {}
    assert answered.body["msg"] == answered.body["error"]["message"]


def test_o1_lists_the_models_for_a_key_in_its_own_header(curl: Curl) -> None:
    answered = curl.run("O1", curl.served.key(curl.served.account("0"))["key"])
    assert answered.status == 200
    assert "YOUR_MODEL_ID" in [model["id"] for model in answered.body["data"]]
    refused = curl.run("O1", NOT_A_KEY)
    assert (refused.status, refused.body["error"]["code"]) == (401, "invalid_api_key")
    assert_its_envelope(refused)


def test_o2_completes_a_chat_and_counts_it(curl: Curl, provider: Scripted) -> None:
    key = curl.served.key(curl.served.account())
    arrived = len(provider.seen)
    answered = curl.run("O2", key["key"])
    assert answered.status == 200
    assert answered.body["choices"][0]["message"]["content"] == TEXT
    assert answered.body["usage"]["total_tokens"] == 1320
    assert "code" not in answered.body
    assert_nothing_of_ours_is_sent(provider.seen[arrived:])
    (exchange,) = curl.served.exchanges(key["id"])
    assert exchange["outcome"] == "completed"
    assert Decimal(exchange["total_cost"]) > 0


def test_o2_says_what_is_wrong_with_a_real_status_and_in_the_envelope_of_the_page(curl: Curl) -> None:
    good = curl.served.key(curl.served.account())["key"]
    poor = curl.served.key(curl.served.account("0"))["key"]
    stranger, elsewhere, broke = (
        curl.run("O2", NOT_A_KEY),
        curl.run("O2", good, YOUR_MODEL_ID="your_model_id"),
        curl.run("O2", poor),
    )
    for answered in (stranger, elsewhere, broke):
        assert_its_envelope(answered)
    assert (stranger.status, stranger.body["error"]["code"]) == (401, "invalid_api_key")
    assert (elsewhere.status, elsewhere.body["error"]["code"]) == (404, "model_not_found"), "names are case-sensitive"
    assert 400 <= broke.status < 500
    assert "Top up" in broke.body["msg"]


# -- The raw request


class Raw:
    """Sends the request that is printed."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.key = served.key(served.account())
        printed = SNIPPETS_BY_ROW["A2"].at(url=served.url, key=self.key["key"])
        head, _, body = printed.partition("\n\n")
        first, *lines = head.splitlines()
        self._method, self._path = first.split()
        self._headers = dict(line.split(": ", 1) for line in lines)
        self.body: dict[str, Any] = json.loads(body)
        self._printed = body

    def send(self, body: dict[str, Any] | None = None) -> httpx.Response:
        """Send it as it stands, or with another body."""
        content = self._printed if body is None else json.dumps(body)
        return self.served.ask(self._method, self._path, headers=self._headers, content=content)


@pytest.fixture
def raw(serve: Serve) -> Raw:
    return Raw(serve(AIGATEWAY))


def events_of(reply: httpx.Response) -> list[Any]:
    """Return the data of every event, the end included; other lines are comments."""
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/event-stream")
    lines = [line for line in reply.text.splitlines() if line and not line.startswith(":")]
    assert all(line.startswith("data: ") for line in lines), lines
    texts = [line.removeprefix("data: ") for line in lines]
    assert texts[-1] == "[DONE]"
    return [json.loads(text) for text in texts[:-1]]


def test_a2_streams_chunks_with_a_choice_each_and_counts_before_the_end(raw: Raw, provider: Scripted) -> None:
    arrived = len(provider.seen)
    reply = raw.send()
    chunks = events_of(reply)
    for chunk in chunks:
        assert chunk["object"] == "chat.completion.chunk"
        assert isinstance(chunk["choices"][0]["delta"].get("content"), str), chunk
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks) == TEXT
    assert [chunk for chunk in chunks[:-1] if chunk.get("usage")] == []
    usage = chunks[-1]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (1200, 120)
    (exchange,) = raw.served.exchanges(raw.key["id"])
    assert Decimal(str(usage["total_cost_usd"])) == Decimal(exchange["total_cost"])
    assert usage["cost"] == usage["total_cost_usd"]
    assert "x-aig-warning" not in reply.headers
    (seen,) = provider.seen[arrived:]
    assert_nothing_of_ours_is_sent([seen])
    assert (seen.body["temperature"], seen.body["model"]) == (0.2, "moonshot/kimi-k2.6"), "passed through untouched"


def test_a2_with_a_parameter_that_the_model_does_not_know_is_answered_with_a_warning(raw: Raw) -> None:
    reply = raw.send(raw.body | {"model": "claude-sonnet-4-20250514", "logit_bias": {"42": 1}})
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in events_of(reply)) == TEXT
    assert "logit_bias" in reply.headers["x-aig-warning"]


def test_a2_that_asks_for_usage_as_openai_has_it_gets_it_in_a_chunk_without_choices(raw: Raw) -> None:
    *_, last = events_of(raw.send(raw.body | {"stream_options": {"include_usage": True}}))
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 1320


def test_a2_with_the_tag_of_its_header_is_found_by_it(raw: Raw, provider: Scripted) -> None:
    arrived = len(provider.seen)
    path, headers = "/v1/chat/completions", {"x-aig-tag": "nightly"}
    reply = raw.served.ask("POST", path, raw.key["key"], headers=headers, json=raw.body)
    assert reply.status_code == 200, reply.text
    (exchange,) = raw.served.exchanges(raw.key["id"])
    assert exchange["tag"] == "nightly"
    (seen,) = provider.seen[arrived:]
    assert "nightly" not in f"{seen.headers} {seen.raw!r}"
