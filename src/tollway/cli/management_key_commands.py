"""The commands about management keys, which manage one account. A key's text is shown once, when made."""

from typing import Annotated

import typer

from tollway.access.managing import ManagementAccess
from tollway.billing.key_views import view_management_key
from tollway.cli.key_options import KeyName
from tollway.cli.office import Office
from tollway.cli.options import Config, Json, OfAccount, choose_settings, parse_expiry
from tollway.cli.output import as_fields, as_table, show
from tollway.ids import ACCOUNT, MANAGEMENT_KEY, parse_id

COLUMNS = ("id", "account", "name", "hint", "access", "expires", "revoked", "created")

ManagementKeyId = Annotated[
    str, typer.Argument(metavar="MANAGEMENT_KEY", help="A management key's id: mk_…", show_default=False)
]


def management_key_commands(office: Office) -> typer.Typer:
    """Return `tollway management-key …`."""
    app = typer.Typer(help="Management keys: programs that manage an account.", no_args_is_help=True)

    @app.command()
    def create(
        account: Annotated[str, typer.Option(metavar="ACCOUNT", help="What it manages: acct_…", show_default=False)],
        name: KeyName,
        access: Annotated[ManagementAccess, typer.Option(help="What it may do.")] = ManagementAccess.READ_WRITE,
        expires: Annotated[
            str | None, typer.Option(metavar="TIME", help="A date or time, such as 2027-01-31.", show_default=False)
        ] = None,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Make a management key and show its text, this once."""
        expires_ms = parse_expiry(expires)
        with office.open_books(choose_settings(config)) as desk:
            key, text = desk.management_keys.create(parse_id(ACCOUNT, account), name, access, expires_ms)
        show(as_fields(view_management_key(key) | {"key": text}), json=json)

    @app.command("list")
    def list_keys(account: OfAccount = None, json: Json = False, config: Config = None) -> None:
        """List management keys without their texts, oldest first."""
        with office.open_books(choose_settings(config)) as desk:
            keys = desk.management_keys.list(None if account is None else parse_id(ACCOUNT, account))
        show(
            as_table([view_management_key(key) for key in keys], COLUMNS, empty="There is no management key."),
            json=json,
        )

    @app.command("show")
    def show_key(key: ManagementKeyId, json: Json = False, config: Config = None) -> None:
        """Show one management key without its text."""
        with office.open_books(choose_settings(config)) as desk:
            found = desk.management_keys.show(parse_id(MANAGEMENT_KEY, key))
        show(as_fields(view_management_key(found)), json=json)

    @app.command()
    def revoke(key: ManagementKeyId, json: Json = False, config: Config = None) -> None:
        """Refuse a management key for good, at once."""
        with office.open_books(choose_settings(config)) as desk:
            revoked = desk.management_keys.revoke(parse_id(MANAGEMENT_KEY, key))
        show(as_fields(view_management_key(revoked)), json=json)

    return app
