"""Requests of any dialect, written for a provider of Messages."""

import base64
import json
from typing import Any

import msgspec
import pytest

from tests.unit.dialects.anthropic_messages.wire import EDITS
from tollway.dialects.anthropic_messages.render_content import FAILED
from tollway.dialects.anthropic_messages.render_request import OPENING, render_request
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

PNG = Inline(media_type="image/png", data="aGk=")
HELLO = Message(role=Role.USER, parts=(Text(text="hi"),))
WEATHER = Tool(name="weather", description="d", parameters=msgspec.Raw(b'{"type":"object"}'))
CALL = ToolCall(id="t1", name="weather", arguments='{"a": 1}')
RESULT = Message(role=Role.TOOL, parts=(ToolResult(call_id="t1", parts=(Text(text="ok"),)),))


def rendered(
    *messages: Message, edits: dict[str, Any] | None = None, **fields: Any
) -> tuple[dict[str, Any], tuple[str, ...]]:
    request = ChatRequest(**{"model": "m-1", "messages": messages or (HELLO,), **fields})
    made = render_request(request, msgspec.structs.replace(EDITS, **(edits or {})))
    return json.loads(made.body), made.dropped


def said(*messages: Message) -> list[Any]:
    return rendered(*messages)[0]["messages"]


def user(*parts: Part) -> Message:
    return Message(role=Role.USER, parts=parts)


def assistant(*parts: Part) -> Message:
    return Message(role=Role.ASSISTANT, parts=parts)


def test_a_plain_request_is_written_with_the_limit_that_the_dialect_demands() -> None:
    assert rendered() == ({"model": "m-2", "max_tokens": 4096, "messages": [{"role": "user", "content": "hi"}]}, ())


def test_the_limit_is_the_clients_and_what_the_money_covers_at_most() -> None:
    assert rendered(output_tokens_max=9)[0]["max_tokens"] == 9
    assert rendered(output_tokens_max=9, edits={"output_tokens_max": 5})[0]["max_tokens"] == 5
    assert rendered(edits={"output_tokens_max": 5})[0]["max_tokens"] == 5


def test_what_tunes_and_has_a_word_is_written() -> None:
    found, dropped = rendered(
        stop=("END",), temperature=0.5, top_k=3, end_user="u1", service_tier="default", edits={"streamed": True}
    )
    assert dropped == ()
    assert found["stop_sequences"] == ["END"]
    assert (found["temperature"], found["top_k"], found["stream"]) == (0.5, 3, True)
    assert (found["metadata"], found["service_tier"]) == ({"user_id": "u1"}, "standard_only")


def test_what_tunes_and_has_no_word_is_dropped_and_named() -> None:
    found, dropped = rendered(
        seed=1, logprobs=True, temperature=1.5, top_p=0.9, service_tier="flex", knobs={"store": msgspec.Raw(b"true")}
    )
    assert dropped == ("seed", "logprobs", "temperature", "service_tier", "store")
    assert found["top_p"] == 0.9
    assert "temperature" not in found


def test_a_share_beside_a_temperature_is_dropped_and_named() -> None:
    found, dropped = rendered(temperature=0.5, top_p=0.9)
    assert "top_p" not in found
    assert dropped == ("top_p",)


def test_what_the_profile_does_not_know_is_left_out() -> None:
    found, dropped = rendered(top_k=3, edits={"unsupported": frozenset(("top_k",))})
    assert "top_k" not in found
    assert dropped == ("top_k",)


def test_messages_of_the_system_are_gathered_in_order() -> None:
    system = [Message(role=Role.SYSTEM, parts=(Text(text=word),)) for word in ("a", "b")]
    assert rendered(system[0], HELLO, system[1])[0]["system"] == "a\n\nb"
    kept = Message(role=Role.SYSTEM, parts=(Text(text="c", cache=CacheMark.HOUR),))
    assert rendered(system[0], kept, HELLO)[0]["system"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "c", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    ]


def test_a_system_that_speaks_alone_is_the_user() -> None:
    found, _ = rendered(Message(role=Role.SYSTEM, parts=(Text(text="a"),)))
    assert found["messages"] == [{"role": "user", "content": "a"}]
    assert "system" not in found


