"""The watch over the event loop: what keeps it, how long, and in whose time."""

import asyncio
import gc
import logging
import time

import pytest

from tollway.jobs.loop_watch import ASKED_BY, EVENT, Window, watching


def burn(cpu_s: float) -> None:
    until = time.thread_time() + cpu_s
    while time.thread_time() < until:
        pass


async def watched(work: object, caplog: pytest.LogCaptureFixture, *, window_s: str = "60") -> list[dict[str, object]]:
    with caplog.at_level(logging.INFO, logger="tollway"), watching({ASKED_BY: window_s}):
        await asyncio.sleep(0.01)
        if callable(work):
            work()
        await asyncio.sleep(0.01)
    return [vars(record)["about"] for record in caplog.records if record.getMessage() == EVENT]


async def test_a_callback_that_takes_long_shows_as_lag_and_as_cpu(caplog: pytest.LogCaptureFixture) -> None:
    (figures,) = await watched(lambda: burn(0.03), caplog)

    assert 29 <= figures["cpu_ms_max"] <= 40  # type: ignore[operator]
    assert figures["lag_ms_max"] >= 29  # type: ignore[operator]
    assert figures["lag_ms_p999"] == figures["lag_ms_max"]


async def test_a_callback_that_only_waits_shows_as_lag_alone(caplog: pytest.LogCaptureFixture) -> None:
    (figures,) = await watched(lambda: time.sleep(0.03), caplog)

    assert figures["cpu_ms_max"] < 10  # type: ignore[operator]
    assert figures["lag_ms_max"] >= 28  # type: ignore[operator]


async def test_collections_of_garbage_are_counted_by_generation(caplog: pytest.LogCaptureFixture) -> None:
    (figures,) = await watched(lambda: gc.collect(1), caplog)

    assert figures["gc_runs"][1] == 1  # type: ignore[index]
    assert figures["gc_ms_max"] > 0  # type: ignore[operator]


async def test_each_window_has_a_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="tollway"), watching({ASKED_BY: "0.02"}):
        await asyncio.sleep(0.1)

    assert sum(record.getMessage() == EVENT for record in caplog.records) >= 3


@pytest.mark.parametrize("word", ["", "0", "-1", "soon", "nan"])
async def test_it_is_off_unless_a_length_of_time_is_given(word: str, caplog: pytest.LogCaptureFixture) -> None:
    before = list(gc.callbacks)
    with caplog.at_level(logging.INFO, logger="tollway"), watching({ASKED_BY: word}):
        assert gc.callbacks == before

    assert not caplog.records
    assert gc.callbacks == before


def test_a_share_of_the_ticks_is_found_to_a_tenth_of_a_millisecond() -> None:
    window = Window()
    for _ in range(999):
        window.saw(0.000_15, 0.0)
    window.saw(0.5, 0.0)  # beyond the buckets: told as it was

    assert window.lag_s_of(0.5) == pytest.approx(0.000_2)
    assert window.lag_s_of(0.999) == pytest.approx(0.000_2)
    assert window.lag_s_of(1.0) == 0.5
    assert window.lag_s_max == 0.5
