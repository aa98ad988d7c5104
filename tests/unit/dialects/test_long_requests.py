"""A request of many small things is read, and an answer of many written, in time that grows with it, and no faster."""

import gc
import json
from collections.abc import Callable, Iterator
from time import process_time
from typing import Any

import pytest

from tests.dialect_matrix import chat_of, terms_of
from tollway.dialects.known import DIALECTS
from tollway.dialects.record import Called, Closing
from tollway.neutral.events import Event, TextDelta, ToolCallDelta, ToolCallStarted
from tollway.neutral.parts import Text
from tollway.neutral.request import ChatRequest, Message, Role
from tollway.neutral.usage import Usage

ASKED = ChatRequest(model="m", messages=(Message(role=Role.USER, parts=(Text(text="x"),)),), streamed=True)
FEW, TIMES = 500, 16
SLACK = 5
"""So much more may take so many times as long for each thing: a machine that is shared is not exact."""


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    """The collector looks at all that lives, which is more with each test."""
    gc.disable()
    yield
    gc.enable()


def gemini_parts(count: int) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": "a"}] * count}]}


def gemini_results_backwards(count: int) -> dict[str, Any]:
    calls = [{"functionCall": {"name": f"f{number}", "args": {}}} for number in range(count)]
    results = [{"functionResponse": {"name": f"f{number}", "response": {}}} for number in reversed(range(count))]
    return {"contents": [{"role": "model", "parts": calls}, {"role": "user", "parts": results}]}


def ollama_options(count: int) -> dict[str, Any]:
    options = {f"k{number}": 1 for number in range(count)}
    return {"model": "m", "messages": [{"role": "user", "content": "x"}], "options": options}


@pytest.mark.parametrize(
    ("dialect", "made"),
    [("gemini", gemini_parts), ("gemini", gemini_results_backwards), ("ollama_chat", ollama_options)],
)
def test_reading_takes_time_in_proportion(dialect: str, made: Callable[[int], dict[str, Any]]) -> None:
    def seconds(count: int) -> float:
        body = json.dumps(made(count)).encode()
        chat = DIALECTS[dialect].chat
        assert chat is not None
        assert chat.parse_request is not None
        peek = DIALECTS[dialect].peek(body, Called(model="m", streamed=False))
        before = process_time()
        chat.parse_request(body, peek)
        return process_time() - before

    few, many = min(seconds(FEW) for _ in range(5)), min(seconds(TIMES * FEW) for _ in range(2))

    assert many < few * TIMES * SLACK


@pytest.mark.parametrize("client", ["ollama_chat", "anthropic_messages"])
def test_writing_many_calls_takes_time_in_proportion(client: str) -> None:
    terms = terms_of(client, ASKED)

    def seconds(count: int) -> float:
        events: list[Event] = [ToolCallStarted(index=index, id=f"c{index}", name="f") for index in range(count)]
        events += [ToolCallDelta(index=index, arguments="{}") for index in range(count)]
        opened = chat_of(client).open_writer
        assert opened is not None
        writer = opened(terms)
        before = process_time()
        writer.write(events)
        writer.end(Closing(usage=Usage(), estimated=False, costs=None))
        return process_time() - before

    few, many = min(seconds(FEW) for _ in range(5)), min(seconds(TIMES * FEW) for _ in range(2))

    assert many < few * TIMES * SLACK


def test_a_call_whose_arguments_grow_between_words_goes_out_when_it_is_whole() -> None:
    opened = chat_of("ollama_chat").open_writer
    assert opened is not None
    writer = opened(terms_of("ollama_chat", ASKED))
    writer.write([ToolCallStarted(index=0, id="c", name="f"), ToolCallDelta(index=0, arguments='{"a":')])

    assert b"tool_calls" not in writer.write([TextDelta(text="x")])
    assert b"tool_calls" not in writer.write([TextDelta(text="y")])
    writer.write([ToolCallDelta(index=0, arguments="1}")])
    assert b"tool_calls" in writer.write([TextDelta(text="z")])