def test_turns_alternate_and_results_come_first() -> None:
    assert said(user(Text(text="a")), HELLO, assistant(Text(text="b")), assistant(CALL), HELLO, RESULT) == [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "hi"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "b"},
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "ok"}]},
                {"type": "text", "text": "hi"},
            ],
        },
    ]


def test_a_conversation_that_the_assistant_begins_gets_a_beginning() -> None:
    assert said(assistant(Text(text="a")), HELLO)[0] == {"role": "user", "content": OPENING}


def test_empty_texts_and_turns_are_left_out() -> None:
    assert said(user(Text(text=" \n"), Text(text="a")), assistant(Text(text="")), assistant()) == [
        {"role": "user", "content": "a"}
    ]
    with pytest.raises(Refusal, match="says something"):
        rendered(user(Text(text="")))


def test_every_part_has_its_block() -> None:
    paper = base64.b64encode("wörds".encode()).decode()
    found = said(
        user(
            Image(source=PNG, cache=CacheMark.MINUTES),
            Image(source=Url(url="https://x.test/a.png")),
            Document(source=Inline(media_type="application/pdf", data="aGk="), title="T", context="C", cited=True),
            Document(source=Inline(media_type="text/markdown", data=paper)),
            Document(source=Url(url="https://x.test/a.pdf")),
        ),
        assistant(
            Declined(text="no"),
            ToolCall(id="t2", name="f", arguments="[1]"),
            ToolCall(id="t3", name="f", arguments=" "),
        ),
        Message(
            role=Role.TOOL, parts=(ToolResult(call_id="t2", parts=(), failed=True), ToolResult(call_id="t3", parts=()))
        ),
    )
    assert found[0]["content"] == [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": "aGk="},
            "cache_control": {"type": "ephemeral"},
        },
        {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="},
            "title": "T",
            "context": "C",
            "citations": {"enabled": True},
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "wörds"}},
        {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}},
    ]
    assert found[1]["content"] == [
        {"type": "text", "text": "no"},
        {"type": "tool_use", "id": "t2", "name": "f", "input": {"_unparsed": "[1]"}},
        {"type": "tool_use", "id": "t3", "name": "f", "input": {}},
    ]
    assert found[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "t2", "is_error": True, "content": FAILED},
        {"type": "tool_result", "tool_use_id": "t3"},
    ]


def test_ids_that_the_api_would_refuse_are_written_as_others_for_call_and_result_alike() -> None:
    odd = [ToolCall(id=f"functions.weather:{number}", name="weather", arguments="{}") for number in (0, 1)]
    results = tuple(ToolResult(call_id=call.id, parts=(Text(text="ok"),)) for call in odd)
    found = said(HELLO, assistant(*odd), Message(role=Role.TOOL, parts=results))
    ids = [block["id"] for block in found[1]["content"]]
    assert ids == [block["tool_use_id"] for block in found[2]["content"]]
    assert len(set(ids)) == 2
    assert all(each.startswith("functionsweather") and each.replace("_", "").isalnum() for each in ids)


def test_a_schema_that_does_not_say_that_it_is_an_object_is_one() -> None:
    found, _ = rendered(tools=(Tool(name="f", parameters=msgspec.Raw(b'{"title":"F"}')),))
    assert found["tools"][0]["input_schema"] == {"type": "object", "title": "F"}


def test_seals_of_this_provider_go_back_and_others_are_left_out_and_named() -> None:
    found, dropped = rendered(
        HELLO,
        assistant(
            Reasoning(text="hm", sealed=Sealed(data="s", issuer="p")),
            Reasoning(sealed=Sealed(data="w", issuer="p", whole=True)),
            Reasoning(text="foreign", sealed=Sealed(data="s", issuer="q")),
            Reasoning(text="bare"),
            Text(text="a", citations=(Citation(url="https://x.test"),)),
        ),
        HELLO,
    )
    assert found["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "w"},
        {"type": "text", "text": "a"},
    ]
    assert dropped == ("sealed reasoning", "citations")


