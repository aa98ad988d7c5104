"""Providers' bills in the store: kept once, removed whole, and held against what was recorded."""

import threading

import msgspec
import pytest

from tests.e2e.recorded_lines import line_at, write_lines
from tests.e2e.store.conftest import CARD
from tollway import clock
from tollway.billing.bill_files import BILL_LINES_MAX, BILL_NANOS_MAX, BILL_TOKENS_MAX, parse_day
from tollway.billing.bills import NAME_CHARS_MAX, Bills, ComparedRow
from tollway.errors import CommandRefused
from tollway.ledger.bills import DAY_MS, Bill, BillHead, BillLine
from tollway.ledger.lines import Outcome
from tollway.neutral.usage import Basis, Usage
from tollway.store.store import Store

FIRST = parse_day("2026-03-01")
NOON = FIRST + DAY_MS // 2


def asked(day: int, model: str, amount: int, tokens: int | None = None) -> BillLine:
    return BillLine(day_ms=FIRST + day * DAY_MS, model=model, amount_nanos=amount, tokens=tokens)


LINES = (asked(0, "m", 100, 90), asked(0, "n", -5), asked(2, "m", 7, 3))


@pytest.fixture
def bills(store: Store) -> Bills:
    return Bills(store, store.ids(), now_ms=lambda: 77)


def keep(bills: Bills, *lines: BillLine, name: str = "b", provider: str = "p", currency: str = "USD") -> Bill:
    bill, new = bills.add(name, lines, provider=provider, currency=currency)
    assert new
    return bill


def test_a_bill_is_kept_and_shown_summed_up(bills: Bills) -> None:
    bill = keep(bills, *LINES)
    assert bill == Bill(
        head=BillHead(name="b", provider="p", currency="USD", imported_ms=77),
        lines=3,
        first_day_ms=FIRST,
        last_day_ms=FIRST + 2 * DAY_MS,
        amount_nanos=102,
        tokens=93,
    )
    assert bills.list() == (bill,)
    assert bills.show("b") == bill


def test_a_bill_without_tokens_says_that_it_has_none(bills: Bills) -> None:
    bill = keep(bills, asked(0, "m", 1))
    assert bill.tokens is None
    assert bills.list() == (bill,)


def test_the_same_bill_again_changes_nothing(bills: Bills, store: Store) -> None:
    bill = keep(bills, *LINES)
    later = Bills(store, store.ids(), now_ms=lambda: 99)
    assert later.add("b", LINES, provider="p", currency="USD") == (bill, False)
    assert later.list() == (bill,)


@pytest.mark.parametrize(
    ("lines", "provider", "currency"),
    [
        (LINES[:2], "p", "USD"),
        ((*LINES, asked(3, "m", 1)), "p", "USD"),
        ((asked(0, "m", 101, 90), *LINES[1:]), "p", "USD"),
        ((asked(0, "m", 100), *LINES[1:]), "p", "USD"),
        (LINES, "q", "USD"),
        (LINES, "p", "CNY"),
    ],
)
def test_another_bill_by_the_same_name_is_refused(
    bills: Bills, lines: tuple[BillLine, ...], provider: str, currency: str
) -> None:
    bill = keep(bills, *LINES)
    with pytest.raises(CommandRefused, match="there is another bill b"):
        bills.add("b", lines, provider=provider, currency=currency)
    assert bills.list() == (bill,)


def test_of_imports_by_the_same_name_at_once_one_is_kept(bills: Bills) -> None:
    outcomes: list[str] = []

    def bring(number: int) -> None:
        try:
            _, new = bills.add("b", (asked(number, "m", 1),), provider="p", currency="USD")
            outcomes.append("kept" if new else "there")
        except CommandRefused:
            outcomes.append("refused")

    threads = [threading.Thread(target=bring, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["kept", "refused", "refused", "refused"]
    assert bills.show("b").lines == 1


def test_a_bill_is_removed_whole_and_its_name_is_free_again(bills: Bills) -> None:
    bill = keep(bills, *LINES)
    other = keep(bills, asked(0, "m", 1), name="c")
    assert bills.remove("b") == bill
    assert bills.list() == (other,)
    keep(bills, asked(0, "m", 2))


@pytest.mark.parametrize("call", [Bills.show, Bills.remove, Bills.compare])
def test_a_bill_that_is_not_there_is_named(bills: Bills, call: object) -> None:
    assert callable(call)
    with pytest.raises(CommandRefused, match="there is no bill 'x'"):
        call(bills, "x")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "..", ".", "ä", "x" * (NAME_CHARS_MAX + 1), "a\n"])
def test_a_name_that_no_address_can_hold_is_refused(bills: Bills, name: str) -> None:
    with pytest.raises(CommandRefused, match="a bill's name has"):
        bills.add(name, LINES, provider="p", currency="USD")


