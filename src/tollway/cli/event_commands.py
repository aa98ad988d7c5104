"""The commands about events: what people should know of."""

from typing import Annotated

import typer

from tollway.billing.events import view_event
from tollway.cli.office import Office
from tollway.cli.options import Config, Json, Limit, OfAccount, choose_settings
from tollway.cli.output import as_table, show
from tollway.ids import ACCOUNT, parse_id

COLUMNS = ("created", "kind", "account", "message")


def event_commands(office: Office) -> typer.Typer:
    """Return `tollway events …`."""
    app = typer.Typer(help="Events: caps and balances that run low, prices that are missing.", no_args_is_help=True)

    @app.command("list")
    def list_events(
        account: OfAccount = None,
        kind: Annotated[str | None, typer.Option(help="Such as cap_reached.", show_default=False)] = None,
        limit: Limit = 50,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """List events, newest first."""
        with office.open_books(choose_settings(config)) as desk:
            found = desk.events.list(None if account is None else parse_id(ACCOUNT, account), kind, limit)
        show(as_table([view_event(event) for event in found], COLUMNS, empty="No event yet."), json=json)

    return app
