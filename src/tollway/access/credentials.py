"""Where a client's key stands among its headers. Pure; knows no store, so it cannot tell a good key from a bad one."""

import hashlib
from collections.abc import Iterable

from tollway.errors import Refusal

KEY_BYTES_MAX = 512
"""Ours are about 50 bytes; a longer one is never a key and need not be hashed."""

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
