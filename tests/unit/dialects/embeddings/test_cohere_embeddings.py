"""Cohere's embeddings, which providers speak and no client does."""

import json

import pytest
from msgspec import Raw

from tests.unit.dialects.embeddings.shared import COSTS, answer_read, rendered
from tollway.dialects.cohere_embeddings import COHERE_EMBED
from tollway.dialects.record import Called, ReadAnswer, RequestEdits
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.neutral.embedding import EmbeddingAnswer, EmbeddingRequest
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Usage

LEAST = {"model": "routed", "texts": ["a", "b"], "input_type": "search_document", "embedding_types": ["float"]}


def test_a_request_says_what_the_vectors_are_for() -> None:
    assert rendered(COHERE_EMBED, EmbeddingRequest(model="asked", inputs=("a", "b"))) == (LEAST, ())
    asked = EmbeddingRequest(model="asked", inputs=("a", "b"), task="query", dimensions=3)
    more = {"input_type": "search_query", "output_dimension": 3}
    assert rendered(COHERE_EMBED, asked) == ({**LEAST, **more}, ())


def test_what_it_has_no_word_for_is_named() -> None:
    asked = EmbeddingRequest(
        model="asked", inputs=("a", "b"), task="similarity", end_user="ann", knobs={"truncate": Raw(b"1")}
    )
    assert rendered(COHERE_EMBED, asked) == (LEAST, ("task", "end_user", "truncate"))
    with pytest.raises(Refusal):
        rendered(COHERE_EMBED, EmbeddingRequest(model="asked", inputs=((1, 2),)))


@pytest.mark.parametrize(
    ("meta", "usage"),
    [
        ({"billed_units": {"input_tokens": 7, "image_tokens": 0}}, Usage(input=7, output=0)),
        ({"billed_units": {"input_tokens": 7.0}}, Usage(input=7, output=0)),
        ({"billed_units": {"image_tokens": 9}}, Usage(input=9, output=0)),
        ({"billed_units": {"input_tokens": -1}}, None),
        ({"billed_units": {}}, None),
        ({"billed_units": "x"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_an_answer_has_its_vectors_and_what_is_billed(meta: object, usage: Usage | None) -> None:
    sent = json.dumps({"id": "x", "embeddings": {"float": [[1, 2.5], [3]]}, "meta": meta}).encode()
    assert answer_read(COHERE_EMBED, sent) == EmbeddingAnswer(vectors=((1.0, 2.5), (3.0,)), usage=usage)


@pytest.mark.parametrize("sent", [b"", b"\xff", b'{"message":"invalid model"}', b'{"embeddings":{"int8":[[1]]}}'])
def test_what_is_no_answer_is_junk(sent: bytes) -> None:
    with pytest.raises(UpstreamFailure) as caught:
        answer_read(COHERE_EMBED, sent)
    assert caught.value.kind is FailureKind.JUNK


def test_no_client_speaks_it() -> None:
    peek = Peek(
        model_asked="m",
        streamed=False,
        usage_asked=False,
        output_tokens_max=0,
        choices=1,
        body_bytes=2,
        media_parts=0,
    )
    answer = ReadAnswer(body=b"", usage=None, usage_found=None, model_answered=None, text_bytes=0)
    for ask in (
        lambda: COHERE_EMBED.peek(b"{}", Called()),
        lambda: COHERE_EMBED.patch_request(b"{}", peek, RequestEdits(model_routed="m")),
        lambda: COHERE_EMBED.read_answer(b"{}", ""),
        lambda: COHERE_EMBED.splice_cost(answer, COSTS, None),
        lambda: COHERE_EMBED.render_error(Refusal("not_found", "x")),
        lambda: COHERE_EMBED.open_stream(peek),
    ):
        with pytest.raises(Refusal):
            ask()
