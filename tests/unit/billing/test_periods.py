"""Periods as people write them."""

from zoneinfo import ZoneInfo

import pytest

from tollway.billing import periods
from tollway.billing.periods import days_of, parse_span, render_day
from tollway.errors import CommandRefused
from tollway.ledger.usage import Span

UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
JANUARY_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""


def test_a_day_or_a_month_is_meant_with_all_of_it() -> None:
    assert parse_span("2026-01-01", "2026-01-01", UTC) == Span(JANUARY_MS, JANUARY_MS + DAY_MS)
    assert parse_span("2026-01", "2026-01", UTC) == Span(JANUARY_MS, JANUARY_MS + 31 * DAY_MS)
    assert parse_span(None, None, UTC) == Span(None, None)


def test_a_time_is_meant_to_the_millisecond_and_in_the_timezone_unless_it_says_an_offset() -> None:
    assert parse_span("2026-01-01T00:00:00.001Z", "2026-01-01T02:00", BERLIN) == Span(
        JANUARY_MS + 1, JANUARY_MS + HOUR_MS
    )


def test_a_day_on_which_clocks_change_has_the_hours_that_it_has() -> None:
    start, end = parse_span("2026-03-29", "2026-03-29", BERLIN)
    assert start is not None
    assert end is not None
    assert end - start == 23 * HOUR_MS


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13", "2026-02-30", "2026-1-1", "26-01-01", "2026-01-01T25:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(CommandRefused, match="is not a day, a month or a time"):
        parse_span(text, None, UTC)


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(CommandRefused, match="is empty"):
        parse_span("2026-02-01", "2026-01-31", UTC)
    with pytest.raises(CommandRefused, match="is empty"):
        parse_span("2026-02-01T00:00", "2026-02-01T00:00", UTC)


def test_days_follow_each_other_cut_at_both_ends() -> None:
    span = Span(JANUARY_MS + HOUR_MS, JANUARY_MS + 2 * DAY_MS + HOUR_MS)
    days = list(days_of(span, UTC))
    assert days == [
        Span(JANUARY_MS + HOUR_MS, JANUARY_MS + DAY_MS),
        Span(JANUARY_MS + DAY_MS, JANUARY_MS + 2 * DAY_MS),
        Span(JANUARY_MS + 2 * DAY_MS, JANUARY_MS + 2 * DAY_MS + HOUR_MS),
    ]
    assert [render_day(day.start_ms or 0, UTC) for day in days] == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_a_report_has_a_bounded_number_of_days(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periods, "DAYS_MAX", 3)
    with pytest.raises(CommandRefused, match="at most 3 days"):
        list(days_of(Span(JANUARY_MS, JANUARY_MS + 4 * DAY_MS), UTC))


def test_a_day_in_half_an_hour_of_another_is_called_by_the_calendar_of_its_place() -> None:
    kolkata = ZoneInfo("Asia/Kolkata")
    (day,) = days_of(parse_span("2026-01-31", "2026-01-31", kolkata), kolkata)
    assert day.start_ms is not None
    assert (day.start_ms % HOUR_MS, render_day(day.start_ms, kolkata)) == (HOUR_MS // 2, "2026-01-31")
