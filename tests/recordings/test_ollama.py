"""Recorded traffic of Ollama: it passes untouched but for its costs, and is read as its official client reads it."""

import json
from typing import Any

import pytest
from ollama import ChatResponse, GenerateResponse

from tests.recordings.corpus import Recording, ollama
from tollway.dialects.ollama import OLLAMA_CHAT, OLLAMA_GENERATE
from tollway.dialects.record import PLAIN_CALL, Closing, CostFields, Dialect, Lane, ReplyTerms, RequestEdits
from tollway.dialects.translation import WholeReader, read_folded
from tollway.neutral.answer import ChatAnswer, fold
from tollway.neutral.parts import Text
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
COST_VALUES = {"base_cost_usd": 0.0001925, "platform_fee_usd": 0.00001925, "total_cost_usd": 0.00021175}
ESTIMATE = Usage(input=40, output=20)
BOTH = [(OLLAMA_CHAT, ChatResponse), (OLLAMA_GENERATE, GenerateResponse)]


def recorded(dialect: Dialect, *, streamed: bool) -> list[Recording]:
    return [each for each in ollama()[dialect.path] if each.streamed == streamed]


def lines_of(stream: bytes) -> list[Any]:
    return [json.loads(line) for line in stream.splitlines()]


def counted(last: dict[str, Any]) -> Usage:
    return Usage(input=last.get("prompt_eval_count"), output=last["eval_count"])


def words(dialect: Dialect, shown: dict[str, Any]) -> str:
    return shown["message"]["content"] if dialect is OLLAMA_CHAT else shown["response"]


def text_of(answer: ChatAnswer) -> str:
    return "".join(part.text for part in answer.choices[0].parts if isinstance(part, Text))


def terms(dialect: Dialect, each: Recording) -> ReplyTerms:
    assert dialect.chat is not None
    assert dialect.chat.parse_request is not None
    peek = dialect.peek(each.request, PLAIN_CALL)
    request = dialect.chat.parse_request(each.request, peek)
    return ReplyTerms(request=request, peek=peek, reply_id="r", created_s=0, model="m")


def test_the_corpus_is_all_there() -> None:
    assert [len(recorded(dialect, streamed=streamed)) for dialect, _ in BOTH for streamed in (False, True)] == [
        4,
        2,
        2,
        3,
    ]


@pytest.mark.parametrize("dialect", [OLLAMA_CHAT, OLLAMA_GENERATE])
def test_requests_pass_untouched(dialect: Dialect) -> None:
    for each in ollama()[dialect.path]:
        peek = dialect.peek(each.request, PLAIN_CALL)
        facts = json.loads(each.request)
        assert (peek.model_asked, peek.streamed) == (facts["model"], facts["stream"]), each
        made = dialect.patch_request(each.request, peek, RequestEdits(model_routed=peek.model_asked))
        assert made.body is each.request
        assert made.lane is Lane.VERBATIM
        other = dialect.patch_request(each.request, peek, RequestEdits(model_routed="x"))
        assert json.loads(other.body) == facts | {"model": "x"}, each


@pytest.mark.parametrize(("dialect", "kind"), BOTH)
def test_whole_answers_gain_their_costs_and_nothing_else(dialect: Dialect, kind: type) -> None:
    for each in recorded(dialect, streamed=False):
        read = dialect.read_answer(each.answer, "")
        sent = json.loads(each.answer)
        assert read.usage == counted(sent), each
        assert read.model_answered == sent["model"], each
        shown = dialect.splice_cost(read, COSTS, ESTIMATE)
        assert shown.startswith(each.answer.rstrip()[:-1]), each
        assert json.loads(shown) == sent | COST_VALUES, each
        kind.model_validate_json(shown)


@pytest.mark.parametrize(("dialect", "kind"), BOTH)
def test_streams_gain_the_costs_on_their_last_line_and_nothing_else(dialect: Dialect, kind: type) -> None:
    for each in recorded(dialect, streamed=True):
        for pieces in ([each.answer], [each.answer[at : at + 1] for at in range(len(each.answer))]):
            pipe = dialect.open_stream(dialect.peek(each.request, PLAIN_CALL))
            out = b"".join(pipe.feed(piece) for piece in pieces) + pipe.close()
            before = lines_of(each.answer)
            assert pipe.finished, each
            assert pipe.usage == counted(before[-1]), each
            assert out + pipe.end(None, None) == each.answer, each
            shown = lines_of(out + pipe.end(COSTS, None))
            assert shown == [*before[:-1], before[-1] | COST_VALUES], each
            for line in shown:
                kind.model_validate(line)


@pytest.mark.parametrize("dialect", [OLLAMA_CHAT, OLLAMA_GENERATE])
def test_a_stream_that_was_cut_never_looks_finished(dialect: Dialect) -> None:
    for each in recorded(dialect, streamed=True):
        peek = dialect.peek(each.request, PLAIN_CALL)
        for share in (3, 5, 9):
            pipe = dialect.open_stream(peek)
            out = pipe.feed(each.answer[: len(each.answer) * share // 10]) + pipe.close()
            assert not pipe.finished, each
            ending = pipe.break_off(b'{"error":"It broke."}', COSTS, ESTIMATE)
            shown = lines_of(out + ending)
            assert not any(line.get("done") for line in shown), each
            assert shown[-1] == {"error": "It broke."}, each


@pytest.mark.parametrize(("dialect", "kind"), BOTH)
def test_what_is_read_is_what_was_said_and_is_written_again(dialect: Dialect, kind: type) -> None:
    chat = dialect.chat
    assert chat is not None
    assert chat.parse_answer
    assert chat.open_reader
    assert chat.open_writer
    assert chat.render_answer
    for each in ollama()[dialect.path]:
        before = lines_of(each.answer)
        answer = read_folded(chat.open_reader(), each.answer)
        assert text_of(answer) == "".join(words(dialect, line) for line in before), each
        assert answer.usage == counted(before[-1]), each
        assert answer.choices[0].reason == "stop", each
        closing = Closing(usage=answer.usage or Usage(), estimated=False, costs=COSTS)
        shown = json.loads(chat.render_answer(answer, terms(dialect, each), closing))
        kind.model_validate(shown)
        assert words(dialect, shown) == text_of(answer), each
        assert answer.usage is not None, each
        assert (shown["eval_count"], shown.get("prompt_eval_count")) == (answer.usage.output, answer.usage.input), each
        if not each.streamed:
            assert chat.parse_answer(each.answer) == answer, each
            whole = WholeReader(chat.parse_answer)
            events = whole.feed(each.answer) + whole.close()
            assert text_of(fold(events)) == text_of(answer), each
