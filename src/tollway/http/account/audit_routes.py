"""The route of the audit trail of an account: who changed what. It is only read."""

from typing import Annotated

from fastapi import Query, Response

from tollway.access.audit import ActorKind, AuditEntry, AuditQuery
from tollway.billing.audit import ENTRIES_MAX, OFFSET_MAX, actor_name, parse_actor
from tollway.billing.views import View, view_time
from tollway.http.account.asking import Asking
from tollway.http.account.parts import AccountParts
from tollway.http.account.replying import Routes, routes_of, shown
from tollway.ids import ACCOUNT, AUDIT, render_id

OF_THE_OPERATOR = (ActorKind.OPERATOR, ActorKind.ADMIN_KEY)
"""Whose addresses and keys are not the account's to know."""


def audit_routes(parts: AccountParts) -> Routes:
    """Return the route of the audit trail."""
    routes = routes_of("audit")
    audit = parts.desk.audit

    @routes.get("/api/v1/audit")
    def list_entries(
        asker: Asking,
        action: str | None = None,
        resource_type: str | None = None,
        resource_id: str | None = None,
        actor_id: str | None = None,
        since: str | None = None,
        until: str | None = None,
        limit: Annotated[int, Query(ge=1, le=ENTRIES_MAX)] = 50,
        offset: Annotated[int, Query(ge=0, le=OFFSET_MAX)] = 0,
    ) -> Response:
        """List who changed what of the account, newest first."""
        kind, number = parse_actor(actor_id)
        since_ms, until_ms = audit.period(since, until)
        query = AuditQuery(
            account_id=asker.account_id,
            action=action,
            resource_type=resource_type,
            resource_id=resource_id,
            actor_kind=kind,
            actor_id=number,
            since_ms=since_ms,
            until_ms=until_ms,
        )
        page = audit.list(query, limit, offset)
        return shown(
            {
                "object": "list",
                "data": [view(entry) for entry in page.entries],
                "total": page.total,
                "limit": limit,
                "offset": offset,
            }
        )

    return routes


def view(entry: AuditEntry) -> View:
    """Show an entry to the owner of the account; of the operator, only that it was the operator."""
    ours = entry.actor.kind not in OF_THE_OPERATOR
    return {
        "id": render_id(AUDIT, entry.id),
        "org_id": render_id(ACCOUNT, entry.account_id),
        "actor_type": entry.actor.kind.value if ours else ActorKind.OPERATOR.value,
        "actor_id": actor_name(entry.actor) if ours else None,
        "action": entry.action,
        "resource_type": entry.resource_type,
        "resource_id": entry.resource_id,
        "metadata": dict(entry.metadata),
        "ip_address": entry.actor.ip if ours else None,
        "created_at": view_time(entry.created_ms),
    }
