"""Addresses that hold their bytes, words for why a choice ended, and the members that show what was charged."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.dialects.cost_fields import PACKAGE_TOKENS, cost_members, with_costs
from tollway.dialects.data_url import source_of, url_of
from tollway.dialects.openai_words import BROKEN, STOP_REASONS, STOP_WORDS, stop_reason
from tollway.dialects.record import CostFields
from tollway.money import render_json_number
from tollway.neutral.events import StopReason
from tollway.neutral.parts import Inline, Url

# -- addresses

MEDIA_TYPES = st.from_regex(r"[a-z]{1,5}/[a-z0-9.+-]{1,8}", fullmatch=True)
BASE64 = st.binary(max_size=9).map(lambda data: __import__("base64").b64encode(data).decode())


@given(MEDIA_TYPES, BASE64)
def test_a_source_comes_back_from_its_address(media_type: str, data: str) -> None:
    source = Inline(media_type=media_type, data=data)
    assert source_of(url_of(source), media_type="other/type") == source


@pytest.mark.parametrize("url", ["https://h/a.png", "gs://bucket/x", "", "dat", "file-data:x", " data:,"])
def test_any_other_address_stays_one(url: str) -> None:
    assert source_of(url, media_type="image/png") == Url(url=url)
    assert url_of(Url(url=url)) == url


@pytest.mark.parametrize(
    ("url", "media_type"),
    [
        ("data:;base64,AA==", "image/png"),
        ("data:image/gif;base64,AA==", "image/gif"),
        ("data:text/plain;charset=utf-8;base64,AA==", "text/plain"),
        ("DATA:image/gif;BASE64,AA==", "image/gif"),
    ],
)
def test_the_type_is_what_the_address_says_and_else_what_was_expected(url: str, media_type: str) -> None:
    assert source_of(url, media_type="image/png") == Inline(media_type=media_type, data="AA==")


@pytest.mark.parametrize("url", ["data:", "data:,", "data:text/plain,hello", "data:image/png;base64", "Data:x"])
def test_bytes_that_are_not_in_base64_are_nothing_that_is_carried(url: str) -> None:
    assert source_of(url, media_type="image/png") is None


# -- why a choice ended


def test_every_reason_has_a_word_for_clients_which_is_one_of_openais() -> None:
    assert set(STOP_WORDS) == set(StopReason)
    assert set(STOP_WORDS.values()) <= {"stop", "length", "tool_calls", "content_filter"}


@pytest.mark.parametrize("word", sorted(set(STOP_WORDS.values())))
def test_a_word_that_we_write_is_read_as_itself(word: str) -> None:
    assert STOP_WORDS[stop_reason(word)] == word


@pytest.mark.parametrize("word", sorted(STOP_REASONS))
def test_words_are_read_in_any_case(word: str) -> None:
    assert stop_reason(word.upper()) is stop_reason(word) is STOP_REASONS[word]
    assert word == word.lower()
    assert word not in BROKEN


@given(st.text(max_size=9))
def test_any_other_word_is_other(word: str) -> None:
    assert stop_reason(word) is STOP_REASONS.get(word.lower(), StopReason.OTHER)


# -- amounts

COSTS = CostFields(base_nanos=192_500, fee_nanos=19_250, total_nanos=211_750, currency="USD")
SHOWN = {"base_cost_usd": 0.0001925, "platform_fee_usd": 0.00001925, "total_cost_usd": 0.00021175}


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.sampled_from(["USD", "CNY", "EUR"]))
def test_amounts_are_exact_decimals_under_the_names_of_their_currency(base: int, fee: int, currency: str) -> None:
    costs = CostFields(base_nanos=base, fee_nanos=fee, total_nanos=base + fee, currency=currency)
    members = json.loads(b"{%b}" % cost_members(costs), parse_float=str, parse_int=str)
    suffix = currency.lower()
    assert members == {
        f"base_cost_{suffix}": render_json_number(base),
        f"platform_fee_{suffix}": render_json_number(fee),
        f"total_cost_{suffix}": render_json_number(base + fee),
    }


def test_tokens_of_a_package_are_shown_beside_the_amounts() -> None:
    costs = CostFields(base_nanos=0, fee_nanos=0, total_nanos=0, currency="USD", package_micros=1_500_000)
    assert json.loads(b"{%b}" % cost_members(costs))[PACKAGE_TOKENS] == 1.5
    assert json.loads(with_costs(b'{"package_tokens":9,"a":1}', costs)) == {
        "a": 1,
        **dict.fromkeys(SHOWN, 0),
        PACKAGE_TOKENS: 1.5,
    }


def test_the_total_is_told_once_more_under_the_name_that_clients_know_and_not_the_providers() -> None:
    costs = msgspec.structs.replace(COSTS, total_name="cost")
    assert json.loads(with_costs(b'{"a":1}', costs)) == {"a": 1, **SHOWN, "cost": 0.00021175}
    pairs = json.loads(with_costs(b'{"cost":99,"cost_details":{"x":1},"a":1}', costs), object_pairs_hook=list)
    assert pairs == [("cost_details", [("x", 1)]), ("a", 1), *SHOWN.items(), ("cost", 0.00021175)]


@pytest.mark.parametrize(
    "found",
    [
        b"{}",
        b' { "prompt_tokens" : 1e0 } ',
        b'{"note":"in_usd"}',
        b'{"cost_usd":1,"x":{"total_cost_usd":5}}',
        b'{"\\u0061":1}',
    ],
)
def test_what_a_provider_says_stays_in_its_very_bytes_before_the_amounts(found: bytes) -> None:
    shown = with_costs(found, COSTS)
    head = found.rstrip(b" }\n")
    assert shown.startswith(head)
    assert json.loads(shown) == {**json.loads(found), **SHOWN}


@pytest.mark.parametrize(
    "found",
    [
        b'{"total_cost_usd":99,"prompt_tokens":3}',
        b'{"prompt_tokens":3,"total_cost\\u005fusd":99}',
        b'{"base_cost_usd":1,"platform_fee_usd":1,"total_cost_usd":2,"prompt_tokens":3}',
    ],
)
def test_amounts_that_a_provider_made_up_are_not_ours(found: bytes) -> None:
    pairs = json.loads(with_costs(found, COSTS), object_pairs_hook=list)
    assert pairs == [("prompt_tokens", 3), *SHOWN.items()]
