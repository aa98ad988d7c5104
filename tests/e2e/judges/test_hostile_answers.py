"""Hostile JSON from providers, whole and streamed, in their own dialect and across: an error or an answer, never a fault."""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.gateway.deployment import Deployment
from tests.e2e.gateway.provider import Line, Provider, Script, Seen, event
from tests.e2e.judges.answers import PLAIN
from tests.e2e.judges.conftest import MODEL, PRICE
from tests.e2e.judges.hostile_json import CASES, FEWER, MUST_NOT

SETTINGS = """
[server]
port = 0
[[providers]]
name = "chat"
preset = "openai-compatible"
base_url = "http://127.0.0.1:{port}/v1"
[[providers]]
name = "responses"
preset = "openai"
base_url = "http://127.0.0.1:{port}/v1"
api_key = "env:TEST_PROVIDER_KEY"
[[providers]]
name = "messages"
preset = "anthropic-compatible"
base_url = "http://127.0.0.1:{port}"
[[providers]]
name = "gemini"
preset = "gemini-compatible"
base_url = "http://127.0.0.1:{port}"
[[providers]]
name = "ollama"
preset = "ollama"
base_url = "http://127.0.0.1:{port}"
[[providers]]
name = "cohere"
preset = "cohere"
base_url = "http://127.0.0.1:{port}"
api_key = "env:TEST_PROVIDER_KEY"
"""
HERE = "<HERE>"
PLACE = b'"<HERE>"'

CHAT_CHOICE = {"index": 0, "message": {"role": "assistant", "content": HERE}, "finish_reason": "stop"}
MESSAGE = PLAIN["/v1/messages"]
RESPONSE = PLAIN["/v1/responses"]
GEMINI: dict[str, Any] = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 2, "totalTokenCount": 12},
    "modelVersion": "m",
}
OLLAMA: dict[str, Any] = {
    "model": "m",
    "created_at": "2026-01-01T00:00:00Z",
    "message": {"role": "assistant", "content": "hi"},
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 10,
    "eval_count": 2,
}
COHERE: dict[str, Any] = {
    "id": "c1",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "hi"}]},
    "finish_reason": "COMPLETE",
    "usage": {"tokens": {"input_tokens": 10, "output_tokens": 2}},
}


def _sse(*payloads: Any) -> list[bytes]:
    return [_named(payload) + b"data: " + json.dumps(payload).encode() + b"\n\n" for payload in payloads]


def _named(payload: dict[str, Any]) -> bytes:
    return b"event: " + payload["type"].encode() + b"\n" if "type" in payload else b""


@dataclass(frozen=True)
class Upstream:
    """How a provider of one dialect answers, with a place for anything in each form."""

    client: str
    """The path at which a client asks in the same dialect."""
    wholes: list[dict[str, Any]]
    begun: list[bytes]
    """How its streams begin."""
    deltas: list[bytes]
    """Events with a place in them."""
    alone: Callable[[bytes], bytes]
    """Frames something that stands where an event should."""


def _as_data(text: bytes) -> bytes:
    return b"data: " + text.replace(b"\n", b"\ndata: ") + b"\n\n"


def _as_line(text: bytes) -> bytes:
    return text.replace(b"\n", b" ") + b"\n"


