"""In which order payments lock what others lock too, on PostgreSQL: nobody waits for who waits for them."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import text

from tests.waiting import until
from tollway import clock
from tollway.access.audit import OPERATOR, AuditEntry
from tollway.billing.accounts import Accounts
from tollway.billing.audit import Notary
from tollway.ledger.records import FUNDING_STRIPE, Account, AccountState, Transfer, TransferKind, account_leg
from tollway.store.account_rows import lock_account
from tollway.store.payment_rows import OpenBooks
from tollway.store.store import Store

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
NOW = text("SELECT balance_nanos FROM purses WHERE id = :purse FOR UPDATE NOWAIT")


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    """Empty books."""
    store = Store.open(postgres_url)
    yield store
    store.close()


@pytest.fixture
def account(store: Store) -> Account:
    return Accounts(store, store.ids()).create("payer", credit_nanos=1000)


@pytest.fixture
def aside() -> Iterator[Callable[[Callable[[], object]], Future[object]]]:
    """Do something in another thread."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        yield thread.submit


def wait_until_one_waits(store: Store) -> None:
    def one_waits() -> bool:
        with store._reading() as connection:
            return bool(connection.scalar(WAITING))

    until(one_waits)


def top_up(books: OpenBooks, account: Account) -> bool:
    now_ms = clock.now_ms()
    return books.post(
        Transfer(
            id=account.id + 1000,
            kind=TransferKind.TOPUP,
            debit_account=FUNDING_STRIPE,
            credit_account=account_leg(account.id),
            amount_nanos=500,
            currency=account.currency,
            reason="top-up by payment",
            created_ms=now_ms,
        )
    )


@pytest.mark.parametrize("step", [top_up, lambda books, account: books.room(account.id)])
def test_a_payment_waits_for_a_sale_without_the_purse_that_the_sale_will_want(
    store: Store,
    account: Account,
    aside: Callable[[Callable[[], object]], Future[object]],
    step: Callable[[OpenBooks, Account], object],
) -> None:
    def pay() -> None:
        with store.paying() as books:
            step(books, account)

    with store._writing() as sale:
        lock_account(sale, account.id)
        paid = aside(pay)
        wait_until_one_waits(store)
        assert sale.scalar(NOW, {"purse": account.id}) == 1000
    paid.result()


def noted(number: int) -> AuditEntry:
    """Return an entry of the audit trail."""
    return Notary(lambda: number).note(OPERATOR, "account.suspend", 1, "acct_1")


def test_who_changes_an_account_waits_for_payments_without_holding_it(
    store: Store, account: Account, aside: Callable[[Callable[[], object]], Future[object]]
) -> None:
    with store.paying() as books:
        changed = aside(lambda: store.set_account_state(account.id, AccountState.ACTIVE, noted(account.id + 1000)))
        wait_until_one_waits(store)
        books.suspend(account.id, noted(account.id + 1001))
    assert changed.result()
    found = store.account(account.id)
    assert found is not None
    assert found.state is AccountState.ACTIVE
