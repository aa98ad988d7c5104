"""What a key's account agreed to: fees, prices, packages and caps, as admission reads them. Values only; knows no store."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from tollway.access.limits import RateRule
from tollway.access.own_providers import OwnProvider
from tollway.access.setters import SetBy
from tollway.money import PPM


class CapScope(StrEnum):
    """What a cap limits the spending of."""

    KEY = "key"
    SUB_ACCOUNT = "sub_account"
    TAG = "tag"
    END_USER = "end_user"
    ACCOUNT = "account"


class CapSpan(StrEnum):
    """How long a cap counts before it starts again, in the deployment's timezone."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


EACH = "*"
"""The subject of a cap that holds for each tag or end user by itself, unless one has a cap of its own by the same side."""


class CapRule(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A cap as it was set."""

    cap_id: int
    scope: CapScope
    subject: str
    """A key's or sub-account's id in decimals, a tag, an end user, or EACH; empty for an account's own cap."""
    span: CapSpan
    limit_nanos: int
    """Above zero, in the account's currency."""
    alert_ppm: int
    """The share of the limit whose use raises an event."""
    set_by: SetBy = SetBy.OPERATOR


class PackageUnit(StrEnum):
    """What a package holds."""

    TOKENS = "tokens"
    """Counted in micro-tokens, so that a token times a ratio is exact."""
    MONEY = "money"


class PackageTerms(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The package that a key spends."""

    package_id: int
    name: str
    unit: PackageUnit
    models: tuple[tuple[str, int], ...] = ()
    """Model id (exact or ending in `*`) and deduction ratio in parts per million; the first that matches counts. Empty
    covers every model at its full count."""
    expires_ms: int | None = None


class AccountTerms(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What holds for every key of an account; one object for all of them."""

    fee_ppm: int | None = None
    """The account's own platform fee; None for the deployment's."""
    price_ppm: int = PPM
    """Its discount or markup: the share of each price that it pays."""
    caps: tuple[CapRule, ...] = ()
    tag_caps: Mapping[str, tuple[CapRule, ...]] = {}
    end_user_caps: Mapping[str, tuple[CapRule, ...]] = {}
    limits: tuple[RateRule, ...] = ()
    """Of the account as a whole: one or none."""
    end_user_limits: Mapping[str, RateRule] = {}
    """By end user, and EACH."""
    providers: tuple[OwnProvider, ...] = ()
    """Those that the account brought and that are enabled."""


NO_TERMS = AccountTerms()
