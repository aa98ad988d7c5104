"""A client's Gemini request in the neutral form, and what has no place in it."""

import base64
from typing import Any, cast

import msgspec
import pytest

from tests.unit.dialects.gemini.gemini_chunks import ASKED, encoded, parsed
from tollway.dialects.gemini.schema import as_json_schema
from tollway.errors import Refusal
from tollway.neutral.parts import (
    Audio,
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
    Effort,
    Message,
    OutputForm,
    OutputKind,
    ReasoningWish,
    Role,
    ToolChoice,
    ToolUse,
)


def says(*parts: object, role: str | None = "user") -> dict[str, object]:
    return {"parts": list(parts)} if role is None else {"role": role, "parts": list(parts)}


def messages(*contents: object) -> tuple[Message, ...]:
    return parsed({"contents": list(contents)}).messages


def parts(*given: object) -> tuple[Part, ...]:
    (message,) = messages(says(*given))
    return message.parts


def configured(config: object) -> Any:
    return parsed({**ASKED, "generationConfig": config})


def test_text_and_roles() -> None:
    found = parsed(
        {
            "system_instruction": {"parts": [{"text": "Be brief."}, {"text": ""}]},
            "contents": [says({"text": "a"}, role=None), says({"text": "b"}, role="model"), says({"text": "c"})],
        }
    )
    assert [(each.role, each.parts) for each in found.messages] == [
        (Role.SYSTEM, (Text(text="Be brief."),)),
        (Role.USER, (Text(text="a"),)),
        (Role.ASSISTANT, (Text(text="b"),)),
        (Role.USER, (Text(text="c"),)),
    ]
    assert parsed({**ASKED, "systemInstruction": "Be brief."}).messages[0].parts == (Text(text="Be brief."),)
    assert parsed({**ASKED, "systemInstruction": {"parts": []}}).messages[0].role is Role.USER


def test_media_are_told_by_their_type() -> None:
    kinds = {"image/png": Image, "audio/wav": Audio, "video/mp4": Video, "application/pdf": Document}
    for media_type, kind in kinds.items():
        (found,) = parts({"inline_data": {"mime_type": media_type, "data": "aQ=="}})
        assert isinstance(found, kind)
        assert found.source == Inline(media_type=media_type, data="aQ==")  # pyright: ignore[reportAttributeAccessIssue]


def test_an_address_is_public_or_a_file_of_the_provider() -> None:
    public, own, bucket, bare = parts(
        {"fileData": {"fileUri": "https://example.org/a.png", "mimeType": "image/png"}},
        {"fileData": {"fileUri": "https://example.org/v1beta/files/abc", "mimeType": "video/mp4"}},
        {"fileData": {"fileUri": "gs://b/a.pdf", "displayName": "A"}},
        {"fileData": {"fileUri": "https://example.org/x"}},
    )
    assert public == Image(source=Url(url="https://example.org/a.png", media_type="image/png"))
    assert own == Video(source=FileId(id="https://example.org/v1beta/files/abc"))
    assert bucket == Document(source=FileId(id="gs://b/a.pdf"), title="A")
    assert bare == Document(source=Url(url="https://example.org/x"))


def test_calls_and_their_results_find_each_other() -> None:
    call = {"functionCall": {"name": "f", "args": {"a": None}}}
    found = messages(
        says(call, call, {"functionCall": {"id": "mine", "name": "g"}}, role="model"),
        says(
            {"functionResponse": {"name": "f", "response": {"output": "one"}}},
            {"functionResponse": {"id": "mine", "name": "g", "response": {"error": {"no": 1}}}},
            {"functionResponse": {"id": "other", "name": "f", "response": {"a": None}}},
            {"text": "and?"},
        ),
        says({"functionCall": {"name": "h"}}, role="model"),
        says({"functionResponse": {"name": "h"}}, role="function"),
    )
    calls = [part for part in found[0].parts if isinstance(part, ToolCall)]
    assert [call.arguments for call in calls] == ['{"a":null}', '{"a":null}', "{}"]
    assert len({call.id for call in calls}) == 3
    assert [message.role for message in found] == [Role.ASSISTANT, Role.TOOL, Role.USER, Role.ASSISTANT, Role.TOOL]
    assert found[1].parts == (
        ToolResult(call_id=calls[0].id, name="f", parts=(Text(text="one"),)),
        ToolResult(call_id="mine", name="g", parts=(Text(text='{"no":1}'),), failed=True),
        ToolResult(call_id=calls[1].id, name="f", parts=(Text(text='{"a":null}'),)),
    )
    assert found[4].parts[0] == ToolResult(call_id=found[3].parts[0].id, name="h", parts=())  # pyright: ignore[reportAttributeAccessIssue]


