"""Usage for people: by what it is divided, what it is limited to, and its sums. Values only; knows no SQL and no timezone."""

from enum import StrEnum
from typing import NamedTuple

import msgspec


class Division(StrEnum):
    """By what usage is divided."""

    DAY = "day"
    HOUR = "hour"
    ACCOUNT = "account"
    SUB_ACCOUNT = "sub_account"
    KEY = "key"
    PROVIDER = "provider"
    MODEL = "model"
    TAG = "tag"
    END_USER = "end_user"
    SESSION = "session"


ALWAYS_DIVIDED = (Division.ACCOUNT, Division.PROVIDER, Division.MODEL)
"""What a report is divided by unless it is asked for otherwise."""


class UsageFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Whose usage; None is everybody's. Of texts and sub-accounts, empty and zero stand for those that have none."""

    account_id: int | None = None
    sub_account_id: int | None = None
    key_id: int | None = None
    provider: str | None = None
    model_routed: str | None = None
    tag: str | None = None
    end_user: str | None = None
    session: str | None = None


EVERYBODY = UsageFilter()


class Span(NamedTuple):
    """A piece of time in milliseconds since 1970: from its start, and up to its end without that; None is without end."""

    start_ms: int | None = None
    end_ms: int | None = None


ALL_TIME = Span()


class UsageSums(msgspec.Struct, frozen=True, kw_only=True):
    """What finished exchanges add up to; the columns of usage_hours."""

    requests: int = 0
    input_tokens: int = 0
    """Fresh ones."""
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    """Visible ones."""
    reasoning_tokens: int = 0
    audio_tokens: int = 0
    images: int = 0
    calls: int = 0
    base_nanos: int = 0
    fee_nanos: int = 0
    written_off_nanos: int = 0
    package_paid_nanos: int = 0
    """The part of the totals that packages of money paid."""
    package_micros: int = 0
    """What packages of tokens paid, in micro-tokens."""

    @property
    def total_nanos(self) -> int:
        """What was paid in money, by balances and by packages."""
        return self.base_nanos + self.fee_nanos - self.written_off_nanos

    @property
    def balance_nanos(self) -> int:
        """What balances paid."""
        return self.total_nanos - self.package_paid_nanos


SUMS = UsageSums.__struct_fields__


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of one part; what it is not divided by is None. Empty texts and zero stand for "none"."""

    currency: str
    sums: UsageSums
    day_ms: int | None = None
    """When the day begins."""
    hour_ms: int | None = None
    account_id: int | None = None
    sub_account_id: int | None = None
    key_id: int | None = None
    provider: str | None = None
    model_routed: str | None = None
    tag: str | None = None
    end_user: str | None = None
    session: str | None = None
