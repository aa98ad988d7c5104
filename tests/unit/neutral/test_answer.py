"""A whole answer and its events: each follows from the other, and nothing is lost on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.neutral.answer import ChatAnswer, Choice, events_of, fold, written_bytes
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
    Video,
)
from tollway.neutral.usage import Usage

WORDS = st.text(min_size=1, max_size=6)
CITATIONS = st.builds(Citation, url=st.none() | WORDS, document=st.none() | st.integers(0, 9))
PICTURE = Inline(media_type="image/png", data="iVBO")
SOUND = Inline(media_type="audio/wav", data="UklG")
PARTS = st.one_of(
    st.builds(Text, text=WORDS, citations=st.lists(CITATIONS, max_size=2).map(tuple)),
    st.builds(Reasoning, text=st.text(max_size=6)),
    st.builds(Reasoning, text=st.text(max_size=6), sealed=st.builds(Sealed, data=WORDS)),
    st.builds(Reasoning, sealed=st.builds(Sealed, data=WORDS, whole=st.just(True))),
    st.builds(Declined, text=WORDS),
    st.builds(ToolCall, id=WORDS, name=WORDS, arguments=st.text(max_size=6), custom=st.booleans()),
    st.just(Image(source=PICTURE)),
    st.builds(Audio, source=st.just(SOUND), transcript=st.none() | WORDS),
)
LOGPROBS = st.lists(st.builds(TokenLogprob, token=WORDS, logprob=st.floats(-9, 0)), max_size=2).map(tuple)
CHOICES = st.builds(
    Choice,
    parts=st.lists(PARTS, max_size=6).map(tuple),
    reason=st.sampled_from(StopReason),
    sequence=st.none() | WORDS,
    logprobs=LOGPROBS,
)
ANSWERS = st.builds(
    ChatAnswer,
    choices=st.lists(CHOICES, max_size=3).map(tuple),
    usage=st.none() | st.builds(Usage, input=st.none() | st.integers(0, 9), output=st.integers(0, 9)),
    id=st.none() | WORDS,
    model=st.none() | WORDS,
    created_s=st.none() | st.integers(0, 9),
    service_tier=st.none() | WORDS,
    provider_cost_nanos=st.none() | st.integers(0, 9),
)


def parts_of(*events: Event) -> tuple[Part, ...]:
    """Return the parts of the only choice that the events tell."""
    (choice,) = fold(events).choices
    return choice.parts


@given(ANSWERS)
def test_the_events_of_an_answer_fold_into_it_again(answer: ChatAnswer) -> None:
    assert fold(events_of(answer)) == answer


@given(ANSWERS, st.integers(1, 3))
def test_texts_in_smaller_pieces_fold_into_the_same(answer: ChatAnswer, step: int) -> None:
    pieces: list[Event] = []
    for event in events_of(answer):
        if isinstance(event, TextDelta) and event.text:
            starts = range(0, len(event.text), step)
            texts = [event.text[start : start + step] for start in starts]
            pieces.append(TextDelta(text=texts[0], choice=event.choice, logprobs=event.logprobs))
            pieces += [TextDelta(text=text, choice=event.choice) for text in texts[1:]]
        elif isinstance(event, ToolCallDelta):
            pieces += [
                ToolCallDelta(index=event.index, arguments=letter, choice=event.choice) for letter in event.arguments
            ]
        else:
            pieces.append(event)
    assert fold(pieces) == answer


@given(ANSWERS)
def test_choices_that_take_turns_are_kept_apart(answer: ChatAnswer) -> None:
    by_choice: dict[int, list[Event]] = {}
    others: list[Event] = []
    for event in events_of(answer):
        number = getattr(event, "choice", None)
        (others if number is None else by_choice.setdefault(number, [])).append(event)
    turns: list[Event] = []
    while any(by_choice.values()):
        turns += [events.pop(0) for events in reversed(by_choice.values()) if events]
    assert fold(others + turns) == answer


def test_calls_that_are_written_side_by_side_keep_their_own_arguments_and_their_places() -> None:
    assert parts_of(
        ToolCallStarted(index=0, id="a", name="f"),
        ToolCallStarted(index=1, id="b", name="g"),
        ToolCallDelta(index=1, arguments="{"),
        ToolCallDelta(index=0, arguments="[1"),
        TextDelta(text="between"),
        ToolCallDelta(index=1, arguments="}"),
        ToolCallDelta(index=0, arguments="]"),
    ) == (
        ToolCall(id="a", name="f", arguments="[1]"),
        ToolCall(id="b", name="g", arguments="{}"),
        Text(text="between"),
    )


def test_a_second_call_under_the_same_number_takes_nothing_from_the_first() -> None:
    assert parts_of(
        ToolCallStarted(index=0, id="a", name="f"),
        ToolCallDelta(index=0, arguments="{1}"),
        ToolCallStarted(index=0, id="b", name="f"),
        ToolCallDelta(index=0, arguments="{2}"),
    ) == (ToolCall(id="a", name="f", arguments="{1}"), ToolCall(id="b", name="f", arguments="{2}"))


def test_arguments_of_a_call_that_never_began_are_nobodys() -> None:
    assert parts_of(ToolCallDelta(index=3, arguments="{}"), TextDelta(text="x")) == (Text(text="x"),)


def test_a_signature_belongs_to_the_thought_before_it_and_a_whole_seal_to_none() -> None:
    signature, whole = Sealed(data="s"), Sealed(data="w", whole=True)
    assert parts_of(
        ReasoningDelta(text="a"),
        ReasoningSealed(sealed=signature),
        ReasoningDelta(text="b"),
        ReasoningSealed(sealed=whole),
        TextDelta(text="c"),
        ReasoningSealed(sealed=signature),
        ReasoningDelta(text="d"),
    ) == (
        Reasoning(text="a", sealed=signature),
        Reasoning(text="b"),
        Reasoning(sealed=whole),
        Text(text="c"),
        Reasoning(sealed=signature),
        Reasoning(text="d"),
    )


def test_a_citation_belongs_to_the_text_around_it_or_to_one_of_its_own() -> None:
    first, second = Citation(url="1"), Citation(url="2")
    assert parts_of(
        TextDelta(text="a"),
        CitationAdded(citation=first),
        TextDelta(text="b"),
        CitationAdded(citation=second),
        PartEnded(),
        ReasoningDelta(text="t"),
        CitationAdded(citation=first),
    ) == (Text(text="ab", citations=(first, second)), Reasoning(text="t"), Text(text="", citations=(first,)))


def test_pictures_and_sounds_stand_where_they_came() -> None:
    assert parts_of(
        DeclinedDelta(text="n"),
        DeclinedDelta(text="o"),
        MediaAdded(media=SOUND, transcript="hum"),
        TextDelta(text="a"),
        MediaAdded(media=PICTURE),
        TextDelta(text="b"),
    ) == (
        Declined(text="no"),
        Audio(source=SOUND, transcript="hum"),
        Text(text="a"),
        Image(source=PICTURE),
        Text(text="b"),
    )


def test_a_part_that_ended_is_not_gone_on_with_and_empty_text_is_no_part() -> None:
    assert parts_of(TextDelta(text="a"), PartEnded(), TextDelta(text="b"), PartEnded(), TextDelta(text="")) == (
        Text(text="a"),
        Text(text="b"),
    )


def test_an_answer_that_broke_off_has_no_reason_and_keeps_what_was_written() -> None:
    assert fold([Started(id="x"), TextDelta(text="ha")]) == ChatAnswer(
        id="x", choices=(Choice(parts=(Text(text="ha"),), reason=None),)
    )
    assert fold([]) == ChatAnswer(choices=())


def test_the_last_usage_and_the_last_word_of_the_provider_count() -> None:
    answer = fold(
        [
            UsageReported(usage=Usage(input=1)),
            Told(service_tier="a"),
            UsageReported(usage=Usage(input=2)),
            Told(service_tier="b", provider_cost_nanos=3),
        ]
    )
    assert (answer.usage, answer.service_tier, answer.provider_cost_nanos) == (Usage(input=2), "b", 3)


def test_what_no_event_tells_is_not_told() -> None:
    parts = (Image(source=Url(url="https://x")), Video(source=Inline(media_type="video/mp4", data="AA")))
    choice = Choice(parts=parts, reason=StopReason.STOP)
    assert events_of(ChatAnswer(choices=(choice,))) == [Started(), Finished(reason=StopReason.STOP)]


@pytest.mark.parametrize(
    ("event", "count"),
    [
        (TextDelta(text="abc"), 3),
        (TextDelta(text="ä€🙂"), 9),
        (TextDelta(text="\ud800"), 3),
        (ReasoningDelta(text="ab"), 2),
        (DeclinedDelta(text="no"), 2),
        (ToolCallStarted(index=0, id="long-id", name="find"), 4),
        (ToolCallDelta(index=0, arguments="{}"), 2),
        (ReasoningSealed(sealed=Sealed(data="x" * 99)), 0),
        (MediaAdded(media=PICTURE, transcript="hum"), 0),
        (CitationAdded(citation=Citation(quoted="xx")), 0),
        (Finished(reason=StopReason.STOP), 0),
        (Started(id="x"), 0),
    ],
)
def test_what_a_model_wrote_is_counted_in_bytes(event: Event, count: int) -> None:
    assert written_bytes(event) == count


def test_chances_of_something_else_than_text_are_told_with_an_empty_one() -> None:
    logprobs = (TokenLogprob(token="x", logprob=-1.0),)
    choice = Choice(parts=(ToolCall(id="a", name="f", arguments=""),), reason=None, logprobs=logprobs)
    answer = ChatAnswer(choices=(choice,))
    assert events_of(answer) == [
        Started(),
        ToolCallStarted(index=0, id="a", name="f"),
        TextDelta(text="", logprobs=logprobs),
    ]
    assert fold(events_of(answer)) == answer
