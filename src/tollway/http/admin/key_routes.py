"""The routes of API keys: make, list, show, revoke. A key's text stands in the one answer that makes it."""

from datetime import UTC

from fastapi import APIRouter

from tollway.access.key_view import KeyView
from tollway.billing.keys import KeyTerms
from tollway.billing.terms_views import view_rule
from tollway.billing.views import View, view_key
from tollway.http.admin.acting import Acting
from tollway.http.admin.bodies import NewKey
from tollway.http.admin.found import found
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, KEY, PACKAGE, SUB_ACCOUNT, parse_id
from tollway.money import parse_amount


def key_routes(parts: AdminParts) -> APIRouter:
    """Return the routes below `/keys`."""
    router = APIRouter(prefix="/keys", tags=["keys"])
    desk = parts.desk

    def with_limits(key: KeyView) -> View:
        return view_key(key) | {"caps": [view_rule(rule) for rule in desk.keys.limits(key.id)]}

    @router.post("", status_code=201)
    def create_key(body: NewKey, by: Acting) -> View:
        """Make a key and show its text, this once."""
        number = parse_id(ACCOUNT, body.account)
        found(lambda: desk.accounts.show(number))
        at = body.expires
        expires_ms = None if at is None else int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
        terms = KeyTerms(
            models=tuple(body.models),
            expires_ms=expires_ms,
            sub_account_id=None if body.sub_account is None else parse_id(SUB_ACCOUNT, body.sub_account),
            billing=body.billing,
            package_id=None if body.package is None else parse_id(PACKAGE, body.package),
            daily_cap_nanos=parse_amount(body.daily_cap),
            monthly_cap_nanos=parse_amount(body.monthly_cap),
            unsupported=body.unsupported,
            costs=body.costs,
        )
        key, secret = desk.keys.create(number, body.name, terms, by=by)
        return with_limits(key) | {"key": secret}

    @router.get("")
    def list_keys(account: str | None = None) -> View:
        """List keys without their texts, oldest first."""
        keys = desk.keys.list(None if account is None else parse_id(ACCOUNT, account))
        return {"object": "list", "data": [view_key(key) for key in keys]}

    @router.get("/{key}")
    def show_key(key: str) -> View:
        """Show one key without its text, and every cap that limits what it spends."""
        return with_limits(found(lambda: desk.keys.show(parse_id(KEY, key))))

    @router.delete("/{key}")
    def revoke_key(key: str, by: Acting) -> View:
        """Refuse a key for good, from the next request on."""
        return view_key(found(lambda: desk.keys.revoke(parse_id(KEY, key), by=by)))

    return router
