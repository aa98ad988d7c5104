"""Requests as Converse takes them. Amazon's own library has nothing against any of them."""

import json
from base64 import b64encode
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from tests.aws_library import mistakes_in_converse
from tollway.dialects.bedrock_converse import BEDROCK_CONVERSE
from tollway.dialects.bedrock_converse.content import OPENING
from tollway.dialects.bedrock_converse.render_request import render_request
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

EDITS = RequestEdits(model_routed="anthropic.claude-haiku-4-5-20251001-v1:0", issuer="bedrock")
DATA = b64encode(b"bytes").decode()
HELLO = Message(role=Role.USER, parts=(Text(text="Hello"),))
SCHEMA = Raw(b'{"type":"object","properties":{"a":{"type":"string"}}}')
WEATHER = Tool(name="weather", description="The weather", parameters=SCHEMA)
CALL = ToolCall(id="call_1", name="weather", arguments='{"a": "Berlin"}')


def asked(*messages: Message, **more: Any) -> ChatRequest:
    return ChatRequest(model="claude", messages=messages or (HELLO,), **more)


def user(*parts: Part) -> Message:
    return Message(role=Role.USER, parts=parts)


def assistant(*parts: Part) -> Message:
    return Message(role=Role.ASSISTANT, parts=parts)


def tool(*parts: Part) -> Message:
    return Message(role=Role.TOOL, parts=parts)


def rendered(
    request: ChatRequest, edits: RequestEdits = EDITS, **options: str
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body and what was dropped; Amazon's library has looked at it."""
    written = render_request(request, replace(edits, options={**edits.options, **options}))
    assert mistakes_in_converse(written.body) == ""
    return json.loads(written.body), written.dropped


def content(*parts: Part) -> list[dict[str, Any]]:
    return rendered(asked(user(*parts)))[0]["messages"][0]["content"]


def refusal(request: ChatRequest) -> Refusal:
    with pytest.raises(Refusal) as caught:
        render_request(request, EDITS)
    assert caught.value.code == "invalid_request"
    return caught.value


def test_the_model_stands_in_the_path_and_a_stream_has_a_path_of_its_own() -> None:
    assert rendered(asked(streamed=True), replace(EDITS, streamed=True)) == (
        {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]},
        (),
    )
    assert BEDROCK_CONVERSE.path == "/model/{model}/converse"
    assert BEDROCK_CONVERSE.streamed_path == "/model/{model}/converse-stream"


def test_no_client_speaks_it() -> None:
    with pytest.raises(NotImplementedError):
        BEDROCK_CONVERSE.render_error(Refusal("not_found", "no"))


def test_system_messages_are_gathered_with_their_cache_marks() -> None:
    body, _ = rendered(
        asked(
            Message(role=Role.SYSTEM, parts=(Text(text="One", cache=CacheMark.HOUR), Text(text=""))),
            HELLO,
            Message(role=Role.SYSTEM, parts=(Text(text="Two", cache=CacheMark.MINUTES),)),
        )
    )
    assert body["system"] == [
        {"text": "One"},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
        {"text": "Two"},
        {"cachePoint": {"type": "default"}},
    ]
    assert [message["role"] for message in body["messages"]] == ["user"]


def test_a_picture_in_a_system_message_is_refused() -> None:
    picture = Image(source=Inline(media_type="image/png", data=DATA))
    assert refusal(asked(Message(role=Role.SYSTEM, parts=(picture,)), HELLO)).param == "messages"


def test_turns_alternate_and_results_of_tools_stand_first() -> None:
    result = ToolResult(call_id="call_1", parts=(Text(text="15°C"), Text(text="")), cache=CacheMark.MINUTES)
    body, _ = rendered(
        asked(
            HELLO,
            user(Text(text="again")),
            assistant(Text(text="")),
            assistant(Text(text="Let me see."), Declined(text="No."), Declined(text=""), CALL),
            tool(result),
            user(Text(text="Well?")),
            tools=(WEATHER,),
        )
    )
    assert body["messages"] == [
        {"role": "user", "content": [{"text": "Hello"}, {"text": "again"}]},
        {
            "role": "assistant",
            "content": [
                {"text": "Let me see."},
                {"text": "No."},
                {"toolUse": {"toolUseId": "call_1", "name": "weather", "input": {"a": "Berlin"}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "call_1", "content": [{"text": "15°C"}]}},
                {"cachePoint": {"type": "default"}},
                {"text": "Well?"},
            ],
        },
    ]


