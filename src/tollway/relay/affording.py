"""The money for the end of an answer that cost more than its hold. Knows no provider and no client."""

import asyncio
from contextlib import suppress

from tollway.errors import Shortage, TollwayError
from tollway.relay.ports import Books

AFFORD_S = 2.0
"""How long the end of an answer that cost more than its hold may wait for the money: a loan takes a commit, and other
workers need half a second to give back what they do not hold."""


async def afford(books: Books, exchange_id: int, cost_nanos: int) -> None:
    """Set aside what an answer costs beyond its hold, as far as it is to be had."""
    lacking = cost_nanos - books.held_nanos(exchange_id)
    if lacking <= 0:
        return
    with suppress(TollwayError, TimeoutError):
        async with asyncio.timeout(AFFORD_S):
            try:
                await books.extend(exchange_id, lacking)
            except Shortage as shortage:
                if shortage.available_nanos:
                    await books.extend(exchange_id, shortage.available_nanos)
