"""Whole answers and streams of every provider's variant, as the neutral form has them."""

import base64
import json

import pytest

from tests.unit.dialects.openai_chat_translation.translator import (
    chunk,
    encoded,
    event,
    open_reader,
    parse_answer,
    told,
)
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing.sse import EVENT_BYTES_MAX
from tollway.neutral.answer import ChatAnswer, Choice, fold
from tollway.neutral.events import (
    CitationAdded,
    Finished,
    MediaAdded,
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
    Reasoning,
    Sealed,
    Text,
    ToolCall,
)
from tollway.neutral.usage import Usage

DONE = b"data: [DONE]\n\n"
STOP = chunk({}, finish="stop")


def answer_of(message: object, **choice: object) -> Choice:
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop", **choice}]}
    return parse_answer(encoded(body)).choices[0]


def spoken(*events: bytes) -> Choice:
    return fold(told(*events)).choices[0]


def failure_of(*events: bytes) -> UpstreamFailure:
    reader = open_reader()
    for raw in events:
        reader.feed(raw)
    assert reader.failure is not None
    assert reader.feed(STOP) == []
    assert reader.close() == []
    return reader.failure


def test_a_whole_answer() -> None:
    body = {
        "id": "c-1",
        "created": 5,
        "model": "m-1",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"},
            {"message": {"content": "ho"}, "finish_reason": None},
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4, "cost": 0.5},
        "service_tier": "flex",
    }
    assert parse_answer(encoded(body)) == ChatAnswer(
        choices=(
            Choice(parts=(Text(text="hi"),), reason=StopReason.STOP),
            Choice(parts=(Text(text="ho"),), reason=None),
        ),
        usage=Usage(input=3, output=1),
        id="c-1",
        model="m-1",
        created_s=5,
        service_tier="flex",
        provider_cost_nanos=500_000_000,
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"choices":null}',
        b'{"choices":3}',
        b'{"choices":[],"x":%b' % (b"[" * 5000),
        b'{"choices":[{"message":{"content":"\xff"}}]}',
        b'{"error":{"message":"no"}}',
        b'{"choices":[{"message":{"content":"x"},"finish_reason":"error"}]}',
    ],
)
def test_what_is_no_answer_is_junk(body: bytes) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        parse_answer(body)
    assert caught.value.kind is FailureKind.JUNK


def test_an_error_with_status_200_keeps_its_sentence() -> None:
    with pytest.raises(UpstreamFailure, match="filtered"):
        parse_answer(b'{"error":{"message":"It was filtered."}}')


def test_types_that_nobody_expects_cost_only_themselves() -> None:
    body = {
        "id": 5,
        "model": "m",
        "usage": 7,
        "choices": [
            {
                "index": "first",
                "message": {
                    "content": "hi",
                    "reasoning": {"not": "text"},
                    "tool_calls": [5, {"id": "c", "function": {"name": "f", "arguments": 5}}],
                    "annotations": "none",
                    "audio": [],
                },
                "logprobs": {"content": "none"},
                "finish_reason": "stop",
            },
            "junk",
        ],
    }
    answer = parse_answer(encoded(body))
    assert answer.model == "m"
    assert answer.usage is None
    assert answer.choices[0].parts == (
        Text(text="hi"),
        ToolCall(id="c", name="f", arguments="{}"),
    )


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", StopReason.STOP),
        ("eos", StopReason.STOP),
        ("length", StopReason.LENGTH),
        ("MAX_TOKENS", StopReason.LENGTH),
        ("model_length", StopReason.CONTEXT_FULL),
        ("tool_calls", StopReason.TOOL_CALLS),
        ("function_call", StopReason.TOOL_CALLS),
        ("content_filter", StopReason.CONTENT_FILTER),
        ("refusal", StopReason.DECLINED),
        ("whatever", StopReason.OTHER),
    ],
)
def test_the_words_for_an_end(word: str, reason: StopReason) -> None:
    assert answer_of({"content": "x"}, finish_reason=word).reason is reason


def test_the_sequence_that_was_met() -> None:
    met = answer_of({"content": "x"}, stop_reason="\n")
    assert (met.reason, met.sequence) == (StopReason.STOP_SEQUENCE, "\n")
    assert answer_of({"content": "x"}, matched_stop="END").sequence == "END"
    assert answer_of({"content": "x"}, matched_stop=128_001).reason is StopReason.STOP
    assert answer_of({"content": "x"}, matched_stop="").reason is StopReason.STOP


def test_calls_end_with_their_own_word() -> None:
    call = {"id": "c", "function": {"name": "f", "arguments": "{}"}}
    assert answer_of({"tool_calls": [call]}).reason is StopReason.TOOL_CALLS


