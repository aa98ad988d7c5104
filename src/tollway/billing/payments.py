"""Payments: pages on which accounts top up or buy packages, what the provider says became of them, and receipts.

Knows no SQL and no provider. No transaction is open while the provider is waited for.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import msgspec

from tollway import clock
from tollway.access.packages import ProductState
from tollway.billing.accounts import Ids
from tollway.billing.payment_ports import PaymentBooks, PaymentProvider, PaymentRows
from tollway.billing.payment_posting import PaymentPosting
from tollway.errors import CommandRefused, PaymentRefused, PaymentUnclear, Refusal
from tollway.ids import ACCOUNT, ORDER, PRODUCT, render_id
from tollway.ledger.orders import (
    CREDITED,
    MINOR_UNITS,
    Checkout,
    ClaimState,
    Order,
    OrderKind,
    OrderState,
    PaidOrder,
    to_minor,
)
from tollway.money import render_amount

ORDERS_MAX = 1000
"""Orders of one listing: a page of memory, not the whole history."""

CLAIMS_AT_ONCE = 100
"""Refunds and disputes that one round of the sweep goes on with; the rest come with the next."""


class PaymentTerms(NamedTuple):
    """What the operator decided: of one top-up, in nano-units, and of packages."""

    topup_min_nanos: int
    topup_max_nanos: int
    packages_max: int = 1
    """Active packages of an account at a time; 0 for any number."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What an account wants to pay for: an amount, or a product."""

    amount_nanos: int | None = None
    product_id: int | None = None
    save_card: bool = False
    """Keep the means of payment for automatic top-ups."""


class Hearing(StrEnum):
    """What was done with a message of the provider."""

    APPLIED = "applied"
    REPEATED = "repeated"
    """It was heard before: nothing was done."""
    IGNORED = "ignored"
    """It does not concern this deployment."""
    DIFFERS = "differs"
    """It does not fit our books: nothing was moved for what differs, and an event says what that is."""


class Heard(NamedTuple):
    """A message of the provider, and what was done with it."""

    event_id: str
    kind: str
    hearing: Hearing
    differences: tuple[str, ...] = ()


