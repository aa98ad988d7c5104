"""How providers have been doing lately, in one word each: nobody learns from it what others ask. Knows no SQL and no surface."""

import threading
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Protocol

from tollway import clock
from tollway.ledger.lines import Outcome

LOOKS_BACK_MS = 3_600_000
LINES_MAX = 5_000
"""The newest of that hour: on a busy deployment, what happened a minute ago counts, and not what was an hour ago."""
KEPT_MS = 15_000
"""How long an answer is given again: whoever asks often costs nothing."""

DEGRADED_PERCENT = 10
DOWN_PERCENT = 50
DOWN_FAILURES = 3
"""Fewer failures than these never mean that a provider is down."""

SERVER_ERROR = 500
TOO_MANY = 429


class Health(StrEnum):
    """How a provider is doing."""

    OPERATIONAL = "operational"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"
    """Nobody has asked it lately."""


class HealthRows(Protocol):
    """What health is read from."""

    def provider_ends(self, since_ms: int, lines_max: int) -> tuple[tuple[str, Outcome, int, int], ...]:
        """Return for each provider, outcome and status how many requests ended so, of the newest that began since then."""
        ...


class ProviderHealth:
    """Reading how providers do. May be asked from any thread."""

    def __init__(self, store: HealthRows, *, now_ms: Callable[[], int] = clock.now_ms) -> None:
        """Read from `store`, at most once in 15 seconds."""
        self._store = store
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._read_ms: int | None = None
        self._known: Mapping[str, Health] = {}

    def statuses(self, names: Iterable[str]) -> dict[str, Health]:
        """Return how each of these providers is doing; what a request tried before it went elsewhere is not counted."""
        with self._lock:
            now_ms = self._now_ms()
            if self._read_ms is None or not 0 <= now_ms - self._read_ms < KEPT_MS:
                self._known = health_of(self._store.provider_ends(now_ms - LOOKS_BACK_MS, LINES_MAX))
                self._read_ms = now_ms
            known = self._known
        return {name: known.get(name, Health.UNKNOWN) for name in names}


def health_of(ends: Iterable[tuple[str, Outcome, int, int]]) -> dict[str, Health]:
    """Return how each provider is doing whose requests ended so."""
    seen: dict[str, list[int]] = {}
    for provider, outcome, status, count in ends:
        both = seen.setdefault(provider, [0, 0])
        both[0] += count
        both[1] += count if _is_theirs(outcome, status) else 0
    return {provider: _health(requests, failures) for provider, (requests, failures) in seen.items()}


def _is_theirs(outcome: Outcome, status: int) -> bool:
    """Tell whether a request ended so because of its provider: an error of the client's own is not."""
    if outcome is Outcome.UPSTREAM_BROKE:
        return True
    return outcome is Outcome.FAILED and (status >= SERVER_ERROR or status == TOO_MANY)


def _health(requests: int, failures: int) -> Health:
    if failures >= DOWN_FAILURES and failures * 100 >= requests * DOWN_PERCENT:
        return Health.DOWN
    return Health.DEGRADED if failures * 100 >= requests * DEGRADED_PERCENT else Health.OPERATIONAL
