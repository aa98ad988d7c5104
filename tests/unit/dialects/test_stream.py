"""The pipe of a streamed answer: what passes, what waits, how it ends."""

import json
from typing import Any

import pytest

from tests.unit.dialects.chunks import (
    COST_VALUES,
    COSTS,
    DONE,
    ERROR,
    ESTIMATE,
    ESTIMATED,
    HI,
    ID,
    ROLE,
    STOP,
    USAGE,
    chunk,
    event,
    payloads,
    usage_chunk,
)
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.openai_chat import stream as stream_module
from tollway.dialects.openai_chat.stream import ChatStream
from tollway.dialects.record import JSON, PLAIN_CALL, CostFields
from tollway.errors import FailureKind
from tollway.framing import sse
from tollway.neutral.usage import Usage

AZURE_FIRST = event({"id": "", "choices": [], "prompt_filter_results": [], "model": "", "object": "", "created": 0})


def started(*, usage_asked: bool = False, choices: int = 1) -> ChatStream:
    pipe = ChatStream(usage_asked=usage_asked, choices=choices)
    assert pipe.feed(ROLE) == b""
    assert pipe.feed(HI) == ROLE + HI
    return pipe


def whole(
    *events: bytes,
    usage_asked: bool = False,
    choices: int = 1,
    costs: CostFields | None = COSTS,
    estimate: Usage | None = ESTIMATE,
) -> bytes:
    pipe = ChatStream(usage_asked=usage_asked, choices=choices)
    out = b"".join(pipe.feed(each) for each in events) + pipe.close()
    assert pipe.failure is None
    return out + pipe.end(costs, estimate)


def decoded(*events: bytes, usage_asked: bool = False) -> list[Any]:
    return list(payloads(whole(*events, usage_asked=usage_asked)))


# -- what passes


def test_an_ordinary_event_passes_as_the_very_object() -> None:
    pipe = started()
    assert pipe.feed(HI) is HI


def test_what_comes_before_the_first_text_waits_so_that_another_provider_may_be_tried() -> None:
    pipe = ChatStream(usage_asked=False)
    for early in (b": OPENROUTER PROCESSING\n\n", AZURE_FIRST, ROLE):
        assert pipe.feed(early) == b""
        assert not pipe.content_started
    assert pipe.feed(HI) == b": OPENROUTER PROCESSING\n\n" + AZURE_FIRST + ROLE + HI
    assert pipe.content_started


def test_what_waits_at_the_start_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "LEAD_BYTES_MAX", 20)
    pipe = ChatStream(usage_asked=False)
    assert pipe.feed(b": 1234567890\n\n") == b""
    assert pipe.feed(b": 1234567890\n\n") == b": 1234567890\n\n" * 2
    assert pipe.content_started
    assert pipe.feed(b": 1\n\n") == b": 1\n\n"


@pytest.mark.parametrize(
    ("delta", "text_bytes"),
    [
        ({"content": "ä"}, 2),
        ({"reasoning_content": "ab"}, 2),
        ({"reasoning": "ab"}, 2),
        ({"refusal": "ab"}, 2),
        ({"reasoning": "ab", "reasoning_content": "ab"}, 2),
        ({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "find", "arguments": ""}}]}, 4),
        ({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}, 2),
        ({"tool_calls": [{"index": 0, "type": "custom", "custom": {"name": "f", "input": "ab"}}]}, 3),
        ({"tool_calls": [{"index": "0", "function": {"name": "f", "arguments": {"text": "ab"}}}]}, 3),
        ({"function_call": {"name": "f", "arguments": "{"}}, 2),
        ({"audio": {"id": "a", "data": "UklGRg==", "transcript": "ab"}}, 2),
        ({"audio": {"transcript": "ab"}, "content": {"text": "c"}}, 3),
        ({"content": [{"type": "text", "text": "abc"}]}, 3),
        ({"content": {"text": "abc"}}, 3),
    ],
)
def test_text_of_any_kind_begins_the_answer_and_is_counted(delta: object, text_bytes: int) -> None:
    pipe = ChatStream(usage_asked=False)
    assert pipe.feed(chunk(delta)) == chunk(delta)
    assert pipe.content_started
    assert (pipe.delivered_events, pipe.delivered_text_bytes) == (1, text_bytes)


