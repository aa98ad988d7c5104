"""A request of any client as a provider of chat completions gets it: all that it asks, and the names of what is left out."""

import base64
from typing import Any

import pytest
from msgspec import Raw

from tests.unit.dialects.openai_chat_translation.translator import asked, rendered, said, shown
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
from tollway.neutral.reasoning import UNBOUNDED
from tollway.neutral.request import (
    Effort,
    OutputForm,
    OutputKind,
    ReasoningWish,
    Role,
    Tool,
    ToolChoice,
    ToolUse,
)

PNG = Inline(media_type="image/png", data="iVBO")
PDF = Inline(media_type="application/pdf", data="JVBE")
HI = said(Role.USER, Text(text="hi"))


def one(part: Part, **edits: Any) -> Any:
    """A user's message of this part, beside a text."""
    messages, dropped = shown(said(Role.USER, Text(text="look"), part), **edits)
    assert dropped == ()
    return messages[0]["content"][1]


def refusal_of(*parts: Part, role: Role = Role.USER, **more: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        rendered(asked(said(role, *parts), **more))
    assert caught.value.code == "invalid_request"
    return caught.value


def test_the_least_request() -> None:
    body, dropped = rendered(asked(HI))
    assert body == {"model": "r", "messages": [{"role": "user", "content": "hi"}]}
    assert dropped == ()


def test_everything_that_tunes_passes() -> None:
    body, dropped = rendered(
        asked(
            HI,
            stop=("x",),
            choices=2,
            temperature=0.5,
            top_p=1.0,
            top_k=3,
            min_p=0.1,
            seed=4,
            frequency_penalty=0.2,
            presence_penalty=0.3,
            logit_bias={"5": -100},
            logprobs=True,
            top_logprobs=2,
            end_user="u",
            verbosity="low",
            service_tier="flex",
            cache_key="k",
            parallel_tool_calls=False,
            tools=(Tool(name="f"),),
        )
    )
    assert dropped == ()
    del body["messages"]
    assert body == {
        "model": "r",
        "stop": ["x"],
        "n": 2,
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "top_p": 1.0,
        "top_k": 3,
        "min_p": 0.1,
        "seed": 4,
        "frequency_penalty": 0.2,
        "presence_penalty": 0.3,
        "logit_bias": {"5": -100},
        "logprobs": True,
        "top_logprobs": 2,
        "user": "u",
        "verbosity": "low",
        "service_tier": "flex",
        "prompt_cache_key": "k",
    }


def test_knobs_are_dropped_by_name_once() -> None:
    request = asked(HI, knobs={"foo": Raw(b"1"), "seed": Raw(b"1")}, seed=4, parallel_tool_calls=True)
    body, dropped = rendered(request, unsupported=frozenset({"seed"}))
    assert "seed" not in body
    assert dropped == ("parallel_tool_calls", "foo", "seed")


def test_a_stream_and_its_usage() -> None:
    assert rendered(asked(HI), streamed=True)[0]["stream"] is True
    assert "stream_options" not in rendered(asked(HI), streamed=True)[0]
    body, _ = rendered(asked(HI), streamed=True, usage_wanted=True)
    assert body["stream_options"] == {"include_usage": True}
    assert "stream_options" not in rendered(asked(HI), usage_wanted=True)[0]


@pytest.mark.parametrize(("given", "most", "expected"), [(5, None, 5), (5, 3, 3), (3, 5, 3), (None, 4, 4)])
def test_the_lower_limit_holds(given: int | None, most: int | None, expected: int) -> None:
    request = asked(HI, output_tokens_max=given)
    assert rendered(request, output_tokens_max=most)[0]["max_tokens"] == expected
    body, _ = rendered(request, output_tokens_max=most, output_tokens_name="max_completion_tokens")
    assert body["max_completion_tokens"] == expected


def test_roles() -> None:
    messages, _ = shown(
        said(Role.SYSTEM, Text(text="s")), said(Role.USER, Text(text="u"), name="Ann"), said(Role.ASSISTANT)
    )
    assert messages == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "u", "name": "Ann"},
        {"role": "assistant", "content": ""},
    ]
    assert shown(said(Role.SYSTEM, Text(text="s")), options={"system_role": "developer"})[0][0]["role"] == "developer"
    assert shown(said(Role.USER))[0][0]["content"] == ""


