"""Recorded Responses traffic of real providers: it passes untouched but for the agreed edits, and translates faithfully."""

import json
from functools import cache
from typing import Any

import pytest
from openai.types.responses import Response

from tests.recordings.corpus import Recording, responses
from tollway.dialects.openai_responses import OPENAI_RESPONSES
from tollway.dialects.openai_responses.parse_request import parse_request
from tollway.dialects.openai_responses.reader import ResponsesReader, parse_answer
from tollway.dialects.openai_responses.render_request import render_request
from tollway.dialects.openai_responses.stream import open_stream
from tollway.dialects.openai_responses.writer import open_writer, render_answer
from tollway.dialects.passing import PassingStream
from tollway.dialects.record import JSON, PLAIN_CALL, Closing, CostFields, Lane, ReplyTerms, RequestEdits, Stream
from tollway.dialects.translation import facts_of, read_folded
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.neutral.answer import ChatAnswer, events_of, fold
from tollway.neutral.parts import Declined, Part, Reasoning, Text, ToolCall
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
COST_NAMES = ("base_cost_usd", "platform_fee_usd", "total_cost_usd")
ESTIMATE = Usage(input=40, output=20)
PEEK = OPENAI_RESPONSES.peek(b'{"model":"m","input":"x","stream":true}', PLAIN_CALL)
FINISHING = ("response.completed", "response.incomplete")


def whole_answers() -> list[Recording]:
    return [each for each in responses() if each.status == 200 and not each.streamed]


def streams() -> list[Recording]:
    return [each for each in responses() if each.status == 200 and each.streamed]


@cache
def finished_streams() -> tuple[Recording, ...]:
    return tuple(each for each in streams() if events_in(each.answer)[-1]["type"] in FINISHING)


def items_done(events: list[Any]) -> list[Any]:
    return [event["item"] for event in events if event["type"] == "response.output_item.done"]


def shortened(stream: bytes) -> bool:
    """Some fixtures had most of their deltas taken out: they no longer say what their items say in the end."""
    events = events_in(stream)
    written = "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta")
    return written != "".join(event["text"] for event in events if event["type"] == "response.output_text.done")


def events_in(stream: bytes) -> list[Any]:
    """What an independent reading finds: the data of every event."""
    lines = stream.decode().replace("\r\n", "\n").split("\n")
    data = [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]
    return [json.loads(each) for each in data if each != "[DONE]"]


def tokens(usage: Usage | None) -> tuple[int, int] | None:
    if usage is None:
        return None
    written = (usage.output or 0) + (usage.reasoning or 0)
    return usage.tokens - written, written


def billed(usage: dict[str, Any] | None) -> tuple[int, int] | None:
    """What the provider reports; no token at all beside text is no report (lesson 12)."""
    return None if not usage or not usage["total_tokens"] else (usage["input_tokens"], usage["output_tokens"])


def estimate_for(pipe: Stream) -> Usage | None:
    return ESTIMATE if pipe.usage is None else None


def run(stream: bytes, *, costs: CostFields | None) -> tuple[PassingStream, bytes]:
    pipe = open_stream(PEEK)
    assert isinstance(pipe, PassingStream)
    out = pipe.feed(stream) + pipe.close()
    assert pipe.failure is None
    assert pipe.finished
    return pipe, out + pipe.end(costs, estimate_for(pipe))


def texts(output: list[Any]) -> str:
    """The text that the official client shows as `output_text`."""
    parts = [part for item in output if item["type"] == "message" for part in item["content"]]
    return "".join(part["text"] for part in parts if part["type"] == "output_text")


def calls(output: list[Any]) -> list[tuple[str, str, str]]:
    found = [item for item in output if item["type"] in {"function_call", "custom_tool_call"}]
    return [(item["call_id"], item["name"], item.get("arguments") or item.get("input") or "") for item in found]


def parts_of(answer: ChatAnswer) -> tuple[Part, ...]:
    return answer.choices[0].parts


def agrees(answer: ChatAnswer, output: list[Any], each: Recording) -> None:
    parts = parts_of(answer)
    assert "".join(part.text for part in parts if isinstance(part, Text)) == texts(output), each
    found = [(part.id, part.name, part.arguments) for part in parts if isinstance(part, ToolCall)]
    assert found == calls(output), each
    sealed = [item for item in output if item["type"] == "reasoning" and item.get("encrypted_content")]
    seals = [part.sealed for part in parts if isinstance(part, Reasoning) and part.sealed is not None]
    assert [seal.data.endswith(item["encrypted_content"]) for seal, item in zip(seals, sealed, strict=True)] == [
        True
    ] * len(sealed), each


