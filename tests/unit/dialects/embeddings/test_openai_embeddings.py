"""OpenAI's embeddings: requests and answers within the dialect and across."""

import json
import struct
from base64 import b64encode

import pytest
from msgspec import Raw
from openai.types import CreateEmbeddingResponse

from tests.unit.dialects.embeddings.shared import (
    COST_VALUES,
    COSTS,
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
from tollway.dialects.embedding_form import MEDIA_TOKENS_MAX, base64_of
from tollway.dialects.openai_embeddings import OPENAI_EMBEDDINGS as DIALECT
from tollway.dialects.record import Lane, RequestEdits
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.neutral.embedding import EmbeddingAnswer, EmbeddingRequest
from tollway.neutral.usage import Usage

ASKED = EmbeddingRequest(model="asked", inputs=("a",), single=True)


@pytest.mark.parametrize("given", ["Hi", ["Hi", "Ho"], [1, 2], [[1], [2, 3]]])
def test_every_form_of_input_is_understood_and_has_no_output(given: object) -> None:
    data = body(input=given)
    facts = peek(DIALECT, data)
    assert (facts.model_asked, facts.output_tokens_max, facts.choices) == ("m", 0, 1)
    assert (facts.streamed, facts.media_parts, facts.input_tokens_bound) == (False, 0, len(data))


def test_inputs_that_are_no_text_are_allowed_for() -> None:
    data = body(input=["Hi", {"image_url": "https://x.example/a.png"}])
    facts = peek(DIALECT, data)
    assert (facts.media_parts, facts.input_tokens_bound) == (1, len(data) + MEDIA_TOKENS_MAX)
    with pytest.raises(Refusal, match="something else than text"):
        parsed(DIALECT, data)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": [1.5]}, "input"),
        ({"input": ["Hi", 3]}, "input"),
        ({"input": "Hi", "model": ""}, "model"),
        ({"input": "Hi", "dimensions": 0}, "dimensions"),
        ({"input": "Hi", "encoding_format": "int8"}, "encoding_format"),
        ({"input": "Hi", "user": 3}, "user"),
    ],
)
def test_what_is_no_request_is_refused_by_name(members: dict[str, object], param: str) -> None:
    with pytest.raises(Refusal) as caught:
        parsed(DIALECT, body(**members))
    assert (caught.value.code, caught.value.param) == ("invalid_request", param)


def test_the_body_passes_but_for_its_model() -> None:
    data = body(input="Hi")
    same = DIALECT.patch_request(data, peek(DIALECT, data), RequestEdits(model_routed="m", output_tokens_max=5))
    assert same.body is data
    assert same.lane is Lane.VERBATIM
    other = DIALECT.patch_request(data, peek(DIALECT, data), EDITS)
    assert json.loads(other.body) == {"model": "routed", "input": "Hi"}


@pytest.mark.parametrize(
    ("given", "inputs", "single"),
    [
        ("Hi", ("Hi",), True),
        (["Hi"], ("Hi",), False),
        ([1, 2], ((1, 2),), True),
        ([[1], [2, 3]], ((1,), (2, 3)), False),
    ],
)
def test_inputs_in_the_neutral_form(given: object, inputs: object, single: bool) -> None:
    found = parsed(DIALECT, body(input=given))
    assert (found.inputs, found.single, found.base64, dict(found.knobs)) == (inputs, single, False, {})
    again, _ = rendered(DIALECT, found)
    assert again == {"model": "routed", "input": given}


def test_everything_a_client_may_say() -> None:
    found = parsed(
        DIALECT,
        body(
            input="Hi",
            encoding_format="base64",
            dimensions=3,
            user="ann",
            input_type="passage",
            truncate=None,
            truncation=True,
        ),
    )
    assert (found.base64, found.dimensions, found.end_user, found.task) == (True, 3, "ann", "document")
    assert {name: bytes(value) for name, value in found.knobs.items()} == {"truncation": b"true"}
    assert parsed(DIALECT, body(input="Hi", encoding_format="float", input_type=None)).task is None


@pytest.mark.parametrize("word", ["image", ["query"], 3])
def test_a_task_that_nobody_knows_is_a_knob(word: object) -> None:
    found = parsed(DIALECT, body(input="Hi", input_type=word))
    assert found.task is None
    assert list(found.knobs) == ["input_type"]


def test_a_request_for_a_provider() -> None:
    asked = EmbeddingRequest(
        model="asked",
        inputs=("a", "b"),
        base64=True,
        dimensions=3,
        end_user="ann",
        task="query",
        knobs={"truncate": Raw(b"true")},
    )
    found, dropped = rendered(DIALECT, asked)
    assert found == {"model": "routed", "input": ["a", "b"], "dimensions": 3, "user": "ann"}
    assert dropped == ("task", "truncate")
    found, dropped = rendered(DIALECT, asked, RequestEdits(model_routed="routed", options={"task": "input_type"}))
    assert found["input_type"] == "query"
    assert dropped == ("truncate",)