@pytest.mark.parametrize("end", [b"data: [DONE]\n\n", b"data:  [DONE] \n\n"])
def test_a_stream_that_ends_before_it_says_anything_has_begun_and_is_not_asked_for_elsewhere(end: bytes) -> None:
    pipe = ChatStream(usage_asked=False)
    assert (pipe.feed(end), pipe.feed(HI)) == (b"", b"")
    assert pipe.content_started
    assert pipe.finished


def test_events_of_unknown_form_pass() -> None:
    pipe = started()
    for odd in (event({"type": "ping"}), event(5), event({"choices": 5}), event({"choices": [5], "model": 7})):
        assert pipe.feed(odd) == odd
    assert (pipe.failure, pipe.finished, pipe.delivered_events) == (None, False, 1)


def test_the_model_that_answered_is_the_first_that_was_named() -> None:
    pipe = ChatStream(usage_asked=False)
    pipe.feed(AZURE_FIRST)
    assert pipe.model_answered is None
    pipe.feed(ROLE + chunk({"content": "x"}, model="other"))
    assert pipe.model_answered == "m-1"


def test_crlf_streams_keep_their_line_ends() -> None:
    events = [each.replace(b"\n", b"\r\n") for each in (ROLE, HI, STOP, usage_chunk())]
    out = whole(*events)
    assert out.startswith(events[0] + events[1])
    assert out.count(b"\r\n\r\n") == 3
    assert out.endswith(b"}\r\n\r\n" + DONE)


def test_an_event_of_several_data_lines_is_read() -> None:
    lines = b'data: {"choices":[{"delta":\ndata: {"content":"x"},"finish_reason":"stop"}]}\n\n'
    assert decoded(lines)[0]["choices"][0] == {"delta": {"content": "x"}, "finish_reason": "stop"}


# -- how it ends


def test_for_a_client_that_did_not_ask_usage_and_cost_stand_on_the_last_chunk_with_a_choice() -> None:
    out = whole(ROLE, HI, STOP, usage_chunk(), DONE)
    assert out.startswith(ROLE + HI)
    last, done = list(payloads(out))[2:]
    assert last == {
        **ID,
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}],
        "usage": {**USAGE, **COST_VALUES},
    }
    assert done == "[DONE]"


def test_for_a_client_that_asked_the_usage_has_a_chunk_of_its_own_and_all_else_passes() -> None:
    out = whole(ROLE, HI, STOP, usage_chunk(x=1), DONE, usage_asked=True)
    assert out.startswith(ROLE + HI + STOP)
    assert list(payloads(out))[3:] == [{**ID, "choices": [], "usage": {**USAGE, **COST_VALUES}, "x": 1}, "[DONE]"]


@pytest.mark.parametrize("usage_asked", [False, True])
def test_without_cost_fields_the_bytes_are_the_providers(usage_asked: bool) -> None:
    sent = (ROLE, HI, b": c\n\n", STOP, b": c\n\n", usage_chunk(), DONE)
    expected = b"".join(sent) if usage_asked else b"".join(sent).replace(usage_chunk(), b"")
    assert whole(*sent, usage_asked=usage_asked, costs=None) == expected


@pytest.mark.parametrize("delta", [{}, None, {"content": None}, {"content": ""}, {"role": "assistant"}])
def test_the_last_chunk_always_has_a_string_to_print(delta: object) -> None:
    last = decoded(HI, chunk(delta, finish="stop"), usage_chunk(), DONE)[1]
    assert last["choices"][0]["delta"]["content"] == ""


def test_text_in_the_last_chunk_stays() -> None:
    last = decoded(HI, chunk({"content": "!"}, finish="stop", usage=USAGE), DONE)[1]
    assert last["choices"][0]["delta"] == {"content": "!"}
    assert last["usage"] == {**USAGE, **COST_VALUES}


def test_usage_in_the_finishing_chunk_moves_to_its_own_for_a_client_that_asked() -> None:
    finish, last, done = decoded(HI, chunk({}, finish="stop", usage=USAGE), DONE, usage_asked=True)[1:]
    assert (finish["usage"], finish["choices"][0]["finish_reason"]) == (None, "stop")
    assert last == {**ID, "choices": [], "usage": {**USAGE, **COST_VALUES}}
    assert done == "[DONE]"


