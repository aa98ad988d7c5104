"""Who asks: what a key stands for, as admission sees it. Values only; knows no store and no secret."""

from enum import StrEnum

import msgspec


class BillingMode(StrEnum):
    """What a key spends."""

    PAYG = "payg"
    """The account's prepaid balance."""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A valid key and the account behind it."""

    key_id: int
    account_id: int
    billing: BillingMode = BillingMode.PAYG
    models: tuple[str, ...] = ()
    """Model ids this key may use, exact or ending in `*`; empty means all."""
    expires_ms: int | None = None
    account_suspended: bool = False
    currency: str = "USD"
