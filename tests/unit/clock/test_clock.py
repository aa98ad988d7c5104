"""The clocks."""

import time

import pytest

from tollway import clock


def test_a_wall_clock_that_is_set_forward_makes_nothing_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    steady = clock.SteadyClock()
    before = steady.now_ms()
    hour_ns = 3_600_000_000_000
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + hour_ns)
    assert clock.now_ms() >= before + 3_600_000
    assert before <= steady.now_ms() < before + 60_000


def test_a_steady_clock_begins_with_the_wall_clock_and_goes_on() -> None:
    now = clock.now_ms()
    steady = clock.SteadyClock()
    first = steady.now_ms()
    assert 0 <= first - now < 10_000
    while steady.now_ms() == first:
        pass
    assert steady.now_ms() > first
