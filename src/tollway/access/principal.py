"""Who asks: what a key stands for, as admission sees it. Values only; knows no store and no secret."""

from enum import StrEnum

import msgspec

from tollway.access.limits import RateRule
from tollway.access.terms import NO_TERMS, AccountTerms, CapRule, PackageTerms


class BillingMode(StrEnum):
    """What a key spends."""

    PAYG = "payg"
    """The account's prepaid balance."""
    PACKAGE = "package"
    """One package of the account, and nothing else."""


class Unsupported(StrEnum):
    """What becomes of a tuning parameter that the model or its provider does not know."""

    DROPPED = "dropped"
    """It is left out, and the reply's warning names it."""
    REFUSED = "refused"
    """The request is refused: strict mode."""


class ShownCosts(StrEnum):
    """Whether replies say what they cost."""

    SHOWN = "shown"
    HIDDEN = "hidden"
    """Answers come as their provider wrote them."""


class Principal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A valid key and the account behind it.

    The collector of garbage does not look at it, nor at the facts below it, which make no cycles: 100,000 keys that are
    remembered were 20 ms of a collection, and are 0.03 ms.
    """

    key_id: int
    account_id: int
    sub_account_id: int | None = None
    billing: BillingMode = BillingMode.PAYG
    package: PackageTerms | None = None
    """Of a key in package mode."""
    models: tuple[str, ...] = ()
    """Model ids this key may use, exact or ending in `*`; empty means all."""
    expires_ms: int | None = None
    disabled: bool = False
    """Refused until somebody enables it again."""
    account_suspended: bool = False
    sub_account_suspended: bool = False
    currency: str = "USD"
    caps: tuple[CapRule, ...] = ()
    """Of the key itself and of its sub-account."""
    limits: tuple[RateRule, ...] = ()
    """Of the key itself and of its sub-account."""
    routes: tuple[str, ...] = ()
    """What it may be used for, such as `chat`; empty means everything."""
    networks: tuple[str, ...] = ()
    """Where it may be used from, as networks; empty means everywhere."""
    tag: str | None = None
    """What its requests are tagged with where they name no tag: its sub-account's."""
    sub_account_models: tuple[str, ...] = ()
    """The models of its sub-account, like `models`; both must admit what is asked for."""
    terms: AccountTerms = NO_TERMS
    unsupported: Unsupported = Unsupported.DROPPED
    costs: ShownCosts = ShownCosts.SHOWN