def answer(data: object = (), **members: object) -> bytes:
    return json.dumps({"object": "list", "data": data, **members}).encode()


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 2, "total_tokens": 2}, Usage(input=2, output=0)),
        ({"prompt_tokens": 2, "completion_tokens": 0, "total_tokens": 2}, Usage(input=2, output=0)),
        ({"prompt_tokens": 2, "total_tokens": 9}, Usage(input=2, output=0)),
        ({"total_tokens": 12}, Usage(input=12, output=0)),
        ({"total_tokens": -1}, None),
        ({"total_tokens": "x"}, None),
        ({"prompt_tokens": 0, "total_tokens": 0}, None),
        ({}, None),
        (None, None),
        ("junk", None),
    ],
)
def test_the_usage_has_no_output(usage: object, expected: Usage | None) -> None:
    sent = answer(usage=usage, model="m-1")
    read = DIALECT.read_answer(sent, "")
    assert (read.usage, read.model_answered, read.text_bytes) == (expected, "m-1", 0)
    assert answer_read(DIALECT, sent).usage == expected
    shown = spliced(DIALECT, sent)["usage"]
    if expected is None:
        assert shown == {
            "prompt_tokens": 4,
            "completion_tokens": 0,
            "total_tokens": 4,
            "estimated": True,
            **COST_VALUES,
        }
    else:
        assert shown == {**usage, **COST_VALUES}  # type: ignore[dict-item]


def test_no_byte_outside_the_usage_changes() -> None:
    sent = b'{"data": [],  "usage" : {"total_tokens":3} ,"model":null}'
    shown = DIALECT.splice_cost(DIALECT.read_answer(sent, ""), COSTS, None)
    assert shown.startswith(b'{"data": [],  "usage" : {"total_tokens":3,"base_cost_usd":')
    assert shown.endswith(b' ,"model":null}')
    assert spliced(DIALECT, answer())["usage"]["estimated"] is True


def test_of_a_usage_that_stands_twice_the_last_one_counts() -> None:
    sent = b'{"data":[],"usage":{"total_tokens":3},"x":"usage","usage":{"total_tokens":4}}'
    assert spliced(DIALECT, sent)["usage"] == {"total_tokens": 4, **COST_VALUES}


def test_what_the_provider_says_that_it_cost_is_read() -> None:
    assert DIALECT.read_answer(answer(usage={"prompt_tokens": 7, "cost": 1.4e-7}), "").provider_cost_nanos == 140


def packed(*values: float) -> str:
    return b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def test_vectors_are_numbers_or_base64_and_in_the_order_of_their_indexes() -> None:
    items = [{"index": 1, "embedding": packed(0.5, -2.0)}, {"index": 0, "embedding": [0.1, 2]}]
    assert answer_read(DIALECT, answer(items)).vectors == ((0.1, 2.0), (0.5, -2.0))
    bare = [{"embedding": [1]}, {"embedding": [2]}]
    assert answer_read(DIALECT, answer(bare, model=3)).vectors == ((1.0,), (2.0,))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"[]",
        b'{"data":3}',
        b'{"data":[],"x":"\xff"}',
        b'{"error":{"message":"no such model"}}',
        answer([{"embedding": None}]),
        answer([{"embedding": "AAA"}]),
        answer([{"embedding": "!!!!"}]),
        answer([{"embedding": "AAAAAAA="}]),
        answer([{"embedding": packed(1e30)}]),
        answer([{"embedding": packed(float("nan"))}]),
    ],
)
def test_what_is_no_answer_is_junk(sent: bytes) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        answer_read(DIALECT, sent)
    assert caught.value.kind is FailureKind.JUNK


def test_an_answer_for_a_client() -> None:
    given = EmbeddingAnswer(vectors=((0.5, -1.0), (0.1,)), model="m-1")
    shown = answer_written(DIALECT, given, ASKED)
    CreateEmbeddingResponse.model_validate_json(shown)
    assert json.loads(shown) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [0.5, -1.0]},
            {"object": "embedding", "index": 1, "embedding": [0.1]},
        ],
        "model": "m-1",
        "usage": {"prompt_tokens": 7, "total_tokens": 7, **COST_VALUES},
    }
    wanted = EmbeddingRequest(model="asked", inputs=("a",), base64=True)
    shown = json.loads(answer_written(DIALECT, EmbeddingAnswer(vectors=((0.5, 1e300),)), wanted, ESTIMATED))
    assert shown["data"][0]["embedding"] == base64_of((0.5, 3.4028234663852886e38))
    assert shown["model"] == "asked"
    assert shown["usage"] == {"prompt_tokens": 4, "total_tokens": 4, "estimated": True}


def test_embeddings_are_not_streamed() -> None:
    with pytest.raises(Refusal):
        DIALECT.open_stream(peek(DIALECT, body(input="Hi")))
