"""The door to the store: opens it, and gives out what the rest wires together. Knows no HTTP and no use case.

A worker that serves does, inside its running loop:

    store = Store.open(url, durability="full")
    store.reclaim_dead_workers(now_ms)               at the start, and every few seconds in a thread
    worker = store.register_worker(now_ms)           worker.id stands on its holds and lines
    exchange_ids = IdSource(worker=worker.number, after=worker.last_id)
    commits = store.group_commit(worker)
    commits.start()
    books, keys = Books(commits), store.key_directory()
    ...                                              every second: books.expire, books.give_back_idle, keys.poll
    await commits.stop()
    store.close()
"""

import importlib
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from functools import partial
from typing import Self

from sqlalchemy import Connection

from tollway import clock
from tollway.access.audit import AuditEntry
from tollway.access.key_view import AdminKeyView, KeyView
from tollway.catalog.records import PriceCard
from tollway.errors import SetupError, StoreUnusable
from tollway.id_source import IdSource
from tollway.ledger.records import Account, AccountState, Balance, LedgerReport, Transfer
from tollway.store import account_rows, answer_rows, books_reader, card_rows, key_rows, retention, schema, workers
from tollway.store.account_rows import AccountRows
from tollway.store.audit_rows import AuditRows
from tollway.store.backend import Backend, Claim
from tollway.store.bill_rows import BillRows
from tollway.store.books_reader import BooksReader
from tollway.store.cap_rows import CapRows
from tollway.store.check import check_books
from tollway.store.cost_rows import CostRows
from tollway.store.durability import Durability
from tollway.store.event_list import EventRows
from tollway.store.group_commit import GroupCommit
from tollway.store.key_directory import KeyDirectory
from tollway.store.key_rows import KeyRows
from tollway.store.limit_rows import LimitRows
from tollway.store.management_key_rows import ManagementKeyRows
from tollway.store.numbers import SharedIds
from tollway.store.own_provider_rows import OwnProviderRows
from tollway.store.package_rows import PackageRows
from tollway.store.payment_rows import PaymentRows
from tollway.store.refusal_rows import RefusalRows
from tollway.store.reprice_rows import RepriceRows
from tollway.store.request_log_rows import RequestLogRows
from tollway.store.sqlite import database_path
from tollway.store.sqlite_backend import SqliteBackend
from tollway.store.statement_rows import StatementRows
from tollway.store.sub_account_rows import SubAccountRows
from tollway.store.timing_rows import TimingRows
from tollway.store.usage_rows import UsageRows
from tollway.store.voucher_rows import VoucherRows
from tollway.store.webhook_secret_rows import WebhookSecretRows
from tollway.store.workers import Worker

LINES_WAITING_MAX = 20_000
"""About a second of charges at full speed: beyond that, a request is better refused than kept waiting."""
POSTGRES_SCHEMES = ("postgresql", "postgres")
KEYS_CACHED_MAX = 100_000
"""About 50 MB of keys that are in use; the others are read again."""


