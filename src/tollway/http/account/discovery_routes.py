"""The routes that tell what this gateway can do, and how its providers are doing."""

from fastapi import Response

from tollway.catalog.capabilities import view_capabilities
from tollway.http.account.parts import AccountParts
from tollway.http.account.replying import Routes, routes_of, shown


def discovery_routes(parts: AccountParts) -> Routes:
    """Return the routes of capabilities and health."""
    routes = routes_of("discovery")
    names = sorted(parts.catalog.providers)

    @routes.get("/v1/capabilities")
    def list_capabilities() -> Response:
        """List the words for what models can do, and where each is asked for."""
        return shown({"object": "list", "data": view_capabilities()})

    @routes.get("/v1/health/providers")
    def list_provider_health() -> Response:
        """List how each provider has been doing in the last hour."""
        statuses = parts.desk.provider_health.statuses(names)
        data = [{"id": name, "provider": name, "status": status.value} for name, status in statuses.items()]
        return shown({"object": "list", "data": data})

    return routes
