"""The audit trail in SQL: written in the transactions of the changes that it tells of, and never changed. Knows no use case."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, func, insert, select

from tollway.access.audit import Actor, ActorKind, AuditEntry, AuditQuery
from tollway.store.tables import audit
from tollway.store.transactions import Rows


class AuditRows(Rows):
    """The rows of the audit trail."""

    def audit_entries(self, query: AuditQuery, *, limit: int, offset: int) -> tuple[tuple[AuditEntry, ...], int]:
        """Read some entries, newest first, and how many there are in all; one snapshot."""
        conditions = _conditions(query)
        page = select(audit).where(*conditions).order_by(audit.c.id.desc()).limit(limit).offset(offset)
        with self._reading() as connection:
            total = connection.scalar(select(func.count()).select_from(audit).where(*conditions)) or 0
            return tuple(_read(row) for row in connection.execute(page).mappings()), total


def add_entry(connection: Connection, entry: AuditEntry) -> None:
    """Write what was changed, in the transaction that changes it."""
    connection.execute(
        insert(audit).values(
            id=entry.id,
            account_id=entry.account_id,
            actor_kind=entry.actor.kind.value,
            actor_id=entry.actor.id,
            action=entry.action,
            resource_type=entry.resource_type,
            resource_id=entry.resource_id,
            metadata=msgspec.json.encode(entry.metadata).decode(),
            ip_address=entry.actor.ip,
            created_ms=entry.created_ms,
        )
    )


def _conditions(query: AuditQuery) -> list[ColumnElement[bool]]:
    c = audit.c
    equal = {
        c.account_id: query.account_id,
        c.action: query.action,
        c.resource_type: query.resource_type,
        c.resource_id: query.resource_id,
        c.actor_kind: None if query.actor_kind is None else query.actor_kind.value,
        c.actor_id: query.actor_id,
    }
    conditions: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value is not None]
    if query.since_ms is not None:
        conditions.append(c.created_ms >= query.since_ms)
    if query.until_ms is not None:
        conditions.append(c.created_ms < query.until_ms)
    return conditions


def _read(row: Mapping[Any, Any]) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        account_id=row["account_id"],
        actor=Actor(kind=ActorKind(row["actor_kind"]), id=row["actor_id"], ip=row["ip_address"]),
        action=row["action"],
        resource_type=row["resource_type"],
        resource_id=row["resource_id"],
        metadata=msgspec.json.decode(row["metadata"]),
        created_ms=row["created_ms"],
    )
