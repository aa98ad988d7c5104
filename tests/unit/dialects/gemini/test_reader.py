"""A provider's Gemini stream as events."""

import json

import pytest

from tests.unit.dialects.gemini.gemini_chunks import (
    HI,
    STOP,
    USAGE,
    candidate,
    chunk,
    encoded,
    event,
    events,
    folded,
)
from tollway.dialects.gemini.reader import open_reader, parse_answer
from tollway.dialects.gemini.words import REASON_WORDS, REASONS
from tollway.errors import FailureKind
from tollway.framing.sse import EVENT_BYTES_MAX
from tollway.neutral.events import (
    Finished,
    MediaAdded,
    Started,
    StopReason,
    TextDelta,
    TokenLogprob,
    Told,
    UsageReported,
)
from tollway.neutral.parts import Citation, Image, Inline, Part, Reasoning, Sealed, Text, ToolCall
from tollway.neutral.usage import Usage

SIGNED = {"thoughtSignature": "c2ln"}
SEAL = Sealed(data="c2ln")
PICTURE = {"inlineData": {"mimeType": "image/png", "data": "aQ=="}}


def parts(*given: object) -> tuple[Part, ...]:
    return folded(chunk(*given, finish="STOP")).choices[0].parts


def test_a_stream_of_text() -> None:
    assert events(HI, STOP) == [
        Started(id="r-1", model="m-1"),
        TextDelta(text="hällo"),
        Finished(reason=StopReason.STOP),
        UsageReported(usage=Usage(input=3, output=1)),
    ]


def test_tiers_are_told_once() -> None:
    usage = {"trafficType": "ON_DEMAND"}
    told = [each for each in events(chunk(usage=usage), chunk(usage=usage)) if isinstance(each, Told)]
    assert told == [Told(service_tier="ON_DEMAND")]


def test_thoughts_and_their_seals() -> None:
    assert parts({"text": "hm", "thought": True}, {"text": "m", "thought": True, **SIGNED}) == (
        Reasoning(text="hmm", sealed=SEAL),
    )
    assert parts({"thought": True}, {"thought": True, **PICTURE}) == (
        Image(source=Inline(media_type="image/png", data="aQ==")),
    )


def test_the_seal_of_something_else_stands_right_before_it() -> None:
    assert parts({"text": "hm", "thought": True}, {"text": "so", **SIGNED}) == (
        Reasoning(text="hm"),
        Reasoning(sealed=SEAL),
        Text(text="so"),
    )
    assert parts({"text": "so"}, {"text": "", **SIGNED}) == (Text(text="so"), Reasoning(sealed=SEAL))
    sealed, call = parts({"functionCall": {"name": "f"}, **SIGNED})
    assert sealed == Reasoning(sealed=SEAL)
    assert isinstance(call, ToolCall)


def test_calls_get_ids_that_differ_and_stay() -> None:
    call = {"functionCall": {"name": "f", "args": {"a": 1.50, "b": "x y"}}}
    first = parts(call, call, {"functionCall": {"name": "g", "id": "theirs"}})
    assert first == parts(call, call, {"functionCall": {"name": "g", "id": "theirs"}})
    ids = [part.id for part in first if isinstance(part, ToolCall)]
    assert len(set(ids)) == 3
    assert ids[2] == "theirs"
    assert [part.arguments for part in first if isinstance(part, ToolCall)] == ['{"a":1.5,"b":"x y"}'] * 2 + ["{}"]
    assert folded(chunk(call, finish="STOP")).choices[0].reason is StopReason.TOOL_CALLS


def test_calls_that_come_in_pieces_are_put_together() -> None:
    def piece(*partial: object, more: bool = True) -> bytes:
        return chunk({"functionCall": {"partialArgs": list(partial), "willContinue": more}})

    found = folded(
        chunk({"functionCall": {"name": "f", "willContinue": True}}),
        piece({"jsonPath": "$.a[0].b", "stringValue": "on", "willContinue": True}),
        piece({"jsonPath": "$.a[0].b", "stringValue": "e"}, {"jsonPath": "$.a[0].c", "numberValue": 2}),
        piece({"jsonPath": "$.a[1]", "boolValue": True}, {"jsonPath": "$.a[9]", "numberValue": 1}, {"jsonPath": 3}),
        piece({"jsonPath": "$['d e']", "nullValue": "NULL_VALUE"}, {"jsonPath": "$.a.x", "numberValue": 1}),
        piece({"jsonPath": "$", "numberValue": 1}),
        chunk({"functionCall": {}}),
        chunk({"functionCall": {"partialArgs": []}}),
        chunk({"functionCall": {"name": "g", "willContinue": True}}),
        chunk({"functionCall": {"name": "h", "args": None, "willContinue": True}}),
        chunk({"text": "."}, finish="STOP"),
    )
    calls = [part for part in found.choices[0].parts if isinstance(part, ToolCall)]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [
        ("f", {"a": [{"b": "one", "c": 2}, True], "d e": None}),
        ("g", {}),
        ("h", {}),
    ]


def test_a_call_that_never_ended_ends_with_its_choice() -> None:
    found = folded(
        chunk({"functionCall": {"name": "f", "willContinue": True}}), event({"candidates": [{"finishReason": "STOP"}]})
    )
    assert found.choices[0].reason is StopReason.TOOL_CALLS


def test_pictures_and_programs() -> None:
    assert parts(PICTURE, {"inlineData": {"data": ""}}) == (Image(source=Inline(media_type="image/png", data="aQ==")),)
    bare = [each for each in events(chunk({"inlineData": {"data": "aQ=="}})) if isinstance(each, MediaAdded)]
    assert bare[0].media.media_type == "application/octet-stream"
    ran = ({"executableCode": {"language": "PYTHON", "code": "1"}}, {"codeExecutionResult": {"output": "1"}})
    assert parts(*ran, {"functionResponse": {}}) == (Text(text="\n```python\n1\n```\n\n```\n1\n```\n"),)


