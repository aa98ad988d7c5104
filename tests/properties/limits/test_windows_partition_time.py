"""In every timezone there is, days and months divide time: no instant is in none of them, and none is in two."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given
from hypothesis import strategies as st

from tollway.limits.windows import DAY, MONTH, Window, WindowClock, window_at

ZONES = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
INSTANTS = st.integers(0, 4_102_444_800_000)
"""From 1970 to 2100."""
CALENDARS = st.sampled_from([DAY, MONTH])
HOURS_MS_MAX = {DAY: 49 * 3_600_000, MONTH: 33 * 24 * 3_600_000}


def ends(window: Window) -> int:
    assert window.end_ms is not None
    return window.end_ms


@given(CALENDARS, ZONES, INSTANTS)
def test_an_instant_is_in_its_window_and_neighbours_touch(window: str, zone: ZoneInfo, now_ms: int) -> None:
    found = window_at(window, zone, now_ms)
    assert found.start_ms <= now_ms < ends(found)
    assert ends(found) - found.start_ms <= HOURS_MS_MAX[window]
    for inside in (found.start_ms, (found.start_ms + ends(found)) // 2, ends(found) - 1):
        assert window_at(window, zone, inside) == found
    assert window_at(window, zone, ends(found)).start_ms == ends(found)
    if found.start_ms > 0:
        assert window_at(window, zone, found.start_ms - 1).end_ms == found.start_ms


@given(ZONES, INSTANTS)
def test_days_make_up_months(zone: ZoneInfo, now_ms: int) -> None:
    month = window_at(MONTH, zone, now_ms)
    days = [window_at(DAY, zone, month.start_ms)]
    while ends(days[-1]) < ends(month):
        days.append(window_at(DAY, zone, ends(days[-1])))
    assert days[0].start_ms == month.start_ms
    assert ends(days[-1]) == ends(month)
    assert all(ends(before) == after.start_ms for before, after in pairwise(days))
    assert 27 <= len(days) <= 31


@given(ZONES, INSTANTS)
def test_a_day_begins_when_its_date_is_first_shown(zone: ZoneInfo, now_ms: int) -> None:
    start_ms = window_at(DAY, zone, now_ms).start_ms
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    just_before, then = (
        (epoch + timedelta(milliseconds=at)).astimezone(zone).date() for at in (start_ms - 1, start_ms)
    )
    assert just_before < then


@given(ZONES, st.lists(st.tuples(CALENDARS, INSTANTS), max_size=20))
def test_a_clock_that_jumps_to_and_fro_is_never_misled(zone: ZoneInfo, asked: list[tuple[str, int]]) -> None:
    clock = WindowClock(zone)
    for window, now_ms in asked:
        assert clock.at(window, now_ms) == window_at(window, zone, now_ms)
