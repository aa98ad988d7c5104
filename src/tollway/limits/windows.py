"""Calendar windows of a timezone: in which day or month a moment lies, and when that ends. Pure; knows no cap and no clock.

A day begins at the first instant at which its midnight has come or has been jumped over, so days follow each other
without a gap and without an overlap, whatever the clocks of a place did: 23 and 25 hours long, begun at one in the
morning where midnight does not exist, or of no length at all where a whole date was left out. The same instant is
always in the same window, so a clock that is set back finds the window that it had left, with what was spent in it.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo

import msgspec

DAY = "day"
MONTH = "month"
TOTAL = "total"
WINDOWS: tuple[str, ...] = (DAY, MONTH, TOTAL)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_DAY = timedelta(days=1)
_MORE_THAN_A_MONTH = timedelta(days=32)
_ONE_MS = timedelta(milliseconds=1)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A span of time in milliseconds since 1970 (UTC): from its start, and up to its end without that."""

    start_ms: int
    end_ms: int | None
    """None: it never ends."""


ALWAYS = Window(start_ms=0, end_ms=None)
_NEVER = Window(start_ms=0, end_ms=0)


class WindowClock:
    """The windows of one timezone, with the current ones at hand: asking again costs two comparisons."""

    __slots__ = ("_current", "zone")

    def __init__(self, zone: tzinfo) -> None:
        """Take the timezone in which days and months begin."""
        self.zone = zone
        self._current = dict.fromkeys(WINDOWS, _NEVER)

    def at(self, window: str, now_ms: int) -> Window:
        """Return the window (one of WINDOWS) in which `now_ms` lies."""
        current = self._current[window]
        end_ms = current.end_ms
        if now_ms >= current.start_ms and (end_ms is None or now_ms < end_ms):
            return current
        self._current[window] = found = window_at(window, self.zone, now_ms)
        return found


def window_at(window: str, zone: tzinfo, now_ms: int) -> Window:
    """Return the day, the month, or all of time, in which `now_ms` lies, as the calendar of `zone` has it."""
    if window == TOTAL:
        return ALWAYS
    if window not in WINDOWS:
        raise ValueError(f"{window!r} is none of {', '.join(WINDOWS)}")
    today = (_EPOCH + timedelta(milliseconds=now_ms)).astimezone(zone).date()
    first = today if window == DAY else today.replace(day=1)
    start_ms, following = _begins_ms(first, zone), _next(window, first)
    end_ms = _begins_ms(following, zone)
    # Where clocks go back across midnight, yesterday's date is shown once more in a day that has begun.
    while end_ms <= now_ms:
        start_ms, following = end_ms, _next(window, following)
        end_ms = _begins_ms(following, zone)
    return Window(start_ms=start_ms, end_ms=end_ms)


def render_moment(at_ms: int, zone: tzinfo) -> str:
    """Return a moment as the clocks of `zone` show it, to the second: ``2026-02-01T00:00:00+08:00``."""
    at = _EPOCH + timedelta(milliseconds=at_ms)
    return at.astimezone(zone).isoformat(timespec="seconds").replace("+00:00", "Z")


def _next(window: str, first: date) -> date:
    return first + _ONE_DAY if window == DAY else (first + _MORE_THAN_A_MONTH).replace(day=1)


def _begins_ms(day: date, zone: tzinfo) -> int:
    """Return the first instant at which the clocks of `zone` show `day` or a later date."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    # Read with the offset before a change of clocks, then with the one after it: where clocks go back and show this
    # midnight twice, the earlier is meant; where they go forward over it, it is read too late, then too early.
    late, early = _instant_ms(midnight), _instant_ms(midnight.replace(fold=1))
    if late <= early:
        return late
    while late - early > 1:
        middle = (late + early) // 2
        shown = (_EPOCH + timedelta(milliseconds=middle)).astimezone(zone)
        early, late = (early, middle) if shown.date() >= day else (middle, late)
    return late


def _instant_ms(at: datetime) -> int:
    return (at - _EPOCH) // _ONE_MS
