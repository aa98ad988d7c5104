"""Rolling limits beside a log of everything that was admitted: the same verdicts, and never more than a limit in any window."""

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tollway.limits import rates
from tollway.limits.rates import (
    BURST_S,
    CELLS,
    MINUTE_S,
    RUNNING_WAIT_MS,
    Counter,
    Measure,
    release,
    settle,
    take,
)


class Limit(NamedTuple):
    rpm: int | None
    burst: int | None
    tpm: int | None
    concurrency: int | None


class Entry:
    """What a log says of one admitted request."""

    def __init__(self, at_ms: int, tokens: int) -> None:
        self.at_ms = at_ms
        self.tokens = tokens


class Log:
    """One counter, kept as a list: nothing is summed up, rounded or thrown away."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.requests: list[Entry] = []
        self.tokens: list[Entry] = []
        self.running = 0

    def waits(self, tokens: int, now_ms: int) -> list[tuple[Measure, int]]:
        """Return for each limit how long a request would have to wait for it alone."""
        limit = self.limit
        waits: list[tuple[Measure, int]] = []
        if limit.rpm is not None:
            ones = [(entry.at_ms, 1) for entry in self.requests]
            waits.append((Measure.REQUESTS, wait(ones, MINUTE_S, limit.rpm, 1, now_ms)))
        if limit.burst is not None:
            ones = [(entry.at_ms, 1) for entry in self.requests]
            waits.append((Measure.BURST, wait(ones, BURST_S, limit.burst, 1, now_ms)))
        if limit.tpm is not None:
            counts = [(entry.at_ms, entry.tokens) for entry in self.tokens]
            waits.append((Measure.TOKENS, wait(counts, MINUTE_S, limit.tpm, min(tokens, limit.tpm), now_ms)))
        if limit.concurrency is not None:
            full = self.running >= limit.concurrency
            waits.append((Measure.CONCURRENCY, RUNNING_WAIT_MS if full else 0))
        return waits


def used(entries: Sequence[tuple[int, int]], seconds: int, now_ms: int) -> int:
    """Return the count of the window: all of a second is in it as long as the last of it is."""
    last = {at_ms // 1000: 0 for at_ms, _ in entries}
    for at_ms, _ in entries:
        last[at_ms // 1000] = max(last[at_ms // 1000], at_ms)
    return sum(count for at_ms, count in entries if last[at_ms // 1000] > now_ms - seconds * 1000)


def wait(entries: Sequence[tuple[int, int]], seconds: int, limit: int, wanted: int, now_ms: int) -> int:
    """Return the milliseconds until there is room: the use only changes when an entry leaves."""
    moments = sorted({now_ms, *(at_ms + seconds * 1000 for at_ms, _ in entries if at_ms + seconds * 1000 > now_ms)})
    return next(at for at in moments if used(entries, seconds, at) + wanted <= limit) - now_ms


LIMITS = st.builds(
    Limit,
    rpm=st.none() | st.integers(1, 6),
    burst=st.none() | st.integers(1, 4),
    tpm=st.none() | st.integers(1, 60),
    concurrency=st.none() | st.integers(1, 3),
)
PAUSES_MS = st.one_of(
    st.integers(0, 900), st.integers(0, 12_000), st.integers(55_000, 70_000), st.sampled_from([1000, 10_000, 60_000])
)
STEPS = st.lists(
    st.tuples(
        PAUSES_MS,
        st.sampled_from(["ask", "ask", "ask", "end"]),
        st.integers(0, 3),
        st.integers(0, 80),
    ),
    max_size=40,
)
"""How long later, what, of whom or which, and how many tokens."""


class Running(NamedTuple):
    """A request that was admitted and has not ended."""

    asked: tuple[int, ...]
    reserved: int
    at_ms: int
    entries: tuple[Entry | None, ...]


@given(st.lists(LIMITS, min_size=1, max_size=3), STEPS, st.integers(0, 10**7))
def test_verdicts_are_those_of_a_log(limits: list[Limit], steps: list[tuple[int, str, int, int]], start: int) -> None:
    now_ms = start
    counters = [Counter(memoryview(array("q", bytes(8 * CELLS))), limit) for limit in limits]
    logs = [Log(limit) for limit in limits]
    running: list[Running] = []
    admitted: list[int] = []
    for pause_ms, step, choice, tokens in steps:
        now_ms += pause_ms
        if step == "end":
            if running:
                end(running.pop(choice % len(running)), counters, logs, used_tokens=tokens, now_ms=now_ms)
            continue
        asked = tuple(index for index in range(len(limits)) if choice == 0 or index == choice % len(limits))
        waits = [(at, *each) for at, index in enumerate(asked) for each in logs[index].waits(tokens, now_ms)]
        verdict = take([counters[index] for index in asked], tokens=tokens, now_ms=now_ms)
        longest = max((wait_ms for _, _, wait_ms in waits), default=0)
        if longest:
            assert verdict.refused is not None
            assert verdict.refused.wait_ms == longest
            assert (verdict.refused.place, verdict.refused.measure, longest) in waits
            again_is_refused_until_then([counters[index] for index in asked], tokens, now_ms, longest)
            continue
        assert verdict.refused is None
        admitted.append(now_ms)
        entries: list[Entry | None] = []
        for index in asked:
            log = logs[index]
            log.requests.append(Entry(now_ms, 1))
            entry = None
            if log.limit.tpm is not None:
                entry = Entry(now_ms, min(tokens, log.limit.tpm))
                log.tokens.append(entry)
            entries.append(entry)
            log.running += 1
        running.append(Running(asked, tokens, now_ms, tuple(entries)))
        for standing, log_left in ((verdict.requests, requests_left), (verdict.tokens, tokens_left)):
            lefts = [left for index in asked for left in log_left(logs[index], now_ms)]
            assert (standing is None) == (not lefts)
            assert standing is None or standing.remaining == min(lefts)
    for index, log in enumerate(logs):
        moments = [entry.at_ms for entry in log.requests]
        for seconds, limit in ((MINUTE_S, limits[index].rpm), (BURST_S, limits[index].burst)):
            for moment in moments:
                within = [at for at in moments if moment - seconds * 1000 < at <= moment]
                assert limit is None or len(within) <= limit


def again_is_refused_until_then(counters: list[Counter], tokens: int, now_ms: int, wait_ms: int) -> None:
    """Ask copies of the counters once more, just before the wait is over and then."""
    before = [Counter(memoryview(array("q", counter.cells)), counter.limit) for counter in counters]
    assert take(before, tokens=tokens, now_ms=now_ms + wait_ms - 1).refused is not None
    after = [Counter(memoryview(array("q", counter.cells)), without_concurrency(counter.limit)) for counter in counters]
    assert take(after, tokens=tokens, now_ms=now_ms + wait_ms).refused is None


def without_concurrency(limit: rates.Limit) -> rates.Limit:
    return Limit(limit.rpm, limit.burst, limit.tpm, None)


def end(request: Running, counters: list[Counter], logs: list[Log], *, used_tokens: int, now_ms: int) -> None:
    for index, entry in zip(request.asked, request.entries, strict=True):
        log = logs[index]
        settle(counters[index], reserved=request.reserved, used=used_tokens, taken_ms=request.at_ms, now_ms=now_ms)
        release(counters[index])
        log.running -= 1
        if entry is not None:
            if used_tokens > entry.tokens:
                log.tokens.append(Entry(now_ms, used_tokens - entry.tokens))
            else:
                entry.tokens = used_tokens


def requests_left(log: Log, now_ms: int) -> list[int]:
    ones = [(entry.at_ms, 1) for entry in log.requests]
    spans = ((MINUTE_S, log.limit.rpm), (BURST_S, log.limit.burst))
    return [limit - used(ones, seconds, now_ms) for seconds, limit in spans if limit is not None]


def tokens_left(log: Log, now_ms: int) -> list[int]:
    counts = [(entry.at_ms, entry.tokens) for entry in log.tokens]
    tpm = log.limit.tpm
    return [] if tpm is None else [max(0, tpm - used(counts, MINUTE_S, now_ms))]
