"""The connections to one origin: opening them, keeping them while unused, taking the latest first. Knows no request."""

import asyncio
import ssl
from typing import cast

from tollway.catalog.records import Origin, Scheme, Timeouts
from tollway.errors import FailureKind, UpstreamFailure
from tollway.upstream.connection import Connection
from tollway.upstream.guard import Guard
from tollway.upstream.handshakes import Handshake, Handshakes
from tollway.upstream.limits import Limits

_HOSTNAME_MISMATCH = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_EXPIRED = (10,)  # X509_V_ERR_CERT_HAS_EXPIRED


class Pool:
    """All connections to one origin; satisfies the connection's Home."""

    def __init__(self, origin: Origin, *, guard: Guard, limits: Limits, tls: ssl.SSLContext | None) -> None:
        """Take where to connect to, who judges addresses, the bounds, and the TLS context of an https origin."""
        assert (origin.scheme is Scheme.HTTPS) == (tls is not None)
        self._origin = origin
        self._guard = guard
        self._limits = limits
        self.loop = asyncio.get_running_loop()
        self._handshakes = None if tls is None else Handshakes(tls, now=self.loop.time, proof_s=limits.proof_s)
        # In the order in which they became free: taken from the end, expired from the front.
        self._idle: dict[Connection, None] = {}
        self._open: set[Connection] = set()
        self._connecting = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Future[None] | None = None

    @property
    def idle(self) -> int:
        """How many connections wait unused."""
        return len(self._idle)

    @property
    def open(self) -> int:
        """How many connections exist, busy ones included."""
        return len(self._open)

    def take(self) -> Connection | None:
        """Return the connection that became free last, or None."""
        return self._idle.popitem()[0] if self._idle else None

    async def connect(self, timeouts: Timeouts, total_at: float) -> Connection:
        """Return a new connection, verified; `total_at` is in loop time.

        Raises UpstreamFailure CONNECT or BLOCKED. The addresses are tried in order and share the time there is.
        """
        if len(self._open) + self._connecting >= self._limits.connections_per_origin_max:
            raise UpstreamFailure(FailureKind.CONNECT, "too many connections to the provider are open")
        until = min(self.loop.time() + timeouts.connect_s, total_at)
        failure = UpstreamFailure(FailureKind.CONNECT, f"no connection within {timeouts.connect_s:g} s")
        self._connecting += 1
        try:
            addresses = self._guard.literal(self._origin)
            if not addresses:
                async with asyncio.timeout_at(until):
                    addresses = await self._guard.addresses(self._origin)
            for tried, address in enumerate(addresses):
                now = self.loop.time()
                if now >= until:
                    break
                handshake = None if self._handshakes is None else self._handshakes.next()
                try:
                    async with asyncio.timeout_at(now + (until - now) / (len(addresses) - tried)):
                        return await self._dial(address, handshake)
                except OSError as error:
                    failure = _failure(error, timeouts)
                    if handshake is not None:
                        handshake.failed()
                    if isinstance(error, ssl.SSLError):
                        # It answers and is not to be trusted: another address of the same name is no remedy.
                        break
        except TimeoutError:
            pass
        finally:
            self._connecting -= 1
        # Raised outside of the handlers: the system's errors name addresses and would be chained to it.
        raise failure

    async def _dial(self, address: str, handshake: Handshake | None) -> Connection:
        # An address, not the name: nothing is looked up a second time. The name is still what TLS verifies.
        _, connection = await self.loop.create_connection(
            lambda: Connection(self, self._limits, self.loop),
            address,
            self._origin.port,
            ssl=cast(ssl.SSLContext | None, handshake),
            server_hostname=None if handshake is None else self._origin.host,
        )
        return connection

    async def close(self) -> None:
        """Close every connection; answers under way fail. Returns when the sockets are closed."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in tuple(self._open):
            connection.close()
        if self._open:
            self._emptied = self.loop.create_future()
            await self._emptied

    # --- what the connections call ---

    def made(self, connection: Connection) -> None:
        """The connection is open."""
        self._open.add(connection)

    def put(self, connection: Connection) -> None:
        """The connection is free: keep it, or close it when enough are kept."""
        if len(self._idle) >= self._limits.idle_per_origin_max or self._emptied is not None:
            connection.close()
            return
        self._idle[connection] = None
        if self._sweeper is None:
            self._sweeper = self.loop.call_later(self._limits.idle_connection_s, self._sweep)

    def forget(self, connection: Connection) -> None:
        """The connection can serve no further exchange."""
        self._idle.pop(connection, None)

    def lost(self, connection: Connection) -> None:
        """The connection's socket is closed."""
        self._open.discard(connection)
        if self._emptied is not None and not self._open and not self._emptied.done():
            self._emptied.set_result(None)

    def _sweep(self) -> None:
        self._sweeper = None
        kept_s = self._limits.idle_connection_s
        now = self.loop.time()
        for connection in tuple(self._idle):
            left_s = connection.heard_at + kept_s - now
            if left_s > 0:
                # The front is the oldest: the others have longer.
                self._sweeper = self.loop.call_later(left_s, self._sweep)
                return
            connection.close()


def _failure(error: OSError, timeouts: Timeouts) -> UpstreamFailure:
    """Say why there is no connection, without the system's words: those name addresses."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _HOSTNAME_MISMATCH:
            sentence = "the provider's TLS certificate is for another name"
        elif error.verify_code in _EXPIRED:
            sentence = "the provider's TLS certificate has expired"
        else:
            sentence = "the provider's TLS certificate is not trusted"
    elif isinstance(error, ssl.SSLError):
        sentence = "the TLS handshake failed"
    elif isinstance(error, TimeoutError):
        sentence = f"no connection within {timeouts.connect_s:g} s"
    elif isinstance(error, ConnectionRefusedError):
        sentence = "the connection was refused"
    elif isinstance(error, ConnectionError):
        sentence = "the connection was closed while it was being made"
    else:
        sentence = "the provider's address cannot be reached"
    return UpstreamFailure(FailureKind.CONNECT, sentence)