def test_a_turn_without_anything_is_left_out_and_the_user_begins() -> None:
    body, _ = rendered(asked(user(Text(text="")), assistant(Text(text="Hi")), HELLO))
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"] == [{"text": OPENING}]


def test_a_prompt_of_the_system_alone_is_the_users() -> None:
    body, _ = rendered(asked(Message(role=Role.SYSTEM, parts=(Text(text="Say hello."),))))
    assert body == {"messages": [{"role": "user", "content": [{"text": "Say hello."}]}]}


def test_messages_that_say_nothing_are_refused() -> None:
    assert refusal(asked(user(Text(text="")))).param == "messages"


def test_a_call_whose_input_is_plain_text_is_refused() -> None:
    assert refusal(asked(HELLO, assistant(replace(CALL, custom=True)))).param == "messages"


def test_tools_that_were_called_and_are_not_given_any_more_are_defined_by_their_names() -> None:
    body, _ = rendered(
        asked(HELLO, assistant(CALL, replace(CALL, id="call_2")), tool(ToolResult(call_id="c", parts=())))
    )
    empty = {"json": {"type": "object", "properties": {}}}
    assert body["toolConfig"] == {"tools": [{"toolSpec": {"name": "weather", "inputSchema": empty}}]}


def test_a_temperature_that_converse_does_not_know_is_dropped_and_named() -> None:
    assert rendered(asked(temperature=1.5)) == (rendered(asked())[0], ("temperature",))


@pytest.mark.parametrize(
    ("more", "expected", "dropped"),
    [
        ({"temperature": 0.5, "top_p": 0.5}, {"temperature": 0.5}, ("top_p",)),
        ({"top_p": 0.5}, {"topP": 0.5}, ()),
    ],
)
def test_one_way_of_sampling_is_kept_where_a_model_refuses_two(
    more: dict[str, Any], expected: object, dropped: tuple[str, ...]
) -> None:
    body, named = rendered(asked(**more), sampling="one")
    assert (body["inferenceConfig"], named) == (expected, dropped)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"a":1}', {"a": 1}),
        ("", {}),
        (" \n", {}),
        ("{oops", {"_unparsed": "{oops"}),
        ("[1]", {"_unparsed": "[1]"}),
        ('"text"', {"_unparsed": '"text"'}),
    ],
)
def test_arguments_become_the_object_that_they_ought_to_be(arguments: str, expected: object) -> None:
    body, _ = rendered(asked(HELLO, assistant(replace(CALL, arguments=arguments)), tools=(WEATHER,)))
    assert body["messages"][1]["content"][0]["toolUse"]["input"] == expected


