"""The doors to what FastAPI answers: each imports its application at the first knock, because 0.3 s are not every start's.

Knows where the admin API and the accounts' API lie, and nothing of what they do.
"""

import asyncio
import gc
import importlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tollway.giving_way import giving_way
from tollway.http.request_body import Receive

Send = Callable[[Any], Awaitable[None]]
Scope = dict[str, Any]

ADMIN_BELOW = ("/admin/v1/",)

ACCOUNT_BELOW = (
    "/api/v1/",
    "/api/logs",
    "/v1/sub-accounts",
    "/v1/usage/",
    "/v1/balance",
    "/v1/budgets",
    "/v1/webhook-secret",
    "/v1/capabilities",
    "/v1/health/providers",
    "/v1/keys/",
)
"""How the paths of the accounts' API begin: the services' words, which no dialect of models has."""


class Door:
    """An ASGI application that is made when it is first asked for something."""

    def __init__(self, below: Sequence[str], module: str, build: str, parts: object) -> None:
        """Take how its paths begin, and the function of a module that makes it of its parts."""
        self.below = tuple(below)
        self._where = (module, build)
        self._parts = parts
        self._opening = asyncio.Lock()
        self._application: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        with giving_way():  # to the data plane: routes run in threads
            if self._application is None:
                async with self._opening:
                    self._application = self._application or await asyncio.to_thread(self._open)
            await self._application(scope, receive, send)

    def _open(self) -> Any:  # noqa: ANN401 the module is not imported where a type could be named
        module, build = self._where
        # What is made lives for ever: 40,000 objects that no collection of garbage need look through, for 20 ms.
        gc.disable()
        try:
            return getattr(importlib.import_module(module), build)(self._parts)
        finally:
            gc.freeze()
            gc.enable()


class Doors:
    """The ASGI application that is several: each request is for the one below whose paths it lies."""

    def __init__(self, *doors: Door) -> None:
        """Take them."""
        self._doors = doors

    @property
    def below(self) -> tuple[str, ...]:
        """How the paths of all of them begin."""
        return tuple(start for door in self._doors for start in door.below)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, whose path begins like one of `below`."""
        # As the server saw it: the decoded path may begin otherwise.
        path = scope["raw_path"].decode("latin-1")
        door = next(door for door in self._doors if path.startswith(door.below))
        await door(scope, receive, send)


def admin_door(parts: object) -> Door:
    """Return the door to the admin API."""
    return Door(ADMIN_BELOW, "tollway.http.admin.api", "build_admin", parts)


def account_door(parts: object) -> Door:
    """Return the door to the accounts' API."""
    return Door(ACCOUNT_BELOW, "tollway.http.account.api", "build_account_api", parts)
