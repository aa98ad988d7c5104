"""What the tests of the upstream client share: an origin on loopback, a request, a client that is closed at the end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from tollway.catalog.records import Origin, Reach, Scheme, Timeouts
from tollway.upstream.client import UpstreamClient
from tollway.upstream.limits import Limits

GET = b"GET / HTTP/1.1\r\nhost: upstream\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
TIMEOUTS = Timeouts(connect_s=5, first_byte_s=5, idle_s=5, total_s=10)


def post(body: bytes) -> bytes:
    """Return a request with a body."""
    return b"POST / HTTP/1.1\r\nhost: upstream\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def origin(port: int, *, scheme: Scheme = Scheme.HTTP, host: str = "127.0.0.1", reach: Reach = Reach.PRIVATE) -> Origin:
    """Return an origin on this machine."""
    return Origin(scheme=scheme, host=host, port=port, reach=reach)


@asynccontextmanager
async def client(limits: Limits | None = None) -> AsyncIterator[UpstreamClient]:
    """Lend a client and close it."""
    lent = UpstreamClient(limits=limits or Limits())
    try:
        yield lent
    finally:
        await lent.close()


async def until(true: Callable[[], bool]) -> None:
    """Let the event loop run until something holds that no event announces."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 (what is watched is the product's state, which has no event for tests)
            await asyncio.sleep(0)
