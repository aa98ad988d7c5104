"""The header lines of one request alone, and the signatures among them: one signer a provider, kept. Knows no algorithm."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from tollway.catalog.records import KeyOf, Origin, Provider
from tollway.catalog.signing import Signing
from tollway.dialects.record import JSON, Lane
from tollway.relay.arrival import Arrival
from tollway.relay.client_keys import key_line
from tollway.relay.passage import Passage
from tollway.relay.wire import JSON_LINE, host_of


class Signable(NamedTuple):
    """What of a request is signed."""

    method: str
    path: str
    """As it stands on the wire, with its query."""
    body: bytes


class Signers(Protocol):
    """Sign requests for providers that want more than a key in a header."""

    async def lines(self, provider: Provider, passage: Passage) -> bytes:
        """Return the header lines that go with one request; raises UpstreamFailure."""
        ...

    async def call_lines(self, provider: Provider, origin: Origin, call: Signable) -> bytes:
        """Do the same for a call that belongs to no dialect."""
        ...


class Signer(Protocol):
    """Signs for one provider."""

    async def headers(self, *, method: str, host: str, path: str, body: bytes) -> list[tuple[str, str]]:
        """Return what goes with one request; raises UpstreamFailure, which names no secret."""
        ...


class Signatures:
    """Makes the header lines of signed requests."""

    def __init__(self, make: Callable[[Signing], Signer]) -> None:
        """Take what makes a signer."""
        self._make = make
        self._signers: dict[str, Signer] = {}

    async def lines(self, provider: Provider, passage: Passage) -> bytes:
        """Return the header lines that go with one request; raises UpstreamFailure."""
        spoken = passage.spoken
        path = f"{spoken.path_prefix}{passage.path}"
        return await self.call_lines(provider, spoken.origin, Signable("POST", path, passage.body))

    async def call_lines(self, provider: Provider, origin: Origin, call: Signable) -> bytes:
        """Do the same for a call that belongs to no dialect."""
        assert provider.signing is not None, "asked for those that sign"
        signer = self._signers.get(provider.identity)
        if signer is None:
            signer = self._signers[provider.identity] = self._make(provider.signing)
        headers = await signer.headers(method=call.method, host=host_of(origin), path=call.path, body=call.body)
        return b"".join([f"{name}: {value}\r\n".encode("latin-1") for name, value in headers])


async def request_lines(arrival: Arrival, provider: Provider, passage: Passage, signers: Signers) -> bytes:
    """Return the header lines of one request alone: its content type, what belongs to its dialect, its signature.

    Raises UpstreamFailure.
    """
    lines = JSON_LINE
    if passage.lane is not Lane.TRANSLATED and arrival.called.content_type != JSON:
        lines = b"content-type: %b\r\n" % arrival.called.content_type.encode("latin-1")
    if passage.speaks is arrival.dialect:  # written anew or not
        for header in arrival.passed:
            lines += b"%b: %b\r\n" % header
    if provider.key_of is KeyOf.CLIENT:
        lines += key_line(provider, arrival.client_key)
    if provider.signing is not None:
        lines += await signers.lines(provider, passage)
    return lines


def left_out(arrival: Arrival, passage: Passage) -> tuple[str, ...]:
    """Return the names of what a provider is not told: knobs, and the client's headers where they belong to another dialect.

    What a dialect demands of every request, such as its version, asks for nothing and is not named.
    """
    if not arrival.passed or passage.speaks is arrival.dialect:
        return passage.dropped
    demanded = [name for name, _ in arrival.dialect.request_headers]
    names = dict.fromkeys(name.decode("latin-1") for name, _ in arrival.passed)
    return (*passage.dropped, *[name for name in names if name not in demanded])
