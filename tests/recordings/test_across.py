"""Every recorded answer of a provider, read by every other client dialect: what the model said and used comes through."""

from collections.abc import Callable, Iterable
from functools import cache

import msgspec
import pytest

from tests.dialect_matrix import (
    BROKEN,
    CLIENTS,
    MODEL,
    finished_at,
    read_stream,
    read_whole,
    terms_of,
    through,
    written_stream,
    written_whole,
)
from tests.dialect_words import END_MARKS, counted, reason_through, usage_through
from tests.properties.dialects.conserved import Atom, grouped, said
from tests.recordings.corpus import Recording, chats, generations, messages, ollama, responses
from tests.recordings.provider_side import cohere_fixtures, converse_fixtures, exchanges, needed
from tollway.dialects.translation import with_ends
from tollway.errors import UpstreamFailure
from tollway.neutral.answer import ChatAnswer, events_of, fold
from tollway.neutral.events import StopReason
from tollway.neutral.parts import Declined, Image, Text
from tollway.neutral.request import ChatRequest, Message, Role

ASKED = ChatRequest(model=MODEL, messages=(Message(role=Role.USER, parts=(Text(text="Hi"),)),), completes=True)
STREAMED = msgspec.structs.replace(ASKED, streamed=True)

SOURCES: dict[str, Callable[[], Iterable[Recording]]] = {
    "openai_chat": chats,
    "openai_responses": responses,
    "anthropic_messages": messages,
    "gemini": generations,
    "ollama_chat": lambda: ollama()["/api/chat"],
    "ollama_generate": lambda: ollama()["/api/generate"],
    "bedrock_converse": lambda: (
        *needed(exchanges("bedrock.converse", "bedrock.converse_stream")),
        *converse_fixtures(),
    ),
    "cohere_chat": lambda: (*needed(exchanges("cohere", path="/v2/chat")), *cohere_fixtures()),
}

WITHOUT_TOOLS = frozenset(("openai_completions", "ollama_generate"))
WITHOUT_THOUGHTS = frozenset(("openai_completions",))


@cache
def streams(provider: str) -> tuple[Recording, ...]:
    """Return the recorded streams that came to their end."""
    return tuple(each for each in SOURCES[provider]() if each.status == 200 and each.streamed and ended(provider, each))


def ended(provider: str, each: Recording) -> bool:
    read = read_stream(provider, each.answer)
    return read.finished and not read.failed


@cache
def wholes(provider: str) -> tuple[tuple[Recording, ChatAnswer], ...]:
    """Return the recorded whole answers, as they are read."""
    found = (
        (each, read_or_none(provider, each)) for each in SOURCES[provider]() if each.status == 200 and not each.streamed
    )
    return tuple((each, answer) for each, answer in found if answer is not None)


def read_or_none(provider: str, each: Recording) -> ChatAnswer | None:
    """Return an answer; None for an error with status 200, and for a count of tokens."""
    try:
        return read_whole(provider, each.answer)
    except UpstreamFailure:
        return None


def speakable(client: str, atoms: Iterable[Atom]) -> dict[str, object]:
    """Return what of an answer a client's dialect has a place for."""
    kinds = dict(grouped(atoms))
    if client in WITHOUT_TOOLS:
        kinds.pop("calls")
    if client in WITHOUT_THOUGHTS:
        kinds.pop("reasoning")
    return kinds


def holds(client: str, found: ChatAnswer, answer: ChatAnswer, name: Recording) -> None:
    """Hold what a client reads against what its provider was recorded saying."""
    got, wanted = speakable(client, said(found)), speakable(client, said(answer))
    shown = any(isinstance(part, Image) for part in answer.choices[0].parts)
    if shown:  # a picture is written as text where a dialect has no place for one
        assert str(wanted["text"]) in str(got["text"]), name
        wanted["text"] = got["text"]
    assert got == wanted, name
    called = any(atom[0] == "call" for atom in said(answer)) and client not in WITHOUT_TOOLS
    reason = answer.choices[0].reason
    assert reason is not None, name
    if any(isinstance(part, Declined) for part in answer.choices[0].parts) and client == "anthropic_messages":
        reason = StopReason.DECLINED  # there a refusal is told by the reason alone
    assert found.choices[0].reason is reason_through(client, reason, called=called), name
    if answer.usage is not None and answer.usage.tokens:
        assert found.usage is not None, name
        assert counted(found.usage) == counted(usage_through(client, answer.usage)), name


PAIRS = [(client, provider) for client in CLIENTS for provider in SOURCES]
CUTS = 4
BYTEWISE_BYTES_MAX = 6_000


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_recorded_whole_answers_come_through(client: str, provider: str) -> None:
    terms = terms_of(client, ASKED)
    for each, answer in wholes(provider):
        told = fold(with_ends(events_of(answer)))
        if told.choices:
            holds(client, read_whole(client, written_whole(client, told, terms)), told, each)


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_recorded_streams_come_through_also_byte_by_byte(client: str, provider: str) -> None:
    terms = terms_of(client, STREAMED)
    for each in streams(provider):
        answer = read_stream(provider, each.answer).answer
        out = written_stream(through(provider, client, terms), client, each.answer)
        found = read_stream(client, out)
        assert (found.finished, found.failed) == (True, False), each
        holds(client, found.answer, answer, each)
        if len(each.answer) < BYTEWISE_BYTES_MAX:
            slow = read_stream(client, written_stream(through(provider, client, terms), client, each.answer, step=1))
            assert (said(slow.answer), slow.answer.usage) == (said(found.answer), found.answer.usage), each


@pytest.mark.parametrize(("client", "provider"), PAIRS)
def test_recorded_streams_that_are_cut_never_look_finished(client: str, provider: str) -> None:
    terms = terms_of(client, STREAMED)
    for each in streams(provider):
        end = ends_at(provider)[each.name]
        for share in range(CUTS):
            pipe = through(provider, client, terms)
            out = written_stream(pipe, client, each.answer[: (end - 1) * share // (CUTS - 1)])
            assert not pipe.finished, each
            assert BROKEN.encode() in out, each
            assert not any(mark in out.replace(BROKEN.encode(), b"") for mark in END_MARKS[client]), each
            found = read_stream(client, out)
            assert (found.finished, found.failed) == (False, True), each


@cache
def ends_at(provider: str) -> dict[str, int]:
    """Return after how many bytes each stream is finished."""
    return {each.name: finished_at(provider, each.answer) for each in streams(provider)}


LEAST = {
    "openai_chat": (568, 173),
    "openai_responses": (212, 104),
    "anthropic_messages": (122, 84),
    "gemini": (133, 32),
    "ollama_chat": (4, 2),
    "ollama_generate": (2, 3),
    "bedrock_converse": (76, 12),
    "cohere_chat": (6, 4),
}
"""How many recorded whole answers and streams each dialect has: none may fall out of these tests unnoticed."""


def test_no_recording_is_left_out(record_testsuite_property: Callable[[str, object], None]) -> None:
    counts = {provider: (len(wholes(provider)), len(streams(provider))) for provider in SOURCES}
    for provider, (whole, streamed) in counts.items():
        record_testsuite_property(f"across.{provider}", f"{whole} whole, {streamed} streamed")
        print(f"{provider}: {whole} whole answers and {streamed} streams, each to {len(CLIENTS)} client dialects")
    answers = sum(map(sum, counts.values()))
    print(f"{answers} recorded answers, {answers * len(CLIENTS)} translations")
    assert all(counts[provider] >= least for provider, least in LEAST.items())
