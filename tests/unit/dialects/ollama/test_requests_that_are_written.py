"""A neutral request for an Ollama server."""

from typing import Any

import pytest
from msgspec import Raw

from tests.unit.dialects.ollama.shared import EDITS, HI, JPEG, PNG, parsed, rendered, request
from tollway.dialects.ollama import OLLAMA_CHAT, OLLAMA_GENERATE
from tollway.dialects.record import Dialect, RequestEdits
from tollway.errors import Refusal
from tollway.neutral.parts import (
    Audio,
    CacheMark,
    Declined,
    Document,
    FileId,
    Image,
    Inline,
    Part,
    Reasoning,
    Sealed,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from tollway.neutral.request import (
    ChatRequest,
    Effort,
    Message,
    OutputForm,
    OutputKind,
    ReasoningWish,
    Role,
    Tool,
    ToolChoice,
    ToolUse,
)

SCHEMA = Raw(b'{"type":"object"}')
CALL = ToolCall(id="c-1", name="look", arguments='{"at": "it"}')
CAT = Image(source=Inline(media_type="image/png", data=PNG))
DOG = Image(source=Inline(media_type="image/jpeg", data=JPEG), detail="low", cache=CacheMark.HOUR)


def user(*parts: Part, name: str | None = None) -> Message:
    return Message(role=Role.USER, parts=parts, name=name)


def assistant(*parts: Part) -> Message:
    return Message(role=Role.ASSISTANT, parts=parts)


def refused(dialect: Dialect, asked: ChatRequest) -> str | None:
    with pytest.raises(Refusal) as caught:
        rendered(dialect, asked)
    assert caught.value.code == "invalid_request"
    return caught.value.param


def test_the_least_request_says_whether_to_stream() -> None:
    found, dropped = rendered(OLLAMA_CHAT, request())
    assert found == {"model": "routed", "messages": [{"role": "user", "content": "Hi"}], "stream": False}
    assert dropped == ()
    found, _ = rendered(OLLAMA_CHAT, request(), RequestEdits(model_routed="routed", streamed=True))
    assert found["stream"] is True


def test_a_conversation_with_tools() -> None:
    messages = (
        Message(role=Role.SYSTEM, parts=(Text(text="Be brief"),)),
        user(Text(text="What?"), name="ann"),
        assistant(Reasoning(text="hm"), Text(text="Let "), Text(text="me"), CALL, Declined(text="!")),
        Message(role=Role.TOOL, parts=(ToolResult(call_id="c-1", parts=(Text(text="a"), CAT, Text(text="b"))),)),
    )
    tools = (Tool(name="look", description="Looks", parameters=SCHEMA, strict=True), Tool(name="go"))
    found, dropped = rendered(OLLAMA_CHAT, request(messages=messages, tools=tools))
    assert found["messages"] == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "What?"},
        {
            "role": "assistant",
            "content": "Let me!",
            "thinking": "hm",
            "tool_calls": [
                {"id": "c-1", "type": "function", "function": {"index": 0, "name": "look", "arguments": {"at": "it"}}}
            ],
        },
        {"role": "tool", "content": "a\n\nb", "tool_call_id": "c-1", "tool_name": "look", "images": [PNG]},
    ]
    assert found["tools"] == [
        {"type": "function", "function": {"name": "look", "description": "Looks", "parameters": {"type": "object"}}},
        {"type": "function", "function": {"name": "go", "parameters": {"type": "object", "properties": {}}}},
    ]
    assert dropped == ("name", "strict")


def test_pictures_stand_before_the_text_that_follows_them() -> None:
    found, dropped = rendered(OLLAMA_CHAT, request(messages=(user(Text(text="a"), CAT, DOG, Text(text="b"), CAT),)))
    assert found["messages"] == [
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b", "images": [PNG, JPEG]},
        {"role": "user", "content": "", "images": [PNG]},
    ]
    assert dropped == ("detail", "cache_control")


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [("", {}), (" ", {}), ("[1]", {"_unparsed": "[1]"}), ('{"a', {"_unparsed": '{"a'}), ('{\n"a":\n1}', {"a": 1})],
)
def test_arguments_that_are_no_object_are_carried_in_one(arguments: str, shown: object) -> None:
    call = ToolCall(id="c-1", name="look", arguments=arguments)
    found, _ = rendered(OLLAMA_CHAT, request(messages=(*HI, assistant(call))))
    assert found["messages"][1]["tool_calls"][0]["function"]["arguments"] == shown


