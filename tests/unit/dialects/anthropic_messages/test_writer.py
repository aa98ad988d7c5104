"""Events of any provider, written as a streamed answer of Messages; and whole answers."""

import json
from typing import Any, cast

import httpx2
import pytest
from anthropic import Anthropic, APIStatusError
from anthropic._models import construct_type
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent

from tests.unit.dialects.anthropic_messages.wire import CLOSING, COST_VALUES, ERROR, kinds, payloads, terms
from tollway.dialects.anthropic_messages.render_answer import render_answer
from tollway.dialects.anthropic_messages.writer import open_writer
from tollway.dialects.record import Closing
from tollway.neutral.answer import ChatAnswer, Choice, events_of
from tollway.neutral.events import (
    CitationAdded,
    DeclinedDelta,
    Event,
    Finished,
    MediaAdded,
    PartEnded,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    StopReason,
    TextDelta,
    Told,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tollway.neutral.parts import (
    Audio,
    Citation,
    Declined,
    Image,
    Inline,
    Part,
    Reasoning,
    Sealed,
    Text,
    ToolCall,
    Url,
    Video,
)
from tollway.neutral.seals import UNSEALED
from tollway.neutral.usage import Usage

SHOWN = {"input_tokens": 3, "output_tokens": 7, **COST_VALUES}
FINISHED = Finished(reason=StopReason.STOP)
SEAL = Sealed(data="abc", issuer="p")


def written(*events: Event, finished: Finished | None = FINISHED) -> bytes:
    writer = open_writer(terms())
    out = b"".join(writer.write([event]) for event in events)
    out += writer.write([] if finished is None else [finished])
    return out + writer.end(CLOSING)


def message_of(stream: bytes) -> Any:
    """What the official client makes of it."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for payload in payloads(stream):
        event = cast(Any, construct_type(type_=RawMessageStreamEvent, value=payload))
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    return snapshot


def blocks(*events: Event, finished: Finished | None = FINISHED) -> list[dict[str, Any]]:
    """The content as the official client has it; every block begins, has deltas of its own kind, and ends."""
    stream = written(*events, finished=finished)
    check_blocks(payloads(stream))
    return [block.to_dict() for block in message_of(stream).content]


def check_blocks(found: list[dict[str, Any]]) -> None:
    allowed = {"text": {"text_delta", "citations_delta"}, "thinking": {"thinking_delta", "signature_delta"}}
    allowed |= {"tool_use": {"input_json_delta"}, "redacted_thinking": set()}
    opened: str | None = None
    index = -1
    for payload in found:
        if payload["type"] == "content_block_start":
            assert opened is None
            index += 1
            opened = payload["content_block"]["type"]
        elif payload["type"] == "content_block_delta":
            assert opened is not None
            assert payload["delta"]["type"] in allowed[opened]
        elif payload["type"] == "content_block_stop":
            assert opened is not None
            opened = None
        else:
            continue
        assert payload["index"] == index
    assert opened is None


def test_a_text_is_written() -> None:
    assert payloads(
        written(Started(id="x", model="m-9"), TextDelta(text="hä"), TextDelta(text=""), TextDelta(text="llo"))
    ) == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_r1",
                "type": "message",
                "role": "assistant",
                "model": "m-9",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 0, "output_tokens": 0},
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hä"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "llo"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": SHOWN},
        {"type": "message_stop"},
    ]


def test_every_event_is_named_in_its_frame() -> None:
    names = [line[7:].decode() for line in written(TextDelta(text="a")).split(b"\n") if line.startswith(b"event: ")]
    assert names == kinds(written(TextDelta(text="a")))


def test_a_model_that_is_not_named_is_the_one_that_was_asked() -> None:
    assert message_of(written(TextDelta(text="a"))).model == "m-routed"


def test_lesson_27_thoughts_come_in_blocks_of_their_own_with_marked_seals() -> None:
    assert blocks(
        ReasoningDelta(text=""),
        ReasoningDelta(text="hm"),
        ReasoningSealed(sealed=SEAL),
        ReasoningSealed(sealed=SEAL),
        ReasoningSealed(sealed=Sealed(data="w", issuer="p", whole=True)),
        ReasoningDelta(text="bare"),
        TextDelta(text="a"),
        ReasoningDelta(text="again"),
    ) == [
        {"type": "thinking", "thinking": "hm", "signature": "tollway-seal~1.p.sign.abc"},
        {"type": "thinking", "thinking": "", "signature": "tollway-seal~1.p.sign.abc"},
        {"type": "redacted_thinking", "data": "tollway-seal~1.p.whole.w"},
        {"type": "thinking", "thinking": "bare", "signature": UNSEALED},
        {"type": "text", "text": "a"},
        {"type": "thinking", "thinking": "again", "signature": UNSEALED},
    ]


def test_calls_that_take_turns_are_written_one_after_the_other() -> None:
    assert blocks(
        TextDelta(text="a"),
        ToolCallStarted(index=0, id="t0", name="f"),
        ToolCallStarted(index=1, id="t1", name="g"),
        ToolCallDelta(index=1, arguments='{"b":'),
        ToolCallDelta(index=0, arguments='{"a":'),
        ReasoningSealed(sealed=Sealed(data="w", issuer="p", whole=True)),
        ReasoningSealed(sealed=SEAL),
        TextDelta(text="b"),
        TextDelta(text="c"),
        PartEnded(),
        TextDelta(text="d"),
        ToolCallStarted(index=2, id="t2", name="h"),
        PartEnded(),
        ToolCallDelta(index=1, arguments="2}"),
        ToolCallDelta(index=0, arguments="1}"),
        ToolCallDelta(index=9, arguments="lost"),
    ) == [
        {"type": "text", "text": "a"},
        {"type": "tool_use", "id": "t0", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "t1", "name": "g", "input": {"b": 2}},
        {"type": "redacted_thinking", "data": "tollway-seal~1.p.whole.w"},
        {"type": "thinking", "thinking": "", "signature": "tollway-seal~1.p.sign.abc"},
        {"type": "text", "text": "bc"},
        {"type": "text", "text": "d"},
        {"type": "tool_use", "id": "t2", "name": "h", "input": {}},
    ]


def test_the_first_call_is_not_waited_for() -> None:
    writer = open_writer(terms())
    writer.write([ToolCallStarted(index=0, id="t0", name="f")])
    assert kinds(writer.write([ToolCallDelta(index=0, arguments="{}")])) == ["content_block_delta"]
    assert writer.write([ToolCallStarted(index=1, id="t1", name="g"), ToolCallDelta(index=1, arguments="{}")]) == b""


def test_citations_stand_in_the_text_that_rests_on_them() -> None:
    assert blocks(
        TextDelta(text="a"),
        CitationAdded(citation=Citation(document=1, title="D", quoted="q", source_start=2, source_end=3)),
        CitationAdded(citation=Citation(url="https://x.test", title="T")),
        PartEnded(),
        PartEnded(),
        TextDelta(text="b"),
    ) == [
        {
            "type": "text",
            "text": "a",
            "citations": [
                {
                    "type": "char_location",
                    "cited_text": "q",
                    "document_index": 1,
                    "document_title": "D",
                    "start_char_index": 2,
                    "end_char_index": 3,
                },
                {
                    "type": "web_search_result_location",
                    "cited_text": "",
                    "encrypted_index": "",
                    "title": "T",
                    "url": "https://x.test",
                },
            ],
        },
        {"type": "text", "text": "b"},
    ]


def test_pictures_and_sounds_are_text_which_is_all_there_is() -> None:
    png, wav = Inline(media_type="image/png", data="aGk="), Inline(media_type="audio/wav", data="aGk=")
    assert blocks(TextDelta(text="a"), MediaAdded(media=png), MediaAdded(media=wav, transcript="hi")) == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "![image/png](data:image/png;base64,aGk=)"},
        {"type": "text", "text": "hi"},
    ]


@pytest.mark.parametrize(
    ("events", "finished", "word"),
    [
        ([ToolCallStarted(index=0, id="t", name="f")], FINISHED, "tool_use"),
        ([DeclinedDelta(text="no")], FINISHED, "refusal"),
        ([DeclinedDelta(text="no")], Finished(reason=StopReason.LENGTH), "max_tokens"),
        ([], Finished(reason=StopReason.CONTENT_FILTER), "refusal"),
        ([], Finished(reason=StopReason.OTHER), "end_turn"),
        ([], None, "end_turn"),
    ],
)
def test_why_it_ended_is_said_in_the_dialects_words(events: list[Event], finished: Finished | None, word: str) -> None:
    assert message_of(written(*events, finished=finished)).stop_reason == word


def test_a_stop_sequence_is_named() -> None:
    message = message_of(written(finished=Finished(reason=StopReason.STOP_SEQUENCE, sequence="END")))
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "END")


def test_a_second_choice_for_which_nobody_could_ask_is_not_told() -> None:
    more: list[Event] = [TextDelta(text="b", choice=1), Finished(reason=StopReason.LENGTH, choice=1)]
    assert written(TextDelta(text="a"), *more) == written(TextDelta(text="a"))
    assert written(TextDelta(text="a"), Told(service_tier="x"), UsageReported(usage=Usage())) == written(
        TextDelta(text="a")
    )


def test_a_usage_that_is_estimated_says_so() -> None:
    writer = open_writer(terms())
    writer.write([TextDelta(text="a"), FINISHED])
    out = writer.end(Closing(usage=Usage(input=1, output=2), estimated=True, costs=None))
    assert payloads(out)[-2]["usage"] == {"input_tokens": 1, "output_tokens": 2, "estimated": True}


def test_a_stream_that_breaks_ends_with_its_error_after_all_that_was_written() -> None:
    writer = open_writer(terms())
    calls: list[Event] = [ToolCallStarted(index=index, id=f"t{index}", name="f") for index in (0, 1)]
    out = writer.write([TextDelta(text="a"), *calls, ToolCallDelta(index=1, arguments="{"), FINISHED])
    found = payloads(out + writer.break_off(ERROR, CLOSING))
    assert [each["type"] for each in found[-3:]] == ["content_block_start", "content_block_delta", "error"]
    assert found[-1]["usage"] == SHOWN
    assert "message_delta" not in str(found)


def test_a_stream_that_never_began_breaks_with_its_error_alone() -> None:
    assert open_writer(terms()).break_off(ERROR, None) == b"event: error\ndata: " + ERROR + b"\n\n"


def test_a_stream_whose_money_has_run_out_ends_as_at_its_limit() -> None:
    writer = open_writer(terms())
    out = writer.write([TextDelta(text="a")]) + writer.cut(ERROR, CLOSING)
    assert kinds(out)[-3:] == ["content_block_stop", "message_delta", "error"]
    assert payloads(out)[-2]["delta"]["stop_reason"] == "max_tokens"
    assert payloads(out)[-2]["usage"] == SHOWN
    assert kinds(open_writer(terms()).cut(ERROR, CLOSING)) == ["message_start", "message_delta", "error"]


def whole(*parts: Part, reason: StopReason | None = StopReason.STOP) -> dict[str, Any]:
    answer = ChatAnswer(choices=(Choice(parts=parts, reason=reason),), model="m-9")
    return json.loads(render_answer(answer, terms(), CLOSING))


PARTS: tuple[Part, ...] = (
    Reasoning(text="hm", sealed=SEAL),
    Reasoning(text="bare"),
    Reasoning(sealed=Sealed(data="w", issuer="p", whole=True)),
    Text(text="a", citations=(Citation(url="https://x.test"),)),
    Text(text=""),
    Declined(text="no"),
    Image(source=Inline(media_type="image/png", data="aGk=")),
    Audio(source=Inline(media_type="audio/wav", data="aGk="), transcript="hi"),
    ToolCall(id="t1", name="f", arguments='{"a":1}'),
)


def test_a_whole_answer_says_what_a_streamed_one_does() -> None:
    answer = ChatAnswer(choices=(Choice(parts=PARTS, reason=StopReason.TOOL_CALLS, sequence=None),), model="m-9")
    writer = open_writer(terms())
    streamed = message_of(writer.write(events_of(answer)) + writer.end(CLOSING)).to_dict()
    rendered = json.loads(render_answer(answer, terms(), CLOSING))
    assert rendered.pop("usage") == SHOWN
    streamed.pop("usage")
    streamed.pop("stop_details", None)
    assert rendered == streamed


def test_a_whole_answer_has_the_dialects_form() -> None:
    found = whole(ToolCall(id="t", name="f", arguments="oops"))
    assert found == {
        "id": "msg_r1",
        "type": "message",
        "role": "assistant",
        "model": "m-9",
        "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"_unparsed": "oops"}}],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": SHOWN,
    }


def test_what_no_answer_can_hold_is_left_out() -> None:
    assert whole(Image(source=Url(url="x")), Video(source=Url(url="x")), reason=None)["content"] == []
    empty = json.loads(render_answer(ChatAnswer(choices=()), terms(), CLOSING))
    assert (empty["content"], empty["stop_reason"], empty["model"]) == ([], "end_turn", "m-routed")


def official(stream: bytes) -> Anthropic:
    """The official client, of a server that answers with this stream."""
    head = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda _request: httpx2.Response(200, content=stream, headers=head))
    return Anthropic(api_key="k", base_url="http://gateway.test", http_client=httpx2.Client(transport=transport))


def ask(client: Anthropic) -> tuple[Any, Any]:
    """The message as the official client puts it together, and the event that ends it."""
    with client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]) as stream:
        last = [event for event in stream if event.type == "message_delta"][-1]
        return stream.get_final_message(), last


def test_the_official_client_reads_a_translated_stream() -> None:
    message, last = ask(official(written(ReasoningDelta(text="hm"), TextDelta(text="hällo"))))
    assert [block.type for block in message.content] == ["thinking", "text"]
    assert message.content[1].text == "hällo"
    assert (message.usage.input_tokens, message.usage.output_tokens) == (3, 7)
    assert last.usage.total_cost_usd == COST_VALUES["total_cost_usd"]


def test_the_official_client_raises_what_a_broken_or_a_cut_stream_ends_with() -> None:
    for ended in ("break_off", "cut"):
        writer = open_writer(terms())
        out = writer.write([TextDelta(text="a")]) + getattr(writer, ended)(ERROR, CLOSING)
        with pytest.raises(APIStatusError, match="It broke"):
            ask(official(out))
