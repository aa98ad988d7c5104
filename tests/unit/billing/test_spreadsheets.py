"""Tables as CSV."""

import csv
import io

import pytest

from tollway.billing.reports import parse_divisions
from tollway.billing.spreadsheets import csv_of
from tollway.errors import CommandRefused
from tollway.ledger.usage import Division


def test_rows_stand_under_their_names_and_nothing_is_empty() -> None:
    text = csv_of([{"a": 1, "b": None}, {"b": 'x, "y"\nz'}], ("a", "b"))
    assert list(csv.reader(io.StringIO(text))) == [["a", "b"], ["1", ""], ["", 'x, "y"\nz']]


@pytest.mark.parametrize("text", ["=1+1", "+1", "@x", "-x", "\tx", "\rx", "-1-2", "-", "-²"])
def test_a_text_that_a_spreadsheet_would_take_for_a_formula_stays_a_text(text: str) -> None:
    written = io.StringIO(csv_of([{"a": text}], ("a",)), newline="")
    assert list(csv.reader(written)) == [["a"], [f"'{text}".replace("\r", " ")]]


@pytest.mark.parametrize("text", ["-1", "-0.000000001", "x=1", "5.00"])
def test_amounts_and_other_texts_stay_what_they_are(text: str) -> None:
    assert csv_of([{"a": text}], ("a",)) == f"a\n{text}\n"


def test_words_say_what_usage_is_divided_by() -> None:
    assert parse_divisions("day, end-user,sub_account") == (Division.DAY, Division.END_USER, Division.SUB_ACCOUNT)
    with pytest.raises(CommandRefused, match="not divided by 'colour'"):
        parse_divisions("colour")