def test_a_result_may_hold_pictures() -> None:
    media = {"inline_data": {"mime_type": "image/png", "data": "aQ=="}}
    file = {"fileData": {"fileUri": "gs://a", "mimeType": "image/png"}}
    found = messages(
        says({"functionCall": {"name": "f"}}, role="model"),
        says({"functionResponse": {"name": "f", "parts": [media, file]}}),
    )
    result = found[1].parts[0]
    assert isinstance(result, ToolResult)
    assert [type(part) for part in result.parts] == [Image, Image]


def test_thoughts_and_seals() -> None:
    marked = base64.urlsafe_b64encode(b"tollway-seal~1.google.sign.sig~~?").decode().rstrip("=")
    found = messages(
        says(
            {"text": "hm", "thought": True, "thoughtSignature": "AAA="},
            {"text": "", "thought": True},
            {"functionCall": {"name": "f"}, "thought_signature": marked},
            {"text": "", "thoughtSignature": "dG9sbHdheS1zZWFsfjEu!"},
            role="model",
        )
    )
    assert found[0].parts[:2] == (
        Reasoning(text="hm", sealed=Sealed(data="AAA=")),
        Reasoning(sealed=Sealed(data="sig~~?", issuer="google")),
    )
    assert found[0].parts[3] == Reasoning(sealed=Sealed(data="dG9sbHdheS1zZWFsfjEu!"))


def test_programs_that_the_provider_ran_become_text() -> None:
    code, output = messages(
        says({"executableCode": {"language": "PYTHON", "code": "1+1"}}, role="model"),
        says({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}, role="model"),
    )
    assert code.parts == (Text(text="\n```python\n1+1\n```\n"),)
    assert output.parts == (Text(text="\n```\n2\n```\n"),)


def test_settings_have_their_places() -> None:
    found = configured(
        {
            "temperature": 1,
            "top_p": 0.5,
            "topK": 40.0,
            "candidateCount": 2,
            "maxOutputTokens": "100",
            "stopSequences": ["a"],
            "seed": -1,
            "presencePenalty": 0.1,
            "frequencyPenalty": 0.2,
            "responseLogprobs": True,
            "logprobs": 3,
            "responseModalities": ["TEXT"],
            "speechConfig": {"languageCode": "de"},
        }
    )
    assert (found.temperature, found.top_p, found.top_k, found.choices) == (1, 0.5, 40, 2)
    assert (found.output_tokens_max, found.stop, found.seed) == (100, ("a",), -1)
    assert (found.presence_penalty, found.frequency_penalty) == (0.1, 0.2)
    assert (found.logprobs, found.top_logprobs) == (True, 3)
    assert list(found.knobs) == ["speechConfig"]


