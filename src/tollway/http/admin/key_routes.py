"""The routes of API keys: make, list, show, change, rotate, revoke. A key's text stands in the one answer that makes it."""

from fastapi import APIRouter

from tollway.access.limits import RateLimits
from tollway.billing.key_terms import parse_duration
from tollway.billing.key_views import view_key_with_limits, view_standing_key
from tollway.billing.keys import KeyTerms
from tollway.billing.views import View
from tollway.http.admin.access_bodies import ChangedKey, Rotation, milliseconds
from tollway.http.admin.acting import Acting
from tollway.http.admin.bodies import NewKey
from tollway.http.admin.found import found
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, KEY, PACKAGE, SUB_ACCOUNT, parse_id
from tollway.money import parse_amount

USUAL = Rotation()


def key_routes(parts: AdminParts) -> APIRouter:
    """Return the routes below `/keys`."""
    router = APIRouter(prefix="/keys", tags=["keys"])
    desk = parts.desk
    keys = desk.keys

    @router.post("", status_code=201)
    def create_key(body: NewKey, by: Acting) -> View:
        """Make a key and show its text, this once."""
        number = parse_id(ACCOUNT, body.account)
        found(lambda: desk.accounts.show(number))
        terms = KeyTerms(
            models=tuple(body.models),
            routes=tuple(body.routes),
            networks=tuple(body.networks),
            expires_ms=milliseconds(body.expires),
            sub_account_id=None if body.sub_account is None else parse_id(SUB_ACCOUNT, body.sub_account),
            billing=body.billing,
            package_id=None if body.package is None else parse_id(PACKAGE, body.package),
            daily_cap_nanos=parse_amount(body.daily_cap),
            monthly_cap_nanos=parse_amount(body.monthly_cap),
            total_cap_nanos=parse_amount(body.total_cap),
            limits=RateLimits(rpm=body.rpm, burst=body.burst, tpm=body.tpm, concurrency=body.concurrency),
            unsupported=body.unsupported,
            costs=body.costs,
        )
        key, text = keys.create(number, body.name, terms, by=by)
        return view_key_with_limits(keys, key) | {"key": text}

    @router.get("")
    def list_keys(account: str | None = None) -> View:
        """List keys without their texts, oldest first."""
        listed = keys.list(None if account is None else parse_id(ACCOUNT, account))
        return {"object": "list", "data": [view_standing_key(keys, key) for key in listed]}

    @router.get("/{key}")
    def show_key(key: str) -> View:
        """Show one key without its text, and all that limits what it spends and how fast it may ask."""
        return view_key_with_limits(keys, found(lambda: keys.show(parse_id(KEY, key))))

    @router.patch("/{key}")
    def update_key(key: str, body: ChangedKey, by: Acting) -> View:
        """Change what a key may do, from the next request on; what is left out stays."""
        return view_key_with_limits(keys, keys.update(parse_id(KEY, key), body.key_change(), by=by))

    @router.post("/{key}/rotate")
    def rotate_key(key: str, by: Acting, body: Rotation = USUAL) -> View:
        """Give a key another text and show it, this once; that of before works for a while beside it."""
        rotated, text = keys.rotate(parse_id(KEY, key), parse_duration(body.overlap), by=by)
        return view_key_with_limits(keys, rotated) | {"key": text}

    @router.delete("/{key}")
    def revoke_key(key: str, by: Acting) -> View:
        """Refuse a key for good, from the next request on."""
        return view_standing_key(keys, found(lambda: keys.revoke(parse_id(KEY, key), by=by)))

    return router