@pytest.mark.parametrize("id_", ["x" * 65, "fc/1|é", ""])
def test_ids_of_calls_that_are_not_allowed_are_made_anew_alike_for_call_and_result(id_: str) -> None:
    result = ToolResult(call_id=id_, parts=(), failed=True)
    body, _ = rendered(asked(HELLO, assistant(replace(CALL, id=id_)), tool(result), tools=(WEATHER,)))
    use, answered = body["messages"][1]["content"][0]["toolUse"], body["messages"][2]["content"][0]["toolResult"]
    assert use["toolUseId"] == answered["toolUseId"] != id_
    assert answered["status"] == "error"
    assert answered["content"] == []


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Image(source=Inline(media_type="image/jpg", data=DATA)), {"image": {"format": "jpeg"}}),
        (Image(source=Inline(media_type="IMAGE/PNG; a=b", data=DATA)), {"image": {"format": "png"}}),
        (Video(source=Inline(media_type="video/3gpp", data=DATA)), {"video": {"format": "three_gp"}}),
        (Audio(source=Inline(media_type="audio/wav", data=DATA)), {"audio": {"format": "wav"}}),
        (
            Document(source=Inline(media_type="text/plain", data=DATA)),
            {"document": {"format": "txt", "name": "document"}},
        ),
        (
            Document(
                source=Inline(media_type="application/pdf", data=DATA), title="a_b/é.pdf", context="old", cited=True
            ),
            {"document": {"format": "pdf", "name": "a b pdf", "context": "old", "citations": {"enabled": True}}},
        ),
    ],
)
def test_media_go_inline(part: Part, block: dict[str, Any]) -> None:
    ((kind, facts),) = block.items()
    assert content(part) == [{kind: {**facts, "source": {"bytes": DATA}}}]


@pytest.mark.parametrize(
    ("part", "format_"),
    [
        (Image(source=Url(url="s3://bucket/a.PNG")), "png"),
        (Image(source=Url(url="s3://bucket/a.jpg")), "jpeg"),
        (Image(source=Url(url="s3://bucket/a", media_type="image/gif")), "gif"),
        (Video(source=Url(url="s3://bucket/a.mp4")), "mp4"),
        (Document(source=Url(url="s3://bucket/a.md")), "md"),
    ],
)
def test_what_stands_in_a_bucket_goes_by_its_address(part: Image | Video | Document, format_: str) -> None:
    ((_, facts),) = content(part)[0].items()
    assert isinstance(part.source, Url)
    assert facts["source"] == {"s3Location": {"uri": part.source.url}}
    assert facts["format"] == format_


@pytest.mark.parametrize(
    "part",
    [
        Image(source=Url(url="https://example.com/a.png")),
        Document(source=FileId(id="file_1")),
        Image(source=Inline(media_type="image/tiff", data=DATA)),
        Image(source=Url(url="s3://bucket/a")),
        ToolResult(call_id="c", parts=(Audio(source=Inline(media_type="audio/wav", data=DATA)),)),
    ],
)
def test_media_that_have_no_place_are_refused(part: Part) -> None:
    assert refusal(asked(user(part))).param == "messages"


def test_documents_have_different_names() -> None:
    source = Inline(media_type="application/pdf", data=DATA)
    names = [
        block["document"]["name"]
        for block in content(
            Document(source=source, title="a"),
            Document(source=source, title="a"),
            Document(source=source, title="  a "),
            Document(source=source, title="x" * 300),
            Document(source=source, title="***"),
        )
    ]
    assert names == ["a", "a 2", "a 3", "x" * 190, "document"]


def test_a_result_of_a_tool_holds_media_and_names_marks_inside_it_as_dropped() -> None:
    picture = Image(source=Inline(media_type="image/png", data=DATA), detail="low", cache=CacheMark.MINUTES)
    body, dropped = rendered(
        asked(HELLO, assistant(CALL), tool(ToolResult(call_id="call_1", parts=(picture,))), tools=(WEATHER,))
    )
    assert body["messages"][2]["content"][0]["toolResult"]["content"][0]["image"]["format"] == "png"
    assert dropped == ("detail", "cache_control")


def test_only_the_providers_own_seals_go_back_to_it() -> None:
    body, dropped = rendered(
        asked(
            HELLO,
            assistant(
                Reasoning(text="mine", sealed=Sealed(data="SIG", issuer="bedrock")),
                Reasoning(sealed=Sealed(data="V0hPTEU=", issuer="bedrock", whole=True)),
                Reasoning(text="theirs", sealed=Sealed(data="SIG", issuer="other")),
                Reasoning(text="nobody's", sealed=Sealed(data="SIG")),
                Reasoning(text="unsealed"),
                Text(text="Hi"),
            ),
        )
    )
    assert body["messages"][1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "mine", "signature": "SIG"}}},
        {"reasoningContent": {"redactedContent": "V0hPTEU="}},
        {"text": "Hi"},
    ]
    assert dropped == ("sealed reasoning",)


