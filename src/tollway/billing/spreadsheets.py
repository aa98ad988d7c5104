"""Tables as CSV, for spreadsheets and programs. Pure; knows no table."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula; people name accounts, tags and batches as they like."""


def csv_of(rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> str:
    """Return rows under a line of names. Nothing is an empty cell; of a text that looks like a formula, a quote makes a text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
    return text.getvalue()


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return "" if value is None else value
    text = value.replace("\r", " ")  # which ends a line for some readers, and Python does not quote it
    return f"'{text}" if value.startswith(FORMULA_STARTS) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    """Tell whether a text is a decimal below zero, as amounts are."""
    return text[0] == "-" and text[1:].replace(".", "", 1).isdecimal() and text[1:].isascii()
