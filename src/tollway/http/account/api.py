"""Builds the accounts' API: routes, error form, gate. The one place here that knows FastAPI's application object."""

from fastapi import FastAPI, Request, Response

from tollway.http.account.asking import call_of
from tollway.http.account.audit_routes import audit_routes
from tollway.http.account.budget_routes import budget_routes, tag_budget_routes
from tollway.http.account.discovery_routes import discovery_routes
from tollway.http.account.errors import told
from tollway.http.account.gate import Gate
from tollway.http.account.identity_routes import identity_routes
from tollway.http.account.key_routes import key_routes
from tollway.http.account.log_routes import log_routes
from tollway.http.account.parts import AccountParts
from tollway.http.account.pricing_routes import pricing_routes
from tollway.http.account.provider_routes import provider_routes
from tollway.http.account.replying import JSON
from tollway.http.account.statistics_routes import statistics_routes
from tollway.http.account.sub_account_routes import sub_account_routes
from tollway.http.account.usage_routes import usage_routes
from tollway.http.account.webhook_secret_routes import webhook_secret_routes
from tollway.http.asgi_errors import refusal_of
from tollway.http.prepared import prepared

OPENAPI = "/api/v1/openapi.json"

ROUTES = (
    identity_routes,
    pricing_routes,
    key_routes,
    sub_account_routes,
    usage_routes,
    tag_budget_routes,
    webhook_secret_routes,
    discovery_routes,
    statistics_routes,
    budget_routes,
    log_routes,
    audit_routes,
    provider_routes,
)
"""What makes each group of routes."""


def build_account_api(parts: AccountParts) -> Gate:
    """Return the accounts' API as an ASGI application."""
    return Gate(build_routes(parts), parts)


def build_routes(parts: AccountParts) -> FastAPI:
    """Return the routes alone, without the gate that every request must pass."""

    def answer(request: Request, error: Exception) -> Response:
        refusal = refusal_of(error, nothing=f"There is nothing at this path for this method: GET {OPENAPI}.")
        status, headers, body = told(parts, call_of(request), refusal)
        shown = {name.decode("ascii"): value.decode("ascii") for name, value in headers}
        return Response(body, status_code=status, media_type=JSON, headers=shown)

    return prepared("Account API", [routes(parts) for routes in ROUTES], answer, document=OPENAPI)
