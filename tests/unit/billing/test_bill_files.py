"""A provider's bill from CSV: taken whole, or refused with every line at fault."""

import pytest

from tollway.billing import bill_files
from tollway.billing.bill_files import (
    BILL_BYTES_MAX,
    BILL_DAYS_MAX,
    BILL_LINES_MAX,
    BILL_NANOS_MAX,
    BILL_TOKENS_MAX,
    MISTAKES_MAX,
    BillColumns,
    Rounding,
    parse_day,
    read_bill,
    render_day,
)
from tollway.errors import InputRefused
from tollway.ledger.bills import DAY_MS, BillLine
from tollway.money import NANOS_PER_UNIT

FIRST = parse_day("2026-09-01")
NOW_MS = parse_day("2026-09-30") + DAY_MS // 2
COLUMNS = BillColumns(tokens="tokens")


def read(*lines: str, columns: BillColumns = COLUMNS, rounding: Rounding = Rounding.REFUSE) -> tuple[BillLine, ...]:
    return read_bill("\n".join(lines).encode(), columns, now_ms=NOW_MS, rounding=rounding)


def mistakes(*lines: str, columns: BillColumns = COLUMNS) -> tuple[str, ...]:
    with pytest.raises(InputRefused) as refused:
        read(*lines, columns=columns)
    return refused.value.mistakes


def row(line: str) -> str:
    """Return what is wrong with a line that stands alone below the header."""
    (mistake,) = mistakes("date,model,amount,tokens", line)
    assert mistake.startswith("line 2: ")
    return mistake.removeprefix("line 2: ")


