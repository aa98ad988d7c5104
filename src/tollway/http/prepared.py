"""Makes beforehand what FastAPI would make while it answers: then it is made in the thread in which a door opens.

On the event loop every request and stream would wait for it. Knows no route.
"""

import importlib
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

RUNS_ROUTES = "anyio._backends._asyncio"
"""What FastAPI runs its routes with, and imports when the first of them runs: 25 ms."""

NOWHERE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": []}


def prepare(app: FastAPI, *, document: str) -> None:
    """Make the routes of an application that has them all, and give it its description at the path `document`."""
    app.add_route(document, _describing(app), include_in_schema=False)
    importlib.import_module(RUNS_ROUTES)
    # Included routes are put together when somebody looks for one among them: 15 ms.
    for route in app.router.routes:
        route.matches(NOWHERE)


def _describing(app: FastAPI) -> Callable[[Request], JSONResponse]:
    def describe(_: Request) -> JSONResponse:
        # No coroutine, so that it runs in a thread: FastAPI's own makes the description on the event loop, for 120 ms.
        return JSONResponse(app.openapi())

    return describe
