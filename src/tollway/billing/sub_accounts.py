"""Sub-accounts: parts of an account with keys and caps of their own. Knows no SQL and no surface."""

from collections.abc import Callable
from typing import Protocol

from tollway import clock
from tollway.access.caps import SubAccount, SubAccountState
from tollway.billing.accounts import Ids, checked_name
from tollway.errors import CommandRefused
from tollway.ids import ACCOUNT, SUB_ACCOUNT, render_id
from tollway.ledger.records import Account


class SubAccountRows(Protocol):
    """What sub-accounts want from the store; every call is one transaction."""

    def account(self, account_id: int) -> Account | None:
        """Read one account."""
        ...

    def add_sub_account(self, sub_account: SubAccount) -> None:
        """Write a sub-account."""
        ...

    def sub_account(self, sub_account_id: int) -> SubAccount | None:
        """Read one sub-account."""
        ...

    def sub_accounts(self, account_id: int | None) -> tuple[SubAccount, ...]:
        """Read the sub-accounts of an account, or all, oldest first."""
        ...

    def set_sub_account_state(self, sub_account_id: int, state: SubAccountState) -> bool:
        """Change the state, with effect on the next request in every worker; False when there is no such sub-account."""
        ...


class SubAccounts:
    """The use cases of sub-accounts. Errors are CommandRefused with a sentence."""

    def __init__(self, store: SubAccountRows, ids: Ids, *, now_ms: Callable[[], int] = clock.now_ms) -> None:
        """Work on `store`; `ids` may be shared between threads."""
        self._store = store
        self._ids = ids
        self._now_ms = now_ms

    def create(self, account_id: int, name: str) -> SubAccount:
        """Make a sub-account of an account."""
        name = checked_name(name)
        if self._store.account(account_id) is None:
            raise CommandRefused(f"there is no account {render_id(ACCOUNT, account_id)}")
        made = SubAccount(id=self._ids.next(), account_id=account_id, name=name, created_ms=self._now_ms())
        self._store.add_sub_account(made)
        return made

    def list(self, account_id: int | None = None) -> tuple[SubAccount, ...]:
        """Return the sub-accounts of an account, or all, oldest first."""
        return self._store.sub_accounts(account_id)

    def show(self, sub_account_id: int) -> SubAccount:
        """Return one sub-account."""
        found = self._store.sub_account(sub_account_id)
        if found is None:
            raise CommandRefused(f"there is no sub-account {render_id(SUB_ACCOUNT, sub_account_id)}")
        return found

    def suspend(self, sub_account_id: int) -> SubAccount:
        """Refuse the sub-account's keys from the next request on, in every worker."""
        return self._set_state(sub_account_id, SubAccountState.SUSPENDED)

    def resume(self, sub_account_id: int) -> SubAccount:
        """Let the sub-account's keys spend again."""
        return self._set_state(sub_account_id, SubAccountState.ACTIVE)

    def _set_state(self, sub_account_id: int, state: SubAccountState) -> SubAccount:
        self._store.set_sub_account_state(sub_account_id, state)
        return self.show(sub_account_id)
