"""Whether a key may manage its account: the need of a route against what the key is. Pure; knows no route and no store."""

from enum import StrEnum

from tollway.access.principal import BillingMode, Principal
from tollway.errors import Refusal


class Need(StrEnum):
    """What a route of the accounts' API needs."""

    OPEN = "open"
    """Nothing."""
    KEY = "key"
    """Any key of the account: it tells what everybody with a key may know, or tells of the key itself."""
    READ = "read"
    """A management key, or an unrestricted key of the account itself."""
    WRITE = "write"
    """The same, and the management key may write."""
    KEYS_READ = "keys_read"
    """A management key."""
    KEYS_WRITE = "keys_write"
    """A management key that may write."""


KEYS_ONLY = frozenset((Need.KEYS_READ, Need.KEYS_WRITE))
"""What no key of the data plane may, however free it is."""

WRITING = frozenset((Need.WRITE, Need.KEYS_WRITE))


class ManagementAccess(StrEnum):
    """What a management key may do."""

    READ_ONLY = "read_only"
    READ_WRITE = "read_write"


def check_management_key(access: ManagementAccess, need: Need) -> None:
    """Raise Refusal 403 where a management key may not do what is asked."""
    if need in WRITING and access is ManagementAccess.READ_ONLY:
        raise Refusal("not_permitted", "This management key may only read: make one that is read_write.")


def check_key_manages(principal: Principal, need: Need) -> None:
    """Raise Refusal where an API key may not do what is asked: 401 where only management keys may, 403 for a limited key.

    A limited key that could manage its account could make itself an unlimited one.
    """
    if need in KEYS_ONLY:
        raise Refusal(
            "invalid_api_key", "This is an API key, and API keys are managed with a management key: make one of those."
        )
    if need in (Need.OPEN, Need.KEY):
        return
    limits = limits_of(principal)
    if limits:
        raise Refusal(
            "not_permitted",
            f"This API key is limited ({', '.join(limits)}), so it may not see or change its account: use a management "
            "key, or a key of the account without limits.",
        )


def limits_of(principal: Principal) -> tuple[str, ...]:
    """Return by what a key is limited, in words; nothing for a key that may do all that its account may."""
    found = {
        "it belongs to a sub-account": principal.sub_account_id is not None,
        "models": bool(principal.models or principal.sub_account_models),
        "routes": bool(principal.routes),
        "networks": bool(principal.networks),
        "a package": principal.billing is BillingMode.PACKAGE,
        "an expiry": principal.expires_ms is not None,
        "caps": bool(principal.caps),
        "rate limits": bool(principal.limits),
    }
    return tuple(word for word, limited in found.items() if limited)
