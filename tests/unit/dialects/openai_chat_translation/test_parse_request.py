"""A client's chat request in the neutral form: everything it asks, and a refusal by name of what has no place."""

import json
from typing import Any

import pytest

from tests.unit.dialects.openai_chat_translation.translator import HI, encoded, parse_request, parsed, parts_of
from tollway.dialects.openai_chat.peek import peek
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
    Reasoning,
    Sealed,
    Text,
    ToolCall,
    ToolResult,
    Url,
    Video,
)
from tollway.neutral.reasoning import UNBOUNDED
from tollway.neutral.request import (
    ChatRequest,
    Effort,
    OutputForm,
    OutputKind,
    ReasoningWish,
    Role,
    Tool,
    ToolChoice,
    ToolUse,
)

PNG = "data:image/png;base64,iVBO"
PDF = "data:application/pdf;base64,JVBE"


def refusal_of(**body: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        parsed(**body)
    assert caught.value.code == "invalid_request"
    return caught.value


def plain(raw: Any) -> object:
    return json.loads(bytes(raw))


def test_the_least_request_says_nothing_else() -> None:
    request = parsed()
    assert request == ChatRequest(model="m", messages=request.messages)
    assert request.messages[0].role is Role.USER
    assert request.messages[0].parts == (Text(text="hi"),)


def test_null_says_nothing() -> None:
    names = ("temperature", "tools", "tool_choice", "stop", "response_format", "reasoning_effort", "audio", "anything")
    request = parsed(**dict.fromkeys(names))
    assert request == ChatRequest(model="m", messages=request.messages)


def test_every_knob_that_the_neutral_form_knows() -> None:
    request = parsed(
        stream=True,
        stream_options={"include_usage": True},
        n=2,
        max_tokens=5,
        max_completion_tokens=9,
        stop="x",
        temperature=0.5,
        top_p=1,
        top_k=3,
        min_p=0.1,
        seed=4,
        frequency_penalty=0.2,
        presence_penalty=0.3,
        logit_bias={"5": -100},
        logprobs=True,
        top_logprobs=2,
        parallel_tool_calls=False,
        user="u",
        verbosity="low",
        service_tier="flex",
        prompt_cache_key="k",
    )
    assert request == ChatRequest(
        model="m",
        messages=request.messages,
        streamed=True,
        choices=2,
        output_tokens_max=9,
        stop=("x",),
        temperature=0.5,
        top_p=1.0,
        top_k=3,
        min_p=0.1,
        seed=4,
        frequency_penalty=0.2,
        presence_penalty=0.3,
        logit_bias={"5": -100.0},
        logprobs=True,
        top_logprobs=2,
        parallel_tool_calls=False,
        end_user="u",
        verbosity="low",
        service_tier="flex",
        cache_key="k",
    )


def test_several_stops_and_the_newer_word_for_the_user() -> None:
    assert parsed(stop=["a", "b"]).stop == ("a", "b")
    assert parsed(user="old", safety_identifier="new").end_user == "new"


def test_what_only_tunes_and_has_no_place_is_a_knob() -> None:
    request = parsed(metadata={"a": "b"}, store=True, prediction={"type": "content"}, unheard_of=[1])
    assert {name: plain(raw) for name, raw in request.knobs.items()} == {
        "metadata": {"a": "b"},
        "store": True,
        "prediction": {"type": "content"},
        "unheard_of": [1],
    }


def test_strange_members_of_messages_are_named_as_knobs() -> None:
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "a", "prefix": True, "x": None}]
    assert list(parsed(messages=messages).knobs) == ["messages.prefix"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("web_search_options", {}),
        ("guided_json", {}),
        ("structured_outputs", {}),
        ("plugins", [{"id": "web"}]),
        ("suffix", "x"),
    ],
)
def test_contracts_without_a_place_are_refused_by_name(name: str, value: object) -> None:
    refusal = refusal_of(**{name: value})
    assert refusal.param == name
    assert "leave it out" in refusal.message


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"temperature": "hot"}, "temperature"),
        ({"seed": 1.5}, "seed"),
        ({"logit_bias": {"a": "b"}}, "logit_bias[...]"),
        ({"stop": 5}, "stop"),
        ({"stop": [5]}, "stop[0]"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tools": [{"type": "custom"}]}, "tools[0]"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        (
            {"tools": [{"type": "custom", "custom": {"name": "t", "format": {"type": "grammar"}}}]},
            "tools[0].custom.format",
        ),
        ({"tool_choice": "sometimes"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice"),
        (
            {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "?", "tools": []}}},
            "tool_choice.allowed_tools.mode",
        ),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "n"}}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": None}}}, "response_format.json_schema"),
        ({"response_format": "json"}, "response_format"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"thinking": "yes"}, "thinking"),
        ({"modalities": ["text", "image"]}, "modalities"),
        ({"modalities": ["text", "audio"]}, "audio"),
        ({"messages": [{"content": "x"}]}, "messages[0]"),
        ({"messages": [{"role": "user", "content": "x"}, {"role": 5}]}, "messages[1].role"),
        ({"messages": [{"role": "wizard"}]}, "messages[0].role"),
        ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "messages[0].audio"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "messages[0].name"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]}, "messages[0].tool_calls[0]"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "", "function": {"name": "f"}}]}]},
            "messages[0].tool_calls[0]",
        ),
    ],
)
def test_what_is_wrong_is_refused_at_its_place(body: dict[str, object], param: str) -> None:
    assert refusal_of(**body).param == param


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "hologram"}, "messages[0].content[0].type"),
        ({"type": "text"}, "messages[0].content[0]"),
        ({"type": "refusal"}, "messages[0].content[0]"),
        ({"type": "thinking"}, "messages[0].content[0]"),
        ({"type": "image_url"}, "messages[0].content[0]"),
        ({"type": "video_url"}, "messages[0].content[0]"),
        ({"type": "input_audio"}, "messages[0].content[0]"),
        ({"type": "file"}, "messages[0].content[0]"),
        ({"type": "file", "file": {}}, "messages[0].content[0]"),
        ({"type": "document_url"}, "messages[0].content[0]"),
        ({"type": "file_url"}, "messages[0].content[0]"),
        ({"type": "image_url", "image_url": {"url": "data:image/png,raw"}}, "messages[0].content[0].image_url"),
        ({"type": "image_url", "image_url": {}}, "messages[0].content[0].image_url"),
    ],
)
def test_parts_that_cannot_be_understood_are_refused(part: object, param: str) -> None:
    assert refusal_of(messages=[{"role": "user", "content": [part]}]).param == param


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "text", "text": "a"}, Text(text="a")),
        ({"text": "a"}, Text(text="a")),
        (
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            Text(text="a", cache=CacheMark.MINUTES),
        ),
        (
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
            Text(text="a", cache=CacheMark.HOUR),
        ),
        ({"type": "refusal", "refusal": "no"}, Declined(text="no")),
        ({"type": "thinking", "thinking": "hm"}, Reasoning(text="hm")),
        ({"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"text": "m"}, {}]}, Reasoning(text="hm")),
        (
            {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
            Image(source=Inline(media_type="image/png", data="iVBO"), detail="low"),
        ),
        ({"type": "image_url", "image_url": "https://x/y.png"}, Image(source=Url(url="https://x/y.png"))),
        (
            {"type": "image_url", "image_url": {"url": "data:;base64,AA"}},
            Image(source=Inline(media_type="image/png", data="AA")),
        ),
        ({"type": "video_url", "video_url": {"url": "https://x/y.mp4"}}, Video(source=Url(url="https://x/y.mp4"))),
        (
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "mp3"}},
            Audio(source=Inline(media_type="audio/mpeg", data="AA")),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "data:audio/wav;base64,AA"}},
            Audio(source=Inline(media_type="audio/wav", data="AA")),
        ),
        (
            {"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}},
            Document(source=Inline(media_type="application/pdf", data="JVBE"), title="a.pdf"),
        ),
        (
            {"type": "file", "file": {"file_data": "JVBE"}},
            Document(source=Inline(media_type="application/pdf", data="JVBE")),
        ),
        ({"type": "file", "file": {"file_data": "https://x/y"}}, Document(source=Url(url="https://x/y"))),
        ({"type": "file", "file": {"file_data": PNG}}, Image(source=Inline(media_type="image/png", data="iVBO"))),
        ({"type": "file", "file": {"file_id": "f-1"}}, Document(source=FileId(id="f-1"))),
        (
            {"type": "document_url", "document_url": "https://x/y", "document_name": "n"},
            Document(source=Url(url="https://x/y"), title="n"),
        ),
        ({"type": "file_url", "file_url": {"url": "https://x/y"}}, Document(source=Url(url="https://x/y"))),
    ],
)
def test_every_part_has_its_place(part: object, expected: object) -> None:
    assert parts_of({"role": "user", "content": [part]}) == (expected,)


