"""Books in which everything that Tollway keeps has happened once, by the hands that do it."""

import asyncio
from zoneinfo import ZoneInfo

import msgspec

from tests.e2e.store.conftest import CARD, Desk, tw
from tollway import clock
from tollway.access.packages import MICROS_PER_TOKEN, ModelRatio, Package
from tollway.access.principal import BillingMode
from tollway.access.terms import CapScope, CapSpan, PackageUnit
from tollway.billing.accounts import Accounts
from tollway.billing.caps import Caps, CapTarget
from tollway.billing.keys import Keys, KeyTerms
from tollway.billing.packages import Packages
from tollway.billing.products import Products, ProductTerms
from tollway.billing.sub_accounts import SubAccounts, SubAccountTerms
from tollway.ids import ORDER, render_id
from tollway.ledger.lines import Attribution, ExchangeLine, Hold, Outcome
from tollway.ledger.purses import CapWindow, cap_purse_id
from tollway.ledger.records import (
    FUNDING_STRIPE,
    FUNDING_VOUCHER,
    Transfer,
    TransferKind,
    account_leg,
)
from tollway.neutral.usage import Basis, Usage
from tollway.store.claim_tables import payment_claims
from tollway.store.store import Store
from tollway.store.tables import orders, vouchers

TOPUP = 7_000
VOUCHER = 2_000


