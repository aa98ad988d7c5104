"""One request on one connection, and the way its answer is written: satisfies relay's Client. Knows no route and no dialect.

uvicorn's protocol treats it as the cycle of a request, so it has the fields that uvicorn reads of one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from uvicorn.protocols.http.flow_control import FlowControl

from tollway.access.credentials import ClientKey
from tollway.access.principal import Principal
from tollway.dialects.record import PLAIN_CALL, Dialect
from tollway.http.replies import ReplyHeads
from tollway.http.routes import Route

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


class Inbound:
    """A request as it arrives and is answered; made when its head is complete."""

    __slots__ = (
        "_begun",
        "_chunked",
        "_connection",
        "_flow",
        "_head",
        "_lines",
        "_on_gone",
        "_transport",
        "body",
        "body_bytes_max",
        "called",
        "client_key",
        "dialect",
        "exchange_id",
        "gone",
        "headers",
        "heads",
        "keep_alive",
        "method",
        "more_body",
        "principal",
        "problem",
        "received_ms",
        "request_id",
        "response_complete",
        "route",
        "url",
    )

    def __init__(self, *, connection: Connection, keep_alive: bool, version: str) -> None:
        """Take the connection, and what the request's head said of it."""
        self._connection = connection
        self._transport = connection.transport
        self._flow = connection.flow
        self._begun = False
        self._chunked = version != "1.0"
        self._head: bytes | None = None
        self._lines = b""
        self._on_gone: Callable[[], None] | None = None
        self.keep_alive = keep_alive and self._chunked
        self.method = b""
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.heads: ReplyHeads
        """Of the brand that it asks; set when its answering begins."""
        self.body = b""
        self.more_body = True
        self.gone = False
        self.response_complete = False
        # What the data plane finds out about it:
        self.dialect: Dialect | None = None
        self.called = PLAIN_CALL
        self.client_key: ClientKey | None = None
        self.exchange_id = 0
        self.request_id = ""
        self.received_ms = 0
        self.route: Route | None = None
        self.body_bytes_max = 0
        """How much of a body is kept; zero for none."""
        self.principal: Principal | None = None
        self.problem: Exception | None = None
        """Why it is answered with an error: a Refusal, or a defect."""

    @property
    def address(self) -> str:
        """The client's IP address; empty where there is none."""
        return self._connection.client_address(self.headers)

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
        content = b"" if self.method == b"HEAD" else body
        self._transport.write(b"%b%b%b\r\n%b" % (head, self._lines, close, content))
        self._complete()

    async def start(self, head: bytes) -> None:
        """Begin an answer whose length is not known; its head goes out with the first piece."""
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
        self._begun = True
        framed = self._framed(data)
        self._transport.write(framed if self._head is None else self._taken_head() + framed)
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
        if self.keep_alive:
            self._connection.on_response_complete()
        elif self.more_body:
            asyncio.get_running_loop().call_later(LINGER_S, self._transport.close)
        else:
            self._transport.close()

    # -- the connection's side

    async def run_asgi(self, serve: Callable[["Inbound"], Awaitable[None]]) -> None:
        """Be answered: what uvicorn calls on the cycle of a request."""
        await serve(self)

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
