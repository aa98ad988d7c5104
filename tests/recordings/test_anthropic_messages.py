"""Recorded Messages traffic: it passes untouched but for the agreed edits, and means what the official client reads."""

import json
from typing import Any, cast

import pytest
from anthropic._models import construct_type
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent

from tests.recordings.corpus import Recording, messages
from tollway.dialects.anthropic_messages import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from tollway.dialects.anthropic_messages.parse_answer import parse_answer
from tollway.dialects.anthropic_messages.parse_request import parse_request
from tollway.dialects.anthropic_messages.reader import MessagesReader
from tollway.dialects.anthropic_messages.render_answer import render_answer
from tollway.dialects.anthropic_messages.render_request import render_request
from tollway.dialects.anthropic_messages.words import STOP_WORDS
from tollway.dialects.anthropic_messages.writer import MessagesWriter
from tollway.dialects.record import PLAIN_CALL, Called, Closing, CostFields, Dialect, Lane, ReplyTerms, RequestEdits
from tollway.errors import Refusal
from tollway.neutral.answer import ChatAnswer, fold
from tollway.neutral.parts import Declined, Reasoning, Text, ToolCall
from tollway.neutral.peek import Peek
from tollway.neutral.request import ChatRequest
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
COST_VALUES = {"base_cost_usd": 0.0001925, "platform_fee_usd": 0.00001925, "total_cost_usd": 0.00021175}
ESTIMATE = Usage(input=40, output=20)
ERROR = ANTHROPIC_MESSAGES.render_error(Refusal("upstream_error", "It broke."))
PEEK = Peek(
    model_asked="m",
    streamed=True,
    usage_asked=True,
    output_tokens_max=9,
    choices=1,
    body_bytes=9,
    media_parts=0,
)
TERMS = ReplyTerms(request=ChatRequest(model="m", messages=()), peek=PEEK, reply_id="r1", created_s=5, model="m")
WHOLE_BEGINNING = "programmatic-tool-calling"
"""Streams of which some hold the whole answer in their `message_start`, and no `message_delta`."""

SPLICED = "spliced-message-start"
"""A stream in which the answer begins anew in its midst: it passes, and cannot be translated."""


def dialect_of(each: Recording) -> Dialect:
    return ANTHROPIC_COUNT_TOKENS if "count_tokens" in each.name else ANTHROPIC_MESSAGES


def whole_answers() -> list[Recording]:
    return [each for each in messages() if each.status == 200 and not each.streamed and "count_tokens" not in each.name]


def streams() -> list[Recording]:
    return [each for each in messages() if each.streamed]


def payloads(stream: bytes) -> list[Any]:
    """What an independent reading finds: the data of every event."""
    return [json.loads(line[5:]) for line in stream.decode().split("\n") if line.startswith("data:")]


def official(each: Recording) -> Message:
    """What the official client makes of an answer."""
    if not each.streamed:
        return cast(Message, construct_type(type_=Message, value=json.loads(each.answer)))
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for payload in payloads(each.answer):
        if payload["type"] == "ping" or (payload["type"] == "message_start" and snapshot is not None):
            continue
        event: Any = construct_type(type_=RawMessageStreamEvent, value=payload)
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    return snapshot


def ours(each: Recording) -> ChatAnswer:
    if not each.streamed:
        return parse_answer(each.answer)
    reader = MessagesReader()
    answer = fold(reader.feed(each.answer) + reader.close())
    assert reader.failure is None
    assert reader.finished
    return answer


def said_officially(message: Message) -> list[tuple[Any, ...]]:
    said: list[tuple[Any, ...]] = []
    for block in message.content:
        if block.type == "text" and (block.text or block.citations):
            said.append(("text", block.text, [each.cited_text for each in block.citations or []]))
        elif block.type == "tool_use":
            said.append(("call", block.id, block.name, block.input))
        elif block.type == "thinking" and (block.thinking or block.signature):
            said.append(("thought", block.thinking, block.signature or None))
        elif block.type == "redacted_thinking":
            said.append(("thought", "", block.data))
    details = message.stop_details
    if details is not None and details.explanation:
        said.append(("declined", details.explanation))
    return said


def said(answer: ChatAnswer) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for part in answer.choices[0].parts if answer.choices else ():
        match part:
            case Text():
                found.append(("text", part.text, [each.quoted for each in part.citations]))
            case ToolCall():
                found.append(("call", part.id, part.name, json.loads(part.arguments)))
            case Reasoning():
                found.append(("thought", part.text, part.sealed.data if part.sealed else None))
            case Declined():
                found.append(("declined", part.text))
            case _:
                raise AssertionError(part)
    return found


