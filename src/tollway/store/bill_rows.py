"""Providers' bills in SQL, a row for each day and model of one. Knows no file and no comparison."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from tollway.ledger.bills import Bill, BillContent, BillHead, BillLine
from tollway.store.schema import versions
from tollway.store.tables import bill_lines
from tollway.store.transactions import Rows

_HEAD = (bill_lines.c.bill, bill_lines.c.provider, bill_lines.c.currency, bill_lines.c.imported_ms)


class BillRows(Rows):
    """The rows of bills; every call is one transaction."""

    def add_bill(self, bill: BillContent, line_ids: Iterable[int]) -> BillContent | None:
        """Write a bill, with an id for each of its lines; return the one that has its name, and then nothing is written."""
        head = bill.head
        with self._writing() as connection:
            _lock(connection)
            there = read_bill(connection, head.name)
            if there is not None:
                return there
            fixed = {"provider": head.provider, "currency": head.currency, "imported_ms": head.imported_ms}
            rows = [
                {
                    "id": line_id,
                    "bill": head.name,
                    "model": line.model,
                    "day_ms": line.day_ms,
                    "amount_nanos": line.amount_nanos,
                    "tokens": line.tokens,
                    **fixed,
                }
                for line_id, line in zip(line_ids, bill.lines, strict=True)
            ]
            connection.execute(insert(bill_lines), rows)
            return None

    def bill(self, name: str) -> BillContent | None:
        """Read one bill with its lines."""
        with self._reading() as connection:
            return read_bill(connection, name)

    def bills(self) -> tuple[Bill, ...]:
        """Read all bills, summed up, the last imported first."""
        with self._reading() as connection:
            return _sums(connection)

    def remove_bill(self, name: str) -> Bill | None:
        """Delete a bill and return what it was; None when there is none of this name."""
        with self._writing() as connection:
            _lock(connection)
            there = _sums(connection, name)
            connection.execute(delete(bill_lines).where(bill_lines.c.bill == name))
            return there[0] if there else None


def read_bill(connection: Connection, name: str) -> BillContent | None:
    """Return a bill with its lines, by day and model."""
    c = bill_lines.c
    rows = connection.execute(select(bill_lines).where(c.bill == name)).all()
    if not rows:
        return None
    lines = (
        BillLine(day_ms=row.day_ms, model=row.model, amount_nanos=row.amount_nanos, tokens=row.tokens) for row in rows
    )
    # Sorted here, because databases differ in how they sort texts.
    return BillContent(head=_head(rows[0]), lines=tuple(sorted(lines, key=lambda line: (line.day_ms, line.model))))


def _lock(connection: Connection) -> None:
    """Let nobody else import or remove a bill until the transaction ends: a name that is free must stay so.

    The row is one that nothing but a migration changes. SQLite has one writer anyway.
    """
    connection.execute(select(versions.c.version_num).with_for_update())


def _sums(connection: Connection, name: str | None = None) -> tuple[Bill, ...]:
    c = bill_lines.c
    query = select(
        *_HEAD,
        func.count().label("lines"),
        func.min(c.day_ms).label("first_day_ms"),
        func.max(c.day_ms).label("last_day_ms"),
        func.sum(c.amount_nanos).label("amount_nanos"),
        func.sum(c.tokens).label("tokens"),
    ).group_by(*_HEAD)
    if name is not None:
        query = query.where(c.bill == name)
    rows = connection.execute(query.order_by(c.imported_ms.desc(), c.bill)).all()
    return tuple(
        Bill(
            head=_head(row),
            lines=row.lines,
            first_day_ms=row.first_day_ms,
            last_day_ms=row.last_day_ms,
            amount_nanos=int(row.amount_nanos),
            tokens=None if row.tokens is None else int(row.tokens),
        )
        for row in rows
    )


def _head(row: Any) -> BillHead:  # noqa: ANN401  a row of bill_lines, or of sums of them
    return BillHead(name=row.bill, provider=row.provider, currency=row.currency, imported_ms=row.imported_ms)
