"""Events as a Gemini client receives them, streamed and whole."""

import base64
import json
from typing import Any

from tests.unit.dialects.gemini.gemini_chunks import (
    COST_VALUES,
    ERROR,
    ESTIMATE,
    candidate,
    closing,
    folded,
    payloads,
    terms,
)
from tollway.dialects.gemini.sealing import UNSEALED
from tollway.dialects.gemini.writer import open_writer, render_answer
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
from tollway.neutral.parts import Audio, Citation, Inline, Reasoning, Sealed, Text, ToolCall
from tollway.neutral.usage import Usage

SEAL = Sealed(data="sig", issuer="google")
MARKED = base64.b64encode(b"tollway-seal~1.google.sign.sig").decode()
STOPPED = Finished(reason=StopReason.STOP)


def writer(*, variant: str = "") -> Any:
    return open_writer(terms(variant=variant))


def written(*events: Event) -> list[Any]:
    one = writer()
    return payloads(one.write(list(events)) + one.end(closing()))


def parts(*events: Event) -> list[Any]:
    """All parts of all chunks but the empty text at the end."""
    found = [part for each in written(*events) for part in each["candidates"][0]["content"]["parts"]]
    return [part for part in found if part != {"text": ""}]


def test_text_usage_and_costs() -> None:
    first, last = written(
        Started(id="theirs", model="model"), TextDelta(text="hä"), TextDelta(text=""), STOPPED, Told(service_tier="x")
    )
    identity = {"modelVersion": "model", "responseId": "theirs"}
    assert first == {"candidates": [candidate({"text": "hä"})], **identity}
    assert last["candidates"] == [candidate({"text": ""}, finish="STOP")]
    assert last["usageMetadata"].items() >= COST_VALUES.items()
    assert written(Started(), TextDelta(text="a"))[0].items() >= {"modelVersion": "m", "responseId": "ours"}.items()


def test_an_answer_without_a_word_is_a_finished_one() -> None:
    assert written(UsageReported(usage=Usage()))[0]["candidates"] == [candidate({"text": ""}, finish="STOP")]


def test_refusals_are_text() -> None:
    assert parts(DeclinedDelta(text="No.")) == [{"text": "No."}]


def test_calls_wait_until_they_are_whole() -> None:
    one = writer()
    begun = one.write(
        [
            ToolCallStarted(index=0, id="c0", name="f"),
            ToolCallStarted(index=1, id="c1", name="g"),
            ToolCallDelta(index=1, arguments="oops"),
            ToolCallDelta(index=0, arguments='{"a":'),
            ToolCallDelta(index=0, arguments="1}"),
        ]
    )
    assert begun == b""
    shown = payloads(one.write([TextDelta(text="so"), ToolCallDelta(index=0, arguments="late")]))
    assert [each["candidates"][0]["content"]["parts"][0] for each in shown] == [
        {"functionCall": {"id": "c0", "name": "f", "args": {"a": 1}}, "thoughtSignature": UNSEALED},
        {"functionCall": {"id": "c1", "name": "g", "args": {"_unparsed": "oops"}}},
        {"text": "so"},
    ]


