"""Whole answers and streams of Ollama within their own dialect: what is read, and where the costs stand."""

import json

import pytest

from tests.unit.dialects.ollama.shared import (
    COST_VALUES,
    COSTS,
    ERROR,
    ESTIMATE,
    PNG,
    body,
    chat_line,
    last_line,
    line,
    lines_of,
    peek,
)
from tollway.dialects.ollama import OLLAMA_CHAT, OLLAMA_GENERATE
from tollway.dialects.ollama.closing import with_closing
from tollway.dialects.record import Closing, Stream
from tollway.errors import FailureKind, UpstreamFailure
from tollway.neutral.usage import Usage

CALL = {"function": {"name": "look", "arguments": {"at": "ä"}}}
SHOWN_ERROR = json.loads(ERROR)


def pipe(data: bytes = b"", *, generate: bool = False) -> tuple[Stream, bytes]:
    dialect = OLLAMA_GENERATE if generate else OLLAMA_CHAT
    stream = dialect.open_stream(peek(dialect, body()))
    out = stream.feed(data)
    return stream, out + stream.close()


def test_an_answer_gains_its_costs_behind_its_last_member_and_nothing_else() -> None:
    sent = b'{"model":"m-1",  "message":{"role":"assistant","content":"Hi"},"done":true,"eval_count":3,"prompt_eval_count":9}'
    read = OLLAMA_CHAT.read_answer(sent, "")
    assert (read.usage, read.model_answered, read.text_bytes) == (Usage(input=9, output=3), "m-1", 0)
    shown = OLLAMA_CHAT.splice_cost(read, COSTS, None)
    assert shown.startswith(sent[:-1])
    assert json.loads(shown) == json.loads(sent) | COST_VALUES


@pytest.mark.parametrize(
    "counts", [{}, {"prompt_eval_count": 0, "eval_count": 0}, {"eval_count": -1}, {"eval_count": "x"}]
)
def test_what_reports_no_usage_gets_an_estimate_that_says_so(counts: dict[str, object]) -> None:
    sent = line(response="häh", thinking="so", done=True, done_reason="stop", **counts).strip()
    read = OLLAMA_GENERATE.read_answer(sent, "")
    assert read.usage is None
    assert read.text_bytes == 6
    shown = json.loads(OLLAMA_GENERATE.splice_cost(read, COSTS, ESTIMATE))
    estimated = {"prompt_eval_count": 4, "eval_count": 2, "estimated": True, **COST_VALUES}
    assert shown == json.loads(sent) | estimated
    bare = json.loads(OLLAMA_GENERATE.splice_cost(read, COSTS, None))
    assert bare["estimated"] is True
    assert "eval_count" not in bare


def test_a_prompt_that_came_from_a_cache_is_not_reported_by_old_servers() -> None:
    read = OLLAMA_CHAT.read_answer(chat_line("Hi", done=True, eval_count=3), "")
    assert read.usage == Usage(output=3)


@pytest.mark.parametrize("reason", ["load", "unload"])
def test_a_model_that_was_only_fetched_used_nothing(reason: str) -> None:
    read = OLLAMA_CHAT.read_answer(chat_line(done=True, done_reason=reason), "")
    assert read.usage == Usage(input=0, output=0)


@pytest.mark.parametrize(
    "sent", [b"", b"[]", b"\xff", b'{"done":true}', b'{"error":"no such model"}', b"[" * 100_000, chat_line(error="x")]
)
def test_what_is_no_answer_is_junk(sent: bytes) -> None:
    for dialect in (OLLAMA_CHAT, OLLAMA_GENERATE):
        with pytest.raises(UpstreamFailure) as caught:
            dialect.read_answer(sent, "")
        assert caught.value.kind is FailureKind.JUNK


def test_an_answer_of_odd_types_keeps_what_can_be_read() -> None:
    sent = line(message={"content": "Hi", "images": 3, "tool_calls": "x"}, done=True, model=3, eval_count=4, thinking=2)
    read = OLLAMA_CHAT.read_answer(sent, "")
    assert (read.usage, read.model_answered) == (Usage(output=4), None)
    with pytest.raises(UpstreamFailure):
        OLLAMA_CHAT.read_answer(line(message="Hi", done=1), "")


def test_a_stream_passes_and_its_last_line_gains_the_costs() -> None:
    first, second, last = chat_line("Hällo"), chat_line(" you", said={"thinking": "mm"}), last_line()
    stream, out = pipe(first + b"\n" + second + last)
    assert out == first + b"\n" + second
    assert stream.finished
    assert stream.ended
    assert stream.usage == Usage(input=7, output=4)
    assert stream.model_answered == "m-1"
    assert (stream.delivered_events, stream.delivered_text_bytes) == (2, 12)
    end = stream.end(COSTS, None)
    assert end.startswith(last[:-2])
    assert lines_of(end) == [json.loads(last) | COST_VALUES]


