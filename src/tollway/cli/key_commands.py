"""The commands about keys: API keys of accounts, and admin keys of the operator. A key's text is shown once, when made."""

from typing import Annotated

import typer

from tollway.access.key_view import KeyView
from tollway.access.principal import BillingMode, ShownCosts, Unsupported
from tollway.billing.desk import Desk
from tollway.billing.keys import KeyTerms
from tollway.billing.terms_views import view_rule
from tollway.billing.views import View, view_admin_key, view_key
from tollway.cli.office import Office
from tollway.cli.options import Config, Json, OfAccount, choose_settings, parse_expiry
from tollway.cli.output import as_fields, as_table, show
from tollway.ids import ACCOUNT, KEY, PACKAGE, SUB_ACCOUNT, parse_id
from tollway.money import parse_amount

KEY_COLUMNS = ("id", "account", "name", "hint", "billing", "models", "expires", "revoked", "created")
ADMIN_KEY_COLUMNS = ("id", "name", "revoked", "created")

KeyName = Annotated[str, typer.Option("--name", help="What people call it.", show_default=False)]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="A key's id: key_…", show_default=False)]


def key_commands(office: Office) -> typer.Typer:
    """Return `tollway key …`."""
    app = typer.Typer(help="API keys: who asks.", no_args_is_help=True)

    @app.command()
    def create(
        account: Annotated[str, typer.Option(metavar="ACCOUNT", help="Who pays: acct_…", show_default=False)],
        name: KeyName,
        models: Annotated[
            str, typer.Option(metavar="A,B/*", help="Only these models, exact or ending in a star.")
        ] = "",
        expires: Annotated[
            str | None, typer.Option(metavar="TIME", help="A date or time, such as 2027-01-31.", show_default=False)
        ] = None,
        sub_account: Annotated[
            str | None, typer.Option(metavar="SUB_ACCOUNT", help="Of that sub-account: sa_…", show_default=False)
        ] = None,
        billing: Annotated[BillingMode, typer.Option(help="What it spends.")] = BillingMode.PAYG,
        package: Annotated[
            str | None, typer.Option(metavar="PACKAGE", help="The package that it spends: pkg_…", show_default=False)
        ] = None,
        daily_cap: Annotated[str, typer.Option(metavar="AMOUNT", help="What it may spend a day; 0 is no cap.")] = "0",
        monthly_cap: Annotated[
            str, typer.Option(metavar="AMOUNT", help="What it may spend a month; 0 is no cap.")
        ] = "0",
        unsupported: Annotated[
            Unsupported, typer.Option(help="Parameters that a model does not know; refused is strict mode.")
        ] = Unsupported.DROPPED,
        costs: Annotated[ShownCosts, typer.Option(help="Whether replies say what they cost.")] = ShownCosts.SHOWN,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Make a key and show its text, this once."""
        only = tuple(model.strip() for model in models.split(",")) if models else ()
        terms = KeyTerms(
            models=only,
            expires_ms=parse_expiry(expires),
            sub_account_id=None if sub_account is None else parse_id(SUB_ACCOUNT, sub_account),
            billing=billing,
            package_id=None if package is None else parse_id(PACKAGE, package),
            daily_cap_nanos=parse_amount(daily_cap),
            monthly_cap_nanos=parse_amount(monthly_cap),
            unsupported=unsupported,
            costs=costs,
        )
        with office.open_books(choose_settings(config)) as desk:
            key, secret = desk.keys.create(parse_id(ACCOUNT, account), name, terms)
            view = _view_with_limits(desk, key)
        show(as_fields(view | {"key": secret}), json=json)

    @app.command("list")
    def list_keys(account: OfAccount = None, json: Json = False, config: Config = None) -> None:
        """List keys without their texts, oldest first."""
        with office.open_books(choose_settings(config)) as desk:
            keys = desk.keys.list(None if account is None else parse_id(ACCOUNT, account))
        views = [view_key(key) for key in keys]
        show(as_table(views, KEY_COLUMNS, empty="There is no key: `tollway key create` makes one."), json=json)

    @app.command("show")
    def show_key(key: KeyId, json: Json = False, config: Config = None) -> None:
        """Show one key without its text, and every cap that limits what it spends."""
        with office.open_books(choose_settings(config)) as desk:
            view = _view_with_limits(desk, desk.keys.show(parse_id(KEY, key)))
        show(as_fields(view), json=json)

    @app.command()
    def revoke(key: KeyId, json: Json = False, config: Config = None) -> None:
        """Refuse a key for good, from the next request on."""
        with office.open_books(choose_settings(config)) as desk:
            revoked = desk.keys.revoke(parse_id(KEY, key))
        show(as_fields(view_key(revoked)), json=json)

    return app


def _view_with_limits(desk: Desk, key: KeyView) -> View:
    return view_key(key) | {"caps": [view_rule(rule) for rule in desk.keys.limits(key.id)]}


def admin_key_commands(office: Office) -> typer.Typer:
    """Return `tollway admin-key …`."""
    app = typer.Typer(help="Keys of the admin API: they stand for the operator.", no_args_is_help=True)

    @app.command()
    def create(name: KeyName, json: Json = False, config: Config = None) -> None:
        """Make an admin key and show its text, this once."""
        with office.open_books(choose_settings(config)) as desk:
            key, secret = desk.admin_keys.create(name)
        show(as_fields(view_admin_key(key) | {"key": secret}), json=json)

    @app.command("list")
    def list_keys(json: Json = False, config: Config = None) -> None:
        """List admin keys without their texts, oldest first."""
        with office.open_books(choose_settings(config)) as desk:
            views = [view_admin_key(key) for key in desk.admin_keys.list()]
        show(as_table(views, ADMIN_KEY_COLUMNS, empty="There is no admin key."), json=json)

    @app.command()
    def revoke(key: KeyId, json: Json = False, config: Config = None) -> None:
        """Refuse an admin key for good, at once."""
        with office.open_books(choose_settings(config)) as desk:
            revoked = desk.admin_keys.revoke(parse_id(KEY, key))
        show(as_fields(view_admin_key(revoked)), json=json)

    return app
