"""What the owner of an account sees of its usage and its money: sums, latencies, errors, series. Knows no SQL and no surface."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple, Protocol

from tollway import clock
from tollway.billing.periods import parse_span
from tollway.billing.reports import ROWS_MAX, Reports, view_sums
from tollway.billing.views import View, view_time
from tollway.errors import CommandRefused, NotThere
from tollway.ids import ACCOUNT, render_id
from tollway.ledger.records import Account, Balance
from tollway.ledger.timings import Timings, UsageSummary, summarize
from tollway.ledger.usage import Division, Span, UsageFilter, UsageRow, UsageSums
from tollway.limits.windows import DAY, MONTH, window_at

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SPENT_LATELY_MS = 30 * DAY_MS
WINDOW_MS_MAX = 366 * DAY_MS
PARTS = 1000
"""Of one breakdown, unless more are asked for: those that cost most."""

_MONTH = re.compile(r"\d{4}-\d{2}")
_WINDOW = re.compile(r"(\d{1,4})([hd])")


class Breakdown(NamedTuple):
    """Usage divided by one thing."""

    rows: tuple[UsageRow, ...]
    """The dearest part first, of parts that cost the same the busiest."""
    parts: int
    """How many there are, of which `rows` may be the first."""


class Money(NamedTuple):
    """What an account has and spends."""

    balance_nanos: int
    held_nanos: int
    """Set aside by running requests, and still in the balance."""
    currency: str
    spent_nanos: int
    """In about 30 days: since `since_ms`, which is the begin of an hour. By packages of money too."""
    since_ms: int


def view_summary(summary: UsageSummary) -> View:
    """Show a summary. Rates are shares of one; latencies and errors are of what began since `latency_since`, if it is given."""
    average = summary.average_latency_ms
    return {
        **view_sums(UsageRow(currency=summary.currency, sums=summary.sums)),
        "failed_requests": summary.failed_requests,
        "average_latency_ms": None if average is None else round(average, 1),
        "p99_latency_ms": summary.p99_latency_ms,
        "cache_hit_rate": _share(summary.cache_hit_rate),
        "error_rate": _share(summary.error_rate),
        "latency_since": view_time(summary.cut_ms),
    }


def _share(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 6)


class InsightRows(Protocol):
    """What insights want from the store, beside reports."""

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        ...

    def balance(self, account_id: int) -> Balance | None:
        """Read what an account has, and what its running exchanges hold."""
        ...

    def timings(self, who: UsageFilter, span: Span) -> Timings:
        """Return how long the requests of somebody took that ended in a period, and how they ended."""
        ...


class Insights:
    """Reading what an account uses. Errors are CommandRefused with a sentence. Every filter names its account."""

    def __init__(
        self, store: InsightRows, reports: Reports, zone: tzinfo, *, now_ms: Callable[[], int] = clock.now_ms
    ) -> None:
        """Read from `store` and `reports`; days and months are those of the calendar of `zone`."""
        self._store = store
        self._reports = reports
        self._zone = zone
        self._now_ms = now_ms

    def period(self, since: str | None, until: str | None) -> Span:
        """Return a period as people write it: days, months, times; a day or month with all of it."""
        return parse_span(since, until, self._zone)

    def month(self, text: str | None = None) -> Span:
        """Return a month such as `2026-04`, the one that runs when nothing is said; raises CommandRefused."""
        if text is None:
            window = window_at(MONTH, self._zone, self._now_ms())
            return Span(window.start_ms, window.end_ms)
        if not _MONTH.fullmatch(text):
            raise CommandRefused(f"{text[:64]!r} is not a month such as 2026-04")
        return parse_span(text, text, self._zone)

    def today(self) -> Span:
        """Return the day that runs."""
        window = window_at(DAY, self._zone, self._now_ms())
        return Span(window.start_ms, window.end_ms)

    def week(self) -> Span:
        """Return the week that runs, from Monday to Sunday."""
        today = datetime.fromtimestamp(self._now_ms() / 1000, self._zone).date()
        monday = today - timedelta(days=today.weekday())
        return parse_span(monday.isoformat(), (monday + timedelta(days=6)).isoformat(), self._zone)

    def window(self, text: str) -> Span:
        """Return the time until now of a length such as `30d` or `24h`, from the begin of an hour; raises CommandRefused."""
        found = _WINDOW.fullmatch(text.strip())
        length_ms = 0 if found is None else int(found[1]) * (DAY_MS if found[2] == "d" else HOUR_MS)
        if not 0 < length_ms <= WINDOW_MS_MAX:
            raise CommandRefused(f"{text[:64]!r} is not a length of time such as 30d or 24h, at most 366d")
        return self._lately(length_ms)

    def usage(self, by: Division, who: UsageFilter, span: Span, limit: int = PARTS) -> Breakdown:
        """Return what was used and paid in a period, divided by one thing, the dearest parts first."""
        if not 0 < limit <= ROWS_MAX:
            raise CommandRefused(f"a breakdown has 1 to {ROWS_MAX} parts")
        rows = self._reports.usage((by,), who, span)
        dearest = sorted(rows, key=lambda row: (-row.sums.total_nanos, -row.sums.requests))
        return Breakdown(tuple(dearest[:limit]), len(rows))

    def series(self, by: Division, who: UsageFilter, span: Span) -> tuple[UsageRow, ...]:
        """Return what was used in each hour or day of a period, in their order; those without any use are left out."""
        if by not in {Division.HOUR, Division.DAY}:
            raise CommandRefused(f"a series goes by hour or day, not by {by.value}")
        return self._reports.usage((by,), who, span)

    def summary(self, who: UsageFilter, span: Span) -> UsageSummary:
        """Return a period in a few numbers; latencies and errors of the newest requests where there are very many."""
        account_id = who.account_id
        account = None if account_id is None else self._store.account(account_id)
        if account is None:
            raise NotThere(f"there is no account {render_id(ACCOUNT, account_id or 0)}")
        return summarize(self._sums(who, span), self._store.timings(who, span), currency=account.currency)

    def money(self, account_id: int) -> Money:
        """Return what an account has, and what it spent in about 30 days."""
        balance = self._store.balance(account_id)
        if balance is None:
            raise NotThere(f"there is no account {render_id(ACCOUNT, account_id)}")
        span = self._lately(SPENT_LATELY_MS)
        assert span.start_ms is not None, "it is a length of time"
        return Money(
            balance_nanos=balance.balance_nanos,
            held_nanos=balance.held_nanos,
            currency=balance.currency,
            spent_nanos=self._sums(UsageFilter(account_id=account_id), span).total_nanos,
            since_ms=span.start_ms,
        )

    def _sums(self, who: UsageFilter, span: Span) -> UsageSums:
        rows = self._reports.usage((), who, span)
        return rows[0].sums if rows else UsageSums()

    def _lately(self, length_ms: int) -> Span:
        start_ms = self._now_ms() - length_ms
        return Span(start_ms - start_ms % HOUR_MS, None)
