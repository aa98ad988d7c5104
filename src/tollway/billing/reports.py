"""Reports of usage: who used and paid what, divided by anything that requests carry, in any period. Knows no SQL."""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import Protocol

import msgspec

from tollway.access.packages import render_quantity
from tollway.access.terms import PackageUnit
from tollway.billing.periods import days_of, parse_span, render_day
from tollway.billing.views import View
from tollway.errors import CommandRefused
from tollway.ids import ACCOUNT, KEY, SUB_ACCOUNT, render_id
from tollway.ledger.usage import (
    ALL_TIME,
    ALWAYS_DIVIDED,
    EVERYBODY,
    Division,
    Span,
    UsageFilter,
    UsageRow,
    UsageSums,
)
from tollway.limits.windows import DAY, render_moment, window_at
from tollway.money import render_amount

HOUR_MS = 3_600_000
ROWS_MAX = 50_000
"""Of one report, about 1 KB each: a page of memory, not every session of every day."""

FIELDS = {
    Division.DAY: "day_ms",
    Division.HOUR: "hour_ms",
    Division.ACCOUNT: "account_id",
    Division.SUB_ACCOUNT: "sub_account_id",
    Division.KEY: "key_id",
    Division.PROVIDER: "provider",
    Division.MODEL: "model_routed",
    Division.TAG: "tag",
    Division.END_USER: "end_user",
    Division.SESSION: "session",
}
"""The field of a row that each division fills."""

PREFIXES = {Division.ACCOUNT: ACCOUNT, Division.SUB_ACCOUNT: SUB_ACCOUNT, Division.KEY: KEY}


class UsageLines(Protocol):
    """What reports want from the store."""

    def usage(
        self, by: Sequence[Division], who: UsageFilter, spans: Sequence[Span], *, limit: int
    ) -> list[list[UsageRow]] | None:
        """Return for each span its rows; None when these are more than `limit`. What has no request is left out."""
        ...

    def usage_span(self, who: UsageFilter) -> Span | None:
        """Return from when to when there are sums; None when there are none."""
        ...

    def last_hours(self, who: UsageFilter) -> dict[int, int]:
        """Return for each key that has sums when the newest hour of them began."""
        ...


class Reports:
    """The use cases of reading usage. Errors are CommandRefused with a sentence."""

    def __init__(self, store: UsageLines, *, zone: tzinfo = UTC) -> None:
        """Read from `store`; days are those of the calendar of `zone`."""
        self._store = store
        self._zone = zone

    def span(self, first: str | None, last: str | None) -> Span:
        """Return a period as people write it, such as 2026-01 or from 2026-01-31 on."""
        return parse_span(first, last, self._zone)

    def usage(
        self, by: Sequence[Division] = ALWAYS_DIVIDED, who: UsageFilter = EVERYBODY, span: Span = ALL_TIME
    ) -> tuple[UsageRow, ...]:
        """Return what was used and paid in a period, divided, in the order of what it is divided by."""
        by = tuple(dict.fromkeys(by))
        days = self._days(who, span) if Division.DAY in by else (span,)
        found = self._store.usage(by, who, days, limit=ROWS_MAX)
        if found is None:
            raise CommandRefused(
                f"this report would have more than {ROWS_MAX} lines: ask for a shorter period, divide by less, or filter"
            )
        parts = zip(days, found, strict=True)
        rows = [self._dated(row, day) if Division.DAY in by else row for day, some in parts for row in some]
        names = [FIELDS[division] for division in by]
        return tuple(sorted(rows, key=lambda row: (*(getattr(row, name) for name in names), row.currency)))

    def last_hour(self, who: UsageFilter) -> int | None:
        """Return when the newest hour with any use began, in milliseconds since 1970; None when there was none."""
        known = self._store.usage_span(who)
        return None if known is None or known.end_ms is None else known.end_ms - HOUR_MS

    def last_hours(self, who: UsageFilter) -> dict[int, int]:
        """Return the same of each key by its id; those without any use are left out."""
        return self._store.last_hours(who)

    def view(self, row: UsageRow, by: Sequence[Division] = ALWAYS_DIVIDED) -> View:
        """Show one part of a report: by what it is divided, then its sums."""
        return {name: self._shown(row, division) for division, name in columns_of(by).items()} | view_sums(row)

    def _days(self, who: UsageFilter, span: Span) -> tuple[Span, ...]:
        if span.start_ms is None or span.end_ms is None:
            known = self._store.usage_span(who)
            if known is None:
                return ()
            span = Span(
                known.start_ms if span.start_ms is None else span.start_ms,
                known.end_ms if span.end_ms is None else span.end_ms,
            )
        return tuple(days_of(span, self._zone))

    def _dated(self, row: UsageRow, day: Span) -> UsageRow:
        assert day.start_ms is not None, "a day begins"
        return msgspec.structs.replace(row, day_ms=window_at(DAY, self._zone, day.start_ms).start_ms)

    def _shown(self, row: UsageRow, division: Division) -> object:
        value = getattr(row, FIELDS[division])
        if division is Division.DAY:
            return render_day(value, self._zone)
        if division is Division.HOUR:
            return render_moment(value, self._zone)
        if division in PREFIXES:
            return render_id(PREFIXES[division], value) if value else None
        # A failed request may have reached no provider; a tag, end user or session is none when it is empty.
        return value if value or division in {Division.PROVIDER, Division.MODEL} else None


def columns_of(by: Sequence[Division]) -> dict[Division, str]:
    """Return the name of each column that a report is divided by."""
    return {division: "model_routed" if division is Division.MODEL else division.value for division in by}


def view_sums(row: UsageRow) -> View:
    """Show the sums of a part. Input holds what was read from and written to a cache, output holds reasoning."""
    sums: UsageSums = row.sums
    return {
        "requests": sums.requests,
        "input_tokens": sums.input_tokens + sums.cached_input_tokens + sums.cache_write_tokens,
        "cached_input_tokens": sums.cached_input_tokens,
        "cache_write_tokens": sums.cache_write_tokens,
        "output_tokens": sums.output_tokens + sums.reasoning_tokens,
        "reasoning_tokens": sums.reasoning_tokens,
        "audio_tokens": sums.audio_tokens,
        "images": sums.images,
        "calls": sums.calls,
        "base_cost": render_amount(sums.base_nanos),
        "platform_fee": render_amount(sums.fee_nanos),
        "written_off": render_amount(sums.written_off_nanos),
        "total_cost": render_amount(sums.total_nanos),
        "paid_by_packages": render_amount(sums.package_paid_nanos),
        "package_tokens": render_quantity(sums.package_micros, PackageUnit.TOKENS),
        "currency": row.currency,
    }


def parse_divisions(text: str) -> tuple[Division, ...]:
    """Return what a report is divided by, from words such as ``day,model``; raises CommandRefused."""
    known = {division.value: division for division in Division}
    words = [word.strip().replace("-", "_") for word in text.split(",")]
    for word in words:
        if word not in known:
            raise CommandRefused(f"usage is not divided by {word!r}: choose of {', '.join(known)}")
    return tuple(known[word] for word in words)
