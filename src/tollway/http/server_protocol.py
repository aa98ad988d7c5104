"""uvicorn's HTTP/1.1 protocol, with a way past ASGI: the data plane is called with a whole request and writes its reply itself.

ASGI passes every request through a scope, two events and two writes; a hello through it costs 22 µs of CPU, most of
them system calls (docs/decisions/0005). What lies below the admin API's path still goes through it.
"""

import asyncio
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tollway.http.inbound import Inbound

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

IDLE_S = 75.0
"""nginx's default for kept connections, and longer than the 60 s after which common SDK pools drop theirs."""


class Plane(Protocol):
    """What answers requests."""

    body_bytes_max: int

    def begin(self, inbound: Inbound) -> bool:
        """Decide by a request's head alone; return whether its body is wanted."""
        ...

    def refuse_too_large(self, inbound: Inbound) -> None:
        """Note that a body turned out to be over the limit."""
        ...

    async def serve(self, inbound: Inbound) -> None:
        """Answer a request that is complete, or refused."""
        ...

    def bad_request(self, words: str) -> bytes:
        """Return the whole answer to what is not HTTP."""
        ...


class ServerProtocol(HttpToolsProtocol):
    """One client connection. Requests on it are answered one after the other, in their order."""

    plane: Plane
    """Set by the server on a subclass of its own."""
    asgi_below: bytes
    """Requests below this path are ASGI's."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin a connection."""
        super().connection_made(transport)
        self._arriving: Inbound | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._answering: Any = None
        self._completed = 0
        self._completed_at_check = -1
        self._check = self.loop.call_later(IDLE_S, self._check_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection, and tell the request that is being answered on it."""
        self._check.cancel()
        self._arriving = None
        self.pipeline.clear()
        answering = self._answering
        if isinstance(answering, Inbound):
            self.cycle = None  # type: ignore[assignment]
            if not answering.response_complete:
                answering.lost()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close the connection, or let it end with the request that is being answered."""
        if self._busy():
            self._answering.keep_alive = False
        else:
            self.transport.close()

    def on_headers_complete(self) -> None:
        """Begin a request: refuse it by its head, or collect its body."""
        if self.url.startswith(self.asgi_below):
            self._arriving = None
            super().on_headers_complete()
            return
        parser = self.parser
        assert parser is not None, "a lost connection parses nothing"
        inbound = Inbound(connection=self, keep_alive=parser.should_keep_alive(), version=parser.get_http_version())
        inbound.method = parser.get_method()
        inbound.url = self.url
        inbound.headers = self.headers
        self.cycle = inbound  # type: ignore[assignment]
        self._size = 0
        self._pieces.clear()
        if self.plane.begin(inbound):
            self._arriving = inbound
            if self.expect_100_continue:
                self.transport.write(CONTINUE)
        else:
            self._arriving = None
            self._ready(inbound)

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body; one that nobody wants is thrown away as it comes."""
        arriving = self._arriving
        if arriving is not None:
            self._size += len(body)
            if self._size > self.plane.body_bytes_max:
                self.plane.refuse_too_large(arriving)
                self._arriving = None
                self._pieces.clear()
                self._ready(arriving)
            else:
                self._pieces.append(body)
        elif not isinstance(self.cycle, Inbound):
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request's body, and have it answered."""
        arriving = self._arriving
        if arriving is not None:
            self._arriving = None
            pieces = self._pieces
            arriving.body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            arriving.more_body = False
            pieces.clear()
            self._ready(arriving)
        elif isinstance(self.cycle, Inbound):
            self.cycle.end_body()
        else:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request that waits on this connection, if any."""
        self.server_state.total_requests += 1
        self._completed += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def _ready(self, inbound: Inbound) -> None:
        if self._busy():
            self.flow.pause_reading()
            self.pipeline.appendleft((inbound, self.plane.serve))  # type: ignore[arg-type]
        else:
            self._start_asgi_task(inbound, self.plane.serve)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:  # noqa: ANN401 uvicorn's or ours
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _busy(self) -> bool:
        return self._answering is not None and not self._answering.response_complete

    def _check_idle(self) -> None:
        """Close a connection on which nothing is answered and no request was completed since the last check.

        One lazy timer for idle connections, endless heads and stalled bodies alike: a timer for each request costs 2 µs.
        """
        if self._completed == self._completed_at_check and not self._busy():
            self.transport.close()
            return
        self._completed_at_check = self._completed
        self._check = self.loop.call_later(IDLE_S, self._check_idle)

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, with a request id like everything else."""
        self.transport.write(self.plane.bad_request(msg))
        self.transport.close()