UPSTREAMS: dict[str, Upstream] = {
    "chat": Upstream(
        client="/v1/chat/completions",
        wholes=[
            PLAIN["/v1/chat/completions"] | {"choices": [CHAT_CHOICE]},
            PLAIN["/v1/chat/completions"] | {"choices": HERE},
            PLAIN["/v1/chat/completions"] | {"usage": HERE},
            PLAIN["/v1/chat/completions"] | {"usage": {"prompt_tokens": HERE, "completion_tokens": 2}},
        ],
        begun=[event("m", {"role": "assistant", "content": "hi"})],
        deltas=[
            event("m", {"content": HERE}),
            event("m", {"tool_calls": [{"index": HERE, "id": "c", "function": {"name": "f", "arguments": "{}"}}]}),
            event("m", None, usage=HERE),
        ],
        alone=_as_data,
    ),
    "messages": Upstream(
        client="/v1/messages",
        wholes=[
            MESSAGE | {"content": [{"type": "text", "text": HERE}]},
            MESSAGE | {"content": HERE},
            MESSAGE | {"content": [{"type": "tool_use", "id": "t", "name": "f", "input": HERE}]},
            MESSAGE | {"usage": {"input_tokens": HERE, "output_tokens": 2}},
        ],
        begun=_sse(
            {"type": "message_start", "message": MESSAGE | {"content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        ),
        deltas=_sse(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": HERE}},
            {"type": "content_block_delta", "index": HERE, "delta": {"type": "text_delta", "text": "x"}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": HERE}},
        ),
        alone=_as_data,
    ),
    "responses": Upstream(
        client="/v1/responses",
        wholes=[
            RESPONSE | {"output": HERE},
            RESPONSE | {"output": [RESPONSE["output"][0] | {"content": [{"type": "output_text", "text": HERE}]}]},
            RESPONSE | {"usage": {"input_tokens": HERE, "output_tokens": 2, "total_tokens": 2}},
        ],
        begun=_sse(
            {"type": "response.created", "response": RESPONSE | {"status": "in_progress", "output": []}},
            {"type": "response.output_item.added", "output_index": 0, "item": RESPONSE["output"][0] | {"content": []}},
            {
                "type": "response.output_text.delta",
                "item_id": "msg_1",
                "output_index": 0,
                "content_index": 0,
                "delta": "hi",
            },
        ),
        deltas=_sse(
            {
                "type": "response.output_text.delta",
                "item_id": "m",
                "output_index": 0,
                "content_index": 0,
                "delta": HERE,
            },
            {
                "type": "response.output_text.delta",
                "item_id": "m",
                "output_index": HERE,
                "content_index": 0,
                "delta": "x",
            },
            {"type": "response.completed", "response": RESPONSE | {"usage": HERE}},
        ),
        alone=_as_data,
    ),
    "gemini": Upstream(
        client="/v1beta/models/gemini:generateContent",
        wholes=[
            GEMINI | {"candidates": [{"content": {"parts": [{"text": HERE}]}, "finishReason": "STOP"}]},
            GEMINI | {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": HERE}}]}}]},
            GEMINI | {"usageMetadata": {"promptTokenCount": HERE}},
        ],
        begun=_sse({"candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}}]}),
        deltas=_sse(
            {"candidates": [{"content": {"role": "model", "parts": [{"text": HERE}]}}]},
            GEMINI | {"usageMetadata": HERE},
        ),
        alone=_as_data,
    ),
    "ollama": Upstream(
        client="/api/chat",
        wholes=[OLLAMA | {"message": {"role": "assistant", "content": HERE}}, OLLAMA | {"eval_count": HERE}],
        begun=[json.dumps(OLLAMA | {"done": False}).encode() + b"\n"],
        deltas=[
            json.dumps(OLLAMA | {"done": False, "message": {"role": "assistant", "content": HERE}}).encode() + b"\n",
            json.dumps(OLLAMA | {"prompt_eval_count": HERE}).encode() + b"\n",
        ],
        alone=_as_line,
    ),
    "cohere": Upstream(
        client="/v1/chat/completions",
        wholes=[
            COHERE | {"message": {"role": "assistant", "content": [{"type": "text", "text": HERE}]}},
            COHERE | {"usage": {"tokens": {"input_tokens": HERE}}},
        ],
        begun=_sse(
            {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant"}}},
            {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": "hi"}}}},
        ),
        deltas=_sse(
            {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": HERE}}}},
            {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": HERE}},
        ),
        alone=_as_data,
    ),
}
QUESTIONS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "/v1/messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9},
    "/v1/responses": {"input": "hi"},
    "/v1beta/models/gemini:generateContent": {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    "/api/chat": {"messages": [{"role": "user", "content": "hi"}]},
}


class Hostile(Provider):
    """Sends what it was told to send."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = b""
        self.pieces: list[bytes] = []

    def script_for(self, seen: Seen) -> Script:
        """Return what a request sets off."""
        return self._stream if self.pieces else self._whole

    async def _whole(self, _: Seen, line: Line) -> None:
        await line.whole(self.whole)

    async def _stream(self, seen: Seen, line: Line) -> None:
        lines = seen.path.startswith("/api/")
        kind = "application/x-ndjson" if lines else "text/event-stream"
        await line.head(content_type=kind, transfer_encoding="chunked")
        for piece in self.pieces:
            await line.piece(piece)
        await line.end_stream()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, Hostile, str]]:
    """A gateway before a provider that sends what it is told, in six dialects; and a key."""
    provider = Hostile().start()
    models = [MODEL.format(id=name, provider=name, price=PRICE) for name in UPSTREAMS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TEST_PROVIDER_KEY", "sk-0123456789")
        text = SETTINGS.format(port=provider.port) + "".join(models)
        tollway = Deployment(tmp_path_factory.mktemp("hostile"), text).start()
        yield tollway, provider, tollway.key(tollway.account("1000.00"))
        tollway.stop()
    provider.stop()


def answers(upstream: Upstream, case: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
    """Yield whole answers and streams with the case in each of its places."""
    yield case, []
    for whole in upstream.wholes:
        yield json.dumps(whole).encode().replace(PLACE, case), []
    yield b"", [upstream.alone(case)]
    yield b"", [*upstream.begun, upstream.alone(case)]
    for delta in upstream.deltas:
        yield b"", [*upstream.begun, delta.replace(PLACE, case)]


@pytest.mark.parametrize("name", list(UPSTREAMS))
@pytest.mark.parametrize("way", ["its own dialect", "another"])
def test_no_answer_becomes_a_fault_of_ours(gateway: tuple[Deployment, Hostile, str], name: str, way: str) -> None:
    tollway, provider, key = gateway
    upstream = UPSTREAMS[name]
    path = upstream.client if way == "its own dialect" else _another(upstream.client)
    head = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    wrong: list[object] = []
    with closing(http.client.HTTPConnection(tollway.url.removeprefix("http://"), timeout=20)) as line:
        for case, text in (CASES if way == "its own dialect" else FEWER).items():
            for provider.whole, provider.pieces in answers(upstream, text):
                streamed = bool(provider.pieces)
                line.request("POST", _at(path, streamed=streamed), _question(path, name, streamed=streamed), head)
                response = line.getresponse()
                answer = response.read()
                problem = _problem(response, answer)
                if provider.whole == text and not streamed and response.status != 502:
                    problem = "taken for an answer"
                if case in MUST_NOT and streamed and response.status == 200 and b"error" not in answer:
                    problem = "ended well"
                if problem:
                    sent = provider.pieces[-1] if streamed else provider.whole
                    wrong.append((case, streamed, sent[:200], response.status, problem, answer[:300]))
    assert not wrong, (len(wrong), wrong[:20])


def test_afterwards_the_worker_lives_and_its_books_are_clean(gateway: tuple[Deployment, Hostile, str]) -> None:
    tollway, _, _ = gateway
    assert tollway.process is not None
    assert tollway.process.poll() is None
    assert tollway.client().get("/livez").status_code == 200
    tollway.check()
    assert "failed inside Tollway" not in tollway.log.read_text()


def _another(client: str) -> str:
    return "/v1/messages" if client == "/v1/chat/completions" else "/v1/chat/completions"


def _at(path: str, *, streamed: bool) -> str:
    return path.replace(":generateContent", ":streamGenerateContent?alt=sse") if streamed else path


def _question(path: str, model: str, *, streamed: bool) -> bytes:
    question = {"model": model, **QUESTIONS[path], "stream": streamed}
    if path.startswith("/v1beta"):
        question = QUESTIONS[path]
    return json.dumps(question).encode()


def _problem(response: http.client.HTTPResponse, answer: bytes) -> str:
    if response.status not in (200, 502):
        return "neither an answer nor the provider's fault"
    if response.status == 502 and not json.loads(answer).get("error"):
        return "no error object"
    if not response.headers.get("x-request-id"):
        return "no request id"
    return ""
