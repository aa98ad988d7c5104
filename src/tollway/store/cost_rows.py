"""What was recorded of providers' costs, summed in SQL by day, model and price card. Knows no price and no bill.

A period is read in pieces, each in a transaction of its own: lines never change, and neither a sort of millions of them
nor a snapshot that keeps old pages alive is needed to add them up.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, literal, select

from tollway.catalog.records import PriceCard
from tollway.ids import EPOCH_MS, SHIFT
from tollway.ledger.bills import DAY_MS, LineSum
from tollway.money import AMOUNT_NANOS_MAX, NANOS_PER_UNIT
from tollway.neutral.usage import Basis, Usage
from tollway.store.card_rows import find_cards, read_tier_sizes
from tollway.store.price_bands import COUNT_COLUMNS, INPUT_UNITS, tokens_of
from tollway.store.tables import exchanges
from tollway.store.transactions import Rows

PIECE_LINES = 100_000
"""What one query looks through: 0.2 s of a slow machine, far from the time at which a database gives up a statement."""
LONGEST_MS = DAY_MS
"""How much earlier than it ended an exchange may have begun, and how far a clock that was set back leaves its id behind:
an id tells the one, the line the other. Nothing that has a cost runs for a day."""
NO_TIER = -1
"""Below every number of tokens."""


class CostRows(Rows):
    """What lines say of costs; every piece of a period is one transaction."""

    def reported_sums(self, from_ms: int, until_ms: int, *, provider: str | None) -> Iterator[LineSum]:
        """Yield sums of the lines for which a provider, or any, said what they cost; of one period, in no order."""
        wanted: list[ColumnElement[bool]] = [exchanges.c.provider_cost_nanos.is_not(None)]
        if provider is not None:
            wanted.append(exchanges.c.provider == provider)
        return self._sums(from_ms, until_ms, wanted)

    def provider_sums(self, from_ms: int, until_ms: int, *, provider: str) -> Iterator[LineSum]:
        """Yield sums of all lines of a provider, of one period, in no order; the same key may come again."""
        return self._sums(from_ms, until_ms, [exchanges.c.provider == provider])

    def cards(self, card_ids: Collection[int]) -> Mapping[int, PriceCard]:
        """Read price cards by their ids."""
        with self._reading() as connection:
            return find_cards(connection, card_ids)

    def _sums(self, from_ms: int, until_ms: int, wanted: list[ColumnElement[bool]]) -> Iterator[LineSum]:
        """Yield sums of lines that ended from `from_ms` on and before `until_ms`."""
        start: int | None = _first_id(from_ms - LONGEST_MS)
        end = _first_id(until_ms + LONGEST_MS)
        ended = exchanges.c.ended_ms
        wanted = [*wanted, ended >= from_ms, ended < until_ms]
        while start is not None:
            with self._reading() as connection:
                following = _next_start(connection, start, end)
                sums = _read_piece(connection, (start, end if following is None else following), wanted)
            yield from sums
            start = following


def _first_id(at_ms: int) -> int:
    """Return the least id that is made at a time."""
    return min(max(at_ms - EPOCH_MS, 0) << SHIFT, AMOUNT_NANOS_MAX)


def _next_start(connection: Connection, start: int, end: int) -> int | None:
    """Return the id with which the piece after this one begins; None when this is the last."""
    e = exchanges.c.exchange_id
    return connection.scalar(select(e).where(e >= start, e < end).order_by(e).offset(PIECE_LINES).limit(1))


def _read_piece(connection: Connection, ids: tuple[int, int], wanted: list[ColumnElement[bool]]) -> list[LineSum]:
    e = exchanges.c
    inner = (
        select(
            (e.ended_ms // DAY_MS).label("day"),
            e.provider,
            e.model_routed,
            e.model_answered,
            case((e.basis != Basis.UNKNOWN.value, e.card_id)).label("card"),
            _above(connection).label("above"),
            *(_counted(unit).label(f"used_{unit}") for unit in COUNT_COLUMNS),
            func.coalesce(e.provider_cost_nanos, 0).label("theirs"),
        )
        .where(e.exchange_id >= ids[0], e.exchange_id < ids[1], *wanted)
        .subquery()
    )
    i = inner.c
    by = (i.day, i.provider, i.model_routed, i.model_answered, i.card, i.above)
    query = select(
        *by,
        func.count().label("requests"),
        *(func.sum(i[f"used_{unit}"]).label(f"used_{unit}") for unit in COUNT_COLUMNS),
        # In two parts, for no part of a sum may exceed 64 bits, whatever nonsense a provider says of its costs.
        func.sum(i.theirs // NANOS_PER_UNIT).label("theirs_units"),
        func.sum(i.theirs % NANOS_PER_UNIT).label("theirs_rest"),
    ).group_by(*by)
    return [_read(row) for row in connection.execute(query).mappings()]


def _above(connection: Connection) -> ColumnElement[Any]:
    """Return the greatest number of tokens at which any card has a tier and that the input of a line exceeds."""
    sizes = sorted(read_tier_sizes(connection), reverse=True)
    if not sizes:
        return literal(NO_TIER)
    tokens = tokens_of(INPUT_UNITS)
    return case(*((tokens > size, size) for size in sizes), else_=NO_TIER)


def _counted(unit: str) -> ColumnElement[Any]:
    # Every answer is one call, unless it says how many.
    return func.coalesce(COUNT_COLUMNS[unit], 1 if unit == "calls" else 0)


def _read(row: Mapping[Any, Any]) -> LineSum:
    return LineSum(
        day_ms=row["day"] * DAY_MS,
        provider=row["provider"],
        model_routed=row["model_routed"],
        model_answered=row["model_answered"],
        card_id=row["card"],
        above_tokens=row["above"],
        requests=row["requests"],
        usage=Usage(**{unit: int(row[f"used_{unit}"]) for unit in COUNT_COLUMNS}),
        theirs_nanos=int(row["theirs_units"]) * NANOS_PER_UNIT + int(row["theirs_rest"]),
    )
