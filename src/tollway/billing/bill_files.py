"""Reads a provider's bill from CSV: what it asks for each model on each day. Pure; knows no store and no surface.

A file is taken whole or not at all: whoever compares two sums must know that no line was left out.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from enum import StrEnum
from typing import NamedTuple, TypeVar

import msgspec

from tollway.errors import InputRefused
from tollway.ledger.bills import DAY_MS, BillLine
from tollway.money import AmountError, parse_amount, render_amount

BILL_BYTES_MAX = 8 * 1024 * 1024
"""A year of a hundred models, each day in a line for each of three keys; it is read into memory."""
BILL_LINES_MAX = 10_000
"""Of days and models: a year of 27 models. They are written in one transaction, which must not keep charges waiting."""
BILL_DAYS_MAX = 400
"""From the first day to the last: a year and what came late. A comparison reads all that was recorded in between."""
BILL_NANOS_MAX = 10**18
"""All amounts of a bill together, whatever their sign: a thousand million units. Then every sum of them fits 64 bits."""
BILL_TOKENS_MAX = 10**18
"""All tokens of a bill together, for the same reason."""
MODEL_CHARS_MAX = 200
"""As long as a model's name on our own lines."""
NUMBER_CHARS_MAX = 60
"""A float in full has 25 digits; anything of this length is no amount."""
MISTAKES_MAX = 20
"""Lines at fault that are told apart; more of them have one cause."""
COLUMNS_SHOWN_MAX = 30
_SHOWN_CHARS = 40
_AMOUNT_CHARS = frozenset("0123456789+-.eE")
"""Python reads more as a number than people mean: NaN, infinities, digits of other scripts, underscores."""

Read = TypeVar("Read")


class Rounding(StrEnum):
    """What becomes of amounts that are finer than a nano-unit."""

    REFUSE = "refuse"
    """They are mistakes."""
    NEAREST = "nearest"
    """They become the nearest nano-unit: for files in which somebody wrote floating-point numbers."""


class BillColumns(msgspec.Struct, frozen=True, kw_only=True):
    """What the columns of a file are called in its first line."""

    day: str = "date"
    model: str = "model"
    amount: str = "amount"
    tokens: str | None = None
    """None: the file's tokens, if there are any, are not read."""


class _Row(NamedTuple):
    """The fields of one line that count, as they stand there."""

    number: int
    day: str
    model: str
    amount: str
    tokens: str