def test_content_in_parts() -> None:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text"}]},
        {"type": "thinking", "thinking": "m"},
        {"type": "text", "text": "a"},
        {"type": "reference", "reference_ids": [1]},
        {"type": "refusal", "refusal": "no"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
        {"type": "image_url", "image_url": "https://x"},
    ]
    assert answer_of({"content": content}).parts == (
        Reasoning(text="hm"),
        Text(text="a"),
        Declined(text="no"),
        Image(source=Inline(media_type="image/png", data="AA")),
        Text(text="![image](https://x)"),
    )


def test_pictures_citations_and_refusals() -> None:
    message = {
        "content": "x",
        "refusal": "no",
        "annotations": [
            {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1}},
            {"type": "url_citation", "url": "v", "content": "q"},
        ],
        "images": [{"image_url": {"url": "data:;base64,AA"}}, {}],
    }
    assert answer_of(message).parts == (
        Text(text="x"),
        Declined(text="no"),
        Text(
            text="",
            citations=(
                Citation(url="u", title="t", answer_start=0, answer_end=1),
                Citation(url="v", quoted="q"),
            ),
        ),
        Image(source=Inline(media_type="image/png", data="AA")),
    )


def test_sources_beside_the_choices_are_citations() -> None:
    whole = {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "citations": ["u", "v"]}
    assert parse_answer(encoded(whole)).choices[0].parts == (
        Text(text="x", citations=(Citation(url="u"), Citation(url="v"))),
    )
    sources = [{"url": "u", "title": "t"}, {"title": "no address"}]
    events = told(
        chunk({"content": "x"}, search_results=sources, citations=["u"]), chunk({}, finish="stop", citations=[])
    )
    assert [event for event in events if isinstance(event, CitationAdded)] == [
        CitationAdded(citation=Citation(url="u", title="t"))
    ]


def test_sounds() -> None:
    message = {"audio": {"id": "a", "data": "UklGRAAA", "transcript": "hi"}}
    assert answer_of(message).parts == (Audio(source=Inline(media_type="audio/wav", data="UklGRAAA"), transcript="hi"),)
    first, second = base64.b64encode(b"a").decode(), base64.b64encode(b"bc").decode()
    assert spoken(
        chunk({"audio": {"id": "a", "transcript": "h"}}),
        chunk({"audio": {"data": first}}),
        chunk({"audio": {"data": second, "transcript": "i"}}),
        STOP,
    ).parts == (Audio(source=Inline(media_type="audio/pcm", data=base64.b64encode(b"abc").decode()), transcript="hi"),)
    broken = spoken(chunk({"audio": {"data": "A"}}), chunk({"audio": {"data": "B"}}), STOP)
    assert broken.parts == (Audio(source=Inline(media_type="audio/pcm", data="AB")),)
    assert spoken(chunk({"audio": {"transcript": "hi"}}), STOP).parts == (Text(text="hi"),)


def test_likelihoods() -> None:
    token = {
        "token": "hi",
        "logprob": -0.5,
        "bytes": [104, 105],
        "top_logprobs": [{"token": "ho", "logprob": -1, "bytes": None}],
    }
    read = TokenLogprob(token="hi", logprob=-0.5, top=(TokenLogprob(token="ho", logprob=-1.0),))
    assert answer_of({"content": "hi"}, logprobs={"content": [token]}).logprobs == (read,)
    bare = {"token": "x", "logprob": -1.0}
    choice = {"index": 0, "delta": {"content": ""}, "logprobs": {"content": [bare]}}
    thought = {"index": 0, "delta": {"reasoning": "hm"}, "logprobs": {"content": [bare]}}
    events = told(event({"id": "c", "choices": [choice]}), event({"choices": [thought]}), STOP)
    assert events[0] == TextDelta(text="", logprobs=(TokenLogprob(token="x", logprob=-1.0),))
    assert events[1] == ReasoningDelta(text="hm")


