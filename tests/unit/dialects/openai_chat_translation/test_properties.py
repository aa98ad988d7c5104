"""What holds of every answer and every request: nothing is lost on the way out and back."""

import json

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.dialects.openai_chat_translation.translator import (
    closing,
    open_reader,
    open_writer,
    parse_answer,
    parse_request,
    render_answer,
    render_request,
    terms,
)
from tollway.dialects.openai_chat.peek import peek
from tollway.dialects.record import RequestEdits
from tollway.neutral.answer import ChatAnswer, Choice, events_of, fold
from tollway.neutral.events import Event, StopReason, TokenLogprob
from tollway.neutral.parts import (
    Citation,
    Declined,
    Image,
    Inline,
    Part,
    Reasoning,
    Sealed,
    Text,
    ToolCall,
    ToolResult,
)
from tollway.neutral.request import ChatRequest, Message, Role
from tollway.neutral.seals import marked
from tollway.neutral.usage import Usage

words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
counts = st.none() | st.integers(0, 1000)
sealed = st.builds(Sealed, data=words, issuer=st.just("acme"), whole=st.booleans())
tokens = st.builds(
    TokenLogprob,
    token=words,
    logprob=st.floats(-100, 0),
    top=st.lists(st.builds(TokenLogprob, token=words, logprob=st.floats(-100, 0)), max_size=2).map(tuple),
)
texts = st.builds(
    Text,
    text=words,
    citations=st.lists(
        st.builds(Citation, url=words, title=words, answer_start=st.just(0), answer_end=st.just(1)), max_size=2
    ).map(tuple),
)
thoughts = st.builds(Reasoning, text=words, sealed=st.none()) | st.builds(
    lambda text, seal: Reasoning(text="" if seal.whole else text, sealed=seal), words | st.just(""), sealed
)
pictures = st.builds(Image, source=st.builds(Inline, media_type=st.just("image/png"), data=st.just("AAAA")))
calls = st.builds(ToolCall, id=words, name=words, arguments=words | st.just("{}"), custom=st.booleans())
parts = texts | thoughts | calls | pictures | st.builds(Declined, text=words)
reasons = st.sampled_from(
    [StopReason.STOP, StopReason.LENGTH, StopReason.TOOL_CALLS, StopReason.CONTENT_FILTER],
)


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    drawn: list[Part] = draw(st.lists(parts, max_size=6, unique_by=lambda part: getattr(part, "id", id(part))))
    reason = draw(reasons)
    if reason is StopReason.STOP and any(isinstance(part, ToolCall) for part in drawn):
        reason = StopReason.TOOL_CALLS
    logprobs = draw(st.lists(tokens, max_size=2)) if any(isinstance(part, Text) for part in drawn) else []
    return Choice(parts=tuple(drawn), reason=reason, logprobs=tuple(logprobs))


answers = st.builds(
    ChatAnswer,
    choices=st.lists(choices(), min_size=1, max_size=3).map(tuple),
    usage=st.builds(
        Usage, input=st.integers(1, 1000), cached_input=counts, output=st.integers(1, 1000), reasoning=counts
    ),
    model=st.just("m-2"),
)


def joined(found: tuple[Part, ...]) -> list[Part]:
    """Neighbours of one kind as one: the stream has no mark between them. Seals as a client sees them."""
    out: list[Part] = []
    for part in found:
        last = out[-1] if out else None
        if isinstance(part, Text) and isinstance(last, Text):
            out[-1] = Text(text=last.text + part.text, citations=last.citations + part.citations)
        elif isinstance(part, Declined) and isinstance(last, Declined):
            out[-1] = Declined(text=last.text + part.text)
        elif isinstance(part, Reasoning) and isinstance(last, Reasoning) and last.sealed is None and part.text:
            out[-1] = Reasoning(text=last.text + part.text, sealed=part.sealed)
        else:
            out.append(part)
    return out


