"""Gemini's embeddings, one content and batches, within themselves and across."""

import json
from typing import Any

import pytest
from google.genai.types import EmbedContentResponse
from msgspec import Raw

from tests.unit.dialects.embeddings.shared import (
    CALLED,
    COST_VALUES,
    EDITS,
    ESTIMATED,
    answer_read,
    answer_written,
    parsed,
    peek,
    rendered,
    spliced,
)
from tollway.dialects.embedding_form import MEDIA_TOKENS_MAX
from tollway.dialects.gemini_embeddings import GEMINI_EMBED, GEMINI_EMBED_ONE
from tollway.dialects.record import Called, Dialect, Lane, RequestEdits
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.neutral.embedding import EmbeddingAnswer, EmbeddingRequest
from tollway.neutral.usage import Usage

ASKED = EmbeddingRequest(model="asked", inputs=("a", "b"))


def content(*texts: str) -> dict[str, object]:
    return {"parts": [{"text": text} for text in texts]}


def one(**members: object) -> bytes:
    return json.dumps({"content": content("Hi"), **members}).encode()


def batch(*requests: dict[str, object]) -> bytes:
    return json.dumps({"requests": [{"content": content("Hi"), **request} for request in requests]}).encode()


def test_the_model_stands_in_the_path() -> None:
    for dialect, data in ((GEMINI_EMBED_ONE, one()), (GEMINI_EMBED, batch({}))):
        facts = peek(dialect, data)
        assert (facts.model_asked, facts.output_tokens_max, facts.input_tokens_bound) == ("m", 0, len(data))
        assert dialect.peek(data, Called()).model_asked == ""


def test_pictures_are_counted() -> None:
    picture = {"parts": [{"text": "logo"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}
    for dialect, data in ((GEMINI_EMBED_ONE, one(content=picture)), (GEMINI_EMBED, batch({"content": picture}))):
        facts = peek(dialect, data)
        assert (facts.media_parts, facts.input_tokens_bound) == (1, len(data) + MEDIA_TOKENS_MAX)
        with pytest.raises(Refusal, match="only text"):
            parsed(dialect, data)


@pytest.mark.parametrize(
    ("dialect", "data", "param"),
    [
        (GEMINI_EMBED_ONE, b"{}", "content"),
        (GEMINI_EMBED_ONE, b'{"content":{"parts":[]}}', "content"),
        (GEMINI_EMBED_ONE, one(taskType=3), "taskType"),
        (GEMINI_EMBED, b'{"requests":[]}', "requests"),
        (GEMINI_EMBED, b'{"requests":[{}]}', "requests"),
        (GEMINI_EMBED, batch({"outputDimensionality": 3}, {}), "requests"),
    ],
)
def test_what_is_no_request_is_refused_by_name(dialect: Dialect, data: bytes, param: str) -> None:
    with pytest.raises(Refusal) as caught:
        parsed(dialect, data)
    assert caught.value.param == param


def test_the_model_in_a_body_is_the_routed_one() -> None:
    data = one(model="models/m", title="t")
    facts = peek(GEMINI_EMBED_ONE, data)
    assert GEMINI_EMBED_ONE.patch_request(data, facts, RequestEdits(model_routed="m")).body is data
    shown = json.loads(GEMINI_EMBED_ONE.patch_request(data, facts, EDITS).body)
    assert shown == {"content": content("Hi"), "model": "models/routed", "title": "t"}
    bare = GEMINI_EMBED_ONE.patch_request(one(), peek(GEMINI_EMBED_ONE, one()), EDITS)
    assert bare.lane is Lane.VERBATIM
    data = batch({"model": "models/m", "title": "t"}, {"title": "u"})
    facts = peek(GEMINI_EMBED, data)
    assert GEMINI_EMBED.patch_request(data, facts, RequestEdits(model_routed="m")).body is data
    edits = RequestEdits(model_routed="routed", unsupported=frozenset({"title"}))
    made = GEMINI_EMBED.patch_request(data, facts, edits)
    assert json.loads(made.body) == {
        "requests": [{"content": content("Hi"), "model": "models/routed"}, {"content": content("Hi")}]
    }
    assert made.dropped == ("title",)


def test_requests_in_the_neutral_form() -> None:
    data = one(
        taskType="RETRIEVAL_QUERY", outputDimensionality=3, title="t", content=content("a", "b"), autoTruncate=None
    )
    found = parsed(GEMINI_EMBED_ONE, data)
    assert (found.model, found.inputs, found.single, found.task) == ("m", ("a\nb",), True, "query")
    assert (found.dimensions, list(found.knobs)) == (3, ["title"])
    found = parsed(GEMINI_EMBED, batch({"task_type": "CLUSTERING", "output_dimensionality": 2}))
    assert (found.inputs, found.single, found.task, found.dimensions) == (("Hi",), False, "clustering", 2)


CLUSTERS: dict[str, object] = {"taskType": "CLUSTERING"}


@pytest.mark.parametrize(
    "requests", [({"taskType": "FACT_VERIFICATION"},), (CLUSTERS, {"taskType": "CLASSIFICATION"}), (CLUSTERS, {})]
)
def test_a_task_that_only_this_form_has_is_a_knob(requests: tuple[dict[str, object], ...]) -> None:
    found = parsed(GEMINI_EMBED, batch(*requests))
    assert (found.task, list(found.knobs)) == (None, ["taskType"])


def test_requests_for_a_provider() -> None:
    asked = EmbeddingRequest(
        model="asked", inputs=("a", "b"), dimensions=3, task="similarity", end_user="ann", knobs={"title": Raw(b"1")}
    )
    found, dropped = rendered(GEMINI_EMBED, asked)
    more = {"model": "models/routed", "taskType": "SEMANTIC_SIMILARITY", "outputDimensionality": 3}
    assert found == {"requests": [{"content": content("a"), **more}, {"content": content("b"), **more}]}
    assert dropped == ("end_user", "title")
    unsupported = RequestEdits(model_routed="routed", unsupported=frozenset({"taskType"}))
    assert rendered(GEMINI_EMBED, asked, unsupported)[1] == ("end_user", "title", "taskType")
    single = EmbeddingRequest(model="asked", inputs=("a",))
    assert rendered(GEMINI_EMBED_ONE, single) == ({"model": "models/routed", "content": content("a")}, ())


@pytest.mark.parametrize(
    ("dialect", "inputs"), [(GEMINI_EMBED, ((1,),)), (GEMINI_EMBED_ONE, ((1,),)), (GEMINI_EMBED_ONE, ("a", "b"))]
)
def test_what_has_no_place_is_refused(dialect: Dialect, inputs: Any) -> None:
    with pytest.raises(Refusal) as caught:
        rendered(dialect, EmbeddingRequest(model="asked", inputs=inputs))
    assert caught.value.param == "input"


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"promptTokenCount": 8}, Usage(input=8, output=0)),
        (
            {
                "promptTokenCount": 8,
                "promptTokenDetails": [{"modality": "AUDIO", "tokenCount": 5}, {"modality": "TEXT"}],
            },
            Usage(input=3, audio_input=5, output=0),
        ),
        ({"promptTokenCount": 8, "promptTokensDetails": [{"tokenCount": 8}]}, Usage(input=8, output=0)),
        ({}, None),
        ({"promptTokenCount": -3}, None),
        ("junk", None),
    ],
)
def test_the_usage_of_newer_models(usage: object, expected: Usage | None) -> None:
    sent = json.dumps({"embeddings": [{"values": [1, 2.5]}], "usageMetadata": usage}).encode()
    assert GEMINI_EMBED.read_answer(sent, "").usage == expected
    assert answer_read(GEMINI_EMBED, sent) == EmbeddingAnswer(vectors=((1.0, 2.5),), usage=expected)
    shown = spliced(GEMINI_EMBED, sent)["usageMetadata"]
    estimated = {"promptTokenCount": 4, "estimated": True, **COST_VALUES}
    assert shown == (estimated if expected is None else {**usage, **COST_VALUES})  # type: ignore[dict-item]


