"""What a payment provider's messages do to the books, inside one transaction. Knows no SQL, no provider and no network.

The rules: nothing moves unless everything agrees; every order is credited once; every refund and dispute is taken once,
in whatever order messages come and however often; no purse goes below zero, and what is missing then is owed.
"""

from collections.abc import Sequence

import msgspec

from tollway.access.audit import SYSTEM
from tollway.access.packages import SaleOutcome, package_of
from tollway.billing.accounts import Ids
from tollway.billing.audit import Notary
from tollway.billing.packages import grant_transfer
from tollway.billing.payment_ports import PaymentBooks
from tollway.ids import ACCOUNT, ORDER, PACKAGE, render_id
from tollway.ledger.auto_topups import AutoTopupState, after_failure, after_success, with_card
from tollway.ledger.orders import (
    CREDITED,
    RETURNED_BY,
    STANDS,
    TAKEN_BY,
    Claim,
    ClaimKind,
    ClaimNotice,
    ClaimState,
    Order,
    OrderKind,
    OrderState,
    PaymentNotice,
    PaymentOutcome,
    PaymentTale,
    Said,
    SavedCard,
    Standing,
    claim_differences,
    from_minor,
    payment_differences,
    state_after_claims,
)
from tollway.ledger.records import FUNDING_STRIPE, PACKAGES_SOLD, Transfer, TransferKind, account_leg
from tollway.money import render_amount

LENT_MS_MAX = 10_000
"""How long money that is lent to workers is waited for before it counts as spent: idle loans come back within seconds."""

TOO_MUCH = "the credit would exceed the largest balance kept"

REASONS = {
    OrderKind.TOPUP: "top-up by payment",
    OrderKind.PACKAGE: "payment for a package",
    OrderKind.AUTO_TOPUP: "automatic top-up",
}


