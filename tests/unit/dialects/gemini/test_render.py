"""A neutral request in Gemini's form, what is left out of it by name, and what is refused."""

from typing import Any

import pytest
from msgspec import Raw

from tests.unit.dialects.gemini.gemini_chunks import rendered, request
from tollway.dialects.gemini.turns import OPENING
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
    Source,
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

PNG = Inline(media_type="image/png", data="aQ==")
HI = Message(role=Role.USER, parts=(Text(text="hi"),))
CALL = ToolCall(id="c1", name="f", arguments='{"a": 1.0}')


def user(*parts: Part) -> Message:
    return Message(role=Role.USER, parts=parts)


def model(*parts: Part) -> Message:
    return Message(role=Role.ASSISTANT, parts=parts)


def results(*parts: Part) -> Message:
    return Message(role=Role.TOOL, parts=parts)


def contents(*messages: Message, **edits: Any) -> Any:
    return rendered(request(*messages), **edits)[0]["contents"]


def said(*parts: Part, **edits: Any) -> Any:
    (content,) = contents(user(*parts), **edits)
    return content["parts"]


def test_neighbours_of_one_role_become_one_content() -> None:
    assert contents(
        HI, user(Text(text="there"), Text(text="")), model(Text(text="yes"), Declined(text="no")), model()
    ) == [
        {"role": "user", "parts": [{"text": "hi"}, {"text": "there"}]},
        {"role": "model", "parts": [{"text": "yes"}, {"text": "no"}]},
    ]


def test_instructions_are_gathered() -> None:
    first = Message(role=Role.SYSTEM, parts=(Text(text="a", cache=CacheMark.MINUTES),))
    later = Message(role=Role.SYSTEM, parts=(Text(text="b"),), name="n")
    body, dropped = rendered(request(first, HI, later))
    assert body["systemInstruction"] == {"parts": [{"text": "a\n\nb"}]}
    assert dropped == ("cache_control", "name")
    body, _ = rendered(request(first))
    assert body == {"contents": [{"role": "user", "parts": [{"text": "a"}]}]}


def test_media_go_as_bytes_or_as_an_address() -> None:
    url = "https://example.org/a"
    cases: list[tuple[Part, dict[str, object]]] = [
        (Image(source=PNG), {"inlineData": {"mimeType": "image/png", "data": "aQ=="}}),
        (Image(source=Url(url=url)), {"fileData": {"mimeType": "image/jpeg", "fileUri": url}}),
        (
            Image(source=Url(url=f"{url}.PNG?x=1.gif")),
            {"fileData": {"mimeType": "image/png", "fileUri": f"{url}.PNG?x=1.gif"}},
        ),
        (Audio(source=Url(url=url)), {"fileData": {"mimeType": "audio/mpeg", "fileUri": url}}),
        (Video(source=Url(url=url, media_type="video/webm")), {"fileData": {"mimeType": "video/webm", "fileUri": url}}),
        (Document(source=Url(url=url)), {"fileData": {"mimeType": "application/pdf", "fileUri": url}}),
        (Document(source=FileId(id="gs://b/a")), {"fileData": {"fileUri": "gs://b/a"}}),
        (Video(source=FileId(id="https://h/v1beta/files/a")), {"fileData": {"fileUri": "https://h/v1beta/files/a"}}),
    ]
    for part, expected in cases:
        assert said(part) == [expected]


def test_what_a_document_says_about_itself() -> None:
    document = Document(source=PNG, title="t", context="Read it.", cited=True, cache=CacheMark.HOUR)
    body, dropped = rendered(request(user(document, Image(source=PNG, detail="low"))))
    assert [*body["contents"][0]["parts"][0]] == ["text"]
    assert dropped == ("cache_control", "citations", "title", "detail")