def test_names_and_details_are_dropped_and_named() -> None:
    _, dropped = rendered(Message(role=Role.USER, name="ann", parts=(Image(source=PNG, detail="low"), Text(text="a"))))
    assert sorted(dropped) == ["detail", "name"]


def test_tools_and_their_choice_are_written() -> None:
    found, _ = rendered(
        tools=(WEATHER, Tool(name="bare", strict=True, cache=CacheMark.HOUR)),
        tool_choice=ToolChoice(use=ToolUse.NAMED, name="weather"),
        parallel_tool_calls=False,
    )
    assert found["tools"] == [
        {"name": "weather", "description": "d", "input_schema": {"type": "object"}},
        {
            "name": "bare",
            "input_schema": {"type": "object", "properties": {}},
            "strict": True,
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        },
    ]
    assert found["tool_choice"] == {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"parallel_tool_calls": True}, None),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"tool_choice": ToolChoice(use=ToolUse.REQUIRED)}, {"type": "any"}),
        ({"tool_choice": ToolChoice(use=ToolUse.NONE), "parallel_tool_calls": False}, {"type": "none"}),
    ],
)
def test_a_choice_is_written_where_there_is_one(fields: dict[str, Any], expected: Any) -> None:
    assert rendered(tools=(WEATHER,), **fields)[0].get("tool_choice") == expected


def test_tools_that_were_called_and_are_gone_are_named_and_may_not_be_called() -> None:
    found, _ = rendered(HELLO, assistant(CALL), RESULT)
    assert found["tools"] == [{"name": "weather", "input_schema": {"type": "object", "properties": {}}}]
    assert found["tool_choice"] == {"type": "none"}
    assert "tools" not in rendered(tool_choice=ToolChoice(use=ToolUse.NONE))[0]


SCHEMA = OutputForm(kind=OutputKind.JSON_SCHEMA, schema=msgspec.Raw(b'{"type":"object"}'), name="n", strict=True)
FORMAT = {"type": "json_schema", "schema": {"type": "object"}}


def test_a_schema_stands_beside_the_effort() -> None:
    assert rendered(output=SCHEMA)[0]["output_config"] == {"format": FORMAT}
    found, _ = rendered(
        output=SCHEMA, reasoning=ReasoningWish(effort=Effort.MINIMAL), edits={"options": {"thinking": "adaptive"}}
    )
    assert found["output_config"] == {"effort": "low", "format": FORMAT}
    assert "output_config" not in rendered(output=OutputForm(kind=OutputKind.TEXT))[0]


@pytest.mark.parametrize(
    ("wish", "limit", "budget"),
    [
        (ReasoningWish(effort=Effort.HIGH), 64_000, 24_576),
        (ReasoningWish(budget_tokens=2000), 64_000, 2000),
        (ReasoningWish(budget_tokens=10), 64_000, 1024),
        (ReasoningWish(budget_tokens=-1), 64_000, 8192),
        (ReasoningWish(effort=Effort.MEDIUM), 4096, 3072),
        (ReasoningWish(effort=Effort.MEDIUM), 1366, 1025),
    ],
)
def test_a_budget_fits_below_the_limit_and_leaves_room_to_answer(wish: ReasoningWish, limit: int, budget: int) -> None:
    found, dropped = rendered(reasoning=wish, output_tokens_max=limit)
    assert (found["thinking"], found["max_tokens"]) == ({"type": "enabled", "budget_tokens": budget}, limit)
    assert dropped == ()


@pytest.mark.parametrize(
    ("fields", "messages"),
    [
        ({"output_tokens_max": 1364}, (HELLO,)),
        ({"tools": (WEATHER,), "tool_choice": ToolChoice(use=ToolUse.REQUIRED)}, (HELLO,)),
        ({}, (HELLO, assistant(Text(text="It is")))),
        ({}, (HELLO, assistant(CALL), RESULT)),
    ],
)
def test_where_the_model_may_not_think_the_wish_is_dropped_and_named(fields: dict[str, Any], messages: Any) -> None:
    found, dropped = rendered(*messages, reasoning=ReasoningWish(effort=Effort.HIGH), temperature=0.5, **fields)
    assert "thinking" not in found
    assert dropped == ("reasoning",)
    assert found["temperature"] == 0.5


