"""Receipts: what came onto a balance, from whom, and what of it was given back. Knows no SQL and no payment provider."""

from typing import Protocol

import msgspec

from tollway.billing.payment_views import view_paid_order
from tollway.billing.views import View, view_account, view_time, view_transfer
from tollway.errors import CommandRefused
from tollway.ids import ORDER, TRANSFER, IdError, parse_id, render_id
from tollway.ledger.orders import CREDITED, STANDS, PaidOrder
from tollway.ledger.records import Account, Transfer, TransferKind, purse_of_leg
from tollway.money import render_amount

PAID_BY = {
    TransferKind.TOPUP: "payment",
    TransferKind.VOUCHER: "voucher",
    TransferKind.CREDIT: "credit by the operator",
}
"""What there are receipts of, and by what the money came."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """One top-up."""

    transfer: Transfer
    account: Account
    order: PaidOrder | None = None
    """What was paid for, where a payment provider took the money."""

    @property
    def returned_nanos(self) -> int:
        """What refunds and disputes took back."""
        if self.order is None:
            return 0
        return sum(claim.amount_nanos for claim in self.order.claims if claim.state in STANDS)


class ReceiptRows(Protocol):
    """What receipts want from the store."""

    def transfer(self, transfer_id: int) -> Transfer | None:
        """Read one transfer."""
        ...

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        ...

    def paid_order(self, order_id: int) -> PaidOrder | None:
        """Read an order and what it moved."""
        ...


class Receipts:
    """The use case of receipts. Errors are CommandRefused with a sentence."""

    def __init__(self, store: ReceiptRows) -> None:
        """Read from `store`."""
        self._store = store

    def show(self, name: str) -> Receipt:
        """Return the receipt of a transfer (`txn_…`) or of an order (`ord_…`); IdError when it is neither."""
        if name.startswith(ORDER):
            return self._of_order(parse_id(ORDER, name))
        if not name.startswith(TRANSFER):
            raise IdError(f"{name!r} names neither a transfer ({TRANSFER}…) nor an order ({ORDER}…)")
        transfer = self._store.transfer(parse_id(TRANSFER, name))
        if transfer is None:
            raise CommandRefused(f"there is no transfer {name}")
        if transfer.kind is TransferKind.TOPUP and transfer.reference is not None:
            return self._of_order(parse_id(ORDER, transfer.reference))
        account_id = purse_of_leg(transfer.credit_account)
        account = None if account_id is None else self._store.account(account_id)
        if transfer.kind not in PAID_BY or account is None:
            raise CommandRefused(f"{name} is no top-up but a {transfer.kind.value}: there are no receipts of those")
        return Receipt(transfer=transfer, account=account)

    def _of_order(self, order_id: int) -> Receipt:
        name = render_id(ORDER, order_id)
        paid = self._store.paid_order(order_id)
        if paid is None:
            raise CommandRefused(f"there is no order {name}")
        if paid.order.state not in CREDITED:
            raise CommandRefused(f"order {name} is {paid.order.state}: there is no receipt of it")
        transfer = next(transfer for transfer in paid.transfers if transfer.kind is TransferKind.TOPUP)
        return Receipt(transfer=transfer, account=paid.account, order=paid)


def view_receipt(receipt: Receipt) -> View:
    """Show a receipt: what came in, what of it was given back, and the difference."""
    transfer, order = receipt.transfer, receipt.order
    return {
        "receipt": render_id(TRANSFER, transfer.id) if order is None else render_id(ORDER, order.order.id),
        "account": view_account(receipt.account),
        "paid_by": PAID_BY[transfer.kind],
        "paid_amount": render_amount(transfer.amount_nanos),
        "returned_amount": render_amount(receipt.returned_nanos),
        "net_amount": render_amount(transfer.amount_nanos - receipt.returned_nanos),
        "currency": transfer.currency,
        "reason": transfer.reason,
        "paid": view_time(transfer.created_ms),
        "transfer": view_transfer(transfer),
        "order": None if order is None else view_paid_order(order),
    }
