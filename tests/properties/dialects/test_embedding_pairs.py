"""Whatever two dialects meet, inputs, vectors and usage arrive as they were sent."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.dialects.embeddings.shared import (
    CLOSING,
    EDITS,
    answer_read,
    answer_written,
    parsed,
    translator,
)
from tollway.dialects.cohere_embeddings import COHERE_EMBED
from tollway.dialects.embedding_form import PLAUSIBLE_MAX, base64_of, floats_of
from tollway.dialects.gemini_embeddings import GEMINI_EMBED, GEMINI_EMBED_ONE
from tollway.dialects.ollama import OLLAMA_EMBED, OLLAMA_EMBEDDINGS
from tollway.dialects.openai_embeddings import OPENAI_EMBEDDINGS
from tollway.dialects.record import Dialect
from tollway.errors import Refusal, UpstreamFailure
from tollway.neutral.embedding import EmbeddingAnswer, EmbeddingRequest

MANY = (OPENAI_EMBEDDINGS, OLLAMA_EMBED, GEMINI_EMBED)
ONE = (OLLAMA_EMBEDDINGS, GEMINI_EMBED_ONE)
EVERY_CLIENT = pytest.mark.parametrize("client", [*MANY, *ONE], ids=lambda dialect: dialect.name)
FLOATS = st.floats(-PLAUSIBLE_MAX, PLAUSIBLE_MAX, width=32)
VECTORS = st.lists(st.lists(FLOATS, max_size=4).map(tuple), min_size=1, max_size=3).map(tuple)
TEXTS = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3).map(tuple)
ASKED = EmbeddingRequest(model="asked", inputs=("a",))


@given(st.lists(FLOATS))
def test_a_vector_survives_base64(vector: list[float]) -> None:
    assert floats_of(base64_of(vector)) == tuple(vector)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_every_number_becomes_the_nearest_32_bit_float(vector: list[float]) -> None:
    largest = struct.unpack("<f", b"\xff\xff\x7f\x7f")[0]
    assert len(base64_of([max(-largest, min(largest, value)) for value in vector])) == len(base64_of(vector))


@EVERY_CLIENT
@given(VECTORS)
def test_vectors_and_usage_are_written_and_read_as_the_same(client: Dialect, vectors: Any) -> None:
    given_vectors = vectors[:1] if client in ONE else vectors
    found = answer_read(client, answer_written(client, EmbeddingAnswer(vectors=given_vectors), ASKED))
    assert found.vectors == given_vectors
    assert found.usage == (None if client is OLLAMA_EMBEDDINGS else CLOSING.usage)


@given(VECTORS)
def test_vectors_in_base64_are_read_as_the_same(vectors: Any) -> None:
    asked = EmbeddingRequest(model="asked", inputs=("a",), base64=True)
    sent = answer_written(OPENAI_EMBEDDINGS, EmbeddingAnswer(vectors=vectors), asked)
    assert answer_read(OPENAI_EMBEDDINGS, sent).vectors == vectors


@EVERY_CLIENT
@given(TEXTS, st.none() | st.integers(1, 99), st.booleans())
def test_a_request_is_written_and_read_as_the_same(client: Dialect, texts: Any, size: int | None, single: bool) -> None:
    one = client in ONE
    asked = EmbeddingRequest(
        model="asked",
        inputs=texts[:1] if one or single else texts,
        single=one or (single and client is not GEMINI_EMBED),
        dimensions=None if client is OLLAMA_EMBEDDINGS else size,
    )
    render = translator(client).render_request
    assert render is not None
    found = parsed(client, render(asked, EDITS).body)
    assert (found.inputs, found.single, found.dimensions) == (asked.inputs, asked.single, asked.dimensions)


@given(TEXTS)
def test_cohere_gets_every_text(texts: Any) -> None:
    render = translator(COHERE_EMBED).render_request
    assert render is not None
    assert tuple(json.loads(render(EmbeddingRequest(model="asked", inputs=texts), EDITS).body)["texts"]) == texts


JUNK = st.binary(max_size=40) | st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["data", "embedding", "embeddings", "values", "usage", "usageMetadata", "float", "input", "content"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())


@EVERY_CLIENT
@given(JUNK)
def test_junk_is_refused_and_never_raises_anything_else(client: Dialect, data: bytes) -> None:
    for ask in (
        lambda: parsed(client, data),
        lambda: answer_read(client, data),
        lambda: client.read_answer(data, ""),
    ):
        try:
            ask()
        except (Refusal, UpstreamFailure):
            continue
