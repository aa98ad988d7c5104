"""Moving a streamed answer from provider to client, piece by piece, and keeping the client awake while nothing comes.

Decides nothing about money: the stream's own reader knows what passed, and the meter how far it may go.
"""

import asyncio

from tollway.dialects.record import Stream
from tollway.errors import FailureKind, TollwayError, UpstreamFailure
from tollway.logs import get_log
from tollway.pricing.estimate import BYTES_PER_TOKEN
from tollway.relay.meter import Meter
from tollway.relay.ports import Answer, Client

log = get_log(__name__)

KEEPALIVE_S = 15.0
"""How long a client hears nothing before a comment is sent: proxies give up on silent connections after 30 to 60 s."""

KEEPALIVE_COMMENT = b": keep-alive\n\n"

SMALL_BYTES = 512
"""Pieces up to this size go through whole: most have one event of 200 to 350 bytes. A larger one, of a provider that
writes faster than we read, may say more than the hold covers: near its end it is taken event by event."""


class Outlet:
    """The client's end of a stream: the head goes out with the first bytes, so that fallback stays possible until then."""

    __slots__ = (
        "_client",
        "_comment",
        "_loop",
        "_recorded",
        "_timer",
        "_until",
        "head",
        "keepalive",
        "push",
        "silent",
        "started",
    )

    def __init__(self, client: Client, head: bytes, *, recorded: asyncio.Future[None] | None) -> None:
        """Start with nothing sent; call `open` before the first attempt."""
        self._client = client
        self.head = head
        self._recorded = recorded
        self.push = client.push
        """Sends bytes at once, the head being out; False when `drain` should be awaited before more."""
        self.silent = True
        """Nothing has been sent since the last look; whoever pushes says otherwise."""
        self._loop = asyncio.get_running_loop()
        self._until = 0.0
        self._timer: asyncio.Handle | None = None
        self._comment: asyncio.Future[None] | None = None
        self.keepalive = KEEPALIVE_COMMENT
        """What shows that the stream lives; empty where the client's dialect has nothing for it."""
        self.started = False
        """The head is out: a failure can only be told inside the stream from now on."""

    def open(self, *, for_s: float) -> None:
        """Begin to watch for silence, and for a client that has not read its answer after so many seconds."""
        self._until = self._loop.time() + for_s
        self._timer = self._loop.call_later(KEEPALIVE_S, self._tick)

    def close(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()

    async def write(self, data: bytes) -> None:
        """Send bytes, behind the head when it is not out yet."""
        self.silent = False
        if not self.started:
            await self._start()
        await self._client.write(data)

    async def drain(self) -> None:
        """Wait for a client that reads slower than the provider writes."""
        await self._client.drain()

    async def finish(self, data: bytes) -> None:
        """Send the last bytes and end the answer."""
        if not self.started:
            await self._start()
        await self._client.finish(data)

    async def _start(self) -> None:
        """Let the head go, once a crash would leave a line of the exchange; never where the worker stopped before it could."""
        if self._recorded is not None:
            await asyncio.shield(self._recorded)
        if not self.started:  # a comment may have been waiting beside the first content
            self.started = True
            await self._client.start(self.head)

    def _tick(self) -> None:
        if self._loop.time() >= self._until:
            self._client.abort()
            return
        self._timer = self._loop.call_later(KEEPALIVE_S, self._tick)
        if self.silent and self.keepalive:
            self._comment = asyncio.ensure_future(self.write(self.keepalive))
        self.silent = True


async def pump(answer: Answer, pipe: Stream, outlet: Outlet, meter: Meter, *, begin_by: float | None = None) -> None:
    """Move the answer through the pipe to the client until its end; with `begin_by`, its first word is to come by then.

    Raises UpstreamFailure when it breaks, and Refusal when its money has ended; so does an event that a reader of ours
    stumbles over: what was delivered until then is paid, and told like every other end. `begin_by` is a time of the loop.
    """
    try:
        if begin_by is None:
            await _move(answer, pipe, outlet, meter)
        else:
            await _move_in_time(answer, pipe, outlet, meter, begin_by=begin_by)
    except TollwayError:
        raise
    except Exception as defect:
        log.exception("a provider's stream could not be read")
        raise UpstreamFailure(FailureKind.JUNK, "the provider sent what cannot be read") from defect


async def _move_in_time(answer: Answer, pipe: Stream, outlet: Outlet, meter: Meter, *, begin_by: float) -> None:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as limit:
            late = loop.call_at(begin_by, lambda: None if pipe.content_started else limit.reschedule(loop.time()))
            try:
                await _move(answer, pipe, outlet, meter)
            finally:
                late.cancel()
    except TimeoutError:
        raise UpstreamFailure(
            FailureKind.TIMEOUT, "the answer did not begin in the time that the request gives it"
        ) from None


async def _move(answer: Answer, pipe: Stream, outlet: Outlet, meter: Meter) -> None:
    """Do so, whatever a reader of ours may raise.

    The pipe lets nothing go before the first content event, so a failure until then leaves every choice open. Behind it
    a piece goes from the provider's socket to the client's in one call: a turn of the event loop and three coroutines
    for each cost as much as all the rest.
    """
    tap = _Tap(pipe, outlet, meter)
    complete = False
    while not (complete or pipe.ended):
        complete = await answer.pour(tap.take)
        if tap.large:
            await _take_in_steps(tap.large, pipe, outlet, meter)
            tap.large = b""
        if complete:
            tap.first = pipe.close()
        if tap.first:
            await outlet.write(tap.first)
            tap.first = b""
        else:
            await outlet.drain()
        if pipe.failure is not None:
            raise pipe.failure
        if not complete:
            await _stay_within(pipe, meter)
            tap.set_stops()
    if not pipe.finished:
        raise UpstreamFailure(FailureKind.BROKE, "the stream ended before the answer did")


class _Tap:
    """What a piece goes through, all of it in one object: the fields of many lie far apart, and each way there is long."""

    __slots__ = ("_bytes_stop", "_meter", "_outlet", "_pipe", "_push", "_tokens_stop", "first", "large")

    def __init__(self, pipe: Stream, outlet: Outlet, meter: Meter) -> None:
        self._pipe = pipe
        self._outlet = outlet
        self._push = outlet.push
        self._meter = meter
        self.first = b""
        """What may go first, which opens the answer."""
        self.large = b""
        """A piece that may say more than is covered."""
        self.set_stops()

    def set_stops(self) -> None:
        """Ask the meter how far the stream may go."""
        self._tokens_stop = self._meter.stop_at
        self._bytes_stop = self._tokens_stop * BYTES_PER_TOKEN

    def take(self, data: bytes) -> bool:
        """Let a piece go; False when there is something to wait for, or to look at."""
        pipe = self._pipe
        if len(data) > SMALL_BYTES and len(data) > _room(pipe, self._meter):
            self.large = data
            return False
        ready = pipe.feed(data)
        if ready:
            outlet = self._outlet
            if not outlet.started:
                self.first = ready
                return False
            outlet.silent = False
            push = self._push  # see `data_received` of the connection
            if not push(ready):
                return False
        return (
            pipe.delivered_events < self._tokens_stop
            and pipe.delivered_text_bytes < self._bytes_stop
            and pipe.failure is None
            and not pipe.ended
        )


async def _take_in_steps(data: bytes, pipe: Stream, outlet: Outlet, meter: Meter) -> None:
    """Let a large piece go that may say more than is covered: only what cannot, and then one event at a time.

    What is covered goes out together: before the meter is asked, who may wait or refuse, and at the end.
    """
    ready: list[bytes] = []
    at = 0
    try:
        while at < len(data) and pipe.failure is None and not pipe.ended:
            room = _room(pipe, meter)
            if room <= 0 and not pipe.finished:
                await _let_go(ready, outlet)
                await meter.reached(_written_tokens(pipe))
                room = _room(pipe, meter)
            step_end = _event_end(data, at + room - SMALL_BYTES if room > SMALL_BYTES else at)
            ready.append(pipe.feed(data[at:step_end]))
            at = step_end
    finally:
        # Also what was fed before a reader stumbled: it is counted, and so charged.
        await _let_go(ready, outlet)


async def _let_go(ready: list[bytes], outlet: Outlet) -> None:
    """Send what is ready, if anything is, and forget it."""
    if data := b"".join(ready):
        ready.clear()
        await outlet.write(data)


def _event_end(data: bytes, start: int) -> int:
    """Return the end of the event in which `start` lies, or a place near it where it is long."""
    near = start + SMALL_BYTES
    end = data.find(b"\n\n", start, near)
    other_end = data.find(b"\n\r\n", start, near if end < 0 else end)
    if other_end >= 0:
        return other_end + 3
    return near if end < 0 else end + 2


async def _stay_within(pipe: Stream, meter: Meter) -> None:
    """Ask the meter when its mark is reached."""
    if _at_mark(pipe, meter):
        await meter.reached(_written_tokens(pipe))


def _at_mark(pipe: Stream, meter: Meter) -> bool:
    """Tell whether the meter is to be asked. What has its finish reason costs nothing more: its usage is let through."""
    return _written_tokens(pipe) >= meter.stop_at and not pipe.finished


def _written_tokens(pipe: Stream) -> int:
    events, text_tokens = pipe.delivered_events, pipe.delivered_text_bytes // BYTES_PER_TOKEN
    return events if events > text_tokens else text_tokens


def _room(pipe: Stream, meter: Meter) -> int:
    """Return how many bytes cannot say more than is covered: no text is longer than its event, and no event shorter than 4."""
    return (meter.stop_at - _written_tokens(pipe)) * BYTES_PER_TOKEN
