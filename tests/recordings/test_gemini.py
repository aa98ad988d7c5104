"""Recorded traffic of Gemini and Vertex: it passes untouched but for the agreed edits, and is told across dialects."""

import json
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import types

from tests.recordings.corpus import Recording, generations
from tollway.dialects.gemini import GEMINI, GEMINI_COUNT_TOKENS
from tollway.dialects.gemini.parse import parse_request
from tollway.dialects.gemini.reader import open_reader, parse_answer
from tollway.dialects.gemini.render import render_request
from tollway.dialects.gemini.writer import open_writer, render_answer
from tollway.dialects.passing import PassingStream
from tollway.dialects.record import Called, Closing, CostFields, Lane, ReplyTerms, RequestEdits
from tollway.dialects.translation import read_folded
from tollway.errors import Refusal
from tollway.neutral.answer import ChatAnswer, events_of
from tollway.neutral.events import StopReason
from tollway.neutral.parts import Image, Inline, Reasoning, Text, ToolCall
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest, names_of_calls
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
COST_NAMES = {"base_cost_usd", "platform_fee_usd", "total_cost_usd"}
ESTIMATE = Usage(input=40, output=20)
ERROR = b'{"error":{"code":502,"message":"It broke.","status":"UNAVAILABLE","details":[]}}'

CANNOT_BE_CARRIED = ("cachedContent", "google_search", "code_execution")
"""What recorded requests have that another dialect has no place for."""


def exchanges() -> list[Recording]:
    return [each for each in generations() if "-generate-" in each.name]


def answers(*, streamed: bool) -> list[Recording]:
    return [each for each in exchanges() if each.status == 200 and each.streamed == streamed]


def peeked(each: Recording, *, variant: str = "") -> Peek:
    body = each.request or b'{"contents":[{"parts":[{"text":"?"}]}]}'
    return GEMINI.peek(body, Called(model="asked", streamed=each.streamed, variant=variant))


def chunks_of(stream: bytes) -> list[Any]:
    """What an independent reading finds: the data of every event, without ours."""
    lines = stream.decode().replace("\r\n", "\n").split("\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data:")]


def run(each: Recording, *, costs: CostFields | None = COSTS, variant: str = "") -> tuple[PassingStream, bytes]:
    pipe = GEMINI.open_stream(peeked(each, variant=variant))
    assert isinstance(pipe, PassingStream)
    out = pipe.feed(each.answer) + pipe.close()
    assert pipe.failure is None
    assert pipe.finished, each
    return pipe, out + pipe.end(costs, pipe.usage or ESTIMATE)


def billed(usage: dict[str, Any]) -> tuple[int, int]:
    """Input and output as Google's own total divides them."""
    if "promptTokenCount" not in usage:
        return 0, 0
    prompt = usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0)
    return prompt, usage["totalTokenCount"] - prompt


def tokens(usage: Usage | None) -> tuple[int, int]:
    if usage is None:
        return 0, 0
    written = (usage.output or 0) + (usage.reasoning or 0) + (usage.audio_output or 0)
    return usage.tokens - written, written


def closing(answer: ChatAnswer) -> Closing:
    return Closing(usage=answer.usage or ESTIMATE, estimated=answer.usage is None, costs=COSTS)


def terms(*, variant: str = "") -> ReplyTerms:
    peek = GEMINI.peek(
        b'{"contents":[{"parts":[{"text":"?"}]}]}', Called(model="asked", streamed=True, variant=variant)
    )
    request = ChatRequest(model="asked", messages=())
    return ReplyTerms(request=request, peek=peek, reply_id="r1", created_s=5, model="m")


def told(answer: ChatAnswer) -> list[tuple[object, ...]]:
    """What a client must learn of an answer, whoever tells it; a seal counts by being there."""
    found: list[tuple[object, ...]] = []
    for choice in answer.choices:
        for part in choice.parts:
            match part:
                case Text():
                    found.append(("text", part.text, part.citations))
                case Reasoning():
                    found.append(("reasoning", part.text, part.sealed is not None))
                case ToolCall():
                    found.append(("call", part.id, part.name, json.loads(part.arguments)))
                case Image(source=Inline()):
                    found.append(("image", part.source))
                case _:
                    raise AssertionError(part)
        found.append(("reason", choice.reason))
    return found


def test_the_corpus_is_all_there() -> None:
    assert len(answers(streamed=False)) > 120
    assert len(answers(streamed=True)) > 30
    assert len(generations()) - len(exchanges()) == 3


