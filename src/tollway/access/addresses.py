"""Which IP addresses may be reached, by us or by a provider on a client's behalf. Pure; looks no name up."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from tollway.catalog.records import Reach

# The tables are our own, because what `ipaddress` calls global has changed between patch releases of Python.
_NEVER_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this host": Linux connects 0.0.0.0 to loopback
        "169.254.0.0/16",  # link-local, where AWS, Azure, Google and others keep instance metadata
        "100.100.100.200/32",  # metadata at Alibaba
        "168.63.129.16/32",  # the platform's own endpoint at Azure, inside public space
        "192.0.0.192/32",  # metadata at Oracle
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_PRIVATE_4 = tuple(
    IPv4Network(text)
    for text in (
        "10.0.0.0/8",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",  # carrier-grade NAT; also overlay networks
        "192.0.0.0/24",
        "192.0.2.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
    )
)
_NEVER_6 = tuple(
    IPv6Network(text)
    for text in (
        "fe80::/10",  # link-local
        "ff00::/8",  # multicast
        "fd00:ec2::/32",  # metadata and pod identity at AWS
        "fd20:ce::/32",  # metadata at Google
        "64:ff9b:1::/48",  # NAT64 of local choice: where the IPv4 address stands in it cannot be known
        "2001::/32",  # Teredo: hides an IPv4 address and a relay
    )
)
_PRIVATE_6 = tuple(IPv6Network(text) for text in ("::1/128", "fc00::/7", "fec0::/10", "2001:db8::/32", "3fff::/20"))
_PUBLIC_6 = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")


def allowed(address: str, reach: Reach) -> bool:
    """Say whether a connection to this IP address may be made; False for anything that is not an address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        inner = _embedded(parsed)
        return _allowed_6(parsed, reach) if inner is None else _allowed_4(inner, reach)
    return _allowed_4(parsed, reach)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that a packet to this one would reach in the end, if it is of such a form."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def _allowed_4(address: IPv4Address, reach: Reach) -> bool:
    if any(address in network for network in _NEVER_4):
        return False
    return reach is Reach.PRIVATE or not any(address in network for network in _PRIVATE_4)


def _allowed_6(address: IPv6Address, reach: Reach) -> bool:
    if any(address in network for network in _NEVER_6):
        return False
    if any(address in network for network in _PRIVATE_6):
        return reach is Reach.PRIVATE
    # A list of what may be, not of what may not: most of the IPv6 space is unassigned, the unspecified address too.
    return address in _PUBLIC_6
