"""Streams of Cohere's chat, read into events: whatever comes, in whatever pieces; and whole answers, which say the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.dialects.cohere_chat.answer import parse_answer
from tollway.dialects.cohere_chat.reader import open_reader
from tollway.dialects.translation import read_folded
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing import sse
from tollway.neutral.answer import ChatAnswer, Choice, fold
from tollway.neutral.events import Event, Started, StopReason, TextDelta, TokenLogprob
from tollway.neutral.parts import Citation, Reasoning, Text, ToolCall
from tollway.neutral.usage import Usage

COUNTS = {"billed_units": {"input_tokens": 3, "output_tokens": 5}, "tokens": {"input_tokens": 500, "output_tokens": 9}}
USAGE = Usage(input=3, output=5)
DONE = b"data: [DONE]\n\n"


def event(name: str, *, index: int | None = None, message: object = None, **more: Any) -> bytes:
    payload: dict[str, Any] = {"type": name, **more}
    if index is not None:
        payload["index"] = index
    if message is not None:
        payload["delta"] = {"message": message}
    return b"event: %b\ndata: %b\n\n" % (name.encode(), json.dumps(payload).encode())


def content(index: int, kind: str, *texts: str) -> bytes:
    first = event("content-start", index=index, message={"content": {"type": kind, kind: ""}})
    rest = [event("content-delta", index=index, message={"content": {kind: text}}) for text in texts]
    return first + b"".join(rest) + event("content-end", index=index)


def call(index: int, *arguments: str, ended: bool = True) -> bytes:
    function = {"name": f"tool{index}", "arguments": ""}
    started = {"id": f"t{index}", "type": "function", "function": function}
    out = [event("tool-call-start", index=index, message={"tool_calls": started})]
    out += [
        event("tool-call-delta", index=index, message={"tool_calls": {"function": {"arguments": piece}}})
        for piece in arguments
    ]
    return b"".join(out) + (event("tool-call-end", index=index) if ended else b"")


def plan(*texts: str) -> bytes:
    return b"".join(event("tool-plan-delta", message={"tool_plan": text}) for text in texts)


def cited(index: int, citation: object) -> bytes:
    return event("citation-start", index=index, message={"citations": citation}) + event("citation-end", index=index)


BEGIN = event(
    "message-start",
    id="id-1",
    message={"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []},
)


def end(reason: str | None = "COMPLETE", usage: object = COUNTS, **more: Any) -> bytes:
    return event("message-end", delta={"finish_reason": reason, "usage": usage, **more}) + DONE


def parts(*events: bytes) -> tuple[object, ...]:
    return read_folded(open_reader(), BEGIN + b"".join(events) + end()).choices[0].parts


def whole(message: object, reason: str | None = "COMPLETE", usage: object = COUNTS, **more: Any) -> bytes:
    return json.dumps({"id": "id-1", "message": message, "finish_reason": reason, "usage": usage, **more}).encode()


def whole_parts(**message: object) -> tuple[object, ...]:
    return parse_answer(whole({"role": "assistant", **message})).choices[0].parts


def test_a_stream_is_folded_into_its_answer() -> None:
    reader = open_reader()
    answer = read_folded(reader, BEGIN + content(0, "text", "Hel", "lo") + end())
    assert answer == ChatAnswer(
        choices=(Choice(parts=(Text(text="Hello"),), reason=StopReason.STOP),), usage=USAGE, id="id-1"
    )
    assert reader.ended
    assert reader.feed(content(1, "text", "late")) == []
    assert answer == parse_answer(whole({"content": [{"type": "text", "text": "Hello"}]}))
    assert answer == parse_answer(whole({"content": "Hello"}))


def test_thoughts_come_before_the_text_and_texts_stay_apart() -> None:
    read = parts(
        content(0, "thinking", "Hm", "m."), content(1, "text", "4"), content(2, "text", "5"), content(3, "text")
    )
    assert read == (Reasoning(text="Hmm."), Text(text="4"), Text(text="5"))
    assert read == whole_parts(
        content=[
            {"type": "thinking", "thinking": "Hmm."},
            {"type": "text", "text": "4"},
            {"type": "text", "text": "5"},
            {"type": "text", "text": ""},
        ]
    )


@pytest.mark.parametrize("ended", [True, False])
def test_a_plan_is_reasoning_and_calls_follow_it(ended: bool) -> None:
    read = parts(
        plan("I will", " look.", ""), call(0, '{"a"', ":1}", ended=ended), call(1, ended=ended), call(2, "", "null")
    )
    expected = (
        Reasoning(text="I will look."),
        ToolCall(id="t0", name="tool0", arguments='{"a":1}'),
        ToolCall(id="t1", name="tool1", arguments="{}"),
        ToolCall(id="t2", name="tool2", arguments="null"),
    )
    assert read == expected
    assert expected == whole_parts(
        tool_plan="I will look.",
        tool_calls=[
            {"id": "t0", "type": "function", "function": {"name": "tool0", "arguments": '{"a":1}'}},
            {"id": "t1", "type": "function", "function": {"name": "tool1", "arguments": ""}},
            {"id": "t2", "type": "function", "function": {"name": "tool2", "arguments": "null"}},
        ],
    )


def test_a_call_may_begin_with_its_arguments() -> None:
    whole_call = {"id": "t", "function": {"name": "n", "arguments": "{}"}}
    started = event("tool-call-start", index=0, message={"tool_calls": whole_call})
    assert parts(started, event("tool-call-end", index=0)) == (ToolCall(id="t", name="n", arguments="{}"),)


@pytest.mark.parametrize(
    "junk",
    [
        event("tool-call-start", index=0, message={"tool_calls": []}),
        event("tool-call-start", index=0),
        event("tool-call-start", index=0, message={"tool_calls": {"id": "t"}}),
        event("tool-call-delta", index=7, message={"tool_calls": {"function": {"arguments": "{}"}}}),
        event("tool-call-end", index=7),
        event("content-delta", index=0, message={"content": []}),
        event("citation-start", index=0, message={"citations": []}),
        event("tool-plan-delta"),
        event("debug", prompt="x"),
        event("content-delta", index=0, message={"content": {}}),
        b": comment\n\n",
    ],
)
def test_events_that_say_nothing_are_skipped(junk: bytes) -> None:
    assert parts(junk, content(0, "text", "Hi")) == (Text(text="Hi"),)


DOCUMENT = {
    "type": "document",
    "id": "doc:1",
    "document": {"id": "doc:1", "title": "T", "text": "x", "url": "https://a.example"},
}
TOOL = {"type": "tool", "id": "t0:0", "tool_output": {"title": "R"}}


@pytest.mark.parametrize(
    ("citation", "expected"),
    [
        (
            {"start": 1, "end": 3, "text": "el", "sources": [DOCUMENT, TOOL]},
            (
                Citation(url="https://a.example", title="T", document=1, answer_start=1, answer_end=3),
                Citation(title="R", answer_start=1, answer_end=3),
            ),
        ),
        (
            {"start": 1, "end": 3, "sources": [{"id": "doc:x"}, {"id": "doc:1234567890"}, {}]},
            (Citation(answer_start=1, answer_end=3),) * 3,
        ),
        ({"start": 1, "end": 3}, ()),
    ],
)
def test_citations_are_read(citation: dict[str, Any], expected: tuple[Citation, ...]) -> None:
    text = event("content-start", index=0, message={"content": {"type": "text", "text": "Hello"}})
    assert parts(text, cited(0, citation), event("content-end", index=0)) == (Text(text="Hello", citations=expected),)
    pieces = [{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Hello"}]
    for place in ({}, {"content_index": 1}):
        read = whole_parts(content=pieces, citations=[{**citation, **place}])
        assert read == (Reasoning(text="Hm"), Text(text="Hello", citations=expected))


def test_likelihoods_are_read() -> None:
    piece = {"text": "Hello", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}
    expected = (TokenLogprob(token="Hello", logprob=-0.75),)
    delta = event("content-delta", index=0, message={"content": {"text": "Hello"}}, logprobs=piece)
    assert read_folded(open_reader(), BEGIN + delta + end()).choices[0].logprobs == expected
    answer = parse_answer(whole({"content": "Hello"}, logprobs=[piece, {"text": "x", "token_ids": []}]))
    assert answer.choices[0].logprobs == expected


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("COMPLETE", StopReason.STOP),
        ("STOP_SEQUENCE", StopReason.STOP_SEQUENCE),
        ("MAX_TOKENS", StopReason.LENGTH),
        ("TOOL_CALL", StopReason.TOOL_CALLS),
        ("SOMETHING_NEW", StopReason.OTHER),
    ],
)
def test_finish_reasons_are_read_by_a_table(word: str, reason: StopReason) -> None:
    assert read_folded(open_reader(), BEGIN + end(word)).choices[0].reason is reason
    assert parse_answer(whole({}, word)).choices[0].reason is reason


def test_an_end_without_a_reason_is_a_stop() -> None:
    assert read_folded(open_reader(), BEGIN + end(None)).choices[0].reason is StopReason.STOP
    assert parse_answer(whole({}, None)).choices[0].reason is None


@pytest.mark.parametrize("word", ["ERROR", "TIMEOUT"])
def test_a_generation_that_failed_is_no_answer(word: str) -> None:
    reader = open_reader()
    reader.feed(BEGIN + content(0, "text", "Hel") + end(word))
    assert not reader.finished
    assert reader.failure is not None
    assert reader.failure.kind is FailureKind.BROKE
    with pytest.raises(UpstreamFailure) as caught:
        parse_answer(whole({}, word))
    assert caught.value.kind is FailureKind.BROKE
    assert word in caught.value.message


def test_an_end_with_an_error_keeps_its_words() -> None:
    reader = open_reader()
    reader.feed(BEGIN + end("ERROR", error="The  model\nfell over"))
    assert reader.failure is not None
    assert reader.failure.message == "the provider reported an error: The model fell over"


def test_an_error_without_a_type_is_a_failure() -> None:
    reader = open_reader()
    events = reader.feed(BEGIN + b'data: {"id":"x","message":"too many"}\n\n' + content(0, "text", "Hi"))
    assert events == [Started(id="id-1")]
    assert reader.failure is not None
    assert reader.failure.kind is FailureKind.BROKE
    assert reader.failure.message == "the provider reported an error: too many"
    assert reader.feed(DONE) == reader.close() == []


@pytest.mark.parametrize("data", [b"{", b"[]", b'{"type":1}', b'{"type":"\xff"}', b"[" * 5_000])
def test_an_event_that_is_not_in_the_dialect_is_junk(data: bytes) -> None:
    reader = open_reader()
    assert reader.feed(BEGIN + b"data: %b\n\n" % data) == [Started(id="id-1")]
    assert reader.failure is not None
    assert reader.failure.kind is FailureKind.JUNK


def test_an_event_without_end_is_junk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "EVENT_BYTES_MAX", 100)
    reader = open_reader()
    assert reader.feed(b"data: " + b"x" * 200) == []
    assert reader.failure is not None
    assert reader.failure.kind is FailureKind.JUNK


def test_a_last_event_without_its_blank_line_is_read_if_it_is_whole() -> None:
    reader = open_reader()
    reader.feed(BEGIN)
    last = event("content-delta", index=0, message={"content": {"text": "Hi"}})
    assert reader.feed(last[:-2]) == []
    assert reader.close() == [TextDelta(text="Hi")]
    half = open_reader()
    half.feed(BEGIN + last[:-9])
    assert half.close() == []
    assert half.failure is None
    assert not half.finished
    told = open_reader()
    told.feed(BEGIN + b'data: {"message":"no"}')
    told.close()
    assert told.failure is not None


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        (COUNTS, USAGE),
        ({**COUNTS, "cached_tokens": 448}, USAGE),
        (
            {"billed_units": {"input_tokens": 3.0, "output_tokens": 5.0}, "tokens": {"reasoning_tokens": 2.0}},
            Usage(input=3, output=3, reasoning=2),
        ),
        (
            {"billed_units": {"input_tokens": 3, "output_tokens": 5}, "tokens": {"reasoning_tokens": 9}},
            Usage(input=3, output=0, reasoning=5),
        ),
        ({"tokens": {"input_tokens": 7, "output_tokens": 8}}, Usage(input=7, output=8)),
        ({"billed_units": {"search_units": 1}, "tokens": {"input_tokens": 7}}, Usage(input=7)),
        ({"billed_units": {"input_tokens": 3}}, Usage(input=3)),
        ({}, None),
        (None, None),
        ({"billed_units": {"input_tokens": -1}}, None),
    ],
)
def test_what_is_billed_is_the_usage(counts: object, usage: Usage | None) -> None:
    assert read_folded(open_reader(), BEGIN + end(usage=counts)).usage == usage
    assert parse_answer(whole({}, usage=counts)).usage == usage


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", b'{"message":"no"}', b"[" * 5_000, whole({})[:-1]])
def test_a_body_that_is_no_answer_is_junk(body: bytes) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        parse_answer(body)
    assert caught.value.kind is FailureKind.JUNK


TEXTS = st.text(min_size=1, max_size=8)
CONTENTS = st.lists(st.tuples(st.sampled_from(("text", "thinking")), TEXTS), max_size=4)
CALLS = st.lists(TEXTS, max_size=3)


@given(contents=CONTENTS, tool_plan=st.just("") | TEXTS, calls=CALLS, width=st.integers(1, 4), data=st.data())
def test_a_stream_says_what_the_whole_answer_says_in_whatever_pieces_it_comes(
    contents: list[tuple[str, str]], tool_plan: str, calls: list[str], width: int, data: st.DataObject
) -> None:
    def cut(text: str) -> list[str]:
        return [text[at : at + width] for at in range(0, len(text), width)]

    stream = BEGIN + plan(*cut(tool_plan))
    stream += b"".join(content(index, kind, *cut(text)) for index, (kind, text) in enumerate(contents))
    stream += b"".join(call(index, *cut(text)) for index, text in enumerate(calls))
    last = end()
    answer = parse_answer(
        whole(
            {
                "tool_plan": tool_plan,
                "content": [{"type": kind, kind: text} for kind, text in contents],
                "tool_calls": [
                    {"id": f"t{index}", "function": {"name": f"tool{index}", "arguments": text}}
                    for index, text in enumerate(calls)
                ],
            }
        )
    )
    reader, events, at, whole_stream = open_reader(), list[Event](), 0, stream + last
    while at < len(whole_stream):
        size = data.draw(st.integers(1, 300))
        events += reader.feed(whole_stream[at : at + size])
        at += size
    assert fold(events) == answer
    assert reader.ended
    half = open_reader()
    half.feed(stream + last[: data.draw(st.integers(0, len(last) - len(DONE) - 3))])
    half.close()
    assert half.failure is None
    assert not half.finished
