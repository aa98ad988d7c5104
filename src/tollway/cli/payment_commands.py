"""The commands about payments: start one, read orders, and let an account be topped up by itself."""

from typing import Annotated

import typer

from tollway.billing.payment_views import view_auto_topup, view_order, view_paid_order
from tollway.billing.payments import Wish
from tollway.cli.office import Office
from tollway.cli.options import (
    AccountId,
    Config,
    Json,
    Limit,
    OfAccount,
    choose_settings,
    choose_settings_with_secrets,
)
from tollway.cli.output import as_fields, as_table, show
from tollway.ids import ACCOUNT, ORDER, PRODUCT, parse_id
from tollway.money import parse_amount

ORDER_COLUMNS = ("id", "account", "kind", "amount", "currency", "state", "created", "paid")

OrderId = Annotated[str, typer.Argument(metavar="ORDER", help="An order's id: ord_…", show_default=False)]


def add_payment_commands(app: typer.Typer, office: Office) -> None:
    """Add `tollway checkout`."""

    @app.command()
    def checkout(
        account: AccountId,
        amount: Annotated[
            str | None, typer.Argument(metavar="[AMOUNT]", help="Of a top-up, such as 20.00.", show_default=False)
        ] = None,
        product: Annotated[
            str | None, typer.Option(metavar="PRODUCT", help="Pay for a package instead: prod_…", show_default=False)
        ] = None,
        save_card: Annotated[bool, typer.Option("--save-card", help="Keep the card for automatic top-ups.")] = False,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Make an order and the page on which it is paid, and show the page's URL."""
        wish = Wish(
            amount_nanos=None if amount is None else parse_amount(amount),
            product_id=None if product is None else parse_id(PRODUCT, product),
            save_card=save_card,
        )
        with office.open_books(choose_settings_with_secrets(config)) as desk:
            order, url = desk.payments.checkout(parse_id(ACCOUNT, account), wish)
        show(as_fields(view_order(order) | {"url": url}), json=json)


def order_commands(office: Office) -> typer.Typer:
    """Return `tollway order …`."""
    app = typer.Typer(help="Orders: what accounts pay for.", no_args_is_help=True)

    @app.command("list")
    def list_orders(account: OfAccount = None, limit: Limit = 50, json: Json = False, config: Config = None) -> None:
        """List orders, newest first."""
        with office.open_books(choose_settings(config)) as desk:
            orders = desk.payments.orders(None if account is None else parse_id(ACCOUNT, account), limit)
        views = [view_order(order) for order in orders]
        show(as_table(views, ORDER_COLUMNS, empty="There is no order: `tollway checkout` makes one."), json=json)

    @app.command("show")
    def show_order(order: OrderId, json: Json = False, config: Config = None) -> None:
        """Show one order and what it moved."""
        with office.open_books(choose_settings(config)) as desk:
            found = desk.payments.order(parse_id(ORDER, order))
        show(as_fields(view_paid_order(found)), json=json)

    return app


def auto_topup_commands(office: Office) -> typer.Typer:
    """Return `tollway auto-topup …`."""
    app = typer.Typer(help="Automatic top-ups: a saved card is charged when the balance is low.", no_args_is_help=True)

    @app.command("set")
    def allow(
        account: AccountId,
        threshold: Annotated[str, typer.Option(help="Below this balance, such as 5.00.", show_default=False)],
        amount: Annotated[str, typer.Option(help="By this, such as 20.00.", show_default=False)],
        daily_max: Annotated[
            str | None, typer.Option(help="At most in 24 hours.  [default: five times the amount]", show_default=False)
        ] = None,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Let an account be topped up; `tollway checkout --save-card` brings the card."""
        with office.open_books(choose_settings(config)) as desk:
            number = parse_id(ACCOUNT, account)
            topup = desk.auto_topups.allow(
                number,
                threshold_nanos=parse_amount(threshold),
                amount_nanos=parse_amount(amount),
                daily_max_nanos=None if daily_max is None else parse_amount(daily_max),
            )
            view = view_auto_topup(topup, currency=desk.accounts.show(number).currency)
        show(as_fields(view), json=json)

    @app.command("show")
    def show_one(account: AccountId, json: Json = False, config: Config = None) -> None:
        """Show what an account allows, and how it goes."""
        with office.open_books(choose_settings(config)) as desk:
            number = parse_id(ACCOUNT, account)
            view = view_auto_topup(desk.auto_topups.show(number), currency=desk.accounts.show(number).currency)
        show(as_fields(view), json=json)

    @app.command()
    def end(account: AccountId, json: Json = False, config: Config = None) -> None:
        """Charge an account's saved card no more."""
        with office.open_books(choose_settings(config)) as desk:
            number = parse_id(ACCOUNT, account)
            view = view_auto_topup(desk.auto_topups.end(number), currency=desk.accounts.show(number).currency)
        show(as_fields(view), json=json)

    return app
