"""A request of many small things is read in time that grows with it, and no faster."""

import json
from collections.abc import Callable
from time import perf_counter
from typing import Any

import pytest

from tollway.dialects.known import DIALECTS
from tollway.dialects.record import Called

MANY = 4_000
SLACK = 3
"""Four times as much may take so many times as long per thing: a machine that is shared is not exact."""


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
        before = perf_counter()
        chat.parse_request(body, peek)
        return perf_counter() - before

    few, many = min(seconds(MANY) for _ in range(3)), min(seconds(4 * MANY) for _ in range(3))

    assert many < few * 4 * SLACK
