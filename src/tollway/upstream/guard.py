"""The outbound guard: which addresses a provider's name may lead to. Opens no connection and knows no HTTP.

A name is looked up once and the connection is made to an address that was judged here, so that a second answer of
the name server cannot lead elsewhere.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

from tollway.access.addresses import allowed
from tollway.catalog.records import Origin, Reach
from tollway.errors import FailureKind, UpstreamFailure

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]


async def system_lookup(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a name in the system's order; raises OSError or UnicodeError when there are none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for _, _, _, _, sockaddr in found]


class Guard:
    """Looks a name up and lets through only what the origin's reach allows."""

    def __init__(self, *, lookup: Lookup = system_lookup) -> None:
        """Take the lookup: from a name and port to addresses, in order of preference."""
        self._lookup = lookup

    async def addresses(self, origin: Origin) -> tuple[str, ...]:
        """Return at least one address to connect to, in order; raises UpstreamFailure CONNECT or BLOCKED."""
        failure: UpstreamFailure | None = None
        found: Sequence[str] = ()
        try:
            found = await self._lookup(origin.host, origin.port)
        except (OSError, UnicodeError):
            # Raised below, outside of this block: the system's own error would be chained to it and names the host.
            failure = UpstreamFailure(FailureKind.CONNECT, "the provider's name could not be resolved")
        if failure is not None:
            raise failure
        if not found:
            raise UpstreamFailure(FailureKind.CONNECT, "the provider's name has no address")
        usable = tuple(dict.fromkeys(address for address in found if allowed(address, origin.reach)))
        if not usable:
            raise UpstreamFailure(FailureKind.BLOCKED, _BLOCKED[origin.reach])
        return usable


_BLOCKED = {
    Reach.PUBLIC: "the provider's name leads to an address that is not public, which is not allowed for this provider",
    Reach.PRIVATE: "the provider's name leads to a link-local, metadata or otherwise forbidden address",
}
