"""Rolling limits, one rule at a time."""

from array import array
from typing import NamedTuple

from tollway.limits.rates import (
    CELLS,
    COUNT_MAX,
    RUNNING,
    RUNNING_WAIT_MS,
    Counter,
    Measure,
    Standing,
    Verdict,
    release,
    settle,
    take,
)

NOW_MS = 1_000_000_250


class Limit(NamedTuple):
    rpm: int | None = None
    burst: int | None = None
    tpm: int | None = None
    concurrency: int | None = None


def counter(**limit: int) -> Counter:
    return Counter(memoryview(array("q", bytes(8 * CELLS))), Limit(**limit))


def ask(*counters: Counter, at_ms: int = NOW_MS, tokens: int = 0) -> Verdict:
    return take(counters, tokens=tokens, now_ms=at_ms)


def test_a_minute_has_room_for_its_limit_and_again_when_the_first_is_a_minute_old() -> None:
    one = counter(rpm=2)
    assert ask(one).requests == Standing(limit=2, remaining=1, reset_ms=60_000)
    assert ask(one, at_ms=NOW_MS + 5_000).requests == Standing(limit=2, remaining=0, reset_ms=55_000)
    refused = ask(one, at_ms=NOW_MS + 10_000)
    assert refused.refused == (0, Measure.REQUESTS, 2, 50_000)
    assert refused.requests == Standing(limit=2, remaining=0, reset_ms=50_000)
    assert ask(one, at_ms=NOW_MS + 59_999).refused is not None
    assert ask(one, at_ms=NOW_MS + 60_000).refused is None


def test_a_client_that_keeps_to_its_limit_evenly_is_never_refused() -> None:
    one = counter(rpm=60, burst=10)
    assert all(ask(one, at_ms=NOW_MS + second * 1000).refused is None for second in range(300))


def test_the_rest_of_a_second_waits_for_the_last_of_it() -> None:
    one = counter(rpm=2)
    ask(one)
    ask(one, at_ms=NOW_MS + 700)
    refused = ask(one, at_ms=NOW_MS + 60_000).refused
    assert refused is not None
    assert refused.wait_ms == 700


def test_a_burst_is_limited_within_ten_seconds() -> None:
    one = counter(rpm=100, burst=2)
    ask(one)
    assert ask(one).requests == Standing(limit=2, remaining=0, reset_ms=10_000)
    assert ask(one).refused == (0, Measure.BURST, 2, 10_000)
    assert ask(one, at_ms=NOW_MS + 10_000).refused is None


def test_what_one_counter_refuses_is_counted_in_none() -> None:
    roomy, full = counter(rpm=5), counter(rpm=1)
    ask(full)
    for _ in range(9):
        assert ask(roomy, full).refused is not None
    assert ask(roomy).requests == Standing(limit=5, remaining=4, reset_ms=60_000)


def test_the_longest_wait_is_told() -> None:
    sooner, later = counter(rpm=1), counter(burst=1)
    ask(sooner, at_ms=NOW_MS - 55_000)
    ask(later)
    assert ask(sooner, later).refused == (1, Measure.BURST, 1, 10_000)
    assert ask(later, sooner).refused == (0, Measure.BURST, 1, 10_000)


def test_a_large_request_waits_until_enough_has_left() -> None:
    one = counter(tpm=100)
    ask(one, tokens=40)
    ask(one, tokens=40, at_ms=NOW_MS + 20_000)
    assert ask(one, tokens=50, at_ms=NOW_MS + 30_000).refused == (0, Measure.TOKENS, 100, 30_000)
    assert ask(one, tokens=90, at_ms=NOW_MS + 30_000).refused == (0, Measure.TOKENS, 100, 50_000)


def test_the_least_that_is_left_is_told() -> None:
    assert ask(counter(rpm=5), counter(rpm=3), counter(rpm=9)).requests == Standing(3, 2, 60_000)
    assert ask(counter(tpm=50), counter(tpm=30), counter(tpm=90), tokens=10).tokens == Standing(30, 20, 60_000)


def test_nothing_is_told_of_what_is_not_limited() -> None:
    assert ask(counter(rpm=1)).tokens is None
    assert ask(counter(concurrency=1)) == (None, None, None, NOW_MS)