def test_every_recorded_request_is_understood_and_passes_untouched() -> None:
    for each in exchanges():
        if each.request:
            peek = peeked(each)
            assert peek.streamed == each.streamed
            unseen = (
                b"_data",
                b'"cachedContent"',
                b'"google_search"',
                b'"googleSearch"',
                b'"codeExecution"',
                b'"code_execution"',
            )
            assert peek.media_parts == sum(each.request.count(word) for word in unseen), each
            same = GEMINI.patch_request(each.request, peek, RequestEdits(model_routed="routed"))
            assert same.body is each.request, each
            assert same.lane is Lane.VERBATIM


def test_a_limit_is_the_only_thing_that_changes_in_a_limited_request() -> None:
    for each in exchanges():
        if each.request:
            edits = RequestEdits(model_routed="routed", output_tokens_max=77)
            found = json.loads(GEMINI.patch_request(each.request, peeked(each), edits).body)
            before = json.loads(each.request)
            expected = before | {"generationConfig": before.get("generationConfig", {}) | {"maxOutputTokens": 77}}
            assert found == expected, each


def test_requests_survive_the_neutral_form() -> None:
    carried = refused = 0
    for each in exchanges():
        if not each.request:
            continue
        peek = peeked(each)
        try:
            asked = parse_request(each.request, peek)
        except Refusal as refusal:
            param = refusal.param or ""
            refused += any(name in param for name in CANNOT_BE_CARRIED)
            continue
        options = {"thinking": "level", "result_media": "inside", "call_ids": "kept"}
        rendered = render_request(asked, RequestEdits(model_routed="routed", options=options)).body
        again = parse_request(rendered, peek)
        assert said(again) == said(asked), each
        assert again.tools == asked.tools, each
        assert again.output == asked.output, each
        assert again.reasoning == asked.reasoning, each
        assert again.temperature == asked.temperature, each
        assert names_of_calls(again.messages) == names_of_calls(asked.messages), each
        carried += 1
    assert carried > 130
    assert refused == 7


def said(request: ChatRequest) -> list[object]:
    """All parts in order but seals, which nobody knows the issuer of, and empty results."""
    return [part for message in request.messages for part in message.parts if not isinstance(part, Reasoning)]


def test_whole_answers_gain_their_cost_and_nothing_else() -> None:
    for each in answers(streamed=False):
        read = GEMINI.read_answer(each.answer, "application/json")
        before, after = json.loads(each.answer), json.loads(GEMINI.splice_cost(read, COSTS, ESTIMATE))
        assert tokens(read.usage) == billed(before["usageMetadata"]), each
        assert read.model_answered == before["modelVersion"], each
        assert after["usageMetadata"].pop("total_cost_usd") == 0.00021175, each
        assert {name: value for name, value in after["usageMetadata"].items() if name not in COST_NAMES} == (
            before["usageMetadata"]
        ), each
        assert after | {"usageMetadata": 0} == before | {"usageMetadata": 0}, each


def test_streams_without_cost_fields_pass_byte_for_byte() -> None:
    for each in answers(streamed=True):
        assert run(each, costs=None)[1] == each.answer, each


@pytest.mark.parametrize("variant", ["", "array"])
def test_streams_gain_their_cost_in_the_last_usage_and_keep_every_leaf(variant: str) -> None:
    for each in answers(streamed=True):
        pipe, out = run(each, variant=variant)
        before = chunks_of(each.answer)
        after = json.loads(out) if variant else chunks_of(out)
        assert tokens(pipe.usage) == billed(before[-1]["usageMetadata"]), each
        assert pipe.model_answered == before[0]["modelVersion"], each
        last = after[-1]["usageMetadata"]
        assert [last.pop(name) for name in sorted(COST_NAMES)] == [0.0001925, 0.00001925, 0.00021175], each
        assert after == before, each
        if not variant:
            assert b"\r\n\r\n" in out, each


def test_every_byte_alone_gives_the_same_as_the_whole() -> None:
    for each in answers(streamed=True):
        if len(each.answer) < 12_000:
            pipe, reader = GEMINI.open_stream(peeked(each)), open_reader()
            pieces = [each.answer[at : at + 1] for at in range(len(each.answer))]
            out = b"".join(pipe.feed(piece) for piece in pieces) + pipe.close()
            assert out + pipe.end(COSTS, pipe.usage or ESTIMATE) == run(each)[1], each
            events = [event for piece in pieces for event in reader.feed(piece)] + reader.close()
            whole = open_reader()
            assert events == whole.feed(each.answer) + whole.close(), each


