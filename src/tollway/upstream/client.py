"""The upstream client: sends a request to an origin and returns its answer. Knows no dialect, no key and no provider."""

import ssl

from tollway.catalog.records import Origin, Scheme, Timeouts
from tollway.errors import FailureKind, UpstreamFailure
from tollway.upstream.answer import Answer
from tollway.upstream.connection import Connection
from tollway.upstream.guard import Guard
from tollway.upstream.limits import Limits
from tollway.upstream.pool import Pool
from tollway.upstream.tls import client_context

__all__ = ["Answer", "UpstreamClient"]


class UpstreamClient:
    """Connections to all origins; belongs to the event loop in which it is first used."""

    def __init__(self, *, limits: Limits, tls: ssl.SSLContext | None = None, guard: Guard | None = None) -> None:
        """Take the bounds, the TLS context (else the system's authorities), and the guard (else the system's lookup)."""
        self._limits = limits
        self._tls = tls
        self._guard = guard or Guard()
        self._pools: dict[Origin, Pool] = {}
        self._closed = False

    async def send(self, origin: Origin, request: bytes, *, timeouts: Timeouts) -> Answer:
        """Send a whole request, head and body as they go on the wire, and return the answer once its head is here.

        Raises UpstreamFailure; its message names no address and no key. A reused connection that turns out to be
        closed costs one silent second try on a new one.
        """
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._new_pool(origin)
        # The pool's loop, because asking for the running one costs a system call (CPython 3.11 looks for forks).
        total_at = pool.loop.time() + timeouts.total_s
        connection = pool.take()
        while True:
            if connection is None:
                connection = await self._connect(pool, timeouts, total_at)
            answer = connection.begin(request, timeouts, total_at)
            waiter = answer.waiter
            if waiter is not None:
                try:
                    await waiter
                except BaseException:
                    answer.release()
                    raise
            if answer.status:
                return answer
            if not answer.stale:
                assert answer.failure is not None
                raise answer.failure
            connection = None

    async def close(self) -> None:
        """Close every connection; answers under way fail, and so does every later `send`."""
        self._closed = True
        for pool in tuple(self._pools.values()):
            await pool.close()

    def connections(self, origin: Origin) -> tuple[int, int]:
        """Return how many connections to this origin are open, and how many of them wait unused."""
        pool = self._pools.get(origin)
        return (0, 0) if pool is None else (pool.open, pool.idle)

    def _new_pool(self, origin: Origin) -> Pool:
        tls = None
        if origin.scheme is Scheme.HTTPS:
            # Loading the system's authorities takes milliseconds: only when one is needed, and once.
            tls = self._tls = self._tls or client_context()
        pool = self._pools[origin] = Pool(origin, guard=self._guard, limits=self._limits, tls=tls)
        return pool

    async def _connect(self, pool: Pool, timeouts: Timeouts, total_at: float) -> Connection:
        if not self._closed:
            connection = await pool.connect(timeouts, total_at)
            if not self._closed:
                return connection
            connection.close()
        raise UpstreamFailure(FailureKind.CONNECT, "the gateway is shutting down")
