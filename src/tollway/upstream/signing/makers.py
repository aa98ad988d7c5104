"""Which signer a provider's key wants, and whether the key can sign at all. Knows no request."""

from collections.abc import Callable, Iterable

from tollway import clock
from tollway.catalog.records import Provider
from tollway.catalog.signing import AwsKeys, GoogleServiceAccount, Signing
from tollway.upstream.client import UpstreamClient
from tollway.upstream.forms import form_poster
from tollway.upstream.signing.aws import AwsSigner
from tollway.upstream.signing.google import GoogleSigner, private_key


def signer_maker(upstream: UpstreamClient) -> Callable[[Signing], AwsSigner | GoogleSigner]:
    """Return what makes the signer of a provider; tokens are fetched through `upstream`. It raises SetupError."""
    post = form_poster(upstream)

    def make(signing: Signing) -> AwsSigner | GoogleSigner:
        if isinstance(signing, AwsKeys):
            return AwsSigner(signing, now_ms=clock.now_ms)
        return GoogleSigner(signing, post=post, now_ms=clock.now_ms)

    return make


def check_signing(providers: Iterable[Provider]) -> None:
    """See that each provider's key can sign, before the first request finds that it cannot; raises SetupError."""
    for provider in providers:
        if isinstance(provider.signing, GoogleServiceAccount):
            private_key(provider.signing)
