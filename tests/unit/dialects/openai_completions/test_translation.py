"""Completions of other dialects, and by others: one prompt, and a text that goes on with it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from openai.types import Completion

from tests.unit.dialects.openai_completions.dialect import (
    COST_VALUES,
    DONE,
    ERROR,
    USAGE,
    asked,
    chunk,
    closing,
    encoded,
    event,
    open_reader,
    open_writer,
    parse_answer,
    parsed,
    payloads,
    render_answer,
    rendered,
    terms,
)
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.neutral.answer import ChatAnswer, Choice, events_of, fold
from tollway.neutral.events import (
    DeclinedDelta,
    Event,
    Finished,
    ReasoningDelta,
    Started,
    StopReason,
    TextDelta,
    TokenLogprob,
    Told,
)
from tollway.neutral.parts import CacheMark, Declined, Image, Inline, Reasoning, Text
from tollway.neutral.request import (
    ChatRequest,
    Effort,
    Message,
    OutputForm,
    OutputKind,
    ReasoningWish,
    Role,
    Tool,
    ToolChoice,
    ToolUse,
)
from tollway.neutral.usage import Usage

SHOWN = {**USAGE, **COST_VALUES}
HI = TextDelta(text="hi")
STOP = Finished(reason=StopReason.STOP)
TOKEN = TokenLogprob(token="hi", logprob=-0.5, top=(TokenLogprob(token="ho", logprob=-1.0),))
LIKELY = {"tokens": ["hi"], "token_logprobs": [-0.5], "top_logprobs": [{"ho": -1.0}], "text_offset": [0]}


def refusal_of(**members: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        parsed(**members)
    return caught.value


def test_a_prompt_is_one_message_to_be_gone_on_with() -> None:
    request = parsed()
    message = Message(role=Role.USER, parts=(Text(text="Once"),))
    assert request == ChatRequest(model="m", messages=(message,), completes=True, output_tokens_max=16)
    assert parsed(prompt=["Once"]) == request
    assert parsed(echo=False, suffix="", best_of=1, stop=None) == request


def test_everything_that_tunes() -> None:
    request = parsed(
        stream=True,
        max_tokens=5,
        temperature=0.5,
        top_p=1,
        top_k=3,
        min_p=0.1,
        seed=4,
        frequency_penalty=0.2,
        presence_penalty=0.3,
        logit_bias={"5": -100},
        logprobs=2,
        user="u",
        service_tier="flex",
        suffix="end",
        stop="x",
        n=2,
        best_of=2,
        other={"a": 1},
    )
    assert {name: bytes(value) for name, value in request.knobs.items()} == {"other": b'{"a":1}'}
    assert request == ChatRequest(
        model="m",
        messages=request.messages,
        completes=True,
        streamed=True,
        output_tokens_max=5,
        temperature=0.5,
        top_p=1.0,
        top_k=3,
        min_p=0.1,
        seed=4,
        frequency_penalty=0.2,
        presence_penalty=0.3,
        logit_bias={"5": -100.0},
        logprobs=True,
        top_logprobs=2,
        end_user="u",
        service_tier="flex",
        suffix="end",
        stop=("x",),
        choices=2,
        knobs=request.knobs,
    )
    assert parsed(stop=["a", "b"]).stop == ("a", "b")


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"echo": True}, "echo"),
        ({"best_of": 2}, "best_of"),
        ({"temperature": "hot"}, "temperature"),
        ({"stop": 5}, "stop"),
        ({"echo": "yes"}, "echo"),
    ],
)
def test_what_has_no_place_elsewhere_is_refused_by_name(members: dict[str, object], param: str) -> None:
    assert refusal_of(**members).param == param


def test_the_least_request() -> None:
    body, dropped = rendered(asked(), output_tokens_default=100)
    assert body == {"model": "r", "prompt": "Once", "max_tokens": 100}
    assert dropped == ()


def test_everything_that_a_completion_knows() -> None:
    body, dropped = rendered(
        asked(
            Text(text="On"),
            Text(text="ce", cache=CacheMark.HOUR),
            output_tokens_max=9,
            stop=("x",),
            choices=2,
            temperature=0.5,
            suffix="end",
            end_user="u",
            top_logprobs=3,
            verbosity="low",
            cache_key="k",
            parallel_tool_calls=True,
            reasoning=ReasoningWish(effort=Effort.LOW),
            knobs={"other": Raw(b"1")},
            tool_choice=ToolChoice(use=ToolUse.NONE),
            output=OutputForm(kind=OutputKind.TEXT),
        ),
        streamed=True,
        usage_wanted=True,
        output_tokens_max=5,
    )
    assert body == {
        "model": "r",
        "prompt": "Once",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 5,
        "stop": ["x"],
        "n": 2,
        "temperature": 0.5,
        "user": "u",
        "suffix": "end",
        "logprobs": 3,
    }
    assert dropped == ("cache_control", "parallel_tool_calls", "verbosity", "cache_key", "reasoning", "other")


def test_likelihoods_are_asked_for_by_number() -> None:
    assert rendered(asked(logprobs=True))[0]["logprobs"] == 0
    assert "logprobs" not in rendered(asked(logprobs=False, top_logprobs=2))[0]
    assert "stream_options" not in rendered(asked(), streamed=True)[0]
    assert rendered(asked(reasoning=ReasoningWish(shown=True)))[1] == ()
    assert rendered(asked(reasoning=ReasoningWish(budget_tokens=5)))[1] == ("reasoning",)


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (asked(completes=False), "messages"),
        (asked(messages=(*asked().messages, *asked().messages)), "messages"),
        (asked(messages=(Message(role=Role.SYSTEM, parts=()),)), "messages"),
        (asked(Image(source=Inline(media_type="image/png", data="AA"))), "messages"),
        (asked(tools=(Tool(name="f"),)), "tools"),
        (asked(tool_choice=ToolChoice(use=ToolUse.REQUIRED)), "tool_choice"),
        (asked(output=OutputForm(kind=OutputKind.JSON_OBJECT)), "response_format"),
        (asked(audio=Raw(b"{}")), "audio"),
    ],
)
def test_what_is_more_than_a_prompt_is_refused(request_: ChatRequest, param: str) -> None:
    with pytest.raises(Refusal) as caught:
        rendered(request_)
    assert caught.value.param == param


def test_a_whole_answer_is_read() -> None:
    body = {
        "id": "c-1",
        "created": 5,
        "model": "m-1",
        "choices": [
            {"text": "hi", "index": 0, "logprobs": LIKELY, "finish_reason": "length"},
            {"text": "ho", "logprobs": None, "finish_reason": "stop", "stop_reason": "END"},
            {"text": "", "finish_reason": "stop", "matched_stop": 5},
        ],
        "usage": USAGE,
    }
    assert parse_answer(encoded(body)) == ChatAnswer(
        choices=(
            Choice(parts=(Text(text="hi"),), reason=StopReason.LENGTH, logprobs=(TOKEN,)),
            Choice(parts=(Text(text="ho"),), reason=StopReason.STOP_SEQUENCE, sequence="END"),
            Choice(parts=(), reason=StopReason.STOP),
        ),
        usage=Usage(input=3, output=1),
        id="c-1",
        model="m-1",
        created_s=5,
    )


def test_likelihoods_may_be_shorter_than_their_tokens() -> None:
    likely = {"tokens": ["a", "b", "c"], "token_logprobs": [None, -1], "top_logprobs": [None]}
    body = {"choices": [{"text": "", "index": 0, "logprobs": likely, "finish_reason": "stop"}]}
    assert [each.logprob for each in parse_answer(encoded(body)).choices[0].logprobs] == [0.0, -1.0, 0.0]
    bare = {"choices": [{"text": "abc", "logprobs": {"tokens": ["abc"]}}, {"text": "x", "logprobs": {}}]}
    assert parse_answer(encoded(bare)).choices[0].logprobs == (TokenLogprob(token="abc", logprob=0.0),)
    odd = {"choices": [{"text": "abc", "logprobs": {"tokens": 5}}]}
    assert parse_answer(encoded(odd)).choices[0].parts == (Text(text="abc"),)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"choices":[{"text":"x","finish_reason":"error"}]}'])
def test_what_is_no_completion_is_junk(body: bytes) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        parse_answer(body)
    assert caught.value.kind is FailureKind.JUNK


def test_a_stream_is_read() -> None:
    reader = open_reader()
    events = reader.feed(chunk("h") + chunk(None) + chunk("i", finish="stop") + chunk("", finish="stop"))
    assert reader.finished
    assert events == [
        Started(id="c-1", model="m-1", created_s=5),
        TextDelta(text="h"),
        TextDelta(text="i"),
        STOP,
    ]
    assert reader.feed(event({"choices": []}) + DONE) == []
    assert reader.ended


def written(*events: Event, usage_asked: bool = False, costed: bool = True) -> list[Any]:
    writer = open_writer(terms(usage_asked=usage_asked))
    out = b"".join(writer.write([each]) for each in events)
    end = writer.end(closing() if costed else closing(costs=None))
    found = payloads(out + end)
    assert found.pop() == "[DONE]"
    for each in found:
        Completion.model_validate(
            json.loads(json.dumps(each).replace('"finish_reason": null', '"finish_reason": "stop"'))
        )
    return found


def test_a_stream_is_written() -> None:
    head = {"id": "cmpl-r-1", "object": "text_completion", "created": 7, "model": "m-2"}
    found = written(Started(model="m-2"), ReasoningDelta(text="hm"), HI, Told(), DeclinedDelta(text="no"), STOP)
    assert found == [
        {**head, "choices": [{"text": "hi", "index": 0, "logprobs": None, "finish_reason": None}]},
        {**head, "choices": [{"text": "no", "index": 0, "logprobs": None, "finish_reason": None}]},
        {**head, "choices": [{"text": "", "index": 0, "logprobs": None, "finish_reason": "stop"}], "usage": SHOWN},
    ]


def test_usage_stands_alone_for_who_asked() -> None:
    found = written(HI, STOP, usage_asked=True)
    assert [each["usage"] for each in found] == [None, None, SHOWN]
    assert found[-1]["choices"] == []
    assert written(HI, STOP, usage_asked=True, costed=False)[-1]["usage"] == USAGE
    assert not any("usage" in each for each in written(HI, STOP, costed=False))


def test_likelihoods_count_on_in_a_stream() -> None:
    token = TextDelta(text="hi", logprobs=(TOKEN,))
    found = written(token, token, Finished(reason=StopReason.LENGTH))
    assert found[0]["choices"][0]["logprobs"] == LIKELY
    assert found[1]["choices"][0]["logprobs"]["text_offset"] == [2]
    assert found[2]["choices"][0]["finish_reason"] == "length"


def test_several_choices_and_one_that_only_thought() -> None:
    found = written(ReasoningDelta(text="hm", choice=1), HI, Finished(reason=StopReason.TOOL_CALLS, choice=1))
    assert [(each["choices"][0]["index"], each["choices"][0]["finish_reason"]) for each in found] == [
        (0, None),
        (0, "stop"),
        (1, "stop"),
    ]
    assert ["usage" in each for each in found] == [False, False, True]
    assert written()[0]["choices"][0]["index"] == 0


def test_a_stream_that_breaks_does_not_look_finished() -> None:
    writer = open_writer(terms())
    found = payloads(writer.write([HI, STOP]) + writer.break_off(ERROR, closing()))
    assert [each["choices"][0]["finish_reason"] for each in found[:-1]] == [None]
    assert found[-1] == {"error": {"message": "It broke."}, "usage": SHOWN}
    assert payloads(open_writer(terms()).break_off(ERROR, None)) == [{"error": {"message": "It broke."}}]


def test_a_stream_that_is_cut_ends_at_its_limit() -> None:
    writer = open_writer(terms(choices=2))
    out = writer.write([HI, STOP])
    *chunks, error, done = payloads(out + writer.cut(ERROR, closing()))
    assert (error, done) == ({"error": {"message": "It broke."}}, "[DONE]")
    assert [each["choices"][0]["finish_reason"] for each in chunks] == [None, "stop", "length"]
    assert chunks[-1]["usage"] == SHOWN


def test_a_whole_answer_is_written() -> None:
    choice = Choice(
        parts=(Reasoning(text="hm"), Text(text="hi"), Declined(text="no")),
        reason=StopReason.CONTENT_FILTER,
        logprobs=(TOKEN,),
    )
    body = json.loads(render_answer(ChatAnswer(choices=(choice,), model="m-2"), terms(), closing()))
    Completion.model_validate(body, strict=True)
    assert body == {
        "id": "cmpl-r-1",
        "object": "text_completion",
        "created": 7,
        "model": "m-2",
        "choices": [{"text": "hino", "index": 0, "logprobs": LIKELY, "finish_reason": "content_filter"}],
        "usage": SHOWN,
    }
    empty = json.loads(render_answer(ChatAnswer(choices=()), terms(), closing()))
    assert empty["choices"] == [{"text": "", "index": 0, "logprobs": None, "finish_reason": "stop"}]


words = st.text(min_size=1, max_size=10).filter(lambda text: text.isprintable())
tokens = st.builds(
    TokenLogprob,
    token=words,
    logprob=st.floats(-100, -0.001),
    top=st.lists(
        st.builds(TokenLogprob, token=words, logprob=st.floats(-9, 0)), max_size=2, unique_by=lambda t: t.token
    ).map(tuple),
)
answers = st.builds(
    ChatAnswer,
    choices=st.lists(
        st.builds(
            Choice,
            parts=st.tuples(st.builds(Text, text=words)),
            reason=st.sampled_from([StopReason.STOP, StopReason.LENGTH, StopReason.CONTENT_FILTER]),
            logprobs=st.lists(tokens, max_size=3).map(tuple),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
)


@given(answers, st.integers(1, 300))
def test_what_is_written_is_read_as_the_same_answer(answer: ChatAnswer, step: int) -> None:
    whole = parse_answer(render_answer(answer, terms(), closing()))
    assert whole.choices == answer.choices
    writer = open_writer(terms(choices=len(answer.choices)))
    stream = writer.write(events_of(answer)) + writer.end(closing())
    reader = open_reader()
    events: list[Event] = []
    for at in range(0, len(stream), step):
        events += reader.feed(stream[at : at + step])
    events += reader.close()
    assert reader.finished
    assert fold(events).choices == answer.choices
