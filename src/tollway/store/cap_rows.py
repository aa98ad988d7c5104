"""Caps in SQL, and what is spent of them: the purses of their windows. Knows no calendar."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    ScalarSelect,
    Update,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    update,
)

from tollway.access.audit import AuditEntry
from tollway.access.cap_rules import alert_nanos
from tollway.access.caps import Cap, CapUse
from tollway.access.setters import SetBy
from tollway.access.terms import EACH, CapScope, CapSpan
from tollway.ids import CAP, render_id
from tollway.ledger.purses import PurseKind
from tollway.limits.windows import Window
from tollway.store.account_rows import lock_account
from tollway.store.audit_rows import add_entry
from tollway.store.event_rows import add_event, purse_event_values
from tollway.store.rows import fields_of
from tollway.store.tables import accounts, caps, purses
from tollway.store.transactions import Rows

NAMED = (CapScope.TAG.value, CapScope.END_USER.value)
"""Scopes whose subjects are texts of the account's own, as many as it likes."""

TOLD_MAX = 1000
"""Windows of one cap that a change of its limit tells of: of a cap of each, there may be millions."""


class CapRows(Rows):
    """The rows of caps; every call is one transaction."""

    def set_cap(self, cap: Cap, entry: AuditEntry, *, named_max: int) -> Cap | None:
        """Write a cap, or give the one that is there its limit and alert, in the windows that run too.

        Returns the cap as it stands; None, and nothing changed, when the account would have too many by name.
        """
        with self._changing() as connection:
            lock_account(connection, cap.account_id)
            if _is_named(cap) and _same(connection, cap) is None and _count_named(connection, cap) >= named_max:
                return None
            standing = put_cap(connection, cap)
            add_entry(connection, _about(entry, standing))
            return standing

    def cap(self, cap_id: int) -> Cap | None:
        """Read one cap, lifted or not."""
        with self._reading() as connection:
            row = connection.execute(select(caps).where(caps.c.id == cap_id)).mappings().first()
            return None if row is None else _read(row)

    def fit_cap(self, cap: Cap, now_ms: int) -> bool:
        """Bring the windows of a cap that run down to its limit, and call in what workers have borrowed beyond it.

        False when some of it was still lent: to be called again when that may have come back.
        """
        with self._calling_in() as connection:
            _fit(connection, cap, now_ms=now_ms)
            p = purses.c
            beyond = and_(p.limit_nanos > cap.limit_nanos, p.leased_nanos > 0)
            return connection.scalar(select(p.id).where(beyond, *_running(cap.id, now_ms)).limit(1)) is None

    def unset_cap(self, cap: Cap, entry: AuditEntry, removed_ms: int) -> Cap | None:
        """Lift the cap with the account, scope, subject and window of `cap`; return it, or None when there is none."""
        with self._changing() as connection:
            lock_account(connection, cap.account_id)
            lifted = lift_cap(connection, cap, removed_ms)
            if lifted is not None:
                add_entry(connection, _about(entry, lifted))
            return lifted

    def remove_cap(self, cap_id: int, entry: AuditEntry, removed_ms: int) -> Cap | None:
        """Lift a cap, keeping the first time; None when there never was one."""
        with self._changing() as connection:
            row = connection.execute(select(caps).where(caps.c.id == cap_id).with_for_update()).mappings().first()
            if row is None:
                return None
            found = _read(row)
            if found.removed_ms is not None:
                return found
            add_entry(connection, entry)
            return _remove(connection, found, removed_ms)

    def caps(self, account_id: int | None) -> tuple[Cap, ...]:
        """Read the caps of an account, or all, that were not lifted, oldest first."""
        query = select(caps).where(caps.c.removed_ms.is_(None)).order_by(caps.c.id)
        if account_id is not None:
            query = query.where(caps.c.account_id == account_id)
        with self._reading() as connection:
            return tuple(_read(row) for row in connection.execute(query).mappings())

    def cap_uses(
        self, account_id: int | None, windows: Mapping[CapSpan, Window], limit: int
    ) -> tuple[tuple[CapUse, ...], bool]:
        """Read what is spent of each cap in the windows given, the most spent first; and whether there is more."""
        spent = (purses.c.limit_nanos - purses.c.balance_nanos).label("spent_nanos")
        running = or_(
            *(
                and_(caps.c.window == span.value, purses.c.window_start_ms == window.start_ms)
                for span, window in windows.items()
            )
        )
        query = (
            select(*caps.columns, accounts.c.currency, purses.c.subject.label("spender"), spent)
            .select_from(
                caps.join(accounts, accounts.c.id == caps.c.account_id).outerjoin(
                    purses, and_(purses.c.cap_id == caps.c.id, purses.c.kind == PurseKind.CAP.value, running)
                )
            )
            .where(caps.c.removed_ms.is_(None))
            .order_by(func.coalesce(spent, 0).desc(), caps.c.id)
            .limit(limit + 1)
        )
        if account_id is not None:
            query = query.where(caps.c.account_id == account_id)
        with self._reading() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(_use(row, windows) for row in rows[:limit]), len(rows) > limit

    def cap_use(self, cap: Cap, window: Window) -> CapUse:
        """Read what is spent of one cap in a window, by the subject that spent most of it."""
        p = purses.c
        spent = (p.limit_nanos - p.balance_nanos).label("spent_nanos")
        running = and_(p.cap_id == cap.id, p.kind == PurseKind.CAP.value, p.window_start_ms == window.start_ms)
        query = select(p.subject, spent).where(running).order_by(spent.desc(), p.id).limit(1)
        currency = select(accounts.c.currency).where(accounts.c.id == cap.account_id)
        with self._reading() as connection:
            row = connection.execute(query).first()
            return CapUse(
                cap=cap,
                subject=cap.subject if row is None else row.subject,
                currency=connection.execute(currency).scalar_one(),
                spent_nanos=0 if row is None else row.spent_nanos,
                resets_ms=window.end_ms,
            )


