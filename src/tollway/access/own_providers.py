"""Providers that accounts bring, as admission and their owners see them. Values only; knows no store and no key in the clear."""

from enum import StrEnum

import msgspec


class ProviderAuth(StrEnum):
    """Whose credentials go to a provider that an account brought."""

    API_KEY = "api_key"
    """Those that the account left here, encrypted."""
    PASSTHROUGH = "passthrough"
    """Those that each request carries in the provider's own header; the gateway's key then stands in a header of its own."""


class OwnProvider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as its account configured it."""

    id: int
    account_id: int
    name: str
    """The alias that requests name."""
    preset: str
    base_url: str | None = None
    """None is the preset's."""
    auth: ProviderAuth
    sealed_key: bytes | None = None
    """Encrypted; None in pass-through mode. Never shown."""
    key_hint: str | None = None
    """Its last characters."""
    is_default: bool = False
    """It takes what no header and no path leads elsewhere."""
    enabled: bool = True
    created_ms: int = 0
    removed_ms: int | None = None

    def __repr__(self) -> str:
        """Name it and nothing else: a repr ends up in logs."""
        return f"OwnProvider({self.name!r})"


class Obstacle(StrEnum):
    """Why the store did not write a provider."""

    NAME = "name"
    """Another one of the account has it."""
    COUNT = "count"
    """The account has too many."""
    GONE = "gone"
    """It was removed, or never was there."""
