"""On whose behalf a limit was set: what the operator set, an account's owner may add to and never lift. Values only."""

from enum import StrEnum


class SetBy(StrEnum):
    """Who set a limit. Both hold, each by itself, so that the lower of two counts."""

    OPERATOR = "operator"
    """By the command line or the admin API; and whatever was set before stores knew."""
    ACCOUNT = "account"
    """With a key of the account, by the accounts' API."""
