"""The commands about limits: how fast requests may come."""

from typing import Annotated

import typer

from tollway.billing.rate_limits import parse_limit_target, view_limit
from tollway.cli.key_options import Burst, Concurrency, Rpm, Tpm, rate_change
from tollway.cli.office import Office
from tollway.cli.options import Config, Json, OfAccount, choose_settings
from tollway.cli.output import as_fields, as_table, show
from tollway.ids import ACCOUNT, parse_id

COLUMNS = ("account", "scope", "subject", "rpm", "burst", "tpm", "concurrency", "created")

Account = Annotated[str | None, typer.Option(metavar="ACCOUNT", help="The account: acct_…", show_default=False)]
Key = Annotated[str | None, typer.Option(metavar="KEY", help="For a key, key_…, or * for each.", show_default=False)]
SubAccount = Annotated[
    str | None, typer.Option(metavar="SUB_ACCOUNT", help="For a sub-account, sa_…, or * for each.", show_default=False)
]
EndUser = Annotated[str | None, typer.Option(help="For an end user, or * for each.", show_default=False)]


def limit_commands(office: Office) -> typer.Typer:
    """Return `tollway limit …`."""
    app = typer.Typer(help="Limits: how fast requests may come.", no_args_is_help=True)

    @app.command("set")
    def set_limit(
        account: Account = None,
        key: Key = None,
        sub_account: SubAccount = None,
        end_user: EndUser = None,
        rpm: Rpm = None,
        burst: Burst = None,
        tpm: Tpm = None,
        concurrency: Concurrency = None,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Limit the rate of a key, a sub-account, an end user or an account; what is left out stays, 0 lifts."""
        target = parse_limit_target(account=account, key=key, sub_account=sub_account, end_user=end_user)
        change = rate_change(rpm=rpm, burst=burst, tpm=tpm, concurrency=concurrency)
        with office.open_books(choose_settings(config)) as desk:
            limit = desk.rate_limits.set(target, change)
        show(as_fields(view_limit(limit)), json=json)

    @app.command("list")
    def list_limits(account: OfAccount = None, json: Json = False, config: Config = None) -> None:
        """List the limits that accounts have of their own."""
        with office.open_books(choose_settings(config)) as desk:
            limits = desk.rate_limits.list(None if account is None else parse_id(ACCOUNT, account))
        show(as_table([view_limit(limit) for limit in limits], COLUMNS, empty="There is no limit."), json=json)

    @app.command()
    def remove(
        account: Account = None,
        key: Key = None,
        sub_account: SubAccount = None,
        end_user: EndUser = None,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Lift all limits of a key, a sub-account, an end user or an account; show what they were."""
        target = parse_limit_target(account=account, key=key, sub_account=sub_account, end_user=end_user)
        with office.open_books(choose_settings(config)) as desk:
            limit = desk.rate_limits.remove(target)
        show(as_fields(view_limit(limit)), json=json)

    return app
