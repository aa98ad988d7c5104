"""Completions whose bytes pass: the facts of a request, its few edits, and usage with costs at the end of an answer."""

import json
from typing import Any

import pytest

from tests.unit.dialects.openai_completions.dialect import (
    COST_VALUES,
    COSTS,
    DONE,
    ERROR,
    ESTIMATE,
    ESTIMATED,
    ID,
    USAGE,
    body,
    chunk,
    encoded,
    event,
    payloads,
)
from tollway.dialects.openai_completions import OPENAI_COMPLETIONS
from tollway.dialects.openai_completions.peek import peek
from tollway.dialects.passing import PassingStream
from tollway.dialects.record import CostFields, Lane, PatchedRequest, RequestEdits
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage

SHOWN = {**USAGE, **COST_VALUES}


def patched(raw: bytes, **edits: Any) -> PatchedRequest:
    return OPENAI_COMPLETIONS.patch_request(raw, peek(raw), RequestEdits(**{"model_routed": "m", **edits}))


def read(answer: object) -> Any:
    return OPENAI_COMPLETIONS.read_answer(encoded(answer), "application/json")


def stream(*, asked: bool = False, choices: int = 1) -> PassingStream:
    options: dict[str, object] = {"stream_options": {"include_usage": True}} if asked else {}
    found = OPENAI_COMPLETIONS.open_stream(peek(body(stream=True, n=choices, **options)))
    assert isinstance(found, PassingStream)
    return found


def ended(raw: bytes, *, asked: bool = False, choices: int = 1, costs: CostFields | None = COSTS) -> list[Any]:
    pipe = stream(asked=asked, choices=choices)
    out = pipe.feed(raw) + pipe.close()
    assert pipe.failure is None
    assert pipe.finished
    return payloads(out + pipe.end(costs, ESTIMATE))


def test_the_facts_of_a_request() -> None:
    raw = body(stream=True, stream_options={"include_usage": True}, max_tokens=9, n=2)
    assert peek(raw) == Peek(
        model_asked="m",
        streamed=True,
        usage_asked=True,
        output_tokens_max=9,
        choices=2,
        body_bytes=len(raw),
        media_parts=0,
    )
    assert peek(body()).output_tokens_max is None  # 16, says the dialect, and not every server keeps to it
    assert peek(body(max_tokens=0)).output_tokens_max == 1


@pytest.mark.parametrize(
    ("members", "choices"),
    [
        ({"prompt": ["a", "b"]}, 2),
        ({"prompt": [1, 2, 3]}, 1),
        ({"prompt": [[1], [2, 3]], "n": 2}, 4),
        ({"best_of": 5, "n": 2}, 5),
    ],
)
def test_every_prompt_has_its_answers(members: dict[str, object], choices: int) -> None:
    assert peek(body(**members)).choices == choices


@pytest.mark.parametrize("prompt", [None, 5, [], {}, [None], [1.5]])
def test_a_prompt_must_be_one(prompt: object) -> None:
    with pytest.raises(Refusal) as caught:
        peek(body(prompt=prompt))
    assert caught.value.param == "prompt"


def test_too_many_answers_are_refused() -> None:
    with pytest.raises(Refusal) as caught:
        peek(body(prompt=["a"] * 8_193, n=128))
    assert caught.value.param == "prompt"


def test_nothing_changes_where_nothing_must() -> None:
    raw = body(stream=True)
    found = patched(raw)
    assert found.body is raw
    assert found.lane is Lane.VERBATIM


def test_usage_is_asked_for_and_other_options_stay() -> None:
    raw = body(stream=True, stream_options={"x": 1})
    assert json.loads(patched(raw, usage_wanted=True).body)["stream_options"] == {"x": 1, "include_usage": True}
    assert json.loads(patched(body(stream=True), usage_wanted=True).body)["stream_options"] == {"include_usage": True}
    nothing = body(stream=True, stream_options=None)
    assert json.loads(patched(nothing, usage_wanted=True).body)["stream_options"] == {"include_usage": True}
    assert patched(body(), usage_wanted=True).lane is Lane.VERBATIM


