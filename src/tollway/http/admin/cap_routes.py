"""The routes of caps: set, list, lift, and what is spent of each."""

from typing import Annotated

from fastapi import APIRouter, Query

from tollway.billing.caps import USES_MAX, parse_target
from tollway.billing.terms_views import view_cap, view_cap_use
from tollway.billing.views import View
from tollway.http.admin.acting import Acting
from tollway.http.admin.bodies import CapBody
from tollway.http.admin.found import found
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, CAP, parse_id
from tollway.money import parse_amount, parse_rate


def cap_routes(parts: AdminParts) -> APIRouter:
    """Return the routes below `/caps`."""
    router = APIRouter(prefix="/caps", tags=["caps"])
    caps = parts.desk.caps

    @router.put("")
    def set_cap(body: CapBody, by: Acting) -> View:
        """Limit what a key, a sub-account, a tag, an end user or an account spends; change or lift the limit."""
        target = parse_target(
            account=body.account, key=body.key, sub_account=body.sub_account, tag=body.tag, end_user=body.end_user
        )
        cap = caps.set(target, body.window, parse_amount(body.limit), parse_rate(body.alert), by=by)
        return {"id": None, "removed": None} if cap is None else view_cap(cap)

    @router.get("")
    def list_caps(account: str | None = None) -> View:
        """List the caps that hold, oldest first."""
        listed = caps.list(None if account is None else parse_id(ACCOUNT, account))
        return {"object": "list", "data": [view_cap(cap) for cap in listed]}

    @router.get("/status")
    def show_status(account: str | None = None, limit: Annotated[int, Query(ge=1, le=USES_MAX)] = 100) -> View:
        """Show what is spent of each cap in the window that runs, the most spent first."""
        uses, more = caps.status(None if account is None else parse_id(ACCOUNT, account), limit)
        return {"object": "list", "data": [view_cap_use(use) for use in uses], "has_more": more}

    @router.delete("/{cap}")
    def remove_cap(cap: str, by: Acting) -> View:
        """Lift a cap for good, from the next request on."""
        return view_cap(found(lambda: caps.remove(parse_id(CAP, cap), by=by)))

    return router
