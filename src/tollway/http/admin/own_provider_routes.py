"""The routes of providers: those of the operator's settings, listed; those that accounts bring, made and changed too."""

from typing import Any

from fastapi import APIRouter

from tollway.billing.own_providers import NewProvider, ProviderChanges, view_own_provider, view_provider
from tollway.billing.views import View
from tollway.http.admin.acting import Acting
from tollway.http.admin.bodies import NewOwnProvider, OwnProviderPatch
from tollway.http.admin.found import found
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, OWN_PROVIDER, parse_id
from tollway.settings import Secret


def own_provider_routes(parts: AdminParts) -> APIRouter:
    """Return the routes below `/providers`."""
    router = APIRouter(prefix="/providers", tags=["providers"])
    desk = parts.desk

    @router.post("", status_code=201)
    def create_provider(body: NewOwnProvider, by: Acting) -> View:
        """Give an account a provider of its own; its key is kept encrypted, and shown to nobody."""
        number = parse_id(ACCOUNT, body.account)
        found(lambda: desk.accounts.show(number))
        new = NewProvider(
            name=body.name,
            preset=body.preset,
            base_url=body.base_url,
            auth=body.auth,
            key=None if body.key is None else Secret(body.key),
            is_default=body.default,
            enabled=body.enabled,
        )
        return view_own_provider(desk.own_providers.create(number, new, by=by))

    @router.get("")
    def list_providers(account: str | None = None) -> View:
        """List the operator's providers and those of accounts, or those of one account alone."""
        listed = desk.own_providers.list(None if account is None else parse_id(ACCOUNT, account))
        operators = parts.catalog.providers.values() if account is None else ()
        data = [*(view_provider(each) for each in operators), *(view_own_provider(each) for each in listed)]
        return {"object": "list", "data": data}

    @router.get("/{provider}")
    def show_provider(provider: str) -> View:
        """Show one provider that an account brought, removed or not."""
        return view_own_provider(found(lambda: desk.own_providers.show(parse_id(OWN_PROVIDER, provider))))

    @router.patch("/{provider}")
    def change_provider(provider: str, body: OwnProviderPatch, by: Acting) -> View:
        """Change what is given, from the next request on."""
        number = parse_id(OWN_PROVIDER, provider)
        found(lambda: desk.own_providers.show(number))
        return view_own_provider(desk.own_providers.update(number, changes_of(body), by=by))

    @router.delete("/{provider}")
    def remove_provider(provider: str, by: Acting) -> View:
        """Remove an account's provider and forget its key; what went through it stays in the books."""
        return view_own_provider(found(lambda: desk.own_providers.remove(parse_id(OWN_PROVIDER, provider), by=by)))

    return router


def changes_of(body: OwnProviderPatch) -> ProviderChanges:
    """Return the changes that a body names."""
    given: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    if "key" in given:
        given["key"] = Secret(given["key"])
    if "default" in given:
        given["is_default"] = given.pop("default")
    return ProviderChanges(**given)