def test_cache_marks_are_dropped_for_a_model_without_cache_points() -> None:
    body, dropped = rendered(asked(user(Text(text="a", cache=CacheMark.HOUR))), cache_points="none")
    assert body["messages"][0]["content"] == [{"text": "a"}]
    assert dropped == ("cache_control",)


def test_tools_are_written_with_schema_strictness_and_marks() -> None:
    body, _ = rendered(
        asked(tools=(replace(WEATHER, strict=True, cache=CacheMark.MINUTES), Tool(name="time", description="")))
    )
    assert body["toolConfig"] == {
        "tools": [
            {
                "toolSpec": {
                    "name": "weather",
                    "description": "The weather",
                    "inputSchema": {"json": json.loads(bytes(SCHEMA))},
                    "strict": True,
                }
            },
            {"cachePoint": {"type": "default"}},
            {"toolSpec": {"name": "time", "inputSchema": {"json": {"type": "object", "properties": {}}}}},
        ]
    }


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        (ToolChoice(use=ToolUse.AUTO), None),
        (ToolChoice(use=ToolUse.REQUIRED), {"any": {}}),
        (ToolChoice(use=ToolUse.NAMED, name="weather"), {"tool": {"name": "weather"}}),
    ],
)
def test_the_choice_of_tools_is_carried(choice: ToolChoice | None, expected: object) -> None:
    body, _ = rendered(asked(tools=(WEATHER,), tool_choice=choice))
    assert body["toolConfig"].get("toolChoice") == expected


def test_no_tools_shall_be_used_means_no_tools_are_sent() -> None:
    body, _ = rendered(asked(tools=(WEATHER,), tool_choice=ToolChoice(use=ToolUse.NONE)))
    assert "toolConfig" not in body


def test_no_tools_shall_be_used_is_refused_where_calls_stand_in_the_conversation() -> None:
    request = asked(HELLO, assistant(CALL), tools=(WEATHER,), tool_choice=ToolChoice(use=ToolUse.NONE))
    assert refusal(request).param == "tool_choice"


def test_a_choice_without_tools_is_refused_unless_it_demands_none() -> None:
    assert refusal(asked(tool_choice=ToolChoice(use=ToolUse.REQUIRED))).param == "tool_choice"
    assert "toolConfig" not in rendered(asked(tool_choice=ToolChoice(use=ToolUse.NONE)))[0]


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"choices": 2}, "n"),
        ({"suffix": "x"}, "suffix"),
        ({"audio": Raw(b"{}")}, "audio"),
        ({"output": OutputForm(kind=OutputKind.JSON_OBJECT)}, "response_format"),
        ({"tools": (Tool(name="free", custom=True),)}, "tools"),
    ],
)
def test_contracts_without_a_place_are_refused(more: dict[str, Any], param: str) -> None:
    assert refusal(asked(**more)).param == param


def test_a_schema_of_the_answer_is_carried_as_text() -> None:
    output = OutputForm(kind=OutputKind.JSON_SCHEMA, schema=SCHEMA, name="person", description="One person")
    body, _ = rendered(asked(output=output))
    assert body["outputConfig"] == {
        "textFormat": {
            "type": "json_schema",
            "structure": {
                "jsonSchema": {"schema": bytes(SCHEMA).decode(), "name": "person", "description": "One person"}
            },
        }
    }
    bare, _ = rendered(asked(output=OutputForm(kind=OutputKind.JSON_SCHEMA)))
    assert bare["outputConfig"]["textFormat"]["structure"] == {"jsonSchema": {"schema": "{}"}}
    assert "outputConfig" not in rendered(asked(output=OutputForm(kind=OutputKind.TEXT)))[0]


