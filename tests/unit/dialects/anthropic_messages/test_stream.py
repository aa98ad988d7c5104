"""The pipe of a streamed Messages answer that passes."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.dialects.anthropic_messages.wire import (
    COST_VALUES,
    COSTS,
    ERROR,
    ESTIMATE,
    ESTIMATED,
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
    kinds,
    payloads,
    peeked,
    start,
    stop,
    text,
)
from tollway.dialects.anthropic_messages.stream import open_stream
from tollway.dialects.passing import PassingStream
from tollway.errors import FailureKind
from tollway.neutral.usage import Usage


def fed(*pieces: bytes) -> tuple[PassingStream, bytes]:
    pipe = open_stream(peeked())
    return pipe, b"".join(pipe.feed(piece) for piece in pieces) + pipe.close()


def test_a_stream_passes_as_it_came() -> None:
    pipe, out = fed(HELLO)
    assert pipe.finished
    assert pipe.ended
    assert out + pipe.end(None, None) == HELLO
    assert (pipe.model_answered, pipe.delivered_events, pipe.delivered_text_bytes) == ("m-1", 1, 6)
    assert pipe.usage == READ


@given(st.lists(st.integers(0, len(HELLO)), max_size=8))
def test_no_split_changes_anything(places: list[int]) -> None:
    cuts = [0, *sorted(places), len(HELLO)]
    pipe, out = fed(*(HELLO[a:b] for a, b in pairwise(cuts)))
    assert out + pipe.end(None, None) == HELLO
    assert pipe.usage == READ


def test_nothing_goes_before_the_first_word_and_the_end_waits() -> None:
    pipe = open_stream(peeked())
    assert pipe.feed(start() + TEXT + PING) == b""
    assert not pipe.content_started
    assert pipe.feed(text("a")) == start() + TEXT + PING + text("a")
    assert pipe.feed(stop()) == stop()
    assert pipe.feed(end() + LAST) == b""


@pytest.mark.parametrize(
    ("first", "written"),
    [
        (block(0, type="tool_use", id="t", name="fn", input={}), 2),
        (block(0, type="redacted_thinking", data="x"), 0),
        (block(0, type="text", text="a"), 1),
        (delta(0, type="thinking_delta", thinking="hm"), 2),
        (delta(0, type="input_json_delta", partial_json='{"a'), 3),
        (delta(0, type="signature_delta", signature="abc"), 0),
        (start(content=[{"type": "tool_use", "id": "t", "name": "f"}], stop_reason="tool_use"), 0),
    ],
)
def test_whatever_a_model_writes_begins_the_answer_and_is_counted(first: bytes, written: int) -> None:
    pipe, out = fed(first)
    assert out == first
    assert pipe.delivered_text_bytes == written


def test_costs_stand_in_the_last_usage_and_no_other_byte_changes() -> None:
    pipe, out = fed(HELLO)
    shown = out + pipe.end(COSTS, ESTIMATE)
    was, now = end(), end(usage={"output_tokens": 7, **COST_VALUES}).replace(b"1.925e-05", b"0.00001925")
    assert shown == HELLO.replace(was, now)


def test_a_stream_that_reports_no_usage_is_estimated() -> None:
    silent = start(usage=None) + TEXT + text("a") + stop()
    for last in (end(usage={"output_tokens": 0}), event("message_delta", delta={"stop_reason": "end_turn"})):
        pipe, out = fed(silent + last + LAST)
        assert pipe.usage is None
        assert payloads(out + pipe.end(COSTS, ESTIMATE))[-2]["usage"] == ESTIMATED


def test_a_usage_that_only_the_beginning_reports_stands_at_the_end() -> None:
    pipe, out = fed(start() + TEXT + text("a") + stop() + end(usage="none") + LAST)
    assert pipe.usage == Usage(input=3, cached_input=5, cache_write_5m=0)
    charged = Usage(input=3, cached_input=5, cache_write_5m=0, output=1)
    found = payloads(out + pipe.end(COSTS, charged))[-2]["usage"]
    assert found == {
        "input_tokens": 3,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 0,
        "output_tokens": 1,
        "estimated": True,
        **COST_VALUES,
    }


def test_a_server_that_ends_without_saying_why_gets_an_end_for_the_costs() -> None:
    pipe, out = fed(start() + TEXT + text("a") + stop() + LAST)
    assert pipe.finished
    shown = payloads(out + pipe.end(COSTS, ESTIMATE))
    assert [each["type"] for each in shown[-2:]] == ["message_delta", "message_stop"]
    assert shown[-2]["delta"]["stop_reason"] == "end_turn"


def test_a_server_that_stops_after_the_reason_gets_its_last_event() -> None:
    pipe, out = fed(start() + TEXT + text("a") + stop() + end() + b": bye\n\ndata: [DONE]\n\ndata: []\n\n")
    assert pipe.finished
    shown = out + pipe.end(COSTS, ESTIMATE)
    assert shown.endswith(b": bye\n\ndata: [DONE]\n\ndata: []\n\n" + LAST)


def test_a_report_in_the_midst_passes_and_counts() -> None:
    middle = event("message_delta", delta={}, usage={"output_tokens": 3, "speed": "fast", "cost": 0.25})
    pipe, out = fed(start() + TEXT + text("a") + middle + event("message_delta"))
    assert out.endswith(middle + event("message_delta"))
    assert not pipe.finished
    assert pipe.usage is not None
    assert pipe.usage.output == 3
    assert (pipe.service_tier, pipe.provider_cost_nanos) == ("fast", 250_000_000)


def test_events_of_unknown_type_and_form_pass() -> None:
    odd = (
        event("invented", index="x")
        + event("content_block_start")
        + event("content_block_stop", index=4)
        + event("message_start")
        + event("content_block_delta", delta=None)
        + b": comment\n\n"
        + b'event: ping\nid: 3\ndata: {"type":\ndata: "ping"}\n\n'
        + event("content_block_delta", delta=5)
    )
    pipe, out = fed(text("a") + odd)
    assert out == text("a") + odd
    assert pipe.failure is None


@pytest.mark.parametrize(
    "said",
    [
        event("error", error={"type": "overloaded_error", "message": "Overloaded"}),
        b'data: {"error":{"message":"Overloaded"}}\n\n',
        b'event: error\r\ndata: {"message":"Overloaded"}\r\n\r\n',
        b'event: error\ndata: {"index":"x","message":"Overloaded"}\n\n',
    ],
)
def test_an_error_in_the_stream_fails_it(said: bytes) -> None:
    pipe, out = fed(start() + TEXT + text("a"), said, text("b"))
    assert out == start() + TEXT + text("a")
    assert pipe.failure is not None
    assert pipe.failure.kind is FailureKind.BROKE
    assert "Overloaded" in pipe.failure.message
    assert pipe.usage == Usage(input=3, cached_input=5, cache_write_5m=0)


@pytest.mark.parametrize("junk", [b"data: {oops\n\n", b"data: \xff\n\n", b'data: {"x":' + b"[" * 5000 + b"\n\n"])
def test_what_is_not_json_is_junk(junk: bytes) -> None:
    pipe, _ = fed(text("a"), junk)
    assert pipe.failure is not None
    assert pipe.failure.kind is FailureKind.JUNK


def test_a_stream_that_breaks_ends_with_its_error_and_does_not_look_finished() -> None:
    pipe, out = fed(start() + TEXT + text("a"))
    ended = pipe.break_off(ERROR, COSTS, None)
    assert kinds(out + ended) == ["message_start", "content_block_start", "content_block_delta", "error"]
    error = payloads(ended)[-1]
    assert error["error"]["code"] == "upstream_error"
    assert error["usage"] == {
        "input_tokens": 3,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 0,
        "output_tokens": 0,
        **COST_VALUES,
    }


def test_a_stream_that_breaks_at_its_end_keeps_its_text_and_loses_its_end() -> None:
    pipe, out = fed(start() + TEXT + text("a") + end() + text("b"), b"data: oops\n\n")
    assert kinds(out + pipe.break_off(ERROR, None, None)) == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "error",
    ]


def test_a_stream_whose_money_has_run_out_ends_as_at_its_limit() -> None:
    pipe, out = fed(start() + TEXT + text("a") + stop() + block(1, type="text", text="") + text("b", 1))
    shown = payloads(out + pipe.cut(ERROR, COSTS, None))
    assert [each["type"] for each in shown[-3:]] == ["content_block_stop", "message_delta", "error"]
    assert shown[-3]["index"] == 1
    assert shown[-2]["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    assert shown[-2]["usage"] | COST_VALUES == shown[-2]["usage"]


def test_a_finished_stream_whose_money_has_run_out_keeps_its_end() -> None:
    pipe, out = fed(HELLO)
    assert kinds(out + pipe.cut(ERROR, COSTS, None))[-3:] == ["message_delta", "message_stop", "error"]


def test_a_stream_that_never_began_is_cut_with_its_error_alone() -> None:
    pipe, out = fed(text("a"))
    assert kinds(out + pipe.cut(ERROR, COSTS, None)) == ["content_block_delta", "error"]


def test_an_end_with_odd_fields_still_gets_its_costs() -> None:
    ending: dict[str, Any] = {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7, "usage": "x"}}
    pipe, out = fed(start() + text("a") + event("message_delta", **ending) + LAST)
    found = payloads(out + pipe.end(COSTS, None))[-2]["usage"]
    assert found == {**ending["usage"], **COST_VALUES}
    assert json.loads(json.dumps(USAGE)) == USAGE
