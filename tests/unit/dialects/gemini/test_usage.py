"""Gemini's counts overlap; ours do not, and back again."""

import json

import pytest

from tests.unit.dialects.gemini.gemini_chunks import COST_VALUES, COSTS, encoded
from tollway.dialects.gemini.usage import new_usage, read_counts, usage_of, usage_with_costs
from tollway.dialects.record import Closing
from tollway.neutral.usage import Usage


def read(usage: object) -> Usage | None:
    return usage_of(read_counts(encoded(usage)))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 33, "thoughtsTokenCount": 20},
            Usage(input=9, output=4, reasoning=20),
        ),
        (
            {"promptTokenCount": 10, "cachedContentTokenCount": 8, "candidatesTokenCount": 1, "totalTokenCount": 11},
            Usage(input=2, cached_input=8, output=1),
        ),
        ({"promptTokenCount": 8, "totalTokenCount": 8}, Usage(input=8, output=0)),
        ({"promptTokenCount": 8}, Usage(input=8)),
        ({"candidatesTokenCount": 8}, Usage(output=8)),
        ({"toolUsePromptTokenCount": 2, "candidatesTokenCount": 8}, Usage(input=2, output=8)),
        (
            {"promptTokenCount": 9, "candidatesTokenCount": 27, "totalTokenCount": 318, "toolUsePromptTokenCount": 61}
            | {"thoughtsTokenCount": 221},
            Usage(input=70, output=27, reasoning=221),
        ),
        (
            {"promptTokenCount": 9, "candidatesTokenCount": 30, "totalTokenCount": 39, "thoughtsTokenCount": 20},
            Usage(input=9, output=10, reasoning=20),
        ),
        (
            {"promptTokenCount": 10, "candidatesTokenCount": 9, "totalTokenCount": 19, "cachedContentTokenCount": 4}
            | {"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 7}, {"modality": "TEXT", "tokenCount": 3}]}
            | {"cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 4}]}
            | {"candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 5}, {"modality": "TEXT"}]},
            Usage(input=3, cached_input=4, audio_input=3, output=4, audio_output=5),
        ),
        ({"trafficType": "ON_DEMAND"}, None),
        (None, None),
        ({"promptTokenCount": -1}, None),
        ({"promptTokenCount": "many"}, None),
    ],
)
def test_counts_become_disjoint(said: object, expected: Usage | None) -> None:
    assert read(said) == expected


@pytest.mark.parametrize(
    "usage",
    [
        Usage(input=3, output=2),
        Usage(input=3, cached_input=4, output=2, reasoning=7),
        Usage(input=3, output=2, audio_input=5, audio_output=6),
        Usage(input=3, cached_input=0, output=0, reasoning=0),
    ],
)
def test_what_we_write_we_read(usage: Usage) -> None:
    written = new_usage(Closing(usage=usage, estimated=False, costs=COSTS))
    assert usage_of(read_counts(written)) == usage
    assert json.loads(written).items() >= COST_VALUES.items()


def test_writes_to_a_cache_are_part_of_the_prompt() -> None:
    written = new_usage(
        Closing(usage=Usage(input=1, cache_write_5m=2, cache_write_1h=3, output=1), estimated=True, costs=None)
    )
    assert json.loads(written) == {
        "promptTokenCount": 6,
        "candidatesTokenCount": 1,
        "totalTokenCount": 7,
        "estimated": True,
    }


@pytest.mark.parametrize("found", [None, b"null", b'{"promptTokenCount":-4}', b'{"promptTokenCount":0}'])
def test_an_estimate_takes_the_place_of_what_is_no_report(found: bytes | None) -> None:
    closing = Closing(usage=Usage(input=1, output=1), estimated=True, costs=None)
    assert usage_with_costs(found, closing) == new_usage(closing)


def test_what_else_stands_in_the_place_of_usage_stays() -> None:
    closing = Closing(usage=Usage(input=1, output=1), estimated=True, costs=None)
    shown = json.loads(usage_with_costs(b'{"trafficType":"ON_DEMAND"}', closing))
    assert shown == {"trafficType": "ON_DEMAND"} | json.loads(new_usage(closing))
