"""Keys for providers that requests bring: never one of this gateway's own, and never to a provider that is not meant to have it.

Knows no connection and no SQL; which keys are this gateway's is asked of a port.
"""

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from tollway.access.credentials import ClientKey
from tollway.catalog.records import KeyOf, Provider, Target
from tollway.errors import Refusal

STRANGERS_MAX = 10_000
"""Keys of others that are remembered, by their digests: 32 bytes each."""


class ClientKeys:
    """Tells a client's key for a provider from a key of this gateway. Belongs to the event loop."""

    def __init__(self, is_ours: Callable[[bytes], bool]) -> None:
        """Take what tells whether a digest is that of any key of this gateway, valid or not; it may wait for the store."""
        self._is_ours = is_ours
        self._strangers: set[bytes] = set()

    async def check(self, key: ClientKey | None) -> None:
        """Raise Refusal 401 for a key of this gateway: it must not be sent elsewhere, nor be guessed to pay.

        A stranger's key stays one: ours are made here, and at random.
        """
        if key is None:
            return
        digest = key.digest
        if digest in self._strangers:
            return
        if await asyncio.to_thread(self._is_any_ours, key.digests_sent):
            raise Refusal(
                "invalid_api_key",
                "Two different keys of this gateway in one request: beside the header for its key, Authorization holds the "
                "key for a provider, and a key of this gateway is not sent there.",
            )
        if len(self._strangers) >= STRANGERS_MAX:
            self._strangers.clear()
        self._strangers.add(digest)

    def _is_any_ours(self, digests: Iterable[bytes]) -> bool:
        return any(self._is_ours(digest) for digest in digests)


def bound(targets: tuple[Target, ...], key: ClientKey | None) -> tuple[Target, ...]:
    """Return the targets that can be asked with a client's key, or without one; what they say is told without it.

    Raises Refusal 401 when all of them want a key that the request does not bring.
    """
    for target in targets:
        if target.provider.key_of is KeyOf.CLIENT:
            return _bound(targets, key)
    return targets


def _bound(targets: tuple[Target, ...], key: ClientKey | None) -> tuple[Target, ...]:
    if key is None:
        usable = tuple(target for target in targets if target.provider.key_of is KeyOf.GATEWAY)
        if not usable:
            raise key_wanted(targets[0].provider)
        return usable
    return tuple(msgspec.structs.replace(target, provider=with_secret(target.provider, key)) for target in targets)


def with_secret(provider: Provider, key: ClientKey | None) -> Provider:
    """Return a provider as it is asked with a client's key: what it says of the key is struck like one of the operator's."""
    if key is None or provider.key_of is KeyOf.GATEWAY:
        return provider
    return msgspec.structs.replace(provider, secrets=(*provider.secrets, key.reveal()))


def key_wanted(provider: Provider) -> Refusal:
    """Return the refusal of a request without a key for a provider that takes its clients' own."""
    header = provider.key_header or "Authorization"
    return Refusal(
        "invalid_api_key",
        f"The provider {provider.name!r} is asked with your own key for it: send that as {header}, and this gateway's key as "
        "X-Tollway-Key.",
    )


def key_line(provider: Provider, key: ClientKey | None) -> bytes:
    """Return the header line that lets a request in with its client's key; none where the provider has the gateway's.

    Raises Refusal 401 where it is missing.
    """
    if provider.key_of is KeyOf.GATEWAY:
        return b""
    if key is None:
        raise key_wanted(provider)
    name, value = provider.key_header, key.reveal()
    line = f"authorization: {key.authorization}" if name is None else f"{name}: {value}"
    assert "\r" not in line and "\n" not in line, "neither keys nor names of headers have line breaks"  # noqa: PT018
    return f"{line}\r\n".encode("ascii")