def test_tuning_is_carried_or_named() -> None:
    body, dropped = rendered(
        asked(
            Message(role=Role.USER, parts=(Text(text="Hello"),), name="Ann"),
            temperature=0.5,
            top_p=0.9,
            top_k=5,
            seed=1,
            logprobs=True,
            end_user="u",
            parallel_tool_calls=False,
            stop=("END",),
            output_tokens_max=100,
            knobs={"verbosity_level": Raw(b"1")},
        ),
        replace(EDITS, output_tokens_max=50),
    )
    assert body["inferenceConfig"] == {"maxTokens": 50, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]}
    assert dropped == ("parallel_tool_calls", "top_k", "seed", "logprobs", "end_user", "verbosity_level", "name")
    assert "additionalModelRequestFields" not in body


@pytest.mark.parametrize(
    ("option", "fields"),
    [("top_k", {"top_k": 5}), ("topK", {"inferenceConfig": {"topK": 5}})],
)
def test_top_k_goes_by_the_name_that_a_model_has_for_it(option: str, fields: dict[str, Any]) -> None:
    body, dropped = rendered(asked(top_k=5), top_k=option)
    assert body["additionalModelRequestFields"] == fields
    assert dropped == ()


def test_what_a_model_refuses_of_the_configuration_is_dropped_and_named() -> None:
    body, dropped = rendered(asked(temperature=1.0, top_p=0.5), replace(EDITS, unsupported=frozenset(("temperature",))))
    assert body["inferenceConfig"] == {"topP": 0.5}
    assert dropped == ("temperature",)


@pytest.mark.parametrize(
    ("tier", "expected", "dropped"),
    [
        ("flex", {"type": "flex"}, ()),
        ("standard_only", {"type": "default"}, ()),
        ("auto", None, ()),
        ("scale", None, ("service_tier",)),
    ],
)
def test_the_tier_is_carried_where_there_is_one_of_the_name(
    tier: str, expected: object, dropped: tuple[str, ...]
) -> None:
    body, named = rendered(asked(service_tier=tier))
    assert (body.get("serviceTier"), named) == (expected, dropped)


@pytest.mark.parametrize(
    ("labels", "carried"),
    [
        (b'{"team":"blue/1"}', True),
        (b"{}", False),
        (b'{"team":1}', False),
        (b'{"team":"\xc3\xa9"}', False),
        (b'{"":"a"}', False),
        (b'{"team":"%b"}' % (b"x" * 257), False),
        (json.dumps({str(number): "x" for number in range(17)}).encode(), False),
    ],
)
def test_labels_become_request_metadata_where_they_fit(labels: bytes, carried: bool) -> None:
    body, dropped = rendered(asked(knobs={"metadata": Raw(labels), "store": Raw(b"true")}))
    assert body.get("requestMetadata") == (json.loads(labels) if carried else None)
    assert dropped == (("store",) if carried else ("metadata", "store"))


ADAPTIVE = {"type": "adaptive", "display": "summarized"}
ON = {"type": "enabled"}
HIDDEN = {"thinking": {**ADAPTIVE, "display": "omitted"}, "output_config": {"effort": "low"}}
FORBIDDEN = ("temperature", "top_p", "top_k")


