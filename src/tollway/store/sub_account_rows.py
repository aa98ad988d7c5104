"""Sub-accounts in SQL. Knows no key and no cap of theirs."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, update

from tollway.access.caps import SubAccount, SubAccountState
from tollway.store.rows import fields_of
from tollway.store.tables import sub_accounts
from tollway.store.transactions import Rows


class SubAccountRows(Rows):
    """The rows of sub-accounts; every call is one transaction."""

    def add_sub_account(self, sub_account: SubAccount) -> None:
        """Write a sub-account."""
        with self._writing() as connection:
            connection.execute(
                insert(sub_accounts).values(
                    id=sub_account.id,
                    account_id=sub_account.account_id,
                    name=sub_account.name,
                    state=sub_account.state.value,
                    created_ms=sub_account.created_ms,
                    external_ref=sub_account.external_ref,
                    tag=sub_account.tag,
                    models=",".join(sub_account.models),
                )
            )

    def sub_account(self, sub_account_id: int) -> SubAccount | None:
        """Read one sub-account."""
        with self._reading() as connection:
            return read_sub_account(connection, sub_account_id)

    def sub_accounts(self, account_id: int | None) -> tuple[SubAccount, ...]:
        """Read the sub-accounts of an account, or all, oldest first."""
        query = select(sub_accounts).order_by(sub_accounts.c.id)
        if account_id is not None:
            query = query.where(sub_accounts.c.account_id == account_id)
        with self._reading() as connection:
            return tuple(_read(row) for row in connection.execute(query).mappings())

    def set_sub_account_state(self, sub_account_id: int, state: SubAccountState) -> bool:
        """Change the state in every worker; False when there is no such sub-account."""
        mine = sub_accounts.c.id == sub_account_id
        with self._changing() as connection:
            return connection.execute(update(sub_accounts).where(mine).values(state=state.value)).rowcount == 1


def read_sub_account(connection: Connection, sub_account_id: int) -> SubAccount | None:
    """Return one sub-account."""
    row = connection.execute(select(sub_accounts).where(sub_accounts.c.id == sub_account_id)).mappings().first()
    return None if row is None else _read(row)


def _read(row: Mapping[Any, Any]) -> SubAccount:
    fields = fields_of(row)
    fields["state"] = SubAccountState(fields["state"])
    fields["models"] = tuple(fields["models"].split(",")) if fields["models"] else ()
    return SubAccount(**fields)
