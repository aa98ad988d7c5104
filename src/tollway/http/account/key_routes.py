"""The routes by which a management key makes, lists, shows, changes and removes API keys, which are named by their hash."""

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query, Response
from msgspec import UNSET

from tollway import clock
from tollway.access.caps import Cap
from tollway.access.key_view import KeyChange, KeyState, KeyView
from tollway.access.limits import NO_CHANGE, LimitScope, RateChange, RateLimits
from tollway.access.setters import SetBy
from tollway.access.terms import CapScope, CapSpan
from tollway.billing.caps import CapTarget
from tollway.billing.key_limits import KeyLimit, changed_limit, limit_cap
from tollway.billing.keys import KeyTerms
from tollway.billing.views import View, view_time
from tollway.errors import CommandRefused, NotThere
from tollway.http.account.amounts import units, units_or_null
from tollway.http.account.asking import Asker, Asking
from tollway.http.account.bodies import KeyBody, KeyPatch, LimitReset, RotationBody
from tollway.http.account.parts import AccountParts
from tollway.http.account.replying import Routes, routes_of, shown
from tollway.ids import ACCOUNT, KEY, SUB_ACCOUNT, IdError, parse_id, render_id
from tollway.ledger.usage import Division, Span, UsageFilter

PAGE = 100
OFFSET_MAX = 1_000_000
HOUR_MS = 3_600_000

RESETS = {LimitReset.DAILY: CapSpan.DAY, LimitReset.MONTHLY: CapSpan.MONTH, None: CapSpan.TOTAL}
RESET_WORDS = {span: None if reset is None else reset.value for reset, span in RESETS.items()}


BROUGHT: View = {
    "include_byok_in_limit": True,
    "byok_usage": 0,
    "byok_usage_daily": 0,
    "byok_usage_weekly": 0,
    "byok_usage_monthly": 0,
    "creator_user_id": None,
    "external_user": None,
}
"""What clients of this API cannot do without: what goes through an account's own providers is usage like any other, and there is
none beside it; nobody but the account makes keys."""


class KeyFaces:
    """Keys as this service's clients see them: with their limit, and what was spent of it."""

    def __init__(self, parts: AccountParts) -> None:
        """Take the use cases."""
        self._desk = parts.desk

    def find(self, asker: Asker, name: str) -> KeyView:
        """Return a key of the account that was not revoked, by its hash or its id; any other is not there."""
        keys = self._desk.keys
        found: KeyView | None = None
        with contextlib.suppress(IdError, ValueError, NotThere):
            found = keys.show(parse_id(KEY, name)) if name.startswith(KEY) else keys.find(bytes.fromhex(name))
        if found is None or found.account_id != asker.account_id or found.revoked_ms is not None:
            raise NotThere(f"there is no key {name[:64]}")
        return found

    def limit_of(self, key: KeyView) -> Cap | None:
        """Return the cap that is a key's limit as its account set it."""
        caps = self._desk.caps.list(key.account_id)
        return limit_cap([cap for cap in caps if cap.set_by is SetBy.ACCOUNT], key.id)

    def view(self, account_id: int, keys: Sequence[KeyView]) -> list[View]:
        """Show keys of one account."""
        caps = self._desk.caps.list(account_id)
        insights = self._desk.insights
        who = UsageFilter(account_id=account_id, key_id=keys[0].id if len(keys) == 1 else None)

        def spent(span: Span) -> dict[int | None, int]:
            return {row.key_id: row.sums.total_nanos for row in self._desk.reports.usage((Division.KEY,), who, span)}

        ever, month = spent(Span()), spent(insights.month())
        week, day = spent(insights.week()), spent(insights.today())
        last_ms = self._desk.reports.last_hours(who)
        views: list[View] = []
        for key in keys:
            cap = limit_cap(caps, key.id)
            left = None if cap is None else self._desk.caps.most_used(cap).left_nanos
            used = {
                "usage": units(ever.get(key.id, 0)),
                "usage_daily": units(day.get(key.id, 0)),
                "usage_weekly": units(week.get(key.id, 0)),
                "usage_monthly": units(month.get(key.id, 0)),
                "last_used_at": view_time(last_ms.get(key.id)),
            }
            views.append(_view(key, cap, left) | used | BROUGHT)
        return views


