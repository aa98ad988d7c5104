"""Recorded pictures, sounds, moderations and rankings of real providers: untouched but for the cost; usage is read."""

import base64
import json
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.recordings.corpus import FOLDER, _lines
from tollway.dialects.openai_media import (
    OPENAI_IMAGE_EDITS,
    OPENAI_IMAGES,
    OPENAI_MODERATIONS,
    OPENAI_SPEECH,
    OPENAI_TRANSCRIPTIONS,
)
from tollway.dialects.record import JSON, Called, CostFields, Dialect, Lane, RequestEdits
from tollway.dialects.rerank import RERANK
from tollway.errors import UpstreamFailure
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
COST_NAMES = ("base_cost_usd", "platform_fee_usd", "total_cost_usd")
DIALECTS = {
    "images/generations": OPENAI_IMAGES,
    "images/edits": OPENAI_IMAGE_EDITS,
    "audio/speech": OPENAI_SPEECH,
    "audio/transcriptions": OPENAI_TRANSCRIPTIONS,
    "moderations": OPENAI_MODERATIONS,
    "rerank": RERANK,
}
FIXTURES = {
    "openai-image.json": OPENAI_IMAGES,
    "openai-image-edit.json": OPENAI_IMAGE_EDITS,
    "openai-transcription.json": OPENAI_TRANSCRIPTIONS,
    "mistral-transcription.json": OPENAI_TRANSCRIPTIONS,
    "cartesia-transcription.json": OPENAI_TRANSCRIPTIONS,
    "fal-transcription-result.json": OPENAI_TRANSCRIPTIONS,
    "togetherai-reranking.1.json": RERANK,
    "cohere-reranking.1.json": RERANK,
    "voyage-reranking.1.json": RERANK,
}
"""Of the answers without requests, those of these dialects."""

COUNTED = {"exchanges": 23, "fixtures": 9}
"""How many there are, so that none is lost in silence."""


@dataclass(frozen=True)
class Media:
    name: str
    dialect: Dialect
    status: int
    request: bytes
    answer: bytes
    content_type: str


@cache
def exchanges() -> tuple[Media, ...]:
    if not FOLDER.is_dir():
        pytest.skip("no recorded traffic beside the repository")
    return tuple(
        Media(
            name=f"{corpus}-{line['id']}",
            dialect=DIALECTS[urlsplit(str(line["url"])).path.strip("/").split("/", 1)[1].removeprefix("v1/")],
            status=int(str(line["status"])),
            request=base64.b64decode(str(line["req"] or "")),
            answer=base64.b64decode(str(line["resp"] or "")),
            content_type=next(value for name, value in headers.items() if name.lower() == "content-type"),
        )
        for corpus in ("ruby_llm", "openllmetry")
        for line in _lines(corpus)
        if line["kind"] in {"images", "audio", "moderations", "rerank"}
        and isinstance(headers := line["resp_headers"], dict)
    )


@cache
def fixtures() -> tuple[Media, ...]:
    if not FOLDER.is_dir():
        pytest.skip("no recorded traffic beside the repository")
    return tuple(
        Media(name, FIXTURES[name], 200, b"", base64.b64decode(str(line["resp"])), JSON)
        for line in _lines("vercel-fixtures")
        if (name := str(line["file"]).rsplit("/", 1)[-1]) in FIXTURES
    )


def answers() -> list[Media]:
    return [each for each in (*exchanges(), *fixtures()) if each.status == 200]


def recorded(answer: dict[str, Any]) -> Usage | None:
    """What an independent reading finds."""
    usage = answer.get("usage") or {}
    searches = answer.get("meta", {}).get("billed_units", {}).get("search_units")
    if "seconds" in usage or "duration" in answer:
        return Usage(audio_input=ceil(usage.get("seconds") or answer["duration"]), output=0)
    if "results" in answer or answer.get("object") == "list":
        if searches is None and not usage:
            return None
        total = usage.get("total_tokens")
        return Usage(input=total, output=None if total is None else 0, calls=searches)
    if "prompt_audio_seconds" in usage:
        return Usage(
            input=usage["prompt_tokens"],
            audio_input=usage["prompt_audio_seconds"],
            output=usage["completion_tokens"],
        )
    if "data" in answer:
        return Usage(input=usage.get("input_tokens"), output=usage.get("output_tokens"), images=len(answer["data"]))
    return None


def test_all_of_them_are_read() -> None:
    assert {"exchanges": len(exchanges()), "fixtures": len(fixtures())} == COUNTED


def test_requests_pass_untouched_or_with_another_model() -> None:
    for each in exchanges():
        peek = each.dialect.peek(each.request, Called())
        asked = json.loads(each.request)
        assert peek.model_asked == asked["model"], each.name
        same = each.dialect.patch_request(each.request, peek, RequestEdits(model_routed=peek.model_asked))
        assert same.body is each.request
        other = each.dialect.patch_request(each.request, peek, RequestEdits(model_routed="other"))
        assert other.lane is Lane.PATCHED
        assert json.loads(other.body) == {**asked, "model": "other"}, each.name
        assert len(other.body) == len(each.request) - len(peek.model_asked) + len("other")


def test_usage_is_the_recorded_usage() -> None:
    for each in answers():
        read = each.dialect.read_answer(each.answer, each.content_type)
        expected = recorded(json.loads(each.answer)) if each.content_type.startswith(JSON) else None
        assert read.usage == expected, each.name


def test_answers_pass_untouched_but_for_their_cost() -> None:
    for each in answers():
        read = each.dialect.read_answer(each.answer, each.content_type)
        assert read.body is each.answer
        assert read.content_type == each.content_type.split(";")[0] or read.content_type == each.content_type
        shown = each.dialect.splice_cost(read, COSTS, read.usage)
        if not each.content_type.startswith(JSON):
            assert shown is each.answer, each.name
            continue
        before, after = json.loads(each.answer), json.loads(shown)
        usage = after.pop("usage")
        assert [usage.pop(name) for name in COST_NAMES] == [0.0001925, 0.00001925, 0.00021175]
        assert usage == (before.pop("usage", None) or {}), each.name
        assert after == before


def test_what_a_provider_says_that_it_cost_is_kept_apart() -> None:
    costs = [each.dialect.read_answer(each.answer, each.content_type).provider_cost_nanos for each in answers()]
    assert sorted(cost for cost in costs if cost is not None) == [20_000_000, 70_000_000]


def test_errors_keep_their_words_and_are_no_answers() -> None:
    errors = [each for each in exchanges() if each.status != 200]
    assert errors
    for each in errors:
        said = json.loads(each.answer)["error"]
        found = each.dialect.parse_error(each.status, each.answer)
        assert (found.message, found.type, found.code) == (said["message"], said["type"], said["code"])
        with pytest.raises(UpstreamFailure, match="not an answer with pictures"):
            each.dialect.read_answer(each.answer, each.content_type)
