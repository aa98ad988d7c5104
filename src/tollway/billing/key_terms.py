"""What keys are made with and changed to: the records, and the rules that they must keep. Knows no store and no surface."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from tollway.access.caps import Cap
from tollway.access.key_view import KeyChange, KeyView
from tollway.access.limits import NO_LIMITS, RateChange, RateLimits
from tollway.access.networks import normal_network
from tollway.access.principal import BillingMode, ShownCosts, Unsupported
from tollway.access.routes import ROUTE_WORDS, unknown_routes
from tollway.access.setters import SetBy
from tollway.access.terms import CapScope, CapSpan
from tollway.billing.accounts import checked_name
from tollway.billing.caps import ALERT_PPM, checked_limit
from tollway.billing.products import checked_model
from tollway.billing.rate_limits import checked_change
from tollway.billing.views import View, view_key, view_time
from tollway.errors import CommandRefused
from tollway.money import render_amount

EXPIRES_MS_MAX = 253_402_300_799_999
"""The end of the year 9999 (UTC): a later time cannot be shown."""

MODELS_MAX = 1000
"""Of one key: each request may look through them all."""

NETWORKS_MAX = 100
"""Of one key: each request may look through them all."""

Value = TypeVar("Value")

AUDITED = (
    "name",
    "sub_account",
    "billing",
    "package",
    "models",
    "routes",
    "networks",
    "unsupported",
    "costs",
    "expires",
)
"""What the audit trail keeps of a key."""


class KeyTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a key to be made may do, what it spends, and how much of it."""

    models: tuple[str, ...] = ()
    """Model ids it may use, exact or ending in `*`; empty means all."""
    routes: tuple[str, ...] = ()
    """Words of ROUTE_WORDS; empty means everything."""
    networks: tuple[str, ...] = ()
    """Networks or single addresses that it may be used from; empty means everywhere."""
    expires_ms: int | None = None
    """None is never."""
    sub_account_id: int | None = None
    billing: BillingMode = BillingMode.PAYG
    package_id: int | None = None
    """The package that it spends, in package mode."""
    daily_cap_nanos: int = 0
    """Zero is none."""
    monthly_cap_nanos: int = 0
    """Zero is none."""
    total_cap_nanos: int = 0
    """Zero is none."""
    limits: RateLimits = NO_LIMITS
    """Zero is none too."""
    unsupported: Unsupported = Unsupported.DROPPED
    costs: ShownCosts = ShownCosts.SHOWN

    @property
    def caps(self) -> dict[CapSpan, int]:
        """The caps by their windows, in nano-units; zero is none."""
        return {
            CapSpan.DAY: self.daily_cap_nanos,
            CapSpan.MONTH: self.monthly_cap_nanos,
            CapSpan.TOTAL: self.total_cap_nanos,
        }


ON_BALANCE = KeyTerms()
"""A key that spends its account's balance, without limits of its own."""


def checked_terms(terms: KeyTerms, *, now_ms: int) -> KeyTerms:
    """Return terms in their one form; raises CommandRefused for a model, route, network, time or number that is none."""
    for limit_nanos in terms.caps.values():
        checked_limit(limit_nanos)
    limits = checked_change(RateChange(**msgspec.structs.asdict(terms.limits)))
    return msgspec.structs.replace(
        terms,
        models=checked_models(terms.models),
        routes=checked_routes(terms.routes),
        networks=checked_networks(terms.networks),
        expires_ms=checked_expiry(terms.expires_ms, now_ms=now_ms),
        limits=RateLimits(**limits.told),
    )


def checked_key_change(change: KeyChange, *, now_ms: int) -> KeyChange:
    """Return a change in its one form; raises CommandRefused for what a key cannot be changed to."""
    if change == KeyChange():
        raise CommandRefused("nothing is to change: say what")
    for limit_nanos in change.caps.values():
        checked_limit(limit_nanos)
    return msgspec.structs.replace(
        change,
        name=_checked(checked_name, change.name),
        models=_checked(checked_models, change.models),
        routes=_checked(checked_routes, change.routes),
        networks=_checked(checked_networks, change.networks),
        expires_ms=UNSET if change.expires_ms is UNSET else checked_expiry(change.expires_ms, now_ms=now_ms),
        limits=checked_change(change.limits),
    )


def checked_models(models: Sequence[str]) -> tuple[str, ...]:
    """Return models without repetitions; raises CommandRefused for one that is none, and for too many."""
    return _bounded([checked_model(model) for model in models], MODELS_MAX, "models")


