"""The commands about money: accounts, credits, balances."""

from typing import Annotated

import typer

from tollway.billing.accounts import brand_for, parse_fee, parse_price_share
from tollway.billing.views import view_account, view_balance, view_transfer
from tollway.cli.office import Office
from tollway.cli.options import AccountId, Config, Json, choose_settings
from tollway.cli.output import as_fields, as_table, show
from tollway.ids import ACCOUNT, parse_id
from tollway.money import parse_amount
from tollway.settings import brands_of

ACCOUNT_COLUMNS = ("id", "name", "state", "balance", "held", "currency", "created")


def account_commands(office: Office) -> typer.Typer:
    """Return `tollway account …`."""
    app = typer.Typer(help="Accounts: who pays.", no_args_is_help=True)

    @app.command()
    def create(
        name: Annotated[str, typer.Option(help="What people call it.", show_default=False)],
        credit: Annotated[str, typer.Option(metavar="AMOUNT", help="Its first credit, such as 5.00.")] = "0",
        currency: Annotated[
            str | None, typer.Option(help="USD or CNY.  [default: the brand's]", show_default=False)
        ] = None,
        brand: Annotated[
            str | None,
            typer.Option(
                metavar="PRESET", help="One of the deployment's brands.  [default: its own]", show_default=False
            ),
        ] = None,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Make an account."""
        settings = choose_settings(config)
        under = brand_for(brands_of(settings), brand)
        usual = settings.billing.currency if under is None else under.currency
        with office.open_books(settings) as desk:
            account = desk.accounts.create(name, currency or usual, parse_amount(credit), brand=under)
            balance = desk.accounts.balance(account.id)
        show(as_fields(view_account(account) | view_balance(balance)), json=json)

    @app.command("list")
    def list_accounts(json: Json = False, config: Config = None) -> None:
        """List all accounts, oldest first."""
        with office.open_books(choose_settings(config)) as desk:
            views = [
                view_account(account) | view_balance(desk.accounts.balance(account.id))
                for account in desk.accounts.list()
            ]
        show(
            as_table(views, ACCOUNT_COLUMNS, empty="There is no account: `tollway account create` makes one."),
            json=json,
        )

    @app.command("show")
    def show_account(account: AccountId, json: Json = False, config: Config = None) -> None:
        """Show one account and its balance."""
        with office.open_books(choose_settings(config)) as desk:
            number = parse_id(ACCOUNT, account)
            view = view_account(desk.accounts.show(number)) | view_balance(desk.accounts.balance(number))
        show(as_fields(view), json=json)

    @app.command("set")
    def set_account(
        account: AccountId,
        fee: Annotated[
            str | None,
            typer.Option(metavar="RATE", help="Its platform fee, such as 5%, or default.", show_default=False),
        ] = None,
        discount: Annotated[
            str | None, typer.Option(metavar="RATE", help="Off every price, such as 10%.", show_default=False)
        ] = None,
        markup: Annotated[
            str | None, typer.Option(metavar="RATE", help="On every price, such as 10%.", show_default=False)
        ] = None,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Give an account a platform fee, a discount or a markup of its own."""
        fee_ppm, price_ppm = parse_fee(fee), parse_price_share(discount=discount, markup=markup)
        with office.open_books(choose_settings(config)) as desk:
            changed = desk.accounts.agree(parse_id(ACCOUNT, account), fee_ppm=fee_ppm, price_ppm=price_ppm)
        show(as_fields(view_account(changed)), json=json)

    _add_states(app, office)
    return app


def _add_states(app: typer.Typer, office: Office) -> None:
    @app.command()
    def suspend(account: AccountId, json: Json = False, config: Config = None) -> None:
        """Refuse an account's keys from the next request on."""
        with office.open_books(choose_settings(config)) as desk:
            suspended = desk.accounts.suspend(parse_id(ACCOUNT, account))
        show(as_fields(view_account(suspended)), json=json)

    @app.command()
    def resume(account: AccountId, json: Json = False, config: Config = None) -> None:
        """Let a suspended account's keys spend again."""
        with office.open_books(choose_settings(config)) as desk:
            resumed = desk.accounts.resume(parse_id(ACCOUNT, account))
        show(as_fields(view_account(resumed)), json=json)


def add_money_commands(app: typer.Typer, office: Office) -> None:
    """Add `tollway credit`, `tollway debit` and `tollway balance`."""

    @app.command()
    def credit(
        account: AccountId,
        amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Such as 5.00.", show_default=False)],
        reason: Annotated[str, typer.Option(help="Stands on the transfer for good.", show_default=False)],
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Add money to an account's balance."""
        with office.open_books(choose_settings(config)) as desk:
            transfer = desk.accounts.credit(parse_id(ACCOUNT, account), parse_amount(amount), reason)
        show(as_fields(view_transfer(transfer)), json=json)

    @app.command()
    def debit(
        account: AccountId,
        amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Such as 5.00.", show_default=False)],
        reason: Annotated[str, typer.Option(help="Stands on the transfer for good.", show_default=False)],
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Take money off an account's balance, as a correction; refused when more than is available."""
        with office.open_books(choose_settings(config)) as desk:
            transfer = desk.accounts.debit(parse_id(ACCOUNT, account), parse_amount(amount), reason)
        show(as_fields(view_transfer(transfer)), json=json)

    @app.command()
    def balance(account: AccountId, json: Json = False, config: Config = None) -> None:
        """Show what an account has, and what running requests have set aside of it."""
        with office.open_books(choose_settings(config)) as desk:
            found = desk.accounts.balance(parse_id(ACCOUNT, account))
        show(as_fields(view_balance(found)), json=json)