def reported(usage: Any) -> Usage:
    """The official client's usage in disjoint units, put together without our code."""
    details = getattr(usage, "output_tokens_details", None)
    thought = None if details is None else details.thinking_tokens
    divided = usage.cache_creation
    hour = None if divided is None else divided.ephemeral_1h_input_tokens
    written = usage.cache_creation_input_tokens
    return Usage(
        input=usage.input_tokens,
        cached_input=usage.cache_read_input_tokens,
        output=usage.output_tokens - (thought or 0),
        reasoning=thought,
        cache_write_5m=None if written is None else written - (hour or 0),
        cache_write_1h=hour,
    )


def compacted(answer: bytes) -> bool:
    return b'"type":"compaction"' in answer.replace(b" ", b"")


def test_the_corpus_is_all_there() -> None:
    assert len(whole_answers()) > 110
    assert len(streams()) > 60


def test_every_recorded_request_passes_untouched() -> None:
    for each in messages():
        if each.request:
            peek = dialect_of(each).peek(each.request, PLAIN_CALL)
            facts = json.loads(each.request)
            assert peek.model_asked == facts["model"], each
            assert peek.streamed is bool(facts.get("stream")), each
            assert peek.output_tokens_max == facts.get("max_tokens", 0), each
            edits = RequestEdits(model_routed=facts["model"])
            patched = dialect_of(each).patch_request(each.request, peek, edits)
            assert (patched.body, patched.lane) == (each.request, Lane.VERBATIM), each


def test_every_recorded_request_changes_in_its_model_and_limit_alone() -> None:
    for each in messages():
        if each.request:
            peek = dialect_of(each).peek(each.request, Called())
            facts = json.loads(each.request)
            edits = RequestEdits(model_routed="another", output_tokens_max=5000)
            sent = json.loads(dialect_of(each).patch_request(each.request, peek, edits).body)
            if "max_tokens" in facts:
                facts["max_tokens"] = min(facts["max_tokens"], 5000)
            assert sent == {**facts, "model": "another"}, each


def test_every_recorded_stream_passes_event_for_event_with_its_usage() -> None:
    for each in streams():
        pipe = ANTHROPIC_MESSAGES.open_stream(PEEK)
        out = pipe.feed(each.answer) + pipe.close()
        assert pipe.failure is None, each
        assert pipe.finished, each
        assert pipe.ended, each
        assert out + pipe.end(None, None) == each.answer, each
        assert pipe.delivered_text_bytes or b'"refusal"' in each.answer or b'"output_tokens":' in each.answer, each


def test_every_recorded_stream_gets_its_costs_where_its_usage_stands_and_nothing_else() -> None:
    for each in streams():
        pipe = ANTHROPIC_MESSAGES.open_stream(PEEK)
        out = pipe.feed(each.answer) + pipe.close() + pipe.end(COSTS, ESTIMATE)
        expected, found = payloads(each.answer), payloads(out)
        if WHOLE_BEGINNING in each.name and b"message_delta" not in each.answer:
            ours_alone = found.pop(-2)
            assert ours_alone["delta"]["stop_reason"] == expected[0]["message"]["stop_reason"], each
            assert ours_alone["usage"] == {"input_tokens": 0, "output_tokens": 0, **COST_VALUES}, each
        else:
            last = max(at for at, event in enumerate(expected) if event["type"] == "message_delta")
            expected[last]["usage"] |= COST_VALUES
            before = [line for line in each.answer.split(b"\n") if b'"message_delta"' not in line]
            assert [line for line in out.split(b"\n") if b'"message_delta"' not in line] == before, each
        assert found == expected, each


@pytest.mark.parametrize("size", [1, 7, 100])
def test_no_split_of_a_recorded_stream_changes_anything(size: int) -> None:
    for each in streams()[::6]:
        whole = ANTHROPIC_MESSAGES.open_stream(PEEK)
        expected = whole.feed(each.answer) + whole.close() + whole.end(COSTS, ESTIMATE)
        pipe, reader = ANTHROPIC_MESSAGES.open_stream(PEEK), MessagesReader()
        out, events = b"", []
        for at in range(0, len(each.answer), size):
            out += pipe.feed(each.answer[at : at + size])
            events += reader.feed(each.answer[at : at + size])
        assert out + pipe.close() + pipe.end(COSTS, ESTIMATE) == expected, each
        if SPLICED not in each.name:
            assert fold(events + reader.close()) == ours(each), each


