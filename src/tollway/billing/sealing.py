"""Secrets at rest: AES-256-GCM under one key of the deployment, each bound to what it is for. Opens no file.

The library of ciphers costs 30 ms and 8 MB, so it is imported by the first secret that is sealed or opened.
"""

import importlib
import secrets
from typing import Any, Protocol

from tollway.errors import CommandRefused

NONCE_BYTES = 12
"""Random for each secret: at 96 bits none comes twice before 2^32 secrets."""

FORM = b"\x01"
"""What every sealed text begins with, so that another form may follow this one."""

OVERHEAD_BYTES = len(FORM) + NONCE_BYTES + 16
"""What a sealed text has beside its secret: form, nonce and tag."""


class KeySource(Protocol):
    """Where the deployment's encryption key is: 32 bytes."""

    def find(self) -> bytes | None:
        """Return the key; None when none was made yet. Raises CommandRefused where it cannot be read."""
        ...

    def make(self) -> bytes:
        """Return the key, made now where there is none; raises CommandRefused where it has to be configured."""
        ...


class GivenKey:
    """The key that the settings name."""

    def __init__(self, key: bytes) -> None:
        """Take 32 bytes; empty where the settings' secrets were left unread."""
        self._key = key

    def find(self) -> bytes | None:
        """Return the key."""
        return self.make()

    def make(self) -> bytes:
        """Return the key; raises CommandRefused where it was left unread."""
        if not self._key:
            raise CommandRefused("this needs the key of [server] encryption_key, which is not there: set what it names")
        return self._key


class NoKey:
    """A deployment that has none, and no place to make one."""

    def find(self) -> bytes | None:
        """Return None."""
        return None

    def make(self) -> bytes:
        """Raise CommandRefused, which says what to configure."""
        raise CommandRefused(
            "this keeps a secret, and there is no key to encrypt it with: set [server] encryption_key, such as "
            '"env:TOLLWAY_ENCRYPTION_KEY", to 32 random bytes (openssl rand -base64 32)'
        )


class Sealer:
    """Seals and opens secrets. May be used from any thread; its first call may read a file."""

    def __init__(self, keys: KeySource) -> None:
        """Take where the key is; it is asked for when it is needed."""
        self._keys = keys
        self._cipher: Any = None

    def seal(self, plain: bytes, *, context: str) -> bytes:
        """Return `plain` encrypted, to be opened with the same `context` only, such as `provider:17`.

        Raises CommandRefused where there is no key and none can be made.
        """
        nonce = secrets.token_bytes(NONCE_BYTES)
        cipher = self._cipher or self._with(self._keys.make())
        return FORM + nonce + cipher.encrypt(nonce, plain, context.encode("utf-8"))

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """Return what was sealed; raises CommandRefused where the key, the context or the bytes are not those of then."""
        broken = CommandRefused(
            f"the secret of {context} cannot be opened: the deployment's encryption key is not the one that it was sealed "
            "with; give back that key, or set the secret anew"
        )
        cipher = self._cipher
        if cipher is None:
            key = self._keys.find()
            if key is None:
                raise broken
            cipher = self._with(key)
        nonce, text = sealed[len(FORM) : len(FORM) + NONCE_BYTES], sealed[len(FORM) + NONCE_BYTES :]
        if not sealed.startswith(FORM) or len(sealed) < OVERHEAD_BYTES:
            raise broken
        try:
            return cipher.decrypt(nonce, text, context.encode("utf-8"))
        except importlib.import_module("cryptography.exceptions").InvalidTag:
            raise broken from None

    def _with(self, key: bytes) -> Any:  # noqa: ANN401  imported when it is needed
        self._cipher = importlib.import_module("cryptography.hazmat.primitives.ciphers.aead").AESGCM(key)
        return self._cipher
