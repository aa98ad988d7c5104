"""Whether a key may be used for what a path is for, and from where the request comes. Pure; knows no path."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from tollway.access.principal import Principal
from tollway.errors import Refusal

LISTS_KNOWN_MAX = 4096


def check_route(principal: Principal, word: str) -> None:
    """Raise Refusal 403 `route_not_allowed` when the key has a list of routes, and the path's word is not in it.

    No word belongs to what every key may use.
    """
    if word and principal.routes and word not in principal.routes:
        raise Refusal(
            "route_not_allowed",
            f"This API key may not be used for {word}: it is limited to {', '.join(principal.routes)}.",
        )


def check_address(principal: Principal, address: str) -> None:
    """Raise Refusal 403 `address_not_allowed` when the key has a list of networks, and the address is in none of them.

    An address that is not known, which is empty, is in none.
    """
    if principal.networks and not _is_within(address, principal.networks):
        raise Refusal(
            "address_not_allowed",
            f"This API key may not be used from {address or 'an address that is not known'}: it is limited to certain "
            "networks.",
        )


def _is_within(address: str, networks: tuple[str, ...]) -> bool:
    if not address:
        return False
    parsed = ip_address(address)
    return any(parsed in network for network in _parsed(networks))


@lru_cache(LISTS_KNOWN_MAX)
def _parsed(networks: tuple[str, ...]) -> Sequence[IPv4Network | IPv6Network]:
    return [ip_network(text) for text in networks]
