"""Past charges for whoever computes them anew: the wrong ones, and all of a period, page by page. Knows no new price."""

from collections.abc import Iterator
from itertools import islice

from sqlalchemy import func, select

from tollway.ledger.lines import ExchangeLine
from tollway.ledger.repricing import ChargeProof, RepriceQuery, WrongCharge
from tollway.store.card_rows import read_cards
from tollway.store.check_charges import wrong_charges
from tollway.store.line_sums import LINE_KEYS, LONGEST_MS, first_id
from tollway.store.price_bands import make_bands
from tollway.store.rows import read_line
from tollway.store.scratch import scratch
from tollway.store.tables import exchanges
from tollway.store.transactions import Rows

LINES_AT_ONCE = 2_000
"""Of one page, and so of one transaction: a few megabytes, and no snapshot that keeps old pages alive."""


class RepriceRows(Rows):
    """The rows of past charges."""

    def prove_charges(self, *, limit: int) -> ChargeProof:
        """Compute every charge anew, on one snapshot; return at most `limit` that are wrong."""
        with self._proving() as (connection, _), scratch(connection):
            cards = read_cards(connection)
            make_bands(connection, cards.values())
            found: tuple[WrongCharge, ...] = tuple(islice(wrong_charges(connection, cards), limit))
            checked = connection.scalar(select(func.count()).select_from(exchanges)) or 0
        return ChargeProof(checked=checked, wrong=found)

    def charged_lines(self, query: RepriceQuery) -> Iterator[list[ExchangeLine]]:
        """Yield the lines of a period that were charged money, some at a time; each page is a transaction of its own."""
        e, span = exchanges.c, query.span
        conditions = [e.base_nanos > 0]
        conditions += [
            LINE_KEYS[name] == value
            for name in query.who.__struct_fields__
            if (value := getattr(query.who, name)) is not None
        ]
        if span.start_ms is not None:
            conditions.append(e.ended_ms >= span.start_ms)
        if span.end_ms is not None:
            conditions.append(e.ended_ms < span.end_ms)
            conditions.append(e.exchange_id < first_id(span.end_ms + LONGEST_MS))
        lines = select(exchanges).where(*conditions).order_by(e.exchange_id).limit(LINES_AT_ONCE)
        last = 0 if span.start_ms is None else first_id(span.start_ms - LONGEST_MS) - 1
        while True:
            with self._reading() as connection:
                page = [read_line(tuple(row)) for row in connection.execute(lines.where(e.exchange_id > last))]
            if page:
                yield page
            if len(page) < LINES_AT_ONCE:
                return
            last = page[-1].exchange_id
