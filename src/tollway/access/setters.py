"""On whose behalf a limit was set: what the operator set, an account's owner may add to and never lift. Values only."""

from collections.abc import Mapping, Sequence
from enum import StrEnum


class SetBy(StrEnum):
    """Who set a limit. Both hold, each by itself, so that the lower of two counts."""

    OPERATOR = "operator"
    """By the command line or the admin API; and whatever was set before stores knew."""
    ACCOUNT = "account"
    """With a key of the account, by the accounts' API."""


def limited_by_operator(before: Sequence[str], told: Mapping[str, object], side: SetBy) -> tuple[str, ...]:
    """Return what the operator has limited of a thing after a change; `told` are the limits of it that the change names.

    What is empty of them limits nothing: so the operator leaves it to the account again.
    """
    if side is SetBy.ACCOUNT:
        return tuple(before)
    kept = [name for name in before if name not in told]
    return (*kept, *(name for name, value in told.items() if value))


def touched(before: Sequence[str], told: Mapping[str, object], side: SetBy) -> str | None:
    """Return what a change would touch of what the operator limited, and that the side that changes may not; None for nothing."""
    return None if side is SetBy.OPERATOR else next((name for name in told if name in before), None)
