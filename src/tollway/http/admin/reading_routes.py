"""The routes that only read: requests, usage, the proof of the ledger, models, prices."""

from typing import Annotated

from fastapi import APIRouter, Query

from tollway import clock
from tollway.billing.statements import REQUESTS_MAX
from tollway.billing.views import View, view_report, view_request, view_usage
from tollway.catalog.listing import price_rows, render_model
from tollway.http.admin.found import found
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, EXCHANGE, parse_id

Limit = Annotated[int, Query(ge=1, le=REQUESTS_MAX)]


def reading_routes(parts: AdminParts) -> APIRouter:
    """Return the routes that change nothing."""
    router = APIRouter()
    statements = parts.desk.statements
    models = sorted(parts.catalog.models.values(), key=lambda model: model.id)

    def number_of(account: str | None) -> int | None:
        return None if account is None else parse_id(ACCOUNT, account)

    @router.get("/requests", tags=["requests"])
    def list_requests(account: str | None = None, limit: Limit = 50) -> View:
        """List finished requests, newest first."""
        lines = statements.requests(number_of(account), limit)
        return {"object": "list", "data": [view_request(line) for line in lines]}

    @router.get("/requests/{request}", tags=["requests"])
    def show_request(request: str) -> View:
        """Show one request: its usage, its cost, and how it was charged."""
        line = found(lambda: statements.request(parse_id(EXCHANGE, request)))
        return view_request(line) | {"currency": parts.currency}

    @router.get("/usage", tags=["requests"])
    def sum_usage(account: str | None = None) -> View:
        """Sum finished requests by account, provider and model."""
        return {"object": "list", "data": [view_usage(row) for row in statements.usage(number_of(account))]}

    @router.get("/ledger/check", tags=["ledger"])
    def check_ledger() -> View:
        """Prove that every balance is the sum of its movements."""
        return view_report(statements.ledger_check())

    @router.get("/models", tags=["catalog"])
    def list_models() -> View:
        """List the configured models."""
        return {
            "object": "list",
            "data": [render_model(model, parts.catalog.rates, now_ms=clock.now_ms()) for model in models],
        }

    @router.get("/prices", tags=["catalog"])
    def list_prices() -> View:
        """List the prices of each target of each model, those to come too, with where each comes from."""
        now_ms = clock.now_ms()
        return {"object": "list", "data": [row for model in models for row in price_rows(model, now_ms=now_ms)]}

    return router
