"""One request on one connection, and the way its answer is written: satisfies relay's Client. Knows no route and no dialect.

uvicorn's protocol treats it as the cycle of a request, so it has the fields that uvicorn reads of one.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from uvicorn.protocols.http.flow_control import FlowControl

from tollway.http.head import Head

LINGER_S = 2.0
"""How long the rest of a refused body is read and thrown away: closing at once would destroy the answer on its way,
because TCP resets a connection that is closed with unread data."""

CLOSE = b"connection: close\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
LAST_CHUNK = b"0\r\n\r\n"


class Connection(Protocol):
    """What a request needs of the connection it came on."""

    transport: asyncio.Transport
    flow: FlowControl

    def client_address(self, headers: list[tuple[bytes, bytes]]) -> str:
        """Return the IP address that a request with these headers comes from; empty where there is none."""
        ...

    def on_response_complete(self) -> None:
        """Go on to the next request."""
        ...

    def on_served(self, inbound: "Inbound") -> None:
        """Forget who answered a request."""
        ...

    def on_let_through(self, inbound: "Inbound") -> None:
        """Know the head of a request again, which was accepted."""
        ...


class Inbound:
    """A request as it arrives and is answered; made when its head is complete."""

    # What is not said of every request stands here, so that a request sets what it has: without slots, for that reason.
    body = b""
    raw = b""
    """Its head as it came; empty where it did not come in one piece."""
    more_body = True
    gone = False
    response_complete = False
    exchange_id = 0
    request_id = ""
    received_ms = 0
    problem: Exception | None = None
    """Why it is answered with an error: a Refusal, or a defect."""
    task: asyncio.Task[None] | None = None
    """Who answers it."""
    _begun = False
    _head: bytes | None = None
    _lines = b""
    _on_gone: Callable[[], None] | None = None

    def __init__(self, *, connection: Connection, head: Head, keep_alive: bool, version: str) -> None:
        """Take the connection, and the request's head with what it said of both."""
        self._connection = connection
        self._transport = connection.transport
        self._flow = connection.flow
        self._chunked = chunked = version != "1.0"
        self.keep_alive = keep_alive and chunked
        self.head = head

    @property
    def address(self) -> str:
        """The client's IP address; empty where there is none."""
        return self._connection.client_address(self.head.headers)

    def tell(self, lines: bytes) -> None:
        """Put header lines into the head of whatever is answered."""
        self._lines += lines

    @property
    def started(self) -> bool:
        """Whether a byte of the answer has been sent."""
        return self._begun

    # -- the relay's side

    def watch(self, on_gone: Callable[[], None] | None) -> None:
        """Say what to call, once and from the event loop, when the client leaves; None for nothing any more."""
        self._on_gone = on_gone

    async def respond(self, head: bytes, body: bytes) -> None:
        """Send a whole answer: one write for head and body, because each write is a system call."""
        if self._flow.write_paused and not self.gone:
            await self._flow.drain()
        if self.gone:
            return
        close = b"" if self.keep_alive else CLOSE
        self._begun = True
        content = b"" if self.head.method == b"HEAD" else body
        self._transport.write(b"%b%b%b\r\n%b" % (head, self._lines, close, content))
        self._complete()

    async def start(self, head: bytes) -> None:
        """Begin an answer whose length is not known; its head goes out with the first piece."""
        # Said of this request, though nothing new: CPython 3.11 finds what stands on the class slowly, and each piece asks.
        self.gone, self.response_complete = self.gone, self.response_complete
        chunked = CHUNKED if self._chunked else b""
        self._head = b"%b%b%b%b\r\n" % (head, self._lines, b"" if self.keep_alive else CLOSE, chunked)

    async def write(self, data: bytes) -> None:
        """Send a piece of the body; waits while the client reads slower than the provider writes.

        A piece that is still waiting when the answer has ended, such as a comment, is dropped.
        """
        await self.drain()
        self.push(data)

    def push(self, data: bytes) -> bool:
        """Send a piece at once; False when the client reads slower, so that `drain` should be awaited before more."""
        if self.gone or self.response_complete:
            return True
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        if self._head is not None:
            self._begun = True
            data = self._taken_head() + data
        self._transport.write(data)
        return not self._flow.write_paused

    async def drain(self) -> None:
        """Wait until the client has read most of what was sent, or has left."""
        if self._flow.write_paused and not self.gone:
            await self._flow.drain()

    async def finish(self, data: bytes) -> None:
        """Send the last piece and end the answer."""
        if self._flow.write_paused and not self.gone:
            await self._flow.drain()
        if self.gone:
            return
        self._begun = True
        last = LAST_CHUNK if self._chunked else b""
        self._transport.write(self._taken_head() + (self._framed(data) if data else b"") + last)
        self._complete()

    def abort(self) -> None:
        """Break the connection without the mark that ends an answer."""
        self._transport.abort()

    def _framed(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data

    def _taken_head(self) -> bytes:
        head, self._head = self._head, None
        return head or b""

    def _complete(self) -> None:
        self.response_complete = True
        self.body = b""  # the connection keeps its last request until the next one comes
        # Its traceback keeps this request: 39 objects of garbage each time a key is wrong.
        self.problem = None
        if self.keep_alive:
            self._connection.on_response_complete()
        elif self.more_body:
            asyncio.get_running_loop().call_later(LINGER_S, self._transport.close)
        else:
            self._transport.close()

    # -- the connection's side

    def served(self) -> None:
        """Say that nothing more will be done for it."""
        self._connection.on_served(self)

    def let_through(self) -> None:
        """Say that its head was accepted, and would be again."""
        self._connection.on_let_through(self)

    def end_body(self) -> None:
        """Say that the rest of a refused body has been thrown away."""
        self.more_body = False
        if self.response_complete and not self.keep_alive:
            self._transport.close()

    def lost(self) -> None:
        """Say that the client has left."""
        self.gone = True
        if self._on_gone is not None:
            self._on_gone()
