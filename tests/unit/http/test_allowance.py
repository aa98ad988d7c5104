"""The header lines that tell what is left of limits."""

from tollway.http.replies import allowance
from tollway.limits.rates import Standing, Verdict


def test_what_is_left_is_told_with_the_seconds_rounded_up() -> None:
    verdict = Verdict(refused=None, requests=Standing(60, 59, 59_001), tokens=Standing(1000, 0, 12_000), at_ms=0)
    assert allowance(verdict).decode().splitlines() == [
        "x-ratelimit-limit-requests: 60",
        "x-ratelimit-remaining-requests: 59",
        "x-ratelimit-reset-requests: 60s",
        "x-ratelimit-limit-tokens: 1000",
        "x-ratelimit-remaining-tokens: 0",
        "x-ratelimit-reset-tokens: 12s",
    ]


def test_of_what_is_not_limited_nothing_is_told() -> None:
    assert allowance(Verdict(refused=None, requests=None, tokens=None, at_ms=0)) == b""
