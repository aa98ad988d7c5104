"""Packages bought by payment: paid, sold and granted in one transaction, or the money stays on the balance."""

import pytest

from tests.e2e.payments.conftest import UNIT, Shop
from tollway.access.packages import MICROS_PER_TOKEN
from tollway.access.terms import PackageUnit
from tollway.billing.payments import Wish
from tollway.billing.products import ProductTerms
from tollway.errors import CommandRefused
from tollway.ids import ORDER, PACKAGE, render_id
from tollway.ledger.orders import OrderKind, OrderState
from tollway.ledger.records import TransferKind

TOKENS = 1_000_000 * MICROS_PER_TOKEN


def offered(shop: Shop, *, price_nanos: int = 10 * UNIT, currency: str = "USD") -> int:
    """Put a package of a million tokens on sale."""
    terms = ProductTerms(unit=PackageUnit.TOKENS, amount=TOKENS, price_nanos=price_nanos, currency=currency)
    return shop.products.create("Big", terms).id


def moves(shop: Shop) -> list[tuple[TransferKind, str, str]]:
    return [
        (transfer.kind, transfer.debit_account, transfer.credit_account)
        for transfer in reversed(shop.store.transfers(None, 100))
    ]


def test_a_package_that_is_paid_for_is_granted_with_the_payment(shop: Shop) -> None:
    order, _ = shop.paid(product_id=offered(shop))
    (use,) = shop.packages.list(shop.account.id)
    account, package = f"account:{shop.account.id}", f"package:{use.package.id}"
    assert order.kind is OrderKind.PACKAGE
    assert order.amount_nanos == 10 * UNIT
    assert (use.left, use.package.reference) == (TOKENS, render_id(ORDER, order.id))
    assert moves(shop) == [
        (TransferKind.TOPUP, "funding:stripe", account),
        (TransferKind.PURCHASE, account, "packages:sold"),
        (TransferKind.GRANT, "packages:issued:tokens", package),
    ]
    assert shop.balance() == 0
    receipt = shop.payments.receipt(order.id)
    assert receipt.package_id == use.package.id
    assert [transfer.kind for transfer in receipt.transfers] == [kind for kind, _, _ in moves(shop)]


def test_a_package_is_granted_once_however_often_its_payment_is_told(shop: Shop) -> None:
    order = shop.order(product_id=offered(shop))
    event = shop.pay(order)
    for kind in ("checkout.session.completed", "checkout.session.async_payment_succeeded"):
        shop.deliver(shop.server.event(kind, event["data"]["object"]))
    assert len(shop.packages.list(shop.account.id)) == 1


def test_a_package_too_many_leaves_the_money_on_the_balance_and_is_told(shop: Shop) -> None:
    big = offered(shop)
    shop.paid(product_id=big)
    order, intent = shop.paid(product_id=big)
    assert shop.balance() == 10 * UNIT
    assert order.state is OrderState.PAID
    told = shop.told()["package_not_granted", render_id(ORDER, order.id)]
    assert told["reason"] == "the account has as many active packages as it may have"
    # It was a top-up in effect, so a refund takes it from the balance.
    shop.deliver(shop.server.event("refund.created", shop.server.refund(intent, 1000)))
    assert shop.balance() == 0


def test_a_package_that_is_given_back_ends_and_costs_the_balance_nothing(shop: Shop) -> None:
    shop.accounts.credit(shop.account.id, 3 * UNIT, "its own money")
    order, intent = shop.paid(product_id=offered(shop))
    shop.deliver(shop.server.event("refund.created", shop.server.refund(intent, 400)))
    (use,) = shop.packages.list(shop.account.id)
    assert use.package.expires_ms is None
    shop.deliver(shop.server.event("refund.created", shop.server.refund(intent, 600)))
    assert moves(shop)[-1] == (TransferKind.REFUND, "packages:sold", "funding:stripe")
    assert shop.balance() == 3 * UNIT
    assert shop.payments.order(order.id).order.state is OrderState.REFUNDED
    assert shop.packages.show(use.package.id).package.expires_ms == shop.now_ms
    assert shop.packages.expire() == 1
    assert shop.packages.show(use.package.id).left == 0


def test_a_disputed_package_ends_and_a_won_dispute_brings_back_what_was_sold(shop: Shop) -> None:
    order, intent = shop.paid(product_id=offered(shop))
    dispute = shop.server.dispute(intent)
    shop.deliver(shop.server.event("charge.dispute.created", dispute))
    (use,) = shop.packages.list(shop.account.id)
    assert use.package.expires_ms == shop.now_ms
    shop.deliver(shop.server.event("charge.dispute.closed", dispute | {"status": "won"}))
    assert moves(shop)[-1] == (TransferKind.DISPUTE_WON, "funding:stripe", "packages:sold")
    assert shop.payments.order(order.id).order.state is OrderState.PAID
    assert shop.balance() == 0


def test_only_what_is_sold_in_the_accounts_currency_can_be_paid(shop: Shop) -> None:
    retired, dear, fine = offered(shop), offered(shop, currency="CNY"), offered(shop, price_nanos=UNIT // 1000)
    shop.products.retire(retired)
    for product_id, said in (
        (retired, "is not sold"),
        (12345, "is not sold"),
        (dear, "is sold in CNY, and the account pays in USD"),
        (fine, "0.001 USD cannot be paid"),
        (offered(shop, price_nanos=0), r"0\.00 USD cannot be paid"),
    ):
        with pytest.raises(CommandRefused, match=said):
            shop.payments.checkout(shop.account.id, Wish(product_id=product_id))
    with pytest.raises(CommandRefused, match="name one of them"):
        shop.payments.checkout(shop.account.id, Wish(product_id=retired, amount_nanos=UNIT))
    assert shop.payments.orders() == ()


def test_a_product_that_was_retired_meanwhile_is_granted_as_it_was_paid(shop: Shop) -> None:
    big = offered(shop)
    order = shop.order(product_id=big)
    shop.products.retire(big)
    shop.deliver(shop.pay(order))
    (use,) = shop.packages.list(shop.account.id)
    assert render_id(PACKAGE, use.package.id).startswith("pkg_")
    assert shop.told() == {}
