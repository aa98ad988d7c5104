"""What the moves of the machine are made of: amounts, caps and closing lines, and the plain book that its events fold into."""

from typing import Any

from hypothesis import strategies as st

from tollway.catalog.records import PriceCard
from tollway.ledger.book import Book, Paid
from tollway.ledger.lines import ExchangeLine, Hold, Outcome
from tollway.ledger.purses import CapWindow, cap_purse_id
from tollway.money import PPM, divide_up
from tollway.neutral.usage import Basis, Usage

CARD = PriceCard(id=1, provider="p", model="m", currency="USD", input=1_000_000, output=0, source="test")
BALANCES = st.sampled_from([0, 50, 100, 1000, 4000])
AMOUNTS = st.one_of(st.integers(1, 60), st.sampled_from([0, 1, 100, 900]))
COSTS = st.one_of(
    st.tuples(st.just("near the hold"), st.sampled_from([0, -1, 1, -10, 10, 40])),
    st.tuples(st.just("any"), AMOUNTS),
    st.tuples(st.just("free"), st.just(0)),
)
PLACES = st.integers(0, 1)
PICKS = st.integers(0, 7)
CAPS = st.sets(st.integers(0, 2), max_size=2)
CAP_LIMITS = (90, 700, 5000)
TTL_MS = 1000
FEE_PPM = 100_000

Event = tuple[Any, ...]
"""A method of the plain book and its arguments; the named ones in a dict at the end."""


def cap_window(account_id: int, number: int) -> CapWindow:
    return CapWindow(
        purse_id=cap_purse_id(account_id + number, "*", 0),
        cap_id=account_id + number,
        account_id=account_id,
        subject="*",
        start_ms=0,
        end_ms=None,
        limit_nanos=CAP_LIMITS[number],
        alert_nanos=CAP_LIMITS[number] // 5,
    )


def closing(hold: Hold, cost: int, *, now_ms: int, outcome: Outcome) -> ExchangeLine:
    tokens = hold.payer_id != hold.account_id
    base = 0 if tokens else cost * 10 // 11
    return ExchangeLine(
        exchange_id=hold.exchange_id,
        account_id=hold.account_id,
        key_id=hold.key_id,
        worker_id=hold.worker_id,
        outcome=outcome,
        status=200,
        started_ms=hold.started_ms,
        ended_ms=now_ms,
        streamed=False,
        lane="verbatim",
        model_asked=hold.model_asked,
        provider="p",
        model_routed="m",
        usage=Usage(input=cost if tokens else base),
        basis=Basis.REPORTED,
        card_id=CARD.id,
        fee_ppm=FEE_PPM,
        hold_nanos=hold.amount_nanos,
        base_nanos=base,
        fee_nanos=divide_up(base * FEE_PPM, PPM),
        attribution=hold.attribution,
        package_id=hold.payer_id if tokens else None,
        package_micros=cost if tokens else 0,
        ratio_ppm=1 if tokens else None,
        caps=tuple(cap.purse_id for cap in hold.caps) if base else (),
    )


def paid_with(line: ExchangeLine, asked: ExchangeLine) -> Paid:
    """Return what the plain book is told was paid with a line, of which this is how it was asked for."""
    return Paid(
        base_nanos=line.base_nanos,
        fee_nanos=line.fee_nanos,
        written_off_nanos=line.written_off_nanos,
        package_micros=line.package_micros,
        package_due_micros=asked.package_micros,
    )


def folded(events: list[Event]) -> Book:
    book = Book()
    for name, *values in events:
        named = values.pop() if isinstance(values[-1], dict) else {}
        getattr(book, name)(*values, **named)
    return book