@pytest.mark.parametrize(("given", "most", "expected"), [(5, 3, 3), (3, 5, 3), (None, 9, 9), (None, 99, 16)])
def test_a_limit_is_lowered_and_never_raised(given: int | None, most: int, expected: int) -> None:
    members = {} if given is None else {"max_tokens": given}
    assert json.loads(patched(body(**members), output_tokens_max=most).body)["max_tokens"] == expected


def test_what_every_dialect_edits() -> None:
    found = patched(
        body(seed=1, user="u"),
        model_routed="r",
        renames={"seed": "random_seed"},
        unsupported=frozenset({"user"}),
        added={"safe": True},
    )
    assert json.loads(found.body) == {"model": "r", "prompt": "Once", "random_seed": 1, "safe": True}
    assert found.dropped == ("user",)
    assert found.lane is Lane.PATCHED


def test_the_facts_of_an_answer() -> None:
    answer = {"model": "m-1", "choices": [{"text": "a"}], "usage": {**USAGE, "cost": 1}, "service_tier": "flex"}
    found = read(answer)
    assert (found.usage, found.model_answered, found.service_tier) == (Usage(input=3, output=1), "m-1", "flex")
    assert (found.text_bytes, found.provider_cost_nanos) == (0, 1_000_000_000)


def test_text_is_counted_only_where_usage_is_not_reported() -> None:
    choices = [{"text": "hä"}, {"text": 5}, 5]
    found = read({"choices": choices, "model": 5})
    assert (found.usage, found.text_bytes, found.model_answered) == (None, 3, None)
    zero = {"prompt_tokens": 0, "completion_tokens": 0}
    assert read({"choices": choices, "usage": zero}).usage is None
    assert read({"choices": [], "usage": zero}).usage == Usage(input=0, output=0)
    assert read({"choices": choices, "usage": {"prompt_tokens": 3}}).text_bytes == 3


@pytest.mark.parametrize("raw", [b"", b"{}", b'{"choices":[],"x":"\xff"}', b'{"error":{"message":"no"}}'])
def test_what_is_no_completion_is_junk(raw: bytes) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        OPENAI_COMPLETIONS.read_answer(raw, "application/json")
    assert caught.value.kind is FailureKind.JUNK


def test_costs_stand_in_the_usage_of_an_answer() -> None:
    found = read({"choices": [{"text": "a"}], "usage": USAGE})
    assert json.loads(OPENAI_COMPLETIONS.splice_cost(found, COSTS, None))["usage"] == SHOWN
    unsaid = read({"choices": [{"text": "a"}]})
    assert json.loads(OPENAI_COMPLETIONS.splice_cost(unsaid, COSTS, ESTIMATE))["usage"] == ESTIMATED


A, STOP = chunk("a"), chunk("", finish="stop")
COUNTED = event({**ID, "choices": [], "usage": USAGE})


def test_chunks_pass_as_they_came_and_the_last_one_waits() -> None:
    pipe = stream()
    assert pipe.feed(b": hello\n\n") == b""
    assert pipe.feed(A) == b": hello\n\n" + A
    assert pipe.content_started
    assert pipe.feed(STOP + COUNTED + DONE) == b""
    assert pipe.ended
    assert pipe.usage == Usage(input=3, output=1)
    assert (pipe.model_answered, pipe.delivered_events, pipe.delivered_text_bytes) == ("m-1", 1, 1)


def test_usage_and_costs_stand_on_the_last_choice() -> None:
    first, last, done = ended(A + STOP + COUNTED + b": bye\n\n" + DONE)
    assert "usage" not in first
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["usage"] == SHOWN
    assert done == "[DONE]"


def test_usage_and_costs_stand_alone_for_who_asked() -> None:
    first, last, counted, _ = ended(A + STOP + COUNTED + DONE, asked=True)
    assert "usage" not in first
    assert "usage" not in last
    assert (counted["choices"], counted["usage"]) == ([], SHOWN)
    on_choice = chunk("", finish="stop", usage=USAGE)
    _, last, counted, _ = ended(A + on_choice + DONE, asked=True)
    assert last["usage"] is None
    assert (counted["choices"], counted["usage"], counted["id"]) == ([], SHOWN, "c-1")


