"""Puts an application of FastAPI's together, and makes beforehand what it would make while it answers.

Then it is made in the thread in which a door opens: on the event loop every request and stream would wait for it. Knows
no route.
"""

import importlib
from collections.abc import Callable, Iterable
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from tollway import __version__
from tollway.http.asgi_errors import ERRORS, REFUSED

RUNS_ROUTES = "anyio._backends._asyncio"
"""What FastAPI runs its routes with, and imports when the first of them runs: 25 ms."""

NOWHERE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": []}


def prepared(
    title: str,
    routers: Iterable[APIRouter],
    answer: Callable[[Request, Exception], Response],
    *,
    document: str,
    prefix: str = "",
) -> FastAPI:
    """Return the application of these routes below `prefix`.

    It tells errors by `answer`, and has its description at the path `document`.
    """
    # No page of documentation: it would load scripts from elsewhere.
    app = FastAPI(
        title=title,
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=REFUSED,
    )
    for router in routers:
        app.include_router(router, prefix=prefix)
    for kind in ERRORS:
        app.add_exception_handler(kind, answer)
    _prepare(app, document)
    return app


def _prepare(app: FastAPI, document: str) -> None:
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
