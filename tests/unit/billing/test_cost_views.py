"""Costs and bills as people see them: exact amounts, and a share that is rounded but never invented."""

import pytest

from tollway.billing.bill_files import parse_day
from tollway.billing.bills import ComparedRow, Comparison
from tollway.billing.cost_views import render_relative, view_comparison, view_cost
from tollway.billing.costs import CostRow, ListCost
from tollway.ledger.bills import Bill, BillHead, BillLine

DAY = parse_day("2026-03-01")
BILL = Bill(
    head=BillHead(name="b", provider="p", currency="USD", imported_ms=DAY),
    lines=1,
    first_day_ms=DAY,
    last_day_ms=DAY,
    amount_nanos=1_100_000_000,
    tokens=None,
)


def cost(nanos: int | None, currency: str | None = "USD", theirs: int = 0) -> ListCost:
    return ListCost(requests=2, tokens=30, nanos=nanos, currency=currency, theirs_nanos=theirs)


@pytest.mark.parametrize(
    ("difference", "ours", "said"),
    [
        (0, 7, "0%"),
        (1, 3, "33.3333%"),
        (2, 3, "66.6667%"),
        (-2, 3, "-66.6667%"),
        (1, 10**9, "0%"),
        (-1, 10**9, "0%"),
        (5, 10**7, "0.0001%"),
        (25, 10, "250%"),
        (3, -6, "50%"),
        (1, 0, None),
    ],
)
def test_a_difference_is_a_share_of_ours_to_the_nearest_part_per_million(
    difference: int, ours: int, said: str | None
) -> None:
    assert render_relative(difference, ours) == said


def test_a_reported_cost_is_shown_beside_ours() -> None:
    row = CostRow(day_ms=DAY, provider="p", model="m", cost=cost(1_000_000_000, theirs=900_000_001))
    assert view_cost(row) == {
        "day": "2026-03-01",
        "provider": "p",
        "model": "m",
        "requests": 2,
        "ours": "1.00",
        "currency": "USD",
        "theirs_usd": "0.900000001",
        "difference": "-0.099999999",
        "relative": "-10%",
    }


@pytest.mark.parametrize(("nanos", "currency"), [(None, None), (7, "CNY")])
def test_what_cannot_be_compared_is_shown_without_a_difference(nanos: int | None, currency: str | None) -> None:
    view = view_cost(CostRow(day_ms=DAY, provider="p", model="m", cost=cost(nanos, currency, theirs=5)))
    assert (view["theirs_usd"], view["difference"], view["relative"]) == ("0.000000005", None, None)


def row(billed: int | None, ours: ListCost | None, *, model: str = "m", currency: str = "USD") -> ComparedRow:
    line = None if billed is None else BillLine(day_ms=DAY, model=model, amount_nanos=billed, tokens=31)
    return ComparedRow(day_ms=DAY, model=model, currency=currency, billed=line, ours=ours, unpriced=1)


def test_a_comparison_says_what_stands_on_one_side_only() -> None:
    rows = (
        row(1_200_000_000, cost(1_000_000_000)),
        row(-100_000_000, None, model=""),
        row(None, cost(200_000_000)),
        row(None, cost(7, "CNY"), currency="CNY"),
        row(None, None),
    )
    view = view_comparison(Comparison(bill=BILL, rows=rows))
    assert view["total"] == {
        "billed": "1.10",
        "ours": "1.20",
        "difference": "-0.10",
        "relative": "-8.3333%",
        "currency": "USD",
        "unpriced": 4,
    }
    shown = view["rows"]
    assert isinstance(shown, list)
    assert shown[0] == {
        "day": "2026-03-01",
        "model": "m",
        "only": None,
        "billed": "1.20",
        "ours": "1.00",
        "difference": "0.20",
        "relative": "20%",
        "currency": "USD",
        "billed_tokens": 31,
        "our_tokens": 30,
        "requests": 2,
        "unpriced": 1,
    }
    assert [(each["only"], each["model"], each["difference"], each["relative"]) for each in shown[1:]] == [
        ("bill", None, "-0.10", None),
        ("ours", "m", "-0.20", "-100%"),
        ("ours", "m", "-0.000000007", "-100%"),
        ("ours", "m", "0.00", None),
    ]
