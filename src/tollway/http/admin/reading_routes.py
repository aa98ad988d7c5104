"""The routes that only read: the proof of the ledger, models, prices."""

from fastapi import APIRouter

from tollway import clock
from tollway.billing.views import View, view_report
from tollway.catalog.listing import price_rows, render_model
from tollway.http.admin.parts import AdminParts


def reading_routes(parts: AdminParts) -> APIRouter:
    """Return the routes that change nothing."""
    router = APIRouter()
    statements = parts.desk.statements
    models = sorted(parts.catalog.models.values(), key=lambda model: model.id)

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

    @router.get("/provider-health", tags=["catalog"])
    def show_health() -> View:
        """Show how each configured provider has been doing lately: operational, degraded, down or unknown."""
        health = parts.desk.provider_health.statuses(sorted(parts.catalog.providers))
        data = [{"provider": name, "status": status.value} for name, status in health.items()]
        return {"object": "list", "data": data}

    @router.get("/prices", tags=["catalog"])
    def list_prices() -> View:
        """List the prices of each target of each model, those to come too, with where each comes from."""
        now_ms = clock.now_ms()
        return {"object": "list", "data": [row for model in models for row in price_rows(model, now_ms=now_ms)]}

    return router
