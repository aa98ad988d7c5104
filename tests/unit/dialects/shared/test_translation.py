"""Answers that change their dialect: streams, wholes, and each told as the other."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.dialects.shared.scripted import PlainWriter, ScriptedReader
from tests.unit.neutral.test_answer import ANSWERS
from tollway.dialects import translation
from tollway.dialects.record import CostFields
from tollway.dialects.translation import (
    TranslatedStream,
    WholeReader,
    closing_of,
    facts_of,
    issued,
    read_folded,
    with_ends,
)
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.answer import ChatAnswer, Choice, events_of, fold
from tollway.neutral.events import (
    CitationAdded,
    Event,
    Finished,
    ReasoningDelta,
    ReasoningSealed,
    Started,
    StopReason,
    TextDelta,
    Told,
    ToolCallStarted,
    UsageReported,
)
from tollway.neutral.parts import Citation, Image, Reasoning, Sealed, Text, ToolCall, Url
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=1, fee_nanos=2, total_nanos=3, currency="USD")
ESTIMATE = Usage(input=40, output=20)
BROKE = UpstreamFailure(FailureKind.BROKE, "the provider reported an error: overloaded")
HI = TextDelta(text="hä")
STOP = Finished(reason=StopReason.STOP)

SCRIPT: dict[bytes, list[Event]] = {
    b"start": [Started(id="x", model="m-1")],
    b"again": [Started(model="m-2")],
    b"hi": [HI],
    b"seal": [ReasoningDelta(text="t"), ReasoningSealed(sealed=Sealed(data="s", issuer="liar"))],
    b"usage": [UsageReported(usage=Usage(input=3, output=1))],
    b"zeros": [UsageReported(usage=Usage(input=0, output=0))],
    b"input": [UsageReported(usage=Usage(input=3))],
    b"cost": [Told(provider_cost_nanos=0)],
    b"tier": [Told(service_tier="flex", provider_cost_nanos=7)],
    b"note": [CitationAdded(citation=Citation(url="u"))],
    b"stop": [STOP],
}


def opened(*pieces: bytes) -> tuple[TranslatedStream, ScriptedReader, PlainWriter, bytes]:
    """Return a stream that was fed, what stands on its two sides, and what went to the client."""
    reader = ScriptedReader(SCRIPT, broken={b"error": BROKE})
    writer = PlainWriter()
    pipe = TranslatedStream(reader, writer, issuer="there")
    return pipe, reader, writer, b"".join(pipe.feed(piece) for piece in pieces)


def test_nothing_goes_out_before_the_model_has_begun() -> None:
    pipe, _, writer, out = opened(b"start", b"usage", b"", b"tier")
    assert (out, writer.written, pipe.content_started) == (b"", [], False)
    assert pipe.feed(b"hi") != b""
    assert [type(event) for event in writer.written] == [Started, UsageReported, Told, TextDelta]
    assert pipe.content_started
    assert pipe.feed(b"note") != b""


def test_a_lead_beyond_its_bound_is_set_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation, "LEAD_BYTES_MAX", 12)
    pipe, _, writer, out = opened(b"usage note", b"   ")
    assert (out, pipe.content_started) == (b"", False)
    assert pipe.feed(b"usage") != b""
    assert len(writer.written) == 3
    assert pipe.content_started


def test_what_waits_is_written_at_the_end_and_dropped_where_the_answer_never_began() -> None:
    pipe, _, writer, _ = opened(b"start")
    assert pipe.end(COSTS, ESTIMATE).endswith(b"END\n")
    assert len(writer.written) == 1
    pipe, _, writer, _ = opened(b"start")
    assert pipe.cut(b"e", COSTS, ESTIMATE).endswith(b"CUT e\n")
    assert len(writer.written) == 1
    pipe, _, writer, _ = opened(b"start")
    assert pipe.break_off(b"e", None, None) == b"BROKEN e\n"
    assert (writer.written, writer.closing) == ([], None)


def test_seals_get_the_name_of_who_issued_them() -> None:
    _, _, writer, _ = opened(b"seal hi")
    assert writer.written[1] == ReasoningSealed(sealed=Sealed(data="s", issuer="there"))
    assert writer.written[0] == ReasoningDelta(text="t")


def test_what_is_told_of_an_answer_is_kept() -> None:
    pipe, reader, _, _ = opened(b"start tier again cost", b"hi hi")
    assert (pipe.model_answered, pipe.service_tier, pipe.provider_cost_nanos) == ("m-1", "flex", 0)
    assert (pipe.delivered_events, pipe.delivered_text_bytes) == (2, 6)
    assert (pipe.finished, pipe.ended, pipe.failure) == (False, False, None)
    pipe.feed(b"stop")
    reader.ended = True
    assert (pipe.finished, pipe.ended) == (True, True)
    pipe.feed(b"error")
    assert pipe.failure is BROKE


def test_the_end_of_the_provider_may_still_tell_something() -> None:
    pipe, reader, writer, _ = opened(b"hi")
    assert pipe.close() == b""
    reader.last = [STOP]
    assert pipe.close() != b""
    assert writer.written == [HI, STOP]


@pytest.mark.parametrize(
    ("words", "usage", "shown", "estimated"),
    [
        (b"hi usage", Usage(input=3, output=1), Usage(input=3, output=1), False),
        (b"hi usage zeros", None, ESTIMATE, True),
        (b"zeros stop", Usage(input=0, output=0), Usage(input=0, output=0), False),
        (b"hi", None, ESTIMATE, True),
        (b"hi input", Usage(input=3), ESTIMATE, True),
    ],
)
def test_what_is_shown_is_what_was_reported_and_else_the_estimate(
    words: bytes, usage: Usage | None, shown: Usage, estimated: bool
) -> None:
    pipe, _, writer, _ = opened(words)
    assert pipe.usage == usage
    pipe.break_off(b"e", COSTS, ESTIMATE)
    assert writer.closing is not None
    assert (writer.closing.usage, writer.closing.estimated, writer.closing.costs) == (shown, estimated, COSTS)


def test_without_an_estimate_what_is_known_is_shown() -> None:
    assert closing_of(Usage(input=3), None, None).usage == Usage(input=3)
    nothing = closing_of(None, COSTS, None)
    assert (nothing.usage, nothing.estimated) == (Usage(), True)


# -- wholes and streams in any mixture

SAID = ChatAnswer(id="x", choices=(Choice(parts=(Text(text="hi"),), reason=StopReason.LENGTH),), usage=ESTIMATE)


def test_a_whole_answer_is_told_at_its_end() -> None:
    seen: list[bytes] = []

    def parse(body: bytes) -> ChatAnswer:
        seen.append(body)
        return SAID

    reader = WholeReader(parse)
    assert reader.feed(b"{") + reader.feed(b"}") == []
    assert (reader.finished, reader.ended) == (False, False)
    assert reader.close() == events_of(SAID)
    assert (seen, reader.finished, reader.failure) == ([b"{}"], True, None)


def test_a_whole_answer_that_is_none_is_a_failure() -> None:
    def parse(_body: bytes) -> ChatAnswer:
        raise UpstreamFailure(FailureKind.JUNK, "no answer")

    reader = WholeReader(parse)
    assert reader.close() == []
    assert (reader.failure is not None, reader.finished) == (True, False)


def test_a_whole_answer_has_a_bound_and_nothing_of_it_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translation, "WHOLE_BYTES_MAX", 5)
    reader = WholeReader(lambda _: SAID)
    reader.feed(b"12345")
    assert reader.failure is None
    reader.feed(b"6")
    reader.feed(b"7")
    assert reader.failure is not None
    assert (reader.failure.kind, reader.close(), reader._pieces) == (FailureKind.JUNK, [], [])


def test_what_is_whole_has_ended_also_where_it_does_not_say_so() -> None:
    call = ToolCallStarted(index=0, id="c", name="f", choice=1)
    assert with_ends([HI, call]) == [HI, call, STOP, Finished(reason=StopReason.TOOL_CALLS, choice=1)]
    assert with_ends([]) == [STOP]
    assert with_ends([HI, STOP]) == [HI, STOP]
    assert with_ends([Finished(reason=StopReason.LENGTH, choice=1)])[1:] == [STOP]


@given(ANSWERS)
def test_an_answer_told_as_a_stream_is_the_same_answer(answer: ChatAnswer) -> None:
    reader = WholeReader(lambda _: answer)
    writer = PlainWriter()
    pipe = TranslatedStream(reader, writer, issuer="there")
    pipe.feed(b"{}")
    pipe.close()
    told = fold(writer.written)
    assert told.choices[: len(answer.choices)] == issued(answer, "there").choices
    assert msgspec.structs.replace(told, choices=()) == msgspec.structs.replace(answer, choices=())


def test_a_stream_is_put_together_for_who_does_not_stream() -> None:
    assert read_folded(ScriptedReader(SCRIPT), b"start hi hi stop usage") == ChatAnswer(
        id="x",
        model="m-1",
        choices=(Choice(parts=(Text(text="hähä"),), reason=StopReason.STOP),),
        usage=Usage(input=3, output=1),
    )


def test_a_stream_that_broke_or_never_finished_is_no_answer() -> None:
    with pytest.raises(UpstreamFailure) as broke:
        read_folded(ScriptedReader(SCRIPT, broken={b"error": BROKE}), b"hi error stop")
    assert broke.value is BROKE
    with pytest.raises(UpstreamFailure, match="ended before") as cut:
        read_folded(ScriptedReader(SCRIPT), b"start hi usage")
    assert cut.value.kind is FailureKind.BROKE


# -- the facts of a whole answer


def answer(*parts: Text | Reasoning | ToolCall | Image, usage: Usage | None) -> ChatAnswer:
    """Return an answer of one choice."""
    return ChatAnswer(choices=(Choice(parts=parts, reason=StopReason.STOP),), usage=usage)


@pytest.mark.parametrize(
    ("usage", "found", "text_bytes"),
    [
        (Usage(input=3, output=1), Usage(input=3, output=1), 0),
        (None, None, 3),
        (Usage(input=0, output=0), None, 3),
        (Usage(input=3), Usage(input=3), 3),
        (Usage(input=3, output=0), Usage(input=3, output=0), 0),
    ],
)
def test_text_is_counted_only_where_the_output_is_not_reported(
    usage: Usage | None, found: Usage | None, text_bytes: int
) -> None:
    read = facts_of(answer(Text(text="hä"), usage=usage))
    assert (read.usage, read.text_bytes) == (found, text_bytes)


def test_zeros_of_an_answer_without_text_are_believed() -> None:
    read = facts_of(answer(usage=Usage(input=0, output=0)))
    assert (read.usage, read.text_bytes) == (Usage(input=0, output=0), 0)


def test_what_else_is_said_of_an_answer_is_among_its_facts() -> None:
    said = msgspec.structs.replace(SAID, model="m-1", service_tier="flex", provider_cost_nanos=7)
    read = facts_of(said)
    assert (read.model_answered, read.service_tier, read.provider_cost_nanos) == ("m-1", "flex", 7)
    assert (read.body, read.usage_found) == (b"", None)


def test_only_seals_change_when_an_answer_is_issued() -> None:
    sealed = Sealed(data="s", whole=True)
    parts = (Text(text="a"), Text(text="b"), Reasoning(text="t"), Image(source=Url(url="https://x")))
    made = issued(answer(*parts, Reasoning(sealed=sealed), usage=None), "there")
    assert made.choices[0].parts == (*parts, Reasoning(sealed=Sealed(data="s", whole=True, issuer="there")))


@given(st.lists(st.sampled_from([b"start", b"hi", b"usage", b"tier", b"note", b"seal", b"stop"]), max_size=9))
def test_no_event_is_lost_whenever_it_comes(words: list[bytes]) -> None:
    pipe, _, writer, _ = opened(*words)
    pipe.end(COSTS, ESTIMATE)
    assert len(writer.written) == sum(len(SCRIPT[word]) for word in words)
