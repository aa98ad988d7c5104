"""Latencies, errors and rates of a period, from counts."""

import random

import pytest

from tollway.ledger.lines import Outcome
from tollway.ledger.timings import Timing, Timings, nearest_rank, summarize
from tollway.ledger.usage import UsageSums

DONE, FAILED = Outcome.COMPLETED, Outcome.FAILED


def test_a_summary_divides_what_it_can_and_says_none_of_the_rest() -> None:
    nothing = summarize(UsageSums(), Timings(()), currency="USD")
    assert (nothing.average_latency_ms, nothing.p99_latency_ms) == (None, None)
    assert (nothing.cache_hit_rate, nothing.error_rate, nothing.failed_requests) == (None, None, 0)
    sums = UsageSums(requests=4, input_tokens=60, cached_input_tokens=30, cache_write_tokens=10)
    found = (Timing(100, DONE, 2), Timing(400, FAILED, 1), Timing(9_000, Outcome.EXPIRED, 1))
    summary = summarize(sums, Timings(found, cut_ms=17), currency="CNY")
    assert (summary.average_latency_ms, summary.p99_latency_ms) == (200.0, 400)
    assert (summary.error_rate, summary.failed_requests, summary.cache_hit_rate) == (0.5, 2, 0.3)
    assert (summary.cut_ms, summary.currency) == (17, "CNY")


@pytest.mark.parametrize(
    ("outcome", "is_error"),
    [
        (Outcome.COMPLETED, False),
        (Outcome.CLIENT_GONE, False),
        (Outcome.DRAINED, False),
        (Outcome.UPSTREAM_BROKE, True),
        (Outcome.SHUT_DOWN, True),
        (Outcome.OUT_OF_MONEY, True),
        (Outcome.FAILED, True),
        (Outcome.INTERRUPTED, True),
        (Outcome.EXPIRED, True),
    ],
)
def test_an_error_is_what_a_client_that_had_stayed_would_call_one(outcome: Outcome, is_error: bool) -> None:
    assert summarize(UsageSums(), Timings((Timing(1, outcome, 1),)), currency="USD").failed_requests == is_error


def test_a_rank_is_that_of_the_sorted_list() -> None:
    draw = random.Random(7)
    for _ in range(200):
        values = [draw.randrange(20) for _ in range(draw.randrange(1, 250))]
        per_mille = draw.choice([1, 500, 900, 990, 1000])
        wanted = sorted(values)[-(-len(values) * per_mille // 1000) - 1]
        assert nearest_rank([(value, 1) for value in values], per_mille) == wanted
        assert nearest_rank([(value, values.count(value)) for value in set(values)], per_mille) == wanted
    assert nearest_rank([], 990) is None
