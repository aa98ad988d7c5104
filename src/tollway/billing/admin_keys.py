"""Keys of the admin API: they stand for the operator, not for an account. Only their SHA-256 is stored. Knows no SQL."""

from collections.abc import Callable
from typing import Protocol

from tollway import clock
from tollway.access.key_view import AdminKeyView
from tollway.billing.accounts import Ids, checked_name
from tollway.billing.keys import key_digest, new_secret
from tollway.errors import CommandRefused
from tollway.ids import KEY, render_id


class AdminKeyRows(Protocol):
    """What admin keys want from the store; every call is one transaction."""

    def add_admin_key(self, key: AdminKeyView, digest: bytes) -> None:
        """Write an admin key."""
        ...

    def admin_keys(self) -> tuple[AdminKeyView, ...]:
        """Read all admin keys, oldest first."""
        ...

    def find_admin_key(self, digest: bytes) -> AdminKeyView | None:
        """Read the admin key with this digest, revoked or not."""
        ...

    def revoke_admin_key(self, key_id: int, revoked_ms: int) -> AdminKeyView | None:
        """Revoke an admin key, keeping the first time; None when there is no such key."""
        ...


class AdminKeys:
    """The use cases of admin keys. Errors are CommandRefused with a sentence."""

    def __init__(
        self, store: AdminKeyRows, ids: Ids, key_prefix: str, *, now_ms: Callable[[], int] = clock.now_ms
    ) -> None:
        """Make keys that begin with the brand's `key_prefix` and `admin-`."""
        self._store = store
        self._ids = ids
        self._prefix = f"{key_prefix}admin-"
        self._now_ms = now_ms

    def create(self, name: str) -> tuple[AdminKeyView, str]:
        """Make an admin key; return what may be shown of it and, this once, its text."""
        secret = new_secret(self._prefix)
        key = AdminKeyView(id=self._ids.next(), name=checked_name(name), created_ms=self._now_ms())
        self._store.add_admin_key(key, key_digest(secret))
        return key, secret

    def list(self) -> tuple[AdminKeyView, ...]:
        """Return all admin keys, oldest first."""
        return self._store.admin_keys()

    def verify(self, secret: str) -> AdminKeyView | None:
        """Return the valid admin key with this text, or None."""
        key = self._store.find_admin_key(key_digest(secret))
        return key if key is not None and key.revoked_ms is None else None

    def revoke(self, key_id: int) -> AdminKeyView:
        """Refuse an admin key for good, at once."""
        key = self._store.revoke_admin_key(key_id, self._now_ms())
        if key is None:
            raise CommandRefused(f"there is no admin key {render_id(KEY, key_id)}")
        return key
