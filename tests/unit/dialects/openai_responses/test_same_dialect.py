"""Answers and streams of the Responses API that pass as they came, but for usage and costs at their end."""

import json
from typing import Any

import pytest

from tests.unit.dialects.openai_responses.samples import (
    COST_NAMES,
    COSTS,
    ERROR,
    ESTIMATE,
    MESSAGE_BEGINS,
    REPORTED,
    added,
    completed,
    created,
    delta,
    done,
    event,
    message,
    response,
    told,
)
from tollway.dialects.openai_responses import OPENAI_RESPONSES
from tollway.dialects.openai_responses.stream import open_stream
from tollway.dialects.openai_responses.usage import read_usage
from tollway.dialects.passing import TAIL_BYTES_MAX, PassingStream
from tollway.dialects.record import JSON, PLAIN_CALL, ReadAnswer
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.usage import Usage


def answered(**fields: Any) -> ReadAnswer:
    return OPENAI_RESPONSES.read_answer(json.dumps(response(**fields)).encode(), JSON)


def opened() -> PassingStream:
    stream = open_stream(OPENAI_RESPONSES.peek(b'{"model":"m","stream":true}', PLAIN_CALL))
    assert isinstance(stream, PassingStream)
    return stream


def test_usage_is_read_into_units_that_do_not_overlap() -> None:
    assert answered(usage=REPORTED).usage == Usage(input=30, cached_input=10, output=15, reasoning=5)
    assert read_usage(b'{"input_tokens":-1}') is None
    assert read_usage(b"null") is None


def test_facts_of_an_answer_are_read() -> None:
    found = answered(usage=REPORTED, service_tier="flex", output=[message("x")])
    assert (found.model_answered, found.service_tier, found.text_bytes) == ("gpt", "flex", 0)
    odd = answered(model=5, service_tier={}, usage={**REPORTED, "cost": 0.5})
    assert (odd.model_answered, odd.service_tier, odd.provider_cost_nanos) == (None, None, 500_000_000)


def test_text_is_counted_where_no_usage_is_reported() -> None:
    items = [
        message("né"),
        {"type": "function_call", "name": "ab", "arguments": "{}", "call_id": "not counted"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "not counted"},
        5,
    ]
    assert answered(output=items).text_bytes == 3 + 4 + 2
    zero = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    assert answered(output=items, usage=zero).usage is None
    assert answered(usage=zero).usage == Usage(input=0, output=0)
    assert b"\xff" not in answered(output=items).body


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"output":5}', b'{"error":{"message":"no"}}', b'{"output":[],"a":"\xff"}']
)
def test_what_is_no_response_is_junk(body: bytes) -> None:
    with pytest.raises(UpstreamFailure) as failure:
        OPENAI_RESPONSES.read_answer(body, JSON)
    assert failure.value.kind is FailureKind.JUNK


def test_a_response_that_failed_is_a_failure_with_its_words() -> None:
    with pytest.raises(UpstreamFailure, match="no luck") as failure:
        answered(status="failed", error={"code": "server_error", "message": "no luck"})
    assert failure.value.kind is FailureKind.BROKE


@pytest.mark.parametrize("usage", [REPORTED, None, "absent", {"input_tokens": "x"}, {"input_tokens": 5}])
@pytest.mark.parametrize(("indent", "repeated"), [(None, 1), (2, 1), (None, 9_000)])
def test_costs_stand_in_the_usage_and_nothing_else_changes(usage: Any, indent: int | None, repeated: int) -> None:
    before = response(output=[message('"usage":{}' * repeated)], usage=usage)
    if usage == "absent":
        del before["usage"]
    read = OPENAI_RESPONSES.read_answer(json.dumps(before, indent=indent).encode(), JSON)
    after = json.loads(OPENAI_RESPONSES.splice_cost(read, COSTS, ESTIMATE))
    shown = after.pop("usage")
    before.pop("usage", None)
    assert after == before
    assert shown["total_cost_usd"] == 0.00021175
    if usage == REPORTED:
        assert {name: value for name, value in shown.items() if name not in COST_NAMES} == REPORTED
    else:
        assert (shown["input_tokens"], shown["output_tokens"], shown["estimated"]) == (40, 20, True)


def test_the_lead_waits_for_the_model_and_the_end_for_its_costs() -> None:
    pipe = opened()
    assert pipe.feed(created()) == b""
    assert not pipe.content_started
    begins = added(MESSAGE_BEGINS)
    assert pipe.feed(begins) == created() + begins
    assert pipe.content_started
    assert pipe.feed(delta("né")) == delta("né")
    assert (pipe.delivered_text_bytes, pipe.delivered_events) == (3, 1)
    last = completed(output=[message("né")], service_tier="default")
    assert pipe.feed(last) == b""
    assert pipe.finished
    assert not pipe.ended
    assert pipe.usage == Usage(input=30, cached_input=10, output=15, reasoning=5)
    assert (pipe.model_answered, pipe.service_tier) == ("gpt", "default")
    end = told(pipe.end(COSTS, None))
    assert {name: end[0]["response"]["usage"].pop(name) for name in COST_NAMES}["total_cost_usd"] == 0.00021175
    assert end == told(last)


def test_without_costs_every_byte_is_the_providers() -> None:
    sent = (
        b": hello\n\n" + created() + delta("a") + b"data: 5\n\n" + b"data: {}\n\n" + completed() + b"data: [DONE]\n\n"
    )
    pipe = opened()
    out = pipe.feed(sent) + pipe.close()
    assert out + pipe.end(None, None) == sent
    assert pipe.ended


