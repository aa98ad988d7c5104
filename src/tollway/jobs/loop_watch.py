"""Watches how long the event loop is kept from its next turn, and by what: for tests and for whoever looks for a pause.

Off unless it is asked for, and cheap where it is on: a timer each millisecond. Knows no request; it writes log lines.
"""

import asyncio
import contextlib
import gc
import time
from collections.abc import Generator, Mapping

from tollway.logs import get_log

log = get_log(__name__)

ASKED_BY = "TOLLWAY_WATCH_LOOP_S"
"""The environment variable that turns it on: how many seconds a window lasts."""
EVENT = "the event loop was watched"
"""What its log lines say."""

TICK_S = 0.001
BUCKET_S = 0.000_1
BUCKETS = 1_000
"""Lags are counted to a tenth of a second in steps of a tenth of a millisecond, and all that are longer in the last. The
longest is kept as it is."""


class Window:
    """What was seen since some instant."""

    __slots__ = ("cpu_s_max", "gc_runs", "gc_s_max", "lag_s_max", "lags", "ticks")

    def __init__(self) -> None:
        """Start with nothing seen."""
        self.ticks = 0
        self.lag_s_max = 0.0
        """How late the latest tick was: what else ran, and whatever kept this thread from running."""
        self.cpu_s_max = 0.0
        """The most CPU time of the loop's own thread between two ticks: at most a tick more than the longest callback,
        where the loop is not busy without a pause. Other threads and other processes do not count in it."""
        self.gc_s_max = 0.0
        self.gc_runs = [0, 0, 0]
        """How often garbage of each generation was collected, in any thread."""
        self.lags = [0] * BUCKETS

    def saw(self, lag_s: float, cpu_s: float) -> None:
        """Count a tick."""
        self.ticks += 1
        self.lag_s_max = max(self.lag_s_max, lag_s)
        self.cpu_s_max = max(self.cpu_s_max, cpu_s)
        self.lags[min(BUCKETS - 1, max(0, int(lag_s / BUCKET_S)))] += 1

    def lag_s_of(self, share: float) -> float:
        """Return what this share of the ticks was not later than: the longest of all where that is beyond the buckets."""
        left = self.ticks * share
        for bucket, count in enumerate(self.lags[:-1]):
            left -= count
            if left <= 0:
                return min((bucket + 1) * BUCKET_S, self.lag_s_max)
        return self.lag_s_max

    def figures(self) -> Mapping[str, object]:
        """Return what is told, in milliseconds."""
        return {
            "ticks": self.ticks,
            "lag_ms_max": _ms(self.lag_s_max),
            "lag_ms_p999": _ms(self.lag_s_of(0.999)),
            "cpu_ms_max": _ms(self.cpu_s_max),
            "gc_ms_max": _ms(self.gc_s_max),
            "gc_runs": tuple(self.gc_runs),
        }


class LoopWatch:
    """Ticks in the running event loop, and logs a line for each window."""

    def __init__(self, *, window_s: float) -> None:
        """Take how long a window is. Belongs to the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._window_s = window_s
        self._window = Window()
        self._timer: asyncio.TimerHandle | None = None
        self._gc_began_s = 0.0

    def start(self) -> None:
        """Begin the first window."""
        gc.callbacks.append(self._on_gc)
        self._begin()
        self._arm()

    def stop(self) -> None:
        """End the last window."""
        gc.callbacks.remove(self._on_gc)
        if self._timer is not None:
            self._timer.cancel()
        log.info(EVENT, **self._window.figures())

    def _begin(self) -> None:
        self._window = Window()
        self._ends_s = time.monotonic() + self._window_s

    def _arm(self) -> None:
        self._cpu_s = time.thread_time()
        self._due_s = time.monotonic() + TICK_S
        self._timer = self._loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        cpu_s, now_s = time.thread_time(), time.monotonic()
        self._window.saw(now_s - self._due_s, cpu_s - self._cpu_s)
        if now_s >= self._ends_s:
            log.info(EVENT, **self._window.figures())
            self._begin()
        self._arm()

    def _on_gc(self, phase: str, info: Mapping[str, int]) -> None:
        if phase == "start":
            self._gc_began_s = time.perf_counter()
        else:
            window = self._window
            window.gc_runs[info["generation"]] += 1
            window.gc_s_max = max(window.gc_s_max, time.perf_counter() - self._gc_began_s)


@contextlib.contextmanager
def watching(environment: Mapping[str, str]) -> Generator[None]:
    """Watch the running event loop during the block, where the environment asks for it."""
    window_s = _window_s(environment.get(ASKED_BY, ""))
    if window_s is None:
        yield
        return
    watch = LoopWatch(window_s=window_s)
    watch.start()
    try:
        yield
    finally:
        watch.stop()


def _window_s(word: str) -> float | None:
    """Return how long a window is; None where nobody asks, or for what is no length."""
    try:
        window_s = float(word)
    except ValueError:
        return None
    return window_s if window_s > 0 else None


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
