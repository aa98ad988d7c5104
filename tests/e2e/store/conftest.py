"""A store in a file of its own, an account with money, and a worker that can be asked to hold and close."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tollway import clock
from tollway.billing.accounts import Accounts
from tollway.billing.books import Books
from tollway.catalog.records import PriceCard
from tollway.id_source import IdSource
from tollway.ledger.lines import ExchangeLine, Hold, Outcome
from tollway.ledger.records import Account
from tollway.neutral.usage import Basis, Usage
from tollway.store.store import Store

CARD = PriceCard(id=1, provider="p", model="m", currency="USD", input=1_000_000, output=0, source="test")
"""One nano-unit a token of input: what is used is what is charged."""


class Desk:
    """A worker at work."""

    def __init__(self, store: Store, *, lines_waiting_max: int = 1000) -> None:
        self.store = store
        self.worker = store.register_worker(clock.now_ms())
        self.ids = IdSource(worker=self.worker.number, after=self.worker.last_id)
        self.commits = store.group_commit(self.worker, lines_waiting_max=lines_waiting_max)
        self.books = Books(self.commits)

    def hold(self, account: Account, amount: int, *, ttl_ms: int = 60_000) -> Hold:
        now_ms = clock.now_ms()
        return Hold(
            exchange_id=self.ids.next(),
            account_id=account.id,
            payer_id=account.id,
            key_id=1,
            worker_id=self.worker.id,
            amount_nanos=amount,
            model_asked="m",
            started_ms=now_ms,
            expires_ms=now_ms + ttl_ms,
        )

    async def held(self, account: Account, amount: int) -> Hold:
        hold = self.hold(account, amount)
        await self.books.hold(hold)
        return hold

    async def stepped(self, account: Account, amount: int) -> Hold:
        """Hold with a writer that was not started: it commits when told to."""
        hold = self.hold(account, amount)
        task = asyncio.create_task(self.books.hold(hold))
        while not task.done():
            await asyncio.sleep(0)
            self.commits.step()
        await task
        return hold

    def line(self, hold: Hold, cost: int) -> ExchangeLine:
        return ExchangeLine(
            exchange_id=hold.exchange_id,
            account_id=hold.account_id,
            key_id=hold.key_id,
            worker_id=hold.worker_id,
            outcome=Outcome.COMPLETED,
            status=200,
            started_ms=hold.started_ms,
            ended_ms=clock.now_ms(),
            streamed=False,
            lane="verbatim",
            model_asked=hold.model_asked,
            provider="p",
            model_routed="m",
            model_answered="m-1",
            usage=Usage(input=cost),
            basis=Basis.REPORTED,
            card_id=CARD.id,
            hold_nanos=hold.amount_nanos,
            base_nanos=cost,
        )

    async def close(self, hold: Hold, cost: int) -> ExchangeLine:
        line, durable = self.books.close(self.line(hold, cost))
        await asyncio.wait_for(durable, 10)
        return line


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'books.db'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store.open(url)
    store.record_cards([CARD], clock.now_ms())
    yield store
    store.close()


@pytest.fixture
def accounts(store: Store) -> Accounts:
    return Accounts(store, store.ids())


@pytest.fixture
def account(accounts: Accounts) -> Account:
    return accounts.create("Ada", credit_nanos=10_000)


@pytest_asyncio.fixture
async def desk(store: Store) -> AsyncIterator[Desk]:
    desk = Desk(store)
    desk.commits.start()
    yield desk
    await desk.commits.stop()
