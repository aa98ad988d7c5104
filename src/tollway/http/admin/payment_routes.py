"""The routes of payments: start one, read orders and receipts, and let an account be topped up by itself."""

from typing import Annotated

from fastapi import APIRouter, Query

from tollway.billing.payment_views import view_auto_topup, view_order, view_paid_order, view_receipt
from tollway.billing.payments import ORDERS_MAX, Wish
from tollway.billing.views import View
from tollway.http.admin.bodies import NewAutoTopup, NewCheckout
from tollway.http.admin.found import found
from tollway.http.admin.parts import AdminParts
from tollway.ids import ACCOUNT, ORDER, PRODUCT, parse_id
from tollway.money import parse_amount

Limit = Annotated[int, Query(ge=1, le=ORDERS_MAX)]


def payment_routes(parts: AdminParts) -> APIRouter:
    """Return the routes of payments below `/accounts`."""
    router = APIRouter(prefix="/accounts", tags=["payments"])
    desk = parts.desk

    def known(account: str) -> int:
        number = parse_id(ACCOUNT, account)
        found(lambda: desk.accounts.show(number))
        return number

    @router.post("/{account}/checkout", status_code=201)
    def start_checkout(account: str, body: NewCheckout) -> View:
        """Make an order and the page on which it is paid; whoever opens its URL can pay."""
        wish = Wish(
            amount_nanos=None if body.amount is None else parse_amount(body.amount),
            product_id=None if body.product is None else parse_id(PRODUCT, body.product),
            save_card=body.save_card,
        )
        order, url = desk.payments.checkout(known(account), wish)
        return view_order(order) | {"url": url}

    @router.put("/{account}/auto-topup")
    def allow_auto_topup(account: str, body: NewAutoTopup) -> View:
        """Charge a saved card whenever the balance is below the threshold, up to so much in 24 hours."""
        number = known(account)
        topup = desk.auto_topups.allow(
            number,
            threshold_nanos=parse_amount(body.threshold),
            amount_nanos=parse_amount(body.amount),
            daily_max_nanos=None if body.daily_max is None else parse_amount(body.daily_max),
        )
        return view_auto_topup(topup, currency=desk.accounts.show(number).currency)

    @router.get("/{account}/auto-topup")
    def show_auto_topup(account: str) -> View:
        """Show what the account allows, and how it goes."""
        number = known(account)
        topup = found(lambda: desk.auto_topups.show(number))
        return view_auto_topup(topup, currency=desk.accounts.show(number).currency)

    @router.delete("/{account}/auto-topup")
    def end_auto_topup(account: str) -> View:
        """Charge the saved card no more."""
        number = known(account)
        topup = found(lambda: desk.auto_topups.end(number))
        return view_auto_topup(topup, currency=desk.accounts.show(number).currency)

    return router


def order_routes(parts: AdminParts) -> APIRouter:
    """Return the routes below `/orders`."""
    router = APIRouter(prefix="/orders", tags=["payments"])
    payments = parts.desk.payments

    @router.get("")
    def list_orders(account: str | None = None, limit: Limit = 50) -> View:
        """List orders, newest first."""
        orders = payments.orders(None if account is None else parse_id(ACCOUNT, account), limit)
        return {"object": "list", "data": [view_order(order) for order in orders]}

    @router.get("/{order}")
    def show_order(order: str) -> View:
        """Show one order and what it moved."""
        return view_paid_order(found(lambda: payments.order(parse_id(ORDER, order))))

    @router.get("/{order}/receipt")
    def show_receipt(order: str) -> View:
        """Show the receipt of an order that was paid."""
        return view_receipt(found(lambda: payments.receipt(parse_id(ORDER, order))))

    return router
