"""One provider's answer, between the connection that fills it and the consumer that empties it. Knows no socket."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from tollway.errors import FailureKind, UpstreamFailure


class Source(Protocol):
    """What fills an answer."""

    def resume(self) -> None:
        """Read on, if reading was paused because too much waited."""
        ...

    def abandon(self) -> None:
        """Nobody wants the rest: close the socket."""
        ...


class Answer:
    """One answer whose head has arrived; the body comes by `read()` or by `next()` until `b""`.

    Use it from one task, and call `release()` in a `finally`. A task that is cancelled while it waits here closes the
    connection: to wait with a time limit and go on afterwards, wait for a task of your own with `asyncio.wait`.
    """

    __slots__ = (
        "body_bytes_max",
        "buffered",
        "complete",
        "delimited",
        "failure",
        "headers",
        "pieces",
        "reused",
        "sink",
        "source",
        "stale",
        "status",
        "waiter",
        "whole",
    )

    status: int
    """The HTTP status; 0 until the head has arrived, which no consumer sees."""
    headers: list[tuple[bytes, bytes]]
    """Names in lower case, in the order they came, trailers left out."""
    reused: bool
    """Whether the connection had served a request before."""
    delimited: bool
    """Whether the end of the body is proven, by a length or by chunks; else closing the connection is the end."""

    def __init__(self, source: Source, *, reused: bool, body_bytes_max: int, waiter: asyncio.Future[None]) -> None:
        """Take who fills it, what `read()` may return at most, and the future of whoever waits for the head."""
        self.status = 0
        self.headers = []
        self.reused = reused
        self.delimited = False
        # From here on: the connection's side.
        self.source: Source | None = source
        self.body_bytes_max = body_bytes_max
        self.waiter: asyncio.Future[None] | None = waiter
        self.sink: Callable[[bytes], bool] | None = None
        self.pieces: list[bytes] = []
        self.buffered = 0
        self.complete = False
        self.whole = False
        self.stale = False
        self.failure: UpstreamFailure | None = None

    async def read(self) -> bytes:
        """Return the whole body, or what `next()` has left of it.

        Raises UpstreamFailure when it breaks off, does not come in time, or exceeds the bound.
        """
        self.whole = True
        if self.source is not None:
            self.source.resume()
        parts: list[bytes] = []
        left = self.body_bytes_max
        while True:
            left -= self.buffered
            if left < 0:
                self.complete = False
                self.fail(UpstreamFailure(FailureKind.JUNK, f"the answer is larger than {self.body_bytes_max} bytes"))
            if self.failure is not None:
                raise self.failure
            if self.complete:
                return b"".join((*parts, self._take())) if parts else self._take()
            if self.pieces:
                # Joined as they come: a provider that sends tiny chunks must not cost an object for each.
                parts.append(self._take())
            await self._arrival()

    async def next(self) -> bytes:
        """Return everything that has arrived since the last call, waiting for it if need be; `b""` at the clean end.

        Raises UpstreamFailure, once what came before it has been returned, when there was no clean end.
        """
        while not self.pieces:
            if self.failure is not None:
                raise self.failure
            if self.complete:
                return b""
            await self._arrival()
        taken = self._take()
        if self.source is not None:
            self.source.resume()
        return taken

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        """Give everything that arrives to `sink` as it comes, without a turn of the event loop for each piece.

        Returns True at the clean end, and False after `sink` returned False: what comes later waits for the next call.
        Raises UpstreamFailure as `next()` does.
        """
        while True:
            if self.pieces:
                if not sink(self._take()):
                    return False
            elif self.failure is not None:
                raise self.failure
            elif self.complete:
                return True
            else:
                if self.source is not None:
                    self.source.resume()
                self.sink = sink
                await self._arrival()
                if self.sink is None:
                    return False
                self.sink = None

    def release(self) -> None:
        """Say that the answer is done with: closes the connection when the answer is not complete. May be repeated."""
        if self.source is not None:
            self.fail(UpstreamFailure(FailureKind.BROKE, "the answer was given up before its end"))

    def fail(self, failure: UpstreamFailure) -> None:
        """End the answer without a clean end, close the connection, and wake the consumer."""
        source, self.source = self.source, None
        if not self.complete:
            self.failure = failure
        if source is not None:
            source.abandon()
        self.wake()

    def wake(self) -> None:
        """Let the consumer look again, or give its sink what has come."""
        sink = self.sink
        if sink is not None and self.pieces:
            if not sink(self._take()):
                self.sink = None
            elif not self.complete and self.failure is None:
                if self.source is not None:
                    self.source.resume()
                return
        self._rouse()

    def _rouse(self) -> None:
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def stop_pouring(self) -> None:
        """Let the consumer look: its sink has had enough."""
        self.sink = None
        self._rouse()

    def compact(self) -> None:
        """Keep what waits as one piece: tiny pieces cost more memory than their bytes."""
        self.pieces[:] = [b"".join(self.pieces)]

    def _take(self) -> bytes:
        pieces = self.pieces
        taken = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.buffered = 0
        return taken

    async def _arrival(self) -> None:
        self.waiter = asyncio.get_running_loop().create_future()
        try:
            await self.waiter
        except BaseException:
            self.release()
            raise
