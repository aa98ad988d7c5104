"""Who asks the accounts' API, and under which brand: what the gate found out, as routes are given it."""

from typing import Annotated, NamedTuple, cast

from fastapi import Depends, Request

from tollway.access.audit import Actor
from tollway.access.key_view import ManagementKeyView
from tollway.access.principal import Principal
from tollway.http.replies import ReplyHeads

ASKED = "tollway.asked"
"""The name under which the gate leaves what it knows in an ASGI scope."""


class Asker(NamedTuple):
    """A valid key: one of the two below."""

    account_id: int
    actor: Actor
    principal: Principal | None = None
    management_key: ManagementKeyView | None = None


class Call(NamedTuple):
    """One call that has come in."""

    path: str
    request_id: str
    heads: ReplyHeads
    """Of the brand that it asks."""
    asker: Asker | None = None
    """None on open routes, and until a key was found."""


def call_of(request: Request) -> Call:
    """Return what the gate knows of a request that has passed it."""
    return cast(Call, request.scope[ASKED])


def asker_of(request: Request) -> Asker:
    """Return who asks, on a route that is not open."""
    asker = call_of(request).asker
    assert asker is not None, "the gate lets nobody through to a route that needs a key"
    return asker


Calling = Annotated[Call, Depends(call_of)]
Asking = Annotated[Asker, Depends(asker_of)]
