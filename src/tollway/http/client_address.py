"""Where a request comes from: the peer of its connection, or whom a trusted proxy says that it speaks for. Knows no route.

Behind proxies, `X-Forwarded-For` has one address for each hop, the nearest last. Each proxy adds the one that it heard
from, so what stands before the first hop that is not trusted was written by a stranger, and is not read.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

FORWARDED_FOR = b"x-forwarded-for"
ADDRESSES_KNOWN_MAX = 4096

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class ClientAddresses:
    """Finds the addresses of clients behind certain proxies."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        """Take the addresses and networks of the proxies whose word is believed."""
        self._trusted = tuple(ip_network(text) for text in trusted)
        self._is_trusted = lru_cache(ADDRESSES_KNOWN_MAX)(self._look_up)

    def find(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the address of the client, in its one form; empty where there is none, as on a Unix socket.

        `peer` is the other end of the connection, and the names of `headers` are in lower case.
        """
        address = normal_address(peer)
        if address is None:
            return ""
        if not self._trusted or not self._is_trusted(address):
            return address
        values = [value for name, value in headers if name == FORWARDED_FOR]
        for hop in reversed(b",".join(values).split(b",")):
            said = normal_address(hop.decode("latin-1"))
            if said is None:  # a name, `unknown`, or nothing: nobody nearer to the client is vouched for
                return address
            address = said
            if not self._is_trusted(address):
                return address
        return address

    def _look_up(self, address: str) -> bool:
        parsed = ip_address(address)
        return any(parsed in network for network in self._trusted)


def normal_address(text: str) -> str | None:
    """Return an address in its one form, without port, brackets and zone; None for what is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:  # as sockets for both kinds show them
        return str(parsed.ipv4_mapped)
    return str(parsed)
