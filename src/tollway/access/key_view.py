"""What may be shown of a key: everything but the secret. Values only; knows no store."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from tollway.access.limits import NO_CHANGE, RateChange
from tollway.access.managing import ManagementAccess
from tollway.access.principal import BillingMode, ShownCosts, Unsupported
from tollway.access.terms import CapSpan


class KeyState(StrEnum):
    """Whether a key works."""

    ACTIVE = "active"
    DISABLED = "disabled"
    """Until somebody enables it again."""
    EXPIRED = "expired"
    """Unless its expiry is moved."""
    REVOKED = "revoked"
    """For good."""


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
    disabled_ms: int | None = None
    """Since when it is refused, until somebody enables it again."""
    operator_set: tuple[str, ...] = ()
    """What the operator limited of it, such as `models` or `disabled`: its account's owner does not change that."""

    def state(self, *, now_ms: int) -> KeyState:
        """Return whether it works at a time; what lasts longest is said first."""
        if self.revoked_ms is not None:
            return KeyState.REVOKED
        if self.disabled_ms is not None:
            return KeyState.DISABLED
        if self.expires_ms is not None and self.expires_ms <= now_ms:
            return KeyState.EXPIRED
        return KeyState.ACTIVE


class KeyChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of a key; what is left out stays."""

    name: str | UnsetType = UNSET
    models: tuple[str, ...] | UnsetType = UNSET
    routes: tuple[str, ...] | UnsetType = UNSET
    networks: tuple[str, ...] | UnsetType = UNSET
    expires_ms: int | UnsetType | None = UNSET
    """None is never."""
    disabled: bool | UnsetType = UNSET
    unsupported: Unsupported | UnsetType = UNSET
    costs: ShownCosts | UnsetType = UNSET
    limits: RateChange = NO_CHANGE
    caps: Mapping[CapSpan, int] = {}
    """In nano-units; zero lifts."""


class ManagementKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key that manages an account, as its owner sees it after it was made."""

    id: int
    account_id: int
    name: str
    hint: str
    access: ManagementAccess
    created_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None

    def works(self, *, now_ms: int) -> bool:
        """Tell whether it may be used at a time."""
        return self.revoked_ms is None and (self.expires_ms is None or self.expires_ms > now_ms)


class AdminKeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key of the admin API as the operator sees it after it was made."""

    id: int
    name: str
    created_ms: int
    revoked_ms: int | None = None
