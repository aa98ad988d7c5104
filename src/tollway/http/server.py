"""Runs the ASGI application on uvicorn with Tollway's protocol class. Knows uvicorn; knows no route."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Generator, Sequence
from types import FrameType
from typing import Any

import uvicorn

from tollway.http.client_address import ClientAddresses
from tollway.http.server_protocol import Plane, ServerProtocol

BACKLOG = 4096

LAST_WORDS_S = 2.0
"""How long requests that were cut short may take to settle and to tell their clients."""

DIRECT = ClientAddresses()
"""No proxy is trusted: whoever connects is the client."""

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


class Server:
    """One worker's server."""

    def __init__(
        self,
        plane: Plane,
        *,
        grace_s: float,
        asgi: Asgi,
        asgi_below: Sequence[str],
        addresses: ClientAddresses = DIRECT,
    ) -> None:
        """Take the data plane, how long a stop waits for running requests, and the application below certain paths.

        `addresses` finds clients behind proxies.
        """
        starts = tuple([start.encode("ascii") for start in asgi_below])
        bound = {"plane": plane, "asgi_below": starts, "addresses": addresses}
        config = uvicorn.Config(
            asgi,
            http=type("BoundServerProtocol", (ServerProtocol,), bound),
            ws="none",
            loop="uvloop",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=max(1, round(grace_s)),
            backlog=BACKLOG,
        )
        self._server = _Uvicorn(config)

    async def run(self, sock: socket.socket, *, ready: Callable[[], None]) -> None:
        """Serve on a listening socket until SIGTERM or SIGINT; running requests get their grace, a second signal none.

        Calls `ready` once requests are answered.
        """
        self._server.ready = ready
        await self._server.serve(sockets=[sock])
        await self._see_off()

    def stop(self) -> None:
        """Stop as a signal would: running requests get their grace."""
        self._server.should_exit = True

    async def _see_off(self) -> None:
        """See every request to its end: whoever closes the books next must not meet one that still has a line to write."""
        state = self._server.server_state
        if self._server.force_exit:
            for task in state.tasks:
                task.cancel()
        if state.tasks:
            await asyncio.wait(tuple(state.tasks), timeout=LAST_WORDS_S)
        for connection in tuple(state.connections):
            connection.transport.abort()  # its client does not read
        if state.tasks:
            await asyncio.wait(tuple(state.tasks), timeout=LAST_WORDS_S)


class _Uvicorn(uvicorn.Server):
    """uvicorn's server, which says when it is ready, and leaves the signals to the event loop.

    Its own handling raises each signal again when it is done: the process would die before the books are closed.
    """

    ready: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; at once when the same signal comes again.

        The same: a terminal's Ctrl-C reaches a worker directly, and then once more as its fleet's SIGTERM.
        """
        self.force_exit = self.force_exit or sig in self._captured_signals
        super().handle_exit(sig, frame)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on host and port (0 takes a free one); raises OSError when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Nagle's algorithm would hold small pieces of a stream back for up to 40 ms; connections inherit this.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.set_inheritable(True)
    except OSError:
        sock.close()
        raise
    return sock
