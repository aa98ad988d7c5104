"""Requests of a Responses client read into the neutral form, and requests of anybody written for a Responses provider."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from tests.unit.dialects.openai_responses.samples import parsed, rendered
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.dialects.openai_responses.sealing import packed, unpacked
from tollway.dialects.record import RequestEdits
from tollway.errors import Refusal
from tollway.neutral.parts import (
    Audio,
    CacheMark,
    Citation,
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
from tollway.neutral.seals import marked

SEALED = Sealed(data=packed("rs_1", "secret"), issuer="home", whole=False)
PDF = Inline(media_type="application/pdf", data="AAAA")


def turn(role: Role, *parts: Part) -> Message:
    return Message(role=role, parts=parts)


def refusal_of(**fields: Any) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        parsed(**fields)
    assert refusal.value.code == "invalid_request"
    return refusal.value


def ask(*messages: Message, **fields: Any) -> ChatRequest:
    return ChatRequest(model="m", messages=messages or (turn(Role.USER, Text(text="Hi")),), **fields)


def test_a_string_is_what_the_user_says_and_instructions_come_first() -> None:
    request = parsed(input="Hi", instructions="Be kind", stream=True)
    assert request.messages == (turn(Role.SYSTEM, Text(text="Be kind")), turn(Role.USER, Text(text="Hi")))
    assert request.streamed


def test_every_item_has_its_place() -> None:
    items = [
        {"role": "developer", "content": "Be kind"},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "look", "prompt_cache_breakpoint": {"mode": "explicit"}},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
                {"type": "input_image", "image_url": "https://x/y.png"},
                {"type": "input_image", "file_id": "file-1"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
                {"type": "input_file", "filename": "a.TXT", "file_data": "QUFB"},
                {"type": "input_file", "file_url": "https://x/y.pdf"},
                {"type": "input_file", "file_id": "file-2"},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
                {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "flac"}},
            ],
        },
        {"type": "reasoning", "id": "rs_1", "summary": [{"text": "a"}, {"text": "b"}], "encrypted_content": "secret"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "words"},
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "x"}]},
        {
            "role": "assistant",
            "content": [
                {
                    "type": "output_text",
                    "text": "said",
                    "annotations": [
                        {"type": "url_citation", "url": "https://x", "title": "X", "start_index": 0, "end_index": 4},
                        {"type": "file_citation", "file_id": "file-3"},
                    ],
                },
                {"type": "refusal", "refusal": "no"},
            ],
        },
        {"role": "user"},
    ]
    assert parsed(input=items).messages == (
        turn(Role.SYSTEM, Text(text="Be kind")),
        turn(
            Role.USER,
            Text(text="look", cache=CacheMark.MINUTES),
            Image(source=Inline(media_type="image/png", data="AAAA"), detail="low"),
            Image(source=Url(url="https://x/y.png")),
            Image(source=FileId(id="file-1")),
            Document(source=PDF, title="a.pdf"),
            Document(source=Inline(media_type="text/plain", data="QUFB"), title="a.TXT"),
            Document(source=Url(url="https://x/y.pdf")),
            Document(source=FileId(id="file-2")),
            Audio(source=Inline(media_type="audio/mpeg", data="AAAA")),
            Audio(source=Inline(media_type="audio/flac", data="AAAA")),
        ),
        turn(
            Role.ASSISTANT,
            Reasoning(text="a\n\nb", sealed=Sealed(data="4:rs_1secret")),
            ToolCall(id="c1", name="f", arguments="{}"),
            ToolCall(id="c2", name="g", arguments="words", custom=True),
        ),
        turn(
            Role.TOOL,
            ToolResult(call_id="c1", parts=(Text(text="sunny"),)),
            ToolResult(call_id="c2", parts=(Text(text="x"),)),
        ),
        turn(
            Role.ASSISTANT,
            Text(text="said", citations=(Citation(url="https://x", title="X", answer_start=0, answer_end=4),)),
            Declined(text="no"),
        ),
        turn(Role.USER),
    )


def test_seals_with_a_mark_go_back_to_their_issuer_as_it_wrote_them() -> None:
    theirs = Sealed(data="signature", issuer="elsewhere", whole=False)
    items = [{"type": "reasoning", "id": "rs_9", "summary": [{"text": "a"}], "encrypted_content": marked(theirs)}]
    assert parsed(input=items).messages[0].parts == (Reasoning(text="a", sealed=theirs),)
    bare = [{"type": "reasoning", "summary": [], "encrypted_content": "secret"}, {"type": "reasoning"}]
    assert parsed(input=bare).messages[0].parts == (
        Reasoning(sealed=Sealed(data="0:secret", whole=True)),
        Reasoning(),
    )


@given(item_id=st.none() | st.text(min_size=1, max_size=50), encrypted=st.text())
def test_an_item_and_what_is_encrypted_are_one_text_and_two_again(item_id: str | None, encrypted: str) -> None:
    assert unpacked(packed(item_id, encrypted)) == (item_id, encrypted)


@pytest.mark.parametrize("data", ["", "secret", ":x", "x:y", "²:y", "9999:y"])
def test_what_was_never_packed_is_all_encrypted(data: str) -> None:
    assert unpacked(data) == (None, data)


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "item_reference", "id": "msg_1"}, "input[0]"),
        ({"type": "web_search_call", "id": "ws_1"}, "input[0]"),
        ({"role": "owner", "content": "x"}, "input[0]"),
        ({"role": "user", "content": 5}, "input"),
        ({"type": "function_call", "name": "f"}, "input[0]"),
        ({"type": "custom_tool_call", "call_id": "c"}, "input[0]"),
        ({"type": "function_call_output", "call_id": "c"}, "input[0]"),
        ({"type": 5}, "input"),
        ({"role": "user", "content": [{"type": "computer_screenshot"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_image"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_image", "image_url": "data:,x"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_file"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_text", "text": 5}]}, "input[0]"),
    ],
)
def test_what_nobody_else_could_read_is_refused_where_it_stands(item: dict[str, Any], param: str) -> None:
    assert refusal_of(input=[item]).param == param


def test_tuning_and_contracts_have_their_places() -> None:
    request = parsed(
        max_output_tokens=9,
        temperature=0.5,
        top_p=0.25,
        parallel_tool_calls=False,
        top_logprobs=2,
        safety_identifier="them",
        service_tier="flex",
        prompt_cache_key="key",
        text={"format": {"type": "json_schema", "name": "n", "schema": {"a": 1}, "strict": True}, "verbosity": "low"},
        reasoning={"effort": "high", "summary": "auto"},
        include=["reasoning.encrypted_content"],
        store=False,
        truncation="disabled",
    )
    assert (request.output_tokens_max, request.temperature, request.top_p) == (9, 0.5, 0.25)
    assert (request.parallel_tool_calls, request.logprobs, request.top_logprobs) == (False, True, 2)
    assert (request.end_user, request.service_tier, request.cache_key) == ("them", "flex", "key")
    assert request.output is not None
    assert (request.output.kind, request.output.name, request.output.strict) == (OutputKind.JSON_SCHEMA, "n", True)
    assert request.verbosity == "low"
    assert request.reasoning == ReasoningWish(effort=Effort.HIGH, shown=True)
    assert request.knobs == {}


def test_plain_wishes_say_no_more_than_they_say() -> None:
    assert parsed(text={"verbosity": "low"}).output is None
    assert parsed(text={"format": {"type": "text"}}).output == OutputForm(kind=OutputKind.TEXT)
    assert parsed(reasoning={}).reasoning == ReasoningWish()
    assert parsed(reasoning={"generate_summary": "detailed"}).reasoning == ReasoningWish(shown=True)
    assert parsed(include=["message.output_text.logprobs"]).logprobs is True
    assert parsed(user="me").end_user == "me"


def test_what_has_no_place_is_kept_by_name() -> None:
    request = parsed(
        store=True,
        truncation="auto",
        metadata={"a": "b"},
        max_tool_calls=3,
        seed=5,
        user="me",
        safety_identifier="them",
        include=["web_search_call.results"],
        reasoning={"context": "all"},
        text={"tone": "x"},
        tools=[{"type": "function", "name": "f", "defer_loading": True}],
        temperature=None,
    )
    assert sorted(request.knobs) == [
        "include web_search_call.results",
        "max_tool_calls",
        "metadata",
        "reasoning.context",
        "seed",
        "store",
        "text.tone",
        "tools.defer_loading",
        "truncation",
        "user",
    ]
    assert rendered(request)[1] == tuple(request.knobs)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"tools": [{"type": "web_search"}]}, "tools[0]"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tool_choice": "some"}, "tool_choice"),
        ({"tool_choice": {"type": "mcp"}}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice"),
        ({"tool_choice": {"type": "allowed_tools", "mode": "any"}}, "tool_choice"),
        ({"text": {"format": {"type": "xml"}}}, "text"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text"),
        ({"reasoning": {"effort": "huge"}}, "reasoning"),
        ({"temperature": "hot"}, "temperature"),
    ],
)
def test_what_only_its_provider_could_do_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    assert refusal_of(**fields).param == param


def test_tools_and_the_choice_among_them_are_read() -> None:
    tools = [
        {"type": "function", "name": "f", "description": "d", "parameters": {"a": 1}, "strict": True},
        {"type": "function", "name": "g", "parameters": None},
        {"type": "custom", "name": "h", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
        {"type": "custom", "name": "i", "format": {"type": "text"}},
    ]
    found = parsed(tools=tools).tools
    assert [(tool.name, tool.description, tool.strict, tool.custom) for tool in found] == [
        ("f", "d", True, False),
        ("g", None, None, False),
        ("h", None, None, True),
        ("i", None, None, True),
    ]
    assert found[0].parameters is not None
    assert bytes(found[0].parameters) == b'{"a": 1}'
    assert found[1].parameters is None
    assert found[2].grammar is not None
    assert json.loads(bytes(found[2].grammar)) == {"syntax": "lark", "definition": "x"}
    assert parsed(tools=tools, tool_choice="required").tool_choice == ToolChoice(use=ToolUse.REQUIRED)
    named = ToolChoice(use=ToolUse.NAMED, name="h")
    assert parsed(tools=tools, tool_choice={"type": "custom", "name": "h"}).tool_choice == named
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]}
    request = parsed(tools=tools, tool_choice=allowed)
    assert request.tool_choice == ToolChoice(use=ToolUse.AUTO)
    assert [tool.name for tool in request.tools] == ["g"]


def test_a_grammar_reaches_chat_completions() -> None:
    grammar = {"type": "grammar", "syntax": "lark", "definition": "x"}
    request = parsed(tools=[{"type": "custom", "name": "h", "format": grammar}])
    chat = OPENAI_CHAT.chat
    assert chat is not None
    assert chat.render_request is not None
    found = json.loads(chat.render_request(request, RequestEdits(model_routed="m")).body)
    expected = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}
    assert found["tools"] == [{"type": "custom", "custom": {"name": "h", "format": expected}}]


def test_a_request_is_written_without_storing_anything() -> None:
    found, dropped = rendered(
        ask(
            turn(Role.SYSTEM, Text(text="Be kind")),
            turn(Role.SYSTEM, Text(text="Be brief")),
            turn(Role.USER, Text(text="Hi")),
        ),
        streamed=True,
    )
    assert found == {
        "model": "routed",
        "instructions": "Be kind\n\nBe brief",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
        "store": False,
        "stream": True,
    }
    assert dropped == ()


def test_system_messages_that_are_more_than_first_words_stay_where_they_are() -> None:
    later = ask(turn(Role.USER, Text(text="a")), turn(Role.SYSTEM, Text(text="b")))
    assert [item["role"] for item in rendered(later)[0]["input"]] == ["user", "system"]
    alone = rendered(ask(turn(Role.SYSTEM, Text(text="b"))))[0]
    assert "instructions" not in alone
    assert alone["input"][0]["role"] == "system"
    seen = ask(turn(Role.SYSTEM, Image(source=Url(url="u"))), turn(Role.USER, Text(text="a")))
    assert rendered(seen)[0]["input"][0]["content"][0]["type"] == "input_image"


def test_every_part_has_its_item() -> None:
    found, dropped = rendered(
        ask(
            turn(
                Role.USER,
                Image(source=Inline(media_type="image/png", data="AAAA"), detail="low"),
                Image(source=Url(url="https://x"), cache=CacheMark.HOUR),
                Document(source=PDF, context="read it", cited=True),
                Document(source=Inline(media_type="x/y", data="AAAA"), title="a.y"),
                Document(source=Inline(media_type="x/y", data="AAAA")),
                Document(source=Url(url="https://y")),
                Audio(source=Inline(media_type="audio/mp3", data="AAAA")),
            ),
            Message(role=Role.USER, parts=(Text(text="x"),), name="Ann"),
            turn(
                Role.ASSISTANT,
                Reasoning(text="left out"),
                Reasoning(text="kept", sealed=SEALED),
                Text(text="a", citations=(Citation(url="https://x"), Citation(document=0))),
                Declined(text="b"),
                ToolCall(id="c1", name="f", arguments="{}"),
                Text(text="c"),
                ToolCall(id="c2", name="g", arguments="words", custom=True),
                Reasoning(sealed=Sealed(data="bare", issuer="home", whole=True)),
                Reasoning(sealed=Sealed(data="secret", issuer="elsewhere")),
            ),
            turn(
                Role.TOOL,
                ToolResult(call_id="c1", parts=(Text(text="x"),), failed=True),
                ToolResult(call_id="c2", parts=(Text(text="x", cache=CacheMark.MINUTES), Image(source=Url(url="u")))),
                ToolResult(call_id="c3", parts=()),
            ),
        )
    )
    items = found["input"]
    assert items[0]["content"] == [
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
        {"type": "input_image", "image_url": "https://x", "detail": "auto"},
        {"type": "input_text", "text": "read it"},
        {"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,AAAA"},
        {"type": "input_file", "filename": "a.y", "file_data": "data:x/y;base64,AAAA"},
        {"type": "input_file", "filename": "document", "file_data": "data:x/y;base64,AAAA"},
        {"type": "input_file", "file_url": "https://y"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
    ]
    cited = [{"type": "url_citation", "url": "https://x", "title": "", "start_index": 0, "end_index": 1}]
    said = [{"type": "output_text", "text": "a", "annotations": cited}, {"type": "refusal", "refusal": "b"}]
    assert items[2:] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "kept"}],
            "encrypted_content": "secret",
        },
        {"type": "message", "role": "assistant", "content": said},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "c", "annotations": []}],
        },
        {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "words"},
        {"type": "reasoning", "summary": [], "encrypted_content": "bare"},
        {"type": "function_call_output", "call_id": "c1", "output": "x"},
        {
            "type": "custom_tool_call_output",
            "call_id": "c2",
            "output": [
                {"type": "input_text", "text": "x"},
                {"type": "input_image", "image_url": "u", "detail": "auto"},
            ],
        },
        {"type": "function_call_output", "call_id": "c3", "output": ""},
    ]
    assert dropped == ("cache_control", "citations", "name", "sealed reasoning", "is_error")


@pytest.mark.parametrize(
    "message",
    [
        turn(Role.USER, Video(source=Url(url="u"))),
        turn(Role.USER, Image(source=FileId(id="f"))),
        turn(Role.USER, Audio(source=Url(url="u"))),
        turn(Role.USER, Audio(source=Inline(media_type="audio/ogg", data="A"))),
        turn(Role.ASSISTANT, Image(source=Url(url="u"))),
    ],
)
def test_content_without_a_place_is_refused(message: Message) -> None:
    with pytest.raises(Refusal) as refusal:
        rendered(ask(message))
    assert refusal.value.param == "messages"


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"stop": ("x",)}, "stop"), ({"choices": 2}, "n"), ({"suffix": "x"}, "suffix"), ({"audio": Raw(b"{}")}, "audio")],
)
def test_contracts_without_a_place_are_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as refusal:
        rendered(ask(**fields))
    assert refusal.value.param == param


def test_tuning_is_carried_or_dropped_by_name() -> None:
    found, dropped = rendered(
        ask(
            temperature=0.5,
            top_p=0.25,
            top_k=5,
            seed=1,
            logprobs=True,
            top_logprobs=2,
            end_user="me",
            verbosity="low",
            service_tier="flex",
            cache_key="key",
            parallel_tool_calls=True,
            output_tokens_max=50,
            knobs={"mirostat": Raw(b"1")},
        ),
        output_tokens_max=40,
        unsupported=frozenset({"user"}),
        renames={"prompt_cache_key": "cache"},
    )
    del found["input"], found["model"], found["store"]
    assert found == {
        "temperature": 0.5,
        "top_p": 0.25,
        "top_logprobs": 2,
        "text": {"verbosity": "low"},
        "service_tier": "flex",
        "cache": "key",
        "parallel_tool_calls": True,
        "max_output_tokens": 40,
        "include": ["message.output_text.logprobs"],
    }
    assert dropped == ("top_k", "seed", "mirostat", "user")


def test_reasoning_is_asked_for_with_what_brings_it_back() -> None:
    sealed = ["reasoning.encrypted_content"]
    for wish, expected, include in [
        (ReasoningWish(effort=Effort.HIGH, shown=True), {"effort": "high", "summary": "auto"}, sealed),
        (ReasoningWish(budget_tokens=8000), {"effort": "medium"}, sealed),
        (ReasoningWish(effort=Effort.NONE), {"effort": "none"}, None),
        (ReasoningWish(), None, sealed),
    ]:
        found = rendered(ask(reasoning=wish))[0]
        assert (found.get("reasoning"), found.get("include")) == (expected, include)
    assert rendered(ask(), options={"reasoning": "sealed"})[0]["include"] == sealed
    assert "include" not in rendered(ask())[0]


NOTHING = {"type": "object", "properties": {}}


def test_tools_and_forms_are_written() -> None:
    tools = (
        Tool(
            name="f",
            description="d",
            parameters=Raw(b'{"type":"object","properties":{}}'),
            strict=True,
            cache=CacheMark.MINUTES,
        ),
        Tool(name="g"),
        Tool(name="h", custom=True, grammar=Raw(b'{"syntax":"lark","definition":"x"}')),
        Tool(name="i", custom=True),
    )
    found, dropped = rendered(ask(tools=tools, tool_choice=ToolChoice(use=ToolUse.NAMED, name="h")))
    assert found["tools"] == [
        {"type": "function", "name": "f", "description": "d", "parameters": NOTHING, "strict": True},
        {"type": "function", "name": "g", "parameters": {"type": "object", "properties": {}}, "strict": False},
        {"type": "custom", "name": "h", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
        {"type": "custom", "name": "i"},
    ]
    assert found["tool_choice"] == {"type": "custom", "name": "h"}
    assert dropped == ("cache_control",)
    named = rendered(ask(tools=tools, tool_choice=ToolChoice(use=ToolUse.NAMED, name="f")))[0]
    assert named["tool_choice"] == {"type": "function", "name": "f"}
    none = ToolChoice(use=ToolUse.NONE)
    assert rendered(ask(tools=tools, tool_choice=none))[0]["tool_choice"] == "none"
    assert "tool_choice" not in rendered(ask(tool_choice=none))[0]
    form = OutputForm(kind=OutputKind.JSON_SCHEMA, schema=Raw(b"{}"), description="d", strict=False)
    expected = {"type": "json_schema", "name": "answer", "schema": {}, "description": "d", "strict": False}
    assert rendered(ask(output=form))[0]["text"] == {"format": expected}
    bare = OutputForm(kind=OutputKind.JSON_SCHEMA, schema=Raw(b"{}"), name="n")
    assert rendered(ask(output=bare))[0]["text"] == {"format": {"type": "json_schema", "name": "n", "schema": {}}}
    assert rendered(ask(output=OutputForm(kind=OutputKind.JSON_OBJECT)))[0]["text"] == {
        "format": {"type": "json_object"}
    }


TEXTS = st.text(max_size=5)
USER_PARTS = st.one_of(
    st.builds(Text, text=TEXTS),
    st.builds(Image, source=st.just(Url(url="https://x")), detail=st.sampled_from(["low", "high"])),
    st.just(Document(source=PDF, title="a.pdf")),
    st.just(Audio(source=Inline(media_type="audio/wav", data="AAAA"))),
)
MODEL_PARTS = st.one_of(
    st.builds(Text, text=TEXTS),
    st.builds(Declined, text=TEXTS),
    st.builds(
        ToolCall,
        id=st.sampled_from(["c1", "c2"]),
        name=st.just("f"),
        arguments=st.text(min_size=1, max_size=5),
        custom=st.booleans(),
    ),
    st.builds(Reasoning, text=st.text(min_size=1, max_size=5), sealed=st.just(SEALED)),
)
RESULTS = st.builds(
    ToolResult,
    call_id=st.sampled_from(["c1", "c2"]),
    parts=st.lists(USER_PARTS, min_size=1, max_size=2).map(tuple),
)
TURNS = st.one_of(
    st.builds(Message, role=st.just(Role.USER), parts=st.lists(USER_PARTS, min_size=1, max_size=3).map(tuple)),
    st.builds(Message, role=st.just(Role.ASSISTANT), parts=st.lists(MODEL_PARTS, min_size=1, max_size=4).map(tuple)),
    st.builds(Message, role=st.just(Role.TOOL), parts=st.lists(RESULTS, min_size=1, max_size=2).map(tuple)),
)


@given(turns=st.lists(TURNS, min_size=1, max_size=5))
def test_what_is_written_reads_the_same_again(turns: list[Message]) -> None:
    first = [turn(Role.USER, Text(text="start"))]
    for each in turns:
        if each.role is first[-1].role and each.role is not Role.USER:
            first[-1] = Message(role=each.role, parts=first[-1].parts + each.parts)
        else:
            first.append(each)
    fields = rendered(ask(*first))[0]
    found = parsed(input=fields["input"]).messages
    ours = [
        msgspec.structs.replace(part, sealed=Sealed(data=part.sealed.data))
        if isinstance(part, Reasoning) and part.sealed is not None
        else part
        for each in first
        for part in each.parts
    ]
    assert [part for each in found for part in each.parts] == ours
    assert [each.role for each in found] == [each.role for each in first]
