"""Amounts: read exactly or not at all, shown exactly, rounded in one direction."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.money import (
    AMOUNT_NANOS_MAX,
    AmountError,
    divide_up,
    parse_amount,
    parse_rate,
    render_amount,
    render_json_number,
    render_rate,
)

AMOUNTS = st.integers(-AMOUNT_NANOS_MAX, AMOUNT_NANOS_MAX)


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("5", 5_000_000_000),
        (" 5.00 ", 5_000_000_000),
        ("-1.50", -1_500_000_000),
        ("0.000000001", 1),
        ("1e-9", 1),
        ("9223372036.854775807", AMOUNT_NANOS_MAX),
    ],
)
def test_an_amount_is_read_exactly(text: str, nanos: int) -> None:
    assert parse_amount(text) == nanos


@pytest.mark.parametrize(
    "text", ["", "x", "5 USD", "NaN", "Infinity", "-inf", "1e30", "0.0000000001", "9223372036.854775808", "1,5"]
)
def test_an_amount_is_never_rounded_or_guessed(text: str) -> None:
    with pytest.raises(AmountError):
        parse_amount(text)


@pytest.mark.parametrize(
    "text",
    [
        "1.0000000000000000000000000000000000001",
        "1e999999",
        "1e-9999999",
        "-1e999999999999999999",
        "1e9999999999999999999",
    ],
)
def test_more_digits_or_a_larger_exponent_than_decimals_default_are_refused_like_any_other(text: str) -> None:
    with pytest.raises(AmountError):
        parse_amount(text)


@pytest.mark.parametrize(("text", "ppm"), [("10%", 100_000), ("0%", 0), ("0.5%", 5_000), (" 0.0001% ", 1)])
def test_a_rate_is_read_in_parts_per_million(text: str, ppm: int) -> None:
    assert parse_rate(text) == ppm


@given(st.integers(0, 10**9))
def test_a_rate_is_shown_as_it_is_written(ppm: int) -> None:
    assert parse_rate(render_rate(ppm)) == ppm


@pytest.mark.parametrize(("ppm", "text"), [(0, "0%"), (1, "0.0001%"), (505_000, "50.5%"), (1_200_000, "120%")])
def test_a_rate_is_shown_without_noise(ppm: int, text: str) -> None:
    assert render_rate(ppm) == text


@pytest.mark.parametrize("text", ["10", "%", "-1%", "0.00001%", "x%"])
def test_what_is_not_a_rate_is_refused(text: str) -> None:
    with pytest.raises(AmountError):
        parse_rate(text)


@pytest.mark.parametrize(
    ("nanos", "shown", "number"),
    [
        (0, "0.00", "0"),
        (5_000_000_000, "5.00", "5"),
        (12_345, "0.000012345", "0.000012345"),
        (-1_500_000_000, "-1.50", "-1.5"),
        (-1, "-0.000000001", "-0.000000001"),
    ],
)
def test_an_amount_is_shown_exactly(nanos: int, shown: str, number: str) -> None:
    assert render_amount(nanos) == shown
    assert render_json_number(nanos) == number


@given(AMOUNTS)
def test_what_is_shown_is_read_back(nanos: int) -> None:
    assert parse_amount(render_amount(nanos)) == nanos
    assert json.loads(render_json_number(nanos), parse_float=Decimal, parse_int=Decimal).scaleb(9) == nanos


@given(AMOUNTS, st.integers(1, 10**9))
def test_division_rounds_up(dividend: int, divisor: int) -> None:
    assert 0 <= divide_up(dividend, divisor) * divisor - dividend < divisor
