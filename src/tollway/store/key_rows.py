"""Keys and admin keys in SQL. Knows no secret: only digests. Runs in the caller's transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from tollway.access.audit import AuditEntry
from tollway.access.caps import Cap
from tollway.access.key_view import AdminKeyView, KeyView
from tollway.access.principal import BillingMode, Principal, ShownCosts, Unsupported
from tollway.store.audit_rows import add_entry
from tollway.store.cap_rows import add_cap
from tollway.store.key_reader import EngineKeys
from tollway.store.rows import fields_of
from tollway.store.tables import admin_keys, keys
from tollway.store.transactions import Rows

_KEY = (
    keys.c.id,
    keys.c.account_id,
    keys.c.name,
    keys.c.hint,
    keys.c.models,
    keys.c.expires_ms,
    keys.c.revoked_ms,
    keys.c.created_ms,
    keys.c.sub_account_id,
    keys.c.billing,
    keys.c.package_id,
    keys.c.unsupported,
    keys.c.costs,
    keys.c.routes,
    keys.c.networks,
    keys.c.digest,
    keys.c.old_expires_ms,
)
_ADMIN_KEY = (admin_keys.c.id, admin_keys.c.name, admin_keys.c.created_ms, admin_keys.c.revoked_ms)


class KeyRows(Rows):
    """The rows of API keys; every call is one transaction."""

    def add_key(self, key: KeyView, caps: Sequence[Cap], entry: AuditEntry) -> None:
        """Write a key with its digest and its caps."""
        with self._changing() as connection:
            add_key(connection, key)
            for cap in caps:
                add_cap(connection, cap)
            add_entry(connection, entry)

    def revoke_key(self, key_id: int, revoked_ms: int, entry: AuditEntry) -> KeyView | None:
        """Revoke a key in every worker; None, and nothing changed, when there is no such key that is not revoked."""
        mine = keys.c.id == key_id
        with self._changing() as connection:
            revoking = update(keys).where(mine, keys.c.revoked_ms.is_(None)).values(revoked_ms=revoked_ms)
            if connection.execute(revoking).rowcount != 1:
                return None
            add_entry(connection, entry)
            return read_key(connection, key_id)

    def key(self, key_id: int) -> KeyView | None:
        """Read one key, revoked or not."""
        with self._reading() as connection:
            return read_key(connection, key_id)

    def principal(self, key_id: int) -> Principal | None:
        """Read what a key stands for, as admission sees it; None when there is no such key, or it was revoked."""
        with self._reading() as connection:
            digest = connection.scalar(select(keys.c.digest).where(keys.c.id == key_id))
        return None if digest is None else EngineKeys(self._reading).find((digest,), {}).get(digest)


def add_key(connection: Connection, key: KeyView) -> None:
    """Write a key."""
    connection.execute(
        insert(keys).values(
            id=key.id,
            account_id=key.account_id,
            name=key.name,
            digest=key.digest,
            hint=key.hint,
            models=",".join(key.models),
            expires_ms=key.expires_ms,
            created_ms=key.created_ms,
            sub_account_id=key.sub_account_id,
            billing=key.billing.value,
            package_id=key.package_id,
            unsupported=key.unsupported.value,
            costs=key.costs.value,
            routes=",".join(key.routes),
            networks=",".join(key.networks),
        )
    )


def read_key(connection: Connection, key_id: int) -> KeyView | None:
    """Return one key, revoked or not."""
    row = connection.execute(select(*_KEY).where(keys.c.id == key_id)).mappings().first()
    return None if row is None else _read_key(row)


def read_keys(connection: Connection, account_id: int | None) -> tuple[KeyView, ...]:
    """Return the keys of an account, or all, oldest first."""
    query = select(*_KEY).order_by(keys.c.id)
    if account_id is not None:
        query = query.where(keys.c.account_id == account_id)
    return tuple(_read_key(row) for row in connection.execute(query).mappings())


def add_admin_key(connection: Connection, key: AdminKeyView, digest: bytes) -> None:
    """Write an admin key."""
    connection.execute(insert(admin_keys).values(id=key.id, name=key.name, digest=digest, created_ms=key.created_ms))


def read_admin_keys(connection: Connection) -> tuple[AdminKeyView, ...]:
    """Return all admin keys, oldest first."""
    return tuple(
        AdminKeyView(**fields_of(row))
        for row in connection.execute(select(*_ADMIN_KEY).order_by(admin_keys.c.id)).mappings()
    )


def find_admin_key(connection: Connection, digest: bytes) -> AdminKeyView | None:
    """Return the admin key with this digest, revoked or not."""
    row = connection.execute(select(*_ADMIN_KEY).where(admin_keys.c.digest == digest)).mappings().first()
    return None if row is None else AdminKeyView(**fields_of(row))


def revoke_admin_key(connection: Connection, key_id: int, revoked_ms: int) -> AdminKeyView | None:
    """Revoke an admin key, keeping the first time; None when there is no such key."""
    mine = admin_keys.c.id == key_id
    connection.execute(update(admin_keys).where(mine, admin_keys.c.revoked_ms.is_(None)).values(revoked_ms=revoked_ms))
    row = connection.execute(select(*_ADMIN_KEY).where(mine)).mappings().first()
    return None if row is None else AdminKeyView(**fields_of(row))


def _read_key(row: Mapping[Any, Any]) -> KeyView:
    fields = fields_of(row)
    for name in ("models", "routes", "networks"):
        fields[name] = tuple(fields[name].split(",")) if fields[name] else ()
    fields["digest"] = bytes(fields["digest"])
    fields["billing"] = BillingMode(fields["billing"])
    fields["unsupported"] = Unsupported(fields["unsupported"])
    fields["costs"] = ShownCosts(fields["costs"])
    return KeyView(**fields)