def test_roles_and_names() -> None:
    request = parsed(
        messages=[
            {"role": "system", "content": "s"},
            {"role": "developer", "content": "d"},
            {"role": "user", "content": "u", "name": "Ann"},
            {"role": "assistant", "content": None},
            {"role": "assistant", "content": ""},
        ]
    )
    assert [message.role for message in request.messages] == [
        Role.SYSTEM,
        Role.SYSTEM,
        Role.USER,
        Role.ASSISTANT,
        Role.ASSISTANT,
    ]
    assert request.messages[2].name == "Ann"
    assert request.messages[3].parts == request.messages[4].parts == ()


def test_a_mark_on_a_message_is_a_mark_on_its_text() -> None:
    mark = {"type": "ephemeral"}
    marked = Text(text="a", cache=CacheMark.MINUTES)
    assert parts_of({"role": "user", "content": "a", "cache_control": mark}) == (marked,)
    assert parts_of({"role": "tool", "tool_call_id": "c", "content": "a", "cache_control": mark}) == (
        ToolResult(call_id="c", parts=(marked,)),
    )
    parts = [{"type": "text", "text": "a"}]
    assert parts_of({"role": "tool", "tool_call_id": "c", "content": parts, "cache_control": mark}) == (
        ToolResult(call_id="c", parts=(Text(text="a"),), cache=CacheMark.MINUTES),
    )


