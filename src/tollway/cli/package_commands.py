"""The commands about packages: what is sold, and what accounts have of it."""

from typing import Annotated

import typer

from tollway import clock
from tollway.access.terms import PackageUnit
from tollway.billing.products import ProductTerms, parse_models, parse_quantity
from tollway.billing.terms_views import view_package, view_product
from tollway.cli.office import Office
from tollway.cli.options import AccountId, Config, Json, OfAccount, choose_settings
from tollway.cli.output import as_fields, as_table, show
from tollway.ids import ACCOUNT, PACKAGE, PRODUCT, parse_id
from tollway.money import parse_amount

PRODUCT_COLUMNS = ("id", "name", "unit", "amount", "models", "price", "currency", "validity_days", "state")
PACKAGE_COLUMNS = ("id", "account", "name", "state", "unit", "left", "amount", "expires")

ProductId = Annotated[str, typer.Argument(metavar="PRODUCT", help="A product's id: prod_…", show_default=False)]
PackageId = Annotated[str, typer.Argument(metavar="PACKAGE", help="A package's id: pkg_…", show_default=False)]


def product_commands(office: Office) -> typer.Typer:
    """Return `tollway product …`."""
    app = typer.Typer(help="Products: the packages that accounts can buy.", no_args_is_help=True)

    @app.command()
    def create(
        name: Annotated[str, typer.Option(help="What people call it.", show_default=False)],
        amount: Annotated[str, typer.Option(help="Whole tokens, or money such as 50.00.", show_default=False)],
        price: Annotated[str, typer.Option(help="Such as 5.00; 0 for a gift.", show_default=False)],
        unit: Annotated[PackageUnit, typer.Option(help="What it holds.")] = PackageUnit.TOKENS,
        models: Annotated[
            str, typer.Option(metavar="A=RATIO,B*", help="What it covers; a ratio of 2 takes 2 for each token.")
        ] = "",
        currency: Annotated[
            str | None, typer.Option(help="Of price and money.  [default: the deployment's]", show_default=False)
        ] = None,
        days: Annotated[int | None, typer.Option(help="How long it is valid; left out: for ever.")] = None,
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Offer a product."""
        settings = choose_settings(config)
        terms = ProductTerms(
            unit=unit,
            amount=parse_quantity(amount, unit),
            models=parse_models(models),
            price_nanos=parse_amount(price),
            currency=settings.billing.currency if currency is None else currency,
            validity_days=days,
        )
        with office.open_books(settings) as desk:
            product = desk.products.create(name, terms)
        show(as_fields(view_product(product)), json=json)

    @app.command("list")
    def list_products(json: Json = False, config: Config = None) -> None:
        """List all products, oldest first."""
        with office.open_books(choose_settings(config)) as desk:
            views = [view_product(product) for product in desk.products.list()]
        show(as_table(views, PRODUCT_COLUMNS, empty="There is no product."), json=json)

    @app.command()
    def retire(product: ProductId, json: Json = False, config: Config = None) -> None:
        """Sell a product no more; packages that were bought stay as they are."""
        with office.open_books(choose_settings(config)) as desk:
            retired = desk.products.retire(parse_id(PRODUCT, product))
        show(as_fields(view_product(retired)), json=json)

    return app


def package_commands(office: Office) -> typer.Typer:
    """Return `tollway package …`."""
    app = typer.Typer(help="Packages: tokens or money, paid before they are used.", no_args_is_help=True)

    @app.command()
    def buy(account: AccountId, product: ProductId, json: Json = False, config: Config = None) -> None:
        """Buy a package from the account's balance."""
        with office.open_books(choose_settings(config)) as desk:
            use = desk.packages.buy(parse_id(ACCOUNT, account), parse_id(PRODUCT, product))
        show(as_fields(view_package(use, now_ms=clock.now_ms())), json=json)

    @app.command()
    def grant(
        account: AccountId,
        product: ProductId,
        reason: Annotated[str, typer.Option(help="Stands on the transfer for good.", show_default=False)],
        json: Json = False,
        config: Config = None,
    ) -> None:
        """Give an account a package at no price."""
        with office.open_books(choose_settings(config)) as desk:
            use = desk.packages.grant(parse_id(ACCOUNT, account), parse_id(PRODUCT, product), reason)
        show(as_fields(view_package(use, now_ms=clock.now_ms())), json=json)

    @app.command("list")
    def list_packages(account: OfAccount = None, json: Json = False, config: Config = None) -> None:
        """List packages and what is left in them, newest first."""
        with office.open_books(choose_settings(config)) as desk:
            uses = desk.packages.list(None if account is None else parse_id(ACCOUNT, account))
        views = [view_package(use, now_ms=clock.now_ms()) for use in uses]
        show(as_table(views, PACKAGE_COLUMNS, empty="There is no package."), json=json)

    @app.command("show")
    def show_package(package: PackageId, json: Json = False, config: Config = None) -> None:
        """Show one package, what is left in it, and until when."""
        with office.open_books(choose_settings(config)) as desk:
            use = desk.packages.show(parse_id(PACKAGE, package))
        show(as_fields(view_package(use, now_ms=clock.now_ms())), json=json)

    @app.command()
    def end(package: PackageId, json: Json = False, config: Config = None) -> None:
        """Let a package expire now; what is left in it is forfeited."""
        with office.open_books(choose_settings(config)) as desk:
            use = desk.packages.end(parse_id(PACKAGE, package))
        show(as_fields(view_package(use, now_ms=clock.now_ms())), json=json)

    return app
