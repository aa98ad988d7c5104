"""The outbound guard for what a provider fetches on a client's behalf: pictures, sounds and files by address. Pure.

A provider that the operator runs itself stands in a private network: an address in a request would make it a door into
that network. Names are not looked up here: what a name leads to is the provider's own to refuse.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import cast
from urllib.parse import urlsplit

import msgspec

from tollway.access.addresses import allowed
from tollway.catalog.records import Reach
from tollway.errors import Refusal

ADDRESS_KEYS = frozenset(("url", "image_url", "file_url", "video_url", "audio_url", "fileUri", "file_uri", "uri"))
"""Where the dialects put the address of something to be fetched."""

LOCAL_NAMES = ("localhost", "local", "internal", "home.arpa")
"""Names that lead into a network of one's own (RFC 6761, RFC 6762, RFC 8375; `internal` is ICANN's, of 2024)."""

SHOWN_CHARS = 100
PARTS_MAX = 4
BYTE_MAX = 255

_ANY = msgspec.json.Decoder()


def check_media_addresses(body: bytes) -> None:
    """Raise Refusal `invalid_request` when a JSON body names an address that no provider may be sent to.

    To be asked of bodies that have media: it builds all of it.
    """
    if b"//" not in body and b"\\" not in body:
        return
    for address in _addresses(_ANY.decode(body)):
        if not is_public(address):
            raise Refusal(
                "invalid_request",
                f"The address {address[:SHOWN_CHARS]!r} is not a public one, so no provider is asked to fetch it: "
                "send the bytes themselves (base64), or put them where the public can reach them.",
            )


def _addresses(found: object) -> Iterator[str]:
    """Yield what stands in the place of an address and begins like one."""
    waiting = [found]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += cast(list[object], value)
        elif isinstance(value, dict):
            for key, inner in cast(dict[str, object], value).items():
                if not isinstance(inner, str):
                    waiting.append(inner)
                elif key in ADDRESS_KEYS and inner[:9].strip().lower().startswith(("http:", "https:")):
                    yield inner


def is_public(address: str) -> bool:
    """Tell whether a URL names a public host, as far as that can be seen before any name is looked up."""
    try:
        host = urlsplit(address.strip()).hostname
    except ValueError:
        return False
    if not host:
        return False
    if ":" in host:
        return allowed(host.partition("%")[0], Reach.PUBLIC)
    name = host.rstrip(".").lower()
    number = _number(name)
    if number is not None:
        return allowed(number, Reach.PUBLIC)
    return name not in LOCAL_NAMES and not name.endswith(tuple(f".{local}" for local in LOCAL_NAMES))


def _number(name: str) -> str | None:
    """Return the IPv4 address that a host is in any form that `inet_aton` reads: `127.1`, `0x7f000001`, `2130706433`."""
    parts = name.split(".")
    if len(parts) > PARTS_MAX or not all(part[:1].isdigit() for part in parts):
        return None
    try:
        *heads, last = [int(part, _base(part)) for part in parts]
    except ValueError:
        return None
    if any(head > BYTE_MAX for head in heads) or last >= 1 << (8 * (PARTS_MAX - len(heads))):
        return None
    number = last
    for place, head in enumerate(heads):
        number |= head << (8 * (PARTS_MAX - 1 - place))
    return str(IPv4Address(number))


def _base(part: str) -> int:
    if part.lower().startswith("0x"):
        return 16
    return 8 if part.startswith("0") and len(part) > 1 else 10
