"""Where a client's key stands among its headers. Pure; knows no store, so it cannot tell a good key from a bad one."""

import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

from tollway.errors import Refusal

KEY_BYTES_MAX = 512
"""Ours are about 50 bytes; a longer one is never a key and need not be hashed."""

CLIENT_KEY_BYTES_MAX = 8192
"""Of a key for a provider: some are signed tokens of a few kilobytes."""

BEARER = "Bearer"

_VISIBLE = re.compile(rb"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")

KEY_HEADERS = frozenset((b"x-api-key", b"x-goog-api-key", b"api-key"))
"""Where clients put a bare key: Anthropic's, Google's and Azure's words for it."""


def key_digest(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the SHA-256 digest of the one key that lower-case `headers` carry.

    `Authorization: Bearer` and KEY_HEADERS are the same to Tollway. Raises Refusal `invalid_api_key` when there is
    none, when it is malformed, and when two headers carry different keys: guessing which one pays is not ours to do.
    """
    found: bytes | None = None
    for name, value in headers:
        if name == b"authorization":
            scheme, _, key = value.partition(b" ")
            if scheme.lower() != b"bearer":
                raise Refusal("invalid_api_key", "The Authorization header must read: Bearer YOUR_API_KEY.")
            key = key.strip()
        elif name in KEY_HEADERS:
            key = value.strip()
        else:
            continue
        if found is not None and key != found:
            raise Refusal("invalid_api_key", "Two different API keys in one request: send one of them.")
        found = key
    if not found:
        raise Refusal("invalid_api_key", "No API key: send it as `Authorization: Bearer YOUR_API_KEY` or `X-API-Key`.")
    if len(found) > KEY_BYTES_MAX:
        raise Refusal("invalid_api_key", "This is not an API key: it is too long.")
    return hashlib.sha256(found).digest()


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()


class ClientKey:
    """A key for a provider that a request brings. Its repr shows nothing of it: a repr ends up in logs."""

    __slots__ = ("_scheme", "_text")

    def __init__(self, text: str, *, scheme: str = BEARER) -> None:
        """Take the key, and the scheme that stood before it where it is not the usual one."""
        self._text = text
        self._scheme = scheme

    def reveal(self) -> str:
        """Return the key, for the one place that sends it and the one that strikes it."""
        return self._text

    @property
    def authorization(self) -> str:
        """The value of an `Authorization` header with this key."""
        return f"{self._scheme} {self._text}"

    @property
    def digest(self) -> bytes:
        """Its SHA-256, by which a key of this gateway is known; with the scheme where that is not the usual one."""
        return _sha256(self._text if self._scheme == BEARER else self.authorization)

    @property
    def digests_sent(self) -> tuple[bytes, ...]:
        """The SHA-256 of each word that leaves with it: a key of this gateway may be among several."""
        said = self._text if self._scheme == BEARER else self.authorization
        return tuple(_sha256(word) for word in dict.fromkeys((self._text, *said.split(" "))))

    def __repr__(self) -> str:
        """Show stars."""
        return "ClientKey(***)"


class Presented(NamedTuple):
    """The keys that a request carries."""

    digest: bytes
    """Of the gateway's key."""
    client_key: ClientKey | None = None
    """For a provider that takes its clients' keys, where the gateway's stands in a header of its own."""


class KeyHeaders:
    """Reads the keys of requests."""

    __slots__ = ("_own",)

    def __init__(self, header_prefixes: Iterable[str]) -> None:
        """Take the prefixes of brands: before `-key` stands the gateway's own key, and then no other header has it."""
        self._own = frozenset(f"{prefix}-key".encode("ascii") for prefix in header_prefixes)

    def read(self, headers: list[tuple[bytes, bytes]]) -> Presented:
        """Return what lower-case `headers` carry; raises Refusal `invalid_api_key` as `key_digest` does."""
        own = self._own
        found: bytes | None = None
        for name, value in headers:
            if name in own:
                key = value.strip()
                if found is not None and key != found:
                    raise Refusal(
                        "invalid_api_key", "Two different keys of this gateway in one request: send one of them."
                    )
                found = key
        if found is None:
            return Presented(key_digest(headers))
        if not found or len(found) > KEY_BYTES_MAX:
            raise Refusal("invalid_api_key", "The header for this gateway's key holds none: it is empty or too long.")
        return Presented(hashlib.sha256(found).digest(), _client_key(headers, gateway_key=found))


def _client_key(headers: list[tuple[bytes, bytes]], *, gateway_key: bytes) -> ClientKey | None:
    """Return the key for a provider; None where there is none beside the gateway's, which many clients send twice."""
    found: tuple[str, bytes] | None = None
    for name, value in headers:
        scheme, key = BEARER, value.strip()
        if name == b"authorization":
            word, _, rest = key.partition(b" ")
            scheme, key = word.decode("latin-1"), rest.strip()
            if scheme.lower() == BEARER.lower():
                scheme = BEARER
        elif name not in KEY_HEADERS:
            continue
        if not key or key == gateway_key:
            continue
        if found is not None and found != (scheme, key):
            raise Refusal("invalid_api_key", "Two different keys for a provider in one request: send one of them.")
        found = scheme, key
    if found is None:
        return None
    scheme, key = found
    if len(key) > CLIENT_KEY_BYTES_MAX or not _VISIBLE.fullmatch(key) or not _SCHEME.fullmatch(scheme):
        raise Refusal("invalid_api_key", "The key for a provider is too long, or has characters that no key has.")
    return ClientKey(key.decode("ascii"), scheme=scheme)