def test_older_models_report_none() -> None:
    sent = b'{"embedding": {"values": [1]} }'
    assert GEMINI_EMBED_ONE.read_answer(sent, "").usage is None
    assert answer_read(GEMINI_EMBED_ONE, sent) == EmbeddingAnswer(vectors=((1.0,),))
    assert spliced(GEMINI_EMBED_ONE, sent)["usageMetadata"]["promptTokenCount"] == 4
    assert spliced(GEMINI_EMBED_ONE, sent, None)["usageMetadata"]["promptTokenCount"] == 0


@pytest.mark.parametrize(
    "sent", [b"", b"[]", b'{"error":{"message":"no"}}', b'{"embedding":{},"embeddings":[1],"a":"\xc3\xa4"}']
)
def test_what_is_no_answer_is_junk(sent: bytes) -> None:
    for dialect in (GEMINI_EMBED, GEMINI_EMBED_ONE):
        with pytest.raises(UpstreamFailure) as caught:
            answer_read(dialect, sent)
        assert caught.value.kind is FailureKind.JUNK


def test_answers_for_a_client() -> None:
    given = EmbeddingAnswer(vectors=((1.0, 2.5), (3.0,)))
    shown = answer_written(GEMINI_EMBED, given, ASKED)
    usage = {"promptTokenCount": 7, **COST_VALUES}
    assert json.loads(shown) == {"embeddings": [{"values": [1.0, 2.5]}, {"values": [3.0]}], "usageMetadata": usage}
    read = EmbedContentResponse.model_validate({"embeddings": json.loads(shown)["embeddings"]})
    assert read.embeddings is not None
    assert [each.values for each in read.embeddings] == [[1.0, 2.5], [3.0]]
    shown = json.loads(answer_written(GEMINI_EMBED_ONE, given, ASKED, ESTIMATED))
    assert shown == {"embedding": {"values": [1.0, 2.5]}, "usageMetadata": {"promptTokenCount": 4, "estimated": True}}
    empty = answer_written(GEMINI_EMBED_ONE, EmbeddingAnswer(vectors=()), ASKED)
    assert json.loads(empty)["embedding"] == {"values": []}


def test_an_error_is_googles() -> None:
    shown = json.loads(GEMINI_EMBED.render_error(Refusal("model_not_found", "No such model.", param="model")))["error"]
    assert (shown["code"], shown["status"], shown["message"]) == (404, "NOT_FOUND", "No such model.")
    assert (shown["details"][0]["reason"], shown["param"], shown["metadata"]) == ("model_not_found", "model", {})


def test_a_path_that_names_the_model_is_the_only_place_for_it() -> None:
    assert "{model}" in GEMINI_EMBED.path
    assert CALLED.model == "m"
