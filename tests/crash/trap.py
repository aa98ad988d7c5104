"""When to kill: a trap is armed for a kind of moment, everyone says what is happening, and the trap goes off in time.

Sub-millisecond moments (a charge is being committed) cannot be hit by a clock from outside; by waiting for what comes
just before them they can.
"""

import asyncio
import time
from collections.abc import Callable
from enum import StrEnum

PATIENCE_S = 2.0
"""When what the trap waits for does not happen (everyone waits for money), it goes off anyway."""

SPIN_S = 0.002
"""Below this a timer is too coarse: the trap counts the time itself."""


class Moment(StrEnum):
    """What a kill comes just after."""

    BORROWING = "borrowing"
    """A request reached the gateway: it borrows and holds."""
    HOLDING = "holding"
    """A request reached the provider: money is held and nothing has been answered."""
    STREAMING = "streaming"
    """A piece of a stream has been sent."""
    SETTLING = "settling"
    """The provider said its last word: the charge is written now, and then the last bytes leave."""
    ANSWERED = "answered"
    """A client has all of its answer: others, whose charges were in the same commit, have not."""
    STARTING = "starting"
    """The gateway, or one of its workers, starts, and reclaims what the last one left."""
    ANY = "any"


AFTER_S = {
    Moment.BORROWING: 0.002,
    Moment.HOLDING: 0.02,
    Moment.STREAMING: 0.01,
    Moment.SETTLING: 0.004,
    Moment.ANSWERED: 0.0005,
    Moment.ANY: 0.4,
}
"""How long after its sign a kill comes at most."""


class Trap:
    """One for a run. Belongs to the event loop."""

    def __init__(self) -> None:
        """Start with nothing armed."""
        self._moment: Moment | None = None
        self._count = 0
        self._after_s = 0.0
        self._fire: Callable[[], None] | None = None

    async def spring(self, moment: Moment, *, count: int, after_s: float, fire: Callable[[], None]) -> None:
        """Call `fire` so long after the `count`th sign of the moment from now on; return when it has been called."""
        loop = asyncio.get_running_loop()
        fired: asyncio.Future[None] = loop.create_future()

        def once() -> None:
            if not fired.done():
                self._moment = None
                fire()
                fired.set_result(None)

        if moment is Moment.ANY:
            loop.call_later(after_s, once)
        else:
            self._count, self._after_s, self._fire = count, after_s, once
            self._moment = moment
            loop.call_later(PATIENCE_S, once)
        await fired

    def notice(self, moment: Moment) -> None:
        """Say that something of this kind is happening now."""
        if moment is not self._moment:
            return
        self._count -= 1
        if self._count > 0:
            return
        self._moment = None
        fire = self._fire
        assert fire is not None, "an armed trap has something to do"
        if self._after_s > SPIN_S:
            asyncio.get_running_loop().call_later(self._after_s, fire)
            return
        until = time.perf_counter() + self._after_s
        while time.perf_counter() < until:
            pass
        fire()
