"""What only PostgreSQL does: answers that are lost, others who write at the same time, passwords and TLS."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

import msgspec
import pytest
import trustme

from tests.e2e.store.conftest import Desk
from tests.e2e.store.wire import Wire
from tests.postgres import PASSWORD, SECRETIVE, Server
from tollway import clock
from tollway.billing.accounts import Accounts
from tollway.errors import Refusal, SetupError
from tollway.ledger.lines import ExchangeLine
from tollway.ledger.records import Account
from tollway.store.postgres import connections
from tollway.store.store import Store, open_backend
from tollway.store.workers import settle_number


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


def path_of(url: str) -> str:
    """Return the socket that a test server's URL leads to."""
    return str(Path(url.partition("host=")[2], ".s.PGSQL.5432"))


def through(url: str, wire: Wire, options: str = "") -> str:
    """Return the URL of the same database by way of a wire."""
    database = url.split("/")[3].partition("?")[0]
    return f"postgresql://postgres@127.0.0.1:{wire.port}/{database}{options}"


@pytest.fixture
def wire(url: str) -> Iterator[Wire]:
    with Wire(path_of(url)).open() as wire:
        yield wire


@pytest.fixture
def far(url: str, wire: Wire, store: Store) -> Iterator[Store]:
    """Return a store whose charges go by way of the wire."""
    far = Store.open(through(url, wire))
    yield far
    far.close()


def a_charge(data: bytes) -> bool:
    """Tell whether a client sends the statement that writes a charge, prepared before: its model is in it."""
    return b"m-1" in data


def a_commit(data: bytes) -> bool:
    return b"COMMIT" in data


def lent(store: Store, desk: Desk, account: Account) -> tuple[int, int]:
    """Return what the store and what the worker believe that the worker has borrowed."""
    with store._reading() as connection:
        found = connection.exec_driver_sql(
            f"SELECT amount_nanos FROM leases WHERE worker_id = {desk.worker.id} AND purse_id = {account.id}"
        ).scalar()
    slice_ = desk.books.slice_of(account.id)
    assert slice_ is not None
    return found or 0, slice_.free_nanos + slice_.held_nanos


@pytest.mark.parametrize("heard", [True, False], ids=["the server did it", "the server never heard"])
async def test_a_charge_whose_answer_was_lost_is_in_the_books_once(
    far: Store, store: Store, account: Account, wire: Wire, heard: bool
) -> None:
    desk = Desk(far)
    desk.commits.start()
    await desk.close(await desk.held(account, 100), 10)
    hold = await desk.held(account, 100)
    wire.cut_when(a_charge, heard=heard)
    line = await desk.close(hold, 60)
    assert wire.cuts == 1
    assert store.exchange(line.exchange_id) == line
    assert lent(store, desk, account)[0] == lent(store, desk, account)[1]
    await desk.commits.stop()
    assert Accounts(store, store.ids()).balance(account.id).balance_nanos == 9_930
    assert store.check().problems == ()


@pytest.mark.parametrize("heard", [True, False], ids=["the server did it", "the server never heard"])
async def test_a_loan_whose_commit_was_not_heard_of_is_lent_once(
    far: Store, store: Store, account: Account, wire: Wire, heard: bool
) -> None:
    desk = Desk(far)
    desk.commits.start()
    await desk.close(await desk.held(account, 10), 0)
    wire.cut_when(a_commit, heard=heard)
    hold = await desk.held(account, 5_000)
    assert wire.cuts == 1
    assert len(set(lent(store, desk, account))) == 1
    wire.cut_when(a_commit, heard=heard)
    desk.books.give_back_wanted(account.id)
    assert await desk.commits.probe()
    assert wire.cuts == 2
    assert lent(store, desk, account) == (5_000, 5_000)
    await desk.close(hold, 5_000)
    await desk.commits.stop()
    assert store.check().problems == ()


async def test_a_character_that_postgres_cannot_keep_costs_no_charge(
    store: Store, account: Account, desk: Desk
) -> None:
    hold = await desk.held(account, 100)
    line = msgspec.structs.replace(desk.line(hold, 60), model_answered="m\0", model_asked="p/\0x")
    await asyncio.wait_for(desk.books.close(line)[1], 10)
    found = store.exchange(hold.exchange_id)
    assert isinstance(found, ExchangeLine)
    assert (found.model_answered, found.model_asked, found.total_nanos) == ("m\ufffd", "p/\ufffdx", 60)
    assert store.check().problems == ()


async def test_who_locks_purses_in_another_order_costs_a_wait_and_no_charge(
    store: Store, accounts: Accounts, desk: Desk, url: str
) -> None:
    first, second = sorted((accounts.create(name, credit_nanos=1000) for name in "ab"), key=lambda each: each.id)
    holds = [await desk.held(each, 100) for each in (first, second)]
    other = open_backend(url, "full")
    lock = "UPDATE purses SET wanted_ms = wanted_ms WHERE id = {}"
    with other.writing() as connection:
        connection.exec_driver_sql("SET LOCAL deadlock_timeout = '60s'")
        connection.exec_driver_sql(lock.format(second.id))
        closing = [desk.books.close(desk.line(hold, 50))[1] for hold in holds]
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        while not connection.exec_driver_sql(waiting).scalar():  # noqa: ASYNC110  another connection sees it so
            await asyncio.sleep(0.01)
        # Now each waits for the other, until the server ends the writer's transaction and it tries again.
        await asyncio.to_thread(connection.exec_driver_sql, lock.format(first.id))
    other.close()
    await asyncio.wait_for(asyncio.gather(*closing), 20)
    assert desk.commits.lines_refused == 0
    assert [accounts.balance(each.id).balance_nanos for each in (first, second)] == [950, 950]
    assert store.check().problems == ()