def test_calls_hold_objects_and_results_find_their_names() -> None:
    calls = (CALL, ToolCall(id="c2", name="g", arguments="oops"), ToolCall(id="c3", name="h", arguments=""))
    answers = results(
        ToolResult(call_id="c1", parts=(Text(text="one"), Text(text="two"))),
        ToolResult(call_id="c2", parts=(Text(text='{"x": 1}'),)),
        ToolResult(call_id="c3", parts=(Text(text='{"output":1}'),)),
        ToolResult(call_id="c3", name="own", parts=(Text(text="bad"), Image(source=PNG)), failed=True),
    )
    found = contents(HI, model(*calls), answers)
    assert found[1]["parts"] == [
        {"functionCall": {"name": "f", "args": {"a": 1.0}}},
        {"functionCall": {"name": "g", "args": {"_unparsed": "oops"}}},
        {"functionCall": {"name": "h", "args": {}}},
    ]
    assert found[2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "f", "response": {"output": "one\ntwo"}}},
            {"functionResponse": {"name": "g", "response": {"x": 1}}},
            {"functionResponse": {"name": "h", "response": {"output": '{"output":1}'}}},
            {"functionResponse": {"name": "own", "response": {"error": "bad"}}},
            {"inlineData": {"mimeType": "image/png", "data": "aQ=="}},
        ],
    }


def test_ids_and_pictures_of_results_as_newer_models_take_them() -> None:
    options = {"call_ids": "kept", "result_media": "inside"}
    answer = results(ToolResult(call_id="c1", parts=(Image(source=PNG),)))
    found = contents(model(CALL), answer, options=options)
    assert found[0] == {"role": "user", "parts": [{"text": OPENING}]}
    assert found[1]["parts"][0]["functionCall"]["id"] == "c1"
    assert found[2]["parts"] == [
        {
            "functionResponse": {
                "name": "f",
                "response": {"output": ""},
                "id": "c1",
                "parts": [{"inlineData": {"mimeType": "image/png", "data": "aQ=="}}],
            }
        }
    ]


def test_seals_return_to_their_issuer_alone() -> None:
    own, other = Sealed(data="AAA=", issuer="google"), Sealed(data="BBB=", issuer="other")
    spoken = model(
        Reasoning(text="hm", sealed=own),
        Reasoning(text="silent"),
        Reasoning(text="foreign", sealed=other),
        Reasoning(sealed=own),
        Reasoning(sealed=own),
        CALL,
        Text(text="x"),
        Reasoning(sealed=own),
    )
    body, dropped = rendered(request(HI, spoken), issuer="google")
    assert body["contents"][1]["parts"] == [
        {"text": "hm", "thought": True, "thoughtSignature": "AAA="},
        {"text": "", "thoughtSignature": "AAA="},
        {"functionCall": {"name": "f", "args": {"a": 1.0}}, "thoughtSignature": "AAA="},
        {"text": "x"},
        {"text": "", "thoughtSignature": "AAA="},
    ]
    assert dropped == ("sealed reasoning",)
    assert rendered(request(HI, model(Reasoning(sealed=Sealed(data="a")), CALL)))[1] == ("sealed reasoning",)


def test_calls_of_other_models_get_the_documented_signature_where_levels_are_taken() -> None:
    found = contents(HI, model(CALL, CALL), options={"thinking": "level"})
    assert [part.get("thoughtSignature") for part in found[1]["parts"]] == ["skip_thought_signature_validator", None]


def test_tools_and_choice() -> None:
    tools = (
        Tool(name="f", description="d", parameters=Raw(b'{"type":"object"}'), strict=True, cache=CacheMark.HOUR),
        Tool(name="g"),
    )
    body, dropped = rendered(request(HI, tools=tools, tool_choice=ToolChoice(use=ToolUse.NAMED, name="g")))
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "f", "description": "d", "parametersJsonSchema": {"type": "object"}},
                {"name": "g"},
            ]
        }
    ]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["g"]}}
    assert dropped == ("strict", "cache_control")
    for use, mode in ((ToolUse.AUTO, "AUTO"), (ToolUse.NONE, "NONE"), (ToolUse.REQUIRED, "ANY")):
        body, _ = rendered(request(HI, tools=tools, tool_choice=ToolChoice(use=use)))
        assert body["toolConfig"] == {"functionCallingConfig": {"mode": mode}}


