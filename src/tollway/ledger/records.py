"""What the books keep besides lines: accounts, transfers, balances, and the report of a check. Values only; knows no SQL."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from tollway.money import PPM

FUNDING = "funding:operator"
"""Where credited money comes from and debited money goes: the operator's side of a top-up."""
FUNDING_STRIPE = "funding:stripe"
"""The payment provider's side of a top-up, a refund or a dispute."""
FUNDING_VOUCHER = "funding:voucher"
REVENUE = "revenue"
FEES = "fees"
PACKAGES_SOLD = "packages:sold"
"""Where the money goes that was paid for packages."""
TOKENS = "TOKENS"
"""The currency of transfers of tokens; their amounts are in micro-tokens."""


def packages_issued(unit: str) -> str:
    """Return the leg that what packages hold comes from: `tokens` or `money`."""
    return f"packages:issued:{unit}"


def breakage(unit: str) -> str:
    """Return the leg that what expired packages still held goes to: `tokens` or `money`."""
    return f"breakage:{unit}"


_ACCOUNT = "account:"
_PACKAGE = "package:"


def account_leg(account_id: int) -> str:
    """Return the name of an account's purse as a leg of a transfer."""
    return f"{_ACCOUNT}{account_id}"


def package_leg(package_id: int) -> str:
    """Return the name of a package's purse as a leg of a transfer."""
    return f"{_PACKAGE}{package_id}"


def purse_of_leg(leg: str) -> int | None:
    """Return the purse behind a leg of a transfer; None when it is the world outside."""
    for start in (_ACCOUNT, _PACKAGE):
        if leg.startswith(start):
            return int(leg.removeprefix(start))
    return None


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
    fee_ppm: int | None = None
    """Its own platform fee; None for the deployment's."""
    price_ppm: int = PPM
    """Its discount or markup: the share of each price that it pays."""
    brand: str | None = None
    """The preset under which it was made; None for the deployment's own brand."""


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What an account has, in whole nano-units, and how much of it running exchanges have set aside."""

    balance_nanos: int
    held_nanos: int
    currency: str


class TransferKind(StrEnum):
    """Why money moved, other than by an exchange."""

    CREDIT = "credit"
    """By the operator, with a reason."""
    DEBIT = "debit"
    """By the operator, with a reason."""
    TOPUP = "topup"
    """A payment."""
    REFUND = "refund"
    """A payment given back."""
    REFUND_FAILED = "refund_failed"
    """It did not reach the payer and came back."""
    DISPUTE = "dispute"
    """A payment that the payer's bank took back."""
    DISPUTE_WON = "dispute_won"
    VOUCHER = "voucher"
    PURCHASE = "purchase"
    """A package bought from the balance."""
    GRANT = "grant"
    """What a package holds, when it begins."""
    BREAKAGE = "breakage"
    """What it still held when it expired."""


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
    reference: str | None = None
    """What it belongs to: an order, a voucher, a package, a refund. One of a kind is posted once."""


class LedgerReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `ledger check` found: no problems means that every balance is proven."""

    problems: tuple[str, ...]
    """Sentences, each naming the ids concerned."""
    counts: Mapping[str, int]
    """How many rows of each kind were read: `accounts`, `transfers`, `exchanges`, `holds`, `leases`, `workers`."""
