"""Messages requests of clients, read into the neutral form."""

import base64
from typing import Any

import msgspec
import pytest

from tests.unit.dialects.anthropic_messages.wire import body
from tollway.dialects.anthropic_messages.parse_request import parse_request
from tollway.dialects.anthropic_messages.peek import peek
from tollway.errors import Refusal
from tollway.neutral.parts import (
    CacheMark,
    Citation,
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

HOUR = {"type": "ephemeral", "ttl": "1h"}


def parsed(**fields: Any) -> ChatRequest:
    sent = body(**fields)
    return parse_request(sent, peek(sent))


def content(*blocks: Any, role: str = "user") -> tuple[Any, ...]:
    return parsed(messages=[{"role": role, "content": list(blocks)}]).messages[0].parts


def plain(text: str) -> Inline:
    return Inline(media_type="text/plain", data=base64.b64encode(text.encode()).decode())


def test_a_plain_request_is_read() -> None:
    request = parsed(stream=True, system="Be terse.", stop_sequences=["END"], temperature=0.5, top_p=1, top_k=3)
    assert request == ChatRequest(
        model="m-1",
        messages=(
            Message(role=Role.SYSTEM, parts=(Text(text="Be terse."),)),
            Message(role=Role.USER, parts=(Text(text="hällo"),)),
        ),
        streamed=True,
        output_tokens_max=100,
        stop=("END",),
        temperature=0.5,
        top_p=1.0,
        top_k=3,
    )


def test_null_is_absent() -> None:
    names = ("system", "tools", "tool_choice", "thinking", "output_config", "metadata", "container", "speed", "stream")
    assert parsed(**dict.fromkeys(names)) == parsed()


def test_the_system_may_be_blocks_and_may_speak_between() -> None:
    request = parsed(
        system=[{"type": "text", "text": "a", "cache_control": HOUR}, {"type": "text", "text": "b"}],
        messages=[{"role": "system", "content": "c"}, {"role": "user", "content": "d"}],
    )
    assert request.messages[0].parts == (Text(text="a", cache=CacheMark.HOUR), Text(text="b"))
    assert request.messages[1] == Message(role=Role.SYSTEM, parts=(Text(text="c"),))


def test_every_block_is_read() -> None:
    image, data = (
        {"type": "base64", "media_type": "image/png", "data": "aGk="},
        Inline(media_type="image/png", data="aGk="),
    )
    citation = {
        "type": "char_location",
        "cited_text": "q",
        "document_index": 0,
        "start_char_index": 1,
        "end_char_index": 2,
    }
    assert content(
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}, "citations": [citation]},
        {"type": "image", "source": image, "cache_control": HOUR},
        {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "f1"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="},
            "title": "T",
        }
        | {"context": "C", "citations": {"enabled": True}, "cache_control": HOUR},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "wörds"}},
        {"type": "document", "source": {"type": "content", "content": "one"}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "two"}] * 2}},
    ) == (
        Text(
            text="a",
            cache=CacheMark.MINUTES,
            citations=(Citation(quoted="q", document=0, source_start=1, source_end=2),),
        ),
        Image(source=data, cache=CacheMark.HOUR),
        Image(source=Url(url="https://x.test/a.png")),
        Image(source=FileId(id="f1")),
        Document(
            source=Inline(media_type="application/pdf", data="aGk="),
            title="T",
            context="C",
            cited=True,
            cache=CacheMark.HOUR,
        ),
        Document(source=plain("wörds")),
        Document(source=plain("one")),
        Document(source=plain("two\n\ntwo")),
    )


def test_what_a_clients_own_search_found_is_text_or_a_document_to_be_cited() -> None:
    found = {"type": "search_result", "source": "kb/1", "title": "T", "content": [{"type": "text", "text": "a"}] * 2}
    assert content(found, {**found, "citations": {"enabled": True}}) == (
        Text(text="T\nkb/1\n\na\n\na"),
        Document(source=plain("a\n\na"), title="T", context="kb/1", cited=True),
    )


