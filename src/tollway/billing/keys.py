"""API keys: made once, shown once, revoked for good. Only their SHA-256 is ever stored. Knows no SQL."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

from tollway import clock
from tollway.access.key_view import KeyView
from tollway.billing.accounts import Ids, checked_name
from tollway.errors import CommandRefused
from tollway.ids import ACCOUNT, KEY, render_id
from tollway.ledger.records import Account

SECRET_BYTES = 32
"""256 random bits: not to be guessed, so that one fast hash suffices."""
HINT_CHARS = 4
EXPIRES_MS_MAX = 253_402_300_799_999
"""The end of the year 9999 (UTC): a later time cannot be shown."""


def new_secret(prefix: str) -> str:
    """Return the text of a new key: the prefix and 256 random bits in url-safe base64."""
    return prefix + secrets.token_urlsafe(SECRET_BYTES)


def key_digest(secret: str) -> bytes:
    """Return what is stored of a key: the SHA-256 of its whole text."""
    return hashlib.sha256(secret.encode()).digest()


class KeyRows(Protocol):
    """What keys want from the store; every call is one transaction, with effect on the next request in every worker."""

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        ...

    def add_key(self, key: KeyView, digest: bytes) -> None:
        """Write a key."""
        ...

    def keys(self, account_id: int | None) -> tuple[KeyView, ...]:
        """Read the keys of an account, or all, oldest first."""
        ...

    def revoke_key(self, key_id: int, revoked_ms: int) -> KeyView | None:
        """Revoke a key, keeping the first time when it was revoked before; None when there is no such key."""
        ...


class Keys:
    """The use cases of API keys. Errors are CommandRefused with a sentence."""

    def __init__(self, store: KeyRows, ids: Ids, key_prefix: str, *, now_ms: Callable[[], int] = clock.now_ms) -> None:
        """Make keys that begin with the brand's `key_prefix`."""
        self._store = store
        self._ids = ids
        self._prefix = key_prefix
        self._now_ms = now_ms

    def create(
        self, account_id: int, name: str, models: Sequence[str] = (), expires_ms: int | None = None
    ) -> tuple[KeyView, str]:
        """Make a key; return what may be shown of it and, this once, its text."""
        name = checked_name(name)
        now_ms = self._now_ms()
        if self._store.account(account_id) is None:
            raise CommandRefused(f"there is no account {render_id(ACCOUNT, account_id)}")
        if expires_ms is not None and expires_ms <= now_ms:
            raise CommandRefused("a key must expire in the future")
        if expires_ms is not None and expires_ms > EXPIRES_MS_MAX:
            raise CommandRefused("a key must expire before the year 10000 (UTC): leave the expiry out")
        for model in models:
            if not model or "," in model or "*" in model[:-1] or not model.isprintable():
                raise CommandRefused(f"{model!r} is not a model id, nor the beginning of one with a final *")
        secret = new_secret(self._prefix)
        key = KeyView(
            id=self._ids.next(),
            account_id=account_id,
            name=name,
            hint=f"{secret[: len(self._prefix) + HINT_CHARS]}...{secret[-HINT_CHARS:]}",
            models=tuple(models),
            expires_ms=expires_ms,
            created_ms=now_ms,
        )
        self._store.add_key(key, key_digest(secret))
        return key, secret

    def list(self, account_id: int | None = None) -> tuple[KeyView, ...]:
        """Return the keys of an account, or all, oldest first."""
        return self._store.keys(account_id)

    def revoke(self, key_id: int) -> KeyView:
        """Refuse a key for good, from the next request on, in every worker."""
        key = self._store.revoke_key(key_id, self._now_ms())
        if key is None:
            raise CommandRefused(f"there is no key {render_id(KEY, key_id)}")
        return key
