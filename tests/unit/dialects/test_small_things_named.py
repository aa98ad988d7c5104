"""What dialects forgot in silence, found by the properties over all pairs: each by its smallest example."""

import json
from unittest.mock import ANY

import msgspec
import pytest
from msgspec import Raw

from tests.dialect_matrix import MODEL, parsed, read_stream, read_whole, rendered, stream_of, whole_of
from tollway.neutral.answer import ChatAnswer, Choice, events_of
from tollway.neutral.events import StopReason
from tollway.neutral.parts import CacheMark, Citation, Part, Reasoning, Text, ToolCall, ToolResult
from tollway.neutral.reasoning import nearest
from tollway.neutral.request import (
    ChatRequest,
    Effort,
    Message,
    OutputForm,
    OutputKind,
    Role,
    Tool,
    in_order_of_calls,
)
from tollway.neutral.usage import Usage

HI = Message(role=Role.USER, parts=(Text(text="Hi"),))


def result(number: int) -> ToolResult:
    return ToolResult(call_id=f"call_{number}", name="add", parts=(Text(text=f"of {number}"),))


def called(*results: Message) -> tuple[Message, ...]:
    calls: tuple[Part, ...] = tuple(ToolCall(id=f"call_{number}", name="add", arguments="{}") for number in (1, 2))
    return (HI, Message(role=Role.ASSISTANT, parts=calls), *results)


@pytest.mark.parametrize(
    "results",
    [
        (Message(role=Role.TOOL, parts=(result(2), result(1))),),
        (Message(role=Role.TOOL, parts=(result(2),)), Message(role=Role.TOOL, parts=(result(1),))),
    ],
)
def test_results_of_calls_of_one_tool_come_in_the_order_of_the_calls_where_no_id_tells(
    results: tuple[Message, ...],
) -> None:
    asked = ChatRequest(model=MODEL, messages=called(*results), tools=(Tool(name="add"),))
    turn = json.loads(rendered("gemini", asked).body)["contents"][-1]["parts"]
    assert [each["functionResponse"]["response"]["output"] for each in turn] == ["of 1", "of 2"]
    told = [each for each in json.loads(rendered("ollama_chat", asked).body)["messages"] if each["role"] == "tool"]
    assert [each["content"] for each in told] == ["of 1", "of 2"]


def test_an_id_that_comes_again_means_the_last_call_before_its_result() -> None:
    calls = [ToolCall(id="call_0", name=name, arguments="{}") for name in ("add", "find")]
    results = [ToolResult(call_id="call_0", parts=(Text(text=text),)) for text in ("one", "two")]
    turns = [
        Message(role=role, parts=(part,))
        for pair in zip(calls, results, strict=True)
        for role, part in zip((Role.ASSISTANT, Role.TOOL), pair, strict=True)
    ]
    asked = ChatRequest(model=MODEL, messages=(HI, *turns), tools=(Tool(name="add"), Tool(name="find")))
    contents = json.loads(rendered("gemini", asked).body)["contents"]
    names = [
        each["parts"][0]["functionResponse"]["name"] for each in contents if "functionResponse" in each["parts"][0]
    ]
    assert names == ["add", "find"]


def test_the_order_of_calls_leaves_all_else_where_it_is() -> None:
    lost = msgspec.structs.replace(result(9), call_id="call_of_nobody")
    messages = (*called(Message(role=Role.TOOL, parts=(lost, result(2), result(1)))), HI)
    ordered = in_order_of_calls(messages)
    assert (ordered[:2], ordered[3:]) == (messages[:2], messages[3:])
    assert ordered[2].parts == (result(1), result(2), lost)  # what answers no call comes last
    assert in_order_of_calls((HI, HI)) == (HI, HI)


@pytest.mark.parametrize("client", ["openai_chat", "openai_responses", "anthropic_messages", "gemini", "ollama_chat"])
def test_arguments_that_a_model_wrote_on_several_lines_break_no_event(client: str) -> None:
    call = ToolCall(id="call_1", name="add", arguments='{\n  "a": [1,\r\n 2]\n}')
    asked = ChatRequest(model=MODEL, messages=(HI,), streamed=True)
    answer = ChatAnswer(choices=(Choice(parts=(call,), reason=StopReason.TOOL_CALLS),))
    read = read_stream(client, stream_of(client, events_of(answer), Usage(input=1, output=1), asked))
    assert (read.finished, read.failed) == (True, False)
    (found,) = read.answer.choices[0].parts
    assert isinstance(found, ToolCall)
    assert json.loads(found.arguments) == {"a": [1, 2]}


