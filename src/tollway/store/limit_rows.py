"""Limits of rates in SQL. Knows no counter: what was used of them lies elsewhere."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select

from tollway.access.audit import AuditEntry
from tollway.access.limits import AccountLimit, LimitScope, RateChange, RateRule
from tollway.access.terms import EACH
from tollway.store.account_rows import lock_account
from tollway.store.audit_rows import add_entry
from tollway.store.tables import rate_limits
from tollway.store.transactions import Rows
from tollway.store.upserts import inserting

NAMES = ("rpm", "burst", "tpm", "concurrency")
_RULE = (rate_limits.c.scope, rate_limits.c.subject, *(rate_limits.c[name] for name in NAMES))


class LimitRows(Rows):
    """The rows of limits of rates; every call is one transaction."""

    def set_rate_limit(
        self, limit: AccountLimit, change: RateChange, entry: AuditEntry, *, named_max: int
    ) -> tuple[RateRule, bool]:
        """Change what holds for the account and subject of `limit`, in every worker; return the rule as it stands.

        False with it, and nothing changed, when the account would have too many for end users by name.
        """
        with self._changing() as connection:
            lock_account(connection, limit.account_id)
            rule = limit.rule
            is_new = _read(connection, limit.account_id, rule) is None
            if is_new and _is_named(rule) and _count_named(connection, limit.account_id) >= named_max:
                return rule, False
            standing = change_limit(connection, limit, change)
            add_entry(connection, entry)
            return standing, True

    def remove_rate_limit(self, limit: AccountLimit, entry: AuditEntry) -> RateRule | None:
        """Lift all that holds for the account and subject of `limit`; return it, or None when there was nothing."""
        with self._changing() as connection:
            lock_account(connection, limit.account_id)
            found = _read(connection, limit.account_id, limit.rule)
            if found is not None:
                connection.execute(delete(rate_limits).where(_same(limit.account_id, limit.rule)))
                add_entry(connection, entry)
            return found

    def rate_limits(self, account_id: int | None) -> tuple[AccountLimit, ...]:
        """Read the limits of an account, or all, by scope and subject."""
        r = rate_limits.c
        query = select(rate_limits).order_by(r.account_id, r.scope, r.subject)
        if account_id is not None:
            query = query.where(r.account_id == account_id)
        with self._reading() as connection:
            return tuple(
                AccountLimit(account_id=row["account_id"], rule=_rule(row), created_ms=row["created_ms"])
                for row in connection.execute(query).mappings()
            )


def change_limit(connection: Connection, limit: AccountLimit, change: RateChange) -> RateRule:
    """Change what holds for the account and subject of `limit`; return the rule as it stands. The account is locked."""
    rule = _read(connection, limit.account_id, limit.rule)
    values: dict[str, int | None] = {name: None if rule is None else getattr(rule, name) for name in NAMES}
    values |= change.told
    mine = {"account_id": limit.account_id, "scope": limit.rule.scope.value, "subject": limit.rule.subject}
    if all(value is None for value in values.values()):
        connection.execute(delete(rate_limits).where(_same(limit.account_id, limit.rule)))
    else:
        row = inserting(rate_limits, connection.dialect).values(**mine, **values, created_ms=limit.created_ms)
        connection.execute(row.on_conflict_do_update(index_elements=tuple(mine), set_=values))
    return RateRule(scope=limit.rule.scope, subject=limit.rule.subject, **values)


def _same(account_id: int, rule: RateRule) -> ColumnElement[bool]:
    r = rate_limits.c
    return and_(r.account_id == account_id, r.scope == rule.scope.value, r.subject == rule.subject)


def _read(connection: Connection, account_id: int, rule: RateRule) -> RateRule | None:
    row = connection.execute(select(*_RULE).where(_same(account_id, rule))).mappings().first()
    return None if row is None else _rule(row)


def _rule(row: Mapping[Any, Any]) -> RateRule:
    scope = LimitScope(row["scope"])
    return RateRule(scope=scope, subject=row["subject"], **{name: row[name] for name in NAMES})


def _is_named(rule: RateRule) -> bool:
    """Tell whether a rule is for an end user by name."""
    return rule.scope is LimitScope.END_USER and rule.subject != EACH


def _count_named(connection: Connection, account_id: int) -> int:
    r = rate_limits.c
    named = and_(r.account_id == account_id, r.scope == LimitScope.END_USER.value, r.subject != EACH)
    return connection.scalar(select(func.count()).select_from(rate_limits).where(named)) or 0
