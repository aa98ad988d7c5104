"""The recorded traffic of dialects that only providers speak: Bedrock's Converse and Cohere's second chat."""

import base64
import json
from collections.abc import Callable, Iterator

import pytest

from tests.recordings.corpus import FOLDER, Recording, _lines
from tollway.framing.aws_events import encode


def exchanges(*kinds: str, path: str = "") -> tuple[Recording, ...]:
    """Every recorded exchange of these kinds whose address has the path in it; none when the corpus is not there."""
    return tuple(_exchanges(kinds, path)) if FOLDER.is_dir() else ()


def needed(recordings: tuple[Recording, ...]) -> tuple[Recording, ...]:
    """Skip the test where the corpus is not there."""
    if not FOLDER.is_dir():
        pytest.skip(f"no recorded traffic in ../{FOLDER.parent.name}/{FOLDER.name} beside the repository")
    return recordings


def _exchanges(kinds: tuple[str, ...], path: str) -> Iterator[Recording]:
    for corpus in ("ruby_llm", "openllmetry"):
        for line in _lines(corpus):
            if line["kind"] in kinds and path in str(line["url"]):
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


def converse_fixtures() -> tuple[Recording, ...]:
    """Answers of Converse without requests; their streams came without framing and get it here."""
    return tuple(_fixtures("amazon-bedrock", b'"output"', _as_aws_events)) if FOLDER.is_dir() else ()


def cohere_fixtures() -> tuple[Recording, ...]:
    """The same of Cohere."""
    return tuple(_fixtures("cohere", b'"finish_reason"', _as_server_sent)) if FOLDER.is_dir() else ()


def _fixtures(package: str, mark: bytes, framed: Callable[[bytes], bytes]) -> Iterator[Recording]:
    for line in _lines("vercel-fixtures"):
        answer, streamed = base64.b64decode(str(line["resp"])), bool(line["stream"])
        if line["package"] == package and (streamed or mark in answer):
            yield Recording(
                name=f"vercel-{str(line['file']).rpartition('/')[2]}",
                provider=package,
                status=200,
                streamed=streamed,
                request=b"",
                answer=framed(answer) if streamed else answer,
            )


def _as_aws_events(payloads: bytes) -> bytes:
    return b"".join(
        encode(
            {":event-type": name, ":content-type": "application/json", ":message-type": "event"},
            json.dumps(payload).encode(),
        )
        for line in payloads.splitlines()
        if line.strip()
        for name, payload in json.loads(line).items()
    )


def _as_server_sent(payloads: bytes) -> bytes:
    return b"".join(b"data: %b\n\n" % line for line in payloads.splitlines() if line.strip()) + b"data: [DONE]\n\n"