def test_calls_and_results() -> None:
    calls = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "free"}},
        {"id": "c3", "function": {"name": "h", "arguments": {"a": 1}}},
        {"id": "c4", "function": {"name": "i"}},
        {"id": "c5", "type": "custom", "custom": {"name": "j"}},
    ]
    assert parts_of({"role": "assistant", "content": "x", "refusal": "no", "tool_calls": calls}) == (
        Text(text="x"),
        Declined(text="no"),
        ToolCall(id="c1", name="f", arguments='{"a": 1}'),
        ToolCall(id="c2", name="g", arguments="free", custom=True),
        ToolCall(id="c3", name="h", arguments='{"a":1}'),
        ToolCall(id="c4", name="i", arguments=""),
        ToolCall(id="c5", name="j", arguments="", custom=True),
    )
    content = [{"type": "text", "text": "r"}, {"type": "image_url", "image_url": {"url": PNG}}]
    assert parts_of({"role": "tool", "tool_call_id": "c1", "content": content, "name": "f"}) == (
        ToolResult(
            call_id="c1",
            parts=(Text(text="r"), Image(source=Inline(media_type="image/png", data="iVBO"))),
            name="f",
        ),
    )


def test_legacy_functions_get_ids_that_belong_together() -> None:
    request = parsed(
        messages=[
            *HI,
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "r"},
            {"role": "assistant", "function_call": {}},
        ],
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        function_call={"name": "f"},
    )
    assert request.messages[1].parts == (ToolCall(id="call_function_1", name="f", arguments="{}"),)
    assert request.messages[2].parts == (ToolResult(call_id="call_function_1", parts=(Text(text="r"),), name="f"),)
    assert request.messages[3].parts == (ToolCall(id="call_function_3", name="", arguments=""),)
    assert request.tools[0].name == "f"
    assert request.tool_choice == ToolChoice(use=ToolUse.NAMED, name="f")
    assert parsed(function_call="none").tool_choice == ToolChoice(use=ToolUse.NONE)


