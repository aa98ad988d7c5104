"""The commands about caps: what may be spent in a day, in a month, or ever."""

from typing import Annotated

import typer

from tollway.access.terms import CapSpan
from tollway.billing.caps import ALERT_PPM, USES_MAX, parse_target
from tollway.billing.terms_views import view_cap, view_cap_use
from tollway.cli.office import Office
from tollway.cli.options import Config, Json, OfAccount, choose_settings
from tollway.cli.output import Shown, as_fields, as_table, show
from tollway.ids import ACCOUNT, CAP, parse_id
from tollway.money import parse_amount, parse_rate, render_rate

COLUMNS = ("id", "account", "scope", "subject", "window", "limit", "alert", "set_by", "created")
USE_COLUMNS = ("id", "scope", "subject", "window", "limit", "spent", "left", "currency", "resets")


def cap_commands(office: Office) -> typer.Typer:
    """Return `tollway cap …`."""
    app = typer.Typer(help="Caps: what may be spent in a day, in a month, or ever.", no_args_is_help=True)

    @app.command("set")
    def set_cap(
        window: Annotated[CapSpan, typer.Option(help="How long it counts.", show_default=False)],
        limit: Annotated[str, typer.Option(metavar="AMOUNT", help="Such as 5.00; 0 lifts it.", show_default=False)],
        account: Annotated[
            str | None, typer.Option(metavar="ACCOUNT", help="The account: acct_…", show_default=False)
        ] = None,
        key: Annotated[
            str | None, typer.Option(metavar="KEY", help="For a key, key_…, or * for each.", show_default=False)
        ] = None,
        sub_account: Annotated[
            str | None,
            typer.Option(metavar="SUB_ACCOUNT", help="For a sub-account, sa_…, or * for each.", show_default=False),
        ] = None,
        tag: Annotated[str | None, typer.Option(help="For a tag, or * for each.", show_default=False)] = None,
        end_user: Annotated[
            str | None, typer.Option(help="For an end user, or * for each.", show_default=False)
        ] = None,
        alert: Annotated[str, typer.Option(metavar="SHARE", help="An event says when so much is spent.")] = render_rate(
            ALERT_PPM
        ),
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Limit what a key, a sub-account, a tag, an end user or an account spends; change or lift the limit."""
        target = parse_target(account=account, key=key, sub_account=sub_account, tag=tag, end_user=end_user)
        with office.open_books(choose_settings(config)) as desk:
            cap = desk.caps.set(target, window, parse_amount(limit), parse_rate(alert))
        if cap is None:
            show(Shown(document={"id": None, "removed": None}, text="There was no such cap."), json=json)
        else:
            show(as_fields(view_cap(cap)), json=json)

    @app.command("list")
    def list_caps(account: OfAccount = None, json: Json = False, config: Config = None) -> None:
        """List the caps that hold, oldest first."""
        with office.open_books(choose_settings(config)) as desk:
            caps = desk.caps.list(None if account is None else parse_id(ACCOUNT, account))
        show(as_table([view_cap(cap) for cap in caps], COLUMNS, empty="There is no cap."), json=json)

    @app.command()
    def status(
        account: OfAccount = None,
        limit: Annotated[int, typer.Option(min=1, max=USES_MAX, help="How many, the most spent first.")] = 100,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Show what is spent of each cap in the window that runs, and when that ends."""
        with office.open_books(choose_settings(config)) as desk:
            uses, _ = desk.caps.status(None if account is None else parse_id(ACCOUNT, account), limit)
        show(as_table([view_cap_use(use) for use in uses], USE_COLUMNS, empty="There is no cap."), json=json)

    @app.command()
    def remove(
        cap: Annotated[str, typer.Argument(metavar="CAP", help="A cap's id: cap_…", show_default=False)],
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Lift a cap for good, from the next request on."""
        with office.open_books(choose_settings(config)) as desk:
            removed = desk.caps.remove(parse_id(CAP, cap))
        show(as_fields(view_cap(removed)), json=json)

    return app