class FullBooks:
    """An account with a top-up, a voucher, a package of tokens, one of money, a cap, and a request on each of them."""

    def __init__(self, store: Store, name: str = "Ada") -> None:
        """Belongs to the running event loop."""
        store.record_cards([CARD], clock.now_ms())
        self.store = store
        self.at_ms = clock.now_ms()
        self.ids = store.ids()
        self.accounts = Accounts(store, self.ids)
        self.account = self.accounts.create(name, credit_nanos=20_000)
        self.other = self.accounts.create("Bob", credit_nanos=1_000)
        self.desk = Desk(store)
        self.sub_account = (
            SubAccounts(store, self.ids, lambda _: "tw-")
            .create(self.account.id, SubAccountTerms(name="shop"))
            .sub_account
        )
        keys = Keys(store, self.ids, tw)
        self.key = keys.create(self.account.id, "k", terms=KeyTerms(sub_account_id=self.sub_account.id))[0]
        self.order_id = self.top_up()
        self.refund(self.order_id)
        self.redeem()
        self.tokens = self.package(PackageUnit.TOKENS, 1000 * MICROS_PER_TOKEN)
        self.money = self.package(PackageUnit.MONEY, 5_000)
        terms = KeyTerms(billing=BillingMode.PACKAGE, package_id=self.tokens.id)
        self.token_key = keys.create(self.account.id, "p", terms=terms)[0]
        self.cap = self.total_cap()

    def top_up(self) -> int:
        """An order that was paid."""
        number, now_ms = self.ids.next(), clock.now_ms()
        order = {
            "id": number,
            "account_id": self.account.id,
            "kind": "topup",
            "amount_nanos": TOPUP,
            "currency": "USD",
            "state": "paid",
            "provider_ref": "cs_1",
            "payment_ref": "pi_1",
            "created_ms": now_ms,
            "paid_ms": now_ms,
        }
        with self.store._writing() as connection:
            connection.execute(orders.insert().values(order))
        self.post(TransferKind.TOPUP, FUNDING_STRIPE, TOPUP, render_id(ORDER, number))
        return number

    def refund(self, order_id: int) -> None:
        """A refund of part of it, taken in two parts, and a dispute that was won."""
        now_ms = clock.now_ms()
        claims = (("re_1", "refund", 500, "taken"), ("du_1", "dispute", 300, "returned"))
        with self.store._writing() as connection:
            for name, kind, amount, state in claims:
                claim = {
                    "id": name,
                    "kind": kind,
                    "payment_ref": "pi_1",
                    "order_id": order_id,
                    "amount_nanos": amount,
                    "taken_nanos": amount,
                    "currency": "USD",
                    "state": state,
                    "created_ms": now_ms,
                }
                connection.execute(payment_claims.insert().values(claim))
        for reference, amount in (("re_1", 400), ("re_1/400", 100)):
            self.post(TransferKind.REFUND, FUNDING_STRIPE, -amount, reference)
        self.post(TransferKind.DISPUTE, FUNDING_STRIPE, -300, "du_1")
        self.post(TransferKind.DISPUTE_WON, FUNDING_STRIPE, 300, "du_1")

    def redeem(self) -> None:
        """A voucher that was redeemed."""
        transfer = self.post(TransferKind.VOUCHER, FUNDING_VOUCHER, VOUCHER, "batch/1")
        voucher = {
            "id": self.ids.next(),
            "batch": "b",
            "digest": b"d",
            "hint": "h",
            "amount_nanos": VOUCHER,
            "currency": "USD",
            "created_ms": clock.now_ms(),
            "redeemed_ms": transfer.created_ms,
            "account_id": self.account.id,
            "transfer_id": transfer.id,
        }
        with self.store._writing() as connection:
            connection.execute(vouchers.insert().values(voucher))

    def post(self, kind: TransferKind, source: str, amount: int, reference: str) -> Transfer:
        """Move money from a source to the account; below zero, the other way."""
        account = account_leg(self.account.id)
        transfer = Transfer(
            id=self.ids.next(),
            kind=kind,
            debit_account=source if amount > 0 else account,
            credit_account=account if amount > 0 else source,
            amount_nanos=abs(amount),
            currency="USD",
            reason="r",
            created_ms=clock.now_ms(),
            reference=reference,
        )
        assert self.store.post(transfer)
        return transfer

    def package(self, unit: PackageUnit, amount: int) -> Package:
        terms = ProductTerms(
            unit=unit, amount=amount, models=(ModelRatio(model="m*", ratio_ppm=500_000),), price_nanos=100
        )
        product = Products(self.store, self.ids).create(unit.value, terms)
        return Packages(self.store, self.ids, active_max=0).buy(self.account.id, product.id).package

    def total_cap(self) -> CapWindow:
        target = CapTarget(self.account.id, CapScope.ACCOUNT, "")
        cap = Caps(self.store, self.ids, ZoneInfo("UTC")).set(target, CapSpan.TOTAL, 9_000)
        assert cap is not None
        return CapWindow(
            purse_id=cap_purse_id(cap.id, "", 0),
            cap_id=cap.id,
            account_id=self.account.id,
            subject="",
            start_ms=0,
            end_ms=None,
            limit_nanos=cap.limit_nanos,
            alert_nanos=0,
        )

    async def use_everything(self) -> None:
        """One request paid by the balance within a cap, one by each package, one that failed, and one that runs."""
        await self.close(await self.stepped(self.hold(caps=(self.cap,))), base=30)
        tokens = await self.stepped(self.hold(payer_id=self.tokens.id, key_id=self.token_key.id))
        await self.close(tokens, micros=20 * 500_000)
        await self.close(await self.stepped(self.hold(payer_id=self.money.id)), base=40)
        failed = await self.stepped(self.hold())
        await self.close(failed)
        await self.stepped(self.hold())
        self.desk.age()
        self.desk.commits.step()

    def hold(self, **changes: object) -> Hold:
        hold = msgspec.structs.replace(
            self.desk.hold(self.account, 50),
            key_id=self.key.id,
            attribution=Attribution(sub_account_id=self.sub_account.id, tag="t", end_user="u", session="s"),
        )
        return msgspec.structs.replace(hold, **changes)

    async def stepped(self, hold: Hold) -> Hold:
        task = asyncio.create_task(self.desk.books.hold(hold))
        while not task.done():
            await asyncio.sleep(0)
            self.desk.commits.step()
        await task
        return hold

    async def close(self, hold: Hold, *, base: int = 0, micros: int = 0) -> ExchangeLine:
        line = self.desk.line(hold, base)
        if micros:
            line = msgspec.structs.replace(line, usage=Usage(input=20), package_micros=micros, ratio_ppm=500_000)
        elif not base:
            line = msgspec.structs.replace(line, outcome=Outcome.FAILED, basis=Basis.UNKNOWN, usage=Usage())
        line = msgspec.structs.replace(
            line,
            ended_ms=self.at_ms,
            attribution=hold.attribution,
            package_id=None if hold.payer_id == hold.account_id else hold.payer_id,
            caps=tuple(cap.purse_id for cap in hold.caps),
        )
        line, _ = self.desk.books.close(line)
        self.desk.commits.step()
        return line
