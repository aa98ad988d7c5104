"""The routes of API keys: make, list, revoke. A key's text stands in the one answer that makes it."""

from datetime import UTC

from fastapi import APIRouter

from tollway.billing.views import View, view_key
from tollway.http.admin.bodies import NewKey
from tollway.http.admin.found import found
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, KEY, parse_id


def key_routes(parts: AdminParts) -> APIRouter:
    """Return the routes below `/keys`."""
    router = APIRouter(prefix="/keys", tags=["keys"])
    desk = parts.desk

    @router.post("", status_code=201)
    def create_key(body: NewKey) -> View:
        """Make a key and show its text, this once."""
        number = parse_id(ACCOUNT, body.account)
        found(lambda: desk.accounts.show(number))
        at = body.expires
        expires_ms = None if at is None else int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
        key, secret = desk.keys.create(number, body.name, body.models, expires_ms)
        return view_key(key) | {"key": secret}

    @router.get("")
    def list_keys(account: str | None = None) -> View:
        """List keys without their texts, oldest first."""
        keys = desk.keys.list(None if account is None else parse_id(ACCOUNT, account))
        return {"object": "list", "data": [view_key(key) for key in keys]}

    @router.delete("/{key}")
    def revoke_key(key: str) -> View:
        """Refuse a key for good, from the next request on."""
        return view_key(found(lambda: desk.keys.revoke(parse_id(KEY, key))))

    return router
