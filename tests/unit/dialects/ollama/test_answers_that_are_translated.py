"""Answers between Ollama's form and the neutral one, whole and in lines."""

import json
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ollama import ChatResponse, GenerateResponse

from tests.unit.dialects.ollama.shared import (
    AT,
    CLOSING,
    COST_VALUES,
    ERROR,
    HEAD,
    JPEG,
    PNG,
    chat,
    chat_line,
    last_line,
    line,
    lines_of,
    terms,
)
from tollway.dialects.ollama import OLLAMA_CHAT, OLLAMA_GENERATE
from tollway.dialects.record import Closing, Dialect, StreamReader, StreamWriter
from tollway.errors import FailureKind, UpstreamFailure
from tollway.framing import lines
from tollway.neutral.answer import ChatAnswer, Choice, events_of, fold
from tollway.neutral.events import (
    CitationAdded,
    DeclinedDelta,
    Event,
    Finished,
    MediaAdded,
    PartEnded,
    ReasoningDelta,
    Started,
    StopReason,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
)
from tollway.neutral.parts import Audio, Citation, Declined, Image, Inline, Reasoning, Text, ToolCall
from tollway.neutral.usage import Usage

LOGPROBS = (TokenLogprob(token="Hi", logprob=-0.5, top=(TokenLogprob(token="Ho", logprob=-1.5),)),)
COUNTS = {"prompt_eval_count": 7, "eval_count": 4, **COST_VALUES}
OPEN = Closing(usage=Usage(), estimated=True, costs=None)


def reader(dialect: Dialect) -> StreamReader:
    opened = chat(dialect).open_reader
    assert opened is not None
    return opened()


def writer(dialect: Dialect) -> StreamWriter:
    opened = chat(dialect).open_writer
    assert opened is not None
    return opened(terms())


def told(*pieces: bytes, dialect: Dialect = OLLAMA_CHAT) -> tuple[StreamReader, list[Event]]:
    read = reader(dialect)
    events = [event for piece in pieces for event in read.feed(piece)]
    return read, events + read.close()


def parsed(body: bytes, dialect: Dialect = OLLAMA_CHAT) -> ChatAnswer:
    parse = chat(dialect).parse_answer
    assert parse is not None
    return parse(body)


def rendered(answer: ChatAnswer, dialect: Dialect = OLLAMA_CHAT, closing: Closing = CLOSING) -> Any:
    render = chat(dialect).render_answer
    assert render is not None
    body = render(answer, terms(), closing)
    (ChatResponse if dialect is OLLAMA_CHAT else GenerateResponse).model_validate(without_images(json.loads(body)))
    return json.loads(body)


def without_images(shown: dict[str, Any]) -> dict[str, Any]:
    """What the official types read: they want an object for a picture, where the server's own form has a string."""
    message = {name: value for name, value in shown.get("message", {}).items() if name != "images"}
    return shown | {"message": message}


def answer(*parts: Any, reason: StopReason | None = StopReason.STOP, **members: Any) -> ChatAnswer:
    return ChatAnswer(choices=(Choice(parts=parts, reason=reason, logprobs=members.pop("logprobs", ())),), **members)


CALLS = [
    {"function": {"name": "look", "arguments": {"at": "it"}}},
    {"id": "mine", "function": {"index": 1, "name": "go", "arguments": {}}},
]


def test_a_stream_is_told_in_order() -> None:
    stream = (
        chat_line(said={"thinking": "hm"})
        + b"\n"
        + chat_line(
            "Hi", logprobs=[{"token": "Hi", "logprob": -0.5, "top_logprobs": [{"token": "Ho", "logprob": -1.5}]}]
        )
        + chat_line(said={"images": [JPEG]})
        + chat_line(said={"tool_calls": CALLS})
        + last_line()
        + chat_line("never")
    )
    read, events = told(stream)
    assert (read.finished, read.ended, read.failure) == (True, True, None)
    found = fold(events)
    reasoning, text, image, first, second = found.choices[0].parts
    assert (reasoning, text) == (Reasoning(text="hm"), Text(text="Hi"))
    assert image == Image(source=Inline(media_type="image/jpeg", data=JPEG))
    assert isinstance(first, ToolCall)
    assert (first.name, first.arguments) == ("look", '{"at":"it"}')
    assert first.id.startswith("call_0_")
    assert second == ToolCall(id="mine", name="go", arguments="{}")
    assert found.choices[0].logprobs == LOGPROBS
    assert found.choices[0].reason is StopReason.TOOL_CALLS
    assert (found.usage, found.model, found.created_s) == (Usage(input=7, output=4), "m-1", 1_795_176_000)