def test_seals_stand_with_what_they_sign() -> None:
    assert parts(
        ReasoningDelta(text=""),
        ReasoningDelta(text="hm"),
        ReasoningSealed(sealed=SEAL),
        ReasoningSealed(sealed=SEAL),
        ToolCallStarted(index=0, id="c", name="f"),
        ReasoningDelta(text="m"),
        PartEnded(),
        ReasoningSealed(sealed=SEAL),
        ReasoningSealed(sealed=SEAL),
        TextDelta(text="a"),
        ReasoningSealed(sealed=Sealed(data="all", issuer="google", whole=True)),
        ReasoningSealed(sealed=SEAL),
    ) == [
        {"text": "hm", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": MARKED},
        {"functionCall": {"id": "c", "name": "f", "args": {}}, "thoughtSignature": MARKED},
        {"text": "m", "thought": True},
        {"text": "", "thoughtSignature": MARKED},
        {"text": "a", "thoughtSignature": MARKED},
        {
            "text": "",
            "thought": True,
            "thoughtSignature": base64.b64encode(b"tollway-seal~1.google.whole.all").decode(),
        },
        {"text": "", "thoughtSignature": MARKED},
    ]


def test_media_and_their_words() -> None:
    sound = Inline(media_type="audio/wav", data="aQ==")
    assert parts(ReasoningSealed(sealed=SEAL), MediaAdded(media=sound, transcript="la"), MediaAdded(media=sound)) == [
        {"text": "la"},
        {"inlineData": {"mimeType": "audio/wav", "data": "aQ=="}, "thoughtSignature": MARKED},
        {"inlineData": {"mimeType": "audio/wav", "data": "aQ=="}},
    ]


def test_citations_and_likelihoods_stand_at_the_end() -> None:
    token = TokenLogprob(token="a", logprob=-0.5, top=(TokenLogprob(token="b", logprob=-1.0),))
    web = Citation(url="https://a", title="A", answer_start=2, answer_end=4)
    last = written(
        TextDelta(text="äbcd", logprobs=(token,)),
        TextDelta(text="", logprobs=(token,)),
        CitationAdded(citation=web),
        CitationAdded(citation=Citation(url="https://a", title="A", answer_end=1)),
        CitationAdded(citation=Citation(quoted="words")),
        STOPPED,
    )[-1]["candidates"][0]
    assert last["groundingMetadata"] == {
        "groundingChunks": [{"web": {"uri": "https://a", "title": "A"}}, {"retrievedContext": {"text": "words"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 3, "endIndex": 5, "text": "cd"}, "groundingChunkIndices": [0]},
            {"segment": {"endIndex": 2, "text": "ä"}, "groundingChunkIndices": [0]},
        ],
    }
    chosen = {"token": "a", "logProbability": -0.5}
    top = {"candidates": [{"token": "b", "logProbability": -1.0}]}
    assert last["logprobsResult"] == {"chosenCandidates": [chosen] * 2, "topCandidates": [top] * 2}


def test_a_broken_stream_keeps_whole_calls_and_no_halves() -> None:
    one = writer()
    one.write(
        [
            ToolCallStarted(index=0, id="c0", name="f"),
            ToolCallStarted(index=1, id="c1", name="g"),
            ToolCallDelta(index=1, arguments='{"a":'),
            STOPPED,
        ]
    )
    shown = payloads(one.break_off(ERROR, closing(usage=ESTIMATE)))
    assert shown[0]["candidates"][0]["content"]["parts"] == [
        {"functionCall": {"id": "c0", "name": "f", "args": {}}, "thoughtSignature": UNSEALED}
    ]
    assert shown[1]["error"]["message"] == "It broke."
    assert shown[1]["usageMetadata"]["total_cost_usd"] == 0.00021175
    assert "finishReason" not in json.dumps(shown)
    assert payloads(writer().break_off(ERROR, None)) == [json.loads(ERROR)]


def test_a_cut_stream_ends_open_choices_as_at_their_limit() -> None:
    one = writer()
    out = one.write([TextDelta(text="a"), TextDelta(text="b", choice=1), Finished(reason=StopReason.STOP, choice=1)])
    shown = payloads(out + one.cut(ERROR, closing()))
    assert [each["finishReason"] for each in shown[-2]["candidates"]] == ["MAX_TOKENS", "STOP"]
    assert shown[-1] == json.loads(ERROR)
    assert payloads(writer().cut(ERROR, closing()))[0]["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_an_array_is_json_however_it_ends() -> None:
    one = writer(variant="array")
    whole = json.loads(one.write([TextDelta(text="a")]) + one.end(closing()))
    assert [each["candidates"][0]["content"]["parts"][0]["text"] for each in whole] == ["a", ""]
    one = writer(variant="array")
    assert json.loads(one.write([TextDelta(text="a")]) + one.break_off(ERROR, None))[-1] == json.loads(ERROR)
    assert json.loads(writer(variant="array").cut(ERROR, closing()))[-1] == json.loads(ERROR)


def rendered(answer: ChatAnswer) -> Any:
    return json.loads(render_answer(answer, terms(), closing()))


def test_a_whole_answer() -> None:
    text = Text(text="a", citations=(Citation(url="https://a"),))
    sealed = (Reasoning(text="hm", sealed=SEAL), Reasoning(sealed=SEAL))
    call = ToolCall(id="c", name="f", arguments='{"a":1}')
    answer = ChatAnswer(
        choices=(
            Choice(parts=(*sealed, text, call), reason=StopReason.TOOL_CALLS),
            Choice(parts=(Audio(source=Inline(media_type="audio/wav", data="")),), reason=None),
        ),
        service_tier="x",
        usage=Usage(input=1),
        model="model",
    )
    found = rendered(answer)
    assert found["candidates"][0]["content"]["parts"] == [
        {"text": "hm", "thought": True, "thoughtSignature": MARKED},
        {"text": "a", "thoughtSignature": MARKED},
        {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}, "thoughtSignature": UNSEALED},
    ]
    assert found["candidates"][0]["groundingMetadata"]["groundingChunks"] == [{"web": {"uri": "https://a"}}]
    assert found["candidates"][1]["finishReason"] == "STOP"
    assert found["modelVersion"] == "model"
    assert found["responseId"] == "ours"
    assert found["usageMetadata"]["total_cost_usd"] == 0.00021175


def test_a_whole_answer_without_choices_is_one_empty_choice() -> None:
    assert rendered(ChatAnswer(choices=()))["candidates"] == [candidate(finish="STOP")]


def test_what_was_sealed_for_a_client_comes_back() -> None:
    one = writer()
    stream = one.write([ReasoningDelta(text="hm"), ReasoningSealed(sealed=SEAL)]) + one.end(closing())
    (found,) = folded(stream).choices[0].parts
    assert found == Reasoning(text="hm", sealed=Sealed(data=MARKED))