def test_media_in_their_forms() -> None:
    assert one(Image(source=PNG, detail="low")) == {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64,iVBO", "detail": "low"},
    }
    assert one(Image(source=Url(url="https://x"))) == {"type": "image_url", "image_url": {"url": "https://x"}}
    assert one(Video(source=Url(url="https://x"))) == {"type": "video_url", "video_url": {"url": "https://x"}}
    assert one(Audio(source=Inline(media_type="audio/mpeg", data="AA"))) == {
        "type": "input_audio",
        "input_audio": {"data": "AA", "format": "mp3"},
    }
    assert one(Audio(source=Inline(media_type="audio/flac", data="AA")))["input_audio"]["format"] == "flac"
    file = {"filename": "document", "file_data": "data:application/pdf;base64,JVBE"}
    assert one(Document(source=PDF)) == {"type": "file", "file": file}
    assert one(Document(source=PDF, title="a.pdf"))["file"]["filename"] == "a.pdf"
    away = Document(source=Url(url="https://x"), title="t")
    assert one(away, options={"documents": "document_url"}) == {"type": "document_url", "document_url": "https://x"}
    file = {"filename": "t", "file_data": "https://x"}
    assert one(away, options={"documents": "file_data"}) == {"type": "file", "file": file}


def test_a_document_of_plain_text_is_text() -> None:
    source = Inline(media_type="text/plain", data=base64.b64encode("hällo".encode()).decode())
    assert one(Document(source=source)) == {"type": "text", "text": "hällo"}
    assert one(Document(source=source, title="T", context="C"))["text"] == "T\nC\n\nhällo"


def test_the_wish_that_a_document_be_cited_is_named() -> None:
    messages, dropped = shown(said(Role.USER, Document(source=PDF, cited=True)))
    assert messages[0]["content"][0]["type"] == "file"
    assert dropped == ("citations",)


@pytest.mark.parametrize(
    "part",
    [
        Audio(source=Url(url="https://x")),
        Image(source=FileId(id="f")),
        Document(source=FileId(id="f")),
        Document(source=PDF, context="c"),
        Document(source=Url(url="https://x")),
        Document(source=Inline(media_type="text/plain", data="/w==")),
        Document(source=Inline(media_type="text/plain", data="A")),
        ToolCall(id="c", name="f", arguments=""),
    ],
)
def test_content_without_a_place_is_refused(part: Part) -> None:
    assert refusal_of(part).param == "messages"


def test_an_assistant_makes_no_pictures() -> None:
    assert refusal_of(Image(source=PNG), role=Role.ASSISTANT).param == "messages"
    assert refusal_of(Audio(source=PNG), role=Role.ASSISTANT).param == "messages"


def test_what_an_assistant_said() -> None:
    messages, dropped = shown(
        said(
            Role.ASSISTANT,
            Reasoning(text="hm"),
            Text(text="a", citations=(Citation(url="https://x"),)),
            ToolCall(id="c1", name="f", arguments="{}"),
            Text(text="b", cache=CacheMark.HOUR),
            Audio(source=Inline(media_type="audio/wav", data="AA"), transcript="c"),
            ToolCall(id="c2", name="g", arguments="x", custom=True, cache=CacheMark.MINUTES),
            Declined(text="no"),
        )
    )
    assert messages == [
        {
            "role": "assistant",
            "content": "abc",
            "refusal": "no",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}},
            ],
        }
    ]
    assert dropped == ("citations", "cache_control")


def test_what_tools_returned() -> None:
    messages, dropped = shown(
        said(
            Role.TOOL,
            ToolResult(call_id="c1", parts=(Text(text="r"), Image(source=PNG)), failed=True, cache=CacheMark.HOUR),
            ToolResult(call_id="c2", parts=(Text(text="a"), Text(text="b"))),
        ),
        said(Role.TOOL, ToolResult(call_id="c3", parts=())),
        HI,
    )
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}
    assert messages == [
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
        {
            "role": "tool",
            "tool_call_id": "c2",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        },
        {"role": "tool", "tool_call_id": "c3", "content": ""},
        {"role": "user", "content": [{"type": "text", "text": "From the result of the call c1:"}, picture]},
        {"role": "user", "content": "hi"},
    ]
    assert dropped == ("is_error", "cache_control")
    inside, _ = shown(
        said(Role.TOOL, ToolResult(call_id="c1", parts=(Image(source=PNG),))), options={"tool_media": "parts"}
    )
    assert inside == [{"role": "tool", "tool_call_id": "c1", "content": [picture]}]
    last, _ = shown(said(Role.TOOL, ToolResult(call_id="c1", parts=(Image(source=PNG),))))
    assert [message["role"] for message in last] == ["tool", "user"]


