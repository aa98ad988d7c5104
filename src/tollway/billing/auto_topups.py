"""Automatic top-ups: what an account allows, and the charges that follow when its balance falls below its threshold.

Knows no SQL and no provider. At most one payment of an account is under way; which worker asks for it is decided by one
conditional update, and the order's id is the provider's idempotency key, so that asking twice charges once.
"""

from collections.abc import Callable

import msgspec

from tollway import clock
from tollway.billing.accounts import Ids
from tollway.billing.payment_ports import PaymentBooks, PaymentProvider, PaymentRows
from tollway.billing.payment_posting import PaymentPosting
from tollway.billing.payments import PaymentTerms, checked_topup
from tollway.errors import CommandRefused, PaymentRefused, PaymentUnclear
from tollway.ids import ACCOUNT, ORDER, render_id
from tollway.ledger.auto_topups import (
    DAILY_TIMES,
    DAY_MS,
    LOST_MS,
    SAME_KEY_MS,
    AutoTopup,
    AutoTopupState,
    may_try,
)
from tollway.ledger.orders import Order, OrderKind, OrderState, PaymentTale, SavedCard
from tollway.ledger.records import AccountState
from tollway.money import AMOUNT_NANOS_MAX, render_amount

DUE_AT_ONCE = 20
"""Top-ups that one round of the sweep begins: each waits for the network, and the rest come with the next."""