def test_no_recorded_stream_that_is_cut_off_looks_finished() -> None:
    for each in streams():
        end = each.answer.rindex(b'"message_stop"' if b"message_delta" not in each.answer else b'"message_delta"')
        for cut in (end - 30, end // 2):
            pipe, reader = ANTHROPIC_MESSAGES.open_stream(PEEK), MessagesReader()
            out = pipe.feed(each.answer[:cut]) + pipe.close()
            reader.feed(each.answer[:cut])
            reader.close()
            assert not pipe.finished, each
            assert not reader.finished, each
            kinds = [event["type"] for event in payloads(out + pipe.break_off(ERROR, COSTS, ESTIMATE))]
            assert kinds[-1] == "error", each
            assert "message_stop" not in kinds, each


def test_every_recorded_whole_answer_gets_its_costs_and_nothing_else() -> None:
    for each in whole_answers():
        answer = ANTHROPIC_MESSAGES.read_answer(each.answer, "application/json")
        expected = json.loads(each.answer)
        expected["usage"] |= COST_VALUES
        assert json.loads(ANTHROPIC_MESSAGES.splice_cost(answer, COSTS, ESTIMATE)) == expected, each
        assert answer.model_answered == expected["model"], each
        assert answer.service_tier == expected["usage"].get("service_tier"), each


def test_every_recorded_answer_means_what_the_official_client_reads() -> None:
    for each in whole_answers() + streams():
        if SPLICED in each.name:
            continue
        message, answer = official(each), ours(each)
        assert said(answer) == said_officially(message), each
        assert (answer.id, answer.model) == (message.id, message.model), each
        choice = answer.choices[0]
        assert choice.reason is not None, each
        if message.stop_reason in STOP_WORDS.values():
            assert STOP_WORDS[choice.reason] == message.stop_reason, each
        assert choice.sequence == message.stop_sequence, each


def test_the_usage_of_every_recorded_answer_is_the_recorded_usage() -> None:
    for each in whole_answers() + streams():
        if compacted(each.answer):
            continue
        expected = reported(official(each).usage)
        if each.streamed:
            pipe = ANTHROPIC_MESSAGES.open_stream(PEEK)
            pipe.feed(each.answer)
            assert pipe.usage == expected, each
        else:
            assert ANTHROPIC_MESSAGES.read_answer(each.answer, "").usage == expected, each
        if SPLICED not in each.name:
            assert ours(each).usage == expected, each


def test_what_summing_up_a_conversation_used_is_counted_beside_the_rest() -> None:
    found = [each for each in whole_answers() + streams() if compacted(each.answer)]
    assert len(found) == 2
    for each in found:
        usage, message = ours(each).usage, official(each)
        assert usage is not None
        assert usage.input == message.usage.input_tokens + 60385


def test_every_recorded_answer_is_the_same_after_it_was_read_and_written() -> None:
    for each in whole_answers() + streams():
        if SPLICED in each.name:
            continue
        answer = ours(each)
        closing = Closing(usage=answer.usage or Usage(), estimated=False, costs=None)
        rendered = parse_answer(render_answer(answer, TERMS, closing))
        writer, reader = MessagesWriter(TERMS), MessagesReader()
        out = b""
        if each.streamed:
            source = MessagesReader()
            out = writer.write(source.feed(each.answer) + source.close())
            out += writer.end(closing)
            assert [row[:2] for row in said(fold(reader.feed(out)))] == [row[:2] for row in shown(answer)], each
            assert reader.ended, each
        assert [row[:2] for row in said(rendered)] == [row[:2] for row in shown(answer)], each
        if WHOLE_BEGINNING not in each.name:  # code called the tools there, and the model ended after them
            assert rendered.choices[0].reason == answer.choices[0].reason, each


def shown(answer: ChatAnswer) -> list[tuple[Any, ...]]:
    """What a client is shown: the words of a provider for why there is no answer come as text."""
    return [("text", row[1]) if row[0] == "declined" else row for row in said(answer)]


def test_every_recorded_request_means_the_same_after_it_was_read_and_written() -> None:
    carried = 0
    for each in messages():
        if not each.request:
            continue
        peek = dialect_of(each).peek(each.request, PLAIN_CALL)
        if b"web_search_2026" in each.request or b"code_execution_2026" in each.request:
            with pytest.raises(Refusal, match="provider's own tool"):
                parse_request(each.request, peek)
            continue
        request = parse_request(each.request, peek)
        edits = RequestEdits(model_routed=request.model, streamed=peek.streamed, issuer="p")
        body = render_request(request, edits).body
        assert parse_request(body, peek).messages == unsealed(request), each
        carried += 1
    assert carried > 120


def unsealed(request: ChatRequest) -> tuple[Any, ...]:
    """The messages without reasoning of nobody knows whom, and without citations, which do not go on."""
    again: list[Any] = []
    for message in request.messages:
        parts = tuple(
            Text(text=part.text, cache=part.cache) if isinstance(part, Text) else part
            for part in message.parts
            if not isinstance(part, Reasoning)
        )
        again.append(type(message)(role=message.role, parts=parts))
    return tuple(again)


def test_every_recorded_error_is_read() -> None:
    errors = [each for each in messages() if each.status >= 400]
    assert len(errors) == 2
    for each in errors:
        said_of_it = ANTHROPIC_MESSAGES.parse_error(each.status, each.answer)
        expected = json.loads(each.answer)["error"]
        assert (said_of_it.message, said_of_it.type) == (expected["message"], expected["type"])