def test_likelihoods_stand_with_their_text() -> None:
    logprobs = {
        "chosenCandidates": [{"token": "a", "logProbability": -0.5}, {"token": "b"}],
        "topCandidates": [{"candidates": [{"token": "c", "logProbability": -1.0}]}],
    }
    expected = (
        TokenLogprob(token="a", logprob=-0.5, top=(TokenLogprob(token="c", logprob=-1.0),)),
        TokenLogprob(token="b", logprob=0.0),
    )
    assert folded(chunk({"text": "ab"}, logprobsResult=logprobs)).choices[0].logprobs == expected
    assert folded(chunk(finish="STOP", logprobsResult=logprobs)).choices[0].logprobs == expected
    assert folded(chunk({"text": "ab"}, logprobsResult="?")).choices[0].logprobs == ()
    assert folded(chunk({"text": "ab"}, logprobsResult=None)).choices[0].logprobs == ()


def test_what_an_answer_rests_on() -> None:
    grounding = {
        "groundingChunks": [
            {"web": {"uri": "https://a", "title": "A"}},
            {"retrievedContext": {"uri": "gs://b", "text": "words"}},
            {},
        ],
        "groundingSupports": [
            {"segment": {"startIndex": 3, "endIndex": 5}, "groundingChunkIndices": [0, 2, 7]},
            {"groundingChunkIndices": [0]},
        ],
    }
    cited = {"citations": [{}, {"uri": "https://c", "endIndex": 2}, {"uri": "https://c", "endIndex": 2}]}
    found = folded(
        chunk({"text": "äb"}),
        chunk({"text": "cd"}, groundingMetadata=grounding, citationMetadata=cited),
        chunk({"text": ""}, finish="STOP", groundingMetadata=grounding),
    )
    assert found.choices[0].parts == (
        Text(
            text="äbcd",
            citations=(
                Citation(url="https://a", title="A", answer_start=2, answer_end=4),
                Citation(url="https://a", title="A"),
                Citation(url="gs://b", quoted="words"),
                Citation(url="https://c", answer_start=0, answer_end=1),
            ),
        ),
    )
    junk = chunk({"text": "a"}, groundingMetadata=3, citationMetadata=3, finish="STOP")
    assert folded(junk).choices[0].parts == (Text(text="a"),)
    nothing = chunk({"text": "a"}, groundingMetadata=None, citationMetadata=None)
    assert folded(nothing).choices[0].parts == (Text(text="a"),)
    older = chunk({"text": "a"}, citationMetadata={"citationSources": [{"title": "T"}]})
    assert folded(older).choices[0].parts == (Text(text="a", citations=(Citation(title="T"),)),)


def test_every_reason_has_its_meaning() -> None:
    for word, reason in REASONS.items():
        assert folded(chunk({"text": "a"}, finish=word)).choices[0].reason is reason
    assert folded(chunk({"text": "a"}, finish="NEWS")).choices[0].reason is StopReason.OTHER
    assert set(REASON_WORDS) == set(StopReason)
    assert set(REASON_WORDS.values()) <= set(REASONS)


def test_a_choice_finishes_once_and_a_blocked_prompt_at_once() -> None:
    told = events(STOP, STOP)
    assert [type(each) for each in told].count(Finished) == 1
    blocked = event({"promptFeedback": {"blockReason": "SAFETY"}})
    assert [each for each in events(blocked, blocked) if isinstance(each, Finished)] == [
        Finished(reason=StopReason.CONTENT_FILTER)
    ]


def test_choices_are_kept_apart() -> None:
    both = event({"candidates": [candidate({"text": "a"}, index=None), candidate({"text": "b"}, index=1)]})
    reader = open_reader()
    reader.feed(both)
    assert not reader.finished
    reader.feed(event({"candidates": [candidate(finish="STOP", index=0)]}))
    assert not reader.finished
    reader.feed(event({"candidates": [candidate(finish="STOP", index=1)]}))
    assert reader.finished
    assert not reader.ended


@pytest.mark.parametrize(
    ("junk", "kind"),
    [
        (b"data: junk\r\n\r\n", FailureKind.JUNK),
        (b'data: {"error":{"message":"x"}}\r\n\r\n', FailureKind.BROKE),
    ],
)
def test_a_failure_is_the_last_word(junk: bytes, kind: FailureKind) -> None:
    reader = open_reader()
    assert len(reader.feed(HI)) == 2
    assert reader.feed(junk + STOP) == []
    assert reader.feed(STOP) == []
    assert reader.close() == []
    assert reader.failure is not None
    assert reader.failure.kind is kind


def test_an_event_without_end_is_a_failure() -> None:
    reader = open_reader()
    assert reader.feed(b"data: " + b"x" * EVENT_BYTES_MAX) == []
    assert reader.failure is not None
    assert reader.failure.kind is FailureKind.JUNK


def test_the_last_blank_line_may_be_missing() -> None:
    assert folded(HI, STOP.rstrip()).choices[0].reason is StopReason.STOP
    assert folded(HI, STOP[:40]).choices[0].reason is None
    reader = open_reader()
    reader.feed(b'{"error": {"message": "x"}}')
    reader.close()
    assert reader.failure is not None


def test_a_whole_answer_is_one_chunk() -> None:
    body = encoded({"candidates": [candidate({"text": "hä"}, finish="STOP")], "usageMetadata": USAGE})
    answer = parse_answer(body)
    assert answer.choices[0].parts == (Text(text="hä"),)
    assert answer.usage == Usage(input=3, output=1)
