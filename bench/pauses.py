"""What a gateway says of its event loop, read from its log while it runs. Knows its log lines and nothing else of it."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tollway.jobs.loop_watch import ASKED_BY, EVENT

WINDOW_S = 5
SWITCH = {ASKED_BY: str(WINDOW_S)}
"""What the gateway's environment must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """The pauses of some windows, in milliseconds."""

    windows: int
    lag_ms_max: float
    """How late a tick was at most: everything that kept the loop, other processes on its core too."""
    lag_ms_p999: float
    """The 99.9th percentile of the ticks: the median of the windows."""
    cpu_ms_max: float
    """The most CPU time of the loop's own thread between two ticks."""
    gc_ms_max: float
    collections: int


def gathered(windows: Sequence[dict[str, Any]]) -> Pauses:
    """Return what some windows show together."""
    return Pauses(
        windows=len(windows),
        lag_ms_max=max((window["lag_ms_max"] for window in windows), default=0.0),
        lag_ms_p999=statistics.median(window["lag_ms_p999"] for window in windows) if windows else 0.0,
        cpu_ms_max=max((window["cpu_ms_max"] for window in windows), default=0.0),
        gc_ms_max=max((window["gc_ms_max"] for window in windows), default=0.0),
        collections=sum(sum(window["gc_runs"]) for window in windows),
    )


class PauseLog:
    """Reads the windows that have come since the last reading."""

    def __init__(self, log: Path) -> None:
        """Take the gateway's log."""
        self._log = log
        self._read_bytes = 0
        self.seen: list[dict[str, Any]] = []
        """Every window so far."""

    def news(self) -> Pauses:
        """Return what has come since the last call."""
        with self._log.open("rb") as file:
            file.seek(self._read_bytes)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]  # the last line may be half written
        self._read_bytes += len(whole)
        lines = [json.loads(line) for line in whole.splitlines() if line.startswith(b"{")]
        windows = [line for line in lines if line.get("event") == EVENT]
        self.seen += windows
        return gathered(windows)
