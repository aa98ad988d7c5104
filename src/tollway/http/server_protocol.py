"""uvicorn's HTTP/1.1 protocol with what ASGI does not say: when a client left, how to break a reply, what to answer to what is not HTTP.

Knows uvicorn; knows nothing of routes.
"""

from asyncio import Transport
from collections.abc import Callable
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tollway import ids
from tollway.errors import Refusal

CONNECTION = "tollway.connection"
"""The key under which a request's scope carries its Connection."""


class Edge(NamedTuple):
    """What the protocol needs for answers that never reach a route."""

    bad_request: Callable[[Refusal, str], tuple[list[tuple[bytes, bytes]], bytes]]
    """Headers and body for a request that could not be read, given its id."""
    next_id: Callable[[], int]


class Connection:
    """One client connection as its requests see it."""

    __slots__ = ("gone", "on_gone", "transport")

    def __init__(self, transport: Transport) -> None:
        """Start with a client that is there."""
        self.transport = transport
        self.gone = False
        self.on_gone: Callable[[], None] | None = None
        """Called once, from the event loop, when the client leaves. ASGI would need a task a request to wait for it."""

    def lost(self) -> None:
        """Say that the client has left."""
        self.gone = True
        if self.on_gone is not None:
            self.on_gone()


class ServerProtocol(HttpToolsProtocol):
    """Tells each request's scope of its connection; answers what is not HTTP in Tollway's own error form."""

    edge: Edge
    """Set by the server on a subclass of its own."""

    def connection_made(self, transport: Transport) -> None:
        """Begin a connection."""
        super().connection_made(transport)
        self._link = Connection(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection, and tell the exchange that runs on it."""
        super().connection_lost(exc)
        self._link.lost()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope[CONNECTION] = self._link

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, with a request id like everything else."""
        refusal = Refusal("invalid_request", f"{msg} Send HTTP/1.1 with well-formed headers.")
        headers, body = self.edge.bad_request(refusal, ids.render_id(ids.EXCHANGE, self.edge.next_id()))
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + lines + b"connection: close\r\n\r\n" + body)
        self.transport.close()
