"""The commands about vouchers: make, list, redeem, revoke. Codes are shown once, when they are made."""

from typing import Annotated

import typer

from tollway import clock
from tollway.billing.payment_views import view_voucher, vouchers_csv
from tollway.billing.views import view_transfer
from tollway.billing.vouchers import VOUCHERS_MAX, NewVouchers
from tollway.cli.office import Office
from tollway.cli.options import AccountId, Config, Json, choose_settings, parse_expiry
from tollway.cli.output import Shown, as_fields, as_table, show
from tollway.ids import ACCOUNT, parse_id
from tollway.money import parse_amount

VOUCHER_COLUMNS = ("id", "batch", "hint", "amount", "currency", "state", "expires", "account")
NEW_COLUMNS = ("code", "amount", "currency", "expires")

Batch = Annotated[str, typer.Argument(metavar="BATCH", help="The name of a batch.", show_default=False)]


def voucher_commands(office: Office) -> typer.Typer:
    """Return `tollway voucher …`."""
    app = typer.Typer(help="Vouchers: money for whoever has the code, once.", no_args_is_help=True)

    @app.command()
    def create(
        batch: Annotated[str, typer.Option(help="The batch's name, of which there is one.", show_default=False)],
        amount: Annotated[str, typer.Option(help="Of each voucher, such as 5.00.", show_default=False)],
        count: Annotated[int, typer.Option(min=1, help="How many.")] = 1,
        currency: Annotated[str | None, typer.Option(help="[default: the deployment's]", show_default=False)] = None,
        expires: Annotated[
            str | None, typer.Option(metavar="TIME", help="A date or time, such as 2027-01-31.", show_default=False)
        ] = None,
        csv: Annotated[bool, typer.Option("--csv", help="Print lines for a spreadsheet.")] = False,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Make vouchers and show their codes, this once."""
        settings = choose_settings(config)
        new = NewVouchers(
            batch=batch,
            amount_nanos=parse_amount(amount),
            currency=settings.billing.currency if currency is None else currency,
            count=count,
            expires_ms=parse_expiry(expires),
        )
        with office.open_books(settings) as desk:
            made = desk.vouchers.create(new)
        now_ms = clock.now_ms()
        views = [view_voucher(voucher, now_ms=now_ms) | {"code": code} for voucher, code in made]
        lines = Shown(document=views, text=vouchers_csv(made).rstrip("\n"))
        show(lines if csv else as_table(views, NEW_COLUMNS, empty=""), json=json)

    @app.command("list")
    def list_vouchers(
        batch: Annotated[
            str | None, typer.Option(metavar="BATCH", help="Only of this batch.", show_default=False)
        ] = None,
        limit: Annotated[int, typer.Option(min=1, max=VOUCHERS_MAX, help="How many, newest first.")] = 100,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """List vouchers without their codes, newest first."""
        with office.open_books(choose_settings(config)) as desk:
            vouchers = desk.vouchers.list(batch, limit)
        views = [view_voucher(voucher, now_ms=clock.now_ms()) for voucher in vouchers]
        show(as_table(views, VOUCHER_COLUMNS, empty="There is no voucher."), json=json)

    @app.command()
    def redeem(
        account: AccountId,
        code: Annotated[str, typer.Argument(metavar="CODE", help="As it was shown.", show_default=False)],
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Put a voucher's money onto an account, and use the voucher up."""
        with office.open_books(choose_settings(config)) as desk:
            transfer = desk.vouchers.redeem(parse_id(ACCOUNT, account), code)
        show(as_fields(view_transfer(transfer)), json=json)

    @app.command()
    def revoke(batch: Batch, json: Json = False, config: Config = None) -> None:
        """Make worthless what was not redeemed of a batch."""
        with office.open_books(choose_settings(config)) as desk:
            revoked = desk.vouchers.revoke(batch)
        show(as_fields({"batch": batch, "revoked": revoked}), json=json)

    return app
