"""Recorded chat traffic of real providers: it passes untouched but for the agreed edits, and its usage is read."""

import json
from decimal import Decimal
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.recordings.corpus import Recording, chats
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.openai_chat.stream import ChatStream
from tollway.dialects.record import JSON, PLAIN_CALL, CostFields, Lane, RequestEdits
from tollway.errors import UpstreamFailure
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
COST_NAMES = ("base_cost_usd", "platform_fee_usd", "total_cost_usd")
ESTIMATE = Usage(input=40, output=20)
ERROR = b'{"error":{"message":"It broke.","type":"upstream_error","code":"upstream_error","param":null,"metadata":{}}}'


def whole_answers() -> list[Recording]:
    return [each for each in chats() if each.status == 200 and not each.streamed and not is_error(each)]


def is_error(each: Recording) -> bool:
    """Azure was recorded sending an error with status 200."""
    return b'"choices"' not in each.answer


def streams() -> list[Recording]:
    return [each for each in chats() if each.status == 200 and each.streamed]


def chunks_of(stream: bytes) -> list[Any]:
    """What an independent reading finds: the data of every event, without ours."""
    text = stream.decode().replace("\r\n", "\n").replace("\r", "\n")
    data = [line.removeprefix("data:").strip() for line in text.split("\n") if line.startswith("data:")]
    return [json.loads(each) for each in data if each != "[DONE]"]


def tokens(usage: Usage | None) -> tuple[int, int] | None:
    if usage is None:
        return None
    written = (usage.output or 0) + (usage.reasoning or 0) + (usage.audio_output or 0)
    return usage.tokens - written, written


def billed(usage: dict[str, Any] | None) -> tuple[int, int] | None:
    """Prompt and completion as the provider bills them: what its total says beyond the two is output."""
    if not usage or "prompt_tokens" not in usage:
        return None
    prompt, completion = usage["prompt_tokens"], usage.get("completion_tokens") or 0
    return prompt, max(completion, (usage.get("total_tokens") or 0) - prompt)


def run(stream: bytes, *, asked: bool, costs: CostFields | None = COSTS) -> tuple[ChatStream, bytes]:
    pipe = ChatStream(usage_asked=asked)
    out = pipe.feed(stream) + pipe.close()
    assert pipe.failure is None
    assert pipe.finished
    return pipe, out + pipe.end(costs, ESTIMATE)