def terms_for(each: Recording) -> ReplyTerms:
    request = parse_request(b'{"model":"m","input":"x"}', PEEK)
    return ReplyTerms(request=request, peek=PEEK, reply_id="r1", created_s=5, model=each.provider)


def test_the_corpus_is_all_there() -> None:
    assert len(whole_answers()) > 190
    assert len(streams()) > 90
    assert len(whole_answers()) + len(streams()) > 219


def test_every_recorded_request_is_understood_and_passes_untouched() -> None:
    for each in responses():
        if each.request:
            peek = OPENAI_RESPONSES.peek(each.request, PLAIN_CALL)
            facts = json.loads(each.request)
            assert peek.model_asked == facts["model"], each
            assert peek.streamed == (facts.get("stream") is True), each
            same = OPENAI_RESPONSES.patch_request(each.request, peek, RequestEdits(model_routed=peek.model_asked))
            assert same.body is each.request, each
            assert same.lane is Lane.VERBATIM
            edited = OPENAI_RESPONSES.patch_request(
                each.request, peek, RequestEdits(model_routed="routed", output_tokens_max=50)
            )
            limit = min(facts.get("max_output_tokens") or 50, 50)
            assert json.loads(edited.body) == facts | {"model": "routed", "max_output_tokens": limit}, each


def test_whole_answers_gain_their_cost_and_nothing_else() -> None:
    for each in whole_answers():
        read = OPENAI_RESPONSES.read_answer(each.answer, JSON)
        before = json.loads(each.answer)
        after = json.loads(OPENAI_RESPONSES.splice_cost(read, COSTS, ESTIMATE))
        assert after["usage"].pop("total_cost_usd") == 0.00021175, each
        for name in COST_NAMES[:2]:
            del after["usage"][name]
        assert tokens(read.usage) == billed(before.get("usage")), each
        assert read.model_answered == before["model"], each
        if read.usage is None:
            assert after.pop("usage")["estimated"], each
            before.pop("usage", None)
        assert after == before, each


def test_streams_without_cost_fields_pass_byte_for_byte() -> None:
    for each in finished_streams():
        assert run(each.answer, costs=None)[1] == each.answer, each


def test_streams_gain_their_cost_at_the_end_and_keep_everything_else() -> None:
    for each in finished_streams():
        pipe, out = run(each.answer, costs=COSTS)
        before, after = events_in(each.answer), events_in(out)
        usage = after[-1]["response"]["usage"]
        assert usage["total_cost_usd"] == 0.00021175, each
        for name in COST_NAMES:
            del usage[name]
        reported = before[-1]["response"].get("usage")
        assert tokens(pipe.usage) == billed(reported), each
        if pipe.usage is None:
            assert usage["estimated"], each
            after[-1]["response"]["usage"] = before[-1]["response"]["usage"] = None
        assert after == before, each
        assert pipe.model_answered == before[0]["response"]["model"], each


def test_streams_that_failed_are_failures_with_the_providers_words() -> None:
    whole = {each.name for each in finished_streams()}
    failed = [each for each in streams() if each.name not in whole]
    assert failed
    for each in failed:
        pipe = open_stream(PEEK)
        pipe.feed(each.answer)
        assert pipe.failure is not None
        assert not pipe.finished
        assert "quota" in pipe.failure.message


def test_one_byte_at_a_time_changes_nothing() -> None:
    for each in finished_streams()[::4]:
        pipe, reader = open_stream(PEEK), ResponsesReader()
        out, events = b"", []
        for at in range(len(each.answer)):
            out += pipe.feed(each.answer[at : at + 1])
            events += reader.feed(each.answer[at : at + 1])
        assert out + pipe.close() + pipe.end(COSTS, estimate_for(pipe)) == run(each.answer, costs=COSTS)[1], each
        assert fold(events + reader.close()) == read_folded(ResponsesReader(), each.answer), each


def test_a_recorded_stream_that_is_cut_off_never_looks_finished() -> None:
    for each in finished_streams():
        cut = each.answer[
            : each.answer.rindex(b"response.completed" if b"response.completed" in each.answer else b"event:")
        ]
        pipe, reader = open_stream(PEEK), ResponsesReader()
        out = pipe.feed(cut) + pipe.close()
        reader.feed(cut)
        reader.close()
        assert not pipe.finished, each
        assert not reader.finished, each
        ends = [event["type"] for event in events_in(out + pipe.break_off(_error(), COSTS, ESTIMATE))]
        assert ends[-1] == "error", each
        assert not set(FINISHING) & set(ends), each


