"""Builds the admin API: routes, error form, gate. The one place that knows FastAPI's application object."""

from fastapi import FastAPI, Request, Response

from tollway.http.admin.account_routes import account_routes
from tollway.http.admin.audit_routes import audit_routes
from tollway.http.admin.bill_routes import bill_routes, cost_routes
from tollway.http.admin.cap_routes import cap_routes
from tollway.http.admin.event_routes import event_routes
from tollway.http.admin.gate import Gate
from tollway.http.admin.key_routes import key_routes
from tollway.http.admin.limit_routes import limit_routes
from tollway.http.admin.management_key_routes import management_key_routes
from tollway.http.admin.own_provider_routes import own_provider_routes
from tollway.http.admin.package_routes import package_routes, product_routes
from tollway.http.admin.parts import PREFIX, AdminParts
from tollway.http.admin.payment_routes import order_routes, payment_routes
from tollway.http.admin.reading_routes import reading_routes
from tollway.http.admin.statement_routes import statement_routes
from tollway.http.admin.sub_account_routes import sub_account_routes
from tollway.http.admin.usage_routes import usage_routes
from tollway.http.admin.voucher_routes import voucher_routes
from tollway.http.asgi_errors import refusal_of
from tollway.http.prepared import prepared

NOTHING = f"There is nothing at this path for this method: GET {PREFIX}/openapi.json."

ROUTES = (
    account_routes,
    sub_account_routes,
    key_routes,
    management_key_routes,
    own_provider_routes,
    cap_routes,
    limit_routes,
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


def build_admin(parts: AdminParts) -> Gate:
    """Return the admin API as an ASGI application for everything below `/admin/v1`."""
    return Gate(build_routes(parts), parts)


def build_routes(parts: AdminParts) -> FastAPI:
    """Return the routes alone, without the gate that every request must pass."""

    def answer(_: Request, error: Exception) -> Response:
        refusal = refusal_of(error, nothing=NOTHING)
        body = parts.render_error(refusal)
        return Response(body, status_code=refusal.facts.status, media_type="application/json")

    made = [routes(parts) for routes in ROUTES]
    return prepared("Tollway admin API", made, answer, document=f"{PREFIX}/openapi.json", prefix=PREFIX)
