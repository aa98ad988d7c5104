"""The commands about admin keys, which stand for the operator. A key's text is shown once, when made."""

import typer

from tollway.billing.views import view_admin_key
from tollway.cli.key_options import KeyId, KeyName
from tollway.cli.office import Office
from tollway.cli.options import Config, Json, choose_settings
from tollway.cli.output import as_fields, as_table, show
from tollway.ids import KEY, parse_id

ADMIN_KEY_COLUMNS = ("id", "name", "revoked", "created")


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
