"""The wall clock, read here and passed on as an argument: nothing below the edge asks for the time itself."""

import time


class SteadyClock:
    """The wall clock as it was when this was made, plus the time that has passed since: no correction moves it.

    For deadlines: a wall clock that is set forward must not make everything overdue that runs.
    """

    def __init__(self) -> None:
        """Start with the wall clock's time."""
        self._wall_ms = now_ms()
        self._since_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        """Return the time in whole milliseconds since 1970 (UTC)."""
        return self._wall_ms + (time.monotonic_ns() - self._since_ns) // 1_000_000


def now_ms() -> int:
    """Return the time in whole milliseconds since 1970 (UTC), the resolution of every stored time."""
    return time.time_ns() // 1_000_000


def host_ms() -> int:
    """Return the milliseconds since this machine was started: the same in all its processes, and never set."""
    return time.monotonic_ns() // 1_000_000
