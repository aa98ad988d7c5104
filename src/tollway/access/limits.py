"""How fast requests may come, as it was set: for a key, a sub-account, an account, an end user. Values only; knows no counter."""

from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType


class LimitScope(StrEnum):
    """Whose requests a limit counts together."""

    KEY = "key"
    SUB_ACCOUNT = "sub_account"
    ACCOUNT = "account"
    END_USER = "end_user"
    KEY_IP = "key_ip"
    """A key from one address; set for the whole deployment only, like the next."""
    IP = "ip"


SET_BY_ACCOUNTS = frozenset((LimitScope.KEY, LimitScope.SUB_ACCOUNT, LimitScope.ACCOUNT, LimitScope.END_USER))
"""The scopes of which an account may have rules of its own."""


class RateRule(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Limits of one subject; None is no limit of that kind."""

    scope: LimitScope
    subject: str
    """A key's or sub-account's id in decimals, an end user, or EACH (`terms.EACH`); empty for the account's own."""
    rpm: int | None = None
    """Requests in any 60 seconds."""
    burst: int | None = None
    """Requests in any 10 seconds."""
    tpm: int | None = None
    """Tokens in any 60 seconds, input and output together."""
    concurrency: int | None = None
    """Requests that run at a time."""
    account_rpm: int | None = None
    """Requests in any 60 seconds, as the account limited itself: it lowers what the operator lets through, and never raises it."""

    @property
    def is_operators(self) -> bool:
        """Tell whether the operator set any of it."""
        return any(rate is not None for rate in (self.rpm, self.burst, self.tpm, self.concurrency))

    @property
    def rpm_held(self) -> int | None:
        """Requests in any 60 seconds that pass: the lower of the two."""
        return min((rpm for rpm in (self.rpm, self.account_rpm) if rpm is not None), default=None)


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a RateRule without its subject; None is no limit of that kind."""

    rpm: int | None = None
    burst: int | None = None
    tpm: int | None = None
    concurrency: int | None = None


NO_LIMITS = RateLimits()


class RateChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to become of limits: what is left out stays, None lifts."""

    rpm: int | UnsetType | None = UNSET
    burst: int | UnsetType | None = UNSET
    tpm: int | UnsetType | None = UNSET
    concurrency: int | UnsetType | None = UNSET

    @property
    def told(self) -> dict[str, int | None]:
        """What is to change, by name."""
        every = {"rpm": self.rpm, "burst": self.burst, "tpm": self.tpm, "concurrency": self.concurrency}
        return {name: value for name, value in every.items() if value is not UNSET}


NO_CHANGE = RateChange()


class AccountLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as an account has it."""

    account_id: int
    rule: RateRule
    created_ms: int
