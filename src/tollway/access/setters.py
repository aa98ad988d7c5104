"""On whose behalf a limit was set: what the operator set, an account's owner may add to and never lift. Values only."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from tollway.errors import OnlyTheOperator


class SetBy(StrEnum):
    """Who set a limit. Both hold, each by itself, so that the lower of two counts."""

    OPERATOR = "operator"
    """By the command line or the admin API; and whatever was set before stores knew."""
    ACCOUNT = "account"
    """With a key of the account, by the accounts' API."""


def limited_after(
    before: Sequence[str], told: Mapping[str, object], *, now: Mapping[str, object], side: SetBy, of: str
) -> tuple[str, ...]:
    """Return what the operator will have limited of a thing, when one side changes its limits from `now` to what is `told`.

    What the operator empties limits nothing, and is the account's again. Raises OnlyTheOperator, which names the thing as
    `of`, where an owner would change what is limited; what stays as it is may be told: some clients send back all.
    """
    if side is SetBy.OPERATOR:
        kept = [name for name in before if name not in told]
        return (*kept, *(name for name, value in told.items() if value))
    for name, value in told.items():
        if name in before and value != now[name]:
            raise OnlyTheOperator(
                f"the operator set {name!r} of {of}, and only the operator changes it: ask the operator"
            )
    return tuple(before)