def test_a_stream_that_was_cut_never_looks_finished() -> None:
    for each in answers(streamed=True):
        reason = each.answer.find(b'"finishReason"')
        for share in range(1, 20):
            cut = each.answer[: min(reason, len(each.answer) * share // 20)]
            pipe, reader = GEMINI.open_stream(peeked(each)), open_reader()
            out = pipe.feed(cut) + pipe.close()
            reader.feed(cut)
            reader.close()
            assert not pipe.finished, each
            assert not reader.finished, each
            shown = chunks_of(out + pipe.break_off(ERROR, COSTS, pipe.usage or ESTIMATE))
            assert shown[-1]["error"]["message"] == "It broke.", each
            assert b'"finishReason"' not in json.dumps(shown).encode(), each


def test_answers_are_told_as_the_official_client_reads_them() -> None:
    for each in answers(streamed=False):
        answer, facts = parse_answer(each.answer), GEMINI.read_answer(each.answer, "application/json")
        official = client(each.answer, "application/json").models.generate_content(model="m", contents="?")
        assert answer.usage == facts.usage, each
        assert answer.id == official.response_id, each
        parts = answer.choices[0].parts
        ran_code = b'"executableCode"' in each.answer
        assert "".join(part.text for part in parts if isinstance(part, Text)) == (official.text or "") or ran_code, each
        calls = [(part.name, json.loads(part.arguments)) for part in parts if isinstance(part, ToolCall)]
        assert calls == [(call.name, call.args) for call in official.function_calls or []], each
        assert answer.choices[0].reason is (StopReason.TOOL_CALLS if calls else StopReason.STOP), each


def client(answer: bytes, content_type: str) -> genai.Client:
    """Google's own client, which gets this answer to whatever it asks."""
    transport = httpx.MockTransport(
        lambda _request: httpx.Response(200, content=answer, headers={"content-type": content_type})
    )
    return genai.Client(
        api_key="k", vertexai=False, http_options=types.HttpOptions(httpx_client=httpx.Client(transport=transport))
    )


def test_the_official_client_reads_what_it_read_before() -> None:
    for each in answers(streamed=True):
        before = [*client(each.answer, "text/event-stream").models.generate_content_stream(model="m", contents="?")]
        after = [*client(run(each)[1], "text/event-stream").models.generate_content_stream(model="m", contents="?")]
        assert [chunk.candidates for chunk in after] == [chunk.candidates for chunk in before], each
        assert after[-1].usage_metadata == before[-1].usage_metadata, each


def test_what_the_writer_tells_the_reader_reads() -> None:
    for each in answers(streamed=True) + answers(streamed=False):
        answer = read_folded(open_reader(), each.answer) if each.streamed else parse_answer(each.answer)
        writer = open_writer(terms())
        written = writer.write(events_of(answer)) + writer.end(closing(answer))
        assert told(read_folded(open_reader(), written)) == told(answer), each
        whole = parse_answer(render_answer(answer, terms(), closing(answer)))
        assert told(whole) == told(answer), each
        assert tokens(whole.usage) == tokens(answer.usage or ESTIMATE), each
        official = [*client(written, "text/event-stream").models.generate_content_stream(model="m", contents="?")]
        text = "".join(part.text for part in answer.choices[0].parts if isinstance(part, Text))
        assert "".join(chunk.text or "" for chunk in official) == text, each


def test_counted_tokens_pass_as_they_came() -> None:
    for each in generations():
        if each not in exchanges():
            peek = GEMINI_COUNT_TOKENS.peek(each.request, Called(model="asked"))
            assert not peek.billed
            read = GEMINI_COUNT_TOKENS.read_answer(each.answer, "application/json")
            assert GEMINI_COUNT_TOKENS.splice_cost(read, COSTS, None) == each.answer
            edits = RequestEdits(model_routed="routed")
            found = json.loads(GEMINI_COUNT_TOKENS.patch_request(each.request, peek, edits).body)
            inner = found.get("generateContentRequest")
            assert inner is None or inner["model"] == "models/routed"


def test_recorded_errors_keep_their_sentence_and_their_reason() -> None:
    errors = [each for each in exchanges() if each.status != 200]
    words = {GEMINI.parse_error(each.status, each.answer).code for each in errors}
    assert words == {"API_KEY_INVALID", "RESOURCE_EXHAUSTED", "INVALID_ARGUMENT"}
    for each in errors:
        error = GEMINI.parse_error(each.status, each.answer)
        assert error.message.split()[0] in each.answer.decode(), each
