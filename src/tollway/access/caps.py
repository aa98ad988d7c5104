"""What may be shown of caps and sub-accounts: as they were set, and what was spent of a cap. Values only; knows no store."""

from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from tollway.access.key_view import KeyView
from tollway.access.setters import SetBy
from tollway.access.terms import CapRule, CapScope, CapSpan


class Cap(msgspec.Struct, frozen=True, kw_only=True):
    """A spending limit, in the currency of its account."""

    id: int
    account_id: int
    scope: CapScope
    subject: str
    """As in CapRule."""
    span: CapSpan
    limit_nanos: int
    alert_ppm: int
    created_ms: int
    """It counts what was spent since then."""
    removed_ms: int | None = None
    set_by: SetBy = SetBy.OPERATOR
    """The operator and the account each have a cap of their own for the same thing; both hold."""

    @property
    def rule(self) -> CapRule:
        """What admission reads of it."""
        return CapRule(
            cap_id=self.id,
            scope=self.scope,
            subject=self.subject,
            span=self.span,
            limit_nanos=self.limit_nanos,
            alert_ppm=self.alert_ppm,
            set_by=self.set_by,
        )


class CapUse(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a cap is spent, for one subject, in the window that runs."""

    cap: Cap
    subject: str
    """What it is counted for: never EACH, unless nobody has spent anything yet."""
    currency: str
    spent_nanos: int
    resets_ms: int | None
    """When the window ends; None for a cap on the total."""

    @property
    def left_nanos(self) -> int:
        """What may still be spent; nothing when the limit was lowered below what is spent."""
        return max(0, self.cap.limit_nanos - self.spent_nanos)


class SubAccountState(StrEnum):
    """Whether a sub-account's keys may spend."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class SubAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an account with keys and caps of its own; the account pays for it."""

    id: int
    account_id: int
    name: str
    state: SubAccountState = SubAccountState.ACTIVE
    created_ms: int
    external_ref: str | None = None
    """What its owner calls it elsewhere."""
    tag: str | None = None
    """What its requests are tagged with where they name no tag."""
    models: tuple[str, ...] = ()
    """Model ids its keys may use, exact or ending in `*`; empty means all."""
    removed_ms: int | None = None
    """When its owner removed it: its keys are revoked, and its history stays."""
    monthly_cap_nanos: int = 0
    """What it may spend in a month of the calendar, in the currency of its account; zero is no cap."""
    rpm: int | None = None
    """How many requests it may make in any 60 seconds; None is no limit."""
    operator_set: tuple[str, ...] = ()
    """What the operator limited of it, such as `models` or `suspended`: its account's owner does not change that."""


class NewSubAccount(msgspec.Struct, frozen=True, kw_only=True):
    """What is written at once of a sub-account to be made."""

    sub_account: SubAccount
    key: KeyView
    """Its first key, with its digest."""
    cap: Cap | None
    """On what it spends in a month; None is no cap."""


class SubAccountChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What a sub-account is to have other than it has; UNSET stays as it is, None and zero take it away."""

    name: str | UnsetType = UNSET
    external_ref: str | UnsetType | None = UNSET
    monthly_cap_nanos: int | UnsetType = UNSET
    rpm: int | UnsetType | None = UNSET
    tag: str | UnsetType | None = UNSET
    models: tuple[str, ...] | UnsetType = UNSET

    @property
    def told(self) -> dict[str, object]:
        """What is to change, by name."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not UNSET}
