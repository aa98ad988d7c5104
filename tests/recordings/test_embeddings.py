"""Recorded embeddings of real providers: they pass untouched but for their costs; vectors and usage survive translation."""

import json
import struct
from base64 import b64decode
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse

from tests.recordings.corpus import Recording, embeddings, ollama
from tollway.dialects.cohere_embeddings import COHERE_EMBED
from tollway.dialects.gemini_embeddings import GEMINI_EMBED
from tollway.dialects.ollama import OLLAMA_EMBED, OLLAMA_EMBEDDINGS
from tollway.dialects.openai_embeddings import OPENAI_EMBEDDINGS
from tollway.dialects.record import Called, Closing, CostFields, Dialect, EmbeddingTranslator, Lane, RequestEdits
from tollway.errors import UpstreamFailure
from tollway.neutral.embedding import EmbeddingAnswer, EmbeddingRequest
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
COST_NAMES = ("base_cost_usd", "platform_fee_usd", "total_cost_usd")
ESTIMATE = Usage(input=40, output=0)
CALLED = Called(model="m")
NOT_FLOATS = {"perplexity", "localhost"}
"""Whose base64 is of 8-bit numbers, or was of 64-bit floats."""


def translator(dialect: Dialect) -> EmbeddingTranslator:
    assert dialect.embedding is not None
    return dialect.embedding


def answered(end: str) -> list[Recording]:
    return [each for each in embeddings()[end] if each.status == 200]


def parsed(dialect: Dialect, each: Recording) -> EmbeddingAnswer:
    parse = translator(dialect).parse_answer
    assert parse is not None
    return parse(each.answer)


def vector(given: Any) -> list[float]:
    if isinstance(given, str):
        data = b64decode(given)
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    return given


def test_the_corpus_is_all_there() -> None:
    counts = {end: len(answered(end)) for end in embeddings()}
    assert counts == {"embeddings": 39, "embed": 8, "batchEmbedContents": 6}


@pytest.mark.parametrize(("dialect", "end"), [(OPENAI_EMBEDDINGS, "embeddings"), (GEMINI_EMBED, "batchEmbedContents")])
def test_requests_are_understood_and_pass_untouched(dialect: Dialect, end: str) -> None:
    for each in embeddings()[end]:
        if each.request:
            peek = dialect.peek(each.request, CALLED)
            made = dialect.patch_request(each.request, peek, RequestEdits(model_routed=peek.model_asked))
            assert made.body is each.request, each
            assert made.lane is Lane.VERBATIM, each
            routed = json.loads(dialect.patch_request(each.request, peek, RequestEdits(model_routed="x")).body)
            named = [routed] if dialect is OPENAI_EMBEDDINGS else routed["requests"]
            assert all(one["model"].removeprefix("models/") == "x" for one in named), each


def test_openais_form_gains_its_costs_and_nothing_else() -> None:
    for each in answered("embeddings"):
        read = OPENAI_EMBEDDINGS.read_answer(each.answer, "")
        sent, shown = json.loads(each.answer), json.loads(OPENAI_EMBEDDINGS.splice_cost(read, COSTS, ESTIMATE))
        tokens = sent["usage"].get("prompt_tokens") or sent["usage"]["total_tokens"]
        assert read.usage is not None, each
        assert (read.usage.tokens, read.usage.output) == (tokens, 0), each
        assert shown["usage"].pop("total_cost_usd") == 0.00021175, each
        assert {name: value for name, value in shown["usage"].items() if name not in COST_NAMES} == sent["usage"], each
        shown.pop("usage")
        sent.pop("usage")
        assert shown == sent, each


def test_geminis_form_gains_its_costs_and_an_estimate_where_it_has_no_usage() -> None:
    for each in answered("batchEmbedContents"):
        read = GEMINI_EMBED.read_answer(each.answer, "")
        sent, shown = json.loads(each.answer), json.loads(GEMINI_EMBED.splice_cost(read, COSTS, ESTIMATE))
        before, after = sent.pop("usageMetadata", None), shown.pop("usageMetadata")
        assert (None if read.usage is None else read.usage.tokens) == (before and before["promptTokenCount"]), each
        rest = {name: value for name, value in after.items() if name not in COST_NAMES}
        assert rest == (before or {"promptTokenCount": 40, "estimated": True}), each
        assert shown == sent, each


