"""Builds the admin API: routes, error form, gate. The one place that knows FastAPI's application object."""

from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from tollway import __version__
from tollway.errors import CommandRefused, Refusal
from tollway.http.admin.account_routes import account_routes
from tollway.http.admin.gate import Gate
from tollway.http.admin.key_routes import key_routes
from tollway.http.admin.parts import PREFIX, AdminParts
from tollway.http.admin.reading_routes import reading_routes
from tollway.ids import IdError
from tollway.money import AmountError


def build_admin(parts: AdminParts) -> Gate:
    """Return the admin API as an ASGI application for everything below `/admin/v1`."""
    return Gate(build_routes(parts), parts)


def build_routes(parts: AdminParts) -> FastAPI:
    """Return the routes alone, without the gate that every request must pass."""
    # No page of documentation: it would load scripts from elsewhere. Its data is at openapi.json, behind the gate.
    app = FastAPI(
        title="Tollway admin API",
        version=__version__,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    for router in (account_routes(parts), key_routes(parts), reading_routes(parts)):
        app.include_router(router, prefix=PREFIX)

    def answer(_: Request, error: Exception) -> Response:
        refusal = refusal_of(error)
        body = parts.render_error(refusal)
        return Response(body, status_code=refusal.facts.status, media_type="application/json")

    for kind in (Refusal, CommandRefused, AmountError, IdError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)
    return app


def refusal_of(error: Exception) -> Refusal:
    """Return what a caller is told of an error that is theirs to mend."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RequestValidationError):
        return _refusal_of_body(error)
    if isinstance(error, HTTPException):
        return Refusal("not_found", "There is nothing at this path for this method: GET /admin/v1/openapi.json.")
    return Refusal("invalid_request", str(error))


def _refusal_of_body(error: RequestValidationError) -> Refusal:
    """Name every field at fault; the first is the `param`."""
    mistakes = cast("list[dict[str, Any]]", error.errors())
    places = [".".join(str(part) for part in mistake["loc"][1:]) for mistake in mistakes]
    said = "; ".join(f"{place or 'body'}: {mistake['msg']}" for place, mistake in zip(places, mistakes, strict=True))
    return Refusal("invalid_request", said, param=places[0] or None)
