"""What a route is: a method, a gate, and one way to answer. Values only; knows no connection."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import NamedTuple

from tollway.access.principal import Principal
from tollway.dialects.record import Called, Dialect


class Gate(StrEnum):
    """What a request must pass before its route does anything."""

    OPEN = "open"
    """Nothing: it tells no secret and reaches no provider."""
    KEY = "key"
    """A valid key."""
    ADMISSION = "admission"
    """Key, model, price and money: the only gate behind which a provider is reached."""


ANY = b"*"
"""The method of a route that answers all of them alike."""


class Call(NamedTuple):
    """One request, as a page sees it."""

    path: str
    """Decoded."""
    principal: Principal | None
    """Who asks; None on open routes."""
    headers: list[tuple[bytes, bytes]]
    """Their names in lower case."""
    body: bytes = b""
    """Empty unless the route takes one."""
    query: str = ""
    """Not decoded."""


class Page(NamedTuple):
    """A small answer of the gateway itself."""

    status: int
    body: bytes
    content_type: str = "application/json"


class Route(NamedTuple):
    """What a path does."""

    method: bytes
    gate: Gate
    dialect: Dialect | None = None
    """Of an admission route."""
    find_dialect: Callable[[str, str], tuple[Dialect, Called] | None] | None = None
    """Of an admission route whose path says more: takes path and query; None is "there is nothing here"."""
    page: Callable[[Call], Awaitable[Page]] | None = None
    """Of any other."""
    get: "Route | None" = None
    """What the same path answers to GET, where this one takes another method."""
    body_bytes_max: int = 0
    """Of a page: no longer body is kept; zero for none at all."""
    yields: bool = False
    """It gives way where a request names a provider: that one may have what the gateway has not."""
    word: str = ""
    """What keys may be kept to (`access.routes`); empty is what every key may use."""
