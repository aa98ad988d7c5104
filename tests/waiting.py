"""Waiting for what another process or thread does, of which no event comes to us."""

import time
from collections.abc import Callable

WAIT_S = 20.0


def until(holds: Callable[[], object], *, wait_s: float = WAIT_S) -> None:
    """Return as soon as `holds` does; fail when it does not in time."""
    give_up_at = time.monotonic() + wait_s
    while not holds():
        assert time.monotonic() < give_up_at, "it did not come to be in time"
        time.sleep(0.005)