def test_thoughts_and_calls_of_the_assistant_are_read_with_their_seals() -> None:
    seal = Sealed(data="abc", issuer="p")
    assert content(
        {"type": "thinking", "thinking": "hm", "signature": marked(seal)},
        {"type": "thinking", "thinking": "hm", "signature": "foreign"},
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "redacted_thinking", "data": marked(Sealed(data="x.y", issuer="p", whole=True))},
        {"type": "redacted_thinking", "data": "foreign"},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1, 2.50]}, "caller": {"type": "direct"}},
        role="assistant",
    ) == (
        Reasoning(text="hm", sealed=seal),
        Reasoning(text="hm", sealed=Sealed(data="foreign")),
        Reasoning(text="hm"),
        Reasoning(sealed=Sealed(data="x.y", issuer="p", whole=True)),
        Reasoning(sealed=Sealed(data="foreign", whole=True)),
        ToolCall(id="t1", name="f", arguments='{"a":[1,2.5]}'),
    )


def test_results_of_tools_are_turns_of_their_own_and_come_first() -> None:
    blocks = [
        {"type": "text", "text": "and"},
        {"type": "tool_result", "tool_use_id": "t1", "content": "ok", "cache_control": HOUR},
        {"type": "tool_result", "tool_use_id": "t2", "is_error": True},
        {"type": "tool_result", "tool_use_id": "t3", "content": None},
        {"type": "tool_result", "tool_use_id": "t4", "content": [{"type": "text", "text": "a"}]},
    ]
    messages = parsed(messages=[{"role": "user", "content": blocks}, {"role": "user", "content": blocks[1:2]}]).messages
    assert messages[0] == Message(
        role=Role.TOOL,
        parts=(
            ToolResult(call_id="t1", parts=(Text(text="ok"),), cache=CacheMark.HOUR),
            ToolResult(call_id="t2", parts=(), failed=True),
            ToolResult(call_id="t3", parts=()),
            ToolResult(call_id="t4", parts=(Text(text="a"),)),
        ),
    )
    assert messages[1] == Message(role=Role.USER, parts=(Text(text="and"),))
    assert messages[2].role is Role.TOOL
    assert len(messages) == 3


def test_tools_and_their_choice_are_read() -> None:
    request = parsed(
        tools=[
            {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True, "cache_control": HOUR}
            | {"input_examples": [{}]},
            {"type": "custom", "name": "g"},
        ],
        tool_choice={"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    )
    assert request.tools == (
        Tool(
            name="f", description="d", parameters=msgspec.Raw(b'{"type": "object"}'), strict=True, cache=CacheMark.HOUR
        ),
        Tool(name="g"),
    )
    assert request.tool_choice == ToolChoice(use=ToolUse.NAMED, name="f")
    assert request.parallel_tool_calls is False
    assert dict(request.knobs) == {"input_examples": msgspec.Raw(b"[{}]")}


@pytest.mark.parametrize(("word", "use"), [("auto", ToolUse.AUTO), ("any", ToolUse.REQUIRED), ("none", ToolUse.NONE)])
def test_every_choice_of_tools_has_its_meaning(word: str, use: ToolUse) -> None:
    request = parsed(tool_choice={"type": word, "name": "ignored", "disable_parallel_tool_use": False})
    assert request.tool_choice == ToolChoice(use=use)
    assert request.parallel_tool_calls is True


@pytest.mark.parametrize(
    ("fields", "wish"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, ReasoningWish(budget_tokens=2048)),
        ({"thinking": {"type": "disabled"}}, ReasoningWish(budget_tokens=0)),
        ({"thinking": {"type": "adaptive"}}, ReasoningWish(budget_tokens=-1)),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "xhigh"}},
            ReasoningWish(effort=Effort.XHIGH, shown=False),
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "summarized"}},
            ReasoningWish(budget_tokens=2048, shown=True),
        ),
        ({"output_config": {"effort": "low"}}, ReasoningWish(effort=Effort.LOW)),
        ({"output_config": {}}, None),
    ],
)
def test_every_wish_to_think_is_read(fields: dict[str, Any], wish: ReasoningWish | None) -> None:
    assert parsed(**fields).reasoning == wish


