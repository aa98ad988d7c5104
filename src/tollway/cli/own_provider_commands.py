"""The commands about providers that accounts bring: add, list, show, change, remove."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tollway.access.own_providers import ProviderAuth
from tollway.billing.own_providers import NewProvider, ProviderChanges, view_own_provider
from tollway.cli.office import Office
from tollway.cli.options import Config, Json, OfAccount, choose_settings
from tollway.cli.output import as_fields, as_table, show
from tollway.errors import CommandRefused
from tollway.ids import ACCOUNT, OWN_PROVIDER, parse_id
from tollway.settings import Secret, SecretUse
from tollway.settings.secret import SecretError, resolve_secret

COLUMNS = ("id", "account", "name", "preset", "base_url", "auth", "default", "enabled")

ProviderId = Annotated[str, typer.Argument(metavar="PROVIDER", help="A provider's id: prov_…", show_default=False)]
BaseUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="Its address, where it is not the preset's.", show_default=False)
]
KeyPlace = Annotated[
    str | None,
    typer.Option("--key", metavar="env:NAME|file:PATH", help="Where its key is to be read from.", show_default=False),
]


def own_provider_commands(office: Office) -> typer.Typer:
    """Return `tollway provider …`."""
    app = typer.Typer(help="Providers that accounts bring.", no_args_is_help=True)

    @app.command()
    def create(
        account: Annotated[str, typer.Option(metavar="ACCOUNT", help="Whose: acct_…", show_default=False)],
        name: Annotated[str, typer.Option(help="What its requests call it.", show_default=False)],
        preset: Annotated[str, typer.Option(help="What is known of it, as in the settings.", show_default=False)],
        base_url: BaseUrl = None,
        auth: Annotated[ProviderAuth, typer.Option(help="Whose key goes there.")] = ProviderAuth.API_KEY,
        key: KeyPlace = None,
        default: Annotated[bool, typer.Option("--default", help="It takes what leads nowhere else.")] = False,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Give an account a provider of its own; its key is kept encrypted."""
        new = NewProvider(name=name, preset=preset, base_url=base_url, auth=auth, key=read_key(key), is_default=default)
        with office.open_books(choose_settings(config)) as desk:
            made = desk.own_providers.create(parse_id(ACCOUNT, account), new)
        show(as_fields(view_own_provider(made)), json=json)

    @app.command("list")
    def list_providers(account: OfAccount = None, json: Json = False, config: Config = None) -> None:
        """List the providers of an account, or all that accounts brought, oldest first."""
        with office.open_books(choose_settings(config)) as desk:
            found = desk.own_providers.list(None if account is None else parse_id(ACCOUNT, account))
        views = [view_own_provider(each) for each in found]
        show(as_table(views, COLUMNS, empty="No account brought a provider."), json=json)

    @app.command("show")
    def show_provider(provider: ProviderId, json: Json = False, config: Config = None) -> None:
        """Show one provider without its key."""
        with office.open_books(choose_settings(config)) as desk:
            found = desk.own_providers.show(parse_id(OWN_PROVIDER, provider))
        show(as_fields(view_own_provider(found)), json=json)

    @app.command()
    def update(
        provider: ProviderId,
        name: Annotated[str | None, typer.Option(help="What its requests call it.", show_default=False)] = None,
        base_url: BaseUrl = None,
        auth: Annotated[ProviderAuth | None, typer.Option(help="Whose key goes there.", show_default=False)] = None,
        key: KeyPlace = None,
        default: Annotated[bool | None, typer.Option("--default/--no-default", show_default=False)] = None,
        enabled: Annotated[bool | None, typer.Option("--enabled/--disabled", show_default=False)] = None,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Change what is given, from the next request on; with another address, the key is to be given again."""
        given: dict[str, Any] = {
            "name": name,
            "base_url": base_url,
            "auth": auth,
            "key": read_key(key),
            "is_default": default,
            "enabled": enabled,
        }
        changes = ProviderChanges(**{field: value for field, value in given.items() if value is not None})
        with office.open_books(choose_settings(config)) as desk:
            changed = desk.own_providers.update(parse_id(OWN_PROVIDER, provider), changes)
        show(as_fields(view_own_provider(changed)), json=json)

    @app.command()
    def remove(provider: ProviderId, json: Json = False, config: Config = None) -> None:
        """Remove a provider and forget its key; what went through it stays in the books."""
        with office.open_books(choose_settings(config)) as desk:
            removed = desk.own_providers.remove(parse_id(OWN_PROVIDER, provider))
        show(as_fields(view_own_provider(removed)), json=json)

    return app


def read_key(place: str | None) -> Secret | None:
    """Return the key that stands at a place: never on the command line, where every user of the machine could read it."""
    if place is None:
        return None
    try:
        return resolve_secret(place, folder=Path.cwd(), use=SecretUse.RESOLVE)
    except SecretError as error:
        raise CommandRefused(f"--key: {error}") from None
