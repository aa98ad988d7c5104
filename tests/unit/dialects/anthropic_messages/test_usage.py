"""Usage in Messages: disjoint units, two reports of one stream, and what is written."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.dialects.anthropic_messages.usage import Counts, first_usage, merged, read_counts, tier_of, usage_members
from tollway.dialects.anthropic_messages.usage import usage_of as units
from tollway.neutral.usage import Usage


def read(**members: Any) -> Usage | None:
    return units(read_counts(msgspec.json.encode(members)))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"input_tokens": 3, "output_tokens": 7}, Usage(input=3, output=7)),
        ({"output_tokens": 7}, Usage(output=7)),
        ({"cache_read_input_tokens": 7}, None),
        (
            {"input_tokens": 3, "output_tokens": 7, "output_tokens_details": {"thinking_tokens": 4}},
            Usage(input=3, output=3, reasoning=4),
        ),
        (
            {"input_tokens": 3, "output_tokens": 7, "output_tokens_details": {"thinking_tokens": 9}},
            Usage(input=3, output=0, reasoning=7),
        ),
        ({"input_tokens": 3, "output_tokens_details": {"thinking_tokens": 9}}, Usage(input=3)),
        (
            {"input_tokens": 3, "cache_creation_input_tokens": 9, "cache_read_input_tokens": 2},
            Usage(input=3, cached_input=2, cache_write_5m=9),
        ),
        (
            {"input_tokens": 3, "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5}},
            Usage(input=3, cache_write_5m=4, cache_write_1h=5),
        ),
        (
            {
                "input_tokens": 3,
                "cache_creation_input_tokens": 20,
                "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 5},
            },
            Usage(input=3, cache_write_5m=15, cache_write_1h=5),
        ),
        (
            {"input_tokens": 3, "cache_creation_input_tokens": 20, "cache_creation": {}},
            Usage(input=3, cache_write_5m=20),
        ),
    ],
)
def test_counts_become_disjoint_units(members: dict[str, Any], expected: Usage | None) -> None:
    assert read(**members) == expected


@pytest.mark.parametrize(
    "junk", [b"null", b"5", b'{"input_tokens":-1}', b'{"input_tokens":1.5}', b'{"input_tokens":1e12}']
)
def test_junk_reports_nothing(junk: bytes) -> None:
    assert units(read_counts(junk)) is None


def test_what_summing_up_used_stands_beside_the_totals() -> None:
    iterations = [
        {"type": "compaction", "input_tokens": 60, "output_tokens": 5, "cache_read_input_tokens": 8},
        {"type": "message", "input_tokens": 3, "output_tokens": 7},
    ]
    assert read(input_tokens=3, output_tokens=7, iterations=iterations) == Usage(input=63, output=12, cached_input=8)


def test_lesson_40_the_later_report_supersedes_and_never_adds() -> None:
    first = Counts(input_tokens=3, cache_creation_input_tokens=9, cache_read_input_tokens=2, output_tokens=1)
    later = Counts(output_tokens=50, cache_read_input_tokens=4)
    assert units(merged(first, later)) == Usage(input=3, output=50, cached_input=4, cache_write_5m=9)
    again = Counts(input_tokens=3, cache_creation_input_tokens=9, output_tokens=50)
    assert units(merged(first, again)) == Usage(input=3, output=50, cached_input=2, cache_write_5m=9)
    assert merged(None, later) is later
    assert merged(first, None) is first
    assert merged(None, None) is None


def test_zeros_that_a_server_fills_in_at_the_end_do_not_make_the_input_free() -> None:
    first = Counts(input_tokens=3, cache_read_input_tokens=2, output_tokens=1)
    filled = Counts(input_tokens=0, cache_read_input_tokens=0, cache_creation_input_tokens=0, output_tokens=50)
    assert units(merged(first, filled)) == Usage(input=3, output=50, cached_input=2)
    moved = Counts(input_tokens=0, cache_read_input_tokens=5, output_tokens=50)
    assert units(merged(first, moved)) == Usage(input=0, output=50, cached_input=5)


def test_the_output_of_a_beginning_says_nothing() -> None:
    assert first_usage(Counts(input_tokens=3, output_tokens=1), None) == Usage(input=3)
    assert first_usage(Counts(input_tokens=3, output_tokens=1), "tool_use") == Usage(input=3, output=1)
    assert first_usage(None, None) is None


def test_nothing_known_has_no_tier() -> None:
    assert tier_of(None) is None


def test_sound_stands_with_the_rest_of_its_side() -> None:
    usage = Usage(input=3, audio_input=4, output=5, audio_output=6, reasoning=1)
    assert usage_members(usage, estimated=True) == {
        "input_tokens": 7,
        "output_tokens": 12,
        "output_tokens_details": {"thinking_tokens": 1},
        "estimated": True,
    }


COUNT = st.integers(0, 10**6)
MAYBE = st.none() | COUNT


@given(
    st.builds(
        Usage,
        input=COUNT,
        output=COUNT,
        cached_input=MAYBE,
        reasoning=MAYBE,
        cache_write_5m=COUNT,
        cache_write_1h=MAYBE,
    )
)
def test_what_is_written_is_read_again(usage: Usage) -> None:
    assert read(**usage_members(usage)) == usage


def test_a_cache_for_an_hour_alone_is_written_whole() -> None:
    assert read(**usage_members(Usage(input=1, output=1, cache_write_1h=5))) == Usage(
        input=1, output=1, cache_write_5m=0, cache_write_1h=5
    )