def test_tokens_are_put_right_at_the_end() -> None:
    one = counter(tpm=100)
    ask(one, tokens=80)
    assert ask(one, tokens=30).refused == (0, Measure.TOKENS, 100, 60_000)
    settle(one, reserved=80, used=10, taken_ms=NOW_MS, now_ms=NOW_MS + 5_000)
    assert ask(one, tokens=30, at_ms=NOW_MS + 5_000).tokens == Standing(100, 60, 55_000)


def test_tokens_beyond_the_estimate_count_from_the_moment_they_are_known() -> None:
    one = counter(tpm=100)
    ask(one, tokens=10)
    settle(one, reserved=10, used=250, taken_ms=NOW_MS, now_ms=NOW_MS + 90_000)
    refused = ask(one, tokens=1, at_ms=NOW_MS + 90_000)
    assert refused.refused == (0, Measure.TOKENS, 100, 60_000)
    assert refused.tokens == Standing(100, 0, 60_000)


def test_tokens_that_no_longer_count_are_not_given_back() -> None:
    one = counter(tpm=100)
    ask(one, tokens=80)
    later = NOW_MS + 61_000
    ask(one, tokens=60, at_ms=later)
    settle(one, reserved=80, used=0, taken_ms=NOW_MS, now_ms=later)
    assert ask(one, tokens=1, at_ms=later).tokens == Standing(100, 39, 60_000)


def test_a_request_that_is_larger_than_the_limit_takes_all_of_it() -> None:
    one = counter(tpm=100)
    assert ask(one, tokens=10**9).tokens == Standing(100, 0, 60_000)
    assert ask(one, tokens=1).refused is not None
    assert ask(one, tokens=10**9, at_ms=NOW_MS + 60_000).refused is None


def test_tokens_are_put_right_only_where_they_are_limited() -> None:
    one = counter(rpm=5)
    before = list(one.cells)
    settle(one, reserved=5, used=50, taken_ms=NOW_MS, now_ms=NOW_MS)
    assert list(one.cells) == before


def test_so_many_run_at_once() -> None:
    one = counter(concurrency=2)
    assert ask(one).refused is None
    assert ask(one).refused is None
    assert ask(one).refused == (0, Measure.CONCURRENCY, 2, RUNNING_WAIT_MS)
    release(one)
    assert ask(one).refused is None


def test_a_wait_that_is_known_to_be_longer_is_told_before_one_that_is_not() -> None:
    one = counter(rpm=1, concurrency=1)
    ask(one)
    assert ask(one, at_ms=NOW_MS + 30_000).refused == (0, Measure.REQUESTS, 1, 30_000)
    assert ask(one, at_ms=NOW_MS + 59_500).refused == (0, Measure.CONCURRENCY, 1, RUNNING_WAIT_MS)


def test_fewer_than_none_never_run() -> None:
    one = counter(concurrency=1)
    release(one)
    assert one.cells[RUNNING] == 0
    unlimited = counter(rpm=1)
    release(unlimited)
    assert unlimited.cells[RUNNING] == 0


def test_who_read_the_clock_a_little_earlier_is_counted_in_the_newest_second() -> None:
    one = counter(rpm=2)
    ask(one, at_ms=NOW_MS + 1_000)
    ask(one, at_ms=NOW_MS)
    refused = ask(one, at_ms=NOW_MS + 1_000).refused
    assert refused is not None
    assert refused.wait_ms == 60_000
    settle(one, reserved=1, used=0, taken_ms=NOW_MS + 5_000, now_ms=NOW_MS)


def test_tokens_of_a_second_that_has_not_come_are_not_given_back() -> None:
    one = counter(tpm=100)
    ask(one, tokens=50)
    settle(one, reserved=50, used=0, taken_ms=NOW_MS + 5_000, now_ms=NOW_MS)
    assert ask(one, tokens=1).tokens == Standing(100, 49, 60_000)


def test_a_clock_that_begins_anew_finds_nothing_counted() -> None:
    one = counter(rpm=1)
    ask(one)
    assert ask(one, at_ms=5_000).refused is None
    assert ask(one, at_ms=5_001).refused is not None


def test_the_count_of_a_second_has_an_end() -> None:
    one = counter(tpm=COUNT_MAX)
    for _ in range(3):
        settle(one, reserved=0, used=2 * COUNT_MAX, taken_ms=NOW_MS, now_ms=NOW_MS)
    refused = ask(one, tokens=1).refused
    assert refused is not None
    assert refused.wait_ms == 60_000