def test_thinking_goes_on_between_tools_where_it_began() -> None:
    sealed = Reasoning(text="hm", sealed=Sealed(data="s", issuer="p"))
    wish = ReasoningWish(budget_tokens=2000)
    assert "thinking" in rendered(HELLO, assistant(sealed, CALL), RESULT, reasoning=wish)[0]
    assert "thinking" in rendered(HELLO, assistant(Text(text="a")), HELLO, reasoning=wish)[0]
    adaptive = {"options": {"thinking": "adaptive"}}
    assert "thinking" in rendered(HELLO, assistant(CALL), RESULT, reasoning=wish, edits=adaptive)[0]


def test_who_thinks_may_not_be_tuned_otherwise() -> None:
    found, dropped = rendered(reasoning=ReasoningWish(budget_tokens=2000), temperature=1, top_p=0.9, top_k=5)
    assert dropped == ("temperature", "top_p", "top_k")
    assert not {"temperature", "top_p", "top_k"} & found.keys()


@pytest.mark.parametrize(
    ("wish", "thinking", "effort"),
    [
        (ReasoningWish(effort=Effort.MAX), {"type": "adaptive", "display": "summarized"}, "max"),
        (ReasoningWish(effort=Effort.HIGH, shown=False), {"type": "adaptive", "display": "omitted"}, "high"),
        (ReasoningWish(budget_tokens=9000), {"type": "adaptive", "display": "summarized"}, "high"),
        (ReasoningWish(budget_tokens=-1), {"type": "adaptive", "display": "summarized"}, None),
        (ReasoningWish(effort=Effort.NONE), {"type": "disabled"}, None),
        (ReasoningWish(budget_tokens=0), {"type": "disabled"}, None),
        (ReasoningWish(shown=True), None, None),
    ],
)
def test_newer_models_get_a_word_for_the_effort(wish: ReasoningWish, thinking: Any, effort: str | None) -> None:
    found, _ = rendered(reasoning=wish, edits={"options": {"thinking": "adaptive"}})
    assert found.get("thinking") == thinking
    assert found.get("output_config", {}).get("effort") == effort


def test_thoughts_that_nobody_wants_to_read_are_not_shown() -> None:
    found, _ = rendered(reasoning=ReasoningWish(budget_tokens=2000, shown=False))
    assert found["thinking"]["display"] == "omitted"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"choices": 2}, "n"),
        ({"audio": msgspec.Raw(b"{}")}, "audio"),
        ({"suffix": "x"}, "suffix"),
        ({"output": OutputForm(kind=OutputKind.JSON_OBJECT)}, "response_format"),
        ({"tools": (Tool(name="f", custom=True),)}, "tools"),
        ({"tools": (Tool(name="f", parameters=msgspec.Raw(b"true")),)}, "tools"),
        ({"tool_choice": ToolChoice(use=ToolUse.REQUIRED)}, "tool_choice"),
        ({"messages": (Message(role=Role.SYSTEM, parts=(Image(source=PNG),)), HELLO)}, "messages"),
        ({"messages": (user(Audio(source=PNG)),)}, "messages"),
        ({"messages": (user(Video(source=PNG)),)}, "messages"),
        ({"messages": (user(Image(source=FileId(id="f"))),)}, "messages"),
        ({"messages": (user(Document(source=FileId(id="f"))),)}, "messages"),
        ({"messages": (user(Image(source=Inline(media_type="image/tiff", data=""))),)}, "messages"),
        ({"messages": (user(Document(source=Inline(media_type="application/zip", data=""))),)}, "messages"),
        ({"messages": (user(Document(source=Inline(media_type="text/plain", data="/w=="))),)}, "messages"),
        ({"messages": (user(Document(source=Inline(media_type="text/plain", data="a"))),)}, "messages"),
        ({"messages": (HELLO, assistant(ToolCall(id="t", name="f", arguments="x", custom=True)))}, "messages"),
    ],
)
def test_content_and_contracts_without_a_place_are_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        rendered(**fields)
    assert (caught.value.code, caught.value.param) == ("invalid_request", param)