class AutoTopups:
    """The use cases of automatic top-ups. Errors are CommandRefused with a sentence."""

    def __init__(
        self,
        store: PaymentRows,
        ids: Ids,
        provider: PaymentProvider | None,
        terms: PaymentTerms,
        *,
        now_ms: Callable[[], int] = clock.now_ms,
    ) -> None:
        """Work on `store`; without a provider, what accounts allow can be read and changed, and nothing is charged."""
        self._store = store
        self._ids = ids
        self._provider = provider
        self._terms = terms
        self._now_ms = now_ms
        self._closed = False

    def close(self) -> None:
        """Begin no further charge: whoever stops must not wait for one after the other."""
        self._closed = True

    def allow(
        self, account_id: int, *, threshold_nanos: int, amount_nanos: int, daily_max_nanos: int | None = None
    ) -> AutoTopup:
        """Let an account be topped up by an amount when its balance is below a threshold, up to so much in 24 hours.

        The card comes from a payment that saves it. Without a daily maximum, it is five times the amount.
        """
        with self._store.paying() as books:
            account = books.account(account_id)
            if account is None:
                raise CommandRefused(f"there is no account {render_id(ACCOUNT, account_id)}")
            amount_nanos = checked_topup(self._terms, amount_nanos, account.currency)
            if daily_max_nanos is None:
                daily_max_nanos = amount_nanos * DAILY_TIMES
            if not 0 < threshold_nanos <= AMOUNT_NANOS_MAX:
                raise CommandRefused(f"a threshold is above zero, and {render_amount(threshold_nanos)} is not")
            if not amount_nanos <= daily_max_nanos <= AMOUNT_NANOS_MAX:
                raise CommandRefused("the daily maximum is less than one top-up: nothing would ever be charged")
            before = books.auto_topup(account_id)
            if before is None:
                before = AutoTopup(
                    account_id=account_id,
                    threshold_nanos=threshold_nanos,
                    amount_nanos=amount_nanos,
                    daily_max_nanos=daily_max_nanos,
                    state=AutoTopupState.NO_CARD,
                )
            order = None if before.order_id is None else books.order(before.order_id)
            state = AutoTopupState.NO_CARD if before.card is None else AutoTopupState.READY
            if order is not None and order.state is OrderState.OPEN:
                state = AutoTopupState.CHARGING  # it is under way: another beside it could charge twice
            topup = msgspec.structs.replace(
                before,
                threshold_nanos=threshold_nanos,
                amount_nanos=amount_nanos,
                daily_max_nanos=daily_max_nanos,
                state=state,
                failures=0,
            )
            books.put_auto_topup(topup)
        return topup

    def show(self, account_id: int) -> AutoTopup:
        """Return what an account allows, and how it goes."""
        topup = self._store.auto_topup(account_id)
        if topup is None:
            raise CommandRefused(f"account {render_id(ACCOUNT, account_id)} is not topped up by itself")
        return topup

    def end(self, account_id: int) -> AutoTopup:
        """Charge the account's card no more; a payment that is under way still counts. Its card is kept."""
        with self._store.paying() as books:
            topup = books.auto_topup(account_id)
            if topup is None:
                raise CommandRefused(f"account {render_id(ACCOUNT, account_id)} is not topped up by itself")
            topup = msgspec.structs.replace(topup, state=AutoTopupState.OFF)
            books.put_auto_topup(topup)
        return topup

    def sweep(self) -> int:
        """Charge for every account that needs it; return how many charges were asked for. To be called every few seconds."""
        if self._provider is None:
            return 0
        now_ms = self._now_ms()
        asked = 0
        for topup in self._store.auto_topups_charging(now_ms - LOST_MS):
            asked += not self._closed and self._again(self._provider, topup)
        for topup in self._store.auto_topups_due(DUE_AT_ONCE):
            asked += not self._closed and may_try(topup, now_ms=now_ms) and self._begin(self._provider, topup)
        return asked

    def _begin(self, provider: PaymentProvider, topup: AutoTopup) -> bool:
        """Begin a top-up, unless another worker did, or something speaks against it; return whether it was asked for."""
        now_ms = self._now_ms()
        with self._store.paying() as books:
            account = books.account(topup.account_id)
            if account is None or account.state is not AccountState.ACTIVE:
                return False
            spent = books.auto_topped_nanos(account.id, now_ms - DAY_MS)
            if spent + topup.amount_nanos > topup.daily_max_nanos:
                self._daily_max(books, topup, now_ms)
                return False
            order = Order(
                id=self._ids.next(),
                account_id=account.id,
                kind=OrderKind.AUTO_TOPUP,
                amount_nanos=topup.amount_nanos,
                currency=account.currency,
                created_ms=now_ms,
            )
            if not books.claim_auto_topup(topup, order_id=order.id, tried_ms=now_ms):
                return False
            books.add_order(order)
        assert topup.card is not None, "one that may be tried has a card"
        self._charge(provider, order, topup.card)
        return True

    def _again(self, provider: PaymentProvider, topup: AutoTopup) -> bool:
        """Ask again for a payment whose answer was lost; return whether it was asked for."""
        now_ms = self._now_ms()
        with self._store.paying() as books:
            order = None if topup.order_id is None else books.order(topup.order_id)
            assert order is not None, "a payment that is under way has an order"
            if order.provider_ref is not None:
                return False  # the provider has it, and will say what became of it
            if now_ms - order.created_ms > SAME_KEY_MS:
                stopped = msgspec.structs.replace(topup, state=AutoTopupState.STOPPED)
                books.put_auto_topup(stopped)
                self._tell_lost(books, order, now_ms)
                return False
            if not books.claim_auto_topup(topup, order_id=order.id, tried_ms=now_ms):
                return False
        assert topup.card is not None, "a payment that is under way has a card"
        self._charge(provider, order, topup.card)
        return True

    def _charge(self, provider: PaymentProvider, order: Order, card: SavedCard) -> None:
        try:
            notice = provider.charge_saved(order, card)
        except PaymentUnclear:
            return  # it is asked for again, with the same key
        except PaymentRefused as error:
            with self._store.paying() as books:
                current = books.order(order.id)
                if current is not None and current.state is OrderState.OPEN:
                    books.change_order(msgspec.structs.replace(current, state=OrderState.FAILED))
                    self._posting(books, order).auto_topup_failed(order, str(error))
            return
        with self._store.paying() as books:
            self._posting(books, order).apply(notice)

    def _posting(self, books: PaymentBooks, order: Order) -> PaymentPosting:
        source, packages_max = render_id(ORDER, order.id), self._terms.packages_max
        return PaymentPosting(books, self._ids, now_ms=self._now_ms(), source=source, packages_max=packages_max)

    @staticmethod
    def _daily_max(books: PaymentBooks, topup: AutoTopup, now_ms: int) -> None:
        account = render_id(ACCOUNT, topup.account_id)
        books.tell(
            PaymentTale.AUTO_TOPUP_DAILY_MAX,
            f"{account}/{now_ms // DAY_MS}",
            account_id=topup.account_id,
            data={"account": account, "daily_max": render_amount(topup.daily_max_nanos)},
            now_ms=now_ms,
        )

    @staticmethod
    def _tell_lost(books: PaymentBooks, order: Order, now_ms: int) -> None:
        name = render_id(ORDER, order.id)
        books.tell(
            PaymentTale.AUTO_TOPUP_STOPPED,
            name,
            account_id=order.account_id,
            data={
                "order": name,
                "account": render_id(ACCOUNT, order.account_id),
                "reason": "the provider did not answer for a day: look there whether the payment was made",
            },
            now_ms=now_ms,
        )
