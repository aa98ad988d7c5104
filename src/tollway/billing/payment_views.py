"""What people see of payments and vouchers: plain data with exact decimals and prefixed ids. Pure; no view holds a secret."""

import csv
import io
from collections.abc import Sequence

from tollway.billing.views import View, view_account, view_time, view_transfer
from tollway.ids import ACCOUNT, ORDER, PACKAGE, PRODUCT, TRANSFER, VOUCHER, render_id
from tollway.ledger.auto_topups import AutoTopup
from tollway.ledger.orders import CREDITED, STANDS, Claim, Order, PaidOrder
from tollway.ledger.vouchers import Voucher
from tollway.money import render_amount


def view_order(order: Order) -> View:
    """Show an order."""
    return {
        "id": render_id(ORDER, order.id),
        "account": render_id(ACCOUNT, order.account_id),
        "kind": order.kind.value,
        "product": None if order.product_id is None else render_id(PRODUCT, order.product_id),
        "amount": render_amount(order.amount_nanos),
        "currency": order.currency,
        "state": order.state.value,
        "payment": order.payment_ref,
        "created": view_time(order.created_ms),
        "paid": view_time(order.paid_ms),
    }


def view_claim(claim: Claim) -> View:
    """Show a refund or a dispute, and what of it is owed."""
    stands = claim.state in STANDS
    return {
        "id": claim.id,
        "kind": claim.kind.value,
        "state": claim.state.value,
        "amount": render_amount(claim.amount_nanos),
        "taken": render_amount(claim.taken_nanos if stands else 0),
        "owed": render_amount(claim.rest_nanos if stands else 0),
        "currency": claim.currency,
        "created": view_time(claim.created_ms),
    }


def view_paid_order(paid: PaidOrder) -> View:
    """Show an order with what it moved."""
    package = None if paid.package_id is None else render_id(PACKAGE, paid.package_id)
    return view_order(paid.order) | {
        "package": package,
        "transfers": [view_transfer(transfer) for transfer in paid.transfers],
        "taken_back": [view_claim(claim) for claim in paid.claims],
    }


def view_receipt(paid: PaidOrder) -> View:
    """Show what a person or a bookkeeper needs of a payment: who paid how much for what, and what came of it since.

    `paid_amount` is what came in, `returned_amount` what refunds and disputes took back, `net_amount` the difference.
    """
    order = paid.order
    came = order.amount_nanos if order.state in CREDITED else 0
    back = sum(claim.amount_nanos for claim in paid.claims if claim.state in STANDS)
    return {
        "receipt": render_id(ORDER, order.id),
        "account": view_account(paid.account),
        "order": view_paid_order(paid),
        "paid_amount": render_amount(came),
        "returned_amount": render_amount(back),
        "net_amount": render_amount(came - back),
        "currency": order.currency,
        "paid": view_time(order.paid_ms),
    }


def view_voucher(voucher: Voucher, *, now_ms: int) -> View:
    """Show a voucher without its code."""
    return {
        "id": render_id(VOUCHER, voucher.id),
        "batch": voucher.batch,
        "hint": voucher.hint,
        "amount": render_amount(voucher.amount_nanos),
        "currency": voucher.currency,
        "state": voucher.state(now_ms).value,
        "expires": view_time(voucher.expires_ms),
        "redeemed": view_time(voucher.redeemed_ms),
        "account": None if voucher.account_id is None else render_id(ACCOUNT, voucher.account_id),
        "transfer": None if voucher.transfer_id is None else render_id(TRANSFER, voucher.transfer_id),
        "created": view_time(voucher.created_ms),
    }


def view_auto_topup(topup: AutoTopup, *, currency: str) -> View:
    """Show what an account allows, and how it goes; its card is the provider's secret, so only whether there is one."""
    return {
        "account": render_id(ACCOUNT, topup.account_id),
        "state": topup.state.value,
        "threshold": render_amount(topup.threshold_nanos),
        "amount": render_amount(topup.amount_nanos),
        "daily_max": render_amount(topup.daily_max_nanos),
        "currency": currency,
        "card_saved": topup.card is not None,
        "order": None if topup.order_id is None else render_id(ORDER, topup.order_id),
        "tried": view_time(topup.tried_ms),
        "failures": topup.failures,
    }


def vouchers_csv(made: Sequence[tuple[Voucher, str]]) -> str:
    """Return new vouchers with their codes as lines of a spreadsheet, under a line of names."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("code", "amount", "currency", "expires", "batch", "id"))
    for voucher, code in made:
        # A spreadsheet takes a text that begins so for a formula, and people name batches as they like.
        batch = f"'{voucher.batch}" if voucher.batch[0] in "=+-@" else voucher.batch
        amount, expires = render_amount(voucher.amount_nanos), view_time(voucher.expires_ms) or ""
        writer.writerow((code, amount, voucher.currency, expires, batch, render_id(VOUCHER, voucher.id)))
    return text.getvalue()
