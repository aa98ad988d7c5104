"""Requests as Cohere takes them: what is carried, what is dropped and named, and what is refused."""

import json
from base64 import b64encode
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from tollway.dialects.cohere_chat import COHERE_CHAT
from tollway.dialects.cohere_chat.render_request import render_request
from tollway.dialects.record import RequestEdits
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
    Video,
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

EDITS = RequestEdits(model_routed="command-a-03-2025", issuer="cohere")
HELLO = Message(role=Role.USER, parts=(Text(text="Hello"),))
SCHEMA = Raw(b'{"type":"object"}')
WEATHER = Tool(name="weather", description="The weather", parameters=SCHEMA)
TIME = Tool(name="time")
CALL = ToolCall(id="call_1", name="weather", arguments='{"a": 1}')


def asked(*messages: Message, **more: Any) -> ChatRequest:
    return ChatRequest(model="command", messages=messages or (HELLO,), **more)


def user(*parts: Part) -> Message:
    return Message(role=Role.USER, parts=parts)


def assistant(*parts: Part) -> Message:
    return Message(role=Role.ASSISTANT, parts=parts)


def tool(*parts: Part) -> Message:
    return Message(role=Role.TOOL, parts=parts)


def rendered(
    request: ChatRequest, edits: RequestEdits = EDITS, **options: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    written = render_request(request, replace(edits, options=options))
    return json.loads(written.body), written.dropped


def messages(*given: Message) -> list[dict[str, Any]]:
    return rendered(asked(*given))[0]["messages"]


def refusal(request: ChatRequest) -> Refusal:
    with pytest.raises(Refusal) as caught:
        render_request(request, EDITS)
    assert caught.value.code == "invalid_request"
    return caught.value


def text_file(text: bytes, media_type: str = "text/plain") -> Inline:
    return Inline(media_type=media_type, data=b64encode(text).decode())


@pytest.mark.parametrize("streamed", [True, False])
def test_a_question_is_asked(streamed: bool) -> None:
    assert rendered(asked(), replace(EDITS, streamed=streamed)) == (
        {"model": "command-a-03-2025", "stream": streamed, "messages": [{"role": "user", "content": "Hello"}]},
        (),
    )


def test_no_client_speaks_it() -> None:
    with pytest.raises(NotImplementedError):
        COHERE_CHAT.render_error(Refusal("not_found", "no"))
    assert COHERE_CHAT.path == "/v2/chat"


def test_messages_keep_their_places_and_roles() -> None:
    conversation = (
        Message(role=Role.SYSTEM, parts=(Text(text="Be brief."),)),
        Message(role=Role.USER, parts=(Text(text="a"), Text(text=""), Text(text="b")), name="Ann"),
        assistant(Text(text="Hi"), Declined(text="No.")),
        Message(role=Role.SYSTEM, parts=(Text(text="Be briefer."),)),
        user(Text(text="c", cache=CacheMark.MINUTES)),
        assistant(),
    )
    body, dropped = rendered(asked(*conversation))
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "No."}]},
        {"role": "system", "content": "Be briefer."},
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": ""},
    ]
    assert dropped == ("name", "cache_control")


def test_calls_and_results_are_written() -> None:
    written = messages(
        HELLO,
        assistant(Text(text="Let me see."), CALL, replace(CALL, id="call_2", arguments="")),
        tool(
            ToolResult(call_id="call_1", parts=(Text(text="15°C"),)),
            ToolResult(call_id="call_2", parts=(Text(text="a"), Document(source=text_file(b"b"), title="B"))),
        ),
        assistant(CALL),
        user(ToolResult(call_id="call_1", parts=()), Text(text="Well?")),
        user(ToolResult(call_id="call_1", parts=())),
    )
    calls = [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"a": 1}'}},
        {"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
    ]
    assert written[1:] == [
        {"role": "assistant", "content": "Let me see.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "call_1", "content": "15°C"},
        {
            "role": "tool",
            "tool_call_id": "call_2",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "document", "document": {"id": "call_2:1", "data": {"text": "b", "title": "B"}}},
            ],
        },
        {"role": "assistant", "tool_calls": calls[:1]},
        {"role": "tool", "tool_call_id": "call_1", "content": ""},
        {"role": "user", "content": "Well?"},
        {"role": "tool", "tool_call_id": "call_1", "content": ""},
    ]


