"""The official client, in both generations, parses our answers and streams with strict validation on."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.dialects.openai_responses.samples import (
    CLOSING,
    COSTS,
    ERROR,
    ESTIMATE,
    shown,
    terms_of,
    told,
    written,
)
from tests.unit.dialects.openai_responses.test_answers import EVENTS
from tollway.dialects.openai_responses import OPENAI_RESPONSES
from tollway.dialects.openai_responses.stream import open_stream
from tollway.dialects.openai_responses.writer import ResponsesWriter
from tollway.dialects.record import PLAIN_CALL
from tollway.neutral.answer import fold
from tollway.neutral.events import Event, Finished, StopReason, TextDelta, ToolCallDelta, ToolCallStarted

ASKED: dict[str, Any] = {
    "instructions": "Be kind",
    "metadata": {"a": "b"},
    "max_output_tokens": 50,
    "temperature": 0.5,
    "top_p": 1,
    "parallel_tool_calls": False,
    "tools": [
        {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
        {"type": "custom", "name": "g", "description": "d"},
    ],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}},
    "reasoning": {"effort": "low", "summary": "auto"},
    "user": "me",
    "prompt_cache_key": "key",
    "service_tier": "flex",
    "truncation": "disabled",
    "store": True,
}
WORDS: list[Event] = [
    TextDelta(text="Hel"),
    TextDelta(text="lo"),
    ToolCallStarted(index=0, id="c1", name="f"),
    ToolCallDelta(index=0, arguments='{"a":1}'),
    Finished(reason=StopReason.TOOL_CALLS),
]


@pytest.fixture(params=["1.", "newest"])
def read_by_sdk(request: pytest.FixtureRequest, openai_1: Path) -> Any:
    env = dict(os.environ) | ({"PYTHONPATH": str(openai_1)} if request.param == "1." else {})

    def read(*samples: tuple[str, bytes]) -> list[dict[str, Any]]:
        given = json.dumps([{"kind": kind, "body": body.decode()} for kind, body in samples])
        program = [sys.executable, str(Path(__file__).with_name("sdk_program.py"))]
        done = subprocess.run(program, input=given, capture_output=True, text=True, check=False, env=env, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return read


def test_answers_and_streams_are_what_the_client_knows(read_by_sdk: Any) -> None:
    whole = json.dumps(shown(fold(EVENTS))).encode()
    stream = written(EVENTS)
    asked_whole, asked_stream = json.dumps(shown(fold(WORDS), **ASKED)).encode(), written(WORDS, **ASKED)
    cut = [TextDelta(text="half"), Finished(reason=StopReason.LENGTH)]
    incomplete = written(cut)
    found = read_by_sdk(
        ("whole", whole),
        ("events", stream),
        ("stream", stream),
        ("whole", asked_whole),
        ("stream", asked_stream),
        ("events", asked_stream),
        ("events", incomplete),
        ("whole", json.dumps(shown(fold(cut))).encode()),
    )
    assert found[0]["text"] == "abspoken"
    assert found[1]["types"] == [each["type"] for each in told(stream)]
    assert found[2]["text"] == "abspoken"
    assert found[2]["response"]["output"][0]["encrypted_content"] == "tollway-seal~1.elsewhere.sign.sig"
    for place in (3, 4):
        response = found[place]["response"]
        assert found[place]["text"] == "Hello"
        assert [item["type"] for item in response["output"]] == ["message", "function_call"]
        assert response["output"][1]["arguments"] == '{"a":1}'
        assert response["instructions"] == "Be kind"
        assert [tool["type"] for tool in response["tools"]] == ["function", "custom"]
        assert response["usage"]["total_cost_usd"] == 0.00021175
        assert response["store"] is False
    assert found[5]["types"] == [each["type"] for each in told(asked_stream)]
    assert found[6]["types"][-1] == "response.incomplete"
    assert found[7]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


def test_errors_in_streams_are_errors_of_the_client(read_by_sdk: Any) -> None:
    writer = ResponsesWriter(terms_of())
    broken = writer.write([TextDelta(text="a")]) + writer.break_off(ERROR, CLOSING)
    other = ResponsesWriter(terms_of())
    cut = other.write([TextDelta(text="a")]) + other.cut(ERROR, CLOSING)
    pipe = open_stream(OPENAI_RESPONSES.peek(b'{"model":"m","stream":true}', PLAIN_CALL))
    passed = pipe.feed(ResponsesWriter(terms_of()).write([TextDelta(text="a")]))
    passed += pipe.cut(ERROR, COSTS, ESTIMATE)
    for found in read_by_sdk(("stream", broken), ("stream", cut), ("stream", passed)):
        assert found["error"] == "It broke."
        assert "response.output_text.delta" in found["seen"]
        assert "response.completed" not in found["seen"]
