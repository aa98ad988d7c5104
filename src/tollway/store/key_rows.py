"""Keys and admin keys in SQL. Knows no secret: only digests. Runs in the caller's transaction."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET
from sqlalchemy import Connection, and_, func, insert, or_, select, update

from tollway.access.audit import AuditEntry
from tollway.access.caps import Cap
from tollway.access.key_view import AdminKeyView, KeyChange, KeyView
from tollway.access.kinds import KeyKind
from tollway.access.limits import NO_LIMITS, AccountLimit, LimitScope, RateChange, RateLimits, RateRule
from tollway.access.principal import BillingMode, Principal, ShownCosts, Unsupported
from tollway.store.account_rows import lock_account
from tollway.store.audit_rows import add_entry
from tollway.store.cap_rows import add_cap, put_limit
from tollway.store.key_reader import EngineKeys
from tollway.store.limit_rows import change_limit
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
    keys.c.disabled_ms,
    keys.c.operator_set,
)
_ADMIN_KEY = (admin_keys.c.id, admin_keys.c.name, admin_keys.c.created_ms, admin_keys.c.revoked_ms)


class KeyRows(Rows):
    """The rows of API keys; every call is one transaction."""

    def add_key(self, key: KeyView, caps: Sequence[Cap], entry: AuditEntry, limits: RateLimits = NO_LIMITS) -> None:
        """Write a key with its digest, its caps and its limits."""
        with self._changing() as connection:
            add_key(connection, key)
            for cap in caps:
                add_cap(connection, cap)
            if limits != NO_LIMITS:
                wanted = RateChange(**msgspec.structs.asdict(limits))
                change_limit(connection, _limit_of(key, entry.created_ms), wanted, entry.actor.side)
            add_entry(connection, entry)

    def update_key(
        self,
        key: KeyView,
        change: KeyChange,
        caps: Sequence[Cap],
        entry: AuditEntry,
        limited_after: Callable[[KeyView], Sequence[str]],
    ) -> tuple[KeyView, tuple[Cap, ...]] | None:
        """Change a key, its caps (zero lifts) and its limits; return it with the caps that were there and were changed.

        `limited_after` says what the operator will have limited of the key as it stands now, or raises. None, and nothing
        changed, when it was revoked.
        """
        mine = and_(keys.c.id == key.id, keys.c.revoked_ms.is_(None))
        with self._changing() as connection:
            lock_account(connection, key.account_id)
            found = read_key(connection, key.id)
            if found is None:
                return None
            # Also where no column changes: that it was not revoked must hold until the end.
            values = _columns(change, entry.created_ms) | {"operator_set": listed(limited_after(found))}
            if connection.execute(update(keys).where(mine).values(values)).rowcount != 1:
                return None
            changed: list[Cap] = []
            for cap in caps:
                standing = put_limit(connection, cap)
                if standing is not None and standing.id != cap.id:
                    changed.append(standing)
            if change.limits.told:
                change_limit(connection, _limit_of(key, entry.created_ms), change.limits, entry.actor.side)
            add_entry(connection, entry)
            updated = read_key(connection, key.id)
            assert updated is not None, "it was changed in this transaction"
            return updated, tuple(changed)

    def rotate_key(self, key: KeyView, old_expires_ms: int | None, entry: AuditEntry) -> KeyView | None:
        """Give a key the digest and hint of `key`; its old digest works until then, or not at all where that is None.

        None, and nothing changed, when it was revoked.
        """
        values = {
            "digest": key.digest,
            "hint": key.hint,
            # What it was before this statement: two who rotate at once both die but for the later one.
            "old_digest": None if old_expires_ms is None else keys.c.digest,
            "old_expires_ms": old_expires_ms,
        }
        with self._changing() as connection:
            rotating = update(keys).where(keys.c.id == key.id, keys.c.revoked_ms.is_(None)).values(values)
            if connection.execute(rotating).rowcount != 1:
                return None
            add_entry(connection, entry)
            return read_key(connection, key.id)

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

    def key_of_digest(self, digest: bytes) -> KeyView | None:
        """Read the key with a digest, revoked or not, also under that before its last rotation."""
        mine = or_(keys.c.digest == digest, keys.c.old_digest == digest)
        with self._reading() as connection:
            row = connection.execute(select(*_KEY).where(mine)).mappings().first()
            return None if row is None else _read_key(row)

    def kind_of(self, digest: bytes) -> KeyKind | None:
        """Read what kind of key has a digest, whether it is valid or not; None when none has."""
        return EngineKeys(self._reading).kinds((digest,), KeyKind).get(digest)

    def principal(self, key_id: int) -> Principal | None:
        """Read what a key stands for, as admission sees it; None when there is no such key, or it was revoked."""
        with self._reading() as connection:
            digest = connection.scalar(select(keys.c.digest).where(keys.c.id == key_id))
        return None if digest is None else EngineKeys(self._reading).find((digest,), {}).get(digest)


def _columns(change: KeyChange, now_ms: int) -> dict[str, Any]:
    """Return what is to stand in the columns that a change names."""
    values: dict[str, Any] = {
        "name": change.name,
        "expires_ms": change.expires_ms,
        "unsupported": change.unsupported,
        "costs": change.costs,
    }
    values |= {
        name: UNSET if listed is UNSET else ",".join(listed)
        for name, listed in (("models", change.models), ("routes", change.routes), ("networks", change.networks))
    }
    if change.disabled is not UNSET:
        values["disabled_ms"] = func.coalesce(keys.c.disabled_ms, now_ms) if change.disabled else None
    return {name: value for name, value in values.items() if value is not UNSET}


def _limit_of(key: KeyView, now_ms: int) -> AccountLimit:
    rule = RateRule(scope=LimitScope.KEY, subject=str(key.id))
    return AccountLimit(account_id=key.account_id, rule=rule, created_ms=now_ms)


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
            operator_set=listed(key.operator_set),
        )
    )


def listed(words: Sequence[str]) -> str:
    """Return the column of what the operator limited, whose every word ends in a comma."""
    return "".join(f"{word}," for word in words)


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
    fields["operator_set"] = tuple(fields["operator_set"].split(",")[:-1])
    fields["digest"] = bytes(fields["digest"])
    fields["billing"] = BillingMode(fields["billing"])
    fields["unsupported"] = Unsupported(fields["unsupported"])
    fields["costs"] = ShownCosts(fields["costs"])
    return KeyView(**fields)