def test_settings_have_their_places_and_the_rest_is_named() -> None:
    asked = request(
        HI,
        temperature=0.5,
        top_p=0.9,
        top_k=4,
        min_p=0.1,
        seed=1,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        logit_bias={"1": 1},
        logprobs=True,
        top_logprobs=2,
        end_user="u",
        parallel_tool_calls=True,
        service_tier="flex",
        stop=("a", "b"),
        choices=2,
        output_tokens_max=100,
        knobs={"own": Raw(b"1")},
    )
    body, dropped = rendered(asked, output_tokens_max=50)
    assert body["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 4,
        "seed": 1,
        "frequencyPenalty": 0.1,
        "presencePenalty": 0.2,
        "responseLogprobs": True,
        "logprobs": 2,
        "maxOutputTokens": 50,
        "stopSequences": ["a", "b"],
        "candidateCount": 2,
    }
    assert dropped == ("parallel_tool_calls", "min_p", "logit_bias", "end_user", "service_tier", "own")
    body, dropped = rendered(asked, options={"service_tier": "kept"}, unsupported=frozenset({"seed", "contents?"}))
    assert body["serviceTier"] == "flex"
    assert "seed" not in body["generationConfig"]
    assert "service_tier" not in dropped
    assert "seed" in dropped


def test_output_forms() -> None:
    def config(form: OutputForm) -> Any:
        return rendered(request(HI, output=form))[0].get("generationConfig")

    assert config(OutputForm(kind=OutputKind.TEXT)) is None
    assert config(OutputForm(kind=OutputKind.JSON_OBJECT)) == {"responseMimeType": "application/json"}
    schema = OutputForm(kind=OutputKind.JSON_SCHEMA, schema=Raw(b'{"type":"object"}'), description="d")
    assert config(schema) == {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}}
    assert rendered(request(HI, output=schema))[1] == ("description",)
    assert config(OutputForm(kind=OutputKind.JSON_SCHEMA)) == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {},
    }


@pytest.mark.parametrize(
    ("wish", "options", "expected"),
    [
        (ReasoningWish(effort=Effort.MEDIUM), {}, {"thinkingBudget": 8_192}),
        (ReasoningWish(effort=Effort.MAX, shown=True), {}, {"thinkingBudget": 24_576, "includeThoughts": True}),
        (ReasoningWish(effort=Effort.MAX), {"thinking_budget_max": "32768"}, {"thinkingBudget": 32_768}),
        (ReasoningWish(effort=Effort.NONE), {"thinking_budget_min": "128"}, {"thinkingBudget": 128}),
        (ReasoningWish(budget_tokens=-1), {"thinking_budget_min": "128"}, {"thinkingBudget": -1}),
        (ReasoningWish(), {}, None),
        (ReasoningWish(shown=False), {}, {"includeThoughts": False}),
        (ReasoningWish(effort=Effort.NONE), {"thinking": "level"}, {"thinkingLevel": "minimal"}),
        (ReasoningWish(effort=Effort.MAX), {"thinking": "level"}, {"thinkingLevel": "high"}),
        (ReasoningWish(budget_tokens=2_000), {"thinking": "level"}, {"thinkingLevel": "medium"}),
        (ReasoningWish(budget_tokens=-1), {"thinking": "level"}, None),
        (ReasoningWish(effort=Effort.LOW), {"thinking": "none"}, None),
    ],
)
def test_thinking(wish: ReasoningWish, options: dict[str, str], expected: object) -> None:
    body, dropped = rendered(request(HI, reasoning=wish), options=options)
    assert body.get("generationConfig", {}).get("thinkingConfig") == expected
    assert dropped == (("reasoning",) if options == {"thinking": "none"} else ())


def source(of: Source) -> ChatRequest:
    return request(user(Image(source=of)))


@pytest.mark.parametrize(
    "asked",
    [
        request(HI, suffix="s"),
        request(HI, audio=Raw(b"{}")),
        request(HI, tools=(Tool(name="f", custom=True),)),
        source(FileId(id="file-abc")),
        source(Url(url="http://example.org/a.png")),
        request(results(ToolResult(call_id="lost", parts=()))),
        request(Message(role=Role.SYSTEM, parts=(Image(source=PNG),)), HI),
        request(user(CALL)),
    ],
)
def test_what_has_no_place_is_refused(asked: ChatRequest) -> None:
    with pytest.raises(Refusal) as caught:
        rendered(asked)
    assert caught.value.code == "invalid_request"
    assert caught.value.param
