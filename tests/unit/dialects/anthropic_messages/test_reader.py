"""Streamed answers of Messages, read into events."""

import pytest

from tests.unit.dialects.anthropic_messages.wire import (
    HELLO,
    LAST,
    PING,
    READ,
    TEXT,
    USAGE,
    block,
    delta,
    end,
    event,
    start,
    stop,
    text,
)
from tollway.dialects.anthropic_messages.reader import MessagesReader, open_reader
from tollway.errors import FailureKind
from tollway.framing.sse import EVENT_BYTES_MAX
from tollway.neutral.answer import ChatAnswer, fold
from tollway.neutral.events import CitationAdded, Event, Finished, Started, StopReason, TextDelta, Told, UsageReported
from tollway.neutral.parts import Citation, Declined, Part, Reasoning, Sealed, Text, ToolCall
from tollway.neutral.usage import Usage


def read(*pieces: bytes) -> tuple[MessagesReader, list[Event]]:
    reader = open_reader()
    events = [event for piece in pieces for event in reader.feed(piece)]
    return reader, events + reader.close()


def folded(*pieces: bytes) -> ChatAnswer:
    reader, events = read(*pieces)
    assert reader.failure is None
    return fold(events)


def parts(*pieces: bytes) -> tuple[Part, ...]:
    return folded(start(), *pieces).choices[0].parts


def test_a_stream_is_read() -> None:
    reader, events = read(HELLO)
    assert reader.finished
    assert reader.ended
    answer = fold(events)
    assert (answer.id, answer.model, answer.usage) == ("msg_1", "m-1", READ)
    assert answer.choices[0].parts == (Text(text="hällo"),)
    assert answer.choices[0].reason is StopReason.STOP


def test_the_beginning_tells_of_the_input_at_once() -> None:
    _, events = read(start(usage={**USAGE, "service_tier": "batch"}))
    assert events == [
        Started(id="msg_1", model="m-1"),
        UsageReported(usage=Usage(input=3, cached_input=5, cache_write_5m=0)),
        Told(service_tier="batch"),
    ]


def test_thoughts_have_their_seal_and_calls_their_arguments() -> None:
    assert parts(
        block(0, type="thinking", thinking="", signature=""),
        delta(0, type="thinking_delta", thinking="h"),
        delta(0, type="thinking_delta", thinking="m"),
        delta(0, type="signature_delta", signature="sig"),
        stop(0),
        block(1, type="redacted_thinking", data="xx"),
        stop(1),
        block(2, type="thinking", thinking="a", signature="s2"),
        stop(2),
        block(3, type="tool_use", id="t1", name="f", input={}),
        delta(3, type="input_json_delta", partial_json=""),
        delta(3, type="input_json_delta", partial_json='{"a":'),
        delta(3, type="input_json_delta", partial_json="1}"),
        stop(3),
        block(4, type="tool_use", name="g", input={"b": 2}),
        stop(4),
        block(5, type="tool_use", id="t3", name="h", input={}),
        stop(5),
    ) == (
        Reasoning(text="hm", sealed=Sealed(data="sig")),
        Reasoning(sealed=Sealed(data="xx", whole=True)),
        Reasoning(text="a", sealed=Sealed(data="s2")),
        ToolCall(id="t1", name="f", arguments='{"a":1}'),
        ToolCall(id="toolu_1", name="g", arguments='{"b":2}'),
        ToolCall(id="t3", name="h", arguments="{}"),
    )


def test_each_text_has_its_own_citations() -> None:
    cited = {
        "type": "char_location",
        "cited_text": "q",
        "document_index": 0,
        "start_char_index": 1,
        "end_char_index": 2,
    }
    citation = Citation(quoted="q", document=0, source_start=1, source_end=2)
    assert parts(
        block(0, type="text", text="a", citations=[cited]),
        stop(0),
        block(1, type="text", text=""),
        text("b", 1),
        delta(1, type="citations_delta", citation=cited),
        delta(1, type="citations_delta", citation={"cited_text": 5}),
        stop(1),
    ) == (Text(text="a", citations=(citation,)), Text(text="b", citations=(citation,)))


def test_what_the_providers_own_tools_did_is_skipped() -> None:
    assert parts(
        block(0, type="server_tool_use", id="s", name="web_search", input={}),
        delta(0, type="input_json_delta", partial_json='{"q":1}'),
        stop(0),
        block(1, type="web_search_tool_result", tool_use_id="s", content=[]),
        stop(1),
        TEXT,
        text("a"),
    ) == (Text(text="a"),)


