"""The routes of prices: what a million tokens of each model cost, for everybody or for the account that asks."""

from collections.abc import Sequence

from fastapi import Response

from tollway import clock
from tollway.billing.price_lists import ListedPrice, ListTerms, list_prices
from tollway.billing.views import View, view_time
from tollway.http.account.amounts import units
from tollway.http.account.asking import Asking, Calling
from tollway.http.account.parts import AccountParts
from tollway.http.account.replying import Routes, routes_of, shown
from tollway.money import PPM
from tollway.pricing.charge import Charge

USD = "USD"
"""The currency whose prices stand under the names that the services' clients read, too."""


def pricing_routes(parts: AccountParts) -> Routes:
    """Return the routes of prices."""
    routes = routes_of("prices")
    models = tuple(parts.catalog.models.values())

    def view(terms: ListTerms) -> Response:
        listed = list_prices(models, parts.catalog.rates, terms, now_ms=clock.now_ms())
        return shown({"success": True, "data": view_prices(listed, terms, updated_ms=parts.opened_ms)})

    @routes.get("/api/v1/public/pricing")
    def show_public_prices(call: Calling) -> Response:
        """Show what a new account pays."""
        brand = call.heads.brand
        ours = brand is parts.heads.default.brand
        fee_ppm = parts.platform_fee_ppm if ours else brand.platform_fee_ppm
        return view(ListTerms(currency=parts.currency if ours else brand.currency, fee_ppm=fee_ppm))

    @routes.get("/api/v1/pricing")
    def show_prices(asker: Asking) -> Response:
        """Show what the account that asks pays: its fee, its discount, its currency."""
        account = parts.desk.accounts.show(asker.account_id)
        fee_ppm = parts.platform_fee_ppm if account.fee_ppm is None else account.fee_ppm
        return view(ListTerms(currency=account.currency, fee_ppm=fee_ppm, price_ppm=account.price_ppm))

    return routes


def view_prices(listed: Sequence[ListedPrice], terms: ListTerms, *, updated_ms: int) -> View:
    """Show a list of prices. The one price of a model, where a client wants one, is that of its output: the dearer."""
    return {
        "updatedAt": view_time(updated_ms),
        "currency": terms.currency,
        "fees": {"platformFeeRate": terms.fee_ppm / PPM},
        "models": [_view_price(price, terms.currency) for price in listed],
    }


def _view_price(price: ListedPrice, currency: str) -> View:
    dollars = {"usdPer1MTokens": _view_charge(price.output)} if currency == USD else {}
    return {
        "id": price.model,
        **dollars,
        "inputPer1MTokens": _view_charge(price.input),
        "outputPer1MTokens": _view_charge(price.output),
    }


def _view_charge(charge: Charge) -> View:
    return {
        "network": units(charge.base_nanos),
        "platformFee": units(charge.fee_nanos),
        "total": units(charge.total_nanos),
    }
