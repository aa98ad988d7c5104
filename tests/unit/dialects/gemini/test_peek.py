"""What admission learns of a Gemini request, and what it refuses."""

from typing import Any

import pytest

from tests.unit.dialects.gemini.gemini_chunks import ASKED, encoded, peeked
from tollway.dialects.gemini import GEMINI_COUNT_TOKENS
from tollway.dialects.record import Called
from tollway.errors import Refusal


def with_config(config: object, name: str = "generationConfig") -> dict[str, object]:
    return {**ASKED, name: config}


def test_model_and_stream_come_from_the_path() -> None:
    found = peeked(streamed=True, variant="array")
    assert (found.model_asked, found.streamed, found.usage_asked, found.variant) == ("asked", True, True, "array")
    found = peeked(streamed=False)
    assert (found.streamed, found.usage_asked, found.choices, found.output_tokens_max) == (False, False, 1, None)


def test_limits_and_choices_are_read_in_both_spellings_and_as_strings() -> None:
    found = peeked(with_config({"maxOutputTokens": 100, "candidateCount": "2"}))
    assert (found.output_tokens_max, found.choices) == (100, 2)
    found = peeked(with_config({"max_output_tokens": "7", "candidate_count": 3}, "generation_config"))
    assert (found.output_tokens_max, found.choices) == (7, 3)
    assert peeked(with_config(None)).output_tokens_max is None


def test_what_the_bytes_do_not_bound_counts_as_media() -> None:
    parts = [
        {"text": "a"},
        {"inlineData": {"mimeType": "image/png", "data": "x"}},
        {"inline_data": {}},
        {"fileData": {"fileUri": "https://a"}},
        {"file_data": {}},
        {"functionResponse": {"name": "f", "parts": [{"inlineData": {}}, {"inlineData": {}}]}},
        {"function_response": {"name": "f"}},
    ]
    assert peeked({"contents": [{"parts": parts}, {}]}).media_parts == 6
    assert peeked({**ASKED, "cachedContent": "cachedContents/a"}).media_parts == 1
    assert peeked({**ASKED, "cached_content": "cachedContents/a"}).media_parts == 1


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": "hi"}, "contents"),
        ({"contents": [{"parts": "hi"}]}, "contents"),
        ({**ASKED, "cachedContent": 1}, "cachedContent"),
        (with_config([]), "generationConfig"),
        (with_config({"maxOutputTokens": 1.5}), "generationConfig"),
        (with_config({"maxOutputTokens": "ten"}), "generationConfig"),
        (with_config({"maxOutputTokens": 0}), "generationConfig"),
        (with_config({"candidateCount": 1000}), "generationConfig"),
        (with_config({"maxOutputTokens": 5, "max_output_tokens": 9}), "generationConfig"),
        ({**with_config({}), "generation_config": {}}, "generationConfig"),
        (b'{"contents":[{}],"generationConfig":{"maxOutputTokens":1,"maxOutputTokens":9}}', "generationConfig"),
    ],
)
def test_a_refusal_names_what_is_wrong(body: Any, param: str) -> None:
    with pytest.raises(Refusal) as caught:
        peeked(body)
    assert caught.value.code == "invalid_request"
    assert caught.value.param == param


def test_a_path_without_a_model_is_refused() -> None:
    with pytest.raises(Refusal, match="must name a model"):
        peeked(model="")


def test_counting_tokens_is_not_billed() -> None:
    found = GEMINI_COUNT_TOKENS.peek(encoded({"generateContentRequest": ASKED}), Called(model="m"))
    assert not found.billed
    assert found.model_asked == "m"
    with pytest.raises(Refusal, match="`contents`"):
        GEMINI_COUNT_TOKENS.peek(b"[]", Called(model="m"))
