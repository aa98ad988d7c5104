"""A client's Ollama request in the neutral form."""

import json
from typing import Any

import pytest

from tests.unit.dialects.ollama.shared import JPEG, PNG, body, parsed
from tollway.dialects.ollama import OLLAMA_CHAT, OLLAMA_GENERATE
from tollway.dialects.record import Dialect
from tollway.errors import Refusal
from tollway.neutral.parts import Image, Inline, Reasoning, Text, ToolCall, ToolResult
from tollway.neutral.request import ChatRequest, Effort, Message, OutputForm, OutputKind, ReasoningWish, Role

HI = {"role": "user", "content": "Hi"}
LOOK = {"function": {"name": "look", "arguments": {"at": "it"}}}
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


def chat(**members: object) -> ChatRequest:
    return parsed(OLLAMA_CHAT, body(**{"messages": [HI], **members}))


def generate(**members: object) -> ChatRequest:
    return parsed(OLLAMA_GENERATE, body(**{"prompt": "Hi", **members}))


def refused(dialect: Dialect, **members: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        parsed(dialect, body(**members))
    assert caught.value.code == "invalid_request"
    return caught.value


def test_a_conversation_is_carried_in_order() -> None:
    found = chat(
        messages=[
            {"role": "system", "content": "Be brief"},
            {"role": "user", "content": "What is it?", "images": [PNG, JPEG]},
            {"role": "assistant", "content": "Let me see", "thinking": "hm", "tool_calls": [LOOK]},
            {"role": "tool", "content": "a cat", "tool_name": "look"},
            {"role": "assistant", "content": None},
        ]
    )
    call = found.messages[2].parts[2]
    assert isinstance(call, ToolCall)
    assert found.messages == (
        Message(role=Role.SYSTEM, parts=(Text(text="Be brief"),)),
        Message(
            role=Role.USER,
            parts=(
                Image(source=Inline(media_type="image/png", data=PNG)),
                Image(source=Inline(media_type="image/jpeg", data=JPEG)),
                Text(text="What is it?"),
            ),
        ),
        Message(
            role=Role.ASSISTANT,
            parts=(
                Reasoning(text="hm"),
                Text(text="Let me see"),
                ToolCall(id=call.id, name="look", arguments='{"at":"it"}'),
            ),
        ),
        Message(role=Role.TOOL, parts=(ToolResult(call_id=call.id, name="look", parts=(Text(text="a cat"),)),)),
        Message(role=Role.ASSISTANT, parts=()),
    )


def test_results_find_their_calls_by_id_by_name_and_by_turn() -> None:
    calls = [{"function": {"name": name}} for name in ("a", "b", "a")] + [{"id": "mine", "function": {"name": "c"}}]
    found = chat(
        messages=[
            HI,
            {"role": "assistant", "content": "", "tool_calls": calls},
            {"role": "tool", "content": "1", "tool_call_id": "mine"},
            {"role": "tool", "content": "2", "tool_name": "b"},
            {"role": "tool", "content": "3"},
            {"role": "tool", "content": "4", "name": "nobody"},
        ]
    )
    made = [part.id for part in found.messages[1].parts if isinstance(part, ToolCall)]
    results = [part for message in found.messages[2:] for part in message.parts if isinstance(part, ToolResult)]
    assert [made.index(result.call_id) for result in results] == [3, 1, 0, 2]
    assert [result.name for result in results] == ["c", "b", "a", "a"]
    assert len(set(made)) == 4
    assert made[3] == "mine"


def test_the_same_call_in_two_turns_has_two_ids_and_always_the_same() -> None:
    messages = [HI, {"role": "assistant", "tool_calls": [LOOK]}, {"role": "tool", "content": "x"}] * 2
    ids = [
        part.id for message in chat(messages=messages).messages for part in message.parts if isinstance(part, ToolCall)
    ]
    assert len(set(ids)) == 2
    again = chat(messages=messages)
    assert ids == [part.id for message in again.messages for part in message.parts if isinstance(part, ToolCall)]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"a": [1, 2]}, '{"a":[1,2]}'),
        ('{"a": 1', '{"a": 1'),
        (None, "{}"),
        ({"_unparsed": "{oops"}, "{oops"),
        ({"_unparsed": 1}, '{"_unparsed":1}'),
        ({"_unparsed": "x", "b": 1}, '{"_unparsed":"x","b":1}'),
    ],
)
def test_arguments_become_the_text_that_was_written(arguments: object, text: str) -> None:
    call = {"function": {"name": "look", "arguments": arguments}}
    found = chat(messages=[HI, {"role": "assistant", "tool_calls": [call]}]).messages[1].parts[0]
    assert isinstance(found, ToolCall)
    assert found.arguments == text


def test_tools_are_functions() -> None:
    function = {"name": "look", "description": "Looks", "parameters": SCHEMA}
    found = chat(tools=[{"type": "function", "function": function}, {"function": {"name": "b", "parameters": None}}])
    assert [(tool.name, tool.description) for tool in found.tools] == [("look", "Looks"), ("b", None)]
    assert found.tools[0].parameters is not None
    assert json.loads(bytes(found.tools[0].parameters)) == SCHEMA
    assert found.tools[1].parameters is None


