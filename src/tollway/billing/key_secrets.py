"""The texts of keys of every kind: made here, shown once, and kept as their SHA-256 only. Knows no store."""

import hashlib
import secrets
from typing import NamedTuple

SECRET_BYTES = 32
"""256 random bits: not to be guessed, so that one fast hash suffices."""
HINT_CHARS = 4


class Secret(NamedTuple):
    """A new text, and what is kept of it."""

    text: str
    digest: bytes
    hint: str
    """Its beginning and end, such as `tw-abcd...wxyz`."""


def new_secret(prefix: str) -> str:
    """Return the text of a new key: the prefix and 256 random bits in url-safe base64."""
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def key_digest(secret: str) -> bytes:
    """Return what is stored of a key: the SHA-256 of its whole text."""
    return hashlib.sha256(secret.encode()).digest()


def make_secret(prefix: str) -> Secret:
    """Return a new text that begins with `prefix`, with what is kept of it."""
    text = new_secret(prefix)
    return Secret(text, key_digest(text), f"{text[: len(prefix) + HINT_CHARS]}...{text[-HINT_CHARS:]}")