def test_marks_and_seals_are_named_when_they_are_left_out() -> None:
    marked = CacheMark.MINUTES
    sealed = Sealed(data="s", issuer="x")
    messages = (
        user(Text(text="a", cache=marked)),
        assistant(Reasoning(text="hm", sealed=sealed), CAT, ToolCall(id="c", name="n", arguments="{}", cache=marked)),
        Message(role=Role.TOOL, parts=(ToolResult(call_id="other", parts=(), failed=True, cache=marked),)),
        assistant(Reasoning(sealed=Sealed(data="s", whole=True))),
    )
    found, dropped = rendered(OLLAMA_CHAT, request(messages=messages))
    assert dropped == ("cache_control", "sealed reasoning", "is_error")
    assert found["messages"][1]["thinking"] == "hm"
    assert found["messages"][1]["images"] == [PNG]
    assert found["messages"][2] == {"role": "tool", "content": "", "tool_call_id": "other"}
    assert found["messages"][3] == {"role": "assistant", "content": ""}


@pytest.mark.parametrize(
    ("wish", "options", "think", "dropped"),
    [
        (ReasoningWish(effort=Effort.NONE), {}, False, ()),
        (ReasoningWish(budget_tokens=0), {}, False, ()),
        (ReasoningWish(budget_tokens=-1), {}, True, ()),
        (ReasoningWish(effort=Effort.MINIMAL), {}, "low", ()),
        (ReasoningWish(budget_tokens=8_192), {}, "medium", ()),
        (ReasoningWish(effort=Effort.MAX), {}, "high", ()),
        (ReasoningWish(effort=Effort.HIGH), {"think": "switch"}, True, ("reasoning",)),
        (ReasoningWish(shown=True), {}, None, ()),
    ],
)
def test_how_much_to_think(wish: ReasoningWish, options: dict[str, str], think: object, dropped: object) -> None:
    edits = RequestEdits(model_routed="routed", options=options)
    found, left_out = rendered(OLLAMA_CHAT, request(reasoning=wish), edits)
    assert found.get("think") == think
    assert left_out == dropped


def test_tuning_stands_in_the_options_and_what_has_no_word_is_named() -> None:
    asked = request(
        temperature=0.5, top_p=0.9, top_k=3, min_p=0.1, seed=7, frequency_penalty=0.1, presence_penalty=0.2, stop=("x",),
        logprobs=True, top_logprobs=2, logit_bias={"1": 1.0}, end_user="ann", parallel_tool_calls=False,
        service_tier="flex", verbosity="low", cache_key="k", knobs={"metadata": Raw(b"{}")}, output_tokens_max=9,
    )  # fmt: skip
    found, dropped = rendered(OLLAMA_CHAT, asked, RequestEdits(model_routed="routed", output_tokens_max=5))
    assert found["options"] == {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 3,
        "min_p": 0.1,
        "seed": 7,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "stop": ["x"],
        "num_predict": 5,
    }
    assert (found["logprobs"], found["top_logprobs"]) == (True, 2)
    expected = {"parallel_tool_calls", "logit_bias", "end_user", "verbosity", "service_tier", "cache_key", "metadata"}
    assert set(dropped) == expected


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (OutputForm(kind=OutputKind.TEXT), None),
        (OutputForm(kind=OutputKind.JSON_OBJECT), "json"),
        (OutputForm(kind=OutputKind.JSON_SCHEMA, schema=SCHEMA, name="n", strict=True), {"type": "object"}),
    ],
)
def test_the_form_of_the_output(output: OutputForm, shown: object) -> None:
    assert rendered(OLLAMA_CHAT, request(output=output))[0].get("format") == shown


def test_no_tools_are_offered_where_none_may_be_used() -> None:
    tools = (Tool(name="look"),)
    found, _ = rendered(OLLAMA_CHAT, request(tools=tools, tool_choice=ToolChoice(use=ToolUse.NONE)))
    assert "tools" not in found
    found, _ = rendered(OLLAMA_CHAT, request(tools=tools, tool_choice=ToolChoice(use=ToolUse.AUTO)))
    assert "tools" in found


