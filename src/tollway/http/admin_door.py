"""The door to the admin API: imports FastAPI at the first knock, because its 0.3 s are not every start's to pay.

Knows where the admin API lies, and nothing of what it does.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import Any

from tollway.http.admin.parts import PREFIX, AdminParts
from tollway.http.request_body import Receive

BELOW = f"{PREFIX}/"
Send = Callable[[Any], Awaitable[None]]


class AdminDoor:
    """An ASGI application that becomes the admin API when it is first asked for something."""

    def __init__(self, parts: AdminParts) -> None:
        """Take what the admin API is built from."""
        self._parts = parts
        self._opening = asyncio.Lock()
        self._api: Any = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if self._api is None:
            async with self._opening:
                self._api = self._api or await asyncio.to_thread(self._open)
        await self._api(scope, receive, send)

    def _open(self) -> Any:  # noqa: ANN401 the module is not imported where a type could be named
        return importlib.import_module("tollway.http.admin.api").build_admin(self._parts)
