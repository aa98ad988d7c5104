"""What may be shown of a key: everything but the secret. Values only; knows no store."""

import msgspec

from tollway.access.principal import BillingMode, ShownCosts, Unsupported


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """An API key as its owner sees it after it was made."""

    id: int
    account_id: int
    name: str
    hint: str
    """The key's beginning and end, such as `tw-abcd...wxyz`."""
    models: tuple[str, ...] = ()
    """Model ids it may use, exact or ending in `*`; empty means all."""
    expires_ms: int | None = None
    revoked_ms: int | None = None
    created_ms: int
    sub_account_id: int | None = None
    billing: BillingMode = BillingMode.PAYG
    package_id: int | None = None
    """The one package that it spends, in package mode."""
    unsupported: Unsupported = Unsupported.DROPPED
    costs: ShownCosts = ShownCosts.SHOWN
    routes: tuple[str, ...] = ()
    """What it may be used for, such as `chat`; empty means everything."""
    networks: tuple[str, ...] = ()
    """Where it may be used from, as networks; empty means everywhere."""
    digest: bytes = b""
    """The SHA-256 of its text: tells nothing of it, and is what some programs call a key by."""
    old_expires_ms: int | None = None
    """Until when the text before its last rotation works."""


class AdminKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the admin API as the operator sees it after it was made."""

    id: int
    name: str
    created_ms: int
    revoked_ms: int | None = None
