"""The audit in pieces, for runs whose books do not fit in memory: each window's replies with its lines, then the sums."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from tests.crash.ask import Ask
from tests.crash.audit import SUMS, count, judge
from tollway.ledger.lines import ExchangeLine
from tollway.store.rows import read_line
from tollway.store.store import Store
from tollway.store.tables import exchanges, usage_hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What one window showed."""

    answered: int
    charges: int
    mismatches: Sequence[str]
    last_id: int
    """The newest line of the window."""


def compare(url: str, asks: Iterable[Ask], after_id: int) -> Compared:
    """Compare the replies of a window, in which nothing runs any more, with the lines that are newer than `after_id`."""
    store = Store.open(url)
    try:
        with store._reading() as connection:
            found = select(exchanges).where(exchanges.c.exchange_id > after_id)
            lines = [read_line(tuple(row)) for row in connection.execute(found)]
    finally:
        store.close()
    by_ask: defaultdict[str, list[ExchangeLine]] = defaultdict(list)
    for line in lines:
        by_ask[line.attribution.session or ""].append(line)
    figures: Counter[str] = Counter()
    mismatches: list[str] = []
    for ask in asks:
        own = by_ask.pop(ask.name, [])
        mismatches += [f"{ask.name} ({ask.way}, {ask.buyer.wallet}): {wrong}" for wrong in judge(ask, own)]
        figures.update(count(ask, own))
    mismatches += [f"nobody asked for what {len(own)} lines of {name!r} say" for name, own in by_ask.items()]
    return Compared(
        answered=figures["answered"],
        charges=figures["charges of answers"],
        mismatches=mismatches,
        last_id=max((line.exchange_id for line in lines), default=after_id),
    )


def last_look(url: str) -> tuple[int, list[str]]:
    """Return how many lines there are, and what is wrong with the books of a gateway that has stopped."""
    store = Store.open(url)
    try:
        report = store.check()
        with store._reading() as connection:
            hours = connection.execute(select(*(func.sum(usage_hours.c[name]) for name in SUMS))).one()
            names = [name for name in SUMS if name != "requests"]
            columns = (func.coalesce(func.sum(exchanges.c[name]), 0) for name in names)
            lines = connection.execute(select(func.count(), *columns).select_from(exchanges)).one()
    finally:
        store.close()
    found = list(report.problems)
    for name, in_hours, in_lines in zip(("requests", *names), hours, lines, strict=True):
        if int(in_hours or 0) != int(in_lines):
            found.append(f"usage_hours has {in_hours} {name}, the lines have {in_lines}")
    found += [
        f"{report.counts[name]} {name} are left" for name in ("holds", "leases", "workers") if report.counts[name]
    ]
    return report.counts["exchanges"], found