def test_a_usage_chunk_that_has_a_choice_is_the_last_chunk() -> None:
    sent = (HI, STOP, chunk({"content": ""}, usage=USAGE), DONE)
    out = whole(*sent)
    assert out.startswith(HI + STOP)
    assert list(payloads(out))[2]["usage"] == {**USAGE, **COST_VALUES}  # type: ignore[index]
    assert [each["usage"] for each in decoded(*sent, usage_asked=True)[2:4]] == [None, {**USAGE, **COST_VALUES}]


@pytest.mark.parametrize("usage_asked", [False, True])
def test_of_usage_on_every_chunk_the_last_counts(usage_asked: bool) -> None:
    running = chunk({"content": "x"}, usage={"prompt_tokens": 3, "completion_tokens": 0})
    pipe = ChatStream(usage_asked=usage_asked)
    assert pipe.feed(running) == running
    assert pipe.feed(chunk({"content": "x"}, usage=USAGE)) == chunk({"content": "x"}, usage=USAGE)
    pipe.feed(STOP + DONE)
    assert pipe.usage == Usage(input=3, output=1)
    shown = [each for each in payloads(pipe.end(COSTS, None)) if isinstance(each, dict) and each.get("usage")]
    assert [each["usage"] for each in shown] == [{**USAGE, **COST_VALUES}]
    assert bool(shown[0]["choices"]) is not usage_asked


@pytest.mark.parametrize("tail", [(), *((usage_chunk(usage),) for usage in ({}, {"prompt_tokens": -1}, "junk"))])
@pytest.mark.parametrize("usage_asked", [False, True])
def test_where_nothing_was_reported_the_estimate_is_shown_and_says_so(
    tail: tuple[bytes, ...], usage_asked: bool
) -> None:
    *_, last, done = decoded(HI, STOP, *tail, DONE, usage_asked=usage_asked)
    assert (last["usage"], done) == (ESTIMATED, "[DONE]")


def test_zero_usage_is_not_a_report_when_there_was_text() -> None:
    zero = {"prompt_tokens": 0, "completion_tokens": 0}
    pipe = started()
    pipe.feed(STOP + usage_chunk(zero) + DONE)
    assert pipe.usage is None
    silent = ChatStream(usage_asked=False)
    silent.feed(STOP + usage_chunk(zero) + DONE)
    assert silent.usage == Usage(input=0, output=0)


@pytest.mark.parametrize("usage_asked", [False, True])
def test_a_missing_done_is_added(usage_asked: bool) -> None:
    assert decoded(HI, STOP, usage_asked=usage_asked)[-1] == "[DONE]"


def test_a_stream_that_ends_with_done_and_no_reason_gets_a_last_chunk() -> None:
    role, text, last, done = decoded(ROLE, HI, DONE)
    assert (role["model"], text["model"], done) == ("m-1", "m-1", "[DONE]")
    assert last == {
        **ID,
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": None}],
        "usage": ESTIMATED,
    }


def test_a_stream_of_nothing_but_done_ends_like_one() -> None:
    last, done = decoded(DONE)
    assert (last["choices"][0]["delta"], last["object"], done) == ({"content": ""}, "chat.completion.chunk", "[DONE]")


def test_a_finishing_chunk_of_odd_form_passes_and_another_carries_the_usage() -> None:
    odd = event({**ID, "choices": [{"delta": "odd", "finish_reason": "stop"}]})
    first, second, done = decoded(odd, usage_chunk(), DONE)
    assert first["choices"][0]["delta"] == "odd"
    assert second["usage"] == {**USAGE, **COST_VALUES}
    assert done == "[DONE]"


def test_events_between_the_last_choice_and_the_end_keep_their_order() -> None:
    late = event({**ID, "choices": [], "content_filter_offsets": {}})
    assert decoded(HI, STOP, late, usage_chunk(), DONE)[2]["content_filter_offsets"] == {}
    assert [len(each["choices"]) for each in decoded(HI, STOP, late, DONE, usage_asked=True)[:-1]] == [1, 1, 0, 0]


def test_a_usage_chunk_in_the_middle_is_hidden_from_a_client_that_did_not_ask() -> None:
    pipe = started()
    assert pipe.feed(usage_chunk()) == b""
    assert pipe.feed(HI) == HI
    asked = started(usage_asked=True)
    assert asked.feed(usage_chunk()) == b""
    assert asked.feed(ROLE) == usage_chunk() + ROLE


