"""The recordings as requests to a gateway in front of the replay server: where each kind is asked, and by what provider."""

import base64
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.e2e.dialects.asking import PATHS
from tests.recordings.corpus import FOLDER, chats, exchanges_of

CORPORA = ("ruby_llm", "openllmetry")

SAME: dict[str, tuple[str, str, int]] = {
    "chat.completions": ("chat", "openai_chat", 60),
    "responses": ("responses", "openai_responses", 45),
    "messages": ("messages", "anthropic_messages", 35),
    "gemini.generate": ("gemini", "gemini", 25),
    "gemini.stream": ("gemini", "gemini", 12),
    "completions": ("completions", "openai_completions", 15),
    "ollama.chat": ("ollama", "ollama_chat", 6),
    "ollama.generate": ("generate", "ollama_generate", 5),
    "moderations": ("chat", "openai_moderations", 5),
    "embeddings": ("chat", "openai_embeddings", 20),
}
"""By kind: the provider that speaks it, the client's dialect, and how many are asked."""

ACROSS: dict[str, tuple[str, str, int]] = {
    "chat.completions": ("chat", "openai_chat", 30),
    "responses": ("responses", "openai_responses", 20),
    "messages": ("messages", "anthropic_messages", 20),
    "gemini.generate": ("gemini", "gemini", 15),
    "gemini.stream": ("gemini", "gemini", 8),
    "cohere.chat": ("cohere", "cohere_chat", 15),
    "bedrock.converse": ("converse", "bedrock_converse", 15),
    "bedrock.converse-stream": ("converse", "bedrock_converse", 8),
    "ollama.chat": ("ollama", "ollama_chat", 4),
}
MORE_PATHS = {"openai_moderations": "/v1/moderations", "openai_embeddings": "/v1/embeddings"}
ELSEWHERE = {"writer"}
"""Recorded by its path as Cohere's, and speaks another dialect."""


@dataclass(frozen=True)
class Exchange:
    """One recorded exchange."""

    id: str
    kind: str
    url: str
    status: int
    streamed: bool
    request: bytes
    answer: bytes

    def __repr__(self) -> str:
        return f"{self.kind}-{self.id}"


@cache
def recorded() -> tuple[Exchange, ...]:
    """Return every exchange with a request and an answer that the replay server knows; skips the test as `chats` does."""
    chats()
    lines = [line for corpus in CORPORA for line in exchanges_of(corpus)]
    return tuple(
        Exchange(
            id=str(line["id"]),
            kind=str(line["kind"]),
            url=str(line["url"]),
            status=int(line["status"]),
            streamed="stream" in line["features"],
            request=base64.b64decode(line["req"] or ""),
            answer=base64.b64decode(line["resp"] or ""),
        )
        for line in lines
        if line["provider"] not in ELSEWHERE and line["method"].upper() == "POST"
    )


def sample(kinds: dict[str, tuple[str, str, int]], *, good: bool = True) -> list[Exchange]:
    """Return a spread of each kind, the same every time."""
    found: list[Exchange] = []
    for kind, (_, _, count) in kinds.items():
        all_of = [
            each
            for each in recorded()
            if each.kind == kind
            and (each.status == 200) is good
            and each.request.startswith(b"{")
            and (kind != "embeddings" or each.url.split("?")[0].endswith("/embeddings"))
        ]
        found += all_of[:: max(1, len(all_of) // count)][:count]
    return found


def as_asked(each: Exchange) -> tuple[str, bytes]:
    """Return path and body of a recorded request, with the model that names its recording."""
    place, dialect, _ = SAME[each.kind]
    body: dict[str, Any] = json.loads(each.request)
    if dialect == "gemini":
        body.pop("model", None)
        method = "streamGenerateContent?alt=sse" if each.streamed else "generateContent"
        return f"/v1beta/models/{place}/replay-{each.id}:{method}", json.dumps(body).encode()
    body["model"] = f"{place}/replay-{each.id}"
    return (PATHS | MORE_PATHS)[dialect], json.dumps(body).encode()


@contextmanager
def replay_server() -> Iterator[int]:
    """Run the replay server; yield its port."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    corpora = [word for name in CORPORA for word in ("--corpus", str(FOLDER / f"{name}.jsonl.gz"))]
    arguments = [sys.executable, str(FOLDER / "replay_upstream.py"), "--port", str(port), *corpora]
    replay = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    assert replay.stdout is not None
    try:
        assert b"recordings on port" in replay.stdout.readline()
        yield port
    finally:
        replay.terminate()
        replay.wait(20)
        replay.stdout.close()