def test_what_only_tunes_goes_to_the_knobs() -> None:
    found = parsed(
        {
            "contents": [
                says({"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": ""}, "mediaResolution": {}})
            ],
            "safetySettings": [],
            "labels": {"a": "b"},
            "model": "models/asked",
            "serviceTier": "flex",
            "tools": [{"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}]}, {}],
            "toolConfig": {"functionCallingConfig": {"streamFunctionCallArguments": True}, "retrievalConfig": {}},
        }
    )
    assert set(found.knobs) == {
        "safetySettings",
        "labels",
        "mediaResolution",
        "functionDeclarations.behavior",
        "streamFunctionCallArguments",
        "retrievalConfig",
    }
    assert bytes(found.knobs["labels"]) == b'{"a":"b"}'
    assert found.service_tier == "flex"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, None),
        ({"thinkingConfig": {"thinkingBudget": -1}}, ReasoningWish(budget_tokens=-1)),
        (
            {"thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True}},
            ReasoningWish(effort=Effort.LOW, shown=True),
        ),
        ({"thinkingConfig": {"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}}, ReasoningWish()),
    ],
)
def test_thinking(config: object, expected: ReasoningWish | None) -> None:
    assert configured(config).reasoning == expected


SCHEMA = {"type": "OBJECT", "properties": {"b": {"type": "STRING"}, "a": {"type": "STRING"}}, "propertyOrdering": ["a"]}


@pytest.mark.parametrize(
    ("config", "kind", "schema"),
    [
        ({"responseMimeType": "text/plain"}, OutputKind.TEXT, None),
        ({"responseMimeType": "application/json"}, OutputKind.JSON_OBJECT, None),
        ({"responseJsonSchema": {"type": "object"}}, OutputKind.JSON_SCHEMA, b'{"type":"object"}'),
        (
            {"responseMimeType": "application/json", "responseSchema": SCHEMA},
            OutputKind.JSON_SCHEMA,
            b'{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}}',
        ),
    ],
)
def test_output(config: object, kind: OutputKind, schema: bytes | None) -> None:
    found = configured(config).output
    assert isinstance(found, OutputForm)
    assert found.kind is kind
    assert (None if found.schema is None else bytes(found.schema)) == schema


@pytest.mark.parametrize(
    ("calling", "choice", "names"),
    [
        (None, None, ["f", "g"]),
        ({}, ToolChoice(use=ToolUse.AUTO), ["f", "g"]),
        ({"mode": "none"}, ToolChoice(use=ToolUse.NONE), ["f", "g"]),
        ({"mode": "ANY"}, ToolChoice(use=ToolUse.REQUIRED), ["f", "g"]),
        ({"mode": "ANY", "allowedFunctionNames": ["g"]}, ToolChoice(use=ToolUse.NAMED, name="g"), ["f", "g"]),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["g"]}, ToolChoice(use=ToolUse.AUTO), ["g"]),
    ],
)
def test_which_functions_are_called(calling: object, choice: ToolChoice | None, names: list[str]) -> None:
    declared = [{"name": "f", "description": "d", "parameters": {"type": "OBJECT"}}, {"name": "g"}]
    found = parsed(
        {**ASKED, "tools": [{"functionDeclarations": declared}], "toolConfig": {"functionCallingConfig": calling}}
    )
    assert [tool.name for tool in found.tools] == names
    assert found.tool_choice == choice
    if names == ["f", "g"]:
        assert found.tools[0].description == "d"
        assert bytes(found.tools[0].parameters or b"") == b'{"type":"object"}'
        assert found.tools[1].parameters is None


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({**ASKED, "cachedContent": "c"}, "cachedContent"),
        ({**ASKED, "tools": [{"googleSearch": {}}]}, "tools[0].googleSearch"),
        ({**ASKED, "tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        ({**ASKED, "tools": {}}, "tools"),
        ({**ASKED, "tools": [3]}, "tools[0]"),
        (
            {**ASKED, "toolConfig": {"functionCallingConfig": {"mode": "MAYBE"}}},
            "toolConfig.functionCallingConfig.mode",
        ),
        ({**ASKED, "systemInstruction": {"parts": [{"inlineData": {}}]}}, "systemInstruction.parts[0].inlineData"),
        ({"contents": [says({"text": ""})]}, "contents"),
        ({"contents": [says({"text": "a"}, role="system")]}, "contents[0].role"),
        ({"contents": [says({"text": 1})]}, "contents[0].parts[0].text"),
        ({"contents": [says({"text": "a", "videoMetadata": {}})]}, "contents[0].parts[0].videoMetadata"),
        ({"contents": [says({"inlineData": {"mimeType": "a/b"}})]}, "contents[0].parts[0].inlineData"),
        ({"contents": [says({"fileData": {}})]}, "contents[0].parts[0].fileData.fileUri"),
        ({"contents": [says({"functionCall": {}}, role="model")]}, "contents[0].parts[0].functionCall.name"),
        ({"contents": [says({"functionCall": {"name": "f", "args": []}})]}, "contents[0].parts[0].functionCall.args"),
        ({"contents": [says({"functionResponse": {"name": "f"}})]}, "contents[0].parts[0].functionResponse"),
        (
            {"contents": [says({"functionCall": {"name": "f"}}, {"functionResponse": {"name": "f", "parts": [{}]}})]},
            "contents[0].parts[1].functionResponse.parts[0]",
        ),
        ({"contents": [says({"thought": 1})]}, "contents[0].parts[0].thought"),
        ({**ASKED, "generationConfig": {"temperature": "hot"}}, "generationConfig.temperature"),
        ({**ASKED, "generationConfig": {"temperature": True}}, "generationConfig.temperature"),
        ({**ASKED, "generationConfig": {"topK": 1.5}}, "generationConfig.topK"),
        ({**ASKED, "generationConfig": {"topK": "x"}}, "generationConfig.topK"),
        ({**ASKED, "generationConfig": {"stopSequences": [1]}}, "generationConfig.stopSequences"),
        ({**ASKED, "generationConfig": {"responseModalities": ["IMAGE"]}}, "generationConfig.responseModalities"),
        ({**ASKED, "generationConfig": {"responseMimeType": "text/x.enum"}}, "generationConfig.responseMimeType"),
        ({**ASKED, "generationConfig": {"responseSchema": 1}}, "generationConfig.responseSchema"),
        (
            {**ASKED, "generationConfig": {"thinkingConfig": {"thinkingLevel": "so-so"}}},
            "generationConfig.thinkingConfig.thinkingLevel",
        ),
        (
            {**ASKED, "generationConfig": {"thinkingConfig": {"thinkingLevel": "LOW", "thinkingBudget": 1}}},
            "generationConfig.thinkingConfig.thinkingBudget",
        ),
        ({**ASKED, "systemInstruction": "a", "system_instruction": "b"}, "systemInstruction"),
        (b'{"contents":[{"parts":[{"text":"a"}]}],"x":%b}' % b"".join([b"[" * 400, b"]" * 400]), None),
    ],
)
def test_a_refusal_names_the_place(body: Any, param: str | None) -> None:
    if param is None:
        parsed(body)  # as deep as it may be
        return
    with pytest.raises(Refusal) as caught:
        parsed(body)
    assert caught.value.code == "invalid_request"
    assert caught.value.param == param


