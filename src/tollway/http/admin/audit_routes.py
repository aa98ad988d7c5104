"""The routes of the audit trail: who changed what. It is only read."""

from typing import Annotated

from fastapi import APIRouter, Query

from tollway.access.audit import AuditQuery
from tollway.billing.audit import ENTRIES_MAX, OFFSET_MAX, parse_actor, view_entry
from tollway.billing.views import View
from tollway.http.admin.parts import AdminParts
from tollway.http.admin.usage_routes import First, Last
from tollway.ids import ACCOUNT, parse_id


def audit_routes(parts: AdminParts) -> APIRouter:
    """Return the routes of the audit trail."""
    router = APIRouter(tags=["audit"])
    audit = parts.desk.audit

    @router.get("/audit")
    def list_entries(
        account: str | None = None,
        action: str | None = None,
        resource_type: str | None = None,
        resource_id: str | None = None,
        actor: Annotated[
            str | None, Query(description="operator, system, admin_key, management_key, key, or an id.")
        ] = None,
        first: First = None,
        last: Last = None,
        limit: Annotated[int, Query(ge=1, le=ENTRIES_MAX)] = 50,
        offset: Annotated[int, Query(ge=0, le=OFFSET_MAX)] = 0,
    ) -> View:
        """List who changed what, newest first, and how many changes there are in all."""
        kind, actor_id = parse_actor(actor)
        since_ms, until_ms = audit.period(first, last)
        query = AuditQuery(
            account_id=None if account is None else parse_id(ACCOUNT, account),
            action=action,
            resource_type=resource_type,
            resource_id=resource_id,
            actor_kind=kind,
            actor_id=actor_id,
            since_ms=since_ms,
            until_ms=until_ms,
        )
        page = audit.list(query, limit, offset)
        return {"object": "list", "data": [view_entry(each) for each in page.entries], "total": page.total}

    return router