AUDIO = Audio(source=Inline(media_type="audio/wav", data="UklGRg=="))
PDF = Document(source=Inline(media_type="application/pdf", data="JVBERg=="))


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": (user(AUDIO),)}, "messages"),
        ({"messages": (user(PDF),)}, "messages"),
        ({"messages": (user(Image(source=Url(url="https://x.example/a.png"))),)}, "messages"),
        ({"messages": (user(Image(source=FileId(id="f"))),)}, "messages"),
        ({"choices": 2}, "n"),
        ({"audio": Raw(b"{}")}, "audio"),
        ({"suffix": "end"}, "suffix"),
        ({"tools": (Tool(name="x", custom=True),)}, "tools"),
        ({"tool_choice": ToolChoice(use=ToolUse.REQUIRED)}, "tool_choice"),
        ({"tool_choice": ToolChoice(use=ToolUse.NAMED, name="x")}, "tool_choice"),
        ({"tool_choice": ToolChoice(use=ToolUse.NONE), "messages": (*HI, assistant(CALL))}, "tool_choice"),
    ],
)
def test_what_has_no_place_is_refused_by_name(members: dict[str, Any], param: str) -> None:
    assert refused(OLLAMA_CHAT, request(**members)) == param


def test_a_prompt_with_its_system_and_pictures() -> None:
    system = tuple(Message(role=Role.SYSTEM, parts=(Text(text=text),)) for text in ("Be brief", "", "Be kind"))
    messages = (*system[:1], user(CAT, Text(text="Hi"), name="ann"), *system[1:])
    found, dropped = rendered(OLLAMA_GENERATE, request(messages=messages, completes=True))
    assert found == {
        "model": "routed",
        "system": "Be brief\n\nBe kind",
        "prompt": "Hi",
        "images": [PNG],
        "stream": False,
    }
    assert dropped == ("name",)


def test_a_prompt_to_be_gone_on_with_is_raw_unless_a_template_must_fill_a_gap() -> None:
    assert rendered(OLLAMA_GENERATE, request(completes=True))[0]["raw"] is True
    found, _ = rendered(OLLAMA_GENERATE, request(completes=True, suffix="end"))
    assert (found["suffix"], found.get("raw")) == ("end", None)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": (*HI, *HI)}, "messages"),
        ({"messages": (assistant(Text(text="x")),)}, "messages"),
        ({"messages": (Message(role=Role.SYSTEM, parts=(CAT,)), *HI)}, "messages"),
        ({"tools": (Tool(name="x"),)}, "tools"),
    ],
)
def test_a_prompt_is_no_conversation(members: dict[str, Any], param: str) -> None:
    assert refused(OLLAMA_GENERATE, request(**members)) == param


def test_what_was_written_is_read_as_the_same() -> None:
    messages = (
        Message(role=Role.SYSTEM, parts=(Text(text="Be brief"),)),
        user(CAT, Text(text="What?")),
        assistant(Reasoning(text="hm"), Text(text="x"), CALL, ToolCall(id="c-2", name="go", arguments="oops")),
        Message(role=Role.TOOL, parts=(ToolResult(call_id="c-2", name="go", parts=(Text(text="b"),)),)),
        Message(role=Role.TOOL, parts=(ToolResult(call_id="c-1", name="look", parts=(Text(text="a"),)),)),
    )
    asked = request(messages=messages, temperature=0.5, stop=("x",), output_tokens_max=3)
    made = OLLAMA_CHAT.chat and OLLAMA_CHAT.chat.render_request
    assert made
    read = parsed(OLLAMA_CHAT, made(asked, EDITS).body)
    call = read.messages[2].parts[2]
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"at":"it"}'
    assert read.messages[:2] == messages[:2]
    assert read.messages[2].parts[3] == messages[2].parts[3]
    assert read.messages[3:] == (messages[4], messages[3])  # in the order of their calls
    assert (read.temperature, read.stop, read.output_tokens_max) == (0.5, ("x",), 3)
