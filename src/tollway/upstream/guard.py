"""The outbound guard: which addresses a provider's name may lead to. Opens no connection and knows no HTTP.

A name is looked up once and the connection is made to an address that was judged here, so that a second answer of
the name server cannot lead elsewhere.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from ipaddress import ip_address

from tollway.access.addresses import allowed
from tollway.catalog.records import Origin, Reach
from tollway.errors import FailureKind, UpstreamFailure

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]


LOOKUPS_AT_ONCE = 16
"""Names that are looked up at once, for each reach."""


class SystemLookup:
    """Asks the system's resolver, in threads of its own, and each name once for all who ask at the same time.

    Nobody can hurry a resolver, or make it stop: in the threads that everything shares, a few names of accounts, whose
    servers never answer, would keep everybody waiting.
    """

    def __init__(self) -> None:
        """Start no thread before a name is asked for."""
        self._threads = ThreadPoolExecutor(max_workers=LOOKUPS_AT_ONCE, thread_name_prefix="names")
        self._asked: dict[tuple[str, int], asyncio.Future[Sequence[str]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a name in the system's order; raises OSError or UnicodeError when there are none."""
        if _is_address(host):
            return (host,)
        name = host, port
        asked = self._asked.get(name)
        if asked is None:
            asked = self._asked[name] = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
            asked.add_done_callback(lambda _: self._asked.pop(name))
        return await asyncio.shield(asked)  # whoever asks may leave, and others wait as well


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:  # a name, or an address as only resolvers read it: 127.1
        return False
    return True


def _look_up(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for _, _, _, _, sockaddr in found]


class Guard:
    """Looks a name up and lets through only what the origin's reach allows."""

    def __init__(self, *, lookup: Lookup | None = None) -> None:
        """Take the lookup: from a name and port to addresses, in order of preference; else the system is asked.

        The system is asked apart for each reach: what the operator configured does not wait for what accounts did.
        """
        self._asks_system = lookup is None
        self._lookups = {reach: lookup or SystemLookup() for reach in Reach}

    def literal(self, origin: Origin) -> tuple[str, ...]:
        """Return the address that an origin's host is, if it is one and may be connected to; else nothing."""
        return _literal(origin.host, origin.reach) if self._asks_system else ()

    async def addresses(self, origin: Origin) -> tuple[str, ...]:
        """Return at least one address to connect to, in order; raises UpstreamFailure CONNECT or BLOCKED."""
        failure: UpstreamFailure | None = None
        found: Sequence[str] = ()
        try:
            found = await self._lookups[origin.reach](origin.host, origin.port)
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


@lru_cache(maxsize=256)
def _literal(host: str, reach: Reach) -> tuple[str, ...]:
    """Return the host if it is an address that may be connected to: remembered, as it took 15 of 93 µs of a connection."""
    return (host,) if _is_address(host) and allowed(host, reach) else ()


_BLOCKED = {
    Reach.PUBLIC: "the provider's name leads to an address that is not public, which is not allowed for this provider",
    Reach.PRIVATE: "the provider's name leads to a link-local, metadata or otherwise forbidden address",
}
