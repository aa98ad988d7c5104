"""The recorded traffic of real providers, which stands beside the repository (`../shared/recordings`), not in it."""

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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


@cache
def messages() -> tuple[Recording, ...]:
    """Every recorded exchange of Anthropic Messages, and those that count tokens; skips the test as `chats` does."""
    if not FOLDER.is_dir():
        pytest.skip(f"no recorded traffic in ../{FOLDER.parent.name}/{FOLDER.name} beside the repository")
    return (*_message_exchanges("ruby_llm"), *_message_exchanges("openllmetry"), *_message_fixtures("vercel-fixtures"))


@cache
def responses() -> tuple[Recording, ...]:
    """Every recorded exchange of OpenAI Responses; skips the test as `chats` does."""
    if not FOLDER.is_dir():
        pytest.skip(f"no recorded traffic in ../{FOLDER.parent.name}/{FOLDER.name} beside the repository")
    return (
        *_response_exchanges("ruby_llm"),
        *_response_exchanges("openllmetry"),
        *_response_fixtures("vercel-fixtures"),
    )


def _response_exchanges(corpus: str) -> Iterator[Recording]:
    for line in _lines(corpus):
        if line["kind"] == "responses":
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


def _response_fixtures(corpus: str) -> Iterator[Recording]:
    for line in _lines(corpus):
        answer = base64.b64decode(str(line["resp"]))
        answers = [answer]
        if line["stream"]:
            answers = _response_streams([payload for payload in answer.split(b"\n") if payload])
        elif not (answer.lstrip()[:1] == b"{" and json.loads(answer).get("object") == "response"):
            continue
        for number, each in enumerate(answers):
            yield Recording(
                name=f"{corpus}-{line['file']}-{number}",
                provider=str(line["package"]),
                status=200,
                streamed=bool(line["stream"]),
                request=b"",
                answer=each,
            )


def _response_streams(payloads: list[bytes]) -> list[bytes]:
    """The streams of a file with one payload a line, without framing: some hold several, one after the other.

    One file was made by hand, with a brace too few: nothing was recorded in it.
    """
    if not payloads or b'"response.created"' not in payloads[0]:
        return []
    streams: list[bytes] = []
    for payload in payloads:
        try:
            kind = json.loads(payload)["type"]
        except ValueError:
            return []
        if kind == "response.created":
            streams.append(b"")
        streams[-1] += b"event: %b\ndata: %b\n\n" % (kind.encode(), payload)
    return streams


def _message_exchanges(corpus: str) -> Iterator[Recording]:
    for line in _lines(corpus):
        if line["kind"] in {"messages", "messages.count_tokens"}:
            features = line["features"]
            assert isinstance(features, list)
            yield Recording(
                name=f"{corpus}-{line['kind']}-{line['id']}",
                provider=str(line["provider"]),
                status=int(str(line["status"])),
                streamed="stream" in features,
                request=base64.b64decode(str(line["req"] or "")),
                answer=base64.b64decode(str(line["resp"] or "")),
            )


def _message_fixtures(corpus: str) -> Iterator[Recording]:
    for line in _lines(corpus):
        answer = base64.b64decode(str(line["resp"]))
        streamed = bool(line["stream"])
        if streamed and b'"type":"message_start"' in answer and not answer.startswith((b"data:", b"event:")):
            answers = _framed(answer)
        elif not streamed and answer[:1] == b"{" and json.loads(answer).get("type") == "message":
            answers = [answer]
        else:
            continue
        for number, each in enumerate(answers):
            yield Recording(
                name=f"{corpus}-{line['file']}-{number}",
                provider=str(line["package"]),
                status=200,
                streamed=streamed,
                request=b"",
                answer=each,
            )


def _framed(payloads: bytes) -> list[bytes]:
    """The streams of a file with one payload a line, without framing: some hold several, one after the other."""
    streams: list[bytes] = [b""]
    for payload in payloads.split(b"\n"):
        if not payload:
            continue
        kind = json.loads(payload)["type"]
        streams[-1] += b"event: %b\ndata: %b\n\n" % (kind.encode(), payload)
        if kind == "message_stop":
            streams.append(b"")
    return [stream for stream in streams if stream]