@pytest.mark.parametrize(
    ("given", "kind"),
    [("", None), (None, None), ("json", OutputKind.JSON_OBJECT), (SCHEMA, OutputKind.JSON_SCHEMA)],
)
def test_the_format_is_a_contract(given: object, kind: OutputKind | None) -> None:
    output = chat(format=given).output
    assert (None if output is None else output.kind) == kind
    if kind is OutputKind.JSON_SCHEMA:
        assert output is not None
        assert output.schema is not None
        assert json.loads(bytes(output.schema)) == SCHEMA


@pytest.mark.parametrize(
    ("think", "wish"),
    [
        (None, None),
        ("", None),
        (True, ReasoningWish(budget_tokens=-1)),
        (False, ReasoningWish(effort=Effort.NONE)),
        ("high", ReasoningWish(effort=Effort.HIGH)),
    ],
)
def test_how_much_to_think(think: object, wish: ReasoningWish | None) -> None:
    assert chat(think=think).reasoning == wish


def test_options_are_tuning_and_the_unknown_ones_are_knobs() -> None:
    options = {
        "temperature": 0.5, "top_p": 0.9, "top_k": 3, "min_p": 0.1, "seed": 7, "stop": ["a", "b"], "num_predict": 9,
        "presence_penalty": 0.1, "frequency_penalty": 0.2, "repeat_penalty": 1.1, "num_ctx": None,
    }  # fmt: skip
    found = chat(options=options, keep_alive="5m", logprobs=True, top_logprobs=2, stream=False, shift=None)
    assert (found.temperature, found.top_p, found.top_k, found.min_p, found.seed) == (0.5, 0.9, 3, 0.1, 7)
    assert (found.presence_penalty, found.frequency_penalty) == (0.1, 0.2)
    assert (found.stop, found.output_tokens_max) == (("a", "b"), 9)
    assert (found.logprobs, found.top_logprobs, found.streamed) == (True, 2, False)
    assert {name: bytes(value) for name, value in found.knobs.items()} == {
        "keep_alive": b'"5m"',
        "options.repeat_penalty": b"1.1",
    }
    assert chat(options={"stop": "x"}).stop == ("x",)
    assert chat(options=None).streamed


def test_a_prompt_is_a_conversation_of_one_turn() -> None:
    found = generate(system="Be brief", images=[PNG], template="", context=[], suffix="", raw=False)
    assert found.messages == (
        Message(role=Role.SYSTEM, parts=(Text(text="Be brief"),)),
        Message(role=Role.USER, parts=(Image(source=Inline(media_type="image/png", data=PNG)), Text(text="Hi"))),
    )
    assert (found.completes, found.suffix, dict(found.knobs)) == (False, None, {})


def test_a_raw_prompt_and_one_with_a_suffix_are_gone_on_with() -> None:
    assert generate(raw=True).completes
    filled = generate(suffix="end")
    assert (filled.completes, filled.suffix) == (True, "end")


@pytest.mark.parametrize(
    ("dialect", "members", "param"),
    [
        (OLLAMA_CHAT, {}, "messages"),
        (OLLAMA_CHAT, {"messages": []}, "messages"),
        (OLLAMA_CHAT, {"messages": [{"role": "robot", "content": "Hi"}]}, "messages"),
        (OLLAMA_CHAT, {"messages": [{"role": "tool", "content": "Hi"}]}, "messages"),
        (OLLAMA_CHAT, {"messages": [{**HI, "images": ["bm90aGluZyBrbm93bg=="]}]}, "messages"),
        (OLLAMA_CHAT, {"messages": [{**HI, "images": ["data:image/png;base64,iVBORw0KGgo="]}]}, "messages"),
        (OLLAMA_CHAT, {"messages": [{"role": "user", "content": 3}]}, "messages"),
        (OLLAMA_CHAT, {"messages": [HI], "format": "yaml"}, "format"),
        (OLLAMA_CHAT, {"messages": [HI], "format": 3}, "format"),
        (OLLAMA_CHAT, {"messages": [HI], "think": "wildly"}, "think"),
        (OLLAMA_CHAT, {"messages": [HI], "think": 3}, "think"),
        (OLLAMA_CHAT, {"messages": [HI], "tools": [{"type": "web_search", "function": {"name": "x"}}]}, "tools"),
        (OLLAMA_CHAT, {"messages": [HI], "tools": [{"function": {}}]}, "tools"),
        (OLLAMA_CHAT, {"messages": [HI], "options": {"temperature": "hot"}}, "options"),
        (OLLAMA_CHAT, {"messages": [HI], "_debug_render_only": True}, "_debug_render_only"),
        (OLLAMA_GENERATE, {}, "prompt"),
        (OLLAMA_GENERATE, {"prompt": ""}, "prompt"),
        (OLLAMA_GENERATE, {"prompt": "Hi", "context": [1, 2]}, "context"),
        (OLLAMA_GENERATE, {"prompt": "Hi", "template": "{{ .Prompt }}"}, "template"),
        (OLLAMA_GENERATE, {"prompt": "Hi", "images": ["!"]}, "images"),
    ],
)  # fmt: skip
def test_what_cannot_be_carried_is_refused_by_name(dialect: Dialect, members: dict[str, Any], param: str) -> None:
    assert refused(dialect, **members).param == param


def test_a_form_is_the_neutral_one() -> None:
    assert chat(format="json").output == OutputForm(kind=OutputKind.JSON_OBJECT)