def test_why_a_model_would_not_answer_is_read() -> None:
    answer = folded(start(), end("refusal", stop_details={"type": "refusal", "explanation": "No."}), LAST)
    assert answer.choices[0].parts == (Declined(text="No."),)
    assert answer.choices[0].reason is StopReason.DECLINED


def test_a_stop_sequence_and_a_cost_are_told() -> None:
    usage = {"output_tokens": 7, "cost": 0.5}
    answer = folded(start(), TEXT, text("a"), end("stop_sequence", usage, stop_sequence="END") + LAST)
    assert answer.choices[0].sequence == "END"
    assert answer.choices[0].reason is StopReason.STOP_SEQUENCE
    assert answer.provider_cost_nanos == 500_000_000


def test_an_answer_that_stands_in_its_beginning_is_read() -> None:
    content = [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}]
    answer = folded(start(content=content, stop_reason="tool_use", stop_sequence=None), LAST)
    assert answer.choices[0].parts == (ToolCall(id="t", name="f", arguments='{"a":1}'),)
    assert answer.choices[0].reason is StopReason.TOOL_CALLS
    assert answer.usage == Usage(input=3, cached_input=5, output=1, cache_write_5m=0)


def test_a_stream_that_ends_without_saying_why_has_ended() -> None:
    reader, events = read(start() + TEXT + text("a") + LAST + text("more"))
    assert reader.finished
    assert events[-1] == Finished(reason=StopReason.STOP)


def test_a_stream_that_is_cut_off_is_not_finished() -> None:
    for cut in range(len(HELLO)):
        reader, _ = read(HELLO[:cut])
        ended = cut > HELLO.index(b'"message_delta"') and cut >= HELLO.index(LAST) - 2
        assert reader.finished is ended, HELLO[:cut]
        assert reader.failure is None


def test_a_last_event_without_its_blank_line_is_read() -> None:
    reader, _ = read(HELLO.removesuffix(b"\n"))
    assert reader.ended


def test_every_framing_is_read() -> None:
    answer = folded(HELLO)
    odd = b": hi\n\n" + HELLO.replace(b"\n", b"\r\n") + b"data: [DONE]\r\n\r\n"
    assert folded(odd) == answer
    assert folded(*(odd[at : at + 1] for at in range(len(odd)))) == answer


def test_what_is_not_known_is_skipped() -> None:
    odd = (
        event("invented")
        + event("content_block_start")
        + event("message_start")
        + event("content_block_delta")
        + event("message_delta")
        + stop(9)
        + delta(9, type="input_json_delta", partial_json="x")
        + delta(0, type="invented_delta")
        + delta(0, type="input_json_delta", partial_json="x")
        + event("message_delta", delta={}, usage="none")
        + b"data: [DONE]\n\n"
    )
    assert folded(start(), TEXT, odd, text("a"), stop(), end(), end("refusal"), LAST) == folded(
        start(), TEXT, text("a"), stop(), end(), LAST
    )


def test_lesson_27_a_thought_in_a_block_of_text_is_a_thought() -> None:
    assert parts(TEXT, text("a"), delta(0, type="thinking_delta", thinking="hm")) == (
        Text(text="a"),
        Reasoning(text="hm"),
    )


def test_a_beginning_may_be_repeated_but_not_after_the_answer_began() -> None:
    assert folded(start(), start(usage=None), TEXT, text("a")).choices[0].parts == (Text(text="a"),)
    reader, events = read(start() + TEXT + text("a") + start() + text("b"))
    assert reader.failure is not None
    assert reader.failure.kind is FailureKind.BROKE
    assert fold(events).choices[0].parts == (Text(text="a"),)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (event("error", error={"type": "overloaded_error", "message": "Overloaded"}), FailureKind.BROKE),
        (b"data: oops\n\n", FailureKind.JUNK),
        (event("content_block_delta", index="x"), FailureKind.JUNK),
        (b"data: " + b"x" * (EVENT_BYTES_MAX + 1), FailureKind.JUNK),
    ],
)
def test_what_goes_wrong_ends_the_events(said: bytes, kind: FailureKind) -> None:
    reader = open_reader()
    events = reader.feed(start() + TEXT + text("a")) + reader.feed(said) + reader.feed(text("b"))
    assert reader.failure is not None
    assert reader.failure.kind is kind
    assert not reader.finished
    assert [each for each in events if isinstance(each, TextDelta | CitationAdded)] == [TextDelta(text="a")]


def test_an_error_that_comes_without_its_blank_line_is_one() -> None:
    reader, _ = read(start(), event("error", error={"message": "Overloaded"}).rstrip(b"\n"))
    assert reader.failure is not None
    assert "Overloaded" in reader.failure.message


def test_pings_say_nothing() -> None:
    assert read(PING)[1] == []