def test_calls_of_one_answer_count_over_its_lines_and_two_answers_differ() -> None:
    one = chat_line(said={"tool_calls": CALLS[:1]})
    later = one.replace(AT.encode(), b"2026-11-20T12:00:09Z")
    ids = [event.id for event in told(one + one)[1] + told(later)[1] if isinstance(event, ToolCallStarted)]
    assert len(set(ids)) == 3
    assert ids[:1] == [event.id for event in told(one)[1] if isinstance(event, ToolCallStarted)]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", StopReason.STOP),
        (None, StopReason.STOP),
        ("length", StopReason.LENGTH),
        ("load", StopReason.STOP),
        ("content_filter", StopReason.CONTENT_FILTER),
        ("boredom", StopReason.OTHER),
    ],
)
def test_why_it_ended(reason: str | None, expected: StopReason) -> None:
    sent = chat_line("Hi", done=True, done_reason=reason)
    assert parsed(sent).choices[0].reason is expected
    assert fold(told(sent)[1]).choices[0].reason is expected


def test_a_whole_answer_is_told_like_a_stream() -> None:
    sent = line(
        response="Hi", thinking="hm", image="AAAA", done=True, done_reason="length", prompt_eval_count=3, eval_count=2
    )
    whole = parsed(sent, OLLAMA_GENERATE)
    assert whole == fold(told(sent.strip(), dialect=OLLAMA_GENERATE)[1])
    assert whole.choices[0].parts[2] == Image(source=Inline(media_type="image/png", data="AAAA"))
    assert whole.usage == Usage(input=3, output=2)
    assert parsed(chat_line("Hi", created_at="yesterday")).created_s is None
    assert parsed(b'{"message":{"content":"Hi"}}').created_s is None


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (b'{"error":"out of memory"}\n', FailureKind.BROKE),
        (b"oops\n", FailureKind.JUNK),
        (b"[" * 100_000 + b"\n", FailureKind.JUNK),
    ],
)
def test_a_stream_that_reports_an_error_is_not_finished(sent: bytes, kind: FailureKind) -> None:
    read, events = told(chat_line("Hi") + sent + last_line())
    assert read.failure is not None
    assert (read.failure.kind, read.finished) == (kind, False)
    assert read.feed(last_line()) == []
    assert fold(events).choices[0].parts == (Text(text="Hi"),)


def test_half_a_line_at_the_end_is_no_failure_and_no_end() -> None:
    read, _ = told(chat_line("Hi") + last_line()[:40])
    assert (read.failure, read.finished) == (None, False)


def test_a_line_without_an_end_is_junk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LINE_BYTES_MAX", 10)
    read = reader(OLLAMA_CHAT)
    assert read.feed(b"0123456789!") == []
    assert read.failure is not None
    first = read.failure
    assert read.feed(b"0123456789!") == []
    assert read.failure is first


def test_what_has_no_message_says_nothing() -> None:
    assert [type(event) for event in told(line(done=False))[1]] == [Started]
    assert [type(event) for event in told(line(done=False), dialect=OLLAMA_GENERATE)[1]] == [Started]


def test_a_whole_answer_for_a_client() -> None:
    given = answer(
        Reasoning(text="hm"),
        Text(text="Hi"),
        Declined(text="!"),
        Image(source=Inline(media_type="image/png", data=PNG)),
        Audio(source=Inline(media_type="audio/wav", data="UklGRg==")),
        ToolCall(id="c-1", name="look", arguments="oops"),
        reason=StopReason.TOOL_CALLS,
        logprobs=LOGPROBS,
    )
    assert rendered(given) == {
        "model": "routed",
        "created_at": AT,
        "message": {
            "role": "assistant",
            "content": "Hi!",
            "thinking": "hm",
            "images": [PNG],
            "tool_calls": [{"id": "c-1", "function": {"name": "look", "arguments": {"_unparsed": "oops"}}}],
        },
        "logprobs": [{"token": "Hi", "logprob": -0.5, "top_logprobs": [{"token": "Ho", "logprob": -1.5}]}],
        "done": True,
        "done_reason": "stop",
        **COUNTS,
    }
    shown = rendered(given, OLLAMA_GENERATE)
    assert (shown["response"], shown["thinking"], shown["image"]) == ("Hi!", "hm", PNG)
    assert "message" not in shown


