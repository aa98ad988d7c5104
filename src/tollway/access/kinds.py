"""What a secret is the text of, and what is said where another kind is asked for. Pure; knows no store."""

from enum import StrEnum

from tollway.errors import Refusal


class KeyKind(StrEnum):
    """The kinds of keys."""

    API = "api"
    """Asks models."""
    MANAGEMENT = "management"
    """Manages one account."""
    ADMIN = "admin"
    """Stands for the operator."""


_CANNOT_ASK = {
    KeyKind.MANAGEMENT: "This is a management key: it manages its account and cannot ask models. Use an API key here.",
    KeyKind.ADMIN: "This is an admin key: it works below /admin/v1 only and cannot ask models. Use an API key here.",
}
_CANNOT_ADMINISTER = {
    KeyKind.API: "This is an API key: it asks models. The admin API takes admin keys: `tollway admin-key create`.",
    KeyKind.MANAGEMENT: "This is a management key: it manages one account. The admin API takes admin keys: "
    "`tollway admin-key create`.",
}
_UNKNOWN_ADMIN = "This admin key is unknown or was revoked: `tollway admin-key create`."


def cannot_ask(kind: KeyKind | None) -> Refusal | None:
    """Return the refusal of a key that is no API key where models are asked; None for an API key, and for no key."""
    return None if kind is None or kind is KeyKind.API else Refusal("invalid_api_key", _CANNOT_ASK[kind])


def cannot_administer(kind: KeyKind | None) -> Refusal:
    """Return the refusal of what is no valid admin key where one is needed; `kind` is what it is instead, if anything."""
    return Refusal("invalid_api_key", _UNKNOWN_ADMIN if kind is None else _CANNOT_ADMINISTER.get(kind, _UNKNOWN_ADMIN))