def add_cap(connection: Connection, cap: Cap) -> None:
    """Write a cap that is not there yet."""
    fields = msgspec.structs.asdict(cap)
    fields["window"] = fields.pop("span").value
    connection.execute(insert(caps).values({**fields, "scope": cap.scope.value, "set_by": cap.set_by.value}))


def put_cap(connection: Connection, cap: Cap) -> Cap:
    """Write a cap, or give the one that is there its limit and alert; return it as it stands. The account is locked."""
    found = _same(connection, cap)
    if found is not None:
        return _change(connection, found, cap, now_ms=cap.created_ms)
    add_cap(connection, cap)
    return cap


def put_limit(connection: Connection, cap: Cap) -> Cap | None:
    """Write a cap, or give the one that is there its limit and leave its alert; a limit of zero lifts it.

    Returns the cap that holds now, or None. The account is locked.
    """
    found = _same(connection, cap)
    if cap.limit_nanos:
        return put_cap(connection, cap if found is None else msgspec.structs.replace(cap, alert_ppm=found.alert_ppm))
    if found is not None:
        _remove(connection, found, cap.created_ms)
    return None


def lift_cap(connection: Connection, cap: Cap, removed_ms: int) -> Cap | None:
    """Lift the cap with the account, scope, subject and window of `cap`; return it, or None when there is none."""
    found = _same(connection, cap)
    return None if found is None else _remove(connection, found, removed_ms)


def _about(entry: AuditEntry, cap: Cap) -> AuditEntry:
    """Return the entry with the id of the cap that it turned out to be about."""
    return msgspec.structs.replace(entry, resource_id=render_id(CAP, cap.id))


def _is_named(cap: Cap) -> bool:
    """Tell whether a cap is for a tag or an end user by name."""
    return cap.scope.value in NAMED and cap.subject != EACH


def _same(connection: Connection, cap: Cap) -> Cap | None:
    """Return the cap that the same side set for the same thing and window."""
    c = caps.c
    same = and_(
        c.account_id == cap.account_id,
        c.scope == cap.scope.value,
        c.subject == cap.subject,
        c.window == cap.span.value,
        c.set_by == cap.set_by.value,
        c.removed_ms.is_(None),
    )
    row = connection.execute(select(caps).where(same)).mappings().first()
    return None if row is None else _read(row)


def _count_named(connection: Connection, cap: Cap) -> int:
    """Count those of the side that sets one: an owner who has set as many as may be does not keep the operator from it."""
    query = select(func.count()).where(
        caps.c.account_id == cap.account_id,
        caps.c.set_by == cap.set_by.value,
        caps.c.removed_ms.is_(None),
        caps.c.scope.in_(NAMED),
        caps.c.subject != EACH,
    )
    return connection.scalar(query) or 0