def test_a_stream_without_event_lines_over_several_lines_or_without_usage_gains_its_costs_too() -> None:
    for last in (
        b"data: "
        + json.dumps(response(output=[message("x")])).join(['{"type":"response.completed","response":', "}"]).encode(),
        b'data: {"type":"response.completed",\ndata: "response":{"output":[],\ndata: "usage":null}}',
    ):
        pipe = opened()
        out = pipe.feed(last + b"\r\n\r\n") + pipe.close() + pipe.end(COSTS, ESTIMATE)
        usage = told(out)[-1]["response"]["usage"]
        assert (usage["output_tokens"], usage["estimated"], "total_cost_usd" in usage) == (20, True, True)


def test_the_last_event_may_be_megabytes() -> None:
    pipe = opened()
    text = "x" * (TAIL_BYTES_MAX + 5)
    pipe.feed(completed(output=[message(text)]))
    assert pipe.failure is None
    assert told(pipe.end(COSTS, None))[0]["response"]["output"][0]["content"][0]["text"] == text


def test_a_failed_response_keeps_what_it_used_and_does_not_pass() -> None:
    pipe = opened()
    failed = response(status="failed", error={"code": "server_error", "message": "no luck"}, usage=REPORTED)
    assert pipe.feed(created() + event("response.failed", sequence_number=4, response=failed)) == b""
    assert pipe.failure is not None
    assert "no luck" in pipe.failure.message
    assert pipe.usage is not None
    assert not pipe.finished
    assert pipe.provider_cost_nanos is None


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (event("error", code="x", message="no luck", param=None), FailureKind.BROKE),
        (event("error", error={"message": "no luck"}), FailureKind.BROKE),
        (b"data: {\n\n", FailureKind.JUNK),
        (b'data: {"a":"\xff"}\n\n', FailureKind.JUNK),
        (event("response.completed", response="no luck"), FailureKind.JUNK),
    ],
)
def test_errors_and_junk_in_a_stream_end_it(sent: bytes, kind: FailureKind) -> None:
    pipe = opened()
    pipe.feed(created() + delta("a") + sent)
    assert pipe.failure is not None
    assert pipe.failure.kind is kind
    assert not pipe.finished


def test_a_stream_that_broke_shows_the_error_and_what_was_used_but_no_end() -> None:
    pipe = opened()
    pipe.feed(created() + delta("a", sequence_number=4))
    error = told(pipe.break_off(ERROR, COSTS, ESTIMATE))
    assert [each["type"] for each in error] == ["error"]
    assert error[0]["sequence_number"] == 5
    assert error[0]["error"]["message"] == error[0]["message"] == "It broke."
    assert error[0]["usage"]["estimated"] is True
    silent = opened()
    assert "usage" not in told(silent.break_off(ERROR, None, None))[0]


def test_what_brings_no_text_counts_for_none() -> None:
    pipe = opened()
    pipe.feed(created() + event("response.audio.delta", delta="AAAA") + event("response.shell", delta={"stdout": "x"}))
    pipe.feed(added({"type": "function_call", "name": "né"}) + added({"type": "x"}, index=1) + added(5, index=2))  # type: ignore[arg-type]
    pipe.feed(event("response.output_item.moved", item={}))
    assert pipe.content_started
    assert pipe.delivered_text_bytes == 3


def test_a_stream_that_is_cut_ends_as_at_its_limit_with_all_that_was_written() -> None:
    pipe = opened()
    call = {"type": "function_call", "id": "fc", "name": "f", "call_id": "c", "arguments": ""}
    custom = {"type": "custom_tool_call", "id": "ctc", "name": "g", "call_id": "d", "input": ""}
    thought = {"type": "reasoning", "id": "rs", "summary": []}
    whole = message("whole")
    sent = [created(), added(thought), event("response.reasoning_summary_text.delta", output_index=0, delta="hm")]
    sent += [added(MESSAGE_BEGINS, index=1), delta("who", index=1), done(whole, index=1)]
    sent += [added(MESSAGE_BEGINS, index=2), delta("ha", index=2), delta("lf", index=2), delta("lost", index=9)]
    for index, (item, kind) in enumerate([(call, "function_call_arguments"), (custom, "custom_tool_call_input")]):
        sent += [added(item, index=3 + index), event(f"response.{kind}.delta", output_index=3 + index, delta="{")]
    sent += [added({"type": "web_search_call"}, index=5), added(5, index=6)]  # type: ignore[arg-type]
    pipe.feed(b"".join(sent))
    events = told(pipe.cut(ERROR, COSTS, ESTIMATE))
    assert [each["type"] for each in events] == ["response.incomplete", "error"]
    assert [each["sequence_number"] for each in events] == [1, 2]
    last = events[0]["response"]
    assert (last["id"], last["status"], last["incomplete_details"]) == (
        "resp_1",
        "incomplete",
        {"reason": "max_output_tokens"},
    )
    assert last["usage"]["total_cost_usd"] == 0.00021175
    items = last["output"]
    assert items[0]["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert items[1] == whole
    assert items[2]["content"][0]["text"] == "half"
    assert (items[3]["arguments"], items[4]["input"]) == ("{", "{")
    assert [each["status"] for each in items] == ["incomplete", "completed", *["incomplete"] * 5]


def test_a_stream_that_ended_just_before_it_is_cut_keeps_its_end() -> None:
    pipe = opened()
    pipe.feed(created() + delta("a") + completed())
    events = told(pipe.cut(ERROR, None, None))
    assert [each["type"] for each in events] == ["response.completed", "error"]
    assert events[0]["response"]["usage"] == REPORTED
