"""Edits of a Gemini request for a provider of the same dialect: nothing else moves."""

from typing import Any

import pytest

from tests.unit.dialects.gemini.gemini_chunks import peeked
from tollway.dialects.gemini import GEMINI, GEMINI_COUNT_TOKENS
from tollway.dialects.record import Called, Lane, PatchedRequest, RequestEdits

CONTENTS = b'"contents" : [{"parts":[{"text":"?"}]}]'


def patched(body: bytes, **edits: Any) -> PatchedRequest:
    return GEMINI.patch_request(body, peeked(body), RequestEdits(model_routed="routed", **edits))


def test_nothing_to_change_leaves_the_very_bytes() -> None:
    body = b'{%b, "generationConfig": {"maxOutputTokens": 5}}' % CONTENTS
    assert patched(body).body is body
    assert patched(body, output_tokens_max=9) == PatchedRequest(body, Lane.VERBATIM)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"{%b}", b'{%b,"generationConfig":{"maxOutputTokens":3}}'),
        (b'{%b, "generationConfig": null}', b'{%b, "generationConfig": {"maxOutputTokens":3}}'),
        (
            b'{%b, "generationConfig": {"topP": 0.50 , "maxOutputTokens": 50}, "a":1}',
            b'{%b, "generationConfig": {"topP": 0.50 , "maxOutputTokens": 3}, "a":1}',
        ),
        (
            b'{%b, "generation_config": {"max_output_tokens": "50" } }',
            b'{%b, "generation_config": {"max_output_tokens": 3 } }',
        ),
        (b'{%b, "generationConfig": { "topK":1 }}', b'{%b, "generationConfig": { "topK":1,"maxOutputTokens":3 }}'),
    ],
)
def test_the_output_limit_is_lowered_one_level_down(before: bytes, after: bytes) -> None:
    found = patched(before % CONTENTS, output_tokens_max=3)
    assert found == PatchedRequest(after % CONTENTS, Lane.PATCHED)


def test_what_is_unsupported_is_left_out_on_both_levels_and_named() -> None:
    body = b'{%b,"labels":{"a":"b"},"generationConfig":{"seed":1,"top_k":2,"topP":1}}' % CONTENTS
    found = patched(body, unsupported=frozenset({"labels", "seed", "topK"}))
    assert found.body == b'{%b,"generationConfig":{"topP":1}}' % CONTENTS
    assert sorted(found.dropped) == ["labels", "seed", "top_k"]


def test_members_that_a_provider_demands_are_added_without_touching_settings() -> None:
    found = patched(b"{%b}" % CONTENTS, added={"store": False})
    assert found.body == b'{%b,"store":false}' % CONTENTS


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"contents":[]}', b'{"contents":[]}'),
        (b'{"generateContentRequest":null}', b'{"generateContentRequest":null}'),
        (b'{"generateContentRequest":{"contents":[]}}', b'{"generateContentRequest":{"contents":[]}}'),
        (
            b'{"generate_content_request": {"model":"models/asked", "a":1}}',
            b'{"generate_content_request": {"model":"models/routed", "a":1}}',
        ),
    ],
)
def test_a_request_to_count_names_the_routed_model(before: bytes, after: bytes) -> None:
    peek = GEMINI_COUNT_TOKENS.peek(before, Called(model="asked"))
    assert GEMINI_COUNT_TOKENS.patch_request(before, peek, RequestEdits(model_routed="routed")).body == after
    assert GEMINI_COUNT_TOKENS.patch_request(before, peek, RequestEdits(model_routed="asked")).body is before
