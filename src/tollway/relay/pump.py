"""Moving a streamed answer from provider to client, piece by piece, and keeping the client awake while nothing comes.

Decides nothing about money: the stream's own reader knows what passed.
"""

import asyncio

from tollway.dialects.record import Stream
from tollway.errors import FailureKind, UpstreamFailure
from tollway.relay.ports import Answer, Client

KEEPALIVE_S = 15.0
"""How long a client hears nothing before a comment is sent: proxies give up on silent connections after 30 to 60 s."""

KEEPALIVE_COMMENT = b": keep-alive\n\n"


class Outlet:
    """The client's end of a stream: the head goes out with the first bytes, so that fallback stays possible until then."""

    __slots__ = ("_client", "_comment", "_head", "_recorded", "_silent", "_timer", "started")

    def __init__(self, client: Client, head: bytes, *, recorded: asyncio.Future[None] | None) -> None:
        """Start with nothing sent; call `open` before the first attempt."""
        self._client = client
        self._head = head
        self._recorded = recorded
        self._silent = True
        self._timer: asyncio.Handle | None = None
        self._comment: asyncio.Future[None] | None = None
        self.started = False
        """The head is out: a failure can only be told inside the stream from now on."""

    def open(self) -> None:
        """Begin to watch for silence."""
        self._timer = asyncio.get_running_loop().call_later(KEEPALIVE_S, self._tick)

    def close(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()

    async def write(self, data: bytes) -> None:
        """Send bytes, behind the head when it is not out yet."""
        self._silent = False
        if not self.started:
            await self._start()
        await self._client.write(data)

    def push(self, data: bytes) -> bool:
        """Send bytes at once, the head being out; False when `drain` should be awaited before more."""
        self._silent = False
        return self._client.push(data)

    async def drain(self) -> None:
        """Wait for a client that reads slower than the provider writes."""
        await self._client.drain()

    async def finish(self, data: bytes) -> None:
        """Send the last bytes and end the answer."""
        if not self.started:
            await self._start()
        await self._client.finish(data)

    async def _start(self) -> None:
        """Let the head go, once the exchange has a line in the store: a crash must not leave nothing behind."""
        if self._recorded is not None and not self._recorded.done():
            await asyncio.shield(self._recorded)
        if not self.started:  # a comment may have been waiting beside the first content
            self.started = True
            await self._client.start(self._head)

    def _tick(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(KEEPALIVE_S, self._tick)
        if self._silent:
            self._comment = asyncio.ensure_future(self.write(KEEPALIVE_COMMENT))
        self._silent = True


async def pump(answer: Answer, pipe: Stream, outlet: Outlet) -> None:
    """Move the answer through the pipe to the client until its end; raises UpstreamFailure when it breaks.

    The pipe lets nothing go before the first content event, so a failure until then leaves every choice open. Behind it
    a piece goes from the provider's socket to the client's in one call: a turn of the event loop and three coroutines
    for each cost as much as all the rest.
    """
    first = b""

    def take(data: bytes) -> bool:
        nonlocal first
        ready = pipe.feed(data)
        if ready and not outlet.started:
            first = ready
            return False
        flowing = outlet.push(ready) if ready else True
        return flowing and pipe.failure is None and not pipe.ended

    complete = False
    while not (complete or pipe.ended):
        complete = await answer.pour(take)
        if complete:
            first = pipe.close()
        if first:
            await outlet.write(first)
            first = b""
        else:
            await outlet.drain()
        if pipe.failure is not None:
            raise pipe.failure
    if not pipe.finished:
        raise UpstreamFailure(FailureKind.BROKE, "the stream ended before the answer did")
