"""Gemini's dialect, whatever comes: splits do not matter, what is written is read, and nothing raises what it must not."""

import contextlib
import json
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.dialects.gemini.gemini_chunks import (
    ASKED,
    COSTS,
    ERROR,
    ESTIMATE,
    candidate,
    chunk,
    closing,
    encoded,
    event,
    peeked,
    request,
    terms,
)
from tollway.dialects.gemini import GEMINI
from tollway.dialects.gemini.parse import parse_request
from tollway.dialects.gemini.reader import open_reader, parse_answer
from tollway.dialects.gemini.render import render_request
from tollway.dialects.gemini.sealing import read as read_seal
from tollway.dialects.gemini.writer import open_writer, render_answer
from tollway.dialects.record import Called, RequestEdits, Stream
from tollway.dialects.translation import read_folded
from tollway.errors import Refusal, UpstreamFailure
from tollway.neutral.answer import ChatAnswer, Choice, events_of, fold
from tollway.neutral.events import StopReason
from tollway.neutral.parts import Image, Inline, Part, Reasoning, Sealed, Text, ToolCall, ToolResult
from tollway.neutral.request import ChatRequest, Message, Role
from tollway.neutral.usage import Usage

TEXTS = st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, JSON, max_size=3)
CALLS = st.builds(lambda name, args: {"functionCall": {"name": name, "args": args}}, TEXTS.filter(bool), OBJECTS)
PARTS = st.one_of(
    st.builds(lambda text: {"text": text}, TEXTS),
    st.builds(lambda text: {"text": text, "thought": True}, TEXTS),
    st.builds(lambda text: {"text": text, "thoughtSignature": "c2ln"}, TEXTS),
    CALLS,
    st.just({"functionCall": {"name": "f", "willContinue": True}}),
    st.just({"functionCall": {"partialArgs": [{"jsonPath": "$.a", "stringValue": "b"}], "willContinue": True}}),
    st.just({"inlineData": {"mimeType": "image/png", "data": "aQ=="}}),
)
USAGES = st.none() | st.builds(
    lambda prompt, total: {"promptTokenCount": prompt, "totalTokenCount": total}, st.integers(0, 50), st.integers(0, 50)
)
CHUNKS = st.builds(
    lambda parts, finish, index, usage: chunk(*parts, finish=finish, index=index, usage=usage),
    st.lists(PARTS, max_size=2),
    st.none() | st.none() | st.sampled_from(["STOP", "MAX_TOKENS", "ODD"]),
    st.integers(0, 1),
    USAGES,
)
ODD = st.sampled_from(
    [
        b": comment\r\n\r\n",
        b"event: x\r\n\r\n",
        b"data:\r\n\r\n",
        event({"promptFeedback": {"blockReason": "SAFETY"}}),
        event({"error": {"message": "x"}}),
        b'{"error": {\r\n"message": "x"}}\r\n\r\n',
        b"data: junk\r\n\r\n",
        event({"usageMetadata": {"promptTokenCount": "?"}}),
        event([]),
    ]
)
STREAMS = st.builds(
    lambda events, line_end: b"".join(events).replace(b"\r\n", line_end),
    st.lists(CHUNKS | CHUNKS | ODD, max_size=8),
    st.sampled_from([b"\r\n", b"\n", b"\r"]),
)


def split(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[start:stop] for start, stop in pairwise(places)]


def through(pipe: Stream, pieces: list[bytes]) -> bytes:
    out = b"".join(pipe.feed(piece) for piece in pieces) + pipe.close()
    if pipe.finished and pipe.failure is None:
        return out + pipe.end(COSTS, pipe.usage or ESTIMATE)
    return out + pipe.break_off(ERROR, COSTS, pipe.usage or ESTIMATE)


@given(STREAMS, st.lists(st.integers(0, 2_000), max_size=8), st.sampled_from(["", "array"]))
def test_any_split_gives_the_client_the_same(stream: bytes, cuts: list[int], variant: str) -> None:
    whole, pieces = GEMINI.open_stream(peeked(variant=variant)), GEMINI.open_stream(peeked(variant=variant))
    shown = through(whole, [stream])
    assert through(pieces, split(stream, cuts)) == shown
    for name in ("usage", "model_answered", "finished", "delivered_text_bytes", "content_started"):
        assert getattr(pieces, name) == getattr(whole, name)
    if variant:
        elements = json.loads(shown)
        assert (whole.finished and whole.failure is None) or "error" in elements[-1]


