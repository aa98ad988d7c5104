"""What an operator may say about providers that accounts bring, and about calls that have a price of their own. Values only."""

from enum import StrEnum
from typing import Annotated

import msgspec

from tollway.settings.fields import OneOrMany, text_rule
from tollway.settings.prices import Currency, PiecePrice, PriceSettings

CallMethod = Annotated[str, text_rule(r"GET|POST|PUT|PATCH|DELETE", "one of GET, POST, PUT, PATCH, DELETE")]
CallPath = Annotated[
    str, text_rule(r"/[\x21\x24-\x3e\x40-\x7e]{0,255}", "a path such as /v1/things/*, without a query, in plain ASCII")
]
ModelPattern = Annotated[
    str, text_rule(r"[^\s\x00-\x1f]{1,256}", "a name of a model at its provider, in which a star stands for anything")
]


class AccountAddresses(StrEnum):
    """Where accounts may have providers of their own."""

    PUBLIC = "public"
    """At public addresses, by https."""
    ANY = "any"
    """In private networks and by http too: for accounts that the operator trusts."""


class AuthChoice(StrEnum):
    """Whose key goes to a provider."""

    API_KEY = "api_key"
    PASSTHROUGH = "passthrough"


class CallSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One of the `calls` of a provider: a path that belongs to no dialect, and what a call of it costs."""

    method: CallMethod
    path: CallPath
    """As clients write it; a star stands for anything."""
    price: PiecePrice
    """Of one call; whole nano-units of currency per million calls."""
    currency: Currency | None = None
    """None is the deployment's."""


class OwnCallSettings(CallSettings, frozen=True, kw_only=True):
    """The same at providers that accounts bring."""

    preset: str | None = None
    """At those of this preset only."""


class OwnModelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What models cost at providers that accounts bring, where the price library does not know or is not to be asked."""

    id: ModelPattern
    preset: str | None = None
    """At those of this preset only."""
    prices: Annotated[tuple[PriceSettings, ...], OneOrMany()] = msgspec.field(name="price")


class OwnProvidersSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[own_providers]`: what goes through providers that accounts bring."""

    calls: tuple[OwnCallSettings, ...] = ()
    models: tuple[OwnModelSettings, ...] = ()
