"""Statements: opening + credits - debits = closing, for any period of an account. Values only; knows no SQL and no page."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from tollway.ledger.records import Account, Transfer, TransferKind, account_leg
from tollway.ledger.usage import Span, UsageRow


class Group(StrEnum):
    """What the movements of a statement are grouped by, in the order in which they stand there."""

    TOP_UPS = "top_ups"
    VOUCHERS = "vouchers"
    OPERATOR_CREDITS = "operator_credits"
    OPERATOR_DEBITS = "operator_debits"
    REFUNDS = "refunds"
    DISPUTES = "disputes"
    PACKAGE_PURCHASES = "package_purchases"
    USAGE = "usage"


GROUP_OF = {
    TransferKind.TOPUP: Group.TOP_UPS,
    TransferKind.VOUCHER: Group.VOUCHERS,
    TransferKind.CREDIT: Group.OPERATOR_CREDITS,
    TransferKind.DEBIT: Group.OPERATOR_DEBITS,
    TransferKind.REFUND: Group.REFUNDS,
    TransferKind.REFUND_FAILED: Group.REFUNDS,
    TransferKind.DISPUTE: Group.DISPUTES,
    TransferKind.DISPUTE_WON: Group.DISPUTES,
    TransferKind.PURCHASE: Group.PACKAGE_PURCHASES,
}
"""The group of each kind of transfer that can touch a balance."""


class PackageMoves(NamedTuple):
    """What went into and out of the packages of an account, by transfers, all of one unit together."""

    granted: int = 0
    expired: int = 0


class StatementFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the store knows of an account and a period, on one snapshot."""

    account: Account
    balance_nanos: int
    """Now."""
    transferred_before_nanos: int
    """What transfers brought to the balance before the period."""
    used_before: Sequence[UsageRow]
    """One row at most."""
    transfers: Sequence[Transfer]
    """Of the balance, in the period, oldest first."""
    usage: Sequence[UsageRow]
    """Of the period, by provider and model."""
    tokens_before: PackageMoves = PackageMoves()
    tokens: PackageMoves = PackageMoves()
    """In micro-tokens, within the period."""
    money_before: PackageMoves = PackageMoves()
    money: PackageMoves = PackageMoves()


class GroupSum(msgspec.Struct, frozen=True, kw_only=True):
    """What one group moved; amounts are zero or more."""

    group: Group
    count: int
    credit_nanos: int
    debit_nanos: int


class PackageSum(msgspec.Struct, frozen=True, kw_only=True):
    """What packages held, of one unit: opening + granted - used - expired = closing."""

    opening: int
    granted: int
    used: int
    expired: int

    @property
    def closing(self) -> int:
        """What they held at the end."""
        return self.opening + self.granted - self.used - self.expired


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """The movements of an account's balance in a period."""

    account: Account
    span: Span
    opening_nanos: int
    groups: tuple[GroupSum, ...]
    transfers: Sequence[Transfer]
    usage: Sequence[UsageRow]
    tokens: PackageSum
    """In micro-tokens."""
    money: PackageSum
    """In nano-units of the account's currency."""

    @property
    def credit_nanos(self) -> int:
        """What came in."""
        return sum(group.credit_nanos for group in self.groups)

    @property
    def debit_nanos(self) -> int:
        """What went out."""
        return sum(group.debit_nanos for group in self.groups)

    @property
    def closing_nanos(self) -> int:
        """What was left at the end."""
        return self.opening_nanos + self.credit_nanos - self.debit_nanos


def make_statement(facts: StatementFacts, span: Span) -> Statement:
    """Return the statement of a period."""
    before = facts.used_before
    return Statement(
        account=facts.account,
        span=span,
        opening_nanos=facts.transferred_before_nanos - sum(row.sums.balance_nanos for row in before),
        groups=_groups(facts),
        transfers=facts.transfers,
        usage=facts.usage,
        tokens=_package_sum(
            facts.tokens_before,
            facts.tokens,
            used_before=sum(row.sums.package_micros for row in before),
            used=sum(row.sums.package_micros for row in facts.usage),
        ),
        money=_package_sum(
            facts.money_before,
            facts.money,
            used_before=sum(row.sums.package_paid_nanos for row in before),
            used=sum(row.sums.package_paid_nanos for row in facts.usage),
        ),
    )


def signed_nanos(transfer: Transfer, account_id: int) -> int:
    """Return what a transfer did to an account's balance: above zero when it received."""
    leg = account_leg(account_id)
    return transfer.amount_nanos * ((transfer.credit_account == leg) - (transfer.debit_account == leg))


def _groups(facts: StatementFacts) -> tuple[GroupSum, ...]:
    moved: dict[Group, list[int]] = {group: [] for group in Group}
    for transfer in facts.transfers:
        moved[GROUP_OF[transfer.kind]].append(signed_nanos(transfer, facts.account.id))
    sums = [
        GroupSum(group=group, count=len(amounts), credit_nanos=_above_zero(amounts), debit_nanos=-_below_zero(amounts))
        for group, amounts in moved.items()
        if amounts
    ]
    requests = sum(row.sums.requests for row in facts.usage)
    if requests:
        used = sum(row.sums.balance_nanos for row in facts.usage)
        sums.append(GroupSum(group=Group.USAGE, count=requests, credit_nanos=0, debit_nanos=used))
    return tuple(sums)


def _above_zero(amounts: Iterable[int]) -> int:
    return sum(amount for amount in amounts if amount > 0)


def _below_zero(amounts: Iterable[int]) -> int:
    return sum(amount for amount in amounts if amount < 0)


def _package_sum(before: PackageMoves, within: PackageMoves, *, used_before: int, used: int) -> PackageSum:
    return PackageSum(
        opening=before.granted - before.expired - used_before,
        granted=within.granted,
        used=used,
        expired=within.expired,
    )
