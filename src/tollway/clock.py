"""The wall clock, read here and passed on as an argument: nothing below the edge asks for the time itself."""

import time


def now_ms() -> int:
    """Return the time in whole milliseconds since 1970 (UTC), the resolution of every stored time."""
    return time.time_ns() // 1_000_000