@given(STREAMS, st.lists(st.integers(0, 2_000), max_size=8))
def test_any_split_tells_the_same(stream: bytes, cuts: list[int]) -> None:
    whole, pieces = open_reader(), open_reader()
    told = whole.feed(stream) + whole.close()
    assert [each for piece in split(stream, cuts) for each in pieces.feed(piece)] + pieces.close() == told
    assert (pieces.finished, pieces.failure is None) == (whole.finished, whole.failure is None)


@given(STREAMS, st.integers(0, 2_000))
def test_the_pipe_and_the_reader_agree_on_the_end(stream: bytes, cut: int) -> None:
    stream = stream[: cut % (len(stream) + 1)]
    pipe, reader = GEMINI.open_stream(peeked()), open_reader()
    pipe.feed(stream)
    reader.feed(stream)
    assert (pipe.failure is None) == (reader.failure is None)
    if pipe.failure is None and reader.finished:
        assert pipe.finished


SEALS = st.builds(lambda data: Sealed(data=data, issuer="google"), TEXTS.filter(bool))
ANSWERED = st.one_of(
    st.builds(lambda text: Text(text=text), TEXTS.filter(bool)),
    st.builds(lambda text, sealed: Reasoning(text=text, sealed=sealed), TEXTS.filter(bool), st.none() | SEALS),
    st.builds(lambda sealed: Reasoning(sealed=sealed), SEALS),
    st.builds(
        lambda number, name, arguments: ToolCall(id=f"c{number}", name=name, arguments=encoded(arguments).decode()),
        st.integers(0, 9),
        TEXTS.filter(bool),
        OBJECTS,
    ),
    st.builds(lambda: Image(source=Inline(media_type="image/png", data="aQ=="))),
)
REASONS = st.sampled_from([StopReason.LENGTH, StopReason.CONTENT_FILTER, StopReason.OTHER])
ANSWERS = st.builds(
    lambda choices, usage: ChatAnswer(choices=tuple(choices), usage=usage, id="i", model="m"),
    st.lists(
        st.builds(
            lambda parts, reason: Choice(parts=tuple(parts), reason=reason), st.lists(ANSWERED, max_size=5), REASONS
        ),
        min_size=1,
        max_size=2,
    ),
    st.builds(lambda fresh, out: Usage(input=fresh, output=out), st.integers(0, 99), st.integers(0, 99)),
)


def joined(answer: ChatAnswer) -> ChatAnswer:
    """The answer as the dialect can tell it: where one text ends and the next begins is not said."""
    choices: list[Choice] = []
    for choice in answer.choices:
        parts: list[Part] = []
        for part in choice.parts:
            before = parts[-1] if parts else None
            if isinstance(part, Text) and isinstance(before, Text):
                parts[-1] = Text(text=before.text + part.text)
            elif isinstance(part, Reasoning) and isinstance(before, Reasoning) and part.text and before.sealed is None:
                parts[-1] = Reasoning(text=before.text + part.text, sealed=part.sealed)
            elif isinstance(part, Reasoning) and part.sealed is not None:
                parts.append(msgspec.structs.replace(part, sealed=_unmarked(part.sealed)))
            else:
                parts.append(part)
        choices.append(msgspec.structs.replace(choice, parts=tuple(parts)))
    return msgspec.structs.replace(answer, choices=tuple(choices))


def _unmarked(sealed: Sealed) -> Sealed:
    return sealed if sealed.issuer == "google" else read_seal(sealed.data) or sealed


def unsealed(answer: ChatAnswer) -> ChatAnswer:
    """The answer with its seals as they were before a client got them."""
    choices = [
        msgspec.structs.replace(
            choice,
            parts=tuple(
                msgspec.structs.replace(part, sealed=_unmarked(part.sealed))
                if isinstance(part, Reasoning) and part.sealed is not None
                else part
                for part in choice.parts
            ),
        )
        for choice in answer.choices
    ]
    return msgspec.structs.replace(answer, choices=tuple(choices))


