"""Management keys in SQL. Knows no secret: only digests."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from tollway.access.audit import AuditEntry
from tollway.access.key_view import ManagementKeyView
from tollway.access.managing import ManagementAccess
from tollway.store.account_rows import lock_account
from tollway.store.audit_rows import add_entry
from tollway.store.rows import fields_of
from tollway.store.tables import management_keys
from tollway.store.transactions import Rows

_KEY = tuple(column for column in management_keys.columns if column.name != "digest")


class ManagementKeyRows(Rows):
    """The rows of management keys; every call is one transaction."""

    def add_management_key(self, key: ManagementKeyView, digest: bytes, entry: AuditEntry, *, active_max: int) -> bool:
        """Write a management key; False, and nothing written, when its account has so many that work."""
        with self._writing() as connection:
            lock_account(connection, key.account_id)
            if _count_active(connection, key.account_id, key.created_ms) >= active_max:
                return False
            connection.execute(
                insert(management_keys).values(
                    id=key.id,
                    account_id=key.account_id,
                    name=key.name,
                    digest=digest,
                    hint=key.hint,
                    access=key.access.value,
                    created_ms=key.created_ms,
                    expires_ms=key.expires_ms,
                )
            )
            add_entry(connection, entry)
            return True

    def management_key(self, key_id: int) -> ManagementKeyView | None:
        """Read one management key, revoked or not."""
        with self._reading() as connection:
            return _read_one(connection, key_id)

    def find_management_key(self, digest: bytes) -> ManagementKeyView | None:
        """Read the management key with this digest, revoked or not."""
        query = select(*_KEY).where(management_keys.c.digest == digest)
        with self._reading() as connection:
            row = connection.execute(query).mappings().first()
            return None if row is None else _read(row)

    def management_keys(self, account_id: int | None) -> tuple[ManagementKeyView, ...]:
        """Read the management keys of an account, or all, oldest first."""
        query = select(*_KEY).order_by(management_keys.c.id)
        if account_id is not None:
            query = query.where(management_keys.c.account_id == account_id)
        with self._reading() as connection:
            return tuple(_read(row) for row in connection.execute(query).mappings())

    def revoke_management_key(self, key_id: int, revoked_ms: int, entry: AuditEntry) -> ManagementKeyView | None:
        """Revoke a management key; None, and nothing changed, when there is none that is not revoked."""
        standing = and_(management_keys.c.id == key_id, management_keys.c.revoked_ms.is_(None))
        with self._writing() as connection:
            revoking = update(management_keys).where(standing).values(revoked_ms=revoked_ms)
            if connection.execute(revoking).rowcount != 1:
                return None
            add_entry(connection, entry)
            return _read_one(connection, key_id)


def _count_active(connection: Connection, account_id: int, now_ms: int) -> int:
    m = management_keys.c
    active = and_(
        m.account_id == account_id, m.revoked_ms.is_(None), or_(m.expires_ms.is_(None), m.expires_ms > now_ms)
    )
    return connection.scalar(select(func.count()).select_from(management_keys).where(active)) or 0


def _read_one(connection: Connection, key_id: int) -> ManagementKeyView | None:
    row = connection.execute(select(*_KEY).where(management_keys.c.id == key_id)).mappings().first()
    return None if row is None else _read(row)


def _read(row: Mapping[Any, Any]) -> ManagementKeyView:
    fields = fields_of(row)
    access = ManagementAccess(fields.pop("access"))
    return ManagementKeyView(**fields, access=access)
