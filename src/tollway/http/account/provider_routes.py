"""The routes of the providers that an account brings: add, list, show, change, remove. A key is taken, and never shown."""

from typing import Any

from fastapi import Response

from tollway.access.own_providers import OwnProvider
from tollway.billing.own_providers import NewProvider, ProviderChanges
from tollway.billing.views import View, view_time
from tollway.errors import CommandRefused
from tollway.http.account.asking import Asking
from tollway.http.account.bodies import ProviderBody, ProviderChange
from tollway.http.account.naming import number_at
from tollway.http.account.parts import AccountParts
from tollway.http.account.replying import Routes, routes_of, shown
from tollway.ids import ACCOUNT, OWN_PROVIDER, render_id
from tollway.settings import Secret


def provider_routes(parts: AccountParts) -> Routes:
    """Return the routes of own providers."""
    routes = routes_of("providers")
    providers = parts.desk.own_providers

    def find(asker: Asking, provider: str) -> OwnProvider:
        """Return the provider with an id, or with a name."""
        if provider.startswith(OWN_PROVIDER):
            return providers.find(asker.account_id, number_at(OWN_PROVIDER, provider, "provider"))
        return providers.find_named(asker.account_id, provider)

    @routes.post("/api/v1/providers")
    def create_provider(body: ProviderBody, asker: Asking) -> Response:
        """Bring a provider: with a key that is kept encrypted, or with those that requests carry."""
        new = NewProvider(
            name=body.name,
            preset=body.preset or body.name,
            base_url=body.base_url,
            auth=body.auth,
            key=None if body.key is None else Secret(body.key),
            is_default=body.is_default,
            enabled=body.enabled,
        )
        return shown(view(providers.create(asker.account_id, new, by=asker.actor)), 201)

    @routes.get("/api/v1/providers")
    def list_providers(asker: Asking) -> Response:
        """List them, oldest first."""
        return shown({"object": "list", "data": [view(each) for each in providers.list(asker.account_id)]})

    @routes.get("/api/v1/providers/{provider}")
    def show_provider(provider: str, asker: Asking) -> Response:
        """Show one, by its id or its name."""
        return shown(view(find(asker, provider)))

    @routes.put("/api/v1/providers/{provider}")
    @routes.patch("/api/v1/providers/{provider}")
    def change_provider(provider: str, body: ProviderChange, asker: Asking) -> Response:
        """Change what is given, from the next request on."""
        found = find(asker, provider)
        return shown(view(providers.update(found.id, changes_of(body, found), by=asker.actor)))

    @routes.delete("/api/v1/providers/{provider}")
    def remove_provider(provider: str, asker: Asking) -> Response:
        """Remove one with its key."""
        removed = providers.remove(find(asker, provider).id, by=asker.actor)
        return shown({"id": render_id(OWN_PROVIDER, removed.id), "deleted": True, "status": "ok"})

    return routes


def changes_of(body: ProviderChange, found: OwnProvider) -> ProviderChanges:
    """Return the changes that a body names."""
    given: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    preset = given.pop("preset", None)
    if preset not in {None, found.preset}:
        raise CommandRefused(f"provider {found.name} stays a {found.preset}: add another one of the other kind")
    key = given.pop("key", None)
    if key is not None:
        given["key"] = Secret(key)
    return ProviderChanges(**given)


def view(provider: OwnProvider) -> View:
    """Show a provider, and of its key the last characters at most."""
    return {
        "id": render_id(OWN_PROVIDER, provider.id),
        "org_id": render_id(ACCOUNT, provider.account_id),
        "name": provider.name,
        "type": provider.preset,
        "base_url": provider.base_url,
        "auth_mode": provider.auth.value,
        "has_key": provider.sealed_key is not None,
        "key_hint": None if provider.key_hint is None else f"...{provider.key_hint}",
        "is_default": provider.is_default,
        "enabled": provider.enabled,
        "created_at": view_time(provider.created_ms),
    }