def test_ollamas_older_form_gains_its_costs() -> None:
    (each,) = ollama()["/api/embeddings"]
    shown = json.loads(OLLAMA_EMBEDDINGS.splice_cost(OLLAMA_EMBEDDINGS.read_answer(each.answer, ""), COSTS, ESTIMATE))
    assert shown["embedding"] == json.loads(each.answer)["embedding"]
    assert (shown["prompt_eval_count"], shown["estimated"], shown["total_cost_usd"]) == (40, True, 0.00021175)
    assert list(parsed(OLLAMA_EMBEDDINGS, each).vectors[0]) == json.loads(each.answer)["embedding"]


def test_vectors_and_usage_are_read_as_they_were_sent() -> None:
    for each in answered("embeddings"):
        if each.provider not in NOT_FLOATS:
            found, sent = parsed(OPENAI_EMBEDDINGS, each), json.loads(each.answer)
            assert [list(one) for one in found.vectors] == [vector(item["embedding"]) for item in sent["data"]], each
            assert found.usage == OPENAI_EMBEDDINGS.read_answer(each.answer, "").usage, each
    for each in answered("embed"):
        found, sent = parsed(COHERE_EMBED, each), json.loads(each.answer)
        assert [list(one) for one in found.vectors] == sent["embeddings"]["float"], each
        assert found.usage == Usage(input=sent["meta"]["billed_units"]["input_tokens"], output=0), each
    for each in answered("batchEmbedContents"):
        found, sent = parsed(GEMINI_EMBED, each), json.loads(each.answer)
        assert [list(one) for one in found.vectors] == [one["values"] for one in sent["embeddings"]], each


def test_bytes_that_are_no_floats_are_not_taken_for_them() -> None:
    for each in answered("embeddings"):
        if each.provider == "perplexity":
            with pytest.raises(UpstreamFailure):
                parsed(OPENAI_EMBEDDINGS, each)


@pytest.mark.parametrize("base64", [False, True])
def test_every_answer_reaches_an_openai_client(base64: bool) -> None:
    render = translator(OPENAI_EMBEDDINGS).render_answer
    assert render is not None
    forms = ((OPENAI_EMBEDDINGS, "embeddings"), (COHERE_EMBED, "embed"), (GEMINI_EMBED, "batchEmbedContents"))
    for dialect, end in forms:
        for each in answered(end):
            if each.provider in NOT_FLOATS:
                continue
            found = parsed(dialect, each)
            asked = EmbeddingRequest(model="asked", inputs=("x",), base64=base64)
            closing = Closing(usage=found.usage or ESTIMATE, estimated=found.usage is None, costs=COSTS)
            body = render(found, asked, closing)
            shown = json.loads(body)
            if not base64:
                CreateEmbeddingResponse.model_validate_json(body)
            for item, sent in zip(shown["data"], found.vectors, strict=True):
                assert isinstance(item["embedding"], str) is base64
                assert vector(item["embedding"]) == pytest.approx(list(sent), rel=1e-6, abs=1e-30), each
            assert shown["usage"]["prompt_tokens"] == (found.usage or ESTIMATE).tokens, each


def test_requests_reach_every_provider() -> None:
    parse = translator(OPENAI_EMBEDDINGS).parse_request
    assert parse is not None
    edits = RequestEdits(model_routed="x")
    for each in embeddings()["embeddings"]:
        if not each.request:
            continue
        asked = parse(each.request, OPENAI_EMBEDDINGS.peek(each.request, CALLED))
        texts = json.loads(each.request)["input"]
        texts = [texts] if isinstance(texts, str) else texts
        for dialect in (OLLAMA_EMBED, GEMINI_EMBED, COHERE_EMBED):
            render = translator(dialect).render_request
            assert render is not None
            body = json.loads(render(asked, edits).body)
            if dialect is GEMINI_EMBED:
                assert [one["content"]["parts"][0]["text"] for one in body["requests"]] == texts, each
            else:
                sent = body["input" if dialect is OLLAMA_EMBED else "texts"]
                assert ([sent] if isinstance(sent, str) else sent) == texts, each