def key_routes(parts: AccountParts) -> Routes:
    """Return the routes of keys."""
    routes = routes_of("keys")
    keys, ceilings, faces = parts.desk.keys, parts.desk.ceilings, KeyFaces(parts)

    def one(key: KeyView) -> View:
        return {"data": faces.view(key.account_id, (key,))[0]}

    @routes.get("/api/v1/keys")
    def list_keys(
        asker: Asking,
        offset: Annotated[int, Query(ge=0, le=OFFSET_MAX)] = 0,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
        include_disabled: bool = True,  # noqa: FBT001, FBT002 a word of the query
    ) -> Response:
        """List the keys that were not revoked, the newest first."""
        found = [key for key in reversed(keys.list(asker.account_id)) if key.revoked_ms is None]
        wanted = [key for key in found if include_disabled or keys.state(key) is not KeyState.DISABLED]
        page = wanted[offset : offset + limit]
        views = faces.view(asker.account_id, page) if page else []
        return shown({"data": views, "total": len(wanted), "offset": offset, "limit": limit})

    @routes.post("/api/v1/keys")
    def create_key(body: KeyBody, asker: Asking) -> Response:
        """Make a key; its text is in this answer only."""
        ceilings.check_rpm(asker.account_id, LimitScope.KEY, "", body.rpm)
        limit = KeyLimit(body.limit_nanos or 0, RESETS[body.limit_reset])
        ceilings.check_caps(CapTarget(asker.account_id, CapScope.KEY, ""), limit.caps)
        key, secret = keys.create(asker.account_id, body.name, terms_of(body, limit), by=asker.actor)
        return shown(one(key) | {"key": secret}, 201)

    @routes.get("/api/v1/keys/{digest}")
    def show_key(digest: str, asker: Asking) -> Response:
        """Show a key."""
        return shown(one(faces.find(asker, digest)))

    @routes.patch("/api/v1/keys/{digest}")
    def change_key(digest: str, body: KeyPatch, asker: Asking) -> Response:
        """Change what is given, from the next request on."""
        key = faces.find(asker, digest)
        ceilings.check_rpm(asker.account_id, LimitScope.KEY, str(key.id), body.rpm)
        change = change_of(body, faces.limit_of(key))
        ceilings.check_caps(CapTarget(asker.account_id, CapScope.KEY, str(key.id)), change.caps)
        return shown(one(keys.update(key.id, change, by=asker.actor)))

    @routes.delete("/api/v1/keys/{digest}")
    def delete_key(digest: str, asker: Asking) -> Response:
        """Revoke a key for good."""
        keys.revoke(faces.find(asker, digest).id, by=asker.actor)
        return shown({"deleted": True, "data": {"hash": digest, "deleted": True}})

    @routes.post("/api/v1/keys/{key}/rotate")
    @routes.post("/v1/keys/{key}/rotate")
    def rotate_key(key: str, asker: Asking, body: RotationBody | None = None) -> Response:
        """Give a key another text, which is in this answer only; the old one works a while longer."""
        found = faces.find(asker, key)
        hours = None if body is None else body.overlap_hours
        overlap = {} if hours is None else {"overlap_ms": checked_hours(hours) * HOUR_MS}
        rotated, secret = keys.rotate(found.id, **overlap, by=asker.actor)
        return shown(
            {
                "id": render_id(KEY, rotated.id),
                "object": "key",
                "name": rotated.name,
                "hash": rotated.digest.hex(),
                "key": secret,
                "scoped_key": secret,
                "old_key_expires_at": view_time(rotated.old_expires_ms),
            }
        )

    return routes


def checked_hours(hours: int) -> int:
    """Return hours that a clock can add; what is too long is the use case's to say."""
    if abs(hours) > OFFSET_MAX:
        raise CommandRefused(f"{hours:.3g} hours are not a time for which an old key may work")
    return hours


def terms_of(body: KeyBody, limit: KeyLimit) -> KeyTerms:
    """Return the terms of a key to be made."""
    caps = limit.caps
    return KeyTerms(
        models=tuple(body.models or ()),
        routes=tuple(body.routes or ()),
        networks=tuple(body.networks or ()),
        expires_ms=milliseconds(body.expires_at),
        daily_cap_nanos=caps[CapSpan.DAY],
        monthly_cap_nanos=caps[CapSpan.MONTH],
        total_cap_nanos=caps[CapSpan.TOTAL],
        limits=RateLimits(rpm=body.rpm),
    )


def change_of(body: KeyPatch, cap: Cap | None) -> KeyChange:
    """Return the change that a body names; null takes a limit away."""
    given = body.model_fields_set
    limited = given & {"limit_nanos", "limit_reset"}
    limit = changed_limit(
        cap,
        limit_nanos=(body.limit_nanos or 0) if "limit_nanos" in given else None,
        span=RESETS[body.limit_reset] if "limit_reset" in given else None,
    )
    return KeyChange(
        name=body.name if "name" in given else UNSET,
        models=tuple(body.models or ()) if "models" in given else UNSET,
        routes=tuple(body.routes or ()) if "routes" in given else UNSET,
        networks=tuple(body.networks or ()) if "networks" in given else UNSET,
        expires_ms=milliseconds(body.expires_at) if "expires_at" in given else UNSET,
        disabled=UNSET if body.disabled is None else body.disabled,
        limits=RateChange(rpm=body.rpm) if "rpm" in given else NO_CHANGE,
        caps=limit.caps if limited else {},
    )


def milliseconds(at: datetime | None) -> int | None:
    """Return a moment, in UTC unless it says otherwise, in milliseconds since 1970; None stays None."""
    return None if at is None else int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _view(key: KeyView, cap: Cap | None, left_nanos: int | None) -> View:
    return {
        "hash": key.digest.hex(),
        "id": render_id(KEY, key.id),
        "workspace_id": render_id(ACCOUNT, key.account_id),
        "name": key.name,
        "label": key.hint,
        "disabled": key.disabled_ms is not None,
        "status": key.state(now_ms=clock.now_ms()).value,
        "limit": None if cap is None else units(cap.limit_nanos),
        "limit_remaining": units_or_null(left_nanos),
        "limit_reset": None if cap is None else RESET_WORDS[cap.span],
        "models": list(key.models),
        "routes": list(key.routes),
        "networks": list(key.networks),
        "sub_account_id": None if key.sub_account_id is None else render_id(SUB_ACCOUNT, key.sub_account_id),
        "expires_at": view_time(key.expires_ms),
        "created_at": view_time(key.created_ms),
        # When a key was last changed is not kept beside it: the trail knows (GET /api/v1/audit).
        "updated_at": None,
    }
