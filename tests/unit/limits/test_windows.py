"""Days and months as calendars have them, on the days on which clocks did something odd."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tollway.limits.windows import ALWAYS, DAY, MONTH, TOTAL, Window, WindowClock, render_moment, window_at

HOUR_MS = 3_600_000


def ms(text: str) -> int:
    """Return an ISO time, in UTC unless it says otherwise."""
    at = datetime.fromisoformat(text)
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def test_a_day_and_a_month_in_utc_are_those_of_the_calendar() -> None:
    now_ms = ms("2026-02-28T23:59:59.999")
    assert window_at(DAY, UTC, now_ms) == Window(start_ms=ms("2026-02-28"), end_ms=ms("2026-03-01"))
    assert window_at(MONTH, UTC, now_ms) == Window(start_ms=ms("2026-02-01"), end_ms=ms("2026-03-01"))
    assert window_at(MONTH, UTC, now_ms + 1) == Window(start_ms=ms("2026-03-01"), end_ms=ms("2026-04-01"))
    assert window_at(MONTH, UTC, ms("2026-12-31T12:00")).end_ms == ms("2027-01-01")


def test_all_of_time_never_ends() -> None:
    assert window_at(TOTAL, UTC, ms("2026-02-28")) == ALWAYS == Window(start_ms=0, end_ms=None)


def test_a_window_that_does_not_exist_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="'week' is none of day, month, total"):
        window_at("week", UTC, 0)


@pytest.mark.parametrize(
    ("zone", "now", "start", "end"),
    [
        # Eight hours ahead all year: what users of a service in China expect.
        ("Asia/Shanghai", "2026-11-20T15:59:59.999+00:00", "2026-11-20T00:00+08:00", "2026-11-21T00:00+08:00"),
        ("Asia/Shanghai", "2026-11-20T16:00+00:00", "2026-11-21T00:00+08:00", "2026-11-22T00:00+08:00"),
        # 23 hours, 25 hours.
        ("Europe/Berlin", "2026-03-29T12:00+02:00", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),
        ("Europe/Berlin", "2026-10-25T12:00+01:00", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
        # Half an hour of daylight saving.
        ("Australia/Lord_Howe", "2026-04-05T12:00+10:30", "2026-04-05T00:00+11:00", "2026-04-06T00:00+10:30"),
        ("Australia/Lord_Howe", "2026-10-04T12:00+11:00", "2026-10-04T00:00+10:30", "2026-10-05T00:00+11:00"),
        # Midnight did not exist: the clocks went from 24:00 to 01:00.
        ("America/Sao_Paulo", "2018-11-03T23:59:59-03:00", "2018-11-03T00:00-03:00", "2018-11-04T01:00-02:00"),
        ("America/Sao_Paulo", "2018-11-04T01:00-02:00", "2018-11-04T01:00-02:00", "2018-11-05T00:00-02:00"),
        # Midnight was jumped over: the clocks went from 23:30 to 00:30.
        ("America/Toronto", "1919-03-31T01:00-04:00", "1919-03-31T00:30-04:00", "1919-04-01T00:00-04:00"),
        # At 24:00 the clocks went back to 23:00: one more hour of the same day.
        ("America/Sao_Paulo", "2018-02-17T23:30-03:00", "2018-02-17T00:00-02:00", "2018-02-18T00:00-03:00"),
        # At 01:00 the clocks went back to 00:00: midnight came twice, and the day began with the first.
        ("America/Havana", "2026-11-01T00:30-05:00", "2026-11-01T00:00-04:00", "2026-11-02T00:00-05:00"),
        # At 00:01 the clocks went back to 23:01: the day that had begun stays begun.
        ("America/St_Johns", "2010-11-06T23:30-03:30", "2010-11-07T00:00-02:30", "2010-11-08T00:00-03:30"),
        # The 30th of December was left out.
        ("Pacific/Apia", "2011-12-29T23:59-10:00", "2011-12-29T00:00-10:00", "2011-12-31T00:00+14:00"),
        ("Pacific/Apia", "2011-12-31T00:00+14:00", "2011-12-31T00:00+14:00", "2012-01-01T00:00+14:00"),
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(zone: str, now: str, start: str, end: str) -> None:
    assert window_at(DAY, ZoneInfo(zone), ms(now)) == Window(start_ms=ms(start), end_ms=ms(end))


def test_a_month_begins_where_its_first_day_does() -> None:
    shanghai, paraguay = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/Asuncion")
    assert window_at(MONTH, shanghai, ms("2026-10-31T16:00")) == Window(
        start_ms=ms("2026-11-01T00:00+08:00"), end_ms=ms("2026-12-01T00:00+08:00")
    )
    # On the first of October 2017 there was no midnight in Paraguay.
    assert window_at(MONTH, paraguay, ms("2017-10-15T12:00")).start_ms == ms("2017-10-01T01:00-03:00")
    assert window_at(MONTH, paraguay, ms("2017-10-01T00:59:59.999-03:00")).end_ms == ms("2017-10-01T01:00-03:00")


def test_a_clock_that_jumps_back_finds_the_window_that_it_had_left() -> None:
    clock = WindowClock(ZoneInfo("Europe/Berlin"))
    before, after = ms("2026-03-28T23:59:59+01:00"), ms("2026-03-29T00:00:00+01:00")
    first = clock.at(DAY, before)
    assert clock.at(DAY, after) == Window(start_ms=after, end_ms=after + 23 * HOUR_MS)
    assert clock.at(DAY, before) == first
    assert first.end_ms == after


def test_a_current_window_is_not_reckoned_again() -> None:
    clock = WindowClock(ZoneInfo("Asia/Shanghai"))
    now_ms = ms("2026-11-20T12:00")
    for window in (DAY, MONTH, TOTAL):
        assert clock.at(window, now_ms) is clock.at(window, now_ms + 1)


def test_a_moment_is_shown_as_the_clocks_of_its_place_show_it() -> None:
    now_ms = ms("2026-11-20T16:00")
    assert render_moment(now_ms, ZoneInfo("Asia/Shanghai")) == "2026-11-21T00:00:00+08:00"
    assert render_moment(now_ms, UTC) == "2026-11-20T16:00:00Z"
    assert render_moment(now_ms, ZoneInfo("Europe/London")) == "2026-11-20T16:00:00Z"
