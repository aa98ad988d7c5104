"""Management keys: they manage one account and ask no models. Only their SHA-256 is stored. Knows no SQL and no surface."""

from collections.abc import Callable
from typing import Protocol

from tollway import clock
from tollway.access.audit import OPERATOR, Actor, AuditEntry
from tollway.access.key_view import ManagementKeyView
from tollway.access.managing import ManagementAccess
from tollway.billing.accounts import Ids, checked_name
from tollway.billing.audit import Notary
from tollway.billing.key_secrets import key_digest, make_secret
from tollway.billing.key_terms import checked_expiry
from tollway.billing.views import view_time
from tollway.errors import CommandRefused, NotThere
from tollway.ids import ACCOUNT, MANAGEMENT_KEY, render_id
from tollway.ledger.records import Account

ACTIVE_MAX = 25
"""Of one account: whoever has more has lost count of who may manage it."""


class ManagementKeyRows(Protocol):
    """What management keys want from the store; every call is one transaction."""

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        ...

    def add_management_key(self, key: ManagementKeyView, digest: bytes, entry: AuditEntry, *, active_max: int) -> bool:
        """Write a management key; False, and nothing written, when its account has so many that work."""
        ...

    def management_key(self, key_id: int) -> ManagementKeyView | None:
        """Read one management key, revoked or not."""
        ...

    def find_management_key(self, digest: bytes) -> ManagementKeyView | None:
        """Read the management key with this digest, revoked or not."""
        ...

    def management_keys(self, account_id: int | None) -> tuple[ManagementKeyView, ...]:
        """Read the management keys of an account, or all, oldest first."""
        ...

    def revoke_management_key(self, key_id: int, revoked_ms: int, entry: AuditEntry) -> ManagementKeyView | None:
        """Revoke a management key; None, and nothing changed, when there is none that is not revoked."""
        ...


class ManagementKeys:
    """The use cases of management keys. Errors are CommandRefused with a sentence."""

    def __init__(
        self,
        store: ManagementKeyRows,
        ids: Ids,
        prefix: Callable[[Account], str],
        *,
        now_ms: Callable[[], int] = clock.now_ms,
    ) -> None:
        """Make keys that begin with the `prefix` of their account."""
        self._store = store
        self._ids = ids
        self._prefix = prefix
        self._now_ms = now_ms
        self._notary = Notary(ids.next, now_ms)

    def create(
        self,
        account_id: int,
        name: str,
        access: ManagementAccess,
        expires_ms: int | None = None,
        *,
        by: Actor = OPERATOR,
    ) -> tuple[ManagementKeyView, str]:
        """Make a management key; return what may be shown of it and, this once, its text."""
        name = checked_name(name)
        account = self._store.account(account_id)
        if account is None:
            raise NotThere(f"there is no account {render_id(ACCOUNT, account_id)}")
        now_ms = self._now_ms()
        secret = make_secret(self._prefix(account))
        key = ManagementKeyView(
            id=self._ids.next(),
            account_id=account_id,
            name=name,
            hint=secret.hint,
            access=access,
            created_ms=now_ms,
            expires_ms=checked_expiry(expires_ms, now_ms=now_ms),
        )
        set_to: dict[str, object] = {"name": name, "access": access.value, "expires": view_time(expires_ms)}
        entry = self._note(by, "management_key.create", key, set_to)
        if not self._store.add_management_key(key, secret.digest, entry, active_max=ACTIVE_MAX):
            raise CommandRefused(
                f"account {render_id(ACCOUNT, account_id)} has {ACTIVE_MAX} management keys that work: revoke one first"
            )
        return key, secret.text

    def list(self, account_id: int | None = None) -> tuple[ManagementKeyView, ...]:
        """Return the management keys of an account, or all, oldest first."""
        return self._store.management_keys(account_id)

    def show(self, key_id: int) -> ManagementKeyView:
        """Return one management key."""
        key = self._store.management_key(key_id)
        if key is None:
            raise NotThere(f"there is no management key {render_id(MANAGEMENT_KEY, key_id)}")
        return key

    def verify(self, secret: str) -> ManagementKeyView | None:
        """Return the management key with this text if it works now, or None. Its account may be suspended."""
        return self.verify_digest(key_digest(secret))

    def verify_digest(self, digest: bytes) -> ManagementKeyView | None:
        """Return the management key with this digest if it works now, or None. Its account may be suspended."""
        key = self._store.find_management_key(digest)
        return key if key is not None and key.works(now_ms=self._now_ms()) else None

    def revoke(self, key_id: int, *, by: Actor = OPERATOR) -> ManagementKeyView:
        """Refuse a management key for good, at once; one that was revoked stays as it is."""
        key = self.show(key_id)
        entry = self._note(by, "management_key.revoke", key, {"name": key.name})
        return self._store.revoke_management_key(key_id, entry.created_ms, entry) or self.show(key_id)

    def _note(self, by: Actor, action: str, key: ManagementKeyView, set_to: dict[str, object]) -> AuditEntry:
        return self._notary.note(by, action, key.account_id, render_id(MANAGEMENT_KEY, key.id), set_to)
