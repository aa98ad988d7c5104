"""How an account stands with its money, in one word. Pure."""

from enum import StrEnum

from tollway.ledger.records import Account, AccountState
from tollway.money import NANOS_PER_UNIT

LOW_NANOS = NANOS_PER_UNIT
"""A balance below one unit of its currency is low: people are told while a small request still fits."""


class Standing(StrEnum):
    """How an account stands."""

    ACTIVE = "active"
    LOW = "low"
    SUSPENDED = "suspended"


def standing_of(account: Account, balance_nanos: int) -> Standing:
    """Return how an account with this balance stands."""
    if account.state is AccountState.SUSPENDED:
        return Standing.SUSPENDED
    return Standing.LOW if balance_nanos < LOW_NANOS else Standing.ACTIVE
