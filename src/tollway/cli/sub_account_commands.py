"""The commands about sub-accounts: parts of an account with keys and caps of their own."""

from typing import Annotated

import typer

from tollway.billing.terms_views import view_sub_account
from tollway.cli.office import Office
from tollway.cli.options import Config, Json, OfAccount, choose_settings
from tollway.cli.output import as_fields, as_table, show
from tollway.ids import ACCOUNT, SUB_ACCOUNT, parse_id

COLUMNS = ("id", "account", "name", "state", "created")

SubAccountId = Annotated[
    str, typer.Argument(metavar="SUB_ACCOUNT", help="A sub-account's id: sa_…", show_default=False)
]


def sub_account_commands(office: Office) -> typer.Typer:
    """Return `tollway sub-account …`."""
    app = typer.Typer(help="Sub-accounts: parts of an account, with keys and caps of their own.", no_args_is_help=True)

    @app.command()
    def create(
        account: Annotated[str, typer.Option(metavar="ACCOUNT", help="Who pays: acct_…", show_default=False)],
        name: Annotated[str, typer.Option(help="What people call it.", show_default=False)],
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Make a sub-account."""
        with office.open_books(choose_settings(config)) as desk:
            made = desk.sub_accounts.create(parse_id(ACCOUNT, account), name)
        show(as_fields(view_sub_account(made)), json=json)

    @app.command("list")
    def list_sub_accounts(account: OfAccount = None, json: Json = False, config: Config = None) -> None:
        """List sub-accounts, oldest first."""
        with office.open_books(choose_settings(config)) as desk:
            found = desk.sub_accounts.list(None if account is None else parse_id(ACCOUNT, account))
        views = [view_sub_account(each) for each in found]
        show(as_table(views, COLUMNS, empty="There is no sub-account."), json=json)

    @app.command("show")
    def show_sub_account(sub_account: SubAccountId, json: Json = False, config: Config = None) -> None:
        """Show one sub-account."""
        with office.open_books(choose_settings(config)) as desk:
            found = desk.sub_accounts.show(parse_id(SUB_ACCOUNT, sub_account))
        show(as_fields(view_sub_account(found)), json=json)

    @app.command()
    def suspend(sub_account: SubAccountId, json: Json = False, config: Config = None) -> None:
        """Refuse a sub-account's keys from the next request on."""
        with office.open_books(choose_settings(config)) as desk:
            suspended = desk.sub_accounts.suspend(parse_id(SUB_ACCOUNT, sub_account))
        show(as_fields(view_sub_account(suspended)), json=json)

    @app.command()
    def resume(sub_account: SubAccountId, json: Json = False, config: Config = None) -> None:
        """Let a suspended sub-account's keys spend again."""
        with office.open_books(choose_settings(config)) as desk:
            resumed = desk.sub_accounts.resume(parse_id(SUB_ACCOUNT, sub_account))
        show(as_fields(view_sub_account(resumed)), json=json)

    return app
