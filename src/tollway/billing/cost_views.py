"""What people see of costs and providers' bills: plain data, as in `views`. Pure."""

from tollway.billing.bill_files import render_day
from tollway.billing.bills import ComparedRow, Comparison
from tollway.billing.costs import CostRow
from tollway.billing.views import View, view_time
from tollway.ledger.bills import Bill
from tollway.money import PPM, render_amount, render_rate


def view_cost(row: CostRow) -> View:
    """Show what a day's requests to one model cost, as we reckon it and as their provider said."""
    cost, difference = row.cost, row.difference_nanos
    return {
        "day": render_day(row.day_ms),
        "provider": row.provider,
        "model": row.model,
        "requests": cost.requests,
        "ours": _amount(cost.nanos),
        "currency": cost.currency,
        "theirs_usd": render_amount(cost.theirs_nanos),
        "difference": _amount(difference),
        "relative": None if difference is None else render_relative(difference, cost.nanos or 0),
    }


def view_bill(bill: Bill) -> View:
    """Show a bill, summed up."""
    return {
        "name": bill.head.name,
        "provider": bill.head.provider,
        "first_day": render_day(bill.first_day_ms),
        "last_day": render_day(bill.last_day_ms),
        "lines": bill.lines,
        "amount": render_amount(bill.amount_nanos),
        "currency": bill.head.currency,
        "tokens": bill.tokens,
        "imported": view_time(bill.head.imported_ms),
    }


def view_comparison(comparison: Comparison) -> View:
    """Show a bill beside what was recorded."""
    return {
        "bill": view_bill(comparison.bill),
        "total": view_total(comparison),
        "rows": [view_compared(row) for row in comparison.rows],
    }


def view_total(comparison: Comparison) -> View:
    """Show what the rows in the bill's currency come to."""
    currency = comparison.bill.head.currency
    billed, ours, unpriced = comparison.bill.amount_nanos, 0, 0
    for row in comparison.rows:
        if row.currency == currency:
            ours += 0 if row.ours is None else row.ours.nanos or 0
            unpriced += row.unpriced
    return {
        "billed": render_amount(billed),
        "ours": render_amount(ours),
        "difference": render_amount(billed - ours),
        "relative": render_relative(billed - ours, ours),
        "currency": currency,
        "unpriced": unpriced,
    }


def view_compared(row: ComparedRow) -> View:
    """Show one model on one day: what is billed, what we recorded, and which of the two is missing."""
    billed, ours = row.billed, row.ours
    our_nanos = None if ours is None else ours.nanos
    return {
        "day": render_day(row.day_ms),
        "model": row.model or None,
        "only": "bill" if ours is None and billed is not None else "ours" if billed is None else None,
        "billed": None if billed is None else render_amount(billed.amount_nanos),
        "ours": _amount(our_nanos),
        "difference": render_amount(row.difference_nanos),
        "relative": render_relative(row.difference_nanos, our_nanos or 0),
        "currency": row.currency,
        "billed_tokens": None if billed is None else billed.tokens,
        "our_tokens": None if ours is None else ours.tokens,
        "requests": 0 if ours is None else ours.requests,
        "unpriced": row.unpriced,
    }


def render_relative(difference: int, ours: int) -> str | None:
    """Return a difference as a share of ours, to the nearest part per million: ``-1.25%``; None where ours is zero."""
    if ours == 0:
        return None
    ppm = (2 * abs(difference) * PPM + abs(ours)) // (2 * abs(ours))
    return f"{'-' if difference < 0 and ppm else ''}{render_rate(ppm)}"


def _amount(nanos: int | None) -> str | None:
    return None if nanos is None else render_amount(nanos)
