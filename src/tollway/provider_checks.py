"""Asks each provider something small and free, to see that its address and key are good: `tollway providers check`."""

import asyncio

from tollway.catalog.records import KeyOf, Provider, Timeouts
from tollway.catalog.signing import GoogleServiceAccount
from tollway.cli.office import Finding, Health
from tollway.errors import UpstreamFailure
from tollway.relay.wire import get_request, host_of
from tollway.upstream.client import UpstreamClient
from tollway.upstream.limits import Limits
from tollway.upstream.signing.makers import signer_maker

CHECK_TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=10.0, idle_s=10.0, total_s=15.0)
"""A person waits for this."""

REFUSALS = (400, 401, 403)
"""What a wrong key is answered with: two of them say 400, and nothing else can be wrong with a request without a body."""


def check_providers(providers: tuple[Provider, ...]) -> tuple[Finding, ...]:
    """Return whether each provider answers what can be asked without cost, with our key."""
    return asyncio.run(_check_providers(providers))


async def _check_providers(providers: tuple[Provider, ...]) -> tuple[Finding, ...]:
    client = UpstreamClient(limits=Limits())
    try:
        return tuple(await asyncio.gather(*(_check_provider(client, provider) for provider in providers)))
    finally:
        await client.close()


async def _check_provider(client: UpstreamClient, provider: Provider) -> Finding:
    path = provider.check_path
    if provider.key_of is KeyOf.CLIENT:
        return Finding(provider.name, Health.NOTE, "is asked with its clients' keys: the first of them will tell")
    try:
        lines = await _signature(client, provider, path or "")
        if path is None:
            return _unasked(provider)
        answer = await client.send(provider.home.origin, get_request(provider, path, lines), timeouts=CHECK_TIMEOUTS)
        answer.release()
    except UpstreamFailure as failure:
        return Finding(provider.name, Health.BAD, f"does not answer: {failure.message}")
    if answer.status in REFUSALS:
        return Finding(provider.name, Health.BAD, f"refuses the key (status {answer.status}): check api_key")
    if answer.status == 200:
        return Finding(provider.name, Health.GOOD, "answers, and takes the key")
    return Finding(
        provider.name, Health.NOTE, f"answers {answer.status} to GET {path}: not every provider lists models"
    )


async def _signature(client: UpstreamClient, provider: Provider, path: str) -> bytes:
    """Return the header lines that sign the request; raises UpstreamFailure where a token is refused."""
    if provider.signing is None:
        return b""
    home = provider.home
    headers = await signer_maker(client)(provider.signing).headers(
        method="GET", host=host_of(home.origin), path=f"{home.path_prefix}{path}", body=b""
    )
    return b"".join([f"{name}: {value}\r\n".encode("latin-1") for name, value in headers])


def _unasked(provider: Provider) -> Finding:
    if isinstance(provider.signing, GoogleServiceAccount):
        return Finding(provider.name, Health.GOOD, "its service account gets access tokens")
    return Finding(
        provider.name, Health.NOTE, "has nothing that can be asked without cost: its first request will tell"
    )
