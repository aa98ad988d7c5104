"""How long requests took and how they ended, and what follows of it. Pure; knows no SQL and no clock."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from tollway.ledger.lines import Outcome
from tollway.ledger.usage import UsageSums

ERRORS = frozenset(
    (
        Outcome.FAILED,
        Outcome.UPSTREAM_BROKE,
        Outcome.SHUT_DOWN,
        Outcome.OUT_OF_MONEY,
        Outcome.INTERRUPTED,
        Outcome.EXPIRED,
    )
)
"""Ends of which a client that had stayed would say that it got no answer, or not all of it."""

UNTIMED = frozenset((Outcome.INTERRUPTED, Outcome.EXPIRED))
"""Ends that nobody saw: when they came is not known."""

P99_PER_MILLE = 990


class Timing(NamedTuple):
    """How many requests took so long and ended so."""

    duration_ms: int
    outcome: Outcome
    requests: int


class Timings(NamedTuple):
    """What was found of the requests of somebody in a period."""

    found: tuple[Timing, ...]
    cut_ms: int | None = None
    """Where there were too many to look at: since when they were; None when all were."""


class UsageSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The usage of a period in a few numbers. Rates are shares of one; None where there was nothing to divide by."""

    sums: UsageSums
    """Of every request of the period."""
    currency: str
    average_latency_ms: float | None
    """From a request's arrival to the last byte of its answer."""
    p99_latency_ms: int | None
    """No more than one request in a hundred took longer."""
    cache_hit_rate: float | None
    """Of the input tokens, those that a provider had in its cache."""
    error_rate: float | None
    failed_requests: int
    """Of those that were looked at."""
    cut_ms: int | None
    """Latencies and errors are those of requests that began since then; None when they are of all."""


def summarize(sums: UsageSums, timings: Timings, *, currency: str) -> UsageSummary:
    """Return the summary of a period."""
    timed = [timing for timing in timings.found if timing.outcome not in UNTIMED]
    seen = sum(timing.requests for timing in timings.found)
    failed = sum(timing.requests for timing in timings.found if timing.outcome in ERRORS)
    measured = sum(timing.requests for timing in timed)
    total_ms = sum(timing.duration_ms * timing.requests for timing in timed)
    taken = sums.input_tokens + sums.cached_input_tokens + sums.cache_write_tokens
    return UsageSummary(
        sums=sums,
        currency=currency,
        average_latency_ms=total_ms / measured if measured else None,
        p99_latency_ms=nearest_rank(((timing.duration_ms, timing.requests) for timing in timed), P99_PER_MILLE),
        cache_hit_rate=sums.cached_input_tokens / taken if taken else None,
        error_rate=failed / seen if seen else None,
        failed_requests=failed,
        cut_ms=timings.cut_ms,
    )


def nearest_rank(counts: Iterable[tuple[int, int]], per_mille: int) -> int | None:
    """Return the least value that is not below `per_mille` thousandths of all; None where there are none.

    `counts` are values and how often each was seen, in any order, a value more than once too.
    """
    ordered = sorted(counts)
    rank = -(-sum(times for _, times in ordered) * per_mille // 1000)
    reached = 0
    for value, times in ordered:
        reached += times
        if reached >= rank:
            return value
    return None
