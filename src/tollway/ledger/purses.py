"""Purses: what money is held from. An account's balance, a package, or what is left of a cap in one window. Pure.

All three are one row that only conditional updates change; a hold takes the same amount from the one that pays and from
every cap that applies.
"""

import hashlib
from enum import StrEnum

import msgspec


class PurseKind(StrEnum):
    """What a purse is the balance of."""

    ACCOUNT = "account"
    PACKAGE = "package"
    CAP = "cap"


class CapWindow(msgspec.Struct, frozen=True, kw_only=True):
    """One cap for one subject in one window: all that is needed to make its purse when it does not exist yet."""

    purse_id: int
    cap_id: int
    account_id: int
    subject: str
    start_ms: int
    end_ms: int | None
    """None for a cap on the total."""
    limit_nanos: int
    alert_nanos: int
    """An event is raised when what is left falls to this."""


def cap_purse_id(cap_id: int, subject: str, start_ms: int) -> int:
    """Return the id of a cap's purse: a hash, so that every worker knows it before the row exists.

    63 bits: with ten million windows, the chance that any two meet is below one in a hundred thousand, and then the
    store finds that the row is another's and refuses.
    """
    content = f"{cap_id}:{start_ms}:{subject}".encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") >> 1 or 1


class EventKind(StrEnum):
    """What people are told of a purse."""

    CAP_THRESHOLD = "cap_threshold"
    CAP_REACHED = "cap_reached"
    BALANCE_LOW = "balance_low"
    PACKAGE_LOW = "package_low"


ALERT_KINDS = {
    PurseKind.ACCOUNT: EventKind.BALANCE_LOW,
    PurseKind.PACKAGE: EventKind.PACKAGE_LOW,
    PurseKind.CAP: EventKind.CAP_THRESHOLD,
}
"""The event of a balance that falls to its alert."""
