"""Who acts by an admin call: the admin key that the gate found good, and the address that the call came from."""

from typing import Annotated, cast

from fastapi import Depends, Request

from tollway.access.audit import Actor

ACTOR = "tollway.actor"
"""The name under which the gate leaves the actor in an ASGI scope."""


def acting(request: Request) -> Actor:
    """Return who acts by a request that has passed the gate."""
    return cast(Actor, request.scope[ACTOR])


Acting = Annotated[Actor, Depends(acting)]
