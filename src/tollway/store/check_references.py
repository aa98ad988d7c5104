"""The proof of what names what: keys, sub-accounts, packages and caps are there, and of the account that uses them.

Runs in the caller's transaction, after `make_sums`, whose sums say who used what.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Select, and_, or_, select
from sqlalchemy.sql.elements import ColumnElement

from tollway.access.principal import BillingMode
from tollway.access.terms import PackageUnit
from tollway.ids import ACCOUNT, CAP, KEY, PACKAGE, SUB_ACCOUNT, render_id
from tollway.ledger.purses import PurseKind
from tollway.store.check_sums import CAP as CAP_WAY
from tollway.store.check_sums import MONEY_PACKAGE, TOKEN_PACKAGE, line_hours, moved, purse_name
from tollway.store.tables import accounts, caps, keys, packages, purses, sub_accounts


def reference_problems(connection: Connection, *, limit: int) -> Iterator[str]:
    """Yield every name that leads nowhere, or to another account; at most `limit` of each kind."""
    yield from _key_problems(connection, limit)
    yield from _used_key_problems(connection, limit)
    yield from _used_sub_account_problems(connection, limit)
    yield from _used_package_problems(connection, limit)
    yield from _used_cap_problems(connection, limit)
    yield from _purse_problems(connection, limit)


def _key_problems(connection: Connection, limit: int) -> Iterator[str]:
    """A key's account, sub-account and package are there, and belong together."""
    k, s, p = keys.c, sub_accounts.c, packages.c
    joined = (
        keys.outerjoin(accounts, accounts.c.id == k.account_id)
        .outerjoin(sub_accounts, and_(s.id == k.sub_account_id, s.account_id == k.account_id))
        .outerjoin(packages, and_(p.id == k.package_id, p.account_id == k.account_id))
    )
    no_account = accounts.c.id.is_(None)
    no_sub_account = and_(k.sub_account_id.is_not(None), s.id.is_(None))
    no_package = and_(k.package_id.is_not(None), p.id.is_(None))
    unbound = and_(k.billing == BillingMode.PACKAGE.value, k.package_id.is_(None))
    query = select(
        k.id, k.account_id, k.sub_account_id, k.package_id, accounts.c.id.label("account"), s.id.label("sub")
    )
    wrong = or_(no_account, no_sub_account, no_package, unbound)
    for row in connection.execute(query.select_from(joined).where(wrong).limit(limit)):
        name = f"key {render_id(KEY, row.id)} of {render_id(ACCOUNT, row.account_id)}"
        if row.account is None:
            yield f"{name} belongs to an account that does not exist"
        elif row.sub_account_id is not None and row.sub is None:
            yield f"{name} is of {render_id(SUB_ACCOUNT, row.sub_account_id)}, which the account does not have"
        elif row.package_id is not None:
            yield f"{name} spends {render_id(PACKAGE, row.package_id)}, which the account does not have"
        else:
            yield f"{name} spends a package, but names none"


def _used_key_problems(connection: Connection, limit: int) -> Iterator[str]:
    h = line_hours.c
    used = select(h.key_id, h.account_id).join(keys, keys.c.id == h.key_id).where(keys.c.account_id != h.account_id)
    for row in connection.execute(used.distinct().limit(limit)):
        account = render_id(ACCOUNT, row.account_id)
        yield f"exchanges of {account} were asked for with {render_id(KEY, row.key_id)}, a key of another account"


def _used_sub_account_problems(connection: Connection, limit: int) -> Iterator[str]:
    h, s = line_hours.c, sub_accounts.c
    theirs = and_(s.id == h.sub_account_id, s.account_id == h.account_id)
    used = select(h.sub_account_id, h.account_id).select_from(line_hours.outerjoin(sub_accounts, theirs))
    for row in connection.execute(used.where(h.sub_account_id != 0, s.id.is_(None)).distinct().limit(limit)):
        account, sub_account = render_id(ACCOUNT, row.account_id), render_id(SUB_ACCOUNT, row.sub_account_id)
        yield f"exchanges of {account} are for {sub_account}, which the account does not have"


def _used_package_problems(connection: Connection, limit: int) -> Iterator[str]:
    """A package pays for its own account, in its own unit."""
    m, p = moved.c, packages.c
    query = _users(m.way.in_((MONEY_PACKAGE, TOKEN_PACKAGE)))
    query = query.add_columns(p.account_id.label("owner")).outerjoin(packages, p.id == m.purse_id)
    unit_of = {MONEY_PACKAGE: PackageUnit.MONEY.value, TOKEN_PACKAGE: PackageUnit.TOKENS.value}
    units = or_(*(and_(m.way == way, p.unit != unit) for way, unit in unit_of.items()))
    wrong = or_(p.id.is_(None), p.account_id != m.account_id, and_(units, m.amount != 0))
    for row in connection.execute(query.where(wrong).limit(limit)):
        used = f"exchanges of {render_id(ACCOUNT, row.account_id)} were paid by {render_id(PACKAGE, row.purse_id)}"
        if row.owner is None:
            yield f"{used}, a package which does not exist"
        elif row.owner != row.account_id:
            yield f"{used}, a package of another account"
        else:
            yield f"{used} in {unit_of[row.way]}, which it does not hold"


def _used_cap_problems(connection: Connection, limit: int) -> Iterator[str]:
    """A cap counts what its own account spends."""
    m, p = moved.c, purses.c
    query = _users(m.way == CAP_WAY, m.amount != 0).join(purses, p.id == m.purse_id)
    wrong = or_(p.kind != PurseKind.CAP.value, p.account_id != m.account_id)
    for row in connection.execute(query.where(wrong).limit(limit)):
        yield f"exchanges of {render_id(ACCOUNT, row.account_id)} were counted in {row.purse_id:016x}, no cap of theirs"


def _purse_problems(connection: Connection, limit: int) -> Iterator[str]:
    """Every account has a purse, and every purse is that of an account, a package or a cap."""
    p = purses.c
    poor = select(accounts.c.id).select_from(accounts.outerjoin(purses, p.id == accounts.c.id))
    for account_id in connection.scalars(poor.where(p.id.is_(None)).limit(limit)):
        yield f"account {render_id(ACCOUNT, account_id)} has no purse"
    joined = (
        purses.outerjoin(accounts, accounts.c.id == p.id)
        .outerjoin(packages, and_(packages.c.id == p.id, packages.c.account_id == p.account_id))
        .outerjoin(caps, and_(caps.c.id == p.cap_id, caps.c.account_id == p.account_id))
    )
    wrong = or_(
        and_(p.kind == PurseKind.ACCOUNT.value, or_(accounts.c.id.is_(None), p.account_id != p.id)),
        and_(p.kind == PurseKind.PACKAGE.value, packages.c.id.is_(None)),
        and_(p.kind == PurseKind.CAP.value, or_(caps.c.id.is_(None), p.limit_nanos.is_(None))),
    )
    for row in connection.execute(select(*p).select_from(joined).where(wrong).limit(limit)):
        cap = f": it is a window of {render_id(CAP, row.cap_id)}" if row.cap_id is not None else ""
        yield f"{purse_name(row)} has a purse, but does not exist{cap}"


def _users(*which: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    m = moved.c
    return select(m.purse_id, m.account_id, m.way).select_from(moved).where(*which)