def test_what_comes_after_done_does_not_pass() -> None:
    pipe = started()
    assert pipe.feed(STOP + DONE + HI) == b""
    assert pipe.feed(HI) == b""
    assert pipe.ended
    assert list(payloads(pipe.end(COSTS, None)))[-1] == "[DONE]"


def test_a_provider_that_does_not_end_is_junk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "TAIL_BYTES_MAX", 100)
    pipe = started()
    pipe.feed(STOP)
    for _ in range(10):
        assert pipe.feed(b": 123456789012345\n\n") == b""
    assert pipe.failure is not None
    assert pipe.failure.kind is FailureKind.JUNK


# -- several choices


def test_with_several_choices_the_usage_stands_on_the_last_to_finish() -> None:
    ends = [chunk({}, finish="stop", index=index) for index in range(3)]
    pipe = ChatStream(usage_asked=False, choices=3)
    assert pipe.feed(HI) == HI
    assert pipe.feed(ends[0]) == b""
    assert not pipe.finished
    assert pipe.feed(ends[1]) == ends[0]
    assert pipe.feed(chunk({"content": "x"}, index=2)) == ends[1]
    assert pipe.feed(ends[2]) == chunk({"content": "x"}, index=2)
    assert pipe.finished
    last = next(payloads(pipe.end(COSTS, ESTIMATE)))
    assert isinstance(last, dict)
    assert (last["choices"][0]["index"], last["usage"]) == (2, ESTIMATED)


def test_a_stream_that_lost_one_of_its_choices_is_not_finished() -> None:
    pipe = ChatStream(usage_asked=False, choices=2)
    pipe.feed(HI + STOP)
    assert not pipe.finished
    pipe.feed(event({"choices": [{"index": 1, "delta": "odd", "finish_reason": "stop"}]}))
    assert pipe.finished


def test_an_odd_choice_without_index_counts_by_its_place() -> None:
    pipe = ChatStream(usage_asked=False, choices=2)
    pipe.feed(event({"choices": [{"delta": 1, "finish_reason": "stop"}, {"delta": 1, "finish_reason": "stop"}]}))
    assert pipe.finished


# -- what goes wrong


@pytest.mark.parametrize("partial", [b"", HI[:-1], HI[:-2], b"data: [DO", b'data: {"choices":[{"finish_reason":"st'])
def test_a_truncated_stream_is_never_a_finished_one(partial: bytes) -> None:
    pipe = started()
    assert pipe.feed(partial) == b""
    pipe.close()
    assert not pipe.finished
    assert pipe.failure is None


def test_an_empty_finish_reason_is_none() -> None:
    pipe = started()
    assert pipe.feed(chunk({"content": "x"}, finish="")) == chunk({"content": "x"}, finish="")
    assert not pipe.finished


@pytest.mark.parametrize(
    ("rest", "line_end"), [(b"data: [DONE]", b"\n"), (b"data: [DONE]\n", b"\n"), (b"data: [DONE]\r\n", b"\r\n")]
)
def test_a_last_event_without_blank_line_counts_when_it_is_whole(rest: bytes, line_end: bytes) -> None:
    pipe = started()
    pipe.feed(STOP + rest)
    assert not pipe.ended
    assert pipe.close() == b""
    assert pipe.ended
    assert pipe.end(COSTS, None).endswith(b"data: [DONE]" + line_end * 2)


def test_an_end_with_a_space_behind_it_is_one() -> None:
    pipe = started()
    pipe.feed(STOP)
    assert pipe.feed(b"data: [DONE] \n\n") == b""
    assert pipe.ended
    assert pipe.failure is None
    assert pipe.end(COSTS, None).endswith(b"data: [DONE] \n\n")


def test_a_last_chunk_without_blank_line_passes_when_it_is_whole() -> None:
    pipe = started()
    pipe.feed(HI[:-2])
    assert pipe.close() == HI
    pipe.feed(b": c")
    assert pipe.close() == b""


