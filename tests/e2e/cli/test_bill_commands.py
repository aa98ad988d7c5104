"""The commands about costs and providers' bills, on a real store."""

from pathlib import Path

import pytest

from tests.e2e.cli.conftest import Shell
from tests.e2e.recorded_lines import line_at, write_lines
from tollway import clock
from tollway.billing.bill_files import BILL_BYTES_MAX, parse_day, render_day
from tollway.catalog.records import PriceCard
from tollway.neutral.usage import Usage
from tollway.store.store import Store

URL = "sqlite:///books/tollway.db"
CARD = PriceCard(id=1, provider="p", model="m", currency="USD", input=10**15, output=0, source="test")
"""One unit a token of input."""
NOON = parse_day("2026-03-01") + 43_200_000


@pytest.fixture
def recorded(shell: Shell) -> Shell:
    """A shell on books in which ten tokens were used on 1 March, and five today."""
    store = Store.open(URL)
    store.record_cards([CARD], clock.now_ms())
    store.close()
    write_lines(
        URL,
        [
            line_at(NOON, usage=Usage(input=10), provider_cost_nanos=9_500_000_000),
            line_at(clock.now_ms(), usage=Usage(input=5), provider_cost_nanos=5_000_000_000, provider="q"),
        ],
    )
    return shell


def bill(*lines: str, header: str = "date,model,amount") -> str:
    """Write a bill into the working directory and return its name."""
    Path("bill.csv").write_text("\n".join((header, *lines)))
    return "bill.csv"


def bring(shell: Shell, file: str, *more: str) -> str:
    made = shell("bill", "import", file, "--provider", "p", "--name", "p-2026-03", *more, "--json").document
    return str(made["name"])


def test_reported_costs_are_shown_beside_ours(recorded: Shell) -> None:
    (row,) = recorded("costs", "--from", "2026-03-01", "--to", "2026-03-01", "--json").document
    assert row == {
        "day": "2026-03-01",
        "provider": "p",
        "model": "m",
        "requests": 1,
        "ours": "10.00",
        "currency": "USD",
        "theirs_usd": "9.50",
        "difference": "-0.50",
        "relative": "-5%",
    }
    said = recorded("costs", "--from", "2026-03-01", "--to", "2026-03-01")
    assert said.out.splitlines()[1].split() == ["2026-03-01", "p", "m", "1", "10.00", "USD", "9.50", "-0.50", "-5%"]


def test_costs_are_those_of_the_last_days_and_of_one_provider_if_one_likes(recorded: Shell) -> None:
    (row,) = recorded("costs", "--json").document
    assert (row["day"], row["provider"]) == (render_day(clock.now_ms()), "q")
    assert recorded("costs", "--provider", "p", "--json").document == []
    assert recorded("costs", "--provider", "p").out == "No provider reported a cost on these days.\n"


def test_days_that_make_no_sense_are_refused_in_one_line(recorded: Shell) -> None:
    said = recorded("costs", "--from", "soon")
    assert (said.status, said.out, said.err) == (1, "", "tollway: 'soon' is not a day such as 2026-01-31\n")


def test_a_bill_is_imported_listed_compared_and_removed(recorded: Shell) -> None:
    made = recorded(
        *("bill", "import", bill("2026-03-01,m,10.25,11", "2026-03-02,,-1,", header="Day,SKU,Cost,Tokens")),
        *("--provider", "p", "--name", "p-2026-03", "--currency", "USD", "--day-column", "Day"),
        *("--model-column", "SKU", "--amount-column", "Cost", "--tokens-column", "Tokens", "--json"),
    ).document
    assert made.pop("new") is True
    assert made.pop("imported") is not None
    assert made == {
        "name": "p-2026-03",
        "provider": "p",
        "first_day": "2026-03-01",
        "last_day": "2026-03-02",
        "lines": 2,
        "amount": "9.25",
        "currency": "USD",
        "tokens": 11,
    }
    assert [each["name"] for each in recorded("bill", "list", "--json").document] == ["p-2026-03"]
    compared = recorded("bill", "compare", "p-2026-03", "--json").document
    assert [(row["day"], row["model"], row["only"], row["difference"]) for row in compared["rows"]] == [
        ("2026-03-01", "m", None, "0.25"),
        ("2026-03-02", None, "bill", "-1.00"),
    ]
    assert (compared["total"]["difference"], compared["total"]["relative"]) == ("-0.75", "-7.5%")
    said = recorded("bill", "compare", "p-2026-03").out.splitlines()
    assert said[1].split()[:6] == ["2026-03-01", "m", "-", "10.25", "10.00", "0.25"]
    assert "-0.75" in said[-4].split()
    assert recorded("bill", "remove", "p-2026-03", "--json").document["name"] == "p-2026-03"
    assert recorded("bill", "list").out == "There is no bill.\n"
    assert recorded("bill", "compare", "p-2026-03").status == 1


def test_the_same_file_twice_changes_nothing_and_another_by_its_name_is_refused(shell: Shell) -> None:
    bring(shell, bill("2026-03-01,m,1"))
    again = shell("bill", "import", "bill.csv", "--provider", "p", "--name", "p-2026-03", "--json").document
    assert again["new"] is False
    said = shell("bill", "import", bill("2026-03-01,m,2"), "--provider", "p", "--name", "p-2026-03")
    assert (said.status, said.err.count("\n")) == (1, 1)
    assert shell("bill", "list", "--json").document[0]["amount"] == "1.00"


def test_every_line_at_fault_is_said_and_nothing_is_kept(shell: Shell) -> None:
    file = bill("2026-03-01,m,1", "2026-03-01,m,nan", "soon,m,1", "2026-03-01,m,0.0000000001")
    said = shell("bill", "import", file, "--provider", "p", "--name", "b")
    assert (said.status, said.out) == (1, "")
    assert said.err.splitlines() == [
        "tollway: line 3: 'nan' is not a decimal amount such as 5.00",
        "tollway: line 4: 'soon' is not a day such as 2026-01-31",
        "tollway: line 5: '0.0000000001' is finer than a nano-unit (nine decimals)",
    ]
    assert shell("bill", "list", "--json").document == []


def test_a_file_of_floats_can_be_rounded(shell: Shell) -> None:
    bring(shell, bill("2026-03-01,m,0.30000000000000004"), "--rounding", "nearest")
    assert shell("bill", "list", "--json").document[0]["amount"] == "0.30"


def test_a_file_that_is_missing_or_too_large_is_refused(shell: Shell) -> None:
    said = shell("bill", "import", "nowhere.csv", "--provider", "p", "--name", "b")
    assert (said.status, said.err) == (1, "tollway: No such file or directory: nowhere.csv\n")
    Path("large.csv").write_bytes(b"x" * (BILL_BYTES_MAX + 2))
    said = shell("bill", "import", "large.csv", "--provider", "p", "--name", "b")
    assert (said.status, said.err.count("\n")) == (1, 1)
    assert "larger than" in said.err
