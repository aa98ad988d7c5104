"""The routes about events: what people should know of. Knows no SQL."""

from typing import Annotated

from fastapi import APIRouter, Query

from tollway.billing.events import EVENTS_MAX, view_event
from tollway.billing.views import View
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, parse_id


def event_routes(parts: AdminParts) -> APIRouter:
    """Return the routes about events."""
    router = APIRouter()
    events = parts.desk.events

    @router.get("/events", tags=["events"])
    def list_events(
        account: str | None = None,
        kind: str | None = None,
        limit: Annotated[int, Query(ge=1, le=EVENTS_MAX)] = 50,
    ) -> View:
        """List events, newest first: caps and balances that run low, prices that are missing, payments that do not fit."""
        account_id = None if account is None else parse_id(ACCOUNT, account)
        return {"object": "list", "data": [view_event(event) for event in events.list(account_id, kind, limit)]}

    return router
