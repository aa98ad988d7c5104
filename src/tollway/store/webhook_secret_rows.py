"""What messages to accounts are signed with, sealed, in SQL. Knows no key and no secret."""

from sqlalchemy import Connection, select

from tollway.access.audit import AuditEntry
from tollway.store.audit_rows import add_entry
from tollway.store.tables import webhook_secrets
from tollway.store.transactions import Rows
from tollway.store.upserts import inserting


class WebhookSecretRows(Rows):
    """The rows of webhook secrets, one for each account; every call is one transaction."""

    def webhook_secret(self, account_id: int) -> tuple[bytes, int] | None:
        """Read the sealed secret of an account, and when it was made; None when it has none."""
        with self._reading() as connection:
            return _read(connection, account_id)

    def add_webhook_secret(self, account_id: int, sealed: bytes, created_ms: int) -> tuple[bytes, int]:
        """Write an account's first secret; return the one that stands, which somebody else may have written before."""
        with self._writing() as connection:
            adding = inserting(webhook_secrets, connection.dialect).on_conflict_do_nothing()
            connection.execute(adding.values(account_id=account_id, sealed=sealed, created_ms=created_ms))
            found = _read(connection, account_id)
        assert found is not None, "it was there, or is now"
        return found

    def set_webhook_secret(self, account_id: int, sealed: bytes, entry: AuditEntry) -> None:
        """Write an account's secret in place of the one before."""
        with self._writing() as connection:
            adding = inserting(webhook_secrets, connection.dialect)
            values = {"sealed": sealed, "created_ms": entry.created_ms}
            replacing = adding.on_conflict_do_update(index_elements=["account_id"], set_=values)
            connection.execute(replacing.values(account_id=account_id, **values))
            add_entry(connection, entry)


def _read(connection: Connection, account_id: int) -> tuple[bytes, int] | None:
    s = webhook_secrets.c
    row = connection.execute(select(s.sealed, s.created_ms).where(s.account_id == account_id)).first()
    return None if row is None else (bytes(row.sealed), row.created_ms)
