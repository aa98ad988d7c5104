"""Builds the admin API: routes, error form, gate. The one place that knows FastAPI's application object."""

from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from tollway import __version__
from tollway.errors import CommandRefused, Refusal
from tollway.http.admin.account_routes import account_routes
from tollway.http.admin.audit_routes import audit_routes
from tollway.http.admin.bill_routes import bill_routes, cost_routes
from tollway.http.admin.cap_routes import cap_routes
from tollway.http.admin.event_routes import event_routes
from tollway.http.admin.gate import Gate
from tollway.http.admin.key_routes import key_routes
from tollway.http.admin.own_provider_routes import own_provider_routes
from tollway.http.admin.package_routes import package_routes, product_routes
from tollway.http.admin.parts import PREFIX, AdminParts
from tollway.http.admin.payment_routes import order_routes, payment_routes
from tollway.http.admin.reading_routes import reading_routes
from tollway.http.admin.statement_routes import statement_routes
from tollway.http.admin.sub_account_routes import sub_account_routes
from tollway.http.admin.usage_routes import usage_routes
from tollway.http.admin.voucher_routes import voucher_routes
from tollway.ids import IdError
from tollway.money import AmountError

BAD_REQUEST = 400

ROUTES = (
    account_routes,
    sub_account_routes,
    key_routes,
    own_provider_routes,
    cap_routes,
    product_routes,
    package_routes,
    payment_routes,
    order_routes,
    voucher_routes,
    usage_routes,
    statement_routes,
    reading_routes,
    cost_routes,
    bill_routes,
    event_routes,
    audit_routes,
)
"""What makes each group of routes."""

_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code", "param", "metadata"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "code": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "metadata": {"type": "object"},
            },
        }
    },
}
REFUSED: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "Refused; the message says what to mend.",
        "content": {"application/json": {"schema": _ERROR}},
    }
}
"""What every route may answer: without it the framework would describe a 422 that nobody ever gets."""


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
        responses=REFUSED,
    )
    for routes in ROUTES:
        app.include_router(routes(parts), prefix=PREFIX)

    def answer(_: Request, error: Exception) -> Response:
        refusal = refusal_of(error)
        body = parts.render_error(refusal)
        return Response(body, status_code=refusal.facts.status, media_type="application/json")

    # The last is for defects: the caller gets the same form, and the server still logs the error.
    for kind in (Refusal, CommandRefused, AmountError, IdError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)
    return app


def refusal_of(error: Exception) -> Refusal:
    """Return what a caller is told of an error: how to mend what is theirs to mend, and nothing of a defect of ours."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RequestValidationError):
        return _refusal_of_body(error)
    if isinstance(error, HTTPException):
        if error.status_code == BAD_REQUEST:  # FastAPI's word for a body that Python's JSON reader chokes on
            return Refusal("invalid_request", "The body cannot be read: send JSON in UTF-8, without deep nesting.")
        return Refusal("not_found", "There is nothing at this path for this method: GET /admin/v1/openapi.json.")
    if isinstance(error, CommandRefused | AmountError | IdError):
        return Refusal("invalid_request", str(error))
    return Refusal("internal_error", "This gateway failed at it; its log says why.")


def _refusal_of_body(error: RequestValidationError) -> Refusal:
    """Name every field at fault; the first is the `param`."""
    mistakes = cast("list[dict[str, Any]]", error.errors())
    if mistakes[0]["type"] == "json_invalid":  # its place is an offset, not a field
        return Refusal("invalid_request", f"The body is not JSON: {mistakes[0]['ctx']['error']}.")
    places = [".".join(str(part) for part in mistake["loc"][1:]) for mistake in mistakes]
    said = "; ".join(f"{place or 'body'}: {mistake['msg']}" for place, mistake in zip(places, mistakes, strict=True))
    return Refusal("invalid_request", said, param=places[0] or None)
