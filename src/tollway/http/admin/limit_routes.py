"""The routes of limits: how fast requests may come, set, listed, lifted."""

from fastapi import APIRouter

from tollway.billing.rate_limits import parse_limit_target, view_limit
from tollway.billing.views import View
from tollway.http.admin.access_bodies import LimitBody
from tollway.http.admin.acting import Acting
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, parse_id


def limit_routes(parts: AdminParts) -> APIRouter:
    """Return the routes below `/limits`."""
    router = APIRouter(prefix="/limits", tags=["limits"])
    limits = parts.desk.rate_limits

    @router.put("")
    def set_limit(body: LimitBody, by: Acting) -> View:
        """Limit the rate of a key, a sub-account, an end user or an account; what is left out stays, 0 lifts."""
        target = parse_limit_target(
            account=body.account, key=body.key, sub_account=body.sub_account, end_user=body.end_user
        )
        return view_limit(limits.set(target, body.change(), by=by))

    @router.get("")
    def list_limits(account: str | None = None) -> View:
        """List the limits that accounts have of their own, by scope and subject."""
        listed = limits.list(None if account is None else parse_id(ACCOUNT, account))
        return {"object": "list", "data": [view_limit(limit) for limit in listed]}

    @router.delete("")
    def remove_limit(
        by: Acting,
        account: str | None = None,
        key: str | None = None,
        sub_account: str | None = None,
        end_user: str | None = None,
    ) -> View:
        """Lift all limits of a key, a sub-account, an end user or an account; show what they were."""
        target = parse_limit_target(account=account, key=key, sub_account=sub_account, end_user=end_user)
        return view_limit(limits.remove(target, by=by))

    return router