def test_a_new_way_of_thinking_is_a_knob() -> None:
    request = parsed(thinking={"type": "between_tools"}, output_config={"effort": "low"})
    assert request.reasoning == ReasoningWish(effort=Effort.LOW)
    assert list(request.knobs) == ["thinking"]


@pytest.mark.parametrize("place", ["output_format", "output_config"])
def test_a_schema_for_the_answer_is_a_contract(place: str) -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    request = parsed(**{place: form if place == "output_format" else {"format": form}})
    assert request.output == OutputForm(kind=OutputKind.JSON_SCHEMA, schema=msgspec.Raw(b'{"type": "object"}'))


@pytest.mark.parametrize(("word", "tier"), [("auto", "auto"), ("standard_only", "default"), ("turbo", "turbo")])
def test_the_rest_that_has_a_place_is_read(word: str, tier: str) -> None:
    request = parsed(metadata={"user_id": "u1"}, service_tier=word, speed="fast", context_management={"edits": []})
    assert (request.end_user, request.service_tier) == ("u1", tier)
    assert sorted(request.knobs) == ["context_management", "speed"]


def test_a_mark_of_the_request_is_a_mark_of_its_last_part() -> None:
    assert parsed(cache_control=HOUR).messages[-1].parts == (Text(text="hällo", cache=CacheMark.HOUR),)
    thoughts = [{"type": "redacted_thinking", "data": "x"}]
    for messages in ([{"role": "assistant", "content": thoughts}], [{"role": "user", "content": []}]):
        assert parsed(cache_control=HOUR, messages=messages) == parsed(messages=messages)


def user(*blocks: Any) -> list[Any]:
    return [{"role": "user", "content": list(blocks)}]


def assistant(*blocks: Any) -> list[Any]:
    return [{"role": "assistant", "content": list(blocks)}]


IMAGE = {"type": "image", "source": {"type": "url", "url": "https://x.test"}}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("container", "c1"),
        ("mcp_servers", [{}]),
        ("inference_geo", "us"),
        ("tools", [{"type": "web_search_20260318", "name": "web_search"}]),
        ("tools", [{"input_schema": {}}]),
        ("tools", [5]),
        ("tool_choice", {"type": "some"}),
        ("tool_choice", {"type": "tool"}),
        ("tool_choice", "auto"),
        ("thinking", {"type": "enabled"}),
        ("thinking", {"type": "enabled", "budget_tokens": 0}),
        ("thinking", True),
        ("output_config", {"effort": "immense"}),
        ("output_config", {"format": {"type": "grammar", "schema": {}}}),
        ("output_config", {"format": {"type": "json_schema"}}),
        ("stop_sequences", "END"),
        ("temperature", "hot"),
        ("metadata", {"user_id": 5}),
        ("cache_control", {"type": "ephemeral", "ttl": "2h"}),
        ("system", 5),
        ("system", [IMAGE]),
        ("messages", [{"role": "tool", "content": "a"}]),
        ("messages", [{"content": "a"}]),
        ("messages", user({"type": "text"})),
        ("messages", user({"type": "server_tool_use", "id": "x"})),
        ("messages", user({"type": "tool_use", "id": "x", "name": "f", "input": {}})),
        ("messages", user({"type": "thinking", "thinking": "hm"})),
        ("messages", [{"role": "system", "content": [{"type": "tool_result", "tool_use_id": "t"}]}]),
        ("messages", assistant({"type": "tool_result", "tool_use_id": "t"})),
        ("messages", assistant({"type": "tool_use", "id": "x", "name": "f", "input": "{}"})),
        ("messages", assistant({"type": "tool_use", "id": "", "name": "f", "input": {}})),
        ("messages", user({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_reference"}]})),
        ("messages", user({"type": "image", "source": {"type": "base64", "data": "x"}})),
        ("messages", user({"type": "image", "source": {"type": "magic"}})),
        ("messages", user({"type": "document", "source": {"type": "content", "content": [IMAGE]}})),
    ],
)
def test_what_cannot_be_understood_or_carried_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(Refusal) as caught:
        parsed(**{field: value})
    assert (caught.value.code, caught.value.param) == ("invalid_request", field)
    assert field in caught.value.message or "output_config" in caught.value.message
