"""When a running stream's hold is extended, and when its money has ended."""

import asyncio
import weakref

import pytest

from tollway.errors import Refusal
from tollway.relay.meter import EXTENSION_TOKENS, OVERCOUNT, Limit, Meter


def empty() -> Refusal:
    return Refusal("insufficient_quota", "The balance ran out.")


class Purse:
    """Extends by so many tokens each time, then refuses; each time when it is let."""

    def __init__(self, *steps: int) -> None:
        self.steps = list(steps)
        self.asked: list[int] = []
        self.open = asyncio.Event()
        self.open.set()

    async def extend(self, covered: int) -> int:
        self.asked.append(covered)
        await self.open.wait()
        if not self.steps:
            raise empty()
        return covered + self.steps.pop(0)

    def meter(self, covered: int, limit: Limit) -> Meter:
        return Meter(covered_tokens=covered, limit=limit, extend=self.extend)


async def test_a_hold_is_extended_when_a_quarter_of_it_is_left_while_the_stream_goes_on() -> None:
    purse = Purse(1000)
    purse.open.clear()
    meter = purse.meter(1000, Limit.ASSUMED)
    assert meter.stop_at == 750
    await meter.reached(750)
    assert meter.stop_at == 1000, "the stream goes on while the money is fetched"
    waiting = asyncio.create_task(meter.reached(1000))
    await asyncio.sleep(0)
    assert not waiting.done(), "what was covered is used up"
    purse.open.set()
    await waiting
    assert (purse.asked, meter.stop_at) == ([1000], 1500)
    meter.close()


async def test_a_large_hold_is_extended_one_step_before_its_end() -> None:
    assert Purse().meter(100_000, Limit.ASSUMED).stop_at == 100_000 - EXTENSION_TOKENS


@pytest.mark.parametrize("limit", list(Limit))
async def test_a_stream_whose_money_ended_goes_on_to_the_end_of_its_hold_and_no_further(limit: Limit) -> None:
    purse = Purse()
    meter = purse.meter(1000, limit)
    end = 1000 if limit is Limit.ASSUMED else 1000 * OVERCOUNT
    await meter.reached(meter.stop_at)
    await asyncio.sleep(0)
    assert meter.stop_at == end
    with pytest.raises(Refusal) as caught:
        await meter.reached(end)
    assert caught.value.code == "insufficient_quota"
    meter.close()


async def test_money_that_comes_before_the_end_is_found() -> None:
    purse = Purse()
    meter = purse.meter(1000, Limit.ASSUMED)
    await meter.reached(750)
    await asyncio.sleep(0)
    purse.steps.append(1000)
    await meter.reached(1000)
    assert (purse.asked, meter.stop_at) == ([1000, 1000], 1500)


async def test_an_answer_far_beyond_its_hold_is_covered_step_by_step() -> None:
    purse = Purse(100, 100, 100, 100)
    meter = purse.meter(100, Limit.ASSUMED)
    await meter.reached(420)
    assert purse.asked == [100, 200, 300, 400]
    assert meter.stop_at == 500
    meter.close()


async def test_a_limit_that_the_provider_keeps_is_not_extended_before_it_is_passed() -> None:
    purse = Purse(100, 100)
    meter = purse.meter(100, Limit.KEPT)
    assert meter.stop_at == 100
    await meter.reached(100)
    assert (purse.asked, meter.stop_at) == ([], 100 * OVERCOUNT)
    await meter.reached(200)
    await asyncio.sleep(0)
    assert (purse.asked, meter.stop_at) == ([100, 200], 200 * OVERCOUNT)
    meter.close()


async def test_a_meter_that_is_closed_asks_no_more() -> None:
    purse = Purse(1000)
    purse.open.clear()
    meter = purse.meter(1000, Limit.ASSUMED)
    await meter.reached(800)
    (asking,) = asyncio.all_tasks() - {asyncio.current_task()}
    meter.close()
    meter.close()
    await asyncio.wait((asking,))
    assert asking.cancelled()


async def test_a_stream_that_is_cancelled_while_it_waits_for_money_leaves_nothing_behind() -> None:
    purse = Purse(1000)
    purse.open.clear()
    meter = purse.meter(1000, Limit.ASSUMED)
    waiting = asyncio.create_task(meter.reached(1000))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait((waiting,))
    meter.close()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def test_a_meter_that_is_closed_keeps_nothing_of_who_extends() -> None:
    purse = Purse(1000)
    kept = weakref.ref(purse)
    meter = purse.meter(1000, Limit.ASSUMED)
    await meter.reached(750)
    meter.close()
    await asyncio.sleep(0)
    del purse
    assert kept() is None, "it would be garbage that only a collection finds"
