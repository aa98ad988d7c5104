"""What a chat client receives of any provider's answer, whole and streamed."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.unit.dialects.openai_chat_translation.translator import (
    COST_VALUES,
    ERROR,
    SHOWN,
    closing,
    open_writer,
    payloads,
    render_answer,
    terms,
)
from tollway.neutral.answer import ChatAnswer, Choice
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
)
from tollway.neutral.usage import Usage

HEAD = {"id": "chatcmpl-r-1", "object": "chat.completion.chunk", "created": 7, "model": "m-1"}
SEAL = Sealed(data="SIG", issuer="acme")
WHOLE = Sealed(data="ENC", issuer="acme", whole=True)
STOP = Finished(reason=StopReason.STOP)
HI = TextDelta(text="hi")
TOKEN = TokenLogprob(token="hi", logprob=-0.5, top=(TokenLogprob(token="ho", logprob=-1.0),))
TOKEN_SHOWN = {
    "token": "hi",
    "logprob": -0.5,
    "bytes": None,
    "top_logprobs": [{"token": "ho", "logprob": -1.0, "bytes": None}],
}


def answered(*parts: Part, reason: StopReason | None = StopReason.STOP, **more: Any) -> dict[str, Any]:
    choice = Choice(parts=parts, reason=reason, **more)
    body = json.loads(render_answer(ChatAnswer(choices=(choice,)), terms(), closing()))
    ChatCompletion.model_validate(body, strict=True)
    return body


def message(*parts: Part) -> dict[str, Any]:
    found = answered(*parts)["choices"][0]["message"]
    assert found.pop("role") == "assistant"
    return found


def streamed(*events: Event, asked: bool = False, **more: Any) -> list[Any]:
    """The chunks of a stream, each of the official type."""
    writer = open_writer(terms(usage_asked=asked))
    out = b"".join(writer.write([event]) for event in events)
    found = payloads(out + writer.end(closing(**more)))
    assert found.pop() == "[DONE]"
    for chunk in found:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    return found


def deltas(*events: Event) -> list[Any]:
    """All deltas between the role and the end."""
    found = [chunk["choices"][0]["delta"] for chunk in streamed(*events, STOP)]
    assert found[0] == {"role": "assistant", "content": ""}
    assert found[-1] == {"content": ""}
    return found[1:-1]


def test_a_whole_answer() -> None:
    answer = ChatAnswer(
        choices=(Choice(parts=(Text(text="hi"),), reason=StopReason.LENGTH),), model="m-2", service_tier="flex"
    )
    assert json.loads(render_answer(answer, terms(), closing())) == {
        "id": "chatcmpl-r-1",
        "object": "chat.completion",
        "created": 7,
        "model": "m-2",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hi", "refusal": None},
                "logprobs": None,
                "finish_reason": "length",
            }
        ],
        "usage": {**SHOWN, **COST_VALUES},
        "service_tier": "flex",
    }


def test_an_answer_without_choices_has_one_that_says_nothing() -> None:
    body = json.loads(render_answer(ChatAnswer(choices=(), service_tier="on_demand"), terms(), closing(costs=None)))
    assert body["choices"][0]["message"]["content"] == ""
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["model"] == "m-1"
    assert body["usage"] == SHOWN
    assert "service_tier" not in body


def test_an_end_that_nobody_told() -> None:
    assert answered(Text(text="x"), reason=None)["choices"][0]["finish_reason"] == "stop"
    call = ToolCall(id="c", name="f", arguments="{}")
    assert answered(call, reason=None)["choices"][0]["finish_reason"] == "tool_calls"


def test_usage_in_overlapping_counts() -> None:
    usage = Usage(
        input=1,
        cached_input=2,
        cache_write_5m=4,
        cache_write_1h=8,
        audio_input=16,
        output=32,
        reasoning=64,
        audio_output=128,
    )
    answer = ChatAnswer(choices=())
    body = json.loads(render_answer(answer, terms(), closing(costs=None, usage=usage, estimated=True)))
    assert body["usage"] == {
        "prompt_tokens": 31,
        "completion_tokens": 224,
        "total_tokens": 255,
        "prompt_tokens_details": {
            "cached_tokens": 2,
            "audio_tokens": 16,
            "cache_write_tokens": 12,
            "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 8},
        },
        "completion_tokens_details": {"reasoning_tokens": 64, "audio_tokens": 128},
        "estimated": True,
    }
    written = json.loads(render_answer(answer, terms(), closing(costs=None, usage=Usage(cache_write_5m=4))))
    assert written["usage"]["prompt_tokens_details"] == {"cache_write_tokens": 4}
    hour = json.loads(render_answer(answer, terms(), closing(costs=None, usage=Usage(cache_write_1h=4))))
    assert hour["usage"]["prompt_tokens_details"]["cache_write_tokens"] == 4


def test_words_calls_and_refusals() -> None:
    assert message(
        Text(text="a"),
        ToolCall(id="c1", name="f", arguments="{}"),
        Text(text="b"),
        ToolCall(id="c2", name="g", arguments="x", custom=True),
    ) == {
        "content": "ab",
        "refusal": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}},
        ],
    }
    assert message(Declined(text="no")) == {"content": None, "refusal": "no"}


def test_thoughts_and_their_seals() -> None:
    assert message(Reasoning(text="hm"), Text(text="x")) == {
        "content": "x",
        "refusal": None,
        "reasoning_content": "hm",
    }
    found = message(
        Reasoning(text="plain"),
        Reasoning(text="hm", sealed=SEAL),
        Reasoning(sealed=WHOLE),
        ToolCall(id="c1", name="f", arguments="{}"),
        Reasoning(sealed=SEAL),
    )
    assert found["reasoning_content"] == "plainhm"
    assert found["reasoning_details"] == [
        {"type": "reasoning.text", "text": "plain"},
        {"type": "reasoning.text", "text": "hm", "signature": "tollway-seal~1.acme.sign.SIG"},
        {"type": "reasoning.encrypted", "data": "tollway-seal~1.acme.whole.ENC", "id": "c1"},
        {"type": "reasoning.text", "text": "", "signature": "tollway-seal~1.acme.sign.SIG"},
    ]


def test_citations_pictures_and_sounds() -> None:
    cited = Citation(url="u", title="t", quoted="q", answer_start=1, answer_end=2)
    found = message(
        Text(text="x", citations=(cited, Citation(url="v"), Citation(document=0))),
        Image(source=Inline(media_type="image/png", data="AA")),
        Image(source=Url(url="https://x")),
        Audio(source=Inline(media_type="audio/wav", data="BB"), transcript="hi"),
        Audio(source=Url(url="https://x")),
    )
    assert found["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {"url": "u", "title": "t", "start_index": 1, "end_index": 2, "content": "q"},
        },
        {"type": "url_citation", "url_citation": {"url": "v", "title": "", "start_index": 0, "end_index": 1}},
    ]
    assert found["images"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    assert found["audio"] == {"id": "audio_r-1", "data": "BB", "expires_at": 7, "transcript": "hi"}


def test_likelihoods_of_a_whole_answer() -> None:
    found = answered(Text(text="hi"), logprobs=(TOKEN,))["choices"][0]
    assert found["logprobs"] == {"content": [TOKEN_SHOWN], "refusal": None}


def test_a_stream_for_a_client_that_did_not_ask_for_usage() -> None:
    events = (Started(model="m-2"), HI, HI, UsageReported(usage=Usage(input=1)), Told(service_tier="flex"), STOP)
    head = {**HEAD, "model": "m-2"}
    assert streamed(*events) == [
        {**head, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}]},
        {
            **head,
            "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}],
            "service_tier": "flex",
            "usage": {**SHOWN, **COST_VALUES},
        },
    ]


def test_a_stream_for_a_client_that_asked_for_usage() -> None:
    found = streamed(HI, STOP, asked=True)
    assert [chunk["usage"] for chunk in found] == [None, None, None, {**SHOWN, **COST_VALUES}]
    assert [len(chunk["choices"]) for chunk in found] == [1, 1, 1, 0]
    assert found[2]["choices"][0]["delta"] == {}
    assert streamed(HI, STOP, asked=True, costs=None)[-1]["usage"] == SHOWN


def test_without_costs_nobody_is_told_of_usage_for_which_they_did_not_ask() -> None:
    found = streamed(HI, STOP, costs=None)
    assert not any("usage" in chunk for chunk in found)
    assert found[-1]["choices"][0]["delta"] == {}


def test_a_stream_that_said_nothing() -> None:
    found = streamed()
    assert [chunk["choices"][0]["finish_reason"] for chunk in found] == [None, "stop"]
    assert streamed(STOP) == found


def test_several_choices_end_in_order_and_the_last_has_the_usage() -> None:
    found = streamed(TextDelta(text="b", choice=1), HI, Finished(reason=StopReason.LENGTH, choice=1), STOP)
    ends = [(chunk["choices"][0]["index"], chunk["choices"][0]["finish_reason"], "usage" in chunk) for chunk in found]
    assert ends == [
        (1, None, False),
        (1, None, False),
        (0, None, False),
        (0, None, False),
        (0, "stop", False),
        (1, "length", True),
    ]


def test_an_end_that_nobody_told_in_a_stream() -> None:
    assert streamed(HI)[-1]["choices"][0]["finish_reason"] == "stop"
    called = streamed(ToolCallStarted(index=0, id="c", name="f"))
    assert called[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_calls_in_a_stream() -> None:
    assert deltas(
        ToolCallStarted(index=0, id="c1", name="f"),
        ToolCallDelta(index=0, arguments='{"a"'),
        PartEnded(),
        ToolCallDelta(index=0, arguments=":1}"),
    ) == [
        {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
    ]


def test_calls_of_custom_tools_in_a_stream() -> None:
    writer = open_writer(terms())
    out = writer.write(
        [
            ToolCallStarted(index=0, id="c1", name="g", custom=True),
            ToolCallStarted(index=1, id="c2", name="f"),
            ToolCallDelta(index=0, arguments="x"),
            ToolCallDelta(index=1, arguments="{}"),
        ]
    )
    assert [chunk["choices"][0]["delta"] for chunk in payloads(out)[1:]] == [
        {"tool_calls": [{"index": 0, "id": "c1", "type": "custom", "custom": {"name": "g", "input": ""}}]},
        {"tool_calls": [{"index": 1, "id": "c2", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "custom": {"input": "x"}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
    ]


def test_all_else_in_a_stream() -> None:
    picture, sound = Inline(media_type="image/png", data="AA"), Inline(media_type="audio/wav", data="BB")
    assert deltas(
        DeclinedDelta(text="no"),
        CitationAdded(citation=Citation(url="u")),
        CitationAdded(citation=Citation(document=1)),
        MediaAdded(media=picture),
        MediaAdded(media=sound, transcript="hi"),
    ) == [
        {"refusal": "no"},
        {
            "annotations": [
                {"type": "url_citation", "url_citation": {"url": "u", "title": "", "start_index": 0, "end_index": 0}}
            ]
        },
        {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]},
        {"audio": {"id": "audio_r-1", "data": "BB", "expires_at": 7, "transcript": "hi"}},
    ]


def test_likelihoods_in_a_stream() -> None:
    found = streamed(TextDelta(text="hi", logprobs=(TOKEN,)), STOP)
    assert found[1]["choices"] == [
        {
            "index": 0,
            "delta": {"content": "hi"},
            "logprobs": {"content": [TOKEN_SHOWN], "refusal": None},
            "finish_reason": None,
        }
    ]
    streamed(TextDelta(text="hi", logprobs=(TOKEN,)), STOP, asked=True)


def test_a_seal_repeats_its_thought() -> None:
    seal = "tollway-seal~1.acme.sign.SIG"
    assert deltas(
        ReasoningDelta(text="h"),
        ReasoningDelta(text="m"),
        ReasoningSealed(sealed=SEAL),
        HI,
        ReasoningDelta(text="on"),
        HI,
        HI,
        ReasoningSealed(sealed=SEAL),
        HI,
    ) == [
        {"reasoning_content": "h"},
        {"reasoning_content": "m"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": seal, "index": 0}]},
        {"content": "hi"},
        {"reasoning_content": "on"},
        {"content": "hi"},
        {"content": "hi"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "", "signature": seal, "index": 1}]},
        {"content": "hi"},
    ]


def test_seals_wait_for_the_call_that_they_may_belong_to() -> None:
    whole = {"type": "reasoning.encrypted", "data": "tollway-seal~1.acme.whole.ENC"}
    assert deltas(
        ReasoningDelta(text="hm"),
        ReasoningSealed(sealed=WHOLE),
        ReasoningSealed(sealed=WHOLE),
        ToolCallStarted(index=0, id="c1", name="f"),
        ReasoningSealed(sealed=WHOLE),
    )[1:] == [
        {"reasoning_details": [{**whole, "id": "c1", "index": 0}]},
        {"reasoning_details": [{**whole, "id": "c1", "index": 1}]},
        {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"reasoning_details": [{**whole, "index": 2}]},
    ]


def test_a_seal_that_still_waits_is_told_at_the_end() -> None:
    for last in (lambda writer: writer.end(closing()), lambda writer: writer.break_off(ERROR, None)):
        writer = open_writer(terms())
        out = writer.write([ReasoningSealed(sealed=WHOLE)])
        assert b"reasoning_details" not in out
        assert b"reasoning_details" in last(writer)


def test_a_stream_that_breaks_does_not_look_finished() -> None:
    writer = open_writer(terms())
    out = writer.write([HI, STOP])
    found = payloads(out + writer.break_off(ERROR, closing()))
    assert found[-1] == {"error": {"message": "It broke."}, "usage": {**SHOWN, **COST_VALUES}}
    assert not any(choice["finish_reason"] for chunk in found[:-1] for choice in chunk["choices"])
    assert payloads(open_writer(terms()).break_off(ERROR, None)) == [{"error": {"message": "It broke."}}]


@pytest.mark.parametrize("asked", [False, True])
def test_a_stream_that_is_cut_ends_at_its_limit(asked: bool) -> None:
    writer = open_writer(terms(usage_asked=asked, choices=3))
    out = writer.write([HI, Finished(reason=StopReason.STOP, choice=1)])
    *chunks, error, done = payloads(out + writer.cut(ERROR, closing()))
    assert (error, done) == ({"error": {"message": "It broke."}}, "[DONE]")
    ends = {choice["index"]: choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]}
    assert ends == {0: "length", 1: "stop", 2: "length"}
    assert chunks[-1]["usage"] == {**SHOWN, **COST_VALUES}


@pytest.mark.parametrize("reason", list(StopReason))
def test_every_reason_has_a_word_of_the_official_type(reason: StopReason) -> None:
    assert streamed(HI, Finished(reason=reason))[-1]["choices"][0]["finish_reason"]