def test_tools() -> None:
    tools = parsed(
        tools=[
            {
                "type": "function",
                "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
                "cache_control": {"type": "ephemeral"},
            },
            {"type": "custom", "custom": {"name": "g", "format": {"type": "text"}}},
            {"type": "function", "function": {"name": "h", "parameters": None}},
            {"type": "custom", "custom": {"name": "i"}},
            {"type": "custom", "custom": {"name": "j", "format": {"type": "grammar", "grammar": {"syntax": "lark"}}}},
        ]
    ).tools
    assert plain(tools[4].grammar) == {"syntax": "lark"}
    assert plain(tools[0].parameters) == {"type": "object"}
    assert tools[0] == Tool(
        name="f", description="d", parameters=tools[0].parameters, strict=True, cache=CacheMark.MINUTES
    )
    assert tools[1:4] == (Tool(name="g", custom=True), Tool(name="h"), Tool(name="i", custom=True))


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", ToolChoice(use=ToolUse.AUTO)),
        ("none", ToolChoice(use=ToolUse.NONE)),
        ("required", ToolChoice(use=ToolUse.REQUIRED)),
        ("any", ToolChoice(use=ToolUse.REQUIRED)),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice(use=ToolUse.NAMED, name="f")),
        ({"type": "custom", "custom": {"name": "g"}}, ToolChoice(use=ToolUse.NAMED, name="g")),
    ],
)
def test_tool_choices(choice: object, expected: ToolChoice) -> None:
    assert parsed(tool_choice=choice).tool_choice == expected


def test_only_allowed_tools_are_left() -> None:
    request = parsed(
        tools=[{"function": {"name": "f"}}, {"function": {"name": "g"}}],
        tool_choice={
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": [{"function": {"name": "g"}}, {"type": "mcp"}]},
        },
    )
    assert request.tools == (Tool(name="g"),)
    assert request.tool_choice == ToolChoice(use=ToolUse.REQUIRED)


def test_forms_of_the_answer() -> None:
    assert parsed(response_format={"type": "text"}).output is None
    assert parsed(response_format={"type": "json_object"}).output == OutputForm(kind=OutputKind.JSON_OBJECT)
    schema = {"name": "n", "schema": {"type": "object"}, "strict": True, "description": "d"}
    output = parsed(response_format={"type": "json_schema", "json_schema": schema}).output
    assert output is not None
    assert plain(output.schema) == {"type": "object"}
    assert (output.name, output.strict, output.description) == ("n", True, "d")


@pytest.mark.parametrize(
    ("body", "wish"),
    [
        ({"reasoning_effort": "low"}, ReasoningWish(effort=Effort.LOW)),
        ({"reasoning": {"effort": "high"}}, ReasoningWish(effort=Effort.HIGH)),
        ({"reasoning": {"max_tokens": 2000, "exclude": True}}, ReasoningWish(budget_tokens=2000, shown=False)),
        ({"reasoning": {"enabled": True}}, ReasoningWish(budget_tokens=UNBOUNDED)),
        ({"reasoning": {"enabled": False}}, ReasoningWish(budget_tokens=0)),
        ({"reasoning": {"exclude": False}}, ReasoningWish(shown=True)),
        ({"reasoning": {}}, None),
        ({"thinking": {"type": "enabled", "budget_tokens": 5}}, ReasoningWish(budget_tokens=5)),
        ({"thinking": {"type": "disabled"}}, ReasoningWish(budget_tokens=0)),
        ({"thinking": {"type": "enabled"}, "reasoning_effort": "low"}, ReasoningWish(effort=Effort.LOW)),
        ({"enable_thinking": True}, ReasoningWish(budget_tokens=UNBOUNDED)),
        ({"enable_thinking": False, "thinking_budget": 5}, ReasoningWish(budget_tokens=0)),
        ({"enable_thinking": True, "thinking_budget": 5}, ReasoningWish(budget_tokens=5)),
        (
            {"thinking_budget": 5, "thinking": {"budget_tokens": 6}, "reasoning": {"max_tokens": 7}},
            ReasoningWish(budget_tokens=5),
        ),
        (
            {"enable_thinking": True, "reasoning": {"enabled": False}, "thinking": {"type": "disabled"}},
            ReasoningWish(budget_tokens=UNBOUNDED),
        ),
    ],
)
def test_wishes_to_think(body: dict[str, object], wish: ReasoningWish | None) -> None:
    assert parsed(**body).reasoning == wish