@pytest.mark.parametrize("asked", [False, True])
def test_what_else_stands_at_the_end_stays(asked: bool) -> None:
    note = {**ID, "choices": [], "note": 1}
    found = ended(A + STOP + event(note) + COUNTED + DONE, asked=asked)
    assert note in found
    assert [each["usage"] for each in found[:-1] if "usage" in each] == [SHOWN]


def test_usage_that_nobody_reported_is_estimated() -> None:
    assert ended(A + STOP + DONE)[-2]["usage"] == ESTIMATED
    assert ended(A + STOP)[-2:] == ended(A + STOP + DONE)[-2:]
    zero = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert ended(A + chunk("", finish="stop", usage=zero))[-2]["usage"] == ESTIMATED


def test_an_end_without_a_last_choice_gets_one() -> None:
    added = ended(A + DONE)[-2]
    assert added["choices"] == [{"text": "", "index": 0, "logprobs": None, "finish_reason": None}]
    assert (added["usage"], added["id"]) == (ESTIMATED, "c-1")
    assert ended(DONE)[0]["object"] == "text_completion"


def test_without_costs_the_bytes_stay_but_for_usage_that_nobody_asked_for() -> None:
    raw = A + STOP + COUNTED + DONE
    assert ended(raw, costs=None) == payloads(A + STOP + DONE)
    assert ended(raw, asked=True, costs=None) == payloads(raw)


def test_choices_that_end_early_pass() -> None:
    pipe = stream(choices=2)
    other = chunk("b", index=1)
    assert pipe.feed(A + STOP + other) == A + STOP + other
    assert not pipe.finished
    assert pipe.feed(chunk("", finish="length", index=1)) == b""
    assert pipe.finished


def test_choices_without_places_count_in_order() -> None:
    pipe = stream(choices=2)
    both = [{"text": "a", "finish_reason": "stop"}, {"text": "b", "finish_reason": "stop"}]
    pipe.feed(event({**ID, "choices": both}))
    assert pipe.finished


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"data: {oops\n\n", FailureKind.JUNK),
        (b'data: {"x":"\xff"}\n\n', FailureKind.JUNK),
        (event({"error": {"message": "no"}}), FailureKind.BROKE),
        (b"event: error\ndata: {}\n\n", FailureKind.BROKE),
    ],
)
def test_what_breaks_a_stream(raw: bytes, kind: FailureKind) -> None:
    pipe = stream()
    pipe.feed(A + raw)
    assert pipe.failure is not None
    assert pipe.failure.kind is kind


def test_a_stream_that_breaks_does_not_look_finished() -> None:
    pipe = stream()
    last = chunk("end", finish="stop")
    out = pipe.feed(A + last + COUNTED)
    *chunks, error = payloads(out + pipe.break_off(ERROR, COSTS, None))
    assert [each["choices"][0]["text"] for each in chunks] == ["a", "end"]
    assert not any(each["choices"][0]["finish_reason"] for each in chunks)
    assert error == {"error": {"message": "It broke."}, "usage": SHOWN}
    pipe = stream()
    assert payloads(pipe.feed(A) + pipe.break_off(ERROR, None, None))[-1] == {"error": {"message": "It broke."}}


def test_a_stream_that_is_cut_ends_at_its_limit() -> None:
    pipe = stream(choices=2)
    out = pipe.feed(A + STOP)
    *chunks, error, done = payloads(out + pipe.cut(ERROR, COSTS, ESTIMATE))
    assert [(each["choices"][0]["index"], each["choices"][0]["finish_reason"]) for each in chunks] == [
        (0, None),
        (0, "stop"),
        (1, "length"),
    ]
    assert chunks[-1]["usage"] == ESTIMATED
    assert (error, done) == ({"error": {"message": "It broke."}}, "[DONE]")


def test_a_cut_without_costs_tells_the_usage_that_is_known() -> None:
    pipe = stream()
    out = pipe.feed(A + COUNTED)
    assert payloads(out + pipe.cut(ERROR, None, ESTIMATE))[-3]["usage"] == USAGE
    pipe = stream()
    assert payloads(pipe.feed(A) + pipe.cut(ERROR, None, ESTIMATE))[-3]["usage"] is None
