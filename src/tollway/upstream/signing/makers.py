"""Which signer a provider's key wants, and whether the key can sign at all. Knows no request.

What signs by a service account is imported for a provider that has one: it brings cryptography, 11 ms of a start and 2 MB.
"""

import importlib
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from tollway import clock
from tollway.catalog.records import Provider
from tollway.catalog.signing import AwsKeys, GoogleServiceAccount, Signing
from tollway.upstream.client import UpstreamClient
from tollway.upstream.forms import form_poster
from tollway.upstream.signing.aws import AwsSigner


class Signer(Protocol):
    """Knows the key of a provider, and signs its requests with it."""

    async def headers(self, *, method: str, host: str, path: str, body: bytes) -> list[tuple[str, str]]:
        """Return the headers that let a request in; raises UpstreamFailure when there are none to be had."""
        ...


def signer_maker(upstream: UpstreamClient) -> Callable[[Signing], Signer]:
    """Return what makes the signer of a provider; tokens are fetched through `upstream`. It raises SetupError."""
    post = form_poster(upstream)

    def make(signing: Signing) -> Signer:
        if isinstance(signing, AwsKeys):
            return AwsSigner(signing, now_ms=clock.now_ms)
        return _google().GoogleSigner(signing, post=post, now_ms=clock.now_ms)

    return make


def check_signing(providers: Iterable[Provider]) -> None:
    """See that each provider's key can sign, before the first request finds that it cannot; raises SetupError."""
    for provider in providers:
        if isinstance(provider.signing, GoogleServiceAccount):
            _google().private_key(provider.signing)


def _google() -> Any:  # noqa: ANN401 the module is not imported where a type could be named
    return importlib.import_module("tollway.upstream.signing.google")