def test_without_costs_every_byte_is_the_providers() -> None:
    sent = chat_line("Hi") + last_line().strip()
    stream, out = pipe(sent)
    assert out + stream.end(None, None) == sent


def test_a_stream_without_usage_shows_an_estimate_on_its_last_line() -> None:
    last = line(response="", done=True).strip()
    stream, _ = pipe(line(response="Hi", done=False) + last, generate=True)
    shown = lines_of(stream.end(COSTS, ESTIMATE))
    assert shown == [json.loads(last) | {"prompt_eval_count": 4, "eval_count": 2, "estimated": True} | COST_VALUES]


def test_tool_calls_and_pictures_begin_an_answer() -> None:
    stream, out = pipe(chat_line(said={"tool_calls": [CALL]}))
    assert out == chat_line(said={"tool_calls": [CALL]})
    assert stream.delivered_text_bytes == len('look{"at":"ä"}'.encode())
    stream, out = pipe(line(image=PNG, done=False), generate=True)
    assert stream.content_started
    assert stream.delivered_text_bytes == 0


def test_what_comes_before_the_first_word_waits() -> None:
    stream = OLLAMA_CHAT.open_stream(peek(OLLAMA_CHAT, body()))
    assert stream.feed(chat_line()) == b""
    assert not stream.content_started
    assert stream.feed(line(completed=1)) == b""
    assert stream.feed(chat_line("Hi")) == chat_line() + line(completed=1) + chat_line("Hi")


@pytest.mark.parametrize(
    ("sent", "kind", "words"),
    [
        (b'{"error":"out of memory"}\n', FailureKind.BROKE, "out of memory"),
        (b"oops\n", FailureKind.JUNK, "no JSON object"),
        (b"[1]\n", FailureKind.JUNK, "no JSON object"),
        (b'"\xff"\n', FailureKind.JUNK, "no JSON object"),
    ],
)
def test_an_error_within_a_stream_ends_it(sent: bytes, kind: FailureKind, words: str) -> None:
    stream, out = pipe(chat_line("Hi") + sent + chat_line("never"))
    assert out == chat_line("Hi")
    assert stream.failure is not None
    assert stream.failure.kind is kind
    assert words in stream.failure.message


def test_a_broken_stream_shows_what_it_cost_and_the_error_and_no_end() -> None:
    stream, _ = pipe(chat_line("Hi"))
    shown = lines_of(stream.break_off(ERROR, COSTS, ESTIMATE))
    assert shown[0]["done"] is False
    assert {name: shown[0][name] for name in COST_VALUES} == COST_VALUES
    assert shown[0]["message"] == {"role": "assistant", "content": ""}
    assert shown[0]["model"] == "m-1"
    assert shown[1:] == [SHOWN_ERROR]
    stream, _ = pipe(chat_line("Hi"))
    assert stream.break_off(ERROR, None, None) == ERROR + b"\n"


def test_a_line_that_lacks_its_end_gets_one_before_the_error() -> None:
    stream, out = pipe(chat_line("Hi").strip())
    assert lines_of(out + stream.break_off(ERROR, None, None)) == [json.loads(chat_line("Hi")), SHOWN_ERROR]


def test_a_last_line_that_was_held_does_not_look_like_the_last() -> None:
    said = {"tool_calls": [{**CALL, "id": "c-1"}], "thinking": "mm", "images": [PNG]}
    stream, _ = pipe(last_line(said=said))
    shown = lines_of(stream.break_off(ERROR, None, None))
    assert shown[0]["message"] == {"role": "assistant", "content": "", **said}
    assert shown[0]["done"] is False
    assert "done_reason" not in shown[0]


def test_a_stream_that_is_stopped_ends_as_at_its_limit() -> None:
    stream, _ = pipe(line(response="Hi", done=False), generate=True)
    shown = lines_of(stream.cut(ERROR, COSTS, ESTIMATE))
    assert (shown[0]["done"], shown[0]["done_reason"], shown[0]["response"]) == (True, "length", "")
    assert (shown[0]["eval_count"], shown[0]["total_cost_usd"]) == (2, 0.00021175)
    assert shown[1:] == [SHOWN_ERROR]
    stream, _ = pipe(last_line(said={"tool_calls": [CALL]}))
    assert lines_of(stream.cut(ERROR, None, None))[0]["message"]["tool_calls"] == [CALL]


def test_an_error_is_a_string_with_its_facts_beside_it() -> None:
    assert SHOWN_ERROR == {
        "error": "It broke.",
        "type": "upstream_error",
        "code": "upstream_error",
        "param": None,
        "metadata": {},
    }
    assert OLLAMA_CHAT.parse_error(404, b'{"error":"model \'x\' not found"}').message == "model 'x' not found"


def test_an_end_without_costs_is_the_providers() -> None:
    closing = Closing(usage=ESTIMATE, estimated=True, costs=None)
    assert with_closing(b'{"done":true}', closing) == b'{"done":true}'
