"""What the tests of payments share: a stand-in for Stripe, and books that hear of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.e2e.payments.stripe_server import SECRET_KEY, WEBHOOK_SECRET, StripeServer, serving, signed
from tollway import clock
from tollway.billing.accounts import Accounts
from tollway.billing.auto_topups import AutoTopups
from tollway.billing.packages import Packages
from tollway.billing.payments import Heard, Payments, PaymentTerms, Wish
from tollway.billing.products import Products
from tollway.billing.vouchers import Vouchers
from tollway.ledger.orders import Order
from tollway.ledger.records import Account, AccountState, Transfer
from tollway.money import NANOS_PER_UNIT
from tollway.payments.stripe_provider import StripeProvider
from tollway.settings import PaymentSettings, Secret
from tollway.store.store import Store
from tollway.store.tables import events

UNIT = NANOS_PER_UNIT
TERMS = PaymentTerms(topup_min_nanos=UNIT, topup_max_nanos=500 * UNIT)


@pytest.fixture
def stripe_server() -> Iterator[StripeServer]:
    """A Stripe of its own."""
    yield from serving()


@pytest.fixture
def payment_settings(stripe_server: StripeServer) -> PaymentSettings:
    """What an operator would write to use it."""
    return PaymentSettings(
        stripe_secret_key=Secret(SECRET_KEY),
        stripe_webhook_secret=Secret(WEBHOOK_SECRET),
        success_url="https://example.test/paid",
        cancel_url="https://example.test/back",
        api_base=stripe_server.url,
    )


class Shop:
    """Books, the use cases of payments on them, and the provider."""

    def __init__(self, store: Store, provider: StripeProvider, server: StripeServer) -> None:
        self.store = store
        self.server = server
        self.provider = provider
        self.now_ms = clock.now_ms()
        ids = store.ids()
        self.accounts = Accounts(store, ids)
        self.products = Products(store, ids)
        self.packages = Packages(store, ids, now_ms=lambda: self.now_ms)
        self.payments = Payments(store, ids, provider, TERMS, now_ms=lambda: self.now_ms)
        self.topups = AutoTopups(store, ids, provider, TERMS, now_ms=lambda: self.now_ms)
        self.vouchers = Vouchers(store, ids, now_ms=lambda: self.now_ms)
        self.account: Account = self.accounts.create("payer")

    def order(self, units: int = 10, **wish: Any) -> Order:
        """Make an order of so many units, with its page."""
        if "product_id" not in wish:
            wish["amount_nanos"] = units * UNIT
        return self.payments.checkout(self.account.id, Wish(**wish))[0]

    def pay(self, order: Order, **options: Any) -> dict[str, Any]:
        """Pay the page of an order; return the event, not delivered."""
        assert order.provider_ref is not None
        return self.server.pay(order.provider_ref, **options)

    def deliver(self, event: dict[str, Any]) -> Heard:
        """Deliver an event as the provider does."""
        body, headers = signed(event)
        return self.payments.hear(body, headers["stripe-signature"])

    def paid(self, units: int = 10, **wish: Any) -> tuple[Order, str]:
        """Make an order, pay it and deliver the event; return the order as it is then, and the payment's name."""
        order = self.order(units, **wish)
        event = self.pay(order)
        self.deliver(event)
        return self.payments.order(order.id).order, event["data"]["object"]["payment_intent"]

    def balance(self) -> int:
        """Return the account's balance, in nano-units."""
        return self.accounts.balance(self.account.id).balance_nanos

    def state(self) -> AccountState:
        """Return whether the account may spend."""
        return self.accounts.show(self.account.id).state

    def transfers(self) -> list[Transfer]:
        """Return what was moved, oldest first."""
        return list(reversed(self.store.transfers(self.account.id, 1000)))

    def told(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return what people were told, by kind and subject."""
        with self.store._reading() as connection:
            rows = connection.execute(select(events)).all()
        return {(row.kind, row.subject): json.loads(row.data) for row in rows}

    def prove(self) -> None:
        """Assert that every balance is the sum of what moved."""
        assert self.store.check().problems == ()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where books may be kept: every test about them runs on both kinds."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    return f"sqlite:///{tmp_path}/books.db"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """Empty books."""
    store = Store.open(url)
    yield store
    store.close()


@pytest.fixture
def shop(store: Store, payment_settings: PaymentSettings, stripe_server: StripeServer) -> Iterator[Shop]:
    """Books with an account without money; they must be clean at the end."""
    shop = Shop(store, StripeProvider(payment_settings), stripe_server)
    yield shop
    shop.prove()
