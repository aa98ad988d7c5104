"""Corners of Gemini's form that no conversation of the other tests comes to."""

import pytest

from tests.unit.dialects.gemini.gemini_chunks import ASKED, parsed, rendered, request
from tollway.dialects.gemini.fields import Fields
from tollway.dialects.gemini.stream import data_of
from tollway.errors import Refusal
from tollway.neutral.parts import Text, ToolCall, ToolResult
from tollway.neutral.request import Message, Role, ToolChoice, ToolUse


def test_a_conversation_that_says_nothing_is_refused() -> None:
    for messages in ((), (Message(role=Role.SYSTEM, parts=(Text(text=" "),)),), (Message(role=Role.TOOL, parts=()),)):
        with pytest.raises(Refusal) as refused:
            rendered(request(*messages))
        assert refused.value.param == "messages"


@pytest.mark.parametrize("use", [ToolUse.REQUIRED, ToolUse.NAMED])
def test_a_tool_that_must_be_used_must_be_there(use: ToolUse) -> None:
    with pytest.raises(Refusal) as refused:
        rendered(request(tool_choice=ToolChoice(use=use, name="f")))
    assert refused.value.param == "tool_choice"


@pytest.mark.parametrize("value", ["text", 5, {}])
def test_what_must_be_a_list_is_one(value: object) -> None:
    with pytest.raises(Refusal, match="an array"):
        parsed({**ASKED, "tools": value})


def test_results_find_their_calls_by_id_and_then_by_name_each_once() -> None:
    call = {"functionCall": {"id": "a", "name": "f", "args": {}}}
    other = {"functionCall": {"id": "b", "name": "f", "args": {}}}

    def result(**named: str) -> dict[str, object]:
        return {"functionResponse": {**named, "response": {"output": "1"}}}

    found = parsed(
        {
            "contents": [
                {"role": "user", "parts": [{"text": "Go"}]},
                {"role": "model", "parts": [call, other]},
                {"role": "user", "parts": [result(id="a", name="f"), result(name="f")]},
            ]
        }
    )
    calls = [part.id for part in found.messages[1].parts if isinstance(part, ToolCall)]
    results = [part.call_id for message in found.messages[2:] for part in message.parts if isinstance(part, ToolResult)]
    assert results == calls == ["a", "b"]


def test_the_data_of_an_event_is_found_on_one_line_and_on_several() -> None:
    assert data_of(b'data: {"a":1}\r\n\r\n') == b'{"a":1}'
    assert data_of(b'data: {"a":\r\ndata: 1}\r\n\r\n') == b'{"a":\n1}'
    assert data_of(b'data: {"a":1}\n\n') == b'{"a":1}'


def test_a_field_that_must_be_a_list_is_refused_by_its_name() -> None:
    with pytest.raises(Refusal, match="an array"):
        Fields({"parts": 5}, "contents").items("parts")
    assert Fields({}, "contents").items("parts") == []
