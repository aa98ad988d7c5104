"""Providers that accounts bring, in SQL. Their keys are sealed before they come here."""

from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from tollway.access.audit import AuditEntry
from tollway.access.own_providers import Obstacle, OwnProvider
from tollway.store.account_rows import lock_account
from tollway.store.audit_rows import add_entry
from tollway.store.principal_rows import own_provider
from tollway.store.tables import account_providers as providers
from tollway.store.transactions import Rows

_STANDING = providers.c.removed_ms.is_(None)


class OwnProviderRows(Rows):
    """The rows of own providers; every call is one transaction."""

    def add_own_provider(self, provider: OwnProvider, entry: AuditEntry, *, count_max: int) -> Obstacle | None:
        """Write a provider; a default one takes the place of the account's default before."""
        with self._changing() as connection:
            lock_account(connection, provider.account_id)
            if _has_name(connection, provider):
                return Obstacle.NAME
            mine = select(func.count()).where(_STANDING, providers.c.account_id == provider.account_id)
            if (connection.scalar(mine) or 0) >= count_max:
                return Obstacle.COUNT
            _make_way(connection, provider)
            connection.execute(insert(providers).values(_values(provider)))
            add_entry(connection, entry)
            return None

    def own_provider(self, provider_id: int) -> OwnProvider | None:
        """Read one provider, removed or not."""
        with self._reading() as connection:
            row = connection.execute(select(providers).where(providers.c.id == provider_id)).first()
            return None if row is None else own_provider(row)

    def own_providers(self, account_id: int | None) -> tuple[OwnProvider, ...]:
        """Read the providers of an account, or all, that were not removed, oldest first."""
        query = select(providers).where(_STANDING).order_by(providers.c.id)
        if account_id is not None:
            query = query.where(providers.c.account_id == account_id)
        with self._reading() as connection:
            return tuple(own_provider(row) for row in connection.execute(query))

    def change_own_provider(self, provider: OwnProvider, entry: AuditEntry) -> Obstacle | None:
        """Give a provider what `provider` has; a default one takes the place of the account's default before."""
        with self._changing() as connection:
            lock_account(connection, provider.account_id)
            if _has_name(connection, provider):
                return Obstacle.NAME
            _make_way(connection, provider)
            mine = update(providers).where(_STANDING, providers.c.id == provider.id)
            if connection.execute(mine.values(_values(provider))).rowcount != 1:
                connection.rollback()
                return Obstacle.GONE
            add_entry(connection, entry)
            return None

    def remove_own_provider(self, provider_id: int, entry: AuditEntry, removed_ms: int) -> bool:
        """Remove a provider and forget its key; False when it was removed before, or never was."""
        gone = {"removed_ms": removed_ms, "sealed_key": None, "is_default": 0}
        with self._changing() as connection:
            mine = update(providers).where(_STANDING, providers.c.id == provider_id)
            if connection.execute(mine.values(gone)).rowcount != 1:
                return False
            add_entry(connection, entry)
            return True


def _has_name(connection: Connection, provider: OwnProvider) -> bool:
    c = providers.c
    same = select(c.id).where(
        _STANDING, c.account_id == provider.account_id, c.name == provider.name, c.id != provider.id
    )
    return connection.scalar(same.limit(1)) is not None


def _make_way(connection: Connection, provider: OwnProvider) -> None:
    """Leave the account without a default other than this provider, if it is one."""
    if provider.is_default:
        mine = providers.c.account_id == provider.account_id
        connection.execute(update(providers).where(_STANDING, mine, providers.c.is_default == 1).values(is_default=0))


def _values(provider: OwnProvider) -> dict[str, Any]:
    return {
        "id": provider.id,
        "account_id": provider.account_id,
        "name": provider.name,
        "preset": provider.preset,
        "base_url": provider.base_url,
        "auth": provider.auth.value,
        "sealed_key": provider.sealed_key,
        "key_hint": provider.key_hint,
        "is_default": int(provider.is_default),
        "enabled": int(provider.enabled),
        "created_ms": provider.created_ms,
        "removed_ms": provider.removed_ms,
    }