def test_calls_in_pieces() -> None:
    choice = spoken(
        chunk({"role": "assistant", "content": None}),
        chunk({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]}),
        chunk({"tool_calls": [{"index": 1, "id": "c2", "function": {"name": "g", "arguments": "{"}}]}),
        chunk(
            {
                "tool_calls": [
                    {"index": 0, "function": {"arguments": ":1}"}},
                    {"index": 1, "function": {"arguments": "}"}},
                ]
            }
        ),
        chunk({}, finish="tool_calls"),
    )
    silent = chunk({"tool_calls": [{"index": 0, "function": {"arguments": ""}}]})
    begun = chunk({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f"}}]})
    assert told(begun, silent) == [ToolCallStarted(index=0, id="c1", name="f")]
    assert choice.parts == (
        ToolCall(id="c1", name="f", arguments='{"a":1}'),
        ToolCall(id="c2", name="g", arguments="{}"),
    )


def test_calls_that_repeat_their_name_are_one() -> None:
    piece = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": "1"}}
    assert spoken(chunk({"tool_calls": [piece]}), chunk({"tool_calls": [piece]}), STOP).parts == (
        ToolCall(id="c1", name="f", arguments="11"),
    )


def test_calls_that_all_have_the_first_place_are_several() -> None:
    calls = [{"index": 0, "id": name, "function": {"name": "f", "arguments": "{}"}} for name in ("a", "b")]
    choice = spoken(chunk({"tool_calls": calls[:1]}), chunk({"tool_calls": calls[1:]}), STOP)
    assert [part.id for part in choice.parts if isinstance(part, ToolCall)] == ["a", "b"]


def test_calls_without_place_or_id() -> None:
    whole = {"function": {"name": "f", "arguments": {"a": 1}}}
    choice = spoken(
        chunk({"tool_calls": [whole, whole]}), chunk({"tool_calls": [{"function": {"arguments": "x"}}]}), STOP
    )
    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    assert [call.arguments for call in calls] == ['{"a":1}', '{"a":1}x']
    assert len({call.id for call in calls}) == 2
    assert choice == spoken(
        chunk({"tool_calls": [whole, whole]}), chunk({"tool_calls": [{"function": {"arguments": "x"}}]}), STOP
    )


def test_a_call_waits_for_its_name() -> None:
    assert told(
        chunk({"tool_calls": [{"index": 0, "id": "c1"}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "}"}}]}),
        STOP,
    )[:2] == [ToolCallStarted(index=0, id="c1", name="f"), ToolCallDelta(index=0, arguments="{}")]


def test_a_call_without_a_name_is_told_at_the_end() -> None:
    nameless = chunk({"tool_calls": [{"index": 0, "id": "c1", "function": {"arguments": "{}"}}]})
    assert spoken(nameless, STOP).parts == (ToolCall(id="c1", name="", arguments="{}"),)
    assert spoken(nameless, DONE).parts == (ToolCall(id="c1", name="", arguments="{}"),)
    assert spoken(nameless, STOP, DONE).parts == (ToolCall(id="c1", name="", arguments="{}"),)


def test_custom_and_legacy_calls() -> None:
    custom = {"id": "c1", "type": "custom", "custom": {"name": "g", "input": "free"}}
    assert answer_of({"tool_calls": [custom]}).parts == (ToolCall(id="c1", name="g", arguments="free", custom=True),)
    choice = spoken(
        chunk({"function_call": {"name": "f", "arguments": ""}}),
        chunk({"function_call": {"arguments": "{}"}}),
        chunk({}, finish="function_call"),
    )
    (call,) = choice.parts
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments) == ("f", "{}")
    assert choice.reason is StopReason.TOOL_CALLS


def test_thoughts_under_both_names_are_told_once() -> None:
    assert answer_of({"reasoning": "hm", "reasoning_content": "hm", "content": "x"}).parts == (
        Reasoning(text="hm"),
        Text(text="x"),
    )


def test_details_of_thoughts_in_a_stream() -> None:
    text = {"type": "reasoning.text", "text": "hm", "format": "f-1", "index": 0}
    signature = {"type": "reasoning.text", "signature": "SIG", "format": "f-1", "index": 0}
    choice = spoken(
        chunk({"reasoning": "hm", "reasoning_details": [text]}),
        chunk({"reasoning": "hm", "reasoning_details": [text]}),
        chunk({"reasoning_details": [signature]}),
        chunk({"content": "x"}),
        STOP,
    )
    thought, said = choice.parts
    assert isinstance(thought, Reasoning)
    assert thought.text == "hmhm"
    assert thought.sealed is not None
    assert json.loads(thought.sealed.data) == signature
    assert said == Text(text="x")


def test_details_beside_plain_thoughts_seal_them() -> None:
    sealing = {"type": "reasoning.text", "text": "hm", "signature": "SIG"}
    assert spoken(
        chunk({"reasoning_content": "hm"}),
        chunk({"reasoning_details": [sealing]}),
        chunk({"reasoning_content": "on", "reasoning_details": [{"type": "reasoning.text", "text": "on"}]}),
        STOP,
    ).parts == (Reasoning(text="hm", sealed=Sealed(data="SIG")), Reasoning(text="on"))
    summary = {"type": "reasoning.summary", "summary": "short"}
    encrypted = {"type": "reasoning.encrypted", "data": "ENC"}
    assert answer_of({"reasoning_details": [summary, encrypted, {"type": "reasoning.encrypted"}]}).parts == (
        Reasoning(text="short"),
        Reasoning(sealed=Sealed(data="ENC", whole=True)),
    )


