"""Hostile JSON from clients, on every route that reaches a provider: a clear answer each time, and the worker lives."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from itertools import product
from typing import Any

import pytest

from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Line, Provider, Script, Seen
from tests.e2e.judges.answers import ANSWERS, STREAMS
from tests.e2e.judges.conftest import MODEL, PRICE
from tests.e2e.judges.hostile_json import CASES, FEWER
from tollway.http.dialect_routes import GEMINI_METHODS, PATHS

SETTINGS = """
[server]
port = 0
[[providers]]
name = "all"
preset = "openai-compatible"
base_url = "http://127.0.0.1:{port}/v1"
[[providers]]
name = "messages"
preset = "anthropic-compatible"
base_url = "http://127.0.0.1:{port}"
"""
PLACE = b'"<HERE>"'
CONTENTS: dict[str, dict[str, Any]] = {
    "openai_chat": {"messages": [{"role": "user", "content": "<HERE>"}]},
    "openai_completions": {"prompt": "<HERE>"},
    "openai_responses": {"input": "<HERE>"},
    "openai_embeddings": {"input": "<HERE>"},
    "openai_images": {"prompt": "<HERE>"},
    "openai_image_edits": {"prompt": "<HERE>"},
    "openai_speech": {"input": "<HERE>", "voice": "alloy"},
    "openai_transcriptions": {"file": "<HERE>"},
    "openai_speech_translations": {"file": "<HERE>"},
    "openai_moderations": {"input": "<HERE>"},
    "rerank": {"query": "q", "documents": ["a", "<HERE>"]},
    "anthropic_messages": {"messages": [{"role": "user", "content": "<HERE>"}], "max_tokens": 9},
    "anthropic_count_tokens": {"messages": [{"role": "user", "content": "<HERE>"}]},
    "ollama_chat": {"messages": [{"role": "user", "content": "<HERE>"}]},
    "ollama_generate": {"prompt": "<HERE>"},
    "ollama_embed": {"input": "<HERE>"},
    "ollama_embeddings": {"prompt": "<HERE>"},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "<HERE>"}]}]},
    "gemini_count_tokens": {"contents": [{"role": "user", "parts": [{"text": "<HERE>"}]}]},
    "gemini_embed_one": {"content": {"parts": [{"text": "<HERE>"}]}},
    "gemini_embed": {"requests": [{"content": {"parts": [{"text": "<HERE>"}]}}]},
}
"""A request of each dialect, and where in it the content stands."""

CHATS = {"openai_chat", "openai_completions", "openai_responses", "anthropic_messages", "ollama_chat", "gemini"}
"""What is also asked of the model `a`, whose provider speaks another dialect."""

ROUTES = [
    *((name, paths[0]) for name, paths in PATHS.items()),
    *((name, f"/v1beta/models/{{model}}:{method}") for method, (name, _) in GEMINI_METHODS.items()),
]


class Strict(Provider):
    """A provider that refuses what is not JSON, as they do, and answers the rest."""

    def script_for(self, seen: Seen) -> Script:
        """Return what a request sets off."""
        return _answer


async def _answer(seen: Seen, line: Line) -> None:
    try:
        body = json.loads(seen.raw.decode(), parse_constant=_refused)
    except (ValueError, RecursionError):
        refusal = {"error": {"message": "We could not parse the JSON body.", "type": "invalid_request_error"}}
        await line.whole(json.dumps(refusal).encode(), "400 Bad Request")
        return
    streamed = STREAMS.get(seen.path) if body.get("stream") else None
    if streamed is None:
        await line.whole(ANSWERS[seen.path])
        return
    await line.start_stream()
    await line.piece(streamed)
    await line.end_stream()


def _refused(word: str) -> None:
    raise ValueError(word)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, str]]:
    """A gateway before a strict provider, and a key."""
    provider = Strict().start()
    models = [MODEL.format(id=id_, provider=name, price=PRICE) for id_, name in [("m", "all"), ("a", "messages")]]
    text = SETTINGS.format(port=provider.port) + "".join(models)
    tollway = Deployment(tmp_path_factory.mktemp("hostile"), text).start()
    yield tollway, tollway.key(tollway.account("1000.00"))
    tollway.stop()
    provider.stop()


def bodies(name: str, case: bytes, model: str) -> Iterator[tuple[str, bytes]]:
    """Yield the case as a whole body, as what nobody asked for, as the content, and as a name that is there twice."""
    whole = json.dumps({"model": model, **CONTENTS[name]}).encode()
    plain = whole.replace(PLACE, b'"hi"')
    yield "alone", case
    yield "unknown", plain[:-1] + b', "x": ' + case + b"}"
    yield "content", whole.replace(PLACE, case)
    yield "streamed", whole.replace(PLACE, case)[:-1] + b', "stream": true}'
    yield "model", plain.replace(json.dumps(model).encode(), case, 1)


def _asked(name: str) -> Iterator[tuple[str, tuple[str, bytes]]]:
    yield from product(["m"], CASES.items())
    if name in CHATS:
        yield from product(["a"], FEWER.items())


@pytest.mark.parametrize(("name", "path"), ROUTES, ids=[path for _, path in ROUTES])
def test_no_request_is_answered_by_a_fault_of_ours(gateway: tuple[Deployment, str], name: str, path: str) -> None:
    tollway, key = gateway
    head = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    wrong: list[object] = []
    with closing(http.client.HTTPConnection(tollway.url.removeprefix("http://"), timeout=20)) as line:
        for model, (case, text) in _asked(name):
            for where, body in bodies(name, text, model):
                line.request("POST", path.format(model=model), body, head)
                response = line.getresponse()
                answer = response.read()
                problem = _problem(response, answer)
                if where == "alone" and response.status < 400 and name != "gemini_count_tokens":
                    problem = "taken, though it is no request"  # a count of nothing is a count
                if problem:
                    wrong.append((model, case, where, response.status, problem, answer[:200]))
    assert not wrong, (len(wrong), wrong[:20])


def test_afterwards_the_worker_lives_and_its_books_are_clean(gateway: tuple[Deployment, str]) -> None:
    tollway, _ = gateway
    assert tollway.process is not None
    assert tollway.process.poll() is None
    assert tollway.client().get("/livez").status_code == 200
    tollway.check()
    assert "failed inside Tollway" not in tollway.log.read_text()


def _problem(response: http.client.HTTPResponse, answer: bytes) -> str:
    if response.status >= 500 and response.status != 501:
        return "a fault"
    if not response.headers.get("x-request-id"):
        return "no request id"
    if response.status >= 400 and not json.loads(answer).get("error"):
        return "no error object"
    return ""