def placed(found: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts with the places of their citations in all text together, as a message has it."""
    out: list[Part] = []
    begin = 0
    for part in found:
        if isinstance(part, Text):
            cited = tuple(replace(each, answer_start=begin, answer_end=begin + 1) for each in part.citations)
            begin += len(part.text)
            out.append(replace(part, citations=cited))
        else:
            out.append(part)
    return tuple(out)


def as_seen(found: list[Part]) -> list[Part]:
    return [
        Reasoning(text=part.text, sealed=Sealed(data=marked(part.sealed), whole=part.sealed.whole))
        if isinstance(part, Reasoning) and part.sealed is not None
        else part
        for part in found
    ]


def stream_of(answer: ChatAnswer) -> bytes:
    writer = open_writer(terms(choices=len(answer.choices)))
    assert answer.usage is not None
    out = writer.write(events_of(answer))
    return out + writer.end(closing(usage=answer.usage, costs=None))


def asked_stream_of(answer: ChatAnswer) -> bytes:
    writer = open_writer(terms(choices=len(answer.choices), usage_asked=True))
    assert answer.usage is not None
    out = b"".join(writer.write([event]) for event in events_of(answer))
    return out + writer.end(closing(usage=answer.usage))


@given(answers)
def test_what_is_streamed_is_read_as_the_same_answer(answer: ChatAnswer) -> None:
    reader = open_reader()
    again = fold(reader.feed(asked_stream_of(answer)) + reader.close())
    assert reader.finished
    assert reader.failure is None
    assert again.usage == answer.usage
    assert len(again.choices) == len(answer.choices)
    for found, choice in zip(again.choices, answer.choices, strict=True):
        assert joined(found.parts) == as_seen(joined(placed(choice.parts)))
        assert (found.reason, found.logprobs) == (choice.reason, choice.logprobs)


@given(answers, st.data())
def test_any_split_gives_the_same_answer(answer: ChatAnswer, data: st.DataObject) -> None:
    stream = stream_of(answer)
    whole = open_reader()
    expected = fold(whole.feed(stream) + whole.close())
    reader = open_reader()
    events: list[Event] = []
    at = 0
    while at < len(stream):
        to = at + data.draw(st.integers(1, 400))
        events += reader.feed(stream[at:to])
        at = to
    assert fold(events + reader.close()) == expected


def gathered(found: tuple[Part, ...]) -> list[object]:
    """What a message keeps apart: each kind in its own order."""
    return [
        "".join(part.text for part in found if isinstance(part, Text)),
        [citation for part in found if isinstance(part, Text) for citation in part.citations],
        "".join(part.text for part in found if isinstance(part, Reasoning)),
        "".join(part.text for part in found if isinstance(part, Declined)),
        [part for part in found if isinstance(part, ToolCall)],
        [part for part in found if isinstance(part, Image)],
    ]


@given(answers)
def test_what_is_written_whole_is_read_as_the_same_answer(answer: ChatAnswer) -> None:
    assert answer.usage is not None
    again = parse_answer(render_answer(answer, terms(), closing(usage=answer.usage)))
    assert again.usage == answer.usage
    for found, choice in zip(again.choices, answer.choices, strict=True):
        assert gathered(found.parts) == gathered(placed(choice.parts))
        seals = [part.sealed for part in as_seen(list(choice.parts)) if isinstance(part, Reasoning) and part.sealed]
        kept = [part.sealed for part in found.parts if isinstance(part, Reasoning) and part.sealed]
        assert sorted(seal.data for seal in kept) == sorted(seal.data for seal in seals)
        assert (found.reason, found.logprobs) == (choice.reason, choice.logprobs)


@given(answers)
def test_a_stream_cut_anywhere_before_its_end_never_looks_finished(answer: ChatAnswer) -> None:
    stream = stream_of(answer)
    ending = stream.index(b'"finish_reason":"') if b'"finish_reason":"' in stream else len(stream)
    for at in range(0, ending, 37):
        reader = open_reader()
        reader.feed(stream[:at])
        reader.close()
        assert not reader.finished
        assert reader.failure is None


user_parts = st.builds(Text, text=words) | pictures
conversations = st.lists(
    st.builds(Message, role=st.just(Role.SYSTEM), parts=st.lists(st.builds(Text, text=words), min_size=1).map(tuple))
    | st.builds(Message, role=st.just(Role.USER), parts=st.lists(user_parts, min_size=1, max_size=3).map(tuple))
    | st.builds(
        Message,
        role=st.just(Role.ASSISTANT),
        parts=st.tuples(
            st.builds(Reasoning, text=words),
            st.builds(Reasoning, text=words, sealed=st.builds(Sealed, data=words, issuer=st.just("acme"))),
            st.builds(Text, text=words),
            calls,
        ),
    )
    | st.builds(
        Message,
        role=st.just(Role.TOOL),
        parts=st.tuples(
            st.builds(ToolResult, call_id=words, parts=st.lists(st.builds(Text, text=words), min_size=1).map(tuple))
        ),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
requests = st.builds(
    ChatRequest,
    model=st.just("m"),
    messages=conversations,
    streamed=st.booleans(),
    temperature=st.none() | st.floats(0, 2),
    stop=st.lists(words, max_size=2).map(tuple),
    choices=st.integers(1, 3),
    output_tokens_max=st.none() | st.integers(1, 100),
    end_user=st.none() | words,
    parallel_tool_calls=st.none(),
)


@given(requests)
def test_a_request_that_is_written_is_read_as_the_same(request: ChatRequest) -> None:
    edits = RequestEdits(model_routed="m", streamed=request.streamed, issuer="acme")
    rendered = render_request(request, edits)
    assert rendered.dropped == ()
    assert json.loads(rendered.body)["model"] == "m"
    again = parse_request(rendered.body, peek(rendered.body))
    for found, message in zip(again.messages, request.messages, strict=True):
        assert found.role is message.role
        assert [nameless(part) for part in found.parts] == [nameless(part) for part in message.parts]
    assert (again.stop, again.choices, again.temperature) == (request.stop, request.choices, request.temperature)
    assert (again.output_tokens_max, again.end_user) == (request.output_tokens_max, request.end_user)


def nameless(part: Part) -> Part:
    """A seal that a provider gets has no name on it."""
    if isinstance(part, Reasoning) and part.sealed is not None:
        return Reasoning(text=part.text, sealed=Sealed(data=part.sealed.data, whole=part.sealed.whole))
    return part
