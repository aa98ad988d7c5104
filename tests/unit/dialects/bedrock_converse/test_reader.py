"""Streams of Converse, read into events: whatever comes, in whatever pieces; and whole answers, which say the same."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.aws_library import botocore, converse_answer, converse_events
from tollway.dialects.bedrock_converse.answer import parse_answer
from tollway.dialects.bedrock_converse.errors import parse_error
from tollway.dialects.bedrock_converse.reader import ConverseReader, open_reader
from tollway.dialects.record import ProviderError
from tollway.dialects.translation import read_folded
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.aws_events import encode
from tollway.neutral.answer import ChatAnswer, Choice, fold
from tollway.neutral.events import Event, Finished, Started, StopReason, TextDelta
from tollway.neutral.parts import Citation, Image, Inline, Reasoning, Sealed, Text, ToolCall
from tollway.neutral.usage import Usage


def event(name: str, payload: object) -> bytes:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return encode({":event-type": name, ":content-type": "application/json", ":message-type": "event"}, data)


def start(index: int, **start: Any) -> bytes:
    return event("contentBlockStart", {"contentBlockIndex": index, "start": start})


def delta(index: int, **delta: Any) -> bytes:
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})


def stop(index: int) -> bytes:
    return event("contentBlockStop", {"contentBlockIndex": index})


BEGIN = event("messageStart", {"role": "assistant"})
USE = {"toolUseId": "t1", "name": "weather"}
COUNTS = {"inputTokens": 3, "outputTokens": 5, "totalTokens": 8}


METADATA = event("metadata", {"usage": COUNTS, "metrics": {"latencyMs": 1}})


def end(reason: str = "end_turn", **metadata: Any) -> bytes:
    last = event("metadata", {"usage": COUNTS, **metadata}) if metadata else METADATA
    return event("messageStop", {"stopReason": reason}) + last


def parts(*messages: bytes) -> tuple[object, ...]:
    return read_folded(open_reader(), BEGIN + b"".join(messages) + end()).choices[0].parts


def whole(*blocks: object, **more: Any) -> bytes:
    return json.dumps(
        {
            "output": {"message": {"role": "assistant", "content": blocks}},
            "stopReason": "end_turn",
            "usage": COUNTS,
            "metrics": {"latencyMs": 1},
            **more,
        }
    ).encode()


def whole_parts(*blocks: object) -> tuple[object, ...]:
    return parse_answer(whole(*blocks)).choices[0].parts


def test_a_stream_is_folded_into_its_answer() -> None:
    data = BEGIN + delta(0, text="Hel") + delta(0, text="lo") + stop(0) + end(serviceTier={"type": "flex"})
    assert read_folded(open_reader(), data) == ChatAnswer(
        choices=(Choice(parts=(Text(text="Hello"),), reason=StopReason.STOP),),
        usage=Usage(input=3, output=5),
        service_tier="flex",
    )


def test_blocks_are_parts_whether_their_ends_are_told_or_not() -> None:
    told = parts(delta(0, text="a"), stop(0), delta(1, text="b"), stop(1))
    assert told == parts(delta(0, text="a"), delta(1, text="b")) == (Text(text="a"), Text(text="b"))
    assert told == whole_parts({"text": "a"}, {"text": "b"}, {"text": ""})


def test_calls_are_counted_and_may_take_turns() -> None:
    read = parts(
        delta(0, text="Let me see."),
        stop(0),
        start(1, toolUse=USE),
        start(2, toolUse={"toolUseId": "t2", "name": "time"}),
        delta(1, toolUse={"input": '{"a"'}),
        delta(2, toolUse={"input": "{}"}),
        delta(1, toolUse={"input": ":1}"}),
        stop(1),
        stop(2),
    )
    expected = (
        Text(text="Let me see."),
        ToolCall(id="t1", name="weather", arguments='{"a":1}'),
        ToolCall(id="t2", name="time", arguments="{}"),
    )
    assert read == expected
    assert expected == whole_parts(
        {"text": "Let me see."},
        {"toolUse": {**USE, "input": {"a": 1}}},
        {"toolUse": {"toolUseId": "t2", "name": "time"}},
    )


@pytest.mark.parametrize("ending", [stop(0), stop(0) * 2, b""])
def test_a_call_without_arguments_has_an_empty_object(ending: bytes) -> None:
    call = (ToolCall(id="t1", name="weather", arguments="{}"),)
    assert parts(start(0, toolUse=USE), delta(0, toolUse={"input": ""}), ending) == call
    assert whole_parts({"toolUse": {**USE, "input": {}}}) == call


def test_tools_that_the_provider_uses_itself_are_not_the_clients() -> None:
    own = {**USE, "type": "server_tool_use"}
    read = parts(
        start(0, toolUse=own),
        delta(0, toolUse={"input": "{}"}),
        stop(0),
        start(1, toolResult={"toolUseId": "t1"}),
        delta(1, toolResult=[{"text": "x"}]),
        stop(1),
        delta(2, text="Done."),
    )
    assert read == (Text(text="Done."),)
    assert whole_parts({"toolUse": {**own, "input": {}}}, {"toolResult": {}}, {"text": "Done."}) == read


def test_reasoning_comes_with_its_signature_also_in_pieces() -> None:
    read = parts(
        delta(0, reasoningContent={"text": "Hm"}),
        delta(0, reasoningContent={"text": "m."}),
        delta(0, reasoningContent={"signature": "SI"}),
        delta(0, reasoningContent={"signature": "G"}),
        stop(0),
        delta(1, reasoningContent={"redactedContent": "V0hP"}),
        stop(1),
        delta(2, reasoningContent={"text": "open"}),
        stop(2),
        delta(3, reasoningContent={}),
        stop(3),
        delta(4, text="4"),
    )
    expected = (
        Reasoning(text="Hmm.", sealed=Sealed(data="SIG")),
        Reasoning(sealed=Sealed(data="V0hP", whole=True)),
        Reasoning(text="open"),
        Text(text="4"),
    )
    assert read == expected
    assert expected == whole_parts(
        {"reasoningContent": {"reasoningText": {"text": "Hmm.", "signature": "SIG"}}},
        {"reasoningContent": {"redactedContent": "V0hP"}},
        {"reasoningContent": {"reasoningText": {"text": "open"}}},
        {"reasoningContent": {}},
        {"text": "4"},
    )


def test_redacted_reasoning_in_pieces_is_put_together_as_bytes() -> None:
    pieces = [b64encode(piece).decode() for piece in (b"a", b"bc")]
    read = parts(*(delta(0, reasoningContent={"redactedContent": piece}) for piece in pieces), stop(0))
    assert read == (Reasoning(sealed=Sealed(data=b64encode(b"abc").decode(), whole=True)),)


def test_pictures_are_put_together() -> None:
    pieces = [b64encode(piece).decode() for piece in (b"a", b"bc")]
    data = b64encode(b"abc").decode()
    read = parts(
        start(0, image={"format": "jpeg"}),
        *(delta(0, image={"source": {"bytes": piece}}) for piece in pieces),
        delta(0, image={}),
        stop(0),
        delta(1, image={"source": {"bytes": "YQ=="}}),
    )
    first, second = Inline(media_type="image/jpeg", data=data), Inline(media_type="image/png", data="YQ==")
    assert read == (Image(source=first), Image(source=second))
    blocks = [{"image": {"format": "jpeg", "source": {"bytes": data}}}, {"image": {"format": "png", "source": {}}}]
    assert whole_parts(*blocks) == (Image(source=first),)


@pytest.mark.parametrize(
    ("cited", "citation"),
    [
        (
            {
                "title": "facts",
                "sourceContent": [{"text": "In "}, {"text": "1993."}],
                "location": {"documentChar": {"documentIndex": 0, "start": 3, "end": 9}},
            },
            Citation(title="facts", quoted="In 1993.", document=0, source_start=3, source_end=9),
        ),
        (
            {"location": {"documentPage": {"documentIndex": 1, "start": 3, "end": 9}}},
            Citation(document=1),
        ),
        ({"location": {"web": {"url": "https://a.example", "domain": "a.example"}}}, Citation(url="https://a.example")),
        (
            {"source": "https://b.example", "location": {"searchResultLocation": {"searchResultIndex": 0, "start": 0}}},
            Citation(url="https://b.example"),
        ),
        ({}, Citation()),
    ],
)
def test_citations_are_read(cited: dict[str, Any], citation: Citation) -> None:
    expected = (Text(text="In 1993.", citations=(citation,)),)
    assert parts(delta(0, citation=cited), delta(0, text="In 1993."), stop(0)) == expected
    assert whole_parts({"citationsContent": {"content": [{"text": "In 1993."}], "citations": [cited]}}) == expected
    assert whole_parts({"citationsContent": {}}) == ()


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", StopReason.STOP),
        ("tool_use", StopReason.TOOL_CALLS),
        ("max_tokens", StopReason.LENGTH),
        ("stop_sequence", StopReason.STOP_SEQUENCE),
        ("guardrail_intervened", StopReason.CONTENT_FILTER),
        ("content_filtered", StopReason.CONTENT_FILTER),
        ("model_context_window_exceeded", StopReason.CONTEXT_FULL),
        ("malformed_model_output", StopReason.OTHER),
        ("something_new", StopReason.OTHER),
    ],
)
def test_stop_reasons_are_read_by_a_table(word: str, reason: StopReason) -> None:
    assert read_folded(open_reader(), BEGIN + end(word)).choices[0].reason is reason
    assert parse_answer(whole(stopReason=word)).choices[0].reason is reason


def test_a_stop_without_a_reason_is_a_stop() -> None:
    assert open_reader().feed(event("messageStop", {})) == [Started(), Finished(reason=StopReason.STOP)]
    assert parse_answer(whole(stopReason=None)).choices[0].reason is None


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        (COUNTS, Usage(input=3, output=5)),
        (
            {**COUNTS, "cacheReadInputTokens": 7, "cacheWriteInputTokens": 9},
            Usage(input=3, output=5, cached_input=7, cache_write_5m=9),
        ),
        (
            {
                **COUNTS,
                "cacheWriteInputTokens": 9,
                "cacheDetails": [{"ttl": "5m", "inputTokens": 4}, {"ttl": "1h", "inputTokens": 5}],
            },
            Usage(input=3, output=5, cache_write_5m=4, cache_write_1h=5),
        ),
        ({**COUNTS, "cacheDetails": [{"ttl": "1h", "inputTokens": 5}]}, Usage(input=3, output=5, cache_write_1h=5)),
        (
            {**COUNTS, "cacheWriteInputTokens": 2, "cacheDetails": [{"ttl": "1h", "inputTokens": 5}]},
            Usage(input=3, output=5, cache_write_5m=0, cache_write_1h=2),
        ),
        ({}, None),
        (None, None),
        ({"inputTokens": -1}, None),
        ({"inputTokens": "3"}, None),
    ],
)
def test_usage_is_read_into_disjoint_units(counts: object, usage: Usage | None) -> None:
    data = BEGIN + event("messageStop", {"stopReason": "end_turn"}) + event("metadata", {"usage": counts})
    reader = open_reader()
    assert fold(reader.feed(data)).usage == usage
    assert reader.ended
    assert parse_answer(whole(usage=counts)).usage == usage


def test_usage_before_the_stop_counts_as_well() -> None:
    reader = open_reader()
    reader.feed(BEGIN + event("metadata", {"usage": COUNTS, "serviceTier": {}}))
    assert not reader.ended
    reader.feed(event("messageStop", {"stopReason": "end_turn"}))
    assert reader.ended
    assert reader.feed(delta(0, text="late")) == []


def test_a_stream_that_tells_no_usage_is_finished_all_the_same() -> None:
    reader = open_reader()
    reader.feed(BEGIN + event("messageStop", {"stopReason": "end_turn"}))
    assert reader.close() == []
    assert reader.finished
    assert not reader.ended


def exception(kind: str, payload: bytes) -> bytes:
    return encode({":exception-type": kind, ":message-type": "exception"}, payload)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (exception("throttlingException", b'{"message":"Too many tokens"}'), "throttlingException: Too many tokens"),
        (exception("modelStreamErrorException", b""), "modelStreamErrorException"),
        (
            encode({":message-type": "error", ":error-code": "500", ":error-message": "Oh  dear"}, b""),
            "Oh dear",
        ),
        (encode({":message-type": "error", ":error-code": "500"}, b""), "500"),
        (encode({}, b'{"Message":"Odd"}'), "Odd"),
        (encode({}, b""), "without a word"),
    ],
)
def test_an_exception_in_a_stream_is_a_failure(message: bytes, words: str) -> None:
    reader = open_reader()
    events = reader.feed(BEGIN + delta(0, text="a") + message + delta(0, text="b"))
    assert events == [Started(), TextDelta(text="a")]
    assert reader.failure is not None
    assert reader.failure.kind is FailureKind.BROKE
    assert reader.failure.message == f"the provider reported an error: {words}"
    assert not reader.finished
    assert reader.feed(delta(0, text="c")) == []


def test_amazons_library_takes_our_exception_for_one() -> None:
    with pytest.raises(botocore("exceptions").EventStreamError):
        converse_events(exception("throttlingException", b'{"message":"Too many tokens"}'))


@pytest.mark.parametrize(
    "message",
    [
        event("contentBlockDelta", b"{"),
        event("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"\xff"}}'),
        event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": 1}}),
        event("contentBlockDelta", b"[" * 5_000),
        delta(0, reasoningContent={"redactedContent": "?"})
        + delta(0, reasoningContent={"redactedContent": "?"})
        + stop(0),
        b"\x00" * 16,
    ],
)
def test_what_is_not_in_the_dialect_is_junk(message: bytes) -> None:
    reader = open_reader()
    assert reader.feed(BEGIN + message) == [Started()]
    assert reader.failure is not None
    assert reader.failure.kind is FailureKind.JUNK


def test_events_that_nobody_knows_are_skipped() -> None:
    data = BEGIN + event("surprise", b"?") + start(0) + event("contentBlockStart", {"contentBlockIndex": 0})
    assert read_folded(open_reader(), data + end()).choices[0].parts == ()


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", whole()[:-2], whole({"text": 1}), b"[" * 5_000])
def test_a_body_that_is_no_answer_is_junk(body: bytes) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        parse_answer(body)
    assert caught.value.kind is FailureKind.JUNK


def test_the_model_that_a_router_chose_and_the_tier_are_told() -> None:
    answer = parse_answer(whole(trace={"promptRouter": {"invokedModelId": "nova"}}, serviceTier={"type": "priority"}))
    assert (answer.model, answer.service_tier) == ("nova", "priority")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"message":"No."}', ProviderError(message="No.", type=None, code=None)),
        (b'{"Message":"No."}', ProviderError(message="No.", type=None, code=None)),
        (
            b'{"__type":"com.amazon.coral.service#ThrottlingException","message":"Slow down"}',
            ProviderError(message="Slow down", type="ThrottlingException", code=None),
        ),
        (
            b"<html>",
            ProviderError(message="the provider answered with status 400 and no message", type=None, code=None),
        ),
    ],
)
def test_errors_are_read_in_each_of_their_forms(body: bytes, error: ProviderError) -> None:
    assert parse_error(400, body) == error
    assert parse_error(400, body + b" " * 70_000).type is None


TEXTS = st.text(min_size=1, max_size=8)
BLOCKS = st.lists(
    st.one_of(
        TEXTS.map(lambda text: {"text": text}),
        st.tuples(TEXTS, TEXTS).map(
            lambda two: {"reasoningContent": {"reasoningText": {"text": two[0], "signature": two[1]}}}
        ),
        st.binary(min_size=1, max_size=8).map(
            lambda data: {"reasoningContent": {"redactedContent": b64encode(data).decode()}}
        ),
        st.dictionaries(TEXTS, st.integers(-9, 9) | TEXTS, max_size=2).map(
            lambda value: {"toolUse": {"toolUseId": "t", "name": "n", "input": value}}
        ),
    ),
    max_size=5,
)


def streamed(blocks: list[dict[str, Any]], width: int) -> bytes:
    """The stream that a provider would make of the blocks of an answer."""
    out = [BEGIN]
    for index, block in enumerate(blocks):
        if "toolUse" in block:
            use = block["toolUse"]
            text = json.dumps(use["input"], separators=(",", ":"), ensure_ascii=False)
            out.append(start(index, toolUse={"toolUseId": use["toolUseId"], "name": use["name"]}))
            out += [delta(index, toolUse={"input": text[at : at + width]}) for at in range(0, len(text), width)]
        elif "text" in block:
            text = block["text"]
            out += [delta(index, text=text[at : at + width]) for at in range(0, len(text), width)]
        elif "redactedContent" in block["reasoningContent"]:
            out.append(delta(index, reasoningContent=block["reasoningContent"]))
        else:
            told = block["reasoningContent"]["reasoningText"]
            out += [delta(index, reasoningContent={"text": told["text"]})]
            out += [delta(index, reasoningContent={"signature": told["signature"]})]
        out.append(stop(index))
    return b"".join(out) + end()


@given(blocks=BLOCKS, width=st.integers(1, 4), data=st.data())
def test_a_stream_says_what_the_whole_answer_says_in_whatever_pieces_it_comes(
    blocks: list[dict[str, Any]], width: int, data: st.DataObject
) -> None:
    stream = streamed(blocks, width)
    answer = parse_answer(whole(*blocks))
    assert converse_answer(whole(*blocks))["stopReason"] == "end_turn"
    reader, events, at = open_reader(), list[Event](), 0
    while at < len(stream):
        size = data.draw(st.integers(1, 300))
        events += reader.feed(stream[at : at + size])
        at += size
    assert fold(events) == answer
    assert reader.ended
    cut = data.draw(st.integers(0, len(stream) - 1))
    half = ConverseReader()
    half.feed(stream[:cut])
    assert half.failure is None
    assert half.finished is (cut >= len(stream) - len(METADATA))