def test_an_answer_shall_be_spoken() -> None:
    request = parsed(modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"})
    assert plain(request.audio) == {"voice": "alloy", "format": "wav"}
    assert parsed(modalities=["text"], audio={"voice": "alloy"}).audio is None


def test_thoughts_come_back_with_their_seals() -> None:
    signed = {"type": "reasoning.text", "text": "hm", "signature": "tollway-seal~1.acme.sign.SIG"}
    of_call = {"type": "reasoning.encrypted", "data": "tollway-seal~1.acme.whole.ENC", "id": "c1"}
    foreign = {"type": "reasoning.encrypted", "data": "RAW", "id": "elsewhere"}
    summary = {"type": "reasoning.summary", "summary": "short"}
    empty = [{"type": "reasoning.encrypted"}, {"type": "reasoning.text"}]
    message = {
        "role": "assistant",
        "content": "x",
        "reasoning_content": "said twice",
        "reasoning_details": [signed, of_call, foreign, summary, *empty],
        "tool_calls": [{"id": "c1", "function": {"name": "f"}}],
    }
    assert parts_of(message) == (
        Reasoning(text="hm", sealed=Sealed(data="SIG", issuer="acme")),
        Reasoning(sealed=Sealed(data="RAW", whole=True)),
        Reasoning(text="short"),
        Text(text="x"),
        Reasoning(sealed=Sealed(data="ENC", issuer="acme", whole=True)),
        ToolCall(id="c1", name="f", arguments=""),
    )


def test_thoughts_without_details() -> None:
    assert parts_of({"role": "assistant", "reasoning": "hm"}) == (Reasoning(text="hm"),)
    assert parts_of({"role": "assistant", "reasoning_content": "hm"}) == (Reasoning(text="hm"),)


def test_a_signature_alone_belongs_to_the_thought_beside_it() -> None:
    signature = {"type": "reasoning.text", "signature": "SIG"}
    message = {"role": "assistant", "reasoning": "hm", "reasoning_details": [signature]}
    assert parts_of(message) == (Reasoning(text="hm", sealed=Sealed(data="SIG")),)
    twice = {"role": "assistant", "reasoning": "hm", "reasoning_details": [signature, signature]}
    sealed = Reasoning(sealed=Sealed(data="SIG"))
    assert parts_of(twice) == (Reasoning(text="hm"), sealed, sealed)


def test_citations_of_an_earlier_answer_stay_with_its_text() -> None:
    cited = {"url": "https://x", "title": "t", "start_index": 0, "end_index": 1}
    annotations = [{"type": "url_citation", "url_citation": cited}, {"type": "url_citation", **cited}]
    citation = Citation(url="https://x", title="t", answer_start=0, answer_end=1)
    assert parts_of({"role": "assistant", "content": "x", "annotations": annotations}) == (
        Text(text="x", citations=(citation, citation)),
    )
    two = [{"text": "a"}, {"text": "b"}]
    assert parts_of({"role": "assistant", "content": two, "annotations": annotations}) == (
        Text(text="a"),
        Text(text="b"),
    )


def test_what_is_nested_too_deeply_is_refused() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"logit_bias":%b1%b}' % (b'{"a":' * 950, b"}" * 950)
    facts = peek(encoded({"model": "m", "messages": HI}))
    with pytest.raises(Refusal):
        parse_request(body, facts)
    with pytest.raises(Refusal):
        parse_request(b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}', facts)


def test_a_body_without_messages_is_no_body() -> None:
    facts = peek(encoded({"model": "m", "messages": HI}))
    assert parse_request(b'{"model":"m"}', facts).messages == ()
