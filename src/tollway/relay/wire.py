"""What goes to a provider and what it says: the head of a request, made once for each provider; its errors, without its key.

No I/O.
"""

import math
from collections.abc import Iterable
from email.utils import parsedate_to_datetime

from tollway import __version__, clock
from tollway.catalog.records import Origin, Provider, Scheme, Spoken
from tollway.dialects.record import JSON, Dialect, Operation, ProviderError
from tollway.errors import UpstreamFailure
from tollway.relay.attempts import ProviderRefusal, holder_at
from tollway.relay.passage import Passage

DEFAULT_PORTS = {Scheme.HTTP: 80, Scheme.HTTPS: 443}

RETRY_AFTER_S_MAX = 86_400

STRUCK = "[secret]"
STRUCK_ADDRESS = "[address]"

TELLING_CHARACTERS_MIN = 6
"""The start of a key that is struck where a text breaks off: fewer tell nothing (`sk-`), and occur in words."""


REMEMBERED_MAX = 4096
"""Heads are kept for each path; clients choose a model that stands in one, so that memory must have a bound."""

JSON_LINE = b"content-type: application/json\r\n"


class RequestHeads:
    """Keeps the ready-made heads of POST requests, one for each provider and path.

    Nothing of the client's own headers goes upstream but what belongs to its dialect: not its key, not its address, not
    its cookies.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._heads: dict[tuple[str, str, str], bytes] = {}

    def request(self, provider: Provider, passage: Passage, lines: bytes = JSON_LINE) -> bytes:
        """Return the bytes of a POST; `lines` are header lines of this request alone, its content type among them."""
        spoken = passage.spoken
        head = self._heads.get((provider.identity, spoken.dialect, passage.path))
        if head is None:
            if len(self._heads) >= REMEMBERED_MAX:
                self._heads.clear()
            head = make_head(provider, spoken, passage.path, passage.speaks.request_headers)
            self._heads[provider.identity, spoken.dialect, passage.path] = head
        body = passage.body
        return b"%b%bcontent-length: %d\r\n\r\n%b" % (head, lines, len(body), body)


def make_head(provider: Provider, spoken: Spoken, path: str, headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    """Return what every POST to a path of a provider begins with: all but what its body decides."""
    return b"\r\n".join([*_common_lines("POST", provider, spoken, path, headers), b""])


def get_request(provider: Provider, path: str, lines: bytes = b"") -> bytes:
    """Return the bytes of a GET of a path (`/models`) below the prefix of the provider's first dialect.

    `lines` are header lines of this request alone, such as a signature.
    """
    return b"%b%b\r\n" % (b"\r\n".join([*_common_lines("GET", provider, provider.home, path, ()), b""]), lines)


def host_of(origin: Origin) -> str:
    """Return an origin as a Host header names it."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == DEFAULT_PORTS[origin.scheme] else f"{host}:{origin.port}"


def content_type_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return what an answer says that it is; JSON where it says nothing."""
    for name, value in headers:
        if name == b"content-type":
            if value == b"application/json":  # nearly always: 0.1 µs without a text being made of it
                return JSON
            text = value.decode("latin-1")
            return text if text.isascii() and text.isprintable() else JSON
    return JSON


def comes_whole(headers: Iterable[tuple[bytes, bytes]], dialect: Dialect) -> bool:
    """Tell whether a provider answers a wish for a stream with a whole: some models of sound cannot stream.

    A chat that does so is broken.
    """
    return dialect.operation is not Operation.CHAT and content_type_of(headers).startswith(JSON)


def strike(text: str, provider: Provider) -> str:
    """Return what a provider said without its keys and its address: some repeat the key they were given.

    What providers say is cut at some length, so the start of a key at the text's end is struck as well.
    """
    for spoken in provider.speaks:  # some repeat where they stand, which may be inside the operator's own network
        host = host_of(spoken.origin)
        text = text.replace(f"{spoken.origin.scheme}://{host}", STRUCK_ADDRESS)
        if ":" in host:
            text = text.replace(host, STRUCK_ADDRESS)
    for secret in provider.secrets:
        text = text.replace(secret, STRUCK)
        for length in range(len(secret) - 1, TELLING_CHARACTERS_MIN - 1, -1):
            if text.endswith(secret[:length]):
                text = text[:-length] + STRUCK
                break
    return text


def struck(failure: UpstreamFailure, provider: Provider) -> UpstreamFailure:
    """Return a failure that may quote the provider, without the provider's key."""
    return UpstreamFailure(failure.kind, strike(failure.message, provider))


def provider_refusal(
    status: int, headers: Iterable[tuple[bytes, bytes]], error: ProviderError, provider: Provider
) -> ProviderRefusal:
    """Return what a provider's error answer means, without the provider's key."""
    return ProviderRefusal(
        status=status,
        message=strike(error.message, provider),
        code=None if error.code is None else strike(error.code, provider),
        param=None,
        retry_after_s=retry_after_s(headers, now_ms=clock.now_ms()),
        holder=holder_at(provider),
        meaning=provider.meaning_of((error.code, error.type), error.message),
    )


def retry_after_s(headers: Iterable[tuple[bytes, bytes]], *, now_ms: int) -> int | None:
    """Return when a provider wants to be asked again, in whole seconds: it may say it in seconds or as a date (RFC 9110).

    None where it says nothing that can be understood, or a time beyond a day, which is no time to wait in.
    """
    text = next((value for name, value in headers if name == b"retry-after"), b"").decode("latin-1").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now_ms / 1000
        except (ValueError, OverflowError):
            return None
    return math.ceil(seconds) if 0 <= seconds <= RETRY_AFTER_S_MAX else None


def _common_lines(
    method: str, provider: Provider, spoken: Spoken, path: str, headers: tuple[tuple[str, str], ...]
) -> list[bytes]:
    lines = [
        f"{method} {spoken.path_prefix}{path} HTTP/1.1",
        f"host: {host_of(spoken.origin)}",
        f"user-agent: tollway/{__version__}",
        "accept: */*",
        "accept-encoding: identity",
    ]
    said = {name for name, _ in provider.headers}
    lines += [f"{name}: {value}" for name, value in headers if name not in said]
    lines += [f"{name}: {value}" for name, value in provider.headers]
    assert not any("\r" in line or "\n" in line for line in lines), "the catalog refuses line breaks in its values"
    return [line.encode("latin-1") for line in lines]