def test_an_answer_without_choices_or_usage_says_nothing_that_is_not_known() -> None:
    assert rendered(ChatAnswer(choices=(), model="m-2"), closing=OPEN) == {
        "model": "m-2",
        "created_at": AT,
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        "estimated": True,
    }
    assert rendered(answer(reason=StopReason.PAUSED))["done_reason"] == "stop"
    assert rendered(answer(reason=StopReason.CONTEXT_FULL))["done_reason"] == "length"


def test_a_stream_for_a_client() -> None:
    write = writer(OLLAMA_CHAT)
    events = [
        Started(model="m-1"),
        ReasoningDelta(text="hm"),
        TextDelta(text=""),
        TextDelta(text="Hi", logprobs=LOGPROBS),
        CitationAdded(citation=Citation(url="https://x.example")),
        PartEnded(),
        DeclinedDelta(text="!"),
        MediaAdded(media=Inline(media_type="image/png", data=PNG)),
        MediaAdded(media=Inline(media_type="audio/wav", data="UklGRg==")),
        Finished(reason=StopReason.LENGTH),
    ]
    shown = lines_of(write.write(events))
    for each in shown:
        ChatResponse.model_validate(without_images(each))
        assert each == {**HEAD, "message": each["message"], "done": False} | {
            name: each[name] for name in ("logprobs",) if name in each
        }
    assert [each["message"] for each in shown] == [
        {"role": "assistant", "content": "", "thinking": "hm"},
        {"role": "assistant", "content": "Hi"},
        {"role": "assistant", "content": "!"},
        {"role": "assistant", "content": "", "images": [PNG]},
    ]
    assert shown[1]["logprobs"] == [
        {"token": "Hi", "logprob": -0.5, "top_logprobs": [{"token": "Ho", "logprob": -1.5}]}
    ]
    last = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "length"}
    assert lines_of(write.end(CLOSING)) == [{**HEAD, **last, **COUNTS}]


def test_a_token_without_text_keeps_its_likelihood() -> None:
    shown = lines_of(writer(OLLAMA_CHAT).write([TextDelta(text="", logprobs=(TokenLogprob(token="", logprob=0.0),))]))
    assert shown[0]["logprobs"] == [{"token": "", "logprob": 0.0}]


def test_calls_go_out_whole_and_in_their_place() -> None:
    write = writer(OLLAMA_CHAT)
    begun: list[Event] = [
        ToolCallStarted(index=0, id="c-0", name="a"),
        ToolCallDelta(index=0, arguments='{"x":'),
        ToolCallDelta(index=7, arguments="nobody's"),
    ]
    assert write.write(begun) == b""
    shown = lines_of(
        write.write([ToolCallDelta(index=0, arguments="1}"), ToolCallStarted(index=1, id="c-1", name="b")])
    )
    assert shown[0]["message"]["tool_calls"] == [{"id": "c-0", "function": {"name": "a", "arguments": {"x": 1}}}]
    assert lines_of(write.write([TextDelta(text="and")]))[0]["message"]["content"] == "and"
    shown = lines_of(write.end(CLOSING))
    assert shown[0]["message"]["tool_calls"] == [{"id": "c-1", "function": {"name": "b", "arguments": {}}}]
    assert shown[1]["done"] is True
    assert shown[1]["done_reason"] == "stop"


def test_calls_that_are_written_crosswise_go_out_in_the_order_in_which_they_began() -> None:
    write = writer(OLLAMA_CHAT)
    begun: list[Event] = [
        ToolCallStarted(index=0, id="c-0", name="a"),
        ToolCallStarted(index=1, id="c-1", name="b"),
        ToolCallDelta(index=1, arguments="{}"),
    ]
    assert write.write([*begun, TextDelta(text="and")]).count(b"tool_calls") == 0
    shown = lines_of(write.write([ToolCallDelta(index=0, arguments="{}"), TextDelta(text="then")]))
    assert [call["id"] for call in shown[0]["message"]["tool_calls"]] == ["c-0", "c-1"]
    cut = writer(OLLAMA_CHAT)
    cut.write(begun)
    assert [call["id"] for call in lines_of(cut.cut(ERROR, CLOSING))[0]["message"]["tool_calls"]] == ["c-1"]