def test_a_bill_is_read_to_the_last_nano_unit() -> None:
    lines = read("date,model,amount,tokens", "2026-09-01,gpt-4o,1.000000001,1200", "2026-09-02,gpt-4o,0.5,")
    assert lines == (
        BillLine(day_ms=FIRST, model="gpt-4o", amount_nanos=NANOS_PER_UNIT + 1, tokens=1200),
        BillLine(day_ms=FIRST + DAY_MS, model="gpt-4o", amount_nanos=NANOS_PER_UNIT // 2, tokens=None),
    )


def test_columns_are_found_by_name_wherever_they_stand() -> None:
    columns = BillColumns(day="Usage Date", model="SKU", amount="Cost (USD)")
    lines = read('Project,Cost (USD),SKU , Usage Date\n"a,b",2,m,2026-09-01', columns=columns)
    assert lines == (BillLine(day_ms=FIRST, model="m", amount_nanos=2 * NANOS_PER_UNIT),)


def test_lines_of_the_same_day_and_model_are_added_up_and_sorted() -> None:
    lines = read(
        "date,model,amount,tokens",
        "2026-09-02,m,1,",
        "2026-09-01T23:59:59Z,m,1,10",
        "2026-09-01,m,-3,",
        "2026-09-01,m,0.5,5",
    )
    assert lines == (
        BillLine(day_ms=FIRST, model="m", amount_nanos=-3 * NANOS_PER_UNIT // 2, tokens=15),
        BillLine(day_ms=FIRST + DAY_MS, model="m", amount_nanos=NANOS_PER_UNIT, tokens=None),
    )


@pytest.mark.parametrize(
    "day", ["2026-09-01", "20260901", "2026-09-01T00:00:00Z", "2026-09-02 01:00:00+02:00", "2026-08-31T20:00:00-04:00"]
)
def test_a_day_is_that_of_utc(day: str) -> None:
    (line,) = read("date,model,amount,tokens", f"{day},m,1,")
    assert render_day(line.day_ms) == "2026-09-01"


def test_a_credit_is_below_zero_and_needs_no_model() -> None:
    (line,) = read("date,model,amount,tokens", "2026-09-01,,-5,")
    assert (line.model, line.amount_nanos) == ("", -5 * NANOS_PER_UNIT)


def test_what_spreadsheets_do_to_a_file_is_understood() -> None:
    content = b'\xef\xbb\xbfdate,model,amount\r\n"2026-09-01","m","1"\r\n,,\r\n\r\n'
    assert len(read_bill(content, BillColumns(), now_ms=NOW_MS)) == 1


@pytest.mark.parametrize("amount", ["", "abc", "$1", "1_000", '"1,000"', "1 000", "١", "0x10", "9" * 61, "nan", "-inf"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    assert "is not a decimal amount" in row(f"2026-09-01,m,{amount},")


@pytest.mark.parametrize("amount", ["1e30", "1e999999999999999999", "9223372036.854775808", "-9223372036.854775808"])
def test_an_amount_that_is_too_large_is_refused(amount: str) -> None:
    assert "is too large to be kept exactly" in row(f"2026-09-01,m,{amount},")


def test_an_amount_finer_than_a_nano_unit_is_refused_unless_rounding_is_asked_for() -> None:
    header, line = "date,model,amount", "2026-09-01,m,0.24275999999999998"
    assert "is finer than a nano-unit" in mistakes(header, line, columns=BillColumns())[0]
    (rounded,) = read(header, line, columns=BillColumns(), rounding=Rounding.NEAREST)
    assert rounded.amount_nanos == 242_760_000


@pytest.mark.parametrize("amount", ["nan", "inf", "1e30", "abc", ""])
def test_rounding_makes_no_amount_of_what_is_none(amount: str) -> None:
    with pytest.raises(InputRefused):
        read("date,model,amount", f"2026-09-01,m,{amount}", columns=BillColumns(), rounding=Rounding.NEAREST)


@pytest.mark.parametrize("tokens", ["-1", "1.5", "1e3", "many", "٣", "9" * 61])
def test_what_is_no_number_of_tokens_is_refused(tokens: str) -> None:
    assert "is not a number of tokens" in row(f"2026-09-01,m,1,{tokens}")


@pytest.mark.parametrize(
    "day", ["", "yesterday", "09/01/2026", "2026-02-30", "1725148800", "0001-01-01T00:00:00+14:00"]
)
def test_what_is_no_day_is_refused(day: str) -> None:
    assert "is not a day such as 2026-01-31" in row(f"{day},m,1,")


def test_a_day_to_come_is_refused() -> None:
    assert row("2026-10-02,m,1,") == "2026-10-02 is still to come"
    assert read("date,model,amount,tokens", "2026-10-01,m,1,"), "somewhere it has begun"


@pytest.mark.parametrize("model", ["m\x00", "a\tb", "x" * 201])
def test_a_model_that_no_database_should_hold_is_refused(model: str) -> None:
    assert "printable characters" in row(f"2026-09-01,{model},1,")


def test_every_line_at_fault_is_named_at_once_and_every_mistake_in_it() -> None:
    found = mistakes("date,model,amount,tokens", "2026-09-01,m,x,y", "2026-09-01,m,1,1", "2026-09-01,m,1", "?,m,1,1")
    assert found == (
        "line 2: 'x' is not a decimal amount such as 5.00; 'y' is not a number of tokens",
        "line 4: 3 fields, where the first line names 4",
        "line 5: '?' is not a day such as 2026-01-31",
    )


def test_a_line_number_is_that_of_the_file_even_below_fields_of_many_lines() -> None:
    assert mistakes('date,model,amount,"to\nkens"', "", "2026-09-01,m,x,1", columns=BillColumns())[0].startswith(
        "line 4:"
    )


def test_of_many_mistakes_the_first_are_told_and_the_others_counted() -> None:
    found = mistakes("date,model,amount,tokens", *["2026-09-01,m,x,1"] * (MISTAKES_MAX + 7))
    assert len(found) == MISTAKES_MAX + 1
    assert found[-1] == "and 7 more"


def test_a_long_field_is_not_repeated_whole() -> None:
    assert len(row(f"{'9' * 100_000},m,1,")) < 200


def test_columns_that_are_missing_or_there_twice_are_all_named() -> None:
    assert mistakes("Date,model,model,cost", "2026-09-01,m,m,1", columns=BillColumns()) == (
        "there is no column 'date': say which one holds the day",
        "there is more than one column 'model': say which one holds the model",
        "there is no column 'amount': say which one holds the amount",
        "the file's columns are 'Date', 'model', 'model', 'cost'",
    )


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(content: bytes) -> None:
    with pytest.raises(InputRefused, match="the file is empty"):
        read_bill(content, COLUMNS, now_ms=NOW_MS)


def test_a_file_with_nothing_but_names_is_refused() -> None:
    assert mistakes("date,model,amount,tokens") == ("the file has no line beside the names of its columns",)


def test_what_is_not_utf_8_is_refused_with_its_line() -> None:
    with pytest.raises(InputRefused, match="line 2: the file is not in UTF-8"):
        read_bill(b"date,model,amount\n2026-09-01,m\xe9,1\n", BillColumns(), now_ms=NOW_MS)


@pytest.mark.parametrize("line", ['2026-09-01,"m,1,1', '2026-09-01,"m"x,1,1', f"2026-09-01,{'m' * 140_000},1,1"])
def test_what_is_not_csv_is_refused_with_its_line(line: str) -> None:
    assert row(line).startswith("this is not CSV")


# -- how large a bill may be


def test_a_file_over_the_limit_is_refused() -> None:
    head = b"date,model,amount\n2026-09-01,m,1\n"
    assert read_bill(head + b"\n" * (BILL_BYTES_MAX - len(head)), BillColumns(), now_ms=NOW_MS)
    with pytest.raises(InputRefused, match="larger than"):
        read_bill(head + b"\n" * (BILL_BYTES_MAX - len(head) + 1), BillColumns(), now_ms=NOW_MS)


def test_days_and_models_over_the_limit_are_refused() -> None:
    rows = [f"2026-09-01,m{number},1,1" for number in range(BILL_LINES_MAX)]
    assert len(read("date,model,amount,tokens", *rows)) == BILL_LINES_MAX
    assert "import it in parts" in mistakes("date,model,amount,tokens", *rows, "2026-09-01,m,1,1")[0]


def test_a_bill_over_more_days_than_a_comparison_reads_is_refused() -> None:
    last = "2026-09-01,m,1,1"
    first = render_day(FIRST - (BILL_DAYS_MAX - 1) * DAY_MS)
    assert len(read("date,model,amount,tokens", f"{first},m,1,1", last)) == 2
    early = render_day(FIRST - BILL_DAYS_MAX * DAY_MS)
    assert f"more than {BILL_DAYS_MAX} days" in mistakes("date,model,amount,tokens", f"{early},m,1,1", last)[0]


def test_amounts_and_tokens_that_no_sum_could_hold_are_refused_whatever_their_signs() -> None:
    most = BILL_NANOS_MAX // NANOS_PER_UNIT
    header = "date,model,amount,tokens"
    assert read(header, f"2026-09-01,m,{most // 2},{BILL_TOKENS_MAX}", f"2026-09-01,m,-{most // 2},0")
    assert "is for more than" in mistakes(header, f"2026-09-01,m,{most},", "2026-09-02,m,-0.000000001,")[0]
    assert "is for more than" in mistakes(header, f"2026-09-01,m,1,{BILL_TOKENS_MAX}", "2026-09-01,m,1,1")[0]


def test_a_number_is_a_number_of_this_module_only() -> None:
    assert bill_files.NUMBER_CHARS_MAX < 4300, "Python refuses to read longer ones, in words of its own"
