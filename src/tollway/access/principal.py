"""Who asks: what a key stands for, as admission sees it. Values only; knows no store and no secret."""

from enum import StrEnum

import msgspec

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


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A valid key and the account behind it."""

    key_id: int
    account_id: int
    sub_account_id: int | None = None
    billing: BillingMode = BillingMode.PAYG
    package: PackageTerms | None = None
    """Of a key in package mode."""
    models: tuple[str, ...] = ()
    """Model ids this key may use, exact or ending in `*`; empty means all."""
    expires_ms: int | None = None
    account_suspended: bool = False
    sub_account_suspended: bool = False
    currency: str = "USD"
    caps: tuple[CapRule, ...] = ()
    """Of the key itself and of its sub-account."""
    terms: AccountTerms = NO_TERMS
    unsupported: Unsupported = Unsupported.DROPPED
    costs: ShownCosts = ShownCosts.SHOWN
