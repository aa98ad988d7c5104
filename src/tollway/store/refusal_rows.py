"""Requests that were refused before they became exchanges, in SQL. Knows no rule of which are kept."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import delete, insert, select

from tollway.ledger.requests import RefusedRequest
from tollway.store.line_sums import first_id
from tollway.store.tables import exchanges, refusals
from tollway.store.transactions import Rows

DELETED_AT_ONCE = 1000
"""Rows of one transaction: a few milliseconds, in which SQLite writes no charge."""


class RefusalRows(Rows):
    """The rows of refused requests; every call is one transaction."""

    def add_refusals(self, refused: Sequence[RefusedRequest]) -> None:
        """Write those that have no line: one that was admitted and failed has one."""
        with self._writing() as connection:
            e = exchanges.c
            ids = [each.exchange_id for each in refused]
            lines = set(connection.scalars(select(e.exchange_id).where(e.exchange_id.in_(ids))))
            rows = [_values(each) for each in refused if each.exchange_id not in lines]
            if rows:
                connection.execute(insert(refusals), rows)

    def refusal(self, exchange_id: int) -> RefusedRequest | None:
        """Read one refused request."""
        with self._reading() as connection:
            row = connection.execute(select(refusals).where(refusals.c.id == exchange_id)).mappings().first()
        if row is None:
            return None
        fields = {str(name): value for name, value in row.items()}
        return RefusedRequest(exchange_id=fields.pop("id"), **fields)

    def sweep_refusals(self, before_ms: int) -> int:
        """Delete some that came before a time, the oldest first; return how many, to be called until none."""
        r = refusals.c
        oldest = select(r.id).where(r.id < first_id(before_ms)).order_by(r.id).limit(DELETED_AT_ONCE)
        with self._writing() as connection:
            found = oldest.with_for_update(skip_locked=True)  # every worker sweeps: none waits for another
            return connection.execute(delete(refusals).where(r.id.in_(found))).rowcount


def _values(refused: RefusedRequest) -> dict[str, object]:
    fields = msgspec.structs.asdict(refused)
    return {"id": fields.pop("exchange_id"), **fields}