class _Mistakes:
    """What is wrong with a file: the first few in words, the others counted."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._more = 0

    def add(self, sentence: str) -> None:
        if len(self._said) < MISTAKES_MAX:
            self._said.append(sentence)
        else:
            self._more += 1

    def raise_any(self) -> None:
        if self._said:
            more = (f"and {self._more} more",) if self._more else ()
            raise InputRefused((*self._said, *more))


def read_bill(
    content: bytes, columns: BillColumns, *, now_ms: int, rounding: Rounding = Rounding.REFUSE
) -> tuple[BillLine, ...]:
    """Return what a file asks for, one line for each day and model, in that order; raises InputRefused.

    The file is CSV in UTF-8 whose first line names the columns. Lines for the same day and model are added up.
    `now_ms` is the present: a bill is for days that have begun.
    """
    mistakes = _Mistakes()
    sums: dict[tuple[int, str], BillLine] = {}
    size = _Size()
    for row in _rows(content, columns, mistakes):
        try:
            line = _read_row(row, now_ms=now_ms, rounding=rounding)
        except ValueError as error:
            mistakes.add(f"line {row.number}: {error}")
            continue
        size.add(line)
        key = (line.day_ms, line.model)
        same = sums.get(key)
        sums[key] = line if same is None else _together(same, line)
    mistakes.raise_any()
    _check_size(sums, size)
    return tuple(line for _, line in sorted(sums.items(), key=lambda item: item[0]))


def _together(one: BillLine, other: BillLine) -> BillLine:
    tokens = one.tokens if other.tokens is None else (one.tokens or 0) + other.tokens
    return msgspec.structs.replace(one, amount_nanos=one.amount_nanos + other.amount_nanos, tokens=tokens)


class _Size:
    """How much a file asks for altogether, whatever the signs."""

    def __init__(self) -> None:
        self.nanos = 0
        self.tokens = 0

    def add(self, line: BillLine) -> None:
        self.nanos += abs(line.amount_nanos)
        self.tokens += line.tokens or 0


def _check_size(sums: Mapping[tuple[int, str], BillLine], size: _Size) -> None:
    if not sums:
        raise InputRefused(("the file has no line beside the names of its columns",))
    days = [day_ms for day_ms, _ in sums]
    if len(sums) > BILL_LINES_MAX:
        raise InputRefused(
            (f"the bill has {len(sums)} days and models, more than {BILL_LINES_MAX}: import it in parts",)
        )
    if max(days) - min(days) >= BILL_DAYS_MAX * DAY_MS:
        first, last = render_day(min(days)), render_day(max(days))
        raise InputRefused(
            (f"the bill goes from {first} to {last}, more than {BILL_DAYS_MAX} days: import it in parts",)
        )
    if size.nanos > BILL_NANOS_MAX or size.tokens > BILL_TOKENS_MAX:
        raise InputRefused((f"the bill is for more than {render_amount(BILL_NANOS_MAX)} or {BILL_TOKENS_MAX} tokens",))


def _rows(content: bytes, columns: BillColumns, mistakes: _Mistakes) -> Iterator[_Row]:
    """Yield the lines below the first that hold anything; raises InputRefused when the first is not as it should be."""
    reader = csv.reader(io.StringIO(_text_of(content), newline=""), strict=True)
    places: tuple[int, ...] = ()
    width = 0
    while True:
        number = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            mistakes.add(f"line {number}: this is not CSV ({error})")
            return
        if fields is None:
            break
        if not any(field.strip() for field in fields):
            continue
        if not places:
            places, width = _places(fields, columns), len(fields)
        elif len(fields) != width:
            mistakes.add(f"line {number}: {len(fields)} fields, where the first line names {width}")
        else:
            day, model, amount, *tokens = (fields[place].strip() for place in places)
            yield _Row(number, day, model, amount, *tokens or ("",))
    if not places:
        raise InputRefused(("the file is empty: its first line names the columns",))


def _text_of(content: bytes) -> str:
    if len(content) > BILL_BYTES_MAX:
        raise InputRefused((f"the file is larger than {BILL_BYTES_MAX} bytes: import it in parts",))
    try:
        return content.decode("utf-8-sig")  # spreadsheets begin a file with a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputRefused((f"line {line}: the file is not in UTF-8: save it so",)) from None


def _places(header: Sequence[str], columns: BillColumns) -> tuple[int, ...]:
    """Return where the wanted columns are; raises InputRefused naming those that are not there, or there twice."""
    names = [name.strip() for name in header]
    wanted = {"day": columns.day, "model": columns.model, "amount": columns.amount}
    if columns.tokens is not None:
        wanted["tokens"] = columns.tokens
    wrong: list[str] = []
    for what, name in wanted.items():
        if names.count(name) != 1:
            there = "more than one column" if name in names else "no column"
            wrong.append(f"there is {there} {_shown(name)}: say which one holds the {what}")
    if wrong:
        shown = ", ".join(_shown(name) for name in names[:COLUMNS_SHOWN_MAX])
        raise InputRefused((*wrong, f"the file's columns are {shown}"))
    return tuple(names.index(name) for name in wanted.values())


def _read_row(row: _Row, *, now_ms: int, rounding: Rounding) -> BillLine:
    """Return what a line asks for; raises ValueError with all that is wrong with it."""
    wrong: list[str] = []

    def tried(read: Callable[[], Read]) -> Read | None:
        try:
            return read()
        except ValueError as error:
            wrong.append(str(error))
            return None

    day_ms = tried(lambda: _read_day(row.day, now_ms=now_ms))
    nanos = tried(lambda: _read_amount(row.amount, rounding))
    tokens = tried(lambda: _read_tokens(row.tokens))
    if len(row.model) > MODEL_CHARS_MAX or not row.model.isprintable():
        wrong.append(f"a model has at most {MODEL_CHARS_MAX} printable characters")
    if wrong:
        raise ValueError("; ".join(wrong))
    return BillLine(day_ms=day_ms or 0, model=row.model, amount_nanos=nanos or 0, tokens=tokens)


def parse_day(text: str) -> int:
    """Return the first millisecond of the UTC day of a date or time such as 2026-01-31; raises ValueError."""
    try:
        at = datetime.fromisoformat(text)
        at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{_shown(text)} is not a day such as 2026-01-31") from None
    return int(at.timestamp()) // (DAY_MS // 1000) * DAY_MS


def render_day(day_ms: int) -> str:
    """Return a day's date: ``2026-01-31``."""
    return datetime.fromtimestamp(day_ms / 1000, tz=UTC).date().isoformat()


def _read_day(text: str, *, now_ms: int) -> int:
    day_ms = parse_day(text)
    if day_ms > now_ms + DAY_MS:  # somebody's day may have begun before ours
        raise ValueError(f"{render_day(day_ms)} is still to come")
    return day_ms


def _read_amount(text: str, rounding: Rounding) -> int:
    if not _AMOUNT_CHARS.issuperset(text) or len(text) > NUMBER_CHARS_MAX:
        raise AmountError(f"{_shown(text)} is not a decimal amount such as 5.00")
    return parse_amount(text if rounding is Rounding.REFUSE else _rounded(text))


def _rounded(text: str) -> str:
    """Return an amount to the nearest nano-unit; what is no amount stays as it is, for `parse_amount` to refuse."""
    try:
        return str(Decimal(text).quantize(Decimal("1E-9"), ROUND_HALF_EVEN, Context(prec=NUMBER_CHARS_MAX)))
    except InvalidOperation:
        return text


def _read_tokens(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > NUMBER_CHARS_MAX:
        raise ValueError(f"{_shown(text)} is not a number of tokens")
    return int(text)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…")