def test_marks_of_a_cache_go_where_they_are_known() -> None:
    request = asked(
        said(Role.USER, Text(text="a", cache=CacheMark.HOUR)), tools=(Tool(name="f", cache=CacheMark.MINUTES),)
    )
    body, dropped = rendered(request)
    assert dropped == ("cache_control",)
    assert body["messages"][0]["content"] == "a"
    body, dropped = rendered(request, options={"cache_marks": "parts"})
    assert dropped == ()
    mark = {"type": "ephemeral", "ttl": "1h"}
    assert body["messages"][0]["content"] == [{"type": "text", "text": "a", "cache_control": mark}]
    assert body["tools"][0]["cache_control"] == {"type": "ephemeral", "ttl": "5m"}


def test_seals_go_to_their_issuer_alone() -> None:
    call = ToolCall(id="c1", name="f", arguments="{}")
    messages, dropped = shown(
        said(
            Role.ASSISTANT,
            Reasoning(text="plain"),
            Reasoning(text="hm", sealed=Sealed(data="SIG", issuer="acme")),
            Reasoning(text="other", sealed=Sealed(data="SIG", issuer="zeta")),
            Reasoning(text="unknown", sealed=Sealed(data="SIG")),
            Reasoning(sealed=Sealed(data="ENC", issuer="acme", whole=True)),
            call,
            Reasoning(sealed=Sealed(data="END", issuer="acme")),
        )
    )
    assert dropped == ("sealed reasoning",)
    assert messages[0]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "plain"},
        {"type": "reasoning.text", "text": "hm", "signature": "SIG"},
        {"type": "reasoning.encrypted", "data": "ENC", "id": "c1"},
        {"type": "reasoning.text", "text": "", "signature": "END"},
    ]
    unsealed = said(Role.ASSISTANT, Reasoning(text="hm", sealed=Sealed(data="SIG", issuer="")), Text(text="x"))
    assert shown(unsealed, issuer="")[1] == ("sealed reasoning",)


def test_a_seal_that_kept_its_form_goes_back_in_it() -> None:
    kept = '{"type":"reasoning.text","signature":"SIG","format":"f-1","index":0}'
    odd = "{not JSON"
    messages, _ = shown(
        said(
            Role.ASSISTANT,
            Reasoning(text="hm", sealed=Sealed(data=kept, issuer="acme")),
            Reasoning(sealed=Sealed(data=kept, issuer="acme")),
            Reasoning(sealed=Sealed(data=odd, issuer="acme", whole=True)),
        )
    )
    detail = {"type": "reasoning.text", "signature": "SIG", "format": "f-1", "index": 0}
    assert messages[0]["reasoning_details"] == [
        {**detail, "text": "hm"},
        detail,
        {"type": "reasoning.encrypted", "data": odd},
    ]


def test_plain_thoughts_go_where_they_are_wanted() -> None:
    message = said(Role.ASSISTANT, Reasoning(text="hm"), Text(text="x"))
    assert shown(message) == ([{"role": "assistant", "content": "x"}], ())
    messages, _ = shown(message, options={"reasoning_history": "reasoning_content"})
    assert messages == [{"role": "assistant", "content": "x", "reasoning_content": "hm"}]


