"""Budgets on each kind of database: caps under the words of the services, and what is spent of them."""

from collections.abc import Callable
from datetime import UTC

import msgspec
import pytest

from tests.e2e.store.conftest import Desk
from tollway import clock
from tollway.access.cap_rules import alert_nanos
from tollway.access.terms import EACH, CapScope, CapSpan
from tollway.billing.accounts import Accounts
from tollway.billing.budgets import Budget, Budgets, BudgetTerms
from tollway.billing.caps import Caps
from tollway.billing.sub_accounts import SubAccounts, SubAccountTerms
from tollway.errors import CommandRefused, NotThere
from tollway.ledger.purses import CapWindow, cap_purse_id
from tollway.ledger.records import Account
from tollway.limits.windows import window_at
from tollway.store.store import Store

HARD, SOFT = 30_000_000_000, 10_000_000_000


@pytest.fixture
def caps(store: Store) -> Caps:
    return Caps(store, store.ids(), UTC, pause=lambda _: None)


@pytest.fixture
def budgets(store: Store, caps: Caps) -> Budgets:
    return Budgets(store, caps)


def made(budget: Budget | None) -> Budget:
    assert budget is not None
    return budget


async def spend(desk: Desk, account: Account, budget: Budget, amount: int, subject: str) -> None:
    cap, window = budget.cap, window_at(budget.cap.span, UTC, clock.now_ms())
    counted = CapWindow(
        purse_id=cap_purse_id(cap.id, subject, window.start_ms),
        cap_id=cap.id,
        account_id=cap.account_id,
        subject=subject,
        start_ms=window.start_ms,
        end_ms=window.end_ms,
        limit_nanos=cap.limit_nanos,
        alert_nanos=alert_nanos(cap.limit_nanos, cap.alert_ppm),
    )
    hold = msgspec.structs.replace(desk.hold(account, amount), caps=(counted,))
    await desk.books.hold(hold)
    await desk.books.close(msgspec.structs.replace(desk.line(hold, amount), caps=(counted.purse_id,)))[1]


def test_a_budget_is_a_cap_with_a_soft_limit(budgets: Budgets, caps: Caps, account: Account) -> None:
    budget = made(budgets.set(account.id, BudgetTerms(CapScope.ACCOUNT, "", HARD, SOFT)))
    assert (budget.hard_nanos, budget.soft_nanos, budget.cap.span) == (HARD, SOFT, CapSpan.MONTH)
    assert caps.list(account.id) == (budget.cap,)
    assert budgets.list(account.id) == (budget,)
    assert budgets.find(account.id, budget.cap.id) == budget
    tagged = made(budgets.set(account.id, BudgetTerms(CapScope.TAG, "nightly", HARD)))
    assert tagged.soft_nanos == HARD * 8 // 10
    lower = made(budgets.update(account.id, budget.cap.id, SOFT // 2))
    assert (lower.cap.id, lower.hard_nanos, lower.soft_nanos) == (budget.cap.id, SOFT // 2, SOFT * 4 // 10)
    softer = made(budgets.update(account.id, budget.cap.id, soft_nanos=3_333_000_000))
    assert (softer.hard_nanos, softer.soft_nanos) == (SOFT // 2, 3_333_000_000)
    assert made(budgets.update(account.id, budget.cap.id, HARD)).soft_nanos == softer.soft_nanos
    assert made(budgets.update(account.id, budget.cap.id, soft_nanos=None)).soft_nanos == HARD * 8 // 10
    assert budgets.remove(account.id, budget.cap.id).cap.removed_ms is not None
    assert budgets.update(account.id, tagged.cap.id, 0) is None
    assert budgets.set(account.id, BudgetTerms(CapScope.TAG, "nightly", 0)) is None
    assert (budgets.list(account.id), caps.list(account.id)) == ((), ())


async def test_the_status_of_a_budget_is_what_its_greatest_spender_spent(
    budgets: Budgets, desk: Desk, account: Account
) -> None:
    each = made(budgets.set(account.id, BudgetTerms(CapScope.TAG, EACH, 1_000)))
    fresh = budgets.status(account.id, each.cap.id)
    assert (fresh.subject, fresh.spent_nanos, fresh.remaining_nanos, fresh.utilization) == (EACH, 0, 1_000, 0.0)
    for tag, amount in (("a", 100), ("b", 250)):
        await spend(desk, account, each, amount, tag)
    status = budgets.status(account.id, each.cap.id)
    assert (status.subject, status.spent_nanos, status.remaining_nanos) == ("b", 250, 750)
    assert (status.utilization, status.currency) == (0.25, "USD")
    assert status.resets_ms is not None
    budgets.update(account.id, each.cap.id, 200)
    lowered = budgets.status(account.id, each.cap.id)
    assert (lowered.remaining_nanos, lowered.utilization) == (0, 1.25)


def test_what_is_another_accounts_is_as_what_never_was(
    store: Store, budgets: Budgets, accounts: Accounts, account: Account
) -> None:
    eve = accounts.create("Eve")
    opened = SubAccounts(store, store.ids(), lambda _: "tw-").create(eve.id, SubAccountTerms(name="x"))
    theirs = made(budgets.set(eve.id, BudgetTerms(CapScope.SUB_ACCOUNT, str(opened.sub_account.id), 5)))
    key, part = str(opened.key.id), str(opened.sub_account.id)
    assert made(budgets.set(eve.id, BudgetTerms(CapScope.KEY, key, 5, span=CapSpan.DAY))).cap.subject == key
    refused: tuple[Callable[[], object], ...] = (
        lambda: budgets.find(account.id, theirs.cap.id),
        lambda: budgets.find(account.id, 7),
        lambda: budgets.update(account.id, theirs.cap.id, 1),
        lambda: budgets.remove(account.id, theirs.cap.id),
        lambda: budgets.status(account.id, theirs.cap.id),
        lambda: budgets.set(account.id, BudgetTerms(CapScope.KEY, key, 5)),
        lambda: budgets.set(account.id, BudgetTerms(CapScope.SUB_ACCOUNT, part, 5)),
        lambda: budgets.set(account.id, BudgetTerms(CapScope.KEY, "7", 5)),
        lambda: budgets.set(account.id, BudgetTerms(CapScope.SUB_ACCOUNT, "7", 5)),
    )
    for command in refused:
        with pytest.raises(NotThere, match="there is no"):
            command()
    assert budgets.find(eve.id, theirs.cap.id).hard_nanos == 5


def test_limits_that_are_none_are_refused(budgets: Budgets, account: Account) -> None:
    wrong = (
        BudgetTerms(CapScope.ACCOUNT, "", -1),
        BudgetTerms(CapScope.ACCOUNT, "", 5, 6),
        BudgetTerms(CapScope.ACCOUNT, "", 5, 0),
        BudgetTerms(CapScope.ACCOUNT, "", 5, -1),
        BudgetTerms(CapScope.ACCOUNT, "", 2**63),
        BudgetTerms(CapScope.TAG, "", 5),
        BudgetTerms(CapScope.END_USER, "\ud800", 5),
    )
    for terms in wrong:
        with pytest.raises(CommandRefused):
            budgets.set(account.id, terms)
    assert budgets.list(account.id) == ()
