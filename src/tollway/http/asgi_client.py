"""The client's side of one exchange over ASGI: satisfies relay's Client. Knows no route and no dialect."""

from collections.abc import Awaitable, Callable
from typing import Any

from tollway.http.server_protocol import Connection

Message = dict[str, Any]
Send = Callable[[Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class AsgiClient:
    """Writes one answer to one client."""

    __slots__ = ("_connection", "_send")

    def __init__(self, send: Send, connection: Connection) -> None:
        """Take ASGI's send and the connection it writes to."""
        self._send = send
        self._connection = connection

    @property
    def gone(self) -> bool:
        """Whether the client has closed its connection."""
        return self._connection.gone

    def watch(self, on_gone: Callable[[], None] | None) -> None:
        """Say what to call, once and from the event loop, when the client leaves; None for nothing any more."""
        self._connection.on_gone = on_gone

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head of an answer whose length is not known."""
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes) -> None:
        """Send a piece of the body; waits while the client reads slower than the provider writes."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes) -> None:
        """Send the last piece and end the answer."""
        await self._send({"type": "http.response.body", "body": data})

    def abort(self) -> None:
        """Break the connection without the mark that ends an answer."""
        self._connection.transport.abort()

    async def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer."""
        send = self._send
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