class Payments:
    """The use cases of payments. Errors are CommandRefused with a sentence, or Refusal where the provider is at fault."""

    def __init__(
        self,
        store: PaymentRows,
        ids: Ids,
        provider: PaymentProvider | None,
        terms: PaymentTerms,
        *,
        now_ms: Callable[[], int] = clock.now_ms,
    ) -> None:
        """Work on `store`; without a provider, orders can be read and none can be made."""
        self._store = store
        self._ids = ids
        self._provider = provider
        self._terms = terms
        self._now_ms = now_ms

    # -- orders

    def checkout(self, account_id: int, wish: Wish) -> tuple[Order, str]:
        """Make an order and the page on which it is paid; return the order, and the page's URL."""
        provider = self._configured()
        with self._store.paying() as books:
            order, title = self._ordered(books, account_id, wish)
            topup = books.auto_topup(account_id)
            if wish.save_card and topup is None:
                raise CommandRefused("say first what the card is saved for: `tollway auto-topup set`")
            books.add_order(order)
        customer = topup.card.customer_ref if topup is not None and topup.card is not None else None
        checkout = Checkout(order=order, title=title, customer_ref=customer, save_card=wish.save_card)
        try:
            page = provider.start_checkout(checkout)
        except PaymentRefused as error:
            with self._store.paying() as books:
                books.change_order(msgspec.structs.replace(order, state=OrderState.FAILED))
            raise Refusal("upstream_error", f"{error}.") from error
        except PaymentUnclear as error:
            raise Refusal("upstream_unavailable", f"{error}; no payment was made. Try again.") from error
        with self._store.paying() as books:
            current = books.order(order.id)
            assert current is not None, "it was written above"
            # Whoever pays at once may be heard of before the page's own answer.
            if current.provider_ref is None:
                current = msgspec.structs.replace(current, provider_ref=page.provider_ref)
                books.change_order(current)
        return current, page.url

    def orders(self, account_id: int | None = None, limit: int = 50) -> tuple[Order, ...]:
        """Return orders, newest first: of one account, or all."""
        if not 0 < limit <= ORDERS_MAX:
            raise CommandRefused(f"a listing has 1 to {ORDERS_MAX} orders")
        return self._store.orders(account_id, limit)

    def order(self, order_id: int) -> PaidOrder:
        """Return one order and what it moved."""
        found = self._store.paid_order(order_id)
        if found is None:
            raise CommandRefused(f"there is no order {render_id(ORDER, order_id)}")
        return found

    def receipt(self, order_id: int) -> PaidOrder:
        """Return an order that was paid, and what it moved."""
        found = self.order(order_id)
        if found.order.state not in CREDITED:
            raise CommandRefused(
                f"order {render_id(ORDER, order_id)} is {found.order.state}: there is no receipt of it"
            )
        return found

    # -- what the provider says

    def hear(self, body: bytes, signature: str) -> Heard:
        """Take a message of the provider: verify it, and do what it asks for, once.

        Raises Refusal: `invalid_request` when the provider did not sign it, `upstream_unavailable` when the provider
        must be asked for more and does not answer, so that it sends the message again.
        """
        provider = self._configured()
        try:
            event = provider.read_event(body, signature)
        except (PaymentRefused, PaymentUnclear) as error:
            raise Refusal("upstream_unavailable", f"{error}.") from error
        if not event.notices:
            return Heard(event.id, event.kind, Hearing.IGNORED)
        with self._store.paying() as books:
            if books.heard(event.id):
                return Heard(event.id, event.kind, Hearing.REPEATED)
            posting = self._posting(books, event.id)
            order_id = None
            for notice in event.notices:
                if event.live is provider.live:
                    order_id = posting.apply(notice)
                else:
                    posting.refuse(notice, f"it is about {_money(event.live)}, the key about {_money(provider.live)}")
            if not posting.differences:
                # What differs is looked at again when it is sent again: something may have been mended meanwhile.
                books.note_event(event, order_id=order_id, received_ms=self._now_ms())
        hearing = Hearing.DIFFERS if posting.differences else Hearing.APPLIED
        return Heard(event.id, event.kind, hearing, tuple(posting.differences))

    def collect(self) -> int:
        """Go on taking what refunds and disputes ask for; return how many are done. To be called every few seconds."""
        done = 0
        for waiting in self._store.claims_to_take(CLAIMS_AT_ONCE):
            with self._store.paying() as books:
                claim = books.claim(waiting.id)
                if claim is None or claim.state is not ClaimState.TAKING or claim.order_id is None:
                    continue
                order = books.order(claim.order_id)
                assert order is not None, "a claim that takes has an order"
                self._posting(books, claim.id).take(claim, order)
                after = books.claim(claim.id)
                done += after is not None and after.state is not ClaimState.TAKING
        return done

    # -- inside

    def _posting(self, books: PaymentBooks, source: str) -> PaymentPosting:
        packages_max = self._terms.packages_max
        return PaymentPosting(books, self._ids, now_ms=self._now_ms(), source=source, packages_max=packages_max)

    def _configured(self) -> PaymentProvider:
        if self._provider is None:
            raise CommandRefused("payments are not configured: set [payments] stripe_secret_key")
        return self._provider

    def _ordered(self, books: PaymentBooks, account_id: int, wish: Wish) -> tuple[Order, str]:
        """Return the order that a wish makes, and what the person who pays reads of it."""
        account = books.account(account_id)
        if account is None:
            raise CommandRefused(f"there is no account {render_id(ACCOUNT, account_id)}")
        if (wish.amount_nanos is None) == (wish.product_id is None):
            raise CommandRefused("a payment is for an amount or for a product: name one of them")
        if wish.product_id is not None:
            product = books.product(wish.product_id)
            if product is None or product.state is not ProductState.ACTIVE:
                raise CommandRefused(f"product {render_id(PRODUCT, wish.product_id)} is not sold")
            if product.currency != account.currency:
                raise CommandRefused(
                    f"product {product.name} is sold in {product.currency}, and the account pays in {account.currency}"
                )
            kind, nanos, title = OrderKind.PACKAGE, checked_coins(product.price_nanos, account.currency), product.name
        else:
            nanos = checked_topup(self._terms, wish.amount_nanos or 0, account.currency)
            kind, title = OrderKind.TOPUP, f"Top-up of {render_amount(nanos)} {account.currency}"
        order = Order(
            id=self._ids.next(),
            account_id=account.id,
            kind=kind,
            product_id=wish.product_id,
            amount_nanos=nanos,
            currency=account.currency,
            created_ms=self._now_ms(),
        )
        return order, title


def checked_topup(terms: PaymentTerms, amount_nanos: int, currency: str) -> int:
    """Return an amount that one top-up may be; raises CommandRefused for any other."""
    least, most = terms.topup_min_nanos, terms.topup_max_nanos
    if not least <= amount_nanos <= most:
        raise CommandRefused(
            f"a top-up is {render_amount(least)} to {render_amount(most)} {currency}, "
            f"and {render_amount(amount_nanos)} is not"
        )
    return checked_coins(amount_nanos, currency)


def checked_coins(amount_nanos: int, currency: str) -> int:
    """Return an amount above zero that can be paid in coins of the currency; raises CommandRefused for any other."""
    if currency not in MINOR_UNITS:
        raise CommandRefused(f"payments are in {' or '.join(MINOR_UNITS)}, not in {currency}")
    if amount_nanos <= 0 or to_minor(amount_nanos, currency) is None:
        raise CommandRefused(
            f"{render_amount(amount_nanos)} {currency} cannot be paid: it must be above zero, in whole hundredths"
        )
    return amount_nanos


def _money(live: bool) -> str:  # noqa: FBT001 -- a fact
    return "real money" if live else "play money"