async def test_many_workers_write_the_same_purses_at_once(store: Store, accounts: Accounts) -> None:
    some = [accounts.create(name, credit_nanos=100_000) for name in "abc"]
    desks = [Desk(store) for _ in range(4)]
    for desk in desks:
        desk.commits.start()

    async def spend(desk: Desk, turn: int) -> None:
        for each in some if turn % 2 else reversed(some):
            await desk.close(await desk.held(each, 100), 100)

    await asyncio.gather(*(spend(desk, turn) for turn, desk in enumerate(desks * 20)))
    assert [accounts.balance(each.id).balance_nanos for each in some] == [92_000] * 3
    for desk in desks:
        await desk.commits.stop()
    report = store.check()
    assert (report.problems, report.counts["exchanges"]) == ((), 240)


async def test_a_worker_that_is_committing_is_not_settled_meanwhile(store: Store, account: Account, url: str) -> None:
    desk = Desk(store)
    desk.commits.start()
    hold = await desk.held(account, 100)
    other = open_backend(url, "full")

    def settle() -> None:
        with store._writing() as connection:
            assert settle_number(connection, desk.worker.number, clock.now_ms(), begun_by=store._backend.begun_by)

    settled = threading.Thread(target=settle)
    with other.writing() as connection:
        # As the writer does in each transaction: nobody may take the worker's row away now.
        connection.exec_driver_sql(f"SELECT FROM workers WHERE id = {desk.worker.id} FOR KEY SHARE")
        settled.start()
        await desk.close(hold, 60)
        assert settled.is_alive()
    other.close()
    settled.join(10)
    assert not settled.is_alive()
    assert Accounts(store, store.ids()).balance(account.id).balance_nanos == 9_940
    assert store.check().problems == ()
    await desk.commits.stop()


def test_a_role_is_asked_for_its_password(postgres: Server) -> None:
    name = postgres.create()
    postgres.run(f"ALTER DATABASE {name} OWNER TO {SECRETIVE}")
    folder = postgres.url().partition("host=")[2]
    with pytest.raises(SetupError, match="password"):
        Store.open(f"postgresql://{SECRETIVE}:wrong@/{name}?host={folder}")
    password = "".join(f"%{ord(letter):02X}" for letter in PASSWORD)
    store = Store.open(f"postgresql://{SECRETIVE}:{password}@/{name}?host={folder}")
    assert Accounts(store, store.ids()).create("Ada", credit_nanos=5).name == "Ada"
    store.close()


def test_a_role_that_may_make_no_tables_is_told_so(postgres: Server) -> None:
    name = postgres.create()
    postgres.run("REVOKE ALL ON SCHEMA public FROM PUBLIC", name)
    postgres.run(f"CREATE ROLE guest_{name} LOGIN")
    folder = postgres.url().partition("host=")[2]
    with pytest.raises(SetupError, match=r"cannot be opened: (permission denied|no schema)"):
        Store.open(f"postgresql://guest_{name}@/{name}?host={folder}")


async def test_a_wire_is_secured_and_its_end_is_asked_who_it_is(url: str, tmp_path: Path, store: Store) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(tmp_path / "another.pem")
    context = SSLContext(PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Wire(path_of(url), tls=context).open() as wire:
        far = Store.open(through(url, wire, f"?sslmode=verify-full&sslrootcert={tmp_path / 'ca.pem'}"))
        desk = Desk(far)
        assert wire.secured == 3, "the books, the presence and the charges"
        await desk.commits.stop()
        far.close()
        with pytest.raises(SetupError, match="certificate verify failed"):
            Store.open(through(url, wire, f"?sslmode=verify-full&sslrootcert={tmp_path / 'another.pem'}"))
    with Wire(path_of(url)).open() as plain:
        Store.open(through(url, plain)).close()
        with pytest.raises(SetupError, match="refuses SSL"):
            Store.open(through(url, plain, "?sslmode=require"))


def test_a_database_that_is_gone_is_not_ready_and_comes_back(
    store: Store, account: Account, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = Accounts(store, store.ids())
    database = store._backend.place.rpartition("/")[2]
    postgres.run(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
    postgres.run(f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{database}'")
    with pytest.raises(Refusal) as refused:
        accounts.balance(account.id)
    assert refused.value.code == "not_ready"
    postgres.run(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
    assert accounts.balance(account.id).balance_nanos == 10_000


def test_a_statement_that_takes_too_long_is_given_up(
    store: Store, account: Account, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = open_backend(url, "full")
    monkeypatch.setattr(connections, "CALL_S", 0.2)
    slow = Store.open(url)
    with other.writing() as connection:
        connection.exec_driver_sql("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Refusal, match="statement timeout"):
            slow.account(account.id)
    other.close()
    assert slow.account(account.id) == account
    slow.close()


def test_an_embedded_store_imports_no_driver_of_postgres(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from tollway.office import Office\n"
        "from tollway.store.store import Store\n"
        f"Store.open('sqlite:///{tmp_path / 'books.db'}').close()\n"
        "print([name for name in ('asyncpg', 'pg8000', 'tollway.store.postgres') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