@pytest.mark.parametrize("provider", ["ollama_chat", "gemini", "cohere_chat", "openai_chat", "openai_responses"])
def test_a_cache_mark_on_a_tool_is_named(provider: str) -> None:
    asked = ChatRequest(model=MODEL, messages=(HI,), tools=(Tool(name="add", cache=CacheMark.HOUR),))
    assert rendered(provider, asked).dropped == ("cache_control",)


@pytest.mark.parametrize("provider", ["ollama_chat", "gemini", "cohere_chat", "anthropic_messages"])
def test_the_description_of_a_schema_is_named(provider: str) -> None:
    output = OutputForm(kind=OutputKind.JSON_SCHEMA, schema=Raw(b'{"type":"object"}'), description="What it is")
    asked = ChatRequest(model=MODEL, messages=(HI,), output=output)
    assert rendered(provider, asked).dropped == ("description",)


def test_what_only_says_the_default_is_not_named_as_dropped() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"}
    body = {
        "model": MODEL,
        "input": [{"role": "user", "content": [picture]}],
        "tools": [{"type": "function", "name": "add", "parameters": {"type": "object"}, "strict": False}],
    }
    asked = parsed("openai_responses", json.dumps(body).encode())
    assert rendered("gemini", asked).dropped == rendered("ollama_chat", asked).dropped == ()
    spoken = {
        "model": MODEL,
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": picture["image_url"], "detail": "auto"}}],
            }
        ],
        "tools": [{"type": "function", "function": {"name": "add", "strict": False}}],
    }
    assert rendered("anthropic_messages", parsed("openai_chat", json.dumps(spoken).encode())).dropped == ()


def test_a_message_that_says_nothing_stays_a_message() -> None:
    asked = ChatRequest(model=MODEL, messages=(Message(role=Role.USER, parts=()),))
    assert json.loads(rendered("ollama_chat", asked).body)["messages"] == [{"role": "user", "content": ""}]


CITED = (
    Text(text="Hello "),
    Text(text="sky is blue", citations=(Citation(url="https://example.com/a", answer_start=0, answer_end=3),)),
    Reasoning(text="Hm."),
    Text(text=" bye", citations=(Citation(url="https://example.com/b", answer_start=1, answer_end=4),)),
)


@pytest.mark.parametrize("client", ["openai_chat", "gemini"])
def test_places_of_citations_are_in_the_one_text_that_several_become(client: str) -> None:
    answer = ChatAnswer(choices=(Choice(parts=CITED, reason=StopReason.STOP),), usage=Usage(input=1, output=1))
    asked = ChatRequest(model=MODEL, messages=(HI,))
    whole = read_whole(client, whole_of(client, answer, asked))
    streamed = read_stream(client, stream_of(client, events_of(answer), Usage(input=1, output=1), asked)).answer
    for found in (whole, streamed):
        (choice,) = found.choices
        text = "".join(part.text for part in choice.parts if isinstance(part, Text))
        cited = [citation for part in choice.parts if isinstance(part, Text) for citation in part.citations]
        assert {(each.url, text[each.answer_start : each.answer_end]) for each in cited} == {
            ("https://example.com/a", "sky"),
            ("https://example.com/b", "bye"),
        }


def test_a_result_that_is_an_empty_object_is_said() -> None:
    empty = ToolResult(call_id="call_1", name="add", parts=(Text(text="{}"),))
    asked = ChatRequest(model=MODEL, messages=called(Message(role=Role.TOOL, parts=(empty, result(2)))))
    assert parsed("gemini", rendered("gemini", asked).body).messages[-1].parts[0] == msgspec.structs.replace(
        empty, call_id=ANY
    )


def test_to_think_a_little_is_not_turned_into_not_to_think() -> None:
    assert nearest(Effort.MINIMAL, (Effort.NONE, Effort.LOW)) is Effort.LOW
    assert nearest(Effort.NONE, (Effort.NONE, Effort.LOW)) is Effort.NONE
    assert nearest(Effort.LOW, (Effort.NONE,)) is Effort.NONE
    assert nearest(Effort.XHIGH, (Effort.HIGH, Effort.MAX)) is Effort.HIGH