class Store(
    AccountRows,
    AuditRows,
    BillRows,
    BooksReader,
    CapRows,
    CostRows,
    EventRows,
    KeyRows,
    LimitRows,
    ManagementKeyRows,
    OwnProviderRows,
    PackageRows,
    PaymentRows,
    RefusalRows,
    RepriceRows,
    RequestLogRows,
    StatementRows,
    SubAccountRows,
    TimingRows,
    UsageRows,
    VoucherRows,
    WebhookSecretRows,
):
    """An open store. Its plain methods are transactions of their own and may be called from any thread.

    They raise Refusal `not_ready` when the database cannot be used.
    """

    def __init__(self, backend: Backend) -> None:
        """Use `Store.open`."""
        self._backend = backend
        self._claims: dict[int, Claim] = {}
        self._directories: list[KeyDirectory] = []

    @classmethod
    def open(cls, url: str, *, durability: Durability = "full") -> Self:
        """Open the store at `url`, making it when there is none.

        Raises SetupError when the URL is not one, the database cannot be used, or the store has another schema.
        """
        backend = open_backend(url, durability)
        try:
            with mended(backend), backend.preparing() as connection:
                version = schema.schema_version(connection)
                if version is None:
                    schema.create(connection)
                else:
                    schema.require_current(version)
            backend.join()
        except BaseException:
            backend.close()
            raise
        return cls(backend)

    def close(self) -> None:
        """Close everything, and let others take this process's numbers."""
        for directory in self._directories:
            directory.close()
        self._backend.close()
        for claim in self._claims.values():
            claim.release()

    # -- for a worker

    def require_room(self, processes: int) -> None:
        """Raise SetupError unless the database has room for the connections of so many serving processes."""
        with mended(self._backend):
            self._backend.require_room(processes)

    def reclaim_dead_workers(self, now_ms: int) -> int:
        """Settle the affairs of every worker that died; return how many. Their open exchanges become INTERRUPTED."""
        settled = 0
        with self._reading() as connection:
            numbers = self._backend.dead_numbers(connection)
        for number in numbers:
            with self._refusing():
                claim = self._backend.numbers.try_claim(number)
            if claim is None:
                continue
            try:
                with self._writing() as connection:
                    settled += workers.settle_number(connection, number, now_ms, begun_by=self._backend.begun_by)
            finally:
                claim.release()
        return settled

    def sweep_answers(self, now_ms: int) -> int:
        """Delete some kept answers whose day is over, so that charges are written in between; return how many.

        To be called again until there are none.
        """
        with self._writing() as connection:
            return answer_rows.sweep_answers(connection, now_ms)

    def sweep_events(self, before_ms: int) -> int:
        """Delete some events that were told before a time, the oldest first; return how many, to be called until none."""
        with self._writing() as connection:
            return retention.sweep_events(connection, before_ms)

    def register_worker(self, now_ms: int) -> Worker:
        """Make this process a worker of the store, with a number of its own, until it retires or dies."""
        claim = self._claim()
        with self._writing() as connection:
            return workers.register(connection, claim, now_ms, begun_by=self._backend.begun_by)

    def group_commit(self, worker: Worker, *, lines_waiting_max: int = LINES_WAITING_MAX) -> GroupCommit:
        """Return the writer of a worker's lines, for the running loop; call its `start`."""
        return GroupCommit(
            self._backend.ledger_writer(worker.id),
            page=self._backend.begun_page(worker.number),
            lines_waiting_max=lines_waiting_max,
            retire=partial(self.retire, worker),
            wanted=self._backend.wanted,
        )

    def retire(self, worker: Worker) -> None:
        """End a worker of this process: close what it left open, give back its loans and its number."""
        with self._writing() as connection:
            begun = self._backend.begun_by(worker.number, worker.id)
            workers.settle_worker(connection, worker.id, clock.now_ms(), begun=begun)
        self._claims.pop(worker.number).release()

    def key_directory(self, *, entries_max: int = KEYS_CACHED_MAX) -> KeyDirectory:
        """Return the keys for the data plane of one thread."""
        backend = self._backend
        with self._refusing():
            reader = backend.key_reader(self._refusing)
        directory = KeyDirectory(reader, backend.changes, entries_max=entries_max, embedded=backend.embedded)
        self._directories.append(directory)
        return directory

    def ids(self) -> SharedIds:
        """Return a source of ids that threads may share and that no live process repeats."""
        claim = self._claim()
        with self._reading() as connection:
            return SharedIds(IdSource(worker=claim.number, after=workers.last_id(connection)))

    # -- for billing

    def add_account(self, account: Account, credit: Transfer | None, entry: AuditEntry) -> None:
        """Write an account, its purse, and its first credit."""
        with self._writing() as connection:
            account_rows.add_account(connection, account, credit, entry)

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        with self._reading() as connection:
            return account_rows.read_account(connection, account_id)

    def accounts(self) -> tuple[Account, ...]:
        """Read all accounts, oldest first."""
        with self._reading() as connection:
            return account_rows.read_accounts(connection)

    def set_account_state(self, account_id: int, state: AccountState, entry: AuditEntry) -> bool:
        """Change an account's state in every worker; False when nothing was to change."""
        with self._changing() as connection:
            return account_rows.set_account_state(connection, account_id, state, entry)

    def post(self, transfer: Transfer) -> bool:
        """Move money; False, and nothing changed, when a purse is missing, too small or would overflow."""
        with self._writing() as connection:
            posted = account_rows.post(connection, transfer)
            if not posted:
                connection.rollback()
            return posted

    def balance(self, account_id: int) -> Balance | None:
        """Read what an account has, and what its running exchanges hold."""
        with self._reading() as connection:
            return books_reader.read_balance(connection, account_id)

    def keys(self, account_id: int | None) -> tuple[KeyView, ...]:
        """Read the keys of an account, or all, oldest first."""
        with self._reading() as connection:
            return key_rows.read_keys(connection, account_id)

    def add_admin_key(self, key: AdminKeyView, digest: bytes) -> None:
        """Write an admin key."""
        with self._writing() as connection:
            key_rows.add_admin_key(connection, key, digest)

    def admin_keys(self) -> tuple[AdminKeyView, ...]:
        """Read all admin keys, oldest first."""
        with self._reading() as connection:
            return key_rows.read_admin_keys(connection)

    def find_admin_key(self, digest: bytes) -> AdminKeyView | None:
        """Read the admin key with this digest, revoked or not."""
        with self._reading() as connection:
            return key_rows.find_admin_key(connection, digest)

    def revoke_admin_key(self, key_id: int, revoked_ms: int) -> AdminKeyView | None:
        """Revoke an admin key, keeping the first time; None when there is no such key."""
        with self._writing() as connection:
            return key_rows.revoke_admin_key(connection, key_id, revoked_ms)

    def check(self) -> LedgerReport:
        """Prove the books on one snapshot."""
        with self._proving() as connections:
            return check_books(connections, dead_numbers=self._backend.dead_numbers(connections[0]))

    # -- for the catalog

    def record_cards(self, cards: Iterable[PriceCard], now_ms: int) -> None:
        """Keep the price cards that charges will name; a card that is there already stays as it is."""
        with self._writing() as connection:
            card_rows.add_cards(connection, cards, now_ms)

    # -- inside

    def _claim(self) -> Claim:
        with self._refusing():
            claim = self._backend.numbers.claim()
        self._claims[claim.number] = claim
        return claim

    @contextmanager
    def _reading(self) -> Generator[Connection]:
        with self._refusing(), self._backend.reading() as connection:
            yield connection

    @contextmanager
    def _proving(self) -> Generator[tuple[Connection, Connection]]:
        with self._refusing(), self._backend.proving() as connections:
            yield connections

    @contextmanager
    def _writing(self) -> Generator[Connection]:
        with self._refusing(), self._backend.writing() as connection:
            yield connection

    @contextmanager
    def _calling_in(self) -> Generator[Connection]:
        """Begin a transaction that marks purses as wanted: workers give back what lies idle of them."""
        with self._writing() as connection:
            yield connection
            self._backend.wanted.announce(connection)
        self._backend.wanted.bump()

    @contextmanager
    def _changing(self) -> Generator[Connection]:
        """Begin a transaction after which keys or accounts are not what they were: every worker hears of it."""
        with self._writing() as connection:
            # First, for it locks the row that payments lock first: neither waits for the other with a row it wants.
            schema.move_access_version(connection)
            yield connection
            self._backend.changes.announce(connection)
        self._backend.changes.bump()

    @contextmanager
    def _refusing(self) -> Generator[None]:
        """Say as a Refusal what is wrong with the database itself (locked, full, gone); a defect of ours stays one."""
        try:
            yield
        except Exception as error:
            trouble = self._backend.trouble_of(error)
            if trouble is None:
                raise
            raise StoreUnusable(trouble) from error


def open_backend(url: str, durability: Durability) -> Backend:
    """Return the database at `url`, its schema not looked at; raises SetupError. The one place that knows all kinds."""
    if url.partition(":")[0] in POSTGRES_SCHEMES:
        # Imported here, because an embedded store needs no driver of PostgreSQL (70 ms each).
        return importlib.import_module("tollway.store.postgres.backend").PostgresBackend(url, durability)
    path = database_path(url)
    try:
        return SqliteBackend(path, durability)
    except OSError as error:
        raise SetupError((f"[store] url: {path} cannot be opened: {error}",)) from error


@contextmanager
def mended(backend: Backend) -> Generator[None]:
    """Say as a SetupError, at the start, what an operator must mend about the database."""
    try:
        yield
    except Exception as error:
        trouble = backend.trouble_of(error)
        if trouble is None:
            raise
        raise SetupError((f"[store] url: {backend.place} cannot be opened: {trouble}",)) from error
