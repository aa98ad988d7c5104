"""Periods as people write them: days, months and times of the deployment's timezone. Pure; knows no clock and no report."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo

from tollway.errors import CommandRefused
from tollway.ledger.usage import Span
from tollway.limits.windows import DAY, MONTH, window_at

DAYS_MAX = 3_700
"""Of one report by day: ten years. Each is a query of its own."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MONTH = re.compile(r"\d{4}-\d{2}")
_FORMS = "2026-01-31, 2026-01 or 2026-01-31T12:00:00"


def parse_span(first: str | None, last: str | None, zone: tzinfo) -> Span:
    """Return the period from `first` on and up to `last`, a day or month with all of it, a time without that.

    What says no offset is of `zone`; None is without end. Raises CommandRefused.
    """
    start_ms = None if first is None else _parse(first, zone)[0]
    end_ms = None if last is None else _parse(last, zone)[1]
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise CommandRefused(f"a period from {first} to {last} is empty")
    return Span(start_ms, end_ms)


def days_of(span: Span, zone: tzinfo) -> Iterator[Span]:
    """Yield the days of a period with two ends, the first and the last cut to it; raises CommandRefused for too many."""
    assert span.start_ms is not None, "the period has two ends"
    assert span.end_ms is not None, "the period has two ends"
    at_ms = span.start_ms
    for _ in range(DAYS_MAX):
        if at_ms >= span.end_ms:
            return
        end_ms = window_at(DAY, zone, at_ms).end_ms
        assert end_ms is not None, "a day ends"
        yield Span(at_ms, min(end_ms, span.end_ms))
        at_ms = end_ms
    raise CommandRefused(f"a report by day has at most {DAYS_MAX} days: ask for a shorter period")


def render_day(at_ms: int, zone: tzinfo) -> str:
    """Return the day in which a time lies, as the calendar of `zone` has it: ``2026-01-31``."""
    # Its last moment: where clocks go back across midnight, a day begins on the date of the one before.
    end_ms = window_at(DAY, zone, at_ms).end_ms
    assert end_ms is not None, "a day ends"
    return datetime.fromtimestamp((end_ms - 1) / 1000, tz=UTC).astimezone(zone).date().isoformat()


def _parse(text: str, zone: tzinfo) -> tuple[int, int]:
    """Return the first millisecond of what a text names, and the first one after it: of a time, both are the time."""
    text = text.strip()
    window = DAY if _DAY.fullmatch(text) else MONTH if _MONTH.fullmatch(text) else None
    try:
        at = datetime.fromisoformat(f"{text}-01" if window == MONTH else text)
        at = at if at.tzinfo else at.replace(tzinfo=zone)
        at_ms = round(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise CommandRefused(f"{text!r} is not a day, a month or a time such as {_FORMS}") from None
    if window is None:
        return at_ms, at_ms
    # At noon: midnight may not exist, or come twice.
    found = window_at(window, zone, at_ms + 12 * 3_600_000)
    assert found.end_ms is not None, "days and months end"
    return found.start_ms, found.end_ms