def test_a_broken_stream_never_looks_finished() -> None:
    write = writer(OLLAMA_GENERATE)
    write.write([TextDelta(text="Hi"), Finished(reason=StopReason.STOP)])
    shown = lines_of(write.break_off(ERROR, CLOSING))
    assert (shown[0]["done"], shown[0]["eval_count"], shown[0]["total_cost_usd"]) == (False, 4, 0.00021175)
    assert shown[1:] == [json.loads(ERROR)]
    assert writer(OLLAMA_GENERATE).break_off(ERROR, None) == ERROR + b"\n"


def test_a_stream_whose_money_ran_out_keeps_half_a_call_back() -> None:
    write = writer(OLLAMA_CHAT)
    write.write([
        ToolCallStarted(index=0, id="c-0", name="a"), ToolCallDelta(index=0, arguments="{}"),
        ToolCallStarted(index=1, id="c-1", name="b"), ToolCallDelta(index=1, arguments='{"x"'),
    ])  # fmt: skip
    shown = lines_of(write.cut(ERROR, CLOSING))
    assert [each.get("done_reason", each.get("error")) for each in shown] == ["length", "It broke."]


ARGUMENTS = st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3) | st.none(), max_size=3).map(
    json.dumps
)
NAMES = st.text(min_size=1, max_size=5)
PARTS = st.lists(
    st.builds(lambda text: Text(text=text), NAMES)
    | st.builds(lambda text: Reasoning(text=text), NAMES)
    | st.just(Image(source=Inline(media_type="image/png", data=PNG)))
    | st.builds(lambda name, text: ToolCall(id=f"c-{name}", name=name, arguments=text), NAMES, ARGUMENTS),
    max_size=6,
)
ANSWERS = st.builds(
    lambda parts, reason, logprobs: answer(*parts, reason=reason, logprobs=logprobs if any_text(parts) else ()),
    PARTS,
    st.sampled_from([StopReason.STOP, StopReason.LENGTH, StopReason.CONTENT_FILTER]),
    st.sampled_from([(), LOGPROBS]),
)


def any_text(parts: list[Any]) -> bool:
    return any(isinstance(part, Text) for part in parts)


def carried(found: ChatAnswer) -> Any:
    """What the form can say: texts of one kind that follow each other are one, and a call ends as a call."""
    choice = found.choices[0]
    kinds: list[list[Any]] = []
    for part in choice.parts:
        match part:
            case Text() | Reasoning() if kinds and kinds[-1][0] is type(part):
                kinds[-1][1] += part.text
            case Text() | Reasoning():
                kinds.append([type(part), part.text])
            case ToolCall():
                kinds.append([part.id, part.name, json.loads(part.arguments)])
            case _:
                kinds.append([part])
    reason = StopReason.STOP if choice.reason is StopReason.TOOL_CALLS else choice.reason
    return kinds, reason, choice.logprobs, found.usage


def streamed(given: ChatAnswer) -> bytes:
    write = writer(OLLAMA_CHAT)
    return write.write(events_of(given)) + write.end(CLOSING)


@given(ANSWERS)
def test_what_is_written_is_read_again(given: ChatAnswer) -> None:
    read, events = told(streamed(given))
    assert read.finished
    found = fold(events)
    expected = carried(given)
    assert carried(found if found.choices else answer())[:3] == expected[:3]
    assert found.usage == Usage(input=7, output=4)


@given(ANSWERS, st.lists(st.integers(0, 3_000)))
def test_any_split_tells_the_same(given: ChatAnswer, cuts: list[int]) -> None:
    stream = streamed(given)
    places = sorted({min(place, len(stream)) for place in cuts} | {0, len(stream)})
    split = fold(told(*(stream[a:b] for a, b in pairwise(places)))[1])
    assert split == fold(told(stream)[1]) == fold(told(*(stream[at : at + 1] for at in range(len(stream))))[1])


@given(ANSWERS, st.integers(0, 3_000))
def test_a_stream_that_was_cut_off_is_never_finished(given: ChatAnswer, place: int) -> None:
    stream = streamed(given)
    cut_at = min(place, len(stream) - 2)  # the last line's end is not needed
    assert not told(stream[:cut_at])[0].finished


@given(st.binary(max_size=60) | st.text(max_size=30).map(str.encode))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    for dialect in (OLLAMA_CHAT, OLLAMA_GENERATE):
        told(data + b"\n", dialect=dialect)
        with suppress(UpstreamFailure):
            parsed(data, dialect)