def _change(connection: Connection, found: Cap, wanted: Cap, *, now_ms: int) -> Cap:
    """Give a cap another limit and alert, and the purses of its running windows with it."""
    changed = msgspec.structs.replace(found, limit_nanos=wanted.limit_nanos, alert_ppm=wanted.alert_ppm)
    connection.execute(
        update(caps).where(caps.c.id == found.id).values(limit_nanos=changed.limit_nanos, alert_ppm=changed.alert_ppm)
    )
    _fit(connection, changed, now_ms=now_ms)
    _tell_passed(connection, changed, now_ms=now_ms)
    return changed


def _tell_passed(connection: Connection, cap: Cap, *, now_ms: int) -> None:
    """Write the events of windows in which the share that a cap is told of is spent under its new limit.

    No charge will: each looks only whether it was the one that passed it.
    """
    fallen = purses.c.balance_nanos <= purses.c.alert_nanos
    spent = purses.c.balance_nanos < purses.c.limit_nanos
    passed = select(purses).where(*_running(cap.id, now_ms), fallen, spent).limit(TOLD_MAX)
    for purse in connection.execute(passed).mappings().all():
        values = purse_event_values({**purse}, None, "", now_ms=now_ms)
        add_event(connection, values)


def fit_one() -> Update:
    """Return the statement that brings one purse of a cap to its limit, to be run before anything is lent of it.

    Values: the purse, the time. A limit that was lowered below what was lent could not be kept then, and a request that
    was admitted under another limit makes the purse with that one.
    """
    limit = select(caps.c.limit_nanos).where(caps.c.id == purses.c.cap_id).correlate(purses).scalar_subquery()
    mine = purses.c.id == bindparam("purse")
    return update(purses).where(mine, purses.c.limit_nanos != limit, _runs(bindparam("now"))).values(_fitted(limit))


def _fit(connection: Connection, cap: Cap, *, now_ms: int) -> None:
    """Bring the purses of a cap's running windows to its limit; what is lent beyond it is wanted back."""
    beyond = _least() > cap.limit_nanos
    # By their ids, as every writer locks them.
    running = select(purses.c.id).where(*_running(cap.id, now_ms)).order_by(purses.c.id).with_for_update()
    connection.execute(
        update(purses)
        .where(purses.c.id.in_(running))
        .values(_fitted(cap.limit_nanos))
        .values(
            alert_nanos=alert_nanos(cap.limit_nanos, cap.alert_ppm),
            wanted_ms=case((beyond, now_ms), else_=purses.c.wanted_ms),
        )
    )


def _fitted(limit: int | ScalarSelect[Any]) -> dict[str, ColumnElement[int]]:
    """Return what a purse of a cap becomes at another limit.

    It has what is left of the limit, so it gets the difference: what is spent stays spent. Below what is spent and lent
    it cannot go, for no purse is ever below zero: then nothing more is lent.
    """
    p = purses.c
    least = _least()
    effective = case((least > limit, least), else_=limit)
    return {"limit_nanos": effective, "balance_nanos": effective - (p.limit_nanos - p.balance_nanos)}


def _least() -> ColumnElement[int]:
    """Return what is spent and lent of a purse of a cap."""
    p = purses.c
    return p.limit_nanos - p.balance_nanos + p.leased_nanos


def _runs(now_ms: int | BindParameter[int]) -> ColumnElement[bool]:
    """Tell whether the window of a purse of a cap has not ended."""
    p = purses.c
    return or_(p.window_end_ms.is_(None), p.window_end_ms > now_ms)


def _running(cap_id: int, now_ms: int) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of a purse of the cap whose window has not ended."""
    p = purses.c
    return (
        p.cap_id == cap_id,
        p.kind == PurseKind.CAP.value,
        _runs(now_ms),
    )


def _remove(connection: Connection, found: Cap, removed_ms: int) -> Cap:
    connection.execute(update(caps).where(caps.c.id == found.id).values(removed_ms=removed_ms))
    return msgspec.structs.replace(found, removed_ms=removed_ms)


def _read(row: Mapping[Any, Any]) -> Cap:
    fields = {name: value for name, value in fields_of(row).items() if name in caps.columns and name != "set_by"}
    scope, span = CapScope(fields.pop("scope")), CapSpan(fields.pop("window"))
    return Cap(**fields, scope=scope, span=span, set_by=SetBy(row["set_by"]))


def _use(row: Mapping[Any, Any], windows: Mapping[CapSpan, Window]) -> CapUse:
    cap = _read(row)
    return CapUse(
        cap=cap,
        subject=cap.subject if row["spender"] is None else row["spender"],
        currency=row["currency"],
        spent_nanos=row["spent_nanos"] or 0,
        resets_ms=windows[cap.span].end_ms,
    )
