"""What one streamed chunk costs, guarded by the number of Python's calls, which no load of the machine changes.

Its time is measured by `make bench-chunks`.
"""

import sys
from types import FrameType

import pytest

from bench.streams import KINDS, STREAMS, Recorded
from tollway.dialects.known import DIALECTS
from tollway.dialects.record import ReplyTerms, Stream
from tollway.dialects.translation import TranslatedStream
from tollway.neutral.parts import Text
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest, Message, Role

UNTOUCHED_CALLS, TRANSLATED_CALLS = 12, 32
WHOLE_CALLS = {("gemini", "tools"), ("ollama_chat", "tools")}
"""A chunk that is a whole call of a tool: its beginning and its arguments, which are two chunks elsewhere."""

PEEK = Peek(
    model_asked="m", streamed=True, usage_asked=False, output_tokens_max=None, choices=1, body_bytes=99, media_parts=0
)
TERMS = ReplyTerms(
    request=ChatRequest(model="m", messages=(Message(role=Role.USER, parts=(Text(text="Go on"),)),)),
    peek=PEEK,
    reply_id="0a1b2c",
    created_s=1_760_000_000,
    model="m",
)
CLIENTS = [name for name in STREAMS if DIALECTS[name].chat and DIALECTS[name].chat.open_writer]  # type: ignore[union-attr]


def untouched(dialect: str) -> Stream:
    return DIALECTS[dialect].open_stream(PEEK)


def translated(client: str, provider: str) -> Stream:
    reads, writes = DIALECTS[provider].chat, DIALECTS[client].chat
    assert reads is not None
    assert reads.open_reader is not None
    assert writes is not None
    assert writes.open_writer is not None
    return TranslatedStream(reads.open_reader(), writes.open_writer(TERMS), issuer="p")


def calls(pipe: Stream, recorded: Recorded) -> float:
    """Return how often functions of Python are called for one chunk."""
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event == "call"

    for data in recorded.before:
        pipe.feed(data)
    before = sys.getprofile()
    sys.setprofile(count)
    try:
        for data in recorded.chunks:
            pipe.feed(data)
    finally:
        sys.setprofile(before)
    assert pipe.failure is None
    assert pipe.delivered_events >= len(recorded.chunks), "a pipe that takes nothing costs nothing"
    return counted / len(recorded.chunks)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dialect", CLIENTS)
def test_a_chunk_that_passes_stays_within_its_budget(dialect: str, kind: str) -> None:
    times = 2 if (dialect, kind) in WHOLE_CALLS else 1
    assert calls(untouched(dialect), STREAMS[dialect](kind)) <= times * UNTOUCHED_CALLS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("provider", STREAMS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_chunk_that_is_translated_stays_within_its_budget(client: str, provider: str, kind: str) -> None:
    times = 2 if (provider, kind) in WHOLE_CALLS else 1
    assert calls(translated(client, provider), STREAMS[provider](kind)) <= times * TRANSLATED_CALLS