@given(ANSWERS)
def test_what_the_writer_writes_the_reader_reads(answer: ChatAnswer) -> None:
    end = closing(usage=answer.usage or ESTIMATE)
    writer = open_writer(terms())
    streamed = read_folded(open_reader(), writer.write(events_of(answer)) + writer.end(end))
    whole = parse_answer(render_answer(answer, terms(), end))
    expected = joined(answer)
    assert unsealed(streamed) == expected
    assert unsealed(whole) == expected
    assert fold(events_of(streamed)) == streamed


@given(ANSWERS)
def test_a_broken_writer_never_looks_finished(answer: ChatAnswer) -> None:
    writer, reader = open_writer(terms()), open_reader()
    reader.feed(writer.write(events_of(answer)) + writer.break_off(ERROR, closing()))
    assert not reader.finished
    assert reader.failure is not None


@given(ANSWERS)
def test_a_cut_writer_ends_every_choice_and_then_fails(answer: ChatAnswer) -> None:
    writer, reader = open_writer(terms()), open_reader()
    told = reader.feed(writer.write(events_of(answer)) + writer.cut(ERROR, closing()))
    assert reader.finished
    assert reader.failure is not None
    assert [choice.reason for choice in fold(told).choices] == [choice.reason for choice in answer.choices]


SAID = st.one_of(
    st.builds(lambda text: Text(text=text), TEXTS.filter(bool)),
    st.builds(lambda: Image(source=Inline(media_type="image/png", data="aQ=="))),
)
OUTPUTS = TEXTS | OBJECTS.map(lambda value: encoded(value).decode())


@st.composite
def conversations(draw: st.DrawFn) -> ChatRequest:
    messages: list[Message] = []
    for turn in range(draw(st.integers(1, 3))):
        messages.append(Message(role=Role.USER, parts=tuple(draw(st.lists(SAID, min_size=1, max_size=3)))))
        names = draw(st.lists(st.sampled_from(["f", "g"]), max_size=3))
        if names:
            calls = [
                ToolCall(id=f"c{turn}-{at}", name=name, arguments=encoded(draw(OBJECTS)).decode())
                for at, name in enumerate(names)
            ]
            results = [
                ToolResult(
                    call_id=call.id, name=call.name, parts=(Text(text=draw(OUTPUTS)),), failed=draw(st.booleans())
                )
                for call in calls
            ]
            messages.append(Message(role=Role.ASSISTANT, parts=tuple(calls)))
            messages.append(Message(role=Role.TOOL, parts=tuple(results)))
            messages.append(Message(role=Role.ASSISTANT, parts=(Text(text="so"),)))
    return request(*messages)


def flat(asked: ChatRequest) -> list[Any]:
    """Who said what, in order; results of objects by what they mean."""
    found: list[Any] = []
    for message in asked.messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                found.append((part.id, part.name, json.loads(part.arguments)))
            elif isinstance(part, ToolResult):
                texts = [each.text for each in part.parts if isinstance(each, Text)]
                found.append((part.call_id, part.name, part.failed, meant("".join(texts))))
            else:
                found.append((message.role, part))
    return found


def meant(text: str) -> Any:
    """A JSON object by what it means, since blanks in it may go; an empty one says nothing."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return (value or "") if isinstance(value, dict) else text


@given(conversations())
def test_conversations_survive_the_dialect(asked: ChatRequest) -> None:
    rendered = render_request(asked, RequestEdits(model_routed="m", options={"call_ids": "kept"})).body
    assert flat(parse_request(rendered, peeked(rendered))) == flat(asked)


@given(
    st.dictionaries(st.sampled_from(["contents", "generationConfig", "tools", "toolConfig", "systemInstruction"]), JSON)
)
def test_junk_from_a_client_is_refused_and_nothing_else(body: dict[str, object]) -> None:
    raw = encoded({**ASKED, **body})
    with contextlib.suppress(Refusal):
        parse_request(raw, GEMINI.peek(raw, Called(model="m")))


@given(JSON | st.builds(lambda content: {"candidates": [candidate() | {"content": content}]}, JSON))
def test_junk_from_a_provider_is_a_failure_and_nothing_else(value: object) -> None:
    raw = encoded(value)
    with contextlib.suppress(UpstreamFailure):
        parse_answer(raw)
    with contextlib.suppress(UpstreamFailure):
        GEMINI.read_answer(raw, "application/json")
    GEMINI.parse_error(500, raw)
