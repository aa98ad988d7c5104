"""How soon a thread that computes lets the event loop run. Knows neither.

CPython lets a thread run for 5 ms while others wait for it, so that work beside the loop (a report, an import, a sweep) kept
each of its turns waiting that long. Half a millisecond for good would cost a twentieth of a request's CPU: the loop and the
ledger's thread would interrupt each other. So it is that short only while there is such work.
"""

import contextlib
import sys
from collections.abc import Generator

WAY_S = 0.000_5

_usual_s: list[float] = []
"""One for each piece of work that runs now; the first is what was set before all of them."""


@contextlib.contextmanager
def giving_way() -> Generator[None]:
    """Have threads give way soon during the block, in which the caller waits for one. For the event loop's thread only."""
    _usual_s.append(_usual_s[0] if _usual_s else sys.getswitchinterval())
    sys.setswitchinterval(WAY_S)
    try:
        yield
    finally:
        usual_s = _usual_s.pop()
        if not _usual_s:
            sys.setswitchinterval(usual_s)
