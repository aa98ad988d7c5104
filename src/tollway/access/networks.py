"""The networks that a key may be used from, as people write them and as they are kept. Pure; looks no name up."""

from ipaddress import IPv4Network, IPv6Network, ip_network

MAPPED = IPv6Network("::ffff:0:0/96")
"""IPv4 addresses as sockets for both kinds show them."""


def normal_network(text: str) -> str:
    """Return a network in its one form, such as `192.0.2.0/24`; a single address is a network of one.

    Bits beyond the network are dropped. Raises ValueError for what is no IPv4 or IPv6 network, and for addresses that
    mean something on one machine only (`fe80::1%eth0`).
    """
    if "%" in text:
        raise ValueError(text)
    network = ip_network(text.strip(), strict=False)
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        inner = int(network.network_address) & 0xFFFF_FFFF
        return str(IPv4Network((inner, network.prefixlen - MAPPED.prefixlen)))
    return str(network)
