"""How far the output of a running stream may go: when its hold must be extended, and when its money has ended.

The pump compares two numbers after each piece; all else happens once in some thousand tokens. Knows no price, no purse
and no dialect: what an extension costs, and whether it is to be had, is somebody else's matter.
"""

import asyncio
from collections.abc import Callable, Coroutine
from enum import Enum

EXTENSION_TOKENS = 1024
"""By how much output a hold is extended at once. Some ten seconds of a fast model: seldom enough to cost nothing, and
no more money lies idle when the stream ends than a short answer costs."""

EARLY_SHARE = 4
"""A hold is extended when a quarter of what it covers is left, or EXTENSION_TOKENS when that is less: time enough to
borrow while the stream goes on."""

OVERCOUNT = 2
"""How far our count of the tokens may be above the provider's. A stream without a usage has to be counted by its events
and its bytes, four to a token; code and long words have up to eight, and some servers send an event for each letter."""


class Limit(Enum):
    """Whether somebody besides us ends the output where the hold ends."""

    KEPT = "kept"
    """The provider knows the limit, or the model can write no more: going beyond it is its defect, or our miscount."""
    ASSUMED = "assumed"
    """Nobody gave one, and an answer may well be longer."""


Extend = Callable[[int], Coroutine[None, None, int]]
"""Takes how many output tokens are covered, extends the hold, and returns how many are then: more. Raises Refusal."""


class Meter:
    """Watches one stream. Close it when the stream has ended, before its hold is."""

    __slots__ = ("_asking", "_covered", "_end", "_extend", "_limit", "stop_at")

    def __init__(self, *, covered_tokens: int, limit: Limit, extend: Extend) -> None:
        """Take how much output the hold covers, whether that is a limit to the provider too, and who extends it."""
        self._extend = extend
        self._limit = limit
        self._asking: asyncio.Task[int] | None = None
        self._end = 0
        self.stop_at = 0
        """`reached` is to be called when so many tokens have been written, and not before."""
        self._cover(covered_tokens)

    async def reached(self, written_tokens: int) -> None:
        """React to what was written, which is `stop_at` or more; it is less than that afterwards.

        Waits only where the money has been used up. Raises Refusal when no more is to be had: the stream ends here.
        """
        while written_tokens >= self.stop_at:
            asked = self._asking
            if written_tokens < self._end:
                self._asking = asked or asyncio.create_task(self._extend(self._covered))
                self.stop_at = self._end
                return
            if asked is None or (asked.done() and asked.exception() is not None):
                # Perhaps money has come since it was asked for.
                asked = asyncio.create_task(self._extend(self._covered))
            self._asking = asked
            await asyncio.wait((asked,))
            self._asking = None
            self._cover(asked.result())

    def close(self) -> None:
        """Stop asking for more."""
        # Who extends has opened this meter: the two would keep each other, and 42 objects with them, until a collection of
        # garbage finds them. One was due after each 350 streams, and took 8 ms.
        self._extend = _over
        asked, self._asking = self._asking, None
        if asked is not None and not asked.cancel() and not asked.cancelled():
            asked.exception()  # looked at, so that nobody reports it as forgotten

    def _cover(self, tokens: int) -> None:
        self._covered = tokens
        if self._limit is Limit.KEPT:
            self.stop_at, self._end = tokens, tokens * OVERCOUNT
        else:
            self.stop_at, self._end = tokens - min(tokens // EARLY_SHARE, EXTENSION_TOKENS), tokens


async def _over(_covered_tokens: int) -> int:
    raise AssertionError("a meter that is closed asks for nothing")
