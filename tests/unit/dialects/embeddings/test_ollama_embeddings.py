"""Ollama's two forms of embeddings, within themselves and across."""

import json
from typing import Any

import pytest
from msgspec import Raw
from ollama import EmbedResponse
from ollama._types import EmbeddingsResponse

from tests.unit.dialects.embeddings.shared import (
    COST_VALUES,
    EDITS,
    ESTIMATED,
    answer_read,
    answer_written,
    body,
    parsed,
    peek,
    rendered,
    spliced,
)
from tollway.dialects.ollama import OLLAMA_EMBED, OLLAMA_EMBEDDINGS
from tollway.dialects.record import Dialect, Lane, RequestEdits
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.neutral.embedding import EmbeddingAnswer, EmbeddingRequest
from tollway.neutral.usage import Usage

ASKED = EmbeddingRequest(
    model="asked", inputs=("a",), single=True, task="query", end_user="ann", knobs={"truncate": Raw(b"true")}
)


def test_requests_are_understood_and_pass() -> None:
    for dialect, data in ((OLLAMA_EMBED, body(input=["a", "b"])), (OLLAMA_EMBEDDINGS, body(prompt="a"))):
        facts = peek(dialect, data)
        assert (facts.model_asked, facts.output_tokens_max, facts.input_tokens_bound) == ("m", 0, len(data))
        assert dialect.patch_request(data, facts, RequestEdits(model_routed="m")).lane is Lane.VERBATIM
        assert json.loads(dialect.patch_request(data, facts, EDITS).body)["model"] == "routed"


def test_requests_in_the_neutral_form() -> None:
    found = parsed(OLLAMA_EMBED, body(input="a", dimensions=3, truncate=True, options={}, keep_alive=None))
    assert (found.inputs, found.single, found.dimensions, list(found.knobs)) == (("a",), True, 3, ["truncate"])
    assert parsed(OLLAMA_EMBED, body(input=["a", "b"])).inputs == ("a", "b")
    found = parsed(OLLAMA_EMBEDDINGS, body(prompt="a", options={"seed": 1}))
    assert (found.inputs, found.single, list(found.knobs)) == (("a",), True, ["options"])


@pytest.mark.parametrize(
    ("dialect", "members", "param"),
    [
        (OLLAMA_EMBED, {}, "input"),
        (OLLAMA_EMBED, {"input": []}, "input"),
        (OLLAMA_EMBED, {"input": [1]}, "input"),
        (OLLAMA_EMBED, {"input": "a", "dimensions": "x"}, "dimensions"),
        (OLLAMA_EMBEDDINGS, {"prompt": ""}, "prompt"),
        (OLLAMA_EMBEDDINGS, {"prompt": "a", "model": ""}, "model"),
    ],
)
def test_what_is_no_request_is_refused_by_name(dialect: Dialect, members: dict[str, object], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        parsed(dialect, body(**members))
    assert caught.value.param == param


def test_requests_for_a_provider() -> None:
    left_out = ("task", "end_user", "truncate")
    assert rendered(OLLAMA_EMBED, ASKED) == ({"model": "routed", "input": "a"}, left_out)
    assert rendered(OLLAMA_EMBEDDINGS, ASKED) == ({"model": "routed", "prompt": "a"}, left_out)
    many = EmbeddingRequest(model="asked", inputs=("a", "b"), dimensions=3)
    assert rendered(OLLAMA_EMBED, many) == ({"model": "routed", "input": ["a", "b"], "dimensions": 3}, ())


@pytest.mark.parametrize(
    ("dialect", "members", "param"),
    [
        (OLLAMA_EMBED, {"inputs": ((1, 2),)}, "input"),
        (OLLAMA_EMBEDDINGS, {"inputs": ("a", (1, 2))}, "input"),
        (OLLAMA_EMBEDDINGS, {"inputs": ("a", "b")}, "input"),
        (OLLAMA_EMBEDDINGS, {"dimensions": 3}, "dimensions"),
    ],
)
def test_what_has_no_place_is_refused_by_name(dialect: Dialect, members: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        rendered(dialect, EmbeddingRequest(**{"model": "asked", "inputs": ("a",), **members}))
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("count", "expected"), [(5, Usage(input=5, output=0)), (0, None), (None, None), ("x", None), (-1, None)]
)
def test_the_usage_is_the_prompts(count: object, expected: Usage | None) -> None:
    sent = json.dumps({"model": "m-1", "embeddings": [[1, 2.5]], "prompt_eval_count": count}).encode()
    read = OLLAMA_EMBED.read_answer(sent, "")
    assert (read.usage, read.model_answered) == (expected, "m-1")
    assert answer_read(OLLAMA_EMBED, sent).vectors == ((1.0, 2.5),)
    shown = spliced(OLLAMA_EMBED, sent)
    counts = {"prompt_eval_count": 4, "estimated": True} if expected is None else {"prompt_eval_count": 5}
    assert shown == {"model": "m-1", "embeddings": [[1, 2.5]], **counts, **COST_VALUES}


def test_the_older_form_reports_none() -> None:
    sent = b'{"embedding":[1,2.5]}'
    assert OLLAMA_EMBEDDINGS.read_answer(sent, "").usage is None
    assert answer_read(OLLAMA_EMBEDDINGS, sent) == EmbeddingAnswer(vectors=((1.0, 2.5),))
    shown = spliced(OLLAMA_EMBEDDINGS, sent)
    assert shown == {"embedding": [1, 2.5], "prompt_eval_count": 4, "estimated": True, **COST_VALUES}
    assert "prompt_eval_count" not in spliced(OLLAMA_EMBEDDINGS, sent, None)


@pytest.mark.parametrize("sent", [b"", b"[]", b'{"error":"no such model"}', b'{"a":"\xff","embeddings":[]}'])
def test_what_is_no_answer_is_junk(sent: bytes) -> None:
    for dialect in (OLLAMA_EMBED, OLLAMA_EMBEDDINGS):
        with pytest.raises(UpstreamFailure) as caught:
            dialect.read_answer(sent, "")
        assert caught.value.kind is FailureKind.JUNK


def test_vectors_of_something_else_are_junk() -> None:
    for dialect, sent in ((OLLAMA_EMBED, b'{"model":3,"embeddings":["x"]}'), (OLLAMA_EMBEDDINGS, b'{"embedding":"x"}')):
        assert dialect.read_answer(sent, "").model_answered is None
        with pytest.raises(UpstreamFailure):
            answer_read(dialect, sent)


def test_answers_for_a_client() -> None:
    given = EmbeddingAnswer(vectors=((1.0, 2.5), (3.0,)))
    shown = answer_written(OLLAMA_EMBED, given, ASKED)
    EmbedResponse.model_validate_json(shown)
    ending = {"prompt_eval_count": 7, **COST_VALUES}
    assert json.loads(shown) == {"model": "asked", "embeddings": [[1.0, 2.5], [3.0]], **ending}
    shown = answer_written(OLLAMA_EMBEDDINGS, given, ASKED, ESTIMATED)
    EmbeddingsResponse.model_validate_json(shown)
    assert json.loads(shown) == {"embedding": [1.0, 2.5], "prompt_eval_count": 4, "estimated": True}
    assert json.loads(answer_written(OLLAMA_EMBEDDINGS, EmbeddingAnswer(vectors=()), ASKED))["embedding"] == []
