"""How fast requests may come, as it was set: for a key, a sub-account, an account, an end user. Values only; knows no counter."""

from enum import StrEnum

import msgspec


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


class RateRule(msgspec.Struct, frozen=True, kw_only=True):
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
