"""What the books keep besides lines: accounts, transfers, balances, and the report of a check. Values only; knows no SQL."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

FUNDING = "funding:operator"
"""Where credited money comes from and debited money goes: the operator's side of a top-up."""
REVENUE = "revenue"
FEES = "fees"


def account_leg(account_id: int) -> str:
    """Return the name of an account's purse as a leg of a transfer."""
    return f"account:{account_id}"


class AccountState(StrEnum):
    """Whether an account's keys may spend."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays."""

    id: int
    name: str
    currency: str
    state: AccountState = AccountState.ACTIVE
    created_ms: int


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What an account has, in whole nano-units, and how much of it running exchanges have set aside."""

    balance_nanos: int
    held_nanos: int
    currency: str


class TransferKind(StrEnum):
    """Why money moved, other than by an exchange."""

    CREDIT = "credit"
    DEBIT = "debit"


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """An immutable movement of money from one leg to another; amounts are above zero."""

    id: int
    kind: TransferKind
    debit_account: str
    """The leg that gives, such as `funding:operator`."""
    credit_account: str
    """The leg that receives, such as `account:42`."""
    amount_nanos: int
    currency: str
    reason: str
    created_ms: int


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one account used of one model at one provider, summed over finished exchanges."""

    account_id: int
    provider: str
    model_routed: str
    requests: int
    input_tokens: int
    """All input units together: fresh, cached and audio."""
    output_tokens: int
    """All output units together: visible, reasoning and audio."""
    base_nanos: int
    fee_nanos: int
    written_off_nanos: int

    @property
    def total_nanos(self) -> int:
        """What the account paid for them."""
        return self.base_nanos + self.fee_nanos - self.written_off_nanos


class LedgerReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `ledger check` found: no problems means that every balance is proven."""

    problems: tuple[str, ...]
    """Sentences, each naming the ids concerned."""
    counts: Mapping[str, int]
    """How many rows of each kind were read: `accounts`, `transfers`, `exchanges`, `holds`, `leases`, `workers`."""