def test_that_a_tool_failed_has_no_place_and_is_named() -> None:
    result = ToolResult(call_id="call_1", parts=(Text(text="no", cache=CacheMark.HOUR),), failed=True)
    assert rendered(asked(HELLO, assistant(replace(CALL, cache=CacheMark.HOUR)), tool(result)))[1] == (
        "cache_control",
        "is_error",
    )


@pytest.mark.parametrize(
    ("way", "calls", "more"),
    [
        ("", (CALL,), {}),
        ("tool_plan", (CALL,), {"tool_plan": "I will look."}),
        ("tool_plan", (), {}),
        ("thinking", (CALL,), {"content": [{"type": "thinking", "thinking": "I will look."}]}),
    ],
)
def test_former_thoughts_go_where_the_profile_says(way: str, calls: tuple[Part, ...], more: dict[str, Any]) -> None:
    thoughts = (Reasoning(text="I will "), Reasoning(text="look.", sealed=Sealed(data="SIG", issuer="other")))
    body, dropped = rendered(asked(HELLO, assistant(*thoughts, *calls)), reasoning_history=way)
    written = body["messages"][1]
    assert {name: written[name] for name in more} == more
    assert ("tool_plan" in written) is ("tool_plan" in more)
    assert dropped == ("sealed reasoning",)


def test_thoughts_in_a_users_message_say_nothing() -> None:
    assert messages(user(Reasoning(text="Hm."), Text(text="Hi"))) == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("image", "url"),
    [
        (Image(source=Inline(media_type="image/png", data="QQ==")), {"url": "data:image/png;base64,QQ=="}),
        (
            Image(source=Url(url="https://a.example/a.png"), detail="low", cache=CacheMark.HOUR),
            {"url": "https://a.example/a.png", "detail": "low"},
        ),
    ],
)
def test_pictures_go_inline_or_by_their_address(image: Image, url: dict[str, str]) -> None:
    assert messages(user(image, Text(text="What is it?"))) == [
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": url}, {"type": "text", "text": "What is it?"}],
        }
    ]


def test_documents_stand_beside_the_messages() -> None:
    body, dropped = rendered(
        asked(
            user(
                Document(source=text_file("é".encode()), title="T", context="C", cache=CacheMark.HOUR),
                Document(source=text_file(b"{}", "application/json; charset=utf-8")),
                Text(text="Which?"),
            )
        )
    )
    assert body["documents"] == [
        {"id": "doc:0", "data": {"text": "é", "title": "T", "context": "C"}},
        {"id": "doc:1", "data": {"text": "{}"}},
    ]
    assert body["messages"] == [{"role": "user", "content": "Which?"}]
    assert dropped == ("cache_control",)


@pytest.mark.parametrize(
    "part",
    [
        Document(source=Inline(media_type="application/pdf", data="QQ==")),
        Document(source=Url(url="https://a.example/a.txt", media_type="text/plain")),
        Document(source=Inline(media_type="text/plain", data="?")),
        Document(source=text_file(b"\xff")),
        Image(source=FileId(id="file_1")),
        Audio(source=Inline(media_type="audio/wav", data="QQ==")),
        Video(source=Inline(media_type="video/mp4", data="QQ==")),
        CALL,
        ToolResult(call_id="c", parts=(Image(source=Inline(media_type="image/png", data="QQ==")),)),
    ],
)
def test_content_without_a_place_is_refused(part: Part) -> None:
    assert refusal(asked(user(part))).param == "messages"


def test_a_call_whose_input_is_plain_text_is_refused() -> None:
    assert refusal(asked(HELLO, assistant(replace(CALL, custom=True)))).param == "messages"


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"choices": 2}, "n"),
        ({"suffix": "x"}, "suffix"),
        ({"audio": Raw(b"{}")}, "audio"),
        ({"tools": (Tool(name="free", custom=True),)}, "tools"),
        ({"tool_choice": ToolChoice(use=ToolUse.REQUIRED)}, "tool_choice"),
        ({"tools": (TIME,), "tool_choice": ToolChoice(use=ToolUse.NAMED, name="weather")}, "tool_choice"),
    ],
)
def test_contracts_without_a_place_are_refused(more: dict[str, Any], param: str) -> None:
    assert refusal(asked(**more)).param == param


