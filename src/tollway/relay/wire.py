"""What goes to a provider and what it says: the head of a request, made once for each provider; its errors, without its key.

No I/O.
"""

from collections.abc import Iterable

from tollway import __version__
from tollway.catalog.records import Provider, Scheme
from tollway.dialects.record import ProviderError
from tollway.errors import UpstreamFailure
from tollway.relay.attempts import ProviderRefusal

DEFAULT_PORTS = {Scheme.HTTP: 80, Scheme.HTTPS: 443}

STRUCK = "[secret]"

TELLING_CHARACTERS_MIN = 6
"""The start of a key that is struck where a text breaks off: fewer tell nothing (`sk-`), and occur in words."""


class RequestHeads:
    """Keeps the ready-made heads of POST requests, one for each provider and path.

    Nothing of the client's own headers goes upstream: not its key, not its address, not its cookies.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._heads: dict[tuple[str, str], bytes] = {}

    def request(self, provider: Provider, path: str, body: bytes) -> bytes:
        """Return the bytes of a POST of `body` to the dialect's `path` (`/chat/completions`) at the provider."""
        head = self._heads.get((provider.name, path))
        if head is None:
            head = self._heads[provider.name, path] = make_head(provider, path)
        return b"%b%d\r\n\r\n%b" % (head, len(body), body)


def make_head(provider: Provider, path: str) -> bytes:
    """Return everything of a POST's head up to the digits of its length."""
    return b"\r\n".join(
        [*_common_lines("POST", provider, path), b"content-type: application/json", b"content-length: "]
    )


def get_request(provider: Provider, path: str) -> bytes:
    """Return the bytes of a GET of the dialect's `path` (`/models`) at the provider."""
    return b"\r\n".join([*_common_lines("GET", provider, path), b"", b""])


def strike(text: str, provider: Provider) -> str:
    """Return what a provider said without its key: some repeat the key they were given, and no client may learn it.

    What providers say is cut at some length, so the start of a key at the text's end is struck as well.
    """
    secret = (provider.auth_value or "").rpartition(" ")[2]
    if not secret:
        return text
    text = text.replace(secret, STRUCK)
    for length in range(len(secret) - 1, TELLING_CHARACTERS_MIN - 1, -1):
        if text.endswith(secret[:length]):
            return text[:-length] + STRUCK
    return text


def struck(failure: UpstreamFailure, provider: Provider) -> UpstreamFailure:
    """Return a failure that may quote the provider, without the provider's key."""
    return UpstreamFailure(failure.kind, strike(failure.message, provider))


def provider_refusal(
    status: int, headers: Iterable[tuple[bytes, bytes]], error: ProviderError, provider: Provider
) -> ProviderRefusal:
    """Return what a provider's error answer means, without the provider's key."""
    after = next((value for name, value in headers if name == b"retry-after"), b"")
    return ProviderRefusal(
        status=status,
        message=strike(error.message, provider),
        code=None if error.code is None else strike(error.code, provider),
        param=None,
        retry_after_s=int(after) if after.isdigit() and len(after) < 6 else None,
    )


def _common_lines(method: str, provider: Provider, path: str) -> list[bytes]:
    origin = provider.origin
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    if origin.port != DEFAULT_PORTS[origin.scheme]:
        host = f"{host}:{origin.port}"
    lines = [
        f"{method} {provider.path_prefix}{path} HTTP/1.1",
        f"host: {host}",
        f"user-agent: tollway/{__version__}",
        "accept: */*",
        "accept-encoding: identity",
    ]
    if provider.auth_header is not None and provider.auth_value is not None:
        lines.append(f"{provider.auth_header}: {provider.auth_value}")
    assert not any("\r" in line or "\n" in line for line in lines), "the catalog refuses line breaks in its values"
    return [line.encode("latin-1") for line in lines]