class PaymentPosting:
    """Applies notices to open books."""

    def __init__(self, books: PaymentBooks, ids: Ids, *, now_ms: int, source: str, packages_max: int) -> None:
        """Take open books, a source of ids, the time, and the id of the message under which differences are told.

        An account has at most `packages_max` active packages; 0 for any number.
        """
        self._packages_max = packages_max
        self._books = books
        self._ids = ids
        self._now_ms = now_ms
        self._source = source
        self.differences: list[str] = []
        """Sentences about what did not agree, and therefore moved nothing."""

    def apply(self, notice: PaymentNotice | ClaimNotice) -> int | None:
        """Do what a notice asks for, if all agrees; return the order that it is about, if any."""
        return self._payment(notice) if isinstance(notice, PaymentNotice) else self._claim(notice)

    def refuse(self, notice: PaymentNotice | ClaimNotice, why: str) -> None:
        """Move nothing for a notice, and tell why."""
        if isinstance(notice, PaymentNotice):
            order = self._books.order(notice.order_id)
        else:
            order = self._books.order_of_payment(notice.payment_ref)
        self._differs(order, [why])

    # -- payments

    def _payment(self, notice: PaymentNotice) -> int | None:
        order = self._books.order(notice.order_id)
        if order is None:
            self._differs(None, ["there is no such order"])
            return None
        if notice.about is Said.PAYMENT and order.kind is not OrderKind.AUTO_TOPUP:
            # Its page says how the payment went; the payment alone says which card was saved.
            self._card_of_page(order, notice)
            return order.id
        if self._differs(order, payment_differences(order, notice)):
            return order.id
        order = msgspec.structs.replace(
            order,
            provider_ref=notice.provider_ref,
            payment_ref=notice.payment_ref if notice.payment_ref is not None else order.payment_ref,
        )
        if notice.outcome is PaymentOutcome.PAID:
            if order.state not in CREDITED:
                self._credit(order)
        elif order.state is OrderState.OPEN:
            self._unpaid(order, notice.outcome)
        return order.id

    def _card_of_page(self, order: Order, notice: PaymentNotice) -> None:
        if notice.card is None or notice.outcome is not PaymentOutcome.PAID:
            return
        about_page = msgspec.structs.replace(notice, provider_ref=order.provider_ref or "")
        if not self._differs(order, payment_differences(order, about_page)):
            self._save_card(order.account_id, notice.card)

    def _save_card(self, account_id: int, card: SavedCard) -> None:
        topup = self._books.auto_topup(account_id)
        if topup is not None:
            self._books.put_auto_topup(with_card(topup, card))

    def _credit(self, order: Order) -> None:
        """Credit an order's account, once, and whatever hangs on it."""
        transfer = self._transfer(TransferKind.TOPUP, order, order.amount_nanos, render_id(ORDER, order.id))
        if not self._books.post(transfer):
            self._differs(order, [TOO_MUCH])
            return
        order = msgspec.structs.replace(order, state=OrderState.PAID, paid_ms=self._now_ms)
        self._books.change_order(order)
        if order.kind is OrderKind.PACKAGE:
            self._grant(order)
        if order.kind is OrderKind.AUTO_TOPUP:
            topup = self._books.auto_topup(order.account_id)
            if topup is not None and topup.order_id == order.id:
                self._books.put_auto_topup(after_success(topup))
        if order.payment_ref is not None:
            for claim in self._books.waiting_claims(order.payment_ref):
                self._attach(order, claim)

    def _unpaid(self, order: Order, outcome: PaymentOutcome) -> None:
        if outcome is PaymentOutcome.EXPIRED:
            order = msgspec.structs.replace(order, state=OrderState.EXPIRED)
        elif outcome is PaymentOutcome.FAILED:
            order = msgspec.structs.replace(order, state=OrderState.FAILED)
        self._books.change_order(order)
        if order.state is OrderState.FAILED and order.kind is OrderKind.AUTO_TOPUP:
            self.auto_topup_failed(order, "the payment did not succeed")

    def auto_topup_failed(self, order: Order, why: str) -> None:
        """Count a refusal, and stop after too many in a row."""
        topup = self._books.auto_topup(order.account_id)
        if topup is None or topup.order_id != order.id:
            return
        topup = after_failure(topup)
        self._books.put_auto_topup(topup)
        tale = PaymentTale.AUTO_TOPUP_FAILED
        if topup.state is AutoTopupState.STOPPED:
            tale = PaymentTale.AUTO_TOPUP_STOPPED
        self._tell(tale, render_id(ORDER, order.id), order, reason=why, failures=topup.failures)

    # -- packages

    def _grant(self, order: Order) -> None:
        """Give the package that was paid for; where that cannot be, the money stays on the balance, and is told of."""
        product = None if order.product_id is None else self._books.product(order.product_id)
        name = render_id(ORDER, order.id)
        why = "the product is gone"
        if product is not None:
            package = package_of(
                product,
                package_id=self._ids.next(),
                account_id=order.account_id,
                bought_ms=self._now_ms,
                reference=name,
            )
            purchase = Transfer(
                id=self._ids.next(),
                kind=TransferKind.PURCHASE,
                debit_account=account_leg(order.account_id),
                credit_account=PACKAGES_SOLD,
                amount_nanos=order.amount_nanos,
                currency=order.currency,
                reason=f"package {package.name}",
                created_ms=self._now_ms,
                reference=render_id(PACKAGE, package.id),
            )
            grant = grant_transfer(package, transfer_id=self._ids.next(), reason="bought by payment")
            outcome = self._books.sell_package(package, grant, purchase=purchase, active_max=self._packages_max)
            if outcome is SaleOutcome.DONE:
                return
            why = "the account has as many active packages as it may have"
        self._tell(PaymentTale.PACKAGE_NOT_GRANTED, name, order, reason=why)

    # -- refunds and disputes

    def _claim(self, notice: ClaimNotice) -> int | None:
        order = self._books.order_of_payment(notice.payment_ref)
        known = self._books.claim(notice.id)
        nanos = from_minor(notice.amount_minor, notice.currency)
        if nanos is None or nanos <= 0 or (known is not None and known.amount_nanos != nanos):
            self._differs(
                order, [f"{notice.id} is about {notice.amount_minor} coins of {notice.currency or 'nothing'}"]
            )
        else:
            self._known_claim(known or self._new_claim(notice, nanos), notice, order)
        return None if order is None else order.id

    def _new_claim(self, notice: ClaimNotice, amount_nanos: int) -> Claim:
        return Claim(
            id=notice.id,
            kind=notice.kind,
            payment_ref=notice.payment_ref,
            order_id=None,
            amount_nanos=amount_nanos,
            currency=notice.currency,
            state=ClaimState.WAITING,
            created_ms=self._now_ms,
        )

    def _known_claim(self, claim: Claim, notice: ClaimNotice, order: Order | None) -> None:
        if notice.standing is Standing.RETURNED:
            self._return(claim, order)
        elif claim.state is not ClaimState.WAITING:
            pass  # it was taken, or will never be
        elif order is None or order.state not in CREDITED:
            self._books.put_claim(claim)
        else:
            self._attach(order, claim)

    def _attach(self, order: Order, claim: Claim) -> None:
        """Take what is asked back of a payment that is in the books."""
        if not self._differs(order, claim_differences(order, claim, self._books.claims_of_order(order.id))):
            self.take(msgspec.structs.replace(claim, order_id=order.id), order)

    def take(self, claim: Claim, order: Order) -> None:
        """Take what a claim asks for: from what the account has, or from what was paid for its package."""
        package = self._books.package_of_order(order.id)
        claim = self._take_of_sale(claim, order) if package is not None else self._take_of_balance(claim, order)
        self._books.put_claim(claim)
        state = state_after_claims(order, self._books.claims_of_order(order.id))
        self._books.change_order(msgspec.structs.replace(order, state=state))
        if package is not None and state is not OrderState.PAID:
            self._books.end_package(package, self._now_ms)
        self._end_auto_topup(claim, order)

    def _end_auto_topup(self, claim: Claim, order: Order) -> None:
        """Let nobody be charged again, by themselves, for money that has just gone back to them."""
        topup = self._books.auto_topup(order.account_id)
        if topup is not None and topup.state in {AutoTopupState.READY, AutoTopupState.CHARGING}:
            self._books.put_auto_topup(msgspec.structs.replace(topup, state=AutoTopupState.STOPPED))
            self._tell(PaymentTale.AUTO_TOPUP_STOPPED, claim.id, order, reason=f"{claim.kind} {claim.id}")

    def _take_of_sale(self, claim: Claim, order: Order) -> Claim:
        posted = self._books.post(self._taking(claim, order, PACKAGES_SOLD, claim.rest_nanos))
        assert posted, "what was paid for packages is no purse that could be empty"
        return msgspec.structs.replace(claim, taken_nanos=claim.amount_nanos, state=ClaimState.TAKEN)

    def _take_of_balance(self, claim: Claim, order: Order) -> Claim:
        room = self._books.room(order.account_id)
        part = min(claim.rest_nanos, room.available_nanos)
        if part > 0:
            posted = self._books.post(self._taking(claim, order, account_leg(order.account_id), part))
            assert posted, "the purse was read in this transaction"
            claim = msgspec.structs.replace(claim, taken_nanos=claim.taken_nanos + part)
        if not claim.rest_nanos:
            return msgspec.structs.replace(claim, state=ClaimState.TAKEN)
        if room.lent_nanos and self._now_ms - claim.created_ms < LENT_MS_MAX:
            return msgspec.structs.replace(claim, state=ClaimState.TAKING)
        owed = render_amount(claim.rest_nanos)
        self._tell(PaymentTale.OWED, claim.id, order, kind=claim.kind.value, owed=owed, currency=claim.currency)
        name = render_id(ACCOUNT, order.account_id)
        set_to = {"reason": f"{claim.kind} {claim.id}", "owed": owed}
        entry = Notary(self._ids.next, lambda: self._now_ms).note(
            SYSTEM, "account.suspend", order.account_id, name, set_to
        )
        self._books.suspend(order.account_id, entry)
        return msgspec.structs.replace(claim, state=ClaimState.OWED)

    def _return(self, claim: Claim, order: Order | None) -> None:
        """Give back what a claim took, if it took anything; whatever older message still comes, it takes nothing more."""
        if claim.state not in STANDS:
            void = claim.state is ClaimState.WAITING
            self._books.put_claim(msgspec.structs.replace(claim, state=ClaimState.VOID) if void else claim)
            return
        assert order is not None, "a claim that took money has an order"
        if claim.taken_nanos:
            sold = self._books.package_of_order(order.id) is not None
            posted = self._books.post(
                Transfer(
                    id=self._ids.next(),
                    kind=RETURNED_BY[claim.kind],
                    debit_account=FUNDING_STRIPE,
                    credit_account=PACKAGES_SOLD if sold else account_leg(order.account_id),
                    amount_nanos=claim.taken_nanos,
                    currency=order.currency,
                    reason="dispute won" if claim.kind is ClaimKind.DISPUTE else "refund failed",
                    created_ms=self._now_ms,
                    reference=claim.id,
                )
            )
            if not posted:
                self._differs(order, [TOO_MUCH])
                return
        self._books.put_claim(msgspec.structs.replace(claim, state=ClaimState.RETURNED))
        state = state_after_claims(order, self._books.claims_of_order(order.id))
        self._books.change_order(msgspec.structs.replace(order, state=state))

    # -- what all need

    def _taking(self, claim: Claim, order: Order, leg: str, amount_nanos: int) -> Transfer:
        # The first part bears the provider's name alone; each further one, where it begins.
        part = f"/{claim.taken_nanos}" if claim.taken_nanos else ""
        return Transfer(
            id=self._ids.next(),
            kind=TAKEN_BY[claim.kind],
            debit_account=leg,
            credit_account=FUNDING_STRIPE,
            amount_nanos=amount_nanos,
            currency=order.currency,
            reason=f"{claim.kind.value} of {render_id(ORDER, order.id)}",
            created_ms=self._now_ms,
            reference=f"{claim.id}{part}",
        )

    def _transfer(self, kind: TransferKind, order: Order, amount_nanos: int, reference: str) -> Transfer:
        return Transfer(
            id=self._ids.next(),
            kind=kind,
            debit_account=FUNDING_STRIPE,
            credit_account=account_leg(order.account_id),
            amount_nanos=amount_nanos,
            currency=order.currency,
            reason=REASONS[order.kind],
            created_ms=self._now_ms,
            reference=reference,
        )

    def _differs(self, order: Order | None, sentences: Sequence[str]) -> bool:
        """Tell people what differs, if anything does."""
        if sentences:
            self.differences += sentences
            self._tell(PaymentTale.MISMATCH, self._source, order, differences=self.differences)
        return bool(sentences)

    def _tell(self, tale: PaymentTale, subject: str, order: Order | None, **data: object) -> None:
        if order is not None:
            data |= {"order": render_id(ORDER, order.id), "account": render_id(ACCOUNT, order.account_id)}
        account_id = None if order is None else order.account_id
        self._books.tell(tale, subject, account_id=account_id, data=data, now_ms=self._now_ms)