def test_a_seal_stands_before_its_call() -> None:
    details = [
        {"type": "reasoning.text", "text": "hm"},
        {"type": "reasoning.text", "signature": "SIG", "id": "c1"},
    ]
    call = {"id": "c1", "function": {"name": "f", "arguments": "{}"}}
    assert answer_of({"content": "x", "reasoning_details": details, "tool_calls": [call]}).parts == (
        Reasoning(text="hm"),
        Text(text="x"),
        Reasoning(sealed=Sealed(data="SIG")),
        ToolCall(id="c1", name="f", arguments="{}"),
    )


def test_who_answers_what_was_used_and_what_it_cost() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    reader = open_reader()
    events = reader.feed(event({"choices": [], "model": "", "id": ""}))
    assert events == []
    events += reader.feed(chunk({"content": "x"}, usage=None, service_tier="default", x_groq={"id": "q"}))
    events += reader.feed(chunk({}, finish="stop", service_tier="default"))
    assert reader.finished
    assert not reader.ended
    events += reader.feed(event({"choices": [], "usage": {**usage, "cost": 1}}))
    events += reader.feed(event({"choices": [], "usage": "junk", "x_groq": {"usage": usage}}))
    events += reader.feed(event({"choices": [], "x_groq": {"usage": usage}}))
    events += reader.feed(DONE)
    assert reader.ended
    assert reader.feed(STOP) == reader.close() == []
    assert events == [
        Started(id="c-1", model="m-2", created_s=5),
        TextDelta(text="x"),
        Told(service_tier="default"),
        Finished(reason=StopReason.STOP),
        UsageReported(usage=Usage(input=3, output=1)),
        Told(service_tier="default", provider_cost_nanos=1_000_000_000),
        UsageReported(usage=Usage(input=3, output=1)),
    ]


def test_an_end_is_told_once() -> None:
    assert told(chunk({"content": "x"}), STOP, STOP) == [TextDelta(text="x"), Finished(reason=StopReason.STOP)]


def test_choices_end_one_by_one() -> None:
    reader = open_reader()
    assert not reader.finished
    reader.feed(chunk({"content": "a"}) + chunk({"content": "b"}, index=1))
    reader.feed(STOP)
    assert not reader.finished
    reader.feed(chunk({}, finish="length", index=1))
    assert reader.finished


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"data: {oops\n\n", FailureKind.JUNK),
        (b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n', FailureKind.JUNK),
        (event({"error": {"message": "no"}}), FailureKind.BROKE),
        (b'event: error\ndata: {"message":"no"}\n\n', FailureKind.BROKE),
        (event({"object": "error", "message": "no"}), FailureKind.BROKE),
        (chunk({"content": "x"}, finish="error"), FailureKind.BROKE),
        (b"data: " + b"x" * EVENT_BYTES_MAX, FailureKind.JUNK),
    ],
)
def test_what_breaks_a_stream(raw: bytes, kind: FailureKind) -> None:
    assert failure_of(chunk({"content": "x"}), raw).kind is kind


def test_comments_and_strange_events_are_skipped() -> None:
    strange = b": hello\n\n" + b"data: 5\n\n" + b"data: []\n\n" + event({"choices": None}) + event({"error": None})
    assert told(chunk({"content": "a"}), strange, chunk({"content": "b"}), STOP, DONE + STOP) == [
        TextDelta(text="a"),
        TextDelta(text="b"),
        Finished(reason=StopReason.STOP),
    ]


@pytest.mark.parametrize("end", [STOP[:-2], STOP[:-1], STOP + DONE[:-2]])
def test_a_last_event_without_its_blank_line_counts(end: bytes) -> None:
    reader = open_reader()
    reader.feed(chunk({"content": "x"}) + end)
    reader.close()
    assert reader.finished


def test_half_an_event_says_nothing_and_a_whole_error_does() -> None:
    reader = open_reader()
    reader.feed(chunk({"content": "x"}) + STOP[:-10])
    assert reader.close() == []
    assert not reader.finished
    assert reader.failure is None
    reader = open_reader()
    reader.feed(b'data: {"error":{"message":"no"}}')
    assert reader.close() == []
    assert reader.failure is not None


def test_pictures_in_a_stream() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    assert told(chunk({"content": "", "images": [picture]}), STOP)[0] == MediaAdded(
        media=Inline(media_type="image/png", data="AA")
    )


def test_a_seal_of_the_text_beside_it() -> None:
    encrypted = {"type": "reasoning.encrypted", "data": "ENC", "format": "f", "id": "rs"}
    (found, _) = told(chunk({"reasoning_details": [encrypted]}), STOP)
    assert isinstance(found, ReasoningSealed)
    assert json.loads(found.sealed.data) == encrypted
    assert found.sealed.whole