@pytest.mark.parametrize(
    "error",
    [
        event({"error": {"message": "Overloaded", "type": "server_error"}}),
        b'event: error\ndata: {"message":"Overloaded"}\n\n',
        b'event: error\ndata: {"error":{"message":"Overloaded"}}\n\n',
        event({**ID, "error": "Overloaded", "choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]}),
        event({"error": {"message": "Overloaded"}, "choices": 5}),
    ],
)
def test_an_error_inside_a_stream_is_a_failure_and_never_passes(error: bytes) -> None:
    for pipe in (ChatStream(usage_asked=False), started()):
        assert pipe.feed(error + HI + STOP + DONE) == b""
        assert pipe.failure is not None
        assert pipe.failure.kind is FailureKind.BROKE
        assert "Overloaded" in pipe.failure.message
        assert pipe.feed(HI) == b""
        assert pipe.close() == b""
        assert not pipe.finished


def test_a_null_error_is_no_error() -> None:
    pipe = started()
    assert pipe.feed(chunk({"content": "x"}, error=None)) == chunk({"content": "x"}, error=None)


@pytest.mark.parametrize(
    "junk", [b"data: <html>\n\n", b"data: {\n\n", b'data: {"model":"\xff"}\n\n', b"data: " + b"[" * 5000 + b"\n\n"]
)
def test_an_event_that_is_not_json_is_junk(junk: bytes) -> None:
    pipe = started()
    assert pipe.feed(HI + junk + HI) == HI
    assert pipe.failure is not None
    assert pipe.failure.kind is FailureKind.JUNK


def test_an_endless_event_is_junk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "EVENT_BYTES_MAX", 100)
    pipe = started()
    assert pipe.feed(b"x" * 101) == b""
    assert pipe.failure is not None
    assert pipe.failure.kind is FailureKind.JUNK


# -- how it breaks off


def test_a_broken_stream_ends_with_an_error_and_what_was_delivered_costs() -> None:
    pipe = started()
    pipe.feed(HI[:9])
    (broken,) = payloads(pipe.break_off(ERROR, COSTS, ESTIMATE))
    assert isinstance(broken, dict)
    assert broken["error"]["message"] == "It broke."
    assert broken["usage"] == ESTIMATED


def test_reported_usage_of_a_broken_stream_is_shown_as_reported() -> None:
    pipe = ChatStream(usage_asked=False)
    pipe.feed(chunk({"content": "x"}, usage=USAGE))
    (broken,) = payloads(pipe.break_off(ERROR, COSTS, ESTIMATE))
    assert isinstance(broken, dict)
    assert broken["usage"] == {**USAGE, **COST_VALUES}


def test_without_cost_fields_a_broken_stream_ends_with_the_error_alone() -> None:
    assert started().break_off(ERROR, None, ESTIMATE) == b"data: " + ERROR + b"\n\n"


def test_a_broken_stream_has_no_finish_reason_but_loses_no_text() -> None:
    pipe = started(choices=2)
    pipe.feed(chunk({"content": "!"}, finish="stop"))
    text, broken = payloads(pipe.break_off(ERROR, COSTS, ESTIMATE))
    assert isinstance(text, dict)
    assert text["choices"] == [{"index": 0, "delta": {"content": "!"}, "finish_reason": None}]
    assert isinstance(broken, dict)
    assert set(broken) == {"error", "usage"}


def test_a_broken_stream_drops_what_carries_no_text() -> None:
    pipe = started(choices=2)
    pipe.feed(STOP + usage_chunk() + b": c\n\n")
    assert len(list(payloads(pipe.break_off(ERROR, COSTS, ESTIMATE)))) == 1


def test_text_of_a_form_that_cannot_be_edited_is_dropped_when_a_stream_breaks() -> None:
    pipe = started(choices=2)
    pipe.feed(event({"choices": [{"delta": {"content": {"text": "x"}}, "finish_reason": "stop"}, 5]}))
    assert len(list(payloads(pipe.break_off(ERROR, COSTS, ESTIMATE)))) == 1


def test_a_stream_that_breaks_before_its_first_text_still_ends_with_an_error() -> None:
    pipe = ChatStream(usage_asked=False)
    pipe.feed(ROLE)
    assert pipe.break_off(ERROR, None, None) == ROLE + b"data: " + ERROR + b"\n\n"


@pytest.mark.parametrize("place", [b'"choices"', b'"index"', b'"content"'])
@pytest.mark.parametrize("usage_asked", [True, False])
def test_a_name_that_is_not_utf8_is_junk_before_it_can_break_the_end(place: bytes, usage_asked: bool) -> None:
    pipe = ChatStream(usage_asked=usage_asked)
    pipe.feed(ROLE + HI)
    pipe.feed(chunk({"content": "!"}, finish="stop").replace(place, b'"\xff":1,' + place))
    assert pipe.failure is not None
    broken = list(payloads(pipe.break_off(ERROR, COSTS, ESTIMATE)))[-1]
    assert isinstance(broken, dict)
    assert set(broken) == {"error", "usage"}


# -- how it is cut for lack of money


def length(index: int = 0, **more: object) -> dict[str, object]:
    return {**ID, "choices": [{"index": index, "delta": {"content": ""}, "finish_reason": "length"}], **more}


BROKEN = {"error": json.loads(ERROR)["error"]}


def test_a_stream_whose_money_ran_out_ends_as_at_its_limit_and_then_says_why() -> None:
    pipe = started()
    pipe.feed(HI[:9])
    out = pipe.cut(ERROR, COSTS, ESTIMATE)
    assert list(payloads(out)) == [length(usage=ESTIMATED), BROKEN, "[DONE]"]


def test_a_cut_stream_shows_usage_and_cost_as_the_client_asked_for_them() -> None:
    pipe = started(usage_asked=True)
    cut = list(payloads(pipe.cut(ERROR, COSTS, ESTIMATE)))
    assert cut == [length(), {**ID, "choices": [], "usage": ESTIMATED}, BROKEN, "[DONE]"]


@pytest.mark.parametrize("usage_asked", [True, False])
def test_without_cost_fields_a_cut_stream_shows_no_usage_of_ours(usage_asked: bool) -> None:
    pipe = started(usage_asked=usage_asked)
    assert list(payloads(pipe.cut(ERROR, None, ESTIMATE))) == [length(), BROKEN, "[DONE]"]


@pytest.mark.parametrize("usage_asked", [True, False])
def test_a_cut_stream_shows_the_usage_that_was_reported_until_then_once(usage_asked: bool) -> None:
    pipe = started(usage_asked=usage_asked)
    pipe.feed(chunk({"content": "x"}, usage={"prompt_tokens": 3, "completion_tokens": 0}))
    pipe.feed(usage_chunk())
    shown = [each for each in payloads(pipe.cut(ERROR, COSTS, ESTIMATE)) if "usage" in str(each)]
    assert [each["usage"] for each in shown if isinstance(each, dict)] == [{**USAGE, **COST_VALUES}]


@pytest.mark.parametrize("usage_asked", [True, False])
def test_of_several_choices_only_those_are_cut_that_have_not_finished(usage_asked: bool) -> None:
    pipe = started(choices=3, usage_asked=usage_asked)
    end = chunk({"content": "!"}, finish="stop", index=1)
    assert pipe.feed(end) == b""
    out = pipe.cut(ERROR, COSTS, ESTIMATE)
    assert out.startswith(end)
    first, second, *last = list(payloads(out))[1:-2]
    if usage_asked:
        assert [first, second, *last] == [length(0), length(2), {**ID, "choices": [], "usage": ESTIMATED}]
    else:
        assert [first, second] == [length(0), length(2, usage=ESTIMATED)]
        assert not last


def test_a_choice_that_finished_keeps_its_reason_when_its_stream_is_cut() -> None:
    pipe = started()
    pipe.feed(STOP + DONE)
    last, *rest = payloads(pipe.cut(ERROR, COSTS, ESTIMATE))
    assert isinstance(last, dict)
    assert (last["choices"][0]["finish_reason"], last["usage"]) == ("stop", ESTIMATED)
    assert rest == [BROKEN, "[DONE]"]


def test_a_stream_that_is_cut_before_its_first_text_shows_what_was_withheld() -> None:
    pipe = ChatStream(usage_asked=False)
    pipe.feed(ROLE)
    assert pipe.cut(ERROR, None, None).startswith(ROLE)
    empty = list(payloads(ChatStream(usage_asked=False).cut(ERROR, COSTS, ESTIMATE)))
    assert empty[0] == length(id="", created=0, model="", usage=ESTIMATED)


# -- the door


def test_the_pipe_is_opened_from_the_facts_of_the_request() -> None:
    peek = OPENAI_CHAT.peek(
        b'{"model":"m","messages":[{}],"n":2,"stream":true,"stream_options":{"include_usage":true}}', PLAIN_CALL
    )
    pipe = OPENAI_CHAT.open_stream(peek)
    pipe.feed(HI + STOP)
    assert not pipe.finished
    pipe.feed(chunk({}, finish="stop", index=1))
    assert pipe.finished
    assert list(payloads(pipe.end(COSTS, ESTIMATE)))[1] == {**ID, "choices": [], "usage": ESTIMATED}


# -- what is told beside the usage


def test_the_tier_is_the_one_named_with_the_usage_else_with_the_last_choice() -> None:
    pipe = ChatStream(usage_asked=False)
    assert pipe.service_tier is None
    pipe.feed(ROLE + chunk({"content": "a"}, service_tier="auto") + chunk({}, finish="stop", service_tier="flex"))
    assert pipe.service_tier == "flex"
    pipe.feed(usage_chunk(service_tier="default"))
    assert pipe.service_tier == "default"


@pytest.mark.parametrize("tier", [5, None, {}])
def test_a_tier_that_is_no_word_is_none(tier: object) -> None:
    pipe = started()
    pipe.feed(chunk({}, finish="stop", service_tier=tier))
    assert pipe.service_tier is None


def test_what_the_provider_paid_is_read_from_the_last_usage() -> None:
    pipe = started()
    assert pipe.provider_cost_nanos is None
    pipe.feed(STOP + usage_chunk())
    assert pipe.provider_cost_nanos is None
    pipe.feed(usage_chunk({**USAGE, "cost": 0.5}))
    assert pipe.provider_cost_nanos == 500_000_000
    zero = started()
    zero.feed(STOP + usage_chunk({**USAGE, "cost": 0}))
    assert zero.provider_cost_nanos == 0


GROQ_STOP = chunk({}, finish="stop", x_groq={"id": "req_1", "usage": USAGE})


def test_groqs_own_place_for_usage_is_read_when_there_is_no_other() -> None:
    pipe = started()
    pipe.feed(GROQ_STOP)
    assert pipe.usage == Usage(input=3, output=1)
    other = started()
    other.feed(chunk({}, finish="stop", usage={"prompt_tokens": 5, "completion_tokens": 6}, x_groq={"usage": USAGE}))
    assert other.usage == Usage(input=5, output=6)
    first = started()
    first.feed(chunk({}, x_groq={"id": "req_1"}) + chunk({}, x_groq=None) + STOP)
    assert first.usage is None


@pytest.mark.parametrize("asked", [False, True])
def test_groqs_usage_is_shown_where_clients_look_for_it(asked: bool) -> None:
    *_, last, done = decoded(ROLE, HI, GROQ_STOP, DONE, usage_asked=asked)
    assert last["usage"] == {**USAGE, **COST_VALUES}
    assert done == "[DONE]"


def test_junk_in_groqs_place_harms_nothing() -> None:
    pipe = started()
    pipe.feed(chunk({}, finish="stop", x_groq=5))
    assert (pipe.usage, pipe.finished) == (None, True)


def test_lesson_40_a_later_report_of_usage_supersedes_the_earlier_and_is_not_added_to_it() -> None:
    pipe = started()
    for prompt, cached, completion in ((9, 0, 1), (10, 4, 2)):
        counts = {"prompt_tokens": prompt, "completion_tokens": completion}
        pipe.feed(chunk({"content": "a"}, usage={**counts, "prompt_tokens_details": {"cached_tokens": cached}}))
    pipe.feed(STOP)
    assert pipe.usage == Usage(input=6, cached_input=4, output=2)


@pytest.mark.parametrize("usage", [USAGE, {**USAGE, "prompt_tokens_details": {"cached_tokens": 2}, "cost": 0}])
def test_lesson_12_streamed_and_whole_the_same_is_read(usage: dict[str, object]) -> None:
    pipe = started()
    pipe.feed(STOP + usage_chunk(usage, service_tier="flex"))
    body = json.dumps({"choices": [{"message": {"content": "hi"}}], "usage": usage, "service_tier": "flex"}).encode()
    read = OPENAI_CHAT.read_answer(body, JSON)
    assert (pipe.usage, pipe.provider_cost_nanos, pipe.service_tier) == (
        read.usage,
        read.provider_cost_nanos,
        read.service_tier,
    )
