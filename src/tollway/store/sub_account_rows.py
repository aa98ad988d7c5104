"""Sub-accounts in SQL, made with their first key and their limits in one go. Knows no use case."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection, Select, String, and_, case, cast, delete, func, insert, select, update

from tollway.access.audit import AuditEntry
from tollway.access.caps import Cap, NewSubAccount, SubAccount, SubAccountChanges, SubAccountState
from tollway.access.limits import AccountLimit, LimitScope, RateChange, RateRule
from tollway.access.terms import CapScope, CapSpan
from tollway.store.account_rows import lock_account
from tollway.store.audit_rows import add_entry
from tollway.store.cap_rows import put_cap, put_limit
from tollway.store.key_rows import add_key, listed
from tollway.store.limit_rows import change_limit
from tollway.store.rows import fields_of
from tollway.store.tables import caps, keys, rate_limits, sub_accounts
from tollway.store.transactions import Rows

_OWN = ("name", "external_ref", "tag", "models")
"""The columns that its owner may change."""

_MINE = cast(sub_accounts.c.id, String)
_CAP_HELD = func.coalesce(
    select(func.min(caps.c.limit_nanos))
    .where(
        caps.c.account_id == sub_accounts.c.account_id,
        caps.c.scope == CapScope.SUB_ACCOUNT.value,
        caps.c.subject == _MINE,
        caps.c.window == CapSpan.MONTH.value,
        caps.c.removed_ms.is_(None),
    )
    .correlate(sub_accounts)
    .scalar_subquery(),
    0,
).label("monthly_cap_nanos")
"""The lower of what the operator and the account set."""
_RPM_HELD = case(
    (rate_limits.c.account_rpm < rate_limits.c.rpm, rate_limits.c.account_rpm),
    else_=func.coalesce(rate_limits.c.rpm, rate_limits.c.account_rpm),
).label("rpm")
"""The lower of what the operator and the account set."""
_LIMIT = and_(
    rate_limits.c.account_id == sub_accounts.c.account_id,
    rate_limits.c.scope == LimitScope.SUB_ACCOUNT.value,
    rate_limits.c.subject == _MINE,
)


class SubAccountRows(Rows):
    """The rows of sub-accounts; every call is one transaction."""

    def add_sub_account(self, new: NewSubAccount, entries: Sequence[AuditEntry], *, count_max: int) -> bool:
        """Write a sub-account; False, and nothing written, when its account has so many that were not removed."""
        made = new.sub_account
        with self._changing() as connection:
            lock_account(connection, made.account_id)
            if _count(connection, made.account_id) >= count_max:
                return False
            connection.execute(
                insert(sub_accounts).values(
                    id=made.id,
                    account_id=made.account_id,
                    state=made.state.value,
                    created_ms=made.created_ms,
                    name=made.name,
                    external_ref=made.external_ref,
                    tag=made.tag,
                    models=",".join(made.models),
                    operator_set=listed(made.operator_set),
                )
            )
            add_key(connection, new.key)
            if new.cap is not None:
                put_cap(connection, new.cap)
            _limit(connection, made, made.rpm, entries[0])
            for entry in entries:
                add_entry(connection, entry)
        return True

    def sub_account(self, sub_account_id: int) -> SubAccount | None:
        """Read one sub-account, removed or not."""
        with self._reading() as connection:
            return read_sub_account(connection, sub_account_id)

    def sub_accounts(self, account_id: int | None) -> tuple[SubAccount, ...]:
        """Read the sub-accounts of an account, or all, that were not removed, oldest first."""
        query = _select().where(sub_accounts.c.removed_ms.is_(None)).order_by(sub_accounts.c.id)
        if account_id is not None:
            query = query.where(sub_accounts.c.account_id == account_id)
        with self._reading() as connection:
            return tuple(_read(row) for row in connection.execute(query).mappings())

    def set_sub_account_state(
        self, found: SubAccount, entry: AuditEntry, limited_after: Callable[[SubAccount], Sequence[str]]
    ) -> bool:
        """Change the state to that of `found` in every worker; False when it was removed, or never was.

        `limited_after` says what the operator will have limited of it as it stands now, or raises.
        """
        with self._changing() as connection:
            lock_account(connection, found.account_id)
            standing = read_sub_account(connection, found.id)
            if standing is None:
                return False
            values = {"state": found.state.value, "operator_set": listed(limited_after(standing))}
            changed = connection.execute(update(sub_accounts).where(_stands(found.id)).values(values))
            if changed.rowcount == 1:
                add_entry(connection, entry)
            return changed.rowcount == 1

    def change_sub_account(
        self,
        found: SubAccount,
        changes: SubAccountChanges,
        cap: Cap | None,
        entry: AuditEntry,
        limited_after: Callable[[SubAccount], Sequence[str]],
    ) -> tuple[SubAccount, Cap | None] | None:
        """Change a sub-account, and its monthly cap, which a limit of zero lifts; None for `cap` leaves it.

        `limited_after` says what the operator will have limited of it as it stands now, or raises. Returns it, and the
        cap that holds now if it was to change; None when it was removed meanwhile.
        """
        with self._changing() as connection:
            lock_account(connection, found.account_id)
            values = {name: value for name, value in changes.told.items() if name in _OWN}
            if "models" in values:
                values["models"] = ",".join(changes.models or ())
            before = read_sub_account(connection, found.id)
            if before is None:
                return None
            # Also where no value changes, it finds out whether there is such a row.
            values["operator_set"] = listed(limited_after(before))
            if connection.execute(update(sub_accounts).where(_stands(found.id)).values(values)).rowcount != 1:
                return None
            if changes.rpm is not UNSET:
                _limit(connection, found, changes.rpm, entry)
            standing = None if cap is None else put_limit(connection, cap)
            add_entry(connection, entry)
            changed = read_sub_account(connection, found.id)
        assert changed is not None, "it was just changed"
        return changed, standing

    def remove_sub_account(self, sub_account_id: int, entry: AuditEntry, removed_ms: int) -> bool:
        """Remove a sub-account with its keys, caps and limits, in every worker; its lines and sums stay.

        False when it was removed before, or never was.
        """
        with self._changing() as connection:
            gone = update(sub_accounts).where(_stands(sub_account_id)).values(removed_ms=removed_ms)
            if connection.execute(gone).rowcount != 1:
                return False
            k, c, r = keys.c, caps.c, rate_limits.c
            mine = and_(k.account_id == entry.account_id, k.sub_account_id == sub_account_id, k.revoked_ms.is_(None))
            connection.execute(update(keys).where(mine).values(revoked_ms=removed_ms))
            capped = and_(c.scope == CapScope.SUB_ACCOUNT.value, c.subject == str(sub_account_id))
            of_account = and_(c.account_id == entry.account_id, c.removed_ms.is_(None))
            connection.execute(update(caps).where(of_account, capped).values(removed_ms=removed_ms))
            limited = and_(r.scope == LimitScope.SUB_ACCOUNT.value, r.subject == str(sub_account_id))
            connection.execute(delete(rate_limits).where(r.account_id == entry.account_id, limited))
            add_entry(connection, entry)
        return True


def read_sub_account(connection: Connection, sub_account_id: int) -> SubAccount | None:
    """Return one sub-account, removed or not."""
    row = connection.execute(_select().where(sub_accounts.c.id == sub_account_id)).mappings().first()
    return None if row is None else _read(row)


def _select() -> Select[*tuple[Any, ...]]:
    joined = sub_accounts.outerjoin(rate_limits, _LIMIT)
    return select(*sub_accounts.columns, _CAP_HELD, _RPM_HELD).select_from(joined)


def _stands(sub_account_id: int) -> Any:  # noqa: ANN401  a condition
    return and_(sub_accounts.c.id == sub_account_id, sub_accounts.c.removed_ms.is_(None))


def _count(connection: Connection, account_id: int) -> int:
    mine = and_(sub_accounts.c.account_id == account_id, sub_accounts.c.removed_ms.is_(None))
    return connection.scalar(select(func.count()).where(mine)) or 0


def _limit(connection: Connection, sub_account: SubAccount, rpm: int | None, entry: AuditEntry) -> None:
    """Set or lift the limit of requests a minute of the side that acts; what else limits it stays."""
    rule = RateRule(scope=LimitScope.SUB_ACCOUNT, subject=str(sub_account.id))
    limit = AccountLimit(account_id=sub_account.account_id, rule=rule, created_ms=entry.created_ms)
    change_limit(connection, limit, RateChange(rpm=rpm), entry.actor.side)


def _read(row: Mapping[Any, Any]) -> SubAccount:
    fields = fields_of(row)
    fields["state"] = SubAccountState(fields["state"])
    fields["models"] = tuple(fields["models"].split(",")) if fields["models"] else ()
    fields["operator_set"] = tuple(fields["operator_set"].split(",")[:-1])
    return SubAccount(**fields)