def test_a_number_that_no_float_holds_is_refused() -> None:
    with pytest.raises(Refusal, match="a number or a depth"):
        parsed(b'{"contents":[{"parts":[{"text":"a"}]}],"labels":1e999}')


def test_schemas_of_the_own_form_become_json_schemas() -> None:
    own = {
        "type": "OBJECT",
        "nullable": True,
        "properties": {
            "kind": {"type": "STRING", "format": "enum", "enum": ["a", "b"], "nullable": True, "min_length": "2"},
            "list": {"type": "ARRAY", "items": {"type": "INTEGER", "format": "int32"}, "minItems": "1", "maxItems": 3},
            "either": {"anyOf": [{"type": "NUMBER"}, {"type": "TYPE_UNSPECIFIED", "example": 3}]},
            "free": {"nullable": True, "description": None, "_odd": 1},
        },
        "propertyOrdering": ["list", "gone", 3],
    }
    found = parsed({**ASKED, "tools": [{"functionDeclarations": [{"name": "f", "parameters": own}]}]})
    assert msgspec.json.decode(bytes(found.tools[0].parameters or b"")) == {
        "type": ["object", "null"],
        "properties": {
            "list": {"type": "array", "items": {"type": "integer", "format": "int32"}, "minItems": 1, "maxItems": 3},
            "kind": {"type": ["string", "null"], "enum": ["a", "b", None], "minLength": 2},
            "either": {"anyOf": [{"type": "number"}, {"examples": [3]}]},
            "free": {"_odd": 1},
        },
    }


def test_an_order_that_is_no_list_orders_nothing() -> None:
    own = {"properties": {"b": {}, "a": {}}, "propertyOrdering": "a"}
    assert list(cast(dict[str, object], as_json_schema(own, "parameters")["properties"])) == ["b", "a"]


def test_a_schema_without_end_is_refused() -> None:
    deep: dict[str, object] = {"type": "STRING"}
    for _ in range(70):
        deep = {"type": "ARRAY", "items": deep}
    with pytest.raises(Refusal, match="nested too deeply"):
        parsed(encoded({**ASKED, "generationConfig": {"responseSchema": deep}}))


@pytest.mark.parametrize(("sent", "standard"), [("-_8=", "+/8="), ("-_8", "+/8="), ("+/8=", "+/8=")])
def test_bytes_are_read_in_both_alphabets_of_base64(sent: str, standard: str) -> None:
    (found,) = parts({"inlineData": {"mimeType": "image/png", "data": sent}})
    assert found.source == Inline(media_type="image/png", data=standard)  # pyright: ignore[reportAttributeAccessIssue]
