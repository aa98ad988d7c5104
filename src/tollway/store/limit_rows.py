"""Limits of rates in SQL. Knows no counter: what was used of them lies elsewhere."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, func, select

from tollway.access.audit import AuditEntry
from tollway.access.limits import AccountLimit, LimitScope, RateChange, RateRule
from tollway.access.setters import SetBy
from tollway.access.terms import EACH
from tollway.store.account_rows import lock_account
from tollway.store.audit_rows import add_entry
from tollway.store.tables import rate_limits
from tollway.store.transactions import Rows
from tollway.store.upserts import inserting

NAMES = ("rpm", "burst", "tpm", "concurrency", "account_rpm")

_OF_ACCOUNTS = {"rpm": "account_rpm"}
"""Where what accounts set for themselves stands; of other kinds they set nothing."""


class LimitRows(Rows):
    """The rows of limits of rates; every call is one transaction."""

    def set_rate_limit(
        self, limit: AccountLimit, change: RateChange, entry: AuditEntry, *, named_max: int
    ) -> AccountLimit | None:
        """Change what holds for the account and subject of `limit`, in every worker; return it as it stands.

        None, and nothing changed, when the account would have too many for end users by name.
        """
        with self._changing() as connection:
            lock_account(connection, limit.account_id)
            is_new = _find(connection, limit) is None
            if is_new and _is_named(limit.rule) and _count_named(connection, limit.account_id) >= named_max:
                return None
            standing = change_limit(connection, limit, change, entry.actor.side)
            add_entry(connection, entry)
            return standing

    def remove_rate_limit(self, limit: AccountLimit, entry: AuditEntry) -> AccountLimit | None:
        """Lift all that holds for the account and subject of `limit`; return it, or None when there was nothing."""
        with self._changing() as connection:
            lock_account(connection, limit.account_id)
            found = _find(connection, limit)
            if found is not None:
                connection.execute(delete(rate_limits).where(_same(limit)))
                add_entry(connection, entry)
            return found

    def rate_limits(self, account_id: int | None) -> tuple[AccountLimit, ...]:
        """Read the limits of an account, or all, by scope and subject."""
        r = rate_limits.c
        query = select(rate_limits).order_by(r.account_id, r.scope, r.subject)
        if account_id is not None:
            query = query.where(r.account_id == account_id)
        with self._reading() as connection:
            return tuple(_read(row) for row in connection.execute(query).mappings())


def change_limit(connection: Connection, limit: AccountLimit, change: RateChange, side: SetBy) -> AccountLimit:
    """Change what one side set for the account and subject of `limit`; return it as it stands. The account is locked."""
    found = _find(connection, limit) or limit
    told = change.told
    if side is SetBy.ACCOUNT:
        told = {_OF_ACCOUNTS[name]: rate for name, rate in told.items() if name in _OF_ACCOUNTS}
    values: dict[str, int | None] = {name: getattr(found.rule, name) for name in NAMES} | told
    mine = {"account_id": limit.account_id, "scope": limit.rule.scope.value, "subject": limit.rule.subject}
    if all(value is None for value in values.values()):
        connection.execute(delete(rate_limits).where(_same(limit)))
    else:
        row = inserting(rate_limits, connection.dialect).values(**mine, **values, created_ms=found.created_ms)
        connection.execute(row.on_conflict_do_update(index_elements=tuple(mine), set_=values))
    rule = RateRule(scope=limit.rule.scope, subject=limit.rule.subject, **values)
    return msgspec.structs.replace(found, rule=rule)


def _same(limit: AccountLimit) -> ColumnElement[bool]:
    r, rule = rate_limits.c, limit.rule
    return and_(r.account_id == limit.account_id, r.scope == rule.scope.value, r.subject == rule.subject)


def _find(connection: Connection, limit: AccountLimit) -> AccountLimit | None:
    row = connection.execute(select(rate_limits).where(_same(limit))).mappings().first()
    return None if row is None else _read(row)


def _read(row: Mapping[Any, Any]) -> AccountLimit:
    rule = RateRule(scope=LimitScope(row["scope"]), subject=row["subject"], **{name: row[name] for name in NAMES})
    return AccountLimit(account_id=row["account_id"], rule=rule, created_ms=row["created_ms"])


def _is_named(rule: RateRule) -> bool:
    """Tell whether a rule is for an end user by name."""
    return rule.scope is LimitScope.END_USER and rule.subject != EACH


def _count_named(connection: Connection, account_id: int) -> int:
    r = rate_limits.c
    named = and_(r.account_id == account_id, r.scope == LimitScope.END_USER.value, r.subject != EACH)
    return connection.scalar(select(func.count()).select_from(rate_limits).where(named)) or 0
