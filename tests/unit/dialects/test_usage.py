"""Providers' counts in disjoint units: no token stands in two of them, and None is never zero."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.dialects.openai_usage import COUNT_MAX, is_all_zero, read_usage, usage_with_costs
from tollway.dialects.record import CostFields
from tollway.money import render_json_number
from tollway.neutral.usage import Usage

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
FIELDS = b'"base_cost_usd":0.0001925,"platform_fee_usd":0.00001925,"total_cost_usd":0.00021175'


@pytest.mark.parametrize(
    ("found", "usage"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, Usage(input=10, output=5)),
        ({"prompt_tokens": 10, "completion_tokens": 0}, Usage(input=10, output=0)),
        ({"prompt_tokens": 10}, Usage(input=10)),
        ({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 10}}, Usage(input=0, cached_input=10)),
        ({"completion_tokens": 5}, Usage(output=5)),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 10},
                "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 5},
            },
            Usage(input=30, cached_input=60, audio_input=10, output=15, reasoning=30, audio_output=5),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "prompt_tokens_details": {"cached_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
            Usage(input=100, cached_input=0, output=50, reasoning=0),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "prompt_cache_hit_tokens": 64,
                "prompt_cache_miss_tokens": 36,
            },
            Usage(input=36, cached_input=64, output=5),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 64},
                "prompt_cache_hit_tokens": 64,
            },
            Usage(input=36, cached_input=64, output=5),
        ),
    ],
)
def test_what_is_included_is_taken_out(found: dict[str, object], usage: Usage) -> None:
    assert read_usage(json.dumps(found).encode()) == usage


def test_the_total_tells_that_reasoning_stands_beside_the_completion() -> None:
    beside = b'{"prompt_tokens":12,"completion_tokens":9,"total_tokens":321,"completion_tokens_details":{"reasoning_tokens":300}}'
    assert read_usage(beside) == Usage(input=12, output=9, reasoning=300)
    also_smaller = b'{"prompt_tokens":12,"completion_tokens":9,"total_tokens":25,"completion_tokens_details":{"reasoning_tokens":4}}'
    assert read_usage(also_smaller) == Usage(input=12, output=9, reasoning=4)


def test_what_only_the_total_counts_is_reasoning() -> None:
    assert read_usage(b'{"prompt_tokens":10,"completion_tokens":20,"total_tokens":530}') == Usage(
        input=10, output=20, reasoning=500
    )


def test_more_reasoning_than_completion_counts_only_if_the_total_does_not_deny_it() -> None:
    found = '{"prompt_tokens":1,"completion_tokens":9,%s"completion_tokens_details":{"reasoning_tokens":30}}'
    assert read_usage((found % "").encode()) == Usage(input=1, output=9, reasoning=30)
    assert read_usage((found % '"total_tokens":50,').encode()) == Usage(input=1, output=9, reasoning=30)
    assert read_usage((found % '"total_tokens":10,').encode()) == Usage(input=1, output=9)


def test_a_detail_that_contradicts_its_count_is_not_believed() -> None:
    found = (
        b'{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":161}}'
    )
    assert read_usage(found) == Usage(input=10, output=1)


def test_sound_that_was_cached_is_counted_once() -> None:
    found = b'{"prompt_tokens":100,"prompt_tokens_details":{"cached_tokens":90,"audio_tokens":80}}'
    assert read_usage(found) == Usage(input=0, cached_input=90, audio_input=10)
    spoken = b'{"completion_tokens":100,"total_tokens":100,"completion_tokens_details":{"reasoning_tokens":90,"audio_tokens":80}}'
    assert read_usage(spoken) == Usage(output=0, reasoning=90, audio_output=10)


@pytest.mark.parametrize(
    "found",
    [
        b"null",
        b"{}",
        b"[]",
        b"5",
        b'"none"',
        b'{"input_tokens":5}',
        b'{"prompt_tokens":null,"completion_tokens":null}',
        b'{"prompt_tokens":-1,"completion_tokens":5}',
        b'{"prompt_tokens":1.5,"completion_tokens":5}',
        b'{"prompt_tokens":"1","completion_tokens":5}',
        b'{"prompt_tokens":true,"completion_tokens":5}',
        b'{"prompt_tokens":%d}' % (COUNT_MAX + 1),
        b'{"prompt_tokens":' + b"9" * 400 + b"}",
        b'{"prompt_tokens":5,"prompt_tokens_details":[]}',
        b'{"prompt_tokens":5,"completion_tokens_details":{"reasoning_tokens":"x"}}',
    ],
)
def test_junk_is_not_a_report(found: bytes) -> None:
    assert read_usage(found) is None


def test_all_zero_is_told_from_any_count() -> None:
    assert is_all_zero(Usage(input=0, output=0))
    assert is_all_zero(Usage())
    assert not is_all_zero(Usage(input=0, audio_output=1))


def test_the_cost_stands_behind_the_providers_own_bytes() -> None:
    assert usage_with_costs(b'{ "prompt_tokens": 1e0 }', COSTS, None) == b'{ "prompt_tokens": 1e0,%b }' % FIELDS
    assert usage_with_costs(b"{}", COSTS, None) == b"{%b}" % FIELDS


def test_cost_fields_that_the_provider_sent_are_replaced_and_not_doubled() -> None:
    found = b'{"base_cost_usd":9,"prompt_tokens":1,"total_c\\u006fst_usd":9}'
    assert usage_with_costs(found, COSTS, None) == b'{"prompt_tokens":1,%b}' % FIELDS


def test_other_fields_of_the_provider_stay() -> None:
    found = b'{"prompt_tokens":1,"cost_usd":7,"note":"\\u00e4"}'
    assert usage_with_costs(found, COSTS, None) == found[:-1] + b"," + FIELDS + b"}"


def test_the_fields_are_called_after_the_currency() -> None:
    costs = CostFields(base_nanos=0, fee_nanos=0, total_nanos=1_000_000_000, currency="CNY")
    assert usage_with_costs(b"{}", costs, None) == b'{"base_cost_cny":0,"platform_fee_cny":0,"total_cost_cny":1}'


def test_an_estimate_says_that_it_is_one() -> None:
    estimate = Usage(input=1, cached_input=2, audio_input=3, output=4, reasoning=5, audio_output=6)
    assert usage_with_costs(None, COSTS, estimate) == (
        b'{"prompt_tokens":6,"completion_tokens":15,"total_tokens":21,"estimated":true,%b}' % FIELDS
    )
    assert usage_with_costs(None, COSTS, None) == b'{"estimated":true,%b}' % FIELDS


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_every_amount_is_shown_as_money_shows_it(base: int, fee: int) -> None:
    costs = CostFields(base_nanos=base, fee_nanos=fee, total_nanos=base + fee, currency="USD")
    shown = json.loads(usage_with_costs(b"{}", costs, None), parse_float=str, parse_int=str)
    assert list(shown.values()) == [render_json_number(nanos) for nanos in (base, fee, base + fee)]


def test_what_a_package_of_tokens_paid_stands_beside_the_costs_and_nothing_of_the_providers_in_its_place() -> None:
    costs = CostFields(base_nanos=0, fee_nanos=0, total_nanos=0, currency="USD", package_micros=1_250_500)
    shown = usage_with_costs(b'{"prompt_tokens":1,"package_tokens":9}', costs, None)
    assert msgspec.json.decode(shown) == {
        "prompt_tokens": 1,
        "base_cost_usd": 0,
        "platform_fee_usd": 0,
        "total_cost_usd": 0,
        "package_tokens": 1.2505,
    }