def without_costs(usage: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if usage is None else {name: value for name, value in usage.items() if name not in COST_NAMES}


def test_the_corpus_is_all_there() -> None:
    assert len(whole_answers()) > 400
    assert len(streams()) > 150


def test_every_recorded_request_is_understood_and_passes_untouched() -> None:
    for each in chats():
        if each.request:
            peek = OPENAI_CHAT.peek(each.request, PLAIN_CALL)
            facts = json.loads(each.request)
            assert peek.model_asked == facts["model"], each
            assert peek.streamed == (facts.get("stream") is True), each
            assert peek.streamed == each.streamed or each.status != 200, each
            assert peek.usage_asked == bool((facts.get("stream_options") or {}).get("include_usage")), each
            same = OPENAI_CHAT.patch_request(each.request, peek, RequestEdits(model_routed=peek.model_asked))
            assert same.body is each.request, each
            assert same.lane is Lane.VERBATIM


def test_an_edited_request_differs_only_where_it_was_edited() -> None:
    for each in chats():
        if each.request:
            peek = OPENAI_CHAT.peek(each.request, PLAIN_CALL)
            edits = RequestEdits(model_routed="routed", usage_wanted=True)
            found = json.loads(OPENAI_CHAT.patch_request(each.request, peek, edits).body)
            expected = json.loads(each.request) | {"model": "routed"}
            if peek.streamed:
                expected["stream_options"] = (expected.get("stream_options") or {}) | {"include_usage": True}
            assert found == expected, each


def test_whole_answers_gain_their_cost_and_nothing_else() -> None:
    for each in whole_answers():
        read = OPENAI_CHAT.read_answer(each.answer, JSON)
        shown = OPENAI_CHAT.splice_cost(read, COSTS, ESTIMATE)
        before, after = json.loads(each.answer), json.loads(shown)
        assert after["usage"]["total_cost_usd"] == 0.00021175, each
        assert tokens(read.usage) == billed(before.get("usage")), each
        assert read.model_answered == before.get("model"), each
        if read.usage is not None:
            assert without_costs(after["usage"]) == before["usage"], each
        after.pop("usage")
        before.pop("usage", None)
        assert after == before, each


def test_the_official_type_reads_every_answer_that_it_read_before() -> None:
    for each in whole_answers():
        try:
            ChatCompletion.model_validate(json.loads(each.answer))
        except ValueError:
            continue  # what a provider sends against the types is not ours to mend
        shown = OPENAI_CHAT.splice_cost(OPENAI_CHAT.read_answer(each.answer, JSON), COSTS, ESTIMATE)
        ChatCompletion.model_validate(json.loads(shown))


def test_streams_without_cost_fields_pass_byte_for_byte() -> None:
    for each in streams():
        _, out = run(each.answer, asked=True, costs=None)
        assert out == each.answer, each


def test_usage_of_a_stream_is_the_last_that_an_independent_reading_finds() -> None:
    for each in streams():
        pipe, _ = run(each.answer, asked=True)
        places = [(chunk.get("usage"), (chunk.get("x_groq") or {}).get("usage")) for chunk in chunks_of(each.answer)]
        reported = [usage or own for usage, own in places if usage or own]
        assert tokens(pipe.usage) == billed(reported[-1] if reported else None), each
        models = [chunk["model"] for chunk in chunks_of(each.answer) if chunk.get("model")]
        assert pipe.model_answered == (models[0] if models else None), each


@pytest.mark.parametrize("asked", [False, True])
def test_streams_gain_one_usage_with_its_cost_and_keep_every_choice(asked: bool) -> None:
    for each in streams():
        _, out = run(each.answer, asked=asked)
        before, after = chunks_of(each.answer), chunks_of(out)
        with_cost = [chunk for chunk in after if "total_cost_usd" in (chunk.get("usage") or {})]
        assert len(with_cost) == 1, each
        assert bool(with_cost[0]["choices"]) is not asked, each
        assert out.endswith(b"data: [DONE]\n\n"), each
        told = [(choice.get("delta") or {}) | {"f": choice.get("finish_reason")} for choice in choices_of(before)]
        heard = [(choice.get("delta") or {}) | {"f": choice.get("finish_reason")} for choice in choices_of(after)]
        if not asked:
            assert heard[-1].pop("content") == (told[-1].pop("content", None) or ""), each
        assert heard == told, each


def choices_of(chunks: list[Any]) -> list[dict[str, Any]]:
    return [choice for chunk in chunks for choice in chunk.get("choices") or []]


@pytest.mark.parametrize("asked", [False, True])
def test_the_official_types_read_what_they_read_before(asked: bool) -> None:
    for each in streams():
        try:
            for chunk in chunks_of(each.answer):
                ChatCompletionChunk.model_validate(chunk)
        except ValueError:
            continue  # what a provider sends against the types is not ours to mend
        _, out = run(each.answer, asked=asked)
        for chunk in chunks_of(out):
            ChatCompletionChunk.model_validate(chunk)


def test_every_byte_alone_gives_the_same_as_the_whole() -> None:
    for each in streams():
        if len(each.answer) < 20_000:
            pipe = ChatStream(usage_asked=False)
            out = b"".join(pipe.feed(each.answer[at : at + 1]) for at in range(len(each.answer)))
            assert out + pipe.close() + pipe.end(COSTS, ESTIMATE) == run(each.answer, asked=False)[1], each


def test_a_stream_that_was_cut_never_looks_finished() -> None:
    for each in streams():
        stream = each.answer
        # The first of them: OpenRouter repeats it on its usage chunk.
        reason = len(stream.replace(b'"finish_reason": "', b'"finish_reason":"').partition(b'"finish_reason":"')[0])
        for share in range(1, 20):
            cut = stream[: min(reason, len(stream) * share // 20)]
            pipe = ChatStream(usage_asked=False)
            out = pipe.feed(cut) + pipe.close()
            assert not pipe.finished, each
            shown = chunks_of(out + pipe.break_off(ERROR, COSTS, ESTIMATE))
            assert shown[-1]["error"]["message"] == "It broke.", each
            assert not any(choice.get("finish_reason") for choice in choices_of(shown)), each


def test_what_providers_say_that_it_cost_is_read_exactly() -> None:
    said = 0
    for each in whole_answers():
        usage = json.loads(each.answer, parse_float=Decimal).get("usage") or {}
        cost, ticks = usage.get("cost"), usage.get("cost_in_usd_ticks")
        dollars = cost.get("total_cost") if isinstance(cost, dict) else cost
        if ticks is not None:
            dollars = Decimal(ticks).scaleb(-10)
        found = OPENAI_CHAT.read_answer(each.answer, JSON).provider_cost_nanos
        assert found == (None if dollars is None else int(Decimal(dollars).scaleb(9))), each
        said += found is not None
    assert said > 50


def test_an_error_with_status_200_is_not_an_answer() -> None:
    (error,) = [each for each in chats() if each.status == 200 and not each.streamed and is_error(each)]
    with pytest.raises(UpstreamFailure, match="Content management policy"):
        OPENAI_CHAT.read_answer(error.answer, JSON)


def test_recorded_errors_keep_their_sentence() -> None:
    errors = [each for each in chats() if each.status != 200]
    assert errors
    for each in errors:
        error = OPENAI_CHAT.parse_error(each.status, each.answer)
        assert "no message" not in error.message, each
        assert error.message.split()[0] in each.answer.decode(), each