def test_tools_and_their_choice() -> None:
    tools = (
        Tool(name="f", description="d", parameters=Raw(b'{"type":"object"}'), strict=True),
        Tool(name="g", custom=True, grammar=Raw(b'{"syntax":"lark"}')),
    )
    body, _ = rendered(asked(HI, tools=tools, tool_choice=ToolChoice(use=ToolUse.NAMED, name="g")))
    # OpenAI refuses an object without properties.
    parameters = {"type": "object", "properties": {}}
    function = {"name": "f", "description": "d", "parameters": parameters, "strict": True}
    assert body["tools"] == [
        {"type": "function", "function": function},
        {"type": "custom", "custom": {"name": "g", "format": {"type": "grammar", "grammar": {"syntax": "lark"}}}},
    ]
    assert body["tool_choice"] == {"type": "custom", "custom": {"name": "g"}}
    named = ToolChoice(use=ToolUse.NAMED, name="f")
    body, _ = rendered(asked(HI, tools=tools, tool_choice=named))
    assert body["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert rendered(asked(HI, tools=tools, tool_choice=ToolChoice(use=ToolUse.NONE)))[0]["tool_choice"] == "none"
    assert "tool_choice" not in rendered(asked(HI, tool_choice=ToolChoice(use=ToolUse.AUTO)))[0]
    assert rendered(asked(HI, tool_choice=ToolChoice(use=ToolUse.REQUIRED)))[0]["tool_choice"] == "required"


def test_forms_of_the_answer() -> None:
    schema = OutputForm(kind=OutputKind.JSON_SCHEMA, schema=Raw(b"{}"))
    full = OutputForm(kind=OutputKind.JSON_SCHEMA, schema=Raw(b"{}"), name="n", description="d", strict=False)
    assert "response_format" not in rendered(asked(HI, output=OutputForm(kind=OutputKind.TEXT)))[0]
    as_object = OutputForm(kind=OutputKind.JSON_OBJECT)
    assert rendered(asked(HI, output=as_object))[0]["response_format"] == {"type": "json_object"}
    assert rendered(asked(HI, output=schema))[0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": {}},
    }
    assert rendered(asked(HI, output=full))[0]["response_format"]["json_schema"] == {
        "name": "n",
        "schema": {},
        "description": "d",
        "strict": False,
    }
    with pytest.raises(Refusal) as caught:
        rendered(asked(HI, output=schema), options={"schema": "json_object"})
    assert caught.value.param == "response_format"


LOW, NONE, MAX = (ReasoningWish(effort=word) for word in (Effort.LOW, Effort.NONE, Effort.MAX))
SOME, OFF, FREE = (ReasoningWish(budget_tokens=count) for count in (5_000, 0, UNBOUNDED))
HIDDEN = ReasoningWish(shown=False)
DROPPED = ("reasoning",)


@pytest.mark.parametrize(
    ("wish", "options", "expected", "dropped"),
    [
        (LOW, {}, {"reasoning_effort": "low"}, ()),
        (MAX, {}, {"reasoning_effort": "high"}, ()),
        (MAX, {"efforts": "low max"}, {"reasoning_effort": "max"}, ()),
        (SOME, {}, {"reasoning_effort": "medium"}, ()),
        (NONE, {}, {}, DROPPED),
        (NONE, {"efforts": "none low"}, {"reasoning_effort": "none"}, ()),
        (HIDDEN, {}, {}, ()),
        (LOW, {"reasoning": "thinking"}, {"thinking": {"type": "enabled", "budget_tokens": 1024}}, ()),
        (OFF, {"reasoning": "thinking"}, {"thinking": {"type": "disabled"}}, ()),
        (FREE, {"reasoning": "thinking"}, {"thinking": {"type": "enabled"}}, ()),
        (HIDDEN, {"reasoning": "thinking"}, {}, ()),
        (SOME, {"reasoning": "thinking_type"}, {"thinking": {"type": "enabled"}}, ()),
        (NONE, {"reasoning": "thinking_type"}, {"thinking": {"type": "disabled"}}, ()),
        (HIDDEN, {"reasoning": "thinking_type"}, {}, ()),
        (SOME, {"reasoning": "enable_thinking"}, {"enable_thinking": True, "thinking_budget": 5000}, ()),
        (FREE, {"reasoning": "enable_thinking"}, {"enable_thinking": True}, ()),
        (OFF, {"reasoning": "enable_thinking"}, {"enable_thinking": False}, ()),
        (HIDDEN, {"reasoning": "enable_thinking"}, {}, ()),
        (SOME, {"reasoning": "reasoning_object"}, {"reasoning": {"max_tokens": 5000}}, ()),
        (FREE, {"reasoning": "reasoning_object"}, {"reasoning": {"enabled": True}}, ()),
        (OFF, {"reasoning": "reasoning_object"}, {"reasoning": {"effort": "none"}}, ()),
        (LOW, {"reasoning": "reasoning_object"}, {"reasoning": {"effort": "low"}}, ()),
        (HIDDEN, {"reasoning": "reasoning_object"}, {"reasoning": {"exclude": True}}, ()),
        (ReasoningWish(), {"reasoning": "reasoning_object"}, {}, ()),
        (SOME, {"reasoning": "none"}, {}, DROPPED),
    ],
)
def test_wishes_to_think(
    wish: ReasoningWish, options: dict[str, str], expected: dict[str, object], dropped: tuple[str, ...]
) -> None:
    body, named = rendered(asked(HI, reasoning=wish), options=options)
    assert body == {"model": "r", "messages": [{"role": "user", "content": "hi"}], **expected}
    assert named == dropped


def test_an_answer_shall_be_spoken() -> None:
    body, _ = rendered(asked(HI, audio=Raw(b'{"voice":"alloy"}')))
    assert (body["modalities"], body["audio"]) == (["text", "audio"], {"voice": "alloy"})


def test_a_gap_cannot_be_filled() -> None:
    assert refusal_of(Text(text="x"), suffix="end").param == "suffix"


def test_what_a_profile_varies_is_varied() -> None:
    body, _ = rendered(
        asked(HI, seed=1, temperature=0.5),
        renames={"seed": "random_seed"},
        added={"safe_prompt": True},
        removed=frozenset({"model"}),
    )
    assert body == {
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.5,
        "random_seed": 1,
        "safe_prompt": True,
    }
