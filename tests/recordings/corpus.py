"""The recorded traffic of real providers, which stands beside the repository (`../shared/recordings`), not in it."""

import base64
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "shared" / "recordings"
"""Beside the repository's root."""

PROVIDERS_THAT_SPEAK_ANOTHER_DIALECT = {"cohere"}
"""Cohere's v2 chat was recorded as chat completions by its path, and has neither choices nor chunks."""


@dataclass(frozen=True)
class Recording:
    """One exchange: the bytes as they were sent. Where the corpus has no request, it is empty."""

    name: str
    provider: str
    status: int
    streamed: bool
    request: bytes
    answer: bytes

    def __repr__(self) -> str:
        return self.name


@cache
def chats() -> tuple[Recording, ...]:
    """Every recorded chat completion; skips the test when the corpus is not there."""
    if not FOLDER.is_dir():
        pytest.skip(f"no recorded traffic in ../{FOLDER.parent.name}/{FOLDER.name} beside the repository")
    return (*_exchanges("ruby_llm"), *_exchanges("openllmetry"), *_fixtures("vercel-fixtures"))


def _lines(corpus: str) -> Iterator[dict[str, object]]:
    with gzip.open(FOLDER / f"{corpus}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _exchanges(corpus: str) -> Iterator[Recording]:
    for line in _lines(corpus):
        if line["kind"] == "chat.completions" and line["provider"] not in PROVIDERS_THAT_SPEAK_ANOTHER_DIALECT:
            features = line["features"]
            assert isinstance(features, list)
            yield Recording(
                name=f"{corpus}-{line['id']}",
                provider=str(line["provider"]),
                status=int(str(line["status"])),
                streamed="stream" in features,
                request=base64.b64decode(str(line["req"] or "")),
                answer=base64.b64decode(str(line["resp"] or "")),
            )


def _fixtures(corpus: str) -> Iterator[Recording]:
    for line in _lines(corpus):
        answer = base64.b64decode(str(line["resp"]))
        streamed = bool(line["stream"])
        if streamed and b'"object":"chat.completion.chunk"' in answer and not answer.startswith(b"data:"):
            payloads = [payload for payload in answer.split(b"\n") if payload]  # one a line, without framing
            answer = b"".join(b"data: %b\n\n" % payload for payload in payloads) + b"data: [DONE]\n\n"
        elif not (b'"object":"chat.completion"' in answer.replace(b" ", b"") and b'"choices"' in answer):
            continue
        yield Recording(
            name=f"{corpus}-{line['file']}",
            provider=str(line["package"]),
            status=200,
            streamed=streamed,
            request=b"",
            answer=answer,
        )
