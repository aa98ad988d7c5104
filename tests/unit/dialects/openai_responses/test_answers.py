"""A Responses provider's answers and streams read into the neutral form, and the neutral form written for its clients."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.dialects.openai_responses.samples import (
    CLOSING,
    COST_NAMES,
    ERROR,
    ESTIMATE,
    MESSAGE_BEGINS,
    REPORTED,
    USAGE,
    added,
    completed,
    created,
    delta,
    done,
    event,
    message,
    read,
    read_whole,
    response,
    shown,
    terms_of,
    told,
    translator,
    written,
)
from tollway.dialects.openai_responses.reader import ResponsesReader
from tollway.dialects.openai_responses.sealing import packed, unpacked
from tollway.dialects.openai_responses.writer import ResponsesWriter
from tollway.dialects.record import Closing
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.sse import EVENT_BYTES_MAX
from tollway.neutral.answer import ChatAnswer, Choice, events_of, fold
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
    TokenLogprob,
    Told,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tollway.neutral.parts import Citation, Declined, Image, Inline, Part, Reasoning, Sealed, Text, ToolCall
from tollway.neutral.seals import marked

CITED = {"type": "url_citation", "url": "https://x", "title": "X", "start_index": 0, "end_index": 1}
CITATION = Citation(url="https://x", title="X", answer_start=0, answer_end=1)
LIKELY = [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -1.5}]}]
LIKELIHOOD = TokenLogprob(token="a", logprob=-0.5, top=(TokenLogprob(token="b", logprob=-1.5),))


def one(answer: ChatAnswer) -> Choice:
    assert len(answer.choices) == 1
    return answer.choices[0]


OUTPUT: list[dict[str, Any]] = [
    {
        "type": "reasoning",
        "id": "rs",
        "summary": [{"type": "summary_text", "text": t} for t in "ab"],
        "encrypted_content": "e",
    },
    {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "e"},
    {"type": "reasoning", "id": "rs", "summary": [], "content": [{"type": "reasoning_text", "text": "c"}]},
    {
        "type": "message",
        "content": [
            {"type": "output_text", "text": "a", "annotations": [CITED, {"type": "file_citation"}], "logprobs": LIKELY},
            {"type": "refusal", "refusal": "no"},
        ],
    },
    {"type": "message", "content": "plain"},
    {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
    {"type": "custom_tool_call", "call_id": "", "id": "ctc", "name": "g", "input": "words"},
    {"type": "function_call", "name": "h"},
    {"type": "image_generation_call", "result": "AAAA"},
    {"type": "image_generation_call", "result": None},
    {"type": "web_search_call"},
]
PARTS = (
    Reasoning(text="a\n\nb", sealed=Sealed(data="2:rse")),
    Reasoning(sealed=Sealed(data="2:rse", whole=True)),
    Reasoning(text="c"),
    Text(text="a", citations=(CITATION,)),
    Declined(text="no"),
    Text(text="plain"),
    ToolCall(id="c1", name="f", arguments="{}"),
    ToolCall(id="ctc", name="g", arguments="words", custom=True),
    ToolCall(id="call_2", name="h", arguments="{}"),
    Image(source=Inline(media_type="image/png", data="AAAA")),
)


def test_every_item_of_an_answer_is_read() -> None:
    answer = read_whole(response(output=OUTPUT, usage={**REPORTED, "cost": 1}, service_tier="flex"))
    choice = one(answer)
    assert choice.parts == PARTS
    assert choice.reason is StopReason.TOOL_CALLS
    assert choice.logprobs == (LIKELIHOOD,)
    assert (answer.id, answer.model, answer.created_s, answer.usage) == ("resp_1", "gpt", 5, USAGE)
    assert (answer.service_tier, answer.provider_cost_nanos) == ("flex", 1_000_000_000)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, StopReason.STOP),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, StopReason.LENGTH),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, StopReason.CONTENT_FILTER),
        ({"status": "incomplete", "incomplete_details": {"reason": "else"}}, StopReason.OTHER),
        ({"status": "incomplete", "incomplete_details": {}}, StopReason.OTHER),
        ({"status": "incomplete"}, StopReason.OTHER),
    ],
)
def test_why_an_answer_ended_is_read(fields: dict[str, Any], reason: StopReason) -> None:
    assert one(read_whole(response(output=[message("x")], **fields))).reason is reason
    kind = "response.incomplete" if fields else "response.completed"
    assert one(read(event(kind, response=response(output=[message("x")], **fields)))).reason is reason


@pytest.mark.parametrize(
    "body", [b"{", b"{}", b'{"output":{}}', b'{"output":[{"type":5}]}', b'{"output":[],"id":"\xff"}']
)
def test_what_is_no_answer_is_junk(body: bytes) -> None:
    parse = translator().parse_answer
    assert parse is not None
    with pytest.raises(UpstreamFailure) as failure:
        parse(body)
    assert failure.value.kind is FailureKind.JUNK


def test_an_answer_that_failed_is_a_failure() -> None:
    with pytest.raises(UpstreamFailure, match="no luck") as failure:
        read_whole(response(status="failed", error={"message": "no luck"}))
    assert failure.value.kind is FailureKind.BROKE


def test_items_that_were_not_streamed_are_told_when_they_are_done_or_at_the_end() -> None:
    late = created() + b"".join(done(item, index=index) for index, item in enumerate(OUTPUT)) + completed(output=OUTPUT)
    assert one(read(late)).parts == PARTS
    assert one(read(completed(output=OUTPUT))).parts == PARTS
    bare = event("response.completed", response={"id": "resp_1"})
    assert one(read(bare)).parts == ()


def streamed() -> bytes:
    """A stream of all that is streamed piece by piece."""
    thoughts = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    reasoning = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "not yet"}
    words = {"output_index": 1, "content_index": 0}
    call = {"type": "function_call", "id": "fc", "call_id": "c1", "name": "f", "arguments": ""}
    custom = {"type": "custom_tool_call", "id": "ctc", "call_id": "c2", "name": "g", "input": ""}
    summary = "response.reasoning_summary_text.delta"
    return b"".join(
        [
            created(),
            event("response.in_progress", response=response(status="in_progress")),
            b": comment\n\n",
            added(reasoning),
            event(summary, output_index=0, summary_index=0, delta="a"),
            event("response.reasoning_text.delta", output_index=0, content_index=0, delta="the same"),
            event(summary, output_index=0, summary_index=1, delta=""),
            event(summary, output_index=0, summary_index=1, delta="b"),
            done({**reasoning, "summary": thoughts, "encrypted_content": "e"}),
            added(MESSAGE_BEGINS, index=1),
            event("response.content_part.added", part={"type": "output_text", "text": ""}, **words),
            delta("né", index=1, logprobs=LIKELY, obfuscation="xyz"),
            event("response.output_text.annotation.added", annotation=CITED, annotation_index=0, **words),
            event("response.output_text.annotation.added", annotation={"type": "file_citation"}, **words),
            delta("w", index=1, logprobs=[]),
            event("response.output_text.done", text="néw", **words),
            event("response.content_part.done", part=message("néw", annotations=[CITED, CITED])["content"][0], **words),
            event("response.refusal.delta", output_index=1, content_index=1, delta="no"),
            event("response.content_part.done", part={"type": "refusal", "refusal": "no"}, output_index=1),
            done(message("néw"), index=1),
            added(call, index=2),
            added(custom, index=3),
            event("response.function_call_arguments.delta", output_index=2, delta="{"),
            event("response.custom_tool_call_input.delta", output_index=3, delta="wor"),
            event("response.function_call_arguments.delta", output_index=2, delta="}"),
            event("response.custom_tool_call_input.delta", output_index=3, delta="ds"),
            done({**call, "arguments": "{}"}, index=2),
            done({**custom, "input": "words"}, index=3),
            event("response.something.new", item={"type": "new"}),
            completed(output=[]),
        ]
    )


EXPECTED = (
    Reasoning(text="a\n\nb", sealed=Sealed(data="2:rse")),
    Text(text="néw", citations=(CITATION, CITATION)),
    Declined(text="no"),
    ToolCall(id="c1", name="f", arguments="{}"),
    ToolCall(id="c2", name="g", arguments="words", custom=True),
)


def test_a_stream_tells_what_its_answer_would() -> None:
    answer = read(streamed())
    assert one(answer).parts == EXPECTED
    assert one(answer).reason is StopReason.TOOL_CALLS
    assert one(answer).logprobs == (LIKELIHOOD,)
    assert answer.usage == USAGE


@given(cuts=st.lists(st.integers(0, 6000), max_size=30), line_end=st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_any_split_tells_the_same(cuts: list[int], line_end: bytes) -> None:
    stream = streamed().replace(b"\n", line_end)
    reader, events, at = ResponsesReader(), list[Event](), 0
    for cut in sorted(cuts):
        events += reader.feed(stream[at:cut])
        at = max(at, min(cut, len(stream)))
    events += reader.feed(stream[at:]) + reader.close()
    assert reader.finished
    assert one(fold(events)).parts == EXPECTED


@given(size=st.integers(0, len(streamed()) - 3))
def test_a_stream_that_is_cut_off_never_looks_finished(size: int) -> None:
    reader = ResponsesReader()
    reader.feed(streamed()[:size])
    reader.close()
    assert not reader.finished


def test_a_stream_without_its_last_blank_line_is_whole() -> None:
    reader = ResponsesReader()
    events = reader.feed(streamed().rstrip(b"\n")) + reader.close()
    assert reader.finished
    assert one(fold(events)).parts == EXPECTED


def test_odd_events_are_skipped() -> None:
    odd = [
        b"data: 5\n\n",
        b"data: {}\n\n",
        added(5),  # type: ignore[arg-type]
        event("response.output_item.added"),
        event("response.output_item.done"),
        event("response.content_part.done"),
        event("response.content_part.done", part={}),
        event("response.output_text.annotation.added"),
        event("response.output_text.annotation.added", annotation=CITED, output_index=7),
        event("response.function_call_arguments.delta", output_index=8, delta="{"),
        event("response.code.delta", output_index=9, delta="x"),
        event("response.steered", response={}),
        delta("a", index=4, logprobs=[{"token": 5}]),
        added(MESSAGE_BEGINS, index=5),
        b"event: x\n\n",
    ]
    assert one(read(created() + b"".join(odd) + completed())).parts == (Text(text="a"),)


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (event("error", message="no luck"), FailureKind.BROKE),
        (event("response.failed", response=response(error={"message": "no luck"}, usage=REPORTED)), FailureKind.BROKE),
        (b"data: {\n\n", FailureKind.JUNK),
        (event("response.completed", response=5), FailureKind.JUNK),
        (event("response.completed", response=response(output=[None])), FailureKind.JUNK),
        (b"x" * (EVENT_BYTES_MAX + 1), FailureKind.JUNK),
    ],
)
def test_errors_and_junk_end_a_stream(sent: bytes, kind: FailureKind) -> None:
    reader = ResponsesReader()
    events = reader.feed(created()) + reader.feed(sent)
    assert reader.failure is not None
    assert reader.failure.kind is kind
    assert not reader.finished
    assert reader.feed(delta("b")) == reader.close() == []
    assert (UsageReported(usage=USAGE) in events) is (b"response.failed" in sent)


def test_what_stands_half_at_the_end_is_no_junk_but_an_error_there_is_one() -> None:
    half = ResponsesReader()
    half.feed(delta("a") + b"data: {")
    assert half.close() == []
    assert half.failure is None
    wrong = ResponsesReader()
    wrong.feed(event("error", message="no luck").rstrip(b"\n"))
    wrong.close()
    assert wrong.failure is not None


def test_nothing_counts_after_the_last_word() -> None:
    reader = ResponsesReader()
    events = reader.feed(completed() + delta("b"))
    assert reader.ended
    assert not [each for each in events if isinstance(each, TextDelta)]
    over = ResponsesReader()
    over.feed(b"data: [DONE]\n\n")
    assert over.ended
    assert not over.finished


EVENTS: list[Event] = [
    Started(model="named"),
    Told(service_tier="flex"),
    Told(provider_cost_nanos=5),
    ReasoningDelta(text="h"),
    ReasoningDelta(text="m"),
    ReasoningDelta(text=""),
    ReasoningSealed(sealed=Sealed(data="sig", issuer="elsewhere")),
    ReasoningSealed(sealed=Sealed(data="all", issuer="elsewhere", whole=True)),
    TextDelta(text=""),
    TextDelta(text="a", logprobs=(LIKELIHOOD,)),
    CitationAdded(citation=CITATION),
    CitationAdded(citation=Citation(document=0)),
    PartEnded(),
    TextDelta(text="other", choice=1),
    TextDelta(text="b"),
    DeclinedDelta(text="no"),
    ToolCallStarted(index=0, id="c1", name="f"),
    ToolCallStarted(index=1, id="c2", name="g", custom=True),
    ToolCallDelta(index=1, arguments="words"),
    ToolCallDelta(index=0, arguments="{}"),
    ToolCallDelta(index=0, arguments=""),
    ToolCallDelta(index=5, arguments="lost"),
    MediaAdded(media=Inline(media_type="image/webp", data="AAAA")),
    MediaAdded(media=Inline(media_type="audio/wav", data="AAAA"), transcript="spoken"),
    MediaAdded(media=Inline(media_type="audio/wav", data="AAAA")),
    PartEnded(),
    ReasoningDelta(text="late"),
    PartEnded(),
    UsageReported(usage=ESTIMATE),
    Finished(reason=StopReason.TOOL_CALLS),
]


def test_the_whole_sequence_of_events_is_written() -> None:
    events = told(written(EVENTS))
    assert [each["sequence_number"] for each in events] == list(range(len(events)))
    kinds = [each["type"].removeprefix("response.") for each in events]
    assert kinds[:10] == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
    ]
    assert kinds.count("output_item.added") == kinds.count("output_item.done") == 8
    assert kinds.count("content_part.added") == kinds.count("content_part.done") == 4
    assert kinds[-1] == "completed"
    last = events[-1]["response"]
    assert (last["id"], last["model"], last["service_tier"], last["created_at"]) == (
        "resp_r1",
        "named",
        "flex",
        1_700_000_000,
    )
    types = [item["type"] for item in last["output"]]
    calls = ["function_call", "custom_tool_call"]
    assert types == ["reasoning", "reasoning", "message", *calls, "image_generation_call", "message", "reasoning"]
    assert last["output"] == [each["item"] for each in sorted(_dones(events), key=lambda each: each["output_index"])]
    assert last["output"][0]["encrypted_content"] == "tollway-seal~1.elsewhere.sign.sig"
    assert last["output"][3]["arguments"] == "{}"
    assert last["output"][4]["input"] == "words"
    assert last["output"][6]["content"][0]["text"] == "spoken"
    assert {each["id"].split("_")[0] for each in last["output"]} == {"rs", "msg", "fc", "ctc", "ig"}


def _dones(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in events if each["type"] == "response.output_item.done"]


def test_usage_and_costs_stand_in_the_response() -> None:
    usage = told(written([Finished(reason=StopReason.STOP)]))[-1]["response"]["usage"]
    expected = {**REPORTED, "input_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 0}}
    assert {name: value for name, value in usage.items() if name not in COST_NAMES} == expected
    assert usage["total_cost_usd"] == 0.00021175
    guessed = told(written([], Closing(usage=ESTIMATE, estimated=True, costs=None)))[-1]["response"]["usage"]
    assert (guessed["estimated"], "total_cost_usd" in guessed) == (True, False)


def test_a_response_repeats_its_request() -> None:
    asked = {
        "instructions": "Be kind",
        "metadata": {"a": "b"},
        "temperature": 0.5,
        "reasoning": {"effort": "high"},
        "text": {"verbosity": "low"},
        "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": None}],
        "truncation": "auto",
        "store": True,
    }
    found = shown(ChatAnswer(choices=()), **asked)
    assert {name: found[name] for name in ("instructions", "metadata", "temperature", "tools")} == {
        name: asked[name] for name in ("instructions", "metadata", "temperature", "tools")
    }
    assert found["reasoning"] == {"effort": "high", "summary": None}
    assert found["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert (found["truncation"], found["store"], found["model"]) == ("disabled", False, "provider-model")


def test_lines_of_a_request_do_not_break_lines_of_the_stream() -> None:
    parse = translator().parse_request
    assert parse is not None
    body = json.dumps({"model": "m", "input": "x", "metadata": {"a": "b\r\n"}}, indent=2).replace("\n", "\r\n").encode()
    terms = terms_of()
    request = parse(body, terms.peek)
    writer = ResponsesWriter(type(terms)(request=request, peek=terms.peek, reply_id="r", created_s=1, model="m"))
    assert told(writer.end(CLOSING))[-1]["response"]["metadata"] == {"a": "b\r\n"}


@pytest.mark.parametrize("reason", list(StopReason))
def test_every_reason_has_a_status(reason: StopReason) -> None:
    answer = ChatAnswer(choices=(Choice(parts=(Text(text="x"),), reason=reason),))
    found = shown(answer)
    cut = {StopReason.LENGTH: "max_output_tokens", StopReason.CONTEXT_FULL: "max_output_tokens"}
    word = {**cut, StopReason.CONTENT_FILTER: "content_filter"}.get(reason)
    assert found["status"] == ("completed" if word is None else "incomplete")
    assert found["incomplete_details"] == (None if word is None else {"reason": word})
    assert found["output"][0]["status"] == found["status"]
    assert told(written(events_of(answer)))[-1]["response"] == found


def test_a_tier_that_official_clients_do_not_know_is_not_shown() -> None:
    assert shown(ChatAnswer(choices=(), service_tier="on_demand"))["service_tier"] is None


def test_a_stream_that_broke_has_an_error_and_no_end() -> None:
    writer = ResponsesWriter(terms_of())
    out = writer.write([TextDelta(text="a"), Finished(reason=StopReason.STOP)])
    events = told(out + writer.break_off(ERROR, CLOSING))
    assert events[-1]["type"] == "error"
    assert events[-1]["usage"]["total_cost_usd"] == 0.00021175
    assert events[-1]["error"]["code"] == "upstream_error"
    assert not {"response.completed", "response.incomplete"} & {each["type"] for each in events}
    assert "usage" not in told(ResponsesWriter(terms_of()).break_off(ERROR, None))[0]


def test_a_stream_that_is_cut_ends_as_at_its_limit_and_then_with_the_error() -> None:
    writer = ResponsesWriter(terms_of())
    out = writer.write([TextDelta(text="a"), ToolCallStarted(index=0, id="c", name="f")])
    events = told(out + writer.cut(ERROR, CLOSING))
    assert [each["type"] for each in events[-2:]] == ["response.incomplete", "error"]
    last = events[-2]["response"]
    assert last["incomplete_details"] == {"reason": "max_output_tokens"}
    assert [item["status"] for item in last["output"]] == ["completed", "incomplete"]
    assert last["usage"]["total_cost_usd"] == 0.00021175


WORDS = st.text(min_size=1, max_size=5)
ANSWER_PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, text=WORDS, citations=st.sampled_from([(), (CITATION,), (CITATION, CITATION)])),
    st.builds(Declined, text=WORDS),
    st.builds(Reasoning, text=WORDS, sealed=st.sampled_from([None, Sealed(data="s", issuer="i")])),
    st.builds(Reasoning, sealed=st.just(Sealed(data="w", issuer="i", whole=True))),
    st.builds(ToolCall, id=WORDS, name=WORDS, arguments=st.text(min_size=1, max_size=5), custom=st.booleans()),
    st.just(Image(source=Inline(media_type="image/webp", data="AAAA"))),
)
ANSWERS = st.builds(
    lambda parts, reason: ChatAnswer(
        choices=(Choice(parts=tuple(parts), reason=reason),),
        usage=USAGE,
        id="resp_r1",
        model="m",
        created_s=1_700_000_000,
    ),
    st.lists(ANSWER_PARTS, min_size=1, max_size=5),
    st.sampled_from([StopReason.STOP, StopReason.LENGTH, StopReason.CONTENT_FILTER]),
)


def as_read(part: Part) -> Part:
    """How a part comes back: its seal is what an issuer of this dialect would have made of the mark."""
    if not isinstance(part, Reasoning) or part.sealed is None:
        return part
    assert part.sealed.issuer is None
    data = unpacked(part.sealed.data)[1]
    return Reasoning(text=part.text, sealed=Sealed(data=data, whole=part.sealed.whole))


def as_written(part: Part) -> Part:
    if not isinstance(part, Reasoning) or part.sealed is None:
        return part
    return Reasoning(text=part.text, sealed=Sealed(data=marked(part.sealed), whole=part.sealed.whole))


@given(answer=ANSWERS)
def test_what_is_written_reads_the_same_streamed_and_whole(answer: ChatAnswer) -> None:
    expected = one(answer)
    calls = any(isinstance(part, ToolCall) for part in expected.parts)
    reason = StopReason.TOOL_CALLS if calls and expected.reason is StopReason.STOP else expected.reason
    for found in (read(written(events_of(answer))), read_whole(shown(answer))):
        assert [as_read(part) for part in one(found).parts] == [as_written(part) for part in expected.parts]
        assert one(found).reason is reason
        assert found.usage is not None
        assert found.usage.tokens == USAGE.tokens
        assert (found.id, found.model) == ("resp_r1", "m")


def test_a_reasoning_goes_back_to_its_provider_as_it_was() -> None:
    item = OUTPUT[0]
    sealed = one(read_whole(response(output=[item]))).parts[0]
    assert isinstance(sealed, Reasoning)
    assert sealed.sealed is not None
    assert unpacked(sealed.sealed.data) == (item["id"], item["encrypted_content"])
    assert sealed.sealed.data == packed(item["id"], item["encrypted_content"])