def checked_routes(routes: Sequence[str]) -> tuple[str, ...]:
    """Return routes without repetitions; raises CommandRefused for a word that is none of them."""
    unknown = unknown_routes(routes)
    if unknown:
        raise CommandRefused(f"{unknown[0]!r} is nothing that a key may be limited to: {', '.join(ROUTE_WORDS)}")
    return tuple(dict.fromkeys(routes))


def checked_networks(networks: Sequence[str]) -> tuple[str, ...]:
    """Return networks in their one form without repetitions; raises CommandRefused for what is none, and for too many."""
    normal: list[str] = []
    for text in networks:
        try:
            normal.append(normal_network(text))
        except ValueError:
            raise CommandRefused(
                f"{text!r} is no IP address and no network such as 192.0.2.0/24 or 2001:db8::/32"
            ) from None
    return _bounded(normal, NETWORKS_MAX, "networks")


def checked_expiry(expires_ms: int | None, *, now_ms: int) -> int | None:
    """Return a time at which a key may expire; raises CommandRefused for one that is over, or cannot be shown."""
    if expires_ms is not None and expires_ms <= now_ms:
        raise CommandRefused("a key must expire in the future")
    if expires_ms is not None and expires_ms > EXPIRES_MS_MAX:
        raise CommandRefused("a key must expire before the year 10000 (UTC): leave the expiry out")
    return expires_ms


def caps_of(
    key: KeyView, caps: Mapping[CapSpan, int], next_id: Callable[[], int], *, now_ms: int, set_by: SetBy
) -> tuple[Cap, ...]:
    """Return caps on a key by their windows, in nano-units."""
    return tuple(
        Cap(
            id=next_id(),
            account_id=key.account_id,
            scope=CapScope.KEY,
            subject=str(key.id),
            span=span,
            limit_nanos=limit_nanos,
            alert_ppm=ALERT_PPM,
            created_ms=now_ms,
            set_by=set_by,
        )
        for span, limit_nanos in caps.items()
    )


def set_of(key: KeyView, caps: Sequence[Cap], limits: RateLimits = NO_LIMITS) -> View:
    """Return what the audit trail keeps of what a key was made with: whatever is not empty."""
    shown = view_key(key)
    kept: View = {name: shown[name] for name in AUDITED if shown[name]}
    rates = {name: value for name, value in msgspec.structs.asdict(limits).items() if value is not None}
    return kept | _shown_caps({cap.span: cap.limit_nanos for cap in caps}) | rates


def changed_to(change: KeyChange) -> View:
    """Return what the audit trail keeps of a change."""
    told = {name: getattr(change, name) for name in change.__struct_fields__}
    kept: View = {name: value for name, value in told.items() if value is not UNSET and name not in _OTHERWISE}
    if change.expires_ms is not UNSET:
        kept["expires"] = view_time(change.expires_ms)
    return kept | _shown_caps(change.caps) | change.limits.told


def limits_of(key: KeyView) -> dict[str, object]:
    """Return what a key is limited to, by the words of `operator_set`."""
    return {
        "models": key.models,
        "routes": key.routes,
        "networks": key.networks,
        "expires": key.expires_ms,
        "disabled": key.disabled_ms is not None,
    }


def limits_told(change: KeyChange) -> dict[str, object]:
    """Return what a change says of what a key may do, by the words of `operator_set`."""
    every = {
        "models": change.models,
        "routes": change.routes,
        "networks": change.networks,
        "expires": change.expires_ms,
        "disabled": change.disabled,
    }
    return {name: value for name, value in every.items() if value is not UNSET}


_DURATION = re.compile(r"(\d{1,9})([smhd]?)", re.ASCII)
_UNIT_MS = {"": 1000, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

_OTHERWISE = {"expires_ms", "caps", "limits"}
"""What is told of in other words."""


def parse_duration(text: str) -> int:
    """Return the milliseconds of a duration such as `24h`, `90m`, `7d`, `30s` or `0`; raises CommandRefused."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise CommandRefused(f"{text!r} is no duration such as 24h, 90m, 7d or 0")
    return int(found[1]) * _UNIT_MS[found[2]]


def _shown_caps(caps: Mapping[CapSpan, int]) -> View:
    return {f"{span}_cap": render_amount(limit_nanos) for span, limit_nanos in caps.items()}


def _bounded(values: Sequence[str], count_max: int, what: str) -> tuple[str, ...]:
    distinct = tuple(dict.fromkeys(values))
    if len(distinct) > count_max:
        raise CommandRefused(f"a key has at most {count_max} {what}")
    return distinct


def _checked(check: Callable[[Value], Value], value: Value | UnsetType) -> Value | UnsetType:
    return UNSET if value is UNSET else check(value)
