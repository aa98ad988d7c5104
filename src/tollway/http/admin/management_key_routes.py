"""The routes of management keys: make, list, show, revoke. A key's text stands in the one answer that makes it."""

from fastapi import APIRouter

from tollway.billing.key_views import view_management_key
from tollway.billing.views import View
from tollway.http.admin.access_bodies import NewManagementKey, milliseconds
from tollway.http.admin.acting import Acting
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, MANAGEMENT_KEY, parse_id


def management_key_routes(parts: AdminParts) -> APIRouter:
    """Return the routes below `/management-keys`."""
    router = APIRouter(prefix="/management-keys", tags=["keys"])
    keys = parts.desk.management_keys

    @router.post("", status_code=201)
    def create_management_key(body: NewManagementKey, by: Acting) -> View:
        """Make a management key and show its text, this once."""
        number, expires_ms = parse_id(ACCOUNT, body.account), milliseconds(body.expires)
        key, text = keys.create(number, body.name, body.access, expires_ms, by=by)
        return view_management_key(key) | {"key": text}

    @router.get("")
    def list_management_keys(account: str | None = None) -> View:
        """List management keys without their texts, oldest first."""
        listed = keys.list(None if account is None else parse_id(ACCOUNT, account))
        return {"object": "list", "data": [view_management_key(key) for key in listed]}

    @router.get("/{key}")
    def show_management_key(key: str) -> View:
        """Show one management key without its text."""
        return view_management_key(keys.show(parse_id(MANAGEMENT_KEY, key)))

    @router.delete("/{key}")
    def revoke_management_key(key: str, by: Acting) -> View:
        """Refuse a management key for good, at once."""
        return view_management_key(keys.revoke(parse_id(MANAGEMENT_KEY, key), by=by))

    return router