def test_a_provider_without_a_name_and_an_unknown_currency_are_refused(bills: Bills) -> None:
    with pytest.raises(CommandRefused, match="a name has"):
        bills.add("b", LINES, provider=" ", currency="USD")
    with pytest.raises(CommandRefused, match="is not a currency"):
        bills.add("b", LINES, provider="p", currency="EUR")


def test_the_largest_bill_is_kept_and_summed(bills: Bills) -> None:
    most = [asked(0, f"m{number}", 0, 0) for number in range(1, BILL_LINES_MAX)]
    bill = keep(bills, asked(0, "m", BILL_NANOS_MAX, BILL_TOKENS_MAX), *sorted(most, key=lambda line: line.model))
    assert (bill.lines, bill.amount_nanos, bill.tokens) == (BILL_LINES_MAX, BILL_NANOS_MAX, BILL_TOKENS_MAX)
    assert bills.list() == (bill,)


# -- compared with what was recorded


def figures(rows: tuple[ComparedRow, ...]) -> list[tuple[int, str, int | None, int | None, int]]:
    return [
        (
            (row.day_ms - FIRST) // DAY_MS,
            row.model,
            None if row.billed is None else row.billed.amount_nanos,
            None if row.ours is None else row.ours.nanos,
            row.difference_nanos,
        )
        for row in rows
    ]


def test_a_bill_stands_beside_the_list_cost_of_what_was_recorded(url: str, bills: Bills) -> None:
    write_lines(
        url,
        [
            line_at(NOON, usage=Usage(input=60), base_nanos=66, fee_nanos=6, price_ppm=1_100_000),
            line_at(NOON, usage=Usage(input=30)),
            line_at(NOON + DAY_MS, usage=Usage(input=40)),
            line_at(NOON + 2 * DAY_MS, usage=Usage(input=7), provider_cost_nanos=1),
            line_at(NOON, usage=Usage(input=1000), provider="q"),
            line_at(NOON - DAY_MS, usage=Usage(input=1000)),
            line_at(NOON + 3 * DAY_MS, usage=Usage(input=1000)),
        ],
    )
    keep(bills, *LINES)
    rows = bills.compare("b").rows
    assert figures(rows) == [
        (0, "m", 100, 90, 10),
        (0, "n", -5, None, -5),
        (1, "m", None, 40, -40),
        (2, "m", 7, 7, 0),
    ]
    ours = rows[0].ours
    assert ours is not None
    assert (ours.requests, ours.tokens) == (2, 90)


def test_a_line_is_found_by_the_name_that_the_provider_answered_by_or_else_by_ours(url: str, bills: Bills) -> None:
    write_lines(
        url,
        [
            line_at(NOON, usage=Usage(input=1), model_answered="m-2026-01-01"),
            line_at(NOON, usage=Usage(input=2), model_answered="m-2026-02-02"),
            line_at(NOON, usage=Usage(input=4), model_answered=None),
        ],
    )
    keep(bills, asked(0, "m", 6), asked(0, "m-2026-01-01", 1))
    assert figures(bills.compare("b").rows) == [(0, "m", 6, 6, 0), (0, "m-2026-01-01", 1, 1, 0)]


def test_requests_whose_cost_nobody_knows_are_counted_beside_those_that_have_one(url: str, bills: Bills) -> None:
    write_lines(
        url,
        [
            line_at(NOON, usage=Usage(input=1)),
            line_at(NOON, usage=Usage(input=1), card_id=None),
            line_at(NOON, basis=Basis.UNKNOWN, outcome=Outcome.FAILED),
            line_at(NOON, basis=Basis.UNKNOWN, outcome=Outcome.FAILED, model_routed="n"),
        ],
    )
    keep(bills, asked(0, "m", 1))
    rows = bills.compare("b").rows
    assert [(row.model, row.unpriced) for row in rows] == [("m", 2), ("n", 1)]
    assert figures(rows) == [(0, "m", 1, 1, 0), (0, "n", None, None, 0)]


def test_a_bill_in_another_currency_than_the_cards_is_compared_with_nothing(url: str, bills: Bills) -> None:
    write_lines(url, [line_at(NOON, usage=Usage(input=5))])
    keep(bills, asked(0, "m", 35), currency="CNY")
    rows = bills.compare("b").rows
    assert [(row.currency, row.billed is None, row.ours is None) for row in rows] == [
        ("CNY", False, True),
        ("USD", True, False),
    ]


def test_a_bill_for_which_nothing_was_recorded_stands_alone(bills: Bills, store: Store) -> None:
    assert store.cards([CARD.id]) == {CARD.id: CARD}
    keep(bills, *LINES)
    assert [row.ours for row in bills.compare("b").rows] == [None, None, None]


def test_more_cards_than_a_statement_takes_are_all_found(store: Store) -> None:
    many = [msgspec.structs.replace(CARD, id=number) for number in range(2, 2502)]
    store.record_cards(many, clock.now_ms())
    assert store.cards([card.id for card in many]) == {card.id: card for card in many}
