"""A store of its own on each kind of database, an account with money, and a worker that can be asked to hold and close."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
import pytest_asyncio

from tests.databases import locked
from tollway import clock
from tollway.billing.accounts import Accounts
from tollway.billing.books import Books
from tollway.catalog.records import PriceCard
from tollway.id_source import IdSource
from tollway.ledger.lines import ExchangeLine, Hold, Outcome
from tollway.ledger.records import Account
from tollway.neutral.usage import Basis, Usage
from tollway.store import group_commit
from tollway.store.postgres import ledger_writer
from tollway.store.postgres.address import is_postgres
from tollway.store.sqlite import database_path
from tollway.store.store import Store, open_backend

CARD = PriceCard(id=1, provider="p", model="m", currency="USD", input=1_000_000, output=0, source="test")
"""One nano-unit a token of input: what is used is what is charged."""


def tw(_: Account) -> str:
    """Return what keys begin with."""
    return "tw-"


class Meanwhile:
    """Numbers of a store; before it gives the first, somebody else does something.

    A change takes the number of its entry in the trail when it has read what it changes, and before it writes.
    """

    def __init__(self, store: Store, does: Callable[[], object]) -> None:
        self._ids = store.ids()
        self._does: Callable[[], object] | None = does

    def next(self) -> int:
        does, self._does = self._does, None
        if does is not None:
            does()
        return self._ids.next()


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

    def age(self) -> None:
        """Have everything that runs be as old as what gets a row with the next commit."""
        self.commits._age()
        self.commits._age()

    def drop(self) -> None:
        """Close what the end of a process closes, and write nothing more."""
        self.commits._writer.close()
        if self.commits._page is not None:
            self.commits._page.close()

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


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a store with nothing in it, once for each kind of database."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    return f"sqlite:///{tmp_path / 'books.db'}"


@pytest.fixture
def empty(url: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Return what makes URLs of databases with nothing in them, of the kind that the test's `url` is of."""
    names = iter("abcdefgh")

    def another() -> str:
        if is_postgres(url):
            return request.getfixturevalue("postgres").empty_url()
        return f"sqlite:///{tmp_path / next(names) / 'books.db'}"

    return another


on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
"""For what only a file can do."""

Tamper = Callable[[str], int]


@pytest.fixture
def tamper(url: str) -> Tamper:
    """Return what runs a statement past the store and past the rules between tables; it returns how many rows changed."""

    def on_sqlite(sql: str) -> int:
        with closing(sqlite3.connect(database_path(url))) as connection:
            changed = connection.execute(sql).rowcount
            connection.commit()
            return changed

    def on_postgres(sql: str) -> int:
        backend = open_backend(url, "full")
        with backend.writing() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            changed = connection.exec_driver_sql(sql).rowcount
        backend.close()
        return changed

    return on_postgres if is_postgres(url) else on_sqlite


Lock = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def lock(url: str, monkeypatch: pytest.MonkeyPatch) -> Lock:
    """Return what keeps every writer out of the store for the length of a block."""
    # By itself PostgreSQL waits longer than a test should.
    monkeypatch.setattr(ledger_writer, "WRITE_S", 0.2)

    return lambda: locked(url)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store.open(url)
    store.record_cards([CARD], clock.now_ms())
    yield store
    store.close()


@pytest.fixture
def unaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no hold written because it lasts, however slow the machine: only what a test announces."""
    monkeypatch.setattr(group_commit, "HOLD_AGE_S", 3_600.0)


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