def _lines(corpus: str) -> Iterator[dict[str, object]]:
    with gzip.open(FOLDER / f"{corpus}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def exchanges_of(corpus: str) -> list[dict[str, Any]]:
    """Return every line of a corpus as it stands there; `chats` skips the test when there is none."""
    return list(_lines(corpus))


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


GENERATIONS = {"gemini.generate": "generate", "gemini.stream": "generate", "gemini.count": "count"}
"""The kinds of the recordings that speak Gemini's dialect, and what a name says of them."""


@cache
def generations() -> tuple[Recording, ...]:
    """Every recorded exchange of Gemini and Vertex, and those that count tokens; skips the test as `chats` does."""
    if not FOLDER.is_dir():
        pytest.skip(f"no recorded traffic in ../{FOLDER.parent.name}/{FOLDER.name} beside the repository")
    return (*_generated("ruby_llm"), *_generated("openllmetry"), *_generated_fixtures("vercel-fixtures"))


def _generated(corpus: str) -> Iterator[Recording]:
    for line in _lines(corpus):
        kind = GENERATIONS.get(str(line["kind"]))
        if kind is not None:
            features = line["features"]
            assert isinstance(features, list)
            yield Recording(
                name=f"{corpus}-{kind}-{line['id']}",
                provider=str(line["provider"]),
                status=int(str(line["status"])),
                streamed="stream" in features,
                request=base64.b64decode(str(line["req"] or "")),
                answer=base64.b64decode(str(line["resp"] or "")),
            )


def _generated_fixtures(corpus: str) -> Iterator[Recording]:
    for line in _lines(corpus):
        answer = base64.b64decode(str(line["resp"]))
        streamed = bool(line["stream"])
        if line["package"] != "google" or b'"candidates"' not in answer:
            continue
        if streamed:  # one a line, without framing
            answer = b"".join(b"data: %b\r\n\r\n" % payload for payload in answer.split(b"\n") if payload)
        yield Recording(
            name=f"{corpus}-generate-{line['file']}",
            provider=str(line["package"]),
            status=200,
            streamed=streamed,
            request=b"",
            answer=answer,
        )


@cache
def ollama() -> dict[str, tuple[Recording, ...]]:
    """Every recorded exchange of Ollama's own forms, by its path; skips the test as `chats` does."""
    return _by_form(lambda path: path if path in {"/api/chat", "/api/generate", "/api/embeddings"} else None)


@cache
def embeddings() -> dict[str, tuple[Recording, ...]]:
    """Every recorded exchange of embeddings, by the end of its path: `embeddings`, `embed`, `batchEmbedContents`."""
    ends = ("embeddings", "embed", "batchEmbedContents")

    def form(path: str) -> str | None:
        end = path.replace(":", "/").rpartition("/")[2]
        return end if end in ends and path != "/api/embeddings" else None

    found = _by_form(form)
    fixtures = {"cohere-embedding": "embed", "openai-embedding": "embeddings", "voyage-embedding": "embeddings"}
    for line in _lines("vercel-fixtures"):
        file = str(line["file"])
        end = fixtures.get(file.rpartition("/")[2].removesuffix(".json"))
        if end is not None:
            answer = base64.b64decode(str(line["resp"]))
            package = str(line["package"])
            found[end] += (Recording(f"vercel-fixtures-{file}", package, 200, False, b"", answer),)
    return found


def _by_form(form_of: Callable[[str], str | None]) -> dict[str, tuple[Recording, ...]]:
    if not FOLDER.is_dir():
        pytest.skip(f"no recorded traffic in ../{FOLDER.parent.name}/{FOLDER.name} beside the repository")
    found: dict[str, tuple[Recording, ...]] = {}
    for corpus in ("ruby_llm", "openllmetry"):
        for line in _lines(corpus):
            form = form_of(urlsplit(str(line["url"])).path)
            if form is not None:
                features = line["features"]
                assert isinstance(features, list)
                each = Recording(
                    name=f"{corpus}-{line['id']}",
                    provider=str(line["provider"]),
                    status=int(str(line["status"])),
                    streamed="stream" in features,
                    request=base64.b64decode(str(line["req"] or "")),
                    answer=base64.b64decode(str(line["resp"] or "")),
                )
                found[form] = (*found.get(form, ()), each)
    return found