@pytest.mark.parametrize(
    ("way", "wish", "limit", "fields", "forbidden"),
    [
        ("thinking", ReasoningWish(budget_tokens=2_000), None, {"thinking": {"type": "enabled", "budget_tokens": 2_000}}, 1),
        ("thinking", ReasoningWish(effort=Effort.MEDIUM), 5_000, {"thinking": {"type": "enabled", "budget_tokens": 3_750}}, 1),
        ("thinking", ReasoningWish(budget_tokens=-1), None, {"thinking": {"type": "enabled", "budget_tokens": 8_192}}, 1),
        ("thinking", ReasoningWish(budget_tokens=5), None, {"thinking": {"type": "enabled", "budget_tokens": 1_024}}, 1),
        ("thinking", ReasoningWish(effort=Effort.NONE), None, {"thinking": {"type": "disabled"}}, 0),
        ("adaptive", ReasoningWish(effort=Effort.XHIGH), None, {"thinking": ADAPTIVE, "output_config": {"effort": "high"}}, 1),
        ("adaptive", ReasoningWish(budget_tokens=-1), None, {"thinking": ADAPTIVE}, 1),
        ("adaptive", ReasoningWish(budget_tokens=0), None, {"thinking": {"type": "disabled"}}, 0),
        ("adaptive", ReasoningWish(effort=Effort.LOW, shown=False), None, HIDDEN, 1),
        ("reasoningConfig", ReasoningWish(effort=Effort.HIGH), None, {"reasoningConfig": {**ON, "maxReasoningEffort": "high"}}, 1),
        ("reasoningConfig", ReasoningWish(effort=Effort.HIGH), 100, {"reasoningConfig": {**ON, "maxReasoningEffort": "medium"}}, 0),
        ("reasoningConfig", ReasoningWish(effort=Effort.NONE), None, {"reasoningConfig": {"type": "disabled"}}, 0),
        ("reasoning_effort", ReasoningWish(effort=Effort.MINIMAL), None, {"reasoning_effort": "low"}, 0),
    ],
)  # fmt: skip
def test_the_wish_to_think_goes_the_way_that_a_model_knows(
    way: str, wish: ReasoningWish, limit: int | None, fields: dict[str, Any], forbidden: int
) -> None:
    request = asked(reasoning=wish, output_tokens_max=limit, temperature=0.5, top_p=0.5, top_k=3)
    body, dropped = rendered(request, thinking=way, top_k="top_k")
    expected = fields if forbidden else {**fields, "top_k": 3}
    assert body["additionalModelRequestFields"] == expected
    assert dropped == (FORBIDDEN if forbidden else ())


@pytest.mark.parametrize(
    ("way", "more"),
    [
        ("", {"reasoning": ReasoningWish(effort=Effort.HIGH)}),
        ("thinking", {"reasoning": ReasoningWish(shown=True)}),
        ("thinking", {"reasoning": ReasoningWish(effort=Effort.HIGH), "output_tokens_max": 1_000}),
        *(
            (
                way,
                {
                    "reasoning": ReasoningWish(effort=Effort.HIGH),
                    "tools": (WEATHER,),
                    "tool_choice": ToolChoice(use=ToolUse.REQUIRED),
                },
            )
            for way in ("thinking", "adaptive")
        ),
    ],
)
def test_a_wish_to_think_that_cannot_be_carried_is_named(way: str, more: dict[str, Any]) -> None:
    body, dropped = rendered(asked(temperature=0.5, **more), thinking=way)
    assert "additionalModelRequestFields" not in body
    assert dropped == ("reasoning",)
    assert body["inferenceConfig"]["temperature"] == 0.5


HIGH = ReasoningWish(effort=Effort.HIGH)
RESULT = tool(ToolResult(call_id="call_1", parts=(Text(text="15°C"),)))
SEALED = Reasoning(text="Hm", sealed=Sealed(data="SIG", issuer="bedrock"))


@pytest.mark.parametrize(
    ("way", "messages", "thinks"),
    [
        ("thinking", (HELLO, assistant(Text(text="{"))), False),
        ("adaptive", (HELLO, assistant(Text(text="{"))), False),
        ("thinking", (HELLO, assistant(CALL), RESULT), False),
        ("thinking", (HELLO, assistant(SEALED, CALL), RESULT), True),
        ("thinking", (HELLO, assistant(Text(text="Hi")), HELLO), True),
        ("adaptive", (HELLO, assistant(CALL), RESULT), True),
    ],
)
def test_a_model_is_told_to_think_only_where_it_may_begin_to(
    way: str, messages: tuple[Message, ...], thinks: bool
) -> None:
    body, dropped = rendered(asked(*messages, reasoning=HIGH, tools=(WEATHER,)), thinking=way)
    assert ("additionalModelRequestFields" in body) is thinks
    assert ("reasoning" in dropped) is not thinks
