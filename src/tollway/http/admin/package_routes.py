"""The routes of products and packages: what is sold, and what accounts have of it."""

from fastapi import APIRouter

from tollway import clock
from tollway.access.packages import ModelRatio, PackageUse
from tollway.billing.products import ProductTerms, parse_quantity, parse_ratio
from tollway.billing.terms_views import view_package, view_product
from tollway.billing.views import View
from tollway.http.admin.bodies import NewGrant, NewProduct, NewPurchase
from tollway.http.admin.found import found
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, PACKAGE, PRODUCT, parse_id
from tollway.money import parse_amount


def product_routes(parts: AdminParts) -> APIRouter:
    """Return the routes below `/products`."""
    router = APIRouter(prefix="/products", tags=["products"])
    products = parts.desk.products

    @router.post("", status_code=201)
    def create_product(body: NewProduct) -> View:
        """Offer a product."""
        models = (ModelRatio(model=entry.model, ratio_ppm=parse_ratio(entry.ratio)) for entry in body.models)
        terms = ProductTerms(
            unit=body.unit,
            amount=parse_quantity(body.amount, body.unit),
            models=tuple(models),
            price_nanos=parse_amount(body.price),
            currency=parts.currency if body.currency is None else body.currency,
            validity_days=body.validity_days,
        )
        return view_product(products.create(body.name, terms))

    @router.get("")
    def list_products() -> View:
        """List all products, oldest first."""
        return {"object": "list", "data": [view_product(product) for product in products.list()]}

    @router.get("/{product}")
    def show_product(product: str) -> View:
        """Show one product."""
        return view_product(found(lambda: products.show(parse_id(PRODUCT, product))))

    @router.post("/{product}/retire")
    def retire_product(product: str) -> View:
        """Sell a product no more; packages that were bought stay as they are."""
        return view_product(found(lambda: products.retire(parse_id(PRODUCT, product))))

    return router


def package_routes(parts: AdminParts) -> APIRouter:
    """Return the routes below `/packages`."""
    router = APIRouter(prefix="/packages", tags=["packages"])
    desk = parts.desk

    def shown(use: PackageUse) -> View:
        return view_package(use, now_ms=clock.now_ms())

    def ids_of(body: NewPurchase) -> tuple[int, int]:
        account, product = parse_id(ACCOUNT, body.account), parse_id(PRODUCT, body.product)
        found(lambda: desk.accounts.show(account))
        found(lambda: desk.products.show(product))
        return account, product

    @router.post("/purchases", status_code=201)
    def buy_package(body: NewPurchase) -> View:
        """Buy a package from the account's balance."""
        return shown(desk.packages.buy(*ids_of(body)))

    @router.post("/grants", status_code=201)
    def grant_package(body: NewGrant) -> View:
        """Give an account a package at no price."""
        return shown(desk.packages.grant(*ids_of(body), body.reason))

    @router.get("")
    def list_packages(account: str | None = None) -> View:
        """List packages and what is left in them, newest first."""
        uses = desk.packages.list(None if account is None else parse_id(ACCOUNT, account))
        return {"object": "list", "data": [shown(use) for use in uses]}

    @router.get("/{package}")
    def show_package(package: str) -> View:
        """Show one package, what is left in it, and until when."""
        return shown(found(lambda: desk.packages.show(parse_id(PACKAGE, package))))

    @router.post("/{package}/end")
    def end_package(package: str) -> View:
        """Let a package expire now; what is left in it is forfeited."""
        return shown(found(lambda: desk.packages.end(parse_id(PACKAGE, package))))

    return router
