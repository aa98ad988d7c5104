"""The proof of the sums: what lines add up to by hour and by purse, beside what stands in usage_hours and in purses.

All of it is done by the database, piece by piece and in tables of the connection's own: memory does
not grow with the books. Runs in the caller's transaction.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Select,
    Table,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy import Column as Col

from tollway.ids import ACCOUNT, KEY, render_id
from tollway.ledger.purses import PurseKind
from tollway.store.check_charges import SUMMED
from tollway.store.line_sums import LINE_KEYS, LINE_SUMS, LINE_TOTAL, whole
from tollway.store.tables import ROLLUP_KEY, exchanges, purses, usage_hours
from tollway.store.upserts import inserting

PIECE_LINES = 20_000
"""Lines that are summed at once: what the database sorts then fits its cache."""

Rows = Select[*tuple[Any, ...]]

PURSES_AT_ONCE = 500
"""Of one statement: databases take some thousands of values in it."""

SUMS = tuple(column.name for column in usage_hours.columns if column.name not in ROLLUP_KEY)

_metadata = MetaData()
line_hours = Table(
    "check_hours",
    _metadata,
    *(Col(column.name, column.type, primary_key=column.primary_key) for column in usage_hours.columns),
    Col("improper", BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
"""What usage_hours should be. `improper` is above zero where a value that was summed is no whole number."""

BALANCE = 0
MONEY_PACKAGE = 1
TOKEN_PACKAGE = 2
CAP = 3
TRANSFERS = 4

moved = Table(
    "check_moved",
    _metadata,
    Col("purse_id", BigInteger, primary_key=True, autoincrement=False),
    Col("account_id", BigInteger, primary_key=True, autoincrement=False),
    Col("way", Integer, primary_key=True, autoincrement=False),
    Col("amount", BigInteger, nullable=False),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
"""What left each purse (below zero: came in), by the account on the lines, and the way it was paid."""


def make_sums(connection: Connection) -> None:
    """Add all lines up, by hour and by purse, inside `scratch`."""
    _metadata.create_all(connection, checkfirst=False)
    start = connection.scalar(select(func.min(exchanges.c.exchange_id)))
    while start is not None:
        end = connection.scalar(
            select(exchanges.c.exchange_id)
            .where(exchanges.c.exchange_id >= start)
            .order_by(exchanges.c.exchange_id)
            .limit(1)
            .offset(PIECE_LINES)
        )
        piece = [exchanges.c.exchange_id >= start]
        if end is not None:
            piece.append(exchanges.c.exchange_id < end)
        _add(connection, line_hours, _hours(connection.dialect.name).where(*piece))
        _add(connection, moved, _by_package().where(*piece))
        _add(connection, moved, _by_cap(connection.dialect.name, piece))
        start = end
    _add(connection, moved, _by_balance())


def improper_lines(connection: Connection, *, limit: int) -> Iterator[str]:
    """Yield the columns of lines that were summed and hold no whole number."""
    if not connection.scalar(select(func.count()).select_from(line_hours).where(line_hours.c.improper > 0)):
        return
    e = exchanges.c
    wrong = {name: func.typeof(e[name]).not_in(("integer", "null")) for name in sorted(SUMMED)}
    found = select(e.exchange_id, *wrong.values()).where(or_(*wrong.values())).limit(limit)
    for row in connection.execute(found):
        for name, is_wrong in zip(wrong, row[1:], strict=True):
            if is_wrong:
                yield f"row {row.exchange_id} of exchanges has no proper {name}"


def add_transfers(connection: Connection, received: Mapping[int, int]) -> None:
    """Add what transfers brought to each purse."""
    rows = [
        {"purse_id": purse_id, "account_id": 0, "way": TRANSFERS, "amount": -amount}
        for purse_id, amount in received.items()
    ]
    # Many in one statement: PostgreSQL's driver would send each by itself, and a store may have a million accounts.
    for first in range(0, len(rows), PURSES_AT_ONCE):
        connection.execute(insert(moved).values(rows[first : first + PURSES_AT_ONCE]))


def usage_problems(connection: Connection, *, limit: int) -> Iterator[str]:
    """Yield each hour of a key in which usage_hours is not what its lines add up to."""
    u, s = usage_hours.c, line_hours.c
    same_key = and_(*(s[name] == u[name] for name in ROLLUP_KEY))
    differs = or_(u.hour_ms.is_(None), *(s[name] != u[name] for name in SUMS))
    query = select(*s, *(u[name].label(f"kept_{name}") for name in SUMS), u.hour_ms.label("kept"))
    found = connection.execute(
        query.select_from(line_hours.outerjoin(usage_hours, same_key)).where(differs).limit(limit)
    )
    missing = False
    for row in found.mappings():
        if row["kept"] is None:
            missing = True
            yield f"{_hour_name(row)} has {row['requests']} lines, but no sum in usage_hours"
            continue
        for name in SUMS:
            if row[name] != row[f"kept_{name}"]:
                yield f"{_hour_name(row)} has a sum of {row[f'kept_{name}']} {name}, its lines make {row[name]}"
    # Where none is missing and there are as many of one as of the other, there is none too many: no need to look.
    kept, made = (connection.scalar(select(func.count()).select_from(table)) for table in (usage_hours, line_hours))
    if missing or kept != made:
        extra = select(*u).select_from(usage_hours.outerjoin(line_hours, same_key)).where(s.hour_ms.is_(None))
        for row in connection.execute(extra.limit(limit)).mappings():
            yield f"{_hour_name(row)} has a sum in usage_hours, but no lines"


def purse_problems(connection: Connection, *, limit: int) -> Iterator[str]:
    """Yield each purse whose balance is not the fold of its movements."""
    p = purses.c
    fold = select(moved.c.purse_id, cast(func.sum(moved.c.amount), BigInteger).label("amount"))
    folds = fold.group_by(moved.c.purse_id).subquery()
    due = case((p.kind == PurseKind.CAP.value, func.coalesce(p.limit_nanos, 0)), else_=0) - func.coalesce(
        folds.c.amount, 0
    )
    both = purses.outerjoin(folds, folds.c.purse_id == p.id)
    query = select(*p, due.label("due")).select_from(both).where(p.balance_nanos != due).limit(limit)
    for row in connection.execute(query):
        yield f"{purse_name(row)} has a balance of {row.balance_nanos}, its transfers and exchanges make {row.due}"
    lost = select(folds.c.purse_id).select_from(folds.outerjoin(purses, p.id == folds.c.purse_id))
    for purse_id in connection.scalars(lost.where(p.id.is_(None), folds.c.amount != 0).limit(limit)):
        yield f"purse {purse_id:016x} was charged, but does not exist"


def purse_name(row: Any) -> str:  # noqa: ANN401  a row of purses
    """Return what a purse is called in a sentence."""
    if row.kind == PurseKind.ACCOUNT:
        return f"account {render_id(ACCOUNT, row.id)}"
    return f"{row.kind} {row.id:016x} of account {render_id(ACCOUNT, row.account_id)}"


def _hour_name(row: Mapping[Any, Any]) -> str:
    model = f"{row['provider']}/{row['model_routed']}"
    return f"usage of {render_id(KEY, row['key_id'])} for {model} in the hour {row['hour_ms']}"


def _hours(dialect: str) -> Rows:
    e = exchanges.c
    improper: ColumnElement[int] = literal(0)
    if dialect == "sqlite":  # a sum of anything else than whole numbers is a fraction there, even if it is a whole one
        raw: ColumnElement[Any] = literal(0, BigInteger)
        for name in sorted(SUMMED):
            raw += func.coalesce(func.sum(e[name]), 0)
        improper = case((func.typeof(raw) == "integer", 0), else_=1)
    keys = [LINE_KEYS[name] for name in ROLLUP_KEY]
    return select(*keys, *(LINE_SUMS[name] for name in SUMS), improper).group_by(*keys)


def _by_balance() -> Rows:
    s = line_hours.c
    paid = whole(s.base_nanos + s.fee_nanos - s.written_off_nanos - s.package_paid_nanos)
    return select(s.account_id, s.account_id, literal(BALANCE), paid).group_by(s.account_id)


def _by_package() -> Rows:
    e = exchanges.c
    money, tokens = (literal_column(str(way), Integer) for way in (MONEY_PACKAGE, TOKEN_PACKAGE))
    way = case((e.ratio_ppm.is_(None), money), else_=tokens)
    paid = whole(LINE_TOTAL + e.package_micros)
    return (
        select(e.package_id, e.account_id, way, paid)
        .where(e.package_id.is_not(None))
        .group_by(e.package_id, e.account_id, way)
    )


def _by_cap(dialect: str, piece: list[ColumnElement[bool]]) -> Rows:
    """Caps that a line was counted in stand in it as a JSON list; most lines of a piece share theirs with others."""
    e = exchanges.c
    paid = whole(LINE_TOTAL + e.package_micros).label("paid")
    lines = select(e.caps, e.account_id, paid).where(e.caps.is_not(None), *piece).group_by(e.caps, e.account_id)
    groups = lines.subquery()
    if dialect == "postgresql":
        each = func.json_array_elements_text(cast(groups.c.caps, JSON)).table_valued("value")
    else:
        each = func.json_each(groups.c.caps).table_valued("value")
    purse_id = cast(each.c.value, BigInteger)
    grouped = select(purse_id, groups.c.account_id, literal(CAP), whole(groups.c.paid))
    return grouped.select_from(groups.join(each, literal(1) == 1)).group_by(purse_id, groups.c.account_id)


def _add(connection: Connection, table: Table, rows: Rows) -> None:
    """Add rows to those that are there with the same key."""
    names = table.columns.keys()
    adding = inserting(table, connection.dialect).from_select(names, rows)
    connection.execute(
        adding.on_conflict_do_update(
            index_elements=[column.name for column in table.primary_key],
            set_={
                column.name: table.c[column.name] + adding.excluded[column.name]
                for column in table.columns
                if not column.primary_key
            },
        )
    )