@pytest.mark.parametrize(
    ("choice", "names", "word"),
    [
        (None, ["weather", "time"], None),
        (ToolChoice(use=ToolUse.AUTO), ["weather", "time"], None),
        (ToolChoice(use=ToolUse.NONE), ["weather", "time"], "NONE"),
        (ToolChoice(use=ToolUse.REQUIRED), ["weather", "time"], "REQUIRED"),
        (ToolChoice(use=ToolUse.NAMED, name="time"), ["time"], "REQUIRED"),
    ],
)
def test_the_choice_of_tools_is_carried(choice: ToolChoice | None, names: list[str], word: str | None) -> None:
    body, _ = rendered(asked(tools=(WEATHER, TIME), tool_choice=choice))
    assert [tool["function"]["name"] for tool in body["tools"]] == names
    assert body.get("tool_choice") == word


def test_tools_are_written_with_their_schemas() -> None:
    body, dropped = rendered(asked(tools=(WEATHER, replace(TIME, cache=CacheMark.HOUR))))
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "weather", "parameters": {"type": "object"}, "description": "The weather"},
        },
        {"type": "function", "function": {"name": "time", "parameters": {"type": "object", "properties": {}}}},
    ]
    assert dropped == ("cache_control",)
    assert "tools" not in rendered(asked(tool_choice=ToolChoice(use=ToolUse.NONE)))[0]


def test_strictness_holds_for_all_tools_or_is_named() -> None:
    strict = replace(WEATHER, strict=True)
    assert rendered(asked(tools=(strict, strict)))[0]["strict_tools"] is True
    body, dropped = rendered(asked(tools=(strict, TIME)))
    assert "strict_tools" not in body
    assert dropped == ("strict",)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (OutputForm(kind=OutputKind.TEXT), None),
        (OutputForm(kind=OutputKind.JSON_OBJECT), {"type": "json_object"}),
        (
            OutputForm(kind=OutputKind.JSON_SCHEMA, schema=SCHEMA, name="a"),
            {"type": "json_object", "json_schema": {"type": "object"}},
        ),
    ],
)
def test_the_form_of_the_answer_is_carried(output: OutputForm, expected: object) -> None:
    assert rendered(asked(output=output))[0].get("response_format") == expected


@pytest.mark.parametrize(
    ("wish", "expected", "dropped"),
    [
        (ReasoningWish(effort=Effort.NONE), {"type": "disabled"}, ()),
        (ReasoningWish(budget_tokens=-1), {"type": "enabled"}, ()),
        (ReasoningWish(budget_tokens=500), {"type": "enabled", "token_budget": 500}, ()),
        (ReasoningWish(effort=Effort.LOW), {"type": "enabled", "token_budget": 1_024}, ()),
        (ReasoningWish(shown=True), None, ("reasoning",)),
    ],
)
def test_the_wish_to_think_is_carried(wish: ReasoningWish, expected: object, dropped: tuple[str, ...]) -> None:
    body, named = rendered(asked(reasoning=wish))
    assert (body.get("thinking"), named) == (expected, dropped)


def test_tuning_is_carried_or_named() -> None:
    body, dropped = rendered(
        asked(
            temperature=0.5,
            top_p=0.9,
            top_k=5,
            min_p=0.1,
            seed=1,
            frequency_penalty=0.1,
            presence_penalty=0.2,
            logprobs=True,
            top_logprobs=3,
            stop=("END",),
            output_tokens_max=100,
            knobs={"store": Raw(b"true")},
        ),
        replace(EDITS, output_tokens_max=50, unsupported=frozenset(("seed",))),
    )
    expected = {
        "temperature": 0.5,
        "p": 0.9,
        "k": 5,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "logprobs": True,
        "stop_sequences": ["END"],
        "max_tokens": 50,
    }
    assert {name: body[name] for name in expected} == expected
    assert dropped == ("min_p", "top_logprobs", "store", "seed")
