"""What goes through Messages and back: requests, whole answers and streams keep their meaning, however they are split."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.dialects.anthropic_messages.wire import (
    CLOSING,
    EDITS,
    HELLO,
    TEXT,
    block,
    delta,
    end,
    start,
    stop,
    terms,
    text,
)
from tollway.dialects.anthropic_messages.parse_answer import parse_answer
from tollway.dialects.anthropic_messages.parse_request import parse_request
from tollway.dialects.anthropic_messages.peek import peek
from tollway.dialects.anthropic_messages.reader import open_reader
from tollway.dialects.anthropic_messages.render_answer import render_answer
from tollway.dialects.anthropic_messages.render_request import render_request
from tollway.dialects.anthropic_messages.writer import open_writer
from tollway.neutral.answer import ChatAnswer, Choice, events_of, fold
from tollway.neutral.events import StopReason
from tollway.neutral.parts import (
    CacheMark,
    Citation,
    Document,
    Image,
    Inline,
    Part,
    Reasoning,
    Sealed,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from tollway.neutral.request import (
    ChatRequest,
    Effort,
    Message,
    ReasoningWish,
    Role,
    Tool,
    ToolChoice,
    ToolUse,
    results_behind_calls,
)
from tollway.neutral.seals import unmarked

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(str.strip)
IDS = st.text("aZ0_-", min_size=1, max_size=8)
PLACES = st.integers(0, 99)
CITATIONS = st.builds(Citation, quoted=WORDS, title=WORDS, document=PLACES, source_start=PLACES, source_end=PLACES) | (
    st.builds(Citation, quoted=WORDS, title=WORDS, url=WORDS)
)
ARGUMENTS = st.dictionaries(WORDS, st.integers() | WORDS, max_size=3).map(
    lambda found: json.dumps(found, separators=(",", ":"), ensure_ascii=False)
)
SIGNATURES = st.builds(Sealed, data=WORDS, issuer=st.just("p"))
WHOLES = st.builds(Sealed, data=WORDS, issuer=st.just("p"), whole=st.just(True))
THOUGHTS = st.builds(Reasoning, text=WORDS, sealed=st.none() | SIGNATURES) | st.builds(
    Reasoning, sealed=SIGNATURES | WHOLES
)
ANSWER_PARTS = (
    st.builds(Text, text=WORDS, citations=st.lists(CITATIONS, max_size=2).map(tuple))
    | THOUGHTS
    | st.builds(ToolCall, id=WORDS, name=WORDS, arguments=ARGUMENTS)
)
REASONS = st.sampled_from(
    [reason for reason in StopReason if reason not in {StopReason.OTHER, StopReason.CONTENT_FILTER}]
)


@st.composite
def answers(draw: st.DrawFn) -> ChatAnswer:
    parts: tuple[Part, ...] = tuple(draw(st.lists(ANSWER_PARTS, max_size=6)))
    reason = draw(REASONS)
    if reason is StopReason.STOP and any(isinstance(part, ToolCall) for part in parts):
        reason = StopReason.TOOL_CALLS
    return ChatAnswer(choices=(Choice(parts=parts, reason=reason),), model="m-9", id="msg_r1", usage=CLOSING.usage)


def sealed_again(answer: ChatAnswer) -> ChatAnswer:
    """The answer as it comes back from a client, whose seals are marked."""
    choice = answer.choices[0]
    parts = tuple(
        Reasoning(text=part.text, sealed=unmarked(part.sealed.data, whole=part.sealed.whole))
        if isinstance(part, Reasoning) and part.sealed is not None
        else part
        for part in choice.parts
    )
    return ChatAnswer(
        choices=(Choice(parts=parts, reason=choice.reason, sequence=choice.sequence),),
        model=answer.model,
        id=answer.id,
        usage=answer.usage,
    )


@given(answers())
def test_a_whole_answer_is_read_as_it_was_written(answer: ChatAnswer) -> None:
    assert sealed_again(parse_answer(render_answer(answer, terms(), CLOSING))) == answer


@given(answers(), st.data())
def test_a_stream_is_read_as_it_was_written_however_it_is_split(answer: ChatAnswer, data: st.DataObject) -> None:
    writer, reader = open_writer(terms()), open_reader()
    stream = b"".join(writer.write([event]) for event in events_of(answer)) + writer.end(CLOSING)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    events = [
        event
        for begin, until in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for event in reader.feed(stream[begin:until])
    ]
    assert reader.finished
    assert reader.failure is None
    assert sealed_again(fold(events + reader.close())) == answer


RICH = (
    start()
    + block(0, type="thinking", thinking="", signature="")
    + delta(0, type="thinking_delta", thinking="hm")
    + delta(0, type="signature_delta", signature="s")
    + stop(0)
    + block(1, type="text", text="")
    + text("hällo", 1)
    + stop(1)
    + block(2, type="tool_use", id="t", name="f", input={})
    + delta(2, type="input_json_delta", partial_json='{"ä":1}')
    + stop(2)
    + end("tool_use")
)


@given(st.sampled_from([HELLO, RICH, RICH.replace(b"\n", b"\r\n"), start() + TEXT]), st.data())
def test_no_split_of_bytes_changes_what_is_read(stream: bytes, data: st.DataObject) -> None:
    whole = open_reader()
    expected = fold(whole.feed(stream) + whole.close())
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reader = open_reader()
    events = [
        event
        for begin, until in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for event in reader.feed(stream[begin:until])
    ]
    assert fold(events + reader.close()) == expected
    assert reader.finished is whole.finished


MARKS = st.none() | st.sampled_from(CacheMark)
IMAGES = st.builds(
    Image, source=st.just(Inline(media_type="image/png", data="aGk=")) | st.builds(Url, url=WORDS), cache=MARKS
)
PDF = Inline(media_type="application/pdf", data="aGk=")
DOCUMENTS = st.builds(
    Document, source=st.just(PDF), title=st.none() | WORDS, context=st.none() | WORDS, cited=st.booleans(), cache=MARKS
)
TEXTS = st.builds(Text, text=WORDS, cache=MARKS)
USER = TEXTS | IMAGES | DOCUMENTS
CALLS = st.builds(ToolCall, id=IDS, name=WORDS, arguments=ARGUMENTS, cache=MARKS)
RESULTS = st.builds(
    ToolResult,
    call_id=IDS,
    parts=st.lists(TEXTS | IMAGES, min_size=1, max_size=2).map(tuple),
    failed=st.booleans(),
    cache=MARKS,
) | st.builds(ToolResult, call_id=IDS, parts=st.just(()), cache=MARKS)


def turn(role: Role, parts: Any) -> Any:
    return st.builds(Message, role=st.just(role), parts=st.lists(parts, min_size=1, max_size=3).map(tuple))


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    messages = [draw(turn(Role.SYSTEM, TEXTS))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(0, 3))):
        messages += [draw(turn(Role.USER, USER)), draw(turn(Role.ASSISTANT, TEXTS | CALLS))]
        if draw(st.booleans()):
            messages.append(draw(turn(Role.TOOL, RESULTS)))
    messages.append(draw(turn(Role.USER, USER)))
    tools = draw(
        st.lists(st.builds(Tool, name=WORDS, description=st.none() | WORDS, cache=MARKS), min_size=1, max_size=2)
    )
    choice = draw(st.none() | st.sampled_from([ToolUse.AUTO, ToolUse.REQUIRED, ToolUse.NONE]))
    return ChatRequest(
        model="m-2",
        messages=tuple(messages),
        streamed=draw(st.booleans()),
        tools=tuple(tools),
        tool_choice=None if choice is None else ToolChoice(use=choice),
        reasoning=draw(st.none() | st.just(ReasoningWish(effort=Effort.NONE))),
        output_tokens_max=draw(st.integers(1, 10_000)),
        stop=tuple(draw(st.lists(WORDS, max_size=2))),
        temperature=draw(st.none() | st.sampled_from([0.0, 0.5, 1.0])),
        top_k=draw(st.none() | PLACES),
        end_user=draw(st.none() | WORDS),
        service_tier=draw(st.none() | st.sampled_from(["auto", "default"])),
    )


def meant(request: ChatRequest) -> tuple[Any, ...]:
    """What a request says, without how its turns are cut: the system's words, and each side's parts in order."""
    spoken = [part for message in request.messages for part in message.parts if message.role is Role.SYSTEM]
    system = "\n\n".join(part.text for part in spoken if isinstance(part, Text))
    said = [(message.role is Role.ASSISTANT, part) for message in request.messages for part in message.parts]
    turns = [row for row, message in zip(said, _roles(request), strict=True) if message is not Role.SYSTEM]
    names = [(tool.name, tool.description, tool.cache) for tool in request.tools]
    wish = request.reasoning
    thinks = wish is not None and (wish.budget_tokens != 0 and wish.effort is not Effort.NONE)
    return (
        *(system, turns, names, request.tool_choice, thinks, request.output_tokens_max, request.stop, request.streamed),
        *(request.temperature, request.top_k, request.end_user, request.service_tier, dict(request.knobs)),
    )


def _roles(request: ChatRequest) -> list[Role]:
    return [message.role for message in request.messages for _ in message.parts]


@given(requests())
@settings(max_examples=60)
def test_a_request_keeps_its_meaning(request: ChatRequest) -> None:
    edits = EDITS.__class__(model_routed="m-2", issuer="p", streamed=request.streamed)
    made = render_request(request, edits)
    assert made.dropped == ()
    again = parse_request(made.body, peek(made.body))
    assert meant(again)[1:] == meant(results_first(request))[1:]
    assert meant(again)[0].replace("\n\n", "") == meant(request)[0].replace("\n\n", "")
    assert render_request(again, edits).body == made.body


def results_first(request: ChatRequest) -> ChatRequest:
    """The request with the results of tools before what else the user says, right behind their calls."""
    messages: list[Message] = []
    for message in results_behind_calls(request.messages):
        if message.role is Role.TOOL and messages and messages[-1].role is Role.USER:
            messages.insert(len(messages) - 1, message)
        else:
            messages.append(message)
    return ChatRequest(
        **{**{name: getattr(request, name) for name in request.__struct_fields__}, "messages": tuple(messages)}
    )