def _error() -> bytes:
    return OPENAI_RESPONSES.render_error(Refusal("upstream_error", "It broke."))


def test_whole_answers_read_as_the_official_client_shows_them() -> None:
    for each in whole_answers():
        before = json.loads(each.answer)
        answer = parse_answer(each.answer)
        agrees(answer, before["output"], each)
        assert tokens(facts_of(answer).usage) == billed(before.get("usage")), each


def test_streams_read_as_the_official_client_shows_them() -> None:
    whole = [each for each in finished_streams() if not shortened(each.answer)]
    assert len(whole) > 90
    for each in whole:
        before = events_in(each.answer)
        answer = read_folded(ResponsesReader(), each.answer)
        agrees(answer, items_done(before) or before[-1]["response"]["output"], each)
        assert tokens(facts_of(answer).usage) == billed(before[-1]["response"].get("usage")), each


def test_a_stream_tells_what_its_last_event_repeats() -> None:
    for each in finished_streams():
        last = events_in(each.answer)[-1]["response"]
        if shortened(each.answer) or len(last["output"]) != len(items_done(events_in(each.answer))):
            continue
        whole, streamed = parse_answer(json.dumps(last).encode()), read_folded(ResponsesReader(), each.answer)
        assert [_comparable(part) for part in parts_of(whole)] == [_comparable(part) for part in parts_of(streamed)], (
            each
        )
        assert whole.choices[0].reason == streamed.choices[0].reason, each
        assert whole.usage == streamed.usage, each


def _comparable(part: Part) -> object:
    """A provider encrypts its reasoning anew each time it shows it."""
    if isinstance(part, Text | Declined):
        return type(part), part.text
    return (type(part), part.text) if isinstance(part, Reasoning) else part


def test_every_answer_written_anew_is_one_for_the_official_type_and_reads_the_same() -> None:
    closing = Closing(usage=ESTIMATE, estimated=False, costs=COSTS)
    for each in (*whole_answers(), *finished_streams()):
        answer = read_folded(ResponsesReader(), each.answer) if each.streamed else parse_answer(each.answer)
        whole = render_answer(answer, terms_for(each), closing)
        Response.model_validate(json.loads(whole))
        writer = open_writer(terms_for(each))
        stream = writer.write(events_of(answer)) + writer.end(closing)
        assert events_in(stream)[-1]["response"] == json.loads(whole), each
        again = read_folded(ResponsesReader(), stream)
        assert [_comparable(part) for part in parts_of(again)] == [_comparable(part) for part in parts_of(answer)], each


REFUSED = ("web_search", "file_id", "web_search_call", "file-", "previous_response_id")


def test_requests_survive_translation_or_are_refused_for_what_only_their_provider_has() -> None:
    survived = 0
    for each in responses():
        if not each.request:
            continue
        facts = json.loads(each.request)
        peek = OPENAI_RESPONSES.peek(each.request, PLAIN_CALL)
        edits = RequestEdits(model_routed=peek.model_asked, issuer="home", streamed=peek.streamed)
        try:
            request = parse_request(each.request, peek)
            found = json.loads(render_request(request, edits).body)
        except Refusal:
            assert any(word in each.request.decode() for word in REFUSED), each
            continue
        survived += 1
        asked = facts["input"] if isinstance(facts["input"], list) else []
        kept = [item for item in asked if item.get("type") in {"function_call", "function_call_output"}]
        again = [item for item in found["input"] if item["type"] in {"function_call", "function_call_output"}]
        assert [item["call_id"] for item in again] == [item["call_id"] for item in kept], each
        assert [item.get("arguments") for item in again] == [item.get("arguments") for item in kept], each
        assert [tool["name"] for tool in found.get("tools", [])] == [
            tool["name"] for tool in facts.get("tools") or []
        ], each
        assert found.get("text", {}).get("format") == (facts.get("text") or {}).get("format"), each
        assert found.get("tool_choice") == facts.get("tool_choice"), each
        assert found.get("temperature") == facts.get("temperature"), each
    assert survived > 190


def test_recorded_errors_keep_their_words() -> None:
    errors = [each for each in responses() if each.status != 200]
    assert errors
    for each in errors:
        said = OPENAI_RESPONSES.parse_error(each.status, each.answer).message
        assert said.startswith(("Incorrect API key provided", "Your input exceeds the context window")), each
        with pytest.raises(UpstreamFailure) as failure:
            OPENAI_RESPONSES.read_answer(each.answer, JSON)
        assert failure.value.kind is FailureKind.JUNK
