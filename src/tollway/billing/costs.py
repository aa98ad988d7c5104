"""Our costs beside what providers say they are: sums by day, model and provider, priced by the cards. Knows no SQL.

What a provider should ask of us is usage x card, without what we put on it or take off it: no markup, no discount, no
fee, no rate of exchange. Where nobody knows it (no card, no usage) it is unknown, which is never the same as zero.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Protocol, TypeVar

import msgspec

from tollway import clock
from tollway.billing.bill_files import parse_day, render_day
from tollway.catalog.records import PriceCard
from tollway.errors import CommandRefused
from tollway.ledger.bills import DAY_MS, LineSum
from tollway.neutral.usage import Usage
from tollway.pricing.list_cost import list_nanos

REPORT_DAYS_MAX = 400
"""Of one report: a year and what came late. Every line of these days is looked at."""
REPORT_DAYS = 30
"""What a report is about unless somebody says otherwise."""
SUMS_MAX = 50_000
"""Sums that one report holds in memory, about 1 KB each: 400 days of 125 models."""

REPORTED_CURRENCY = "USD"
"""What providers report costs in."""

_UNITS = Usage.__struct_fields__

Key = TypeVar("Key")


class DaySpan(msgspec.Struct, frozen=True, kw_only=True):
    """Some days of UTC, in milliseconds: from the first one's beginning to the last one's end."""

    from_ms: int
    until_ms: int


class ListCost(msgspec.Struct, frozen=True, kw_only=True):
    """What some requests cost us by their cards."""

    requests: int
    tokens: int
    nanos: int | None
    """Nano-units of `currency`; None where nobody knows."""
    currency: str | None
    """None where nobody knows the cost."""
    theirs_nanos: int
    """What their provider said they cost, in nano-USD, where it did."""


class CostRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the requests of a day to one model cost, as we reckon it and as their provider said."""

    day_ms: int
    provider: str
    model: str
    """As we ask the provider for it."""
    cost: ListCost

    @property
    def difference_nanos(self) -> int | None:
        """How much more the provider says than we do; None where ours is unknown, or in another currency."""
        if self.cost.nanos is None or self.cost.currency != REPORTED_CURRENCY:
            return None
        return self.cost.theirs_nanos - self.cost.nanos


class CostLines(Protocol):
    """What costs want from the store."""

    def reported_sums(self, from_ms: int, until_ms: int, *, provider: str | None) -> Iterator[LineSum]:
        """Yield sums of the lines for which a provider, or any, said what they cost; of one period, in no order."""
        ...

    def cards(self, card_ids: Collection[int]) -> Mapping[int, PriceCard]:
        """Read price cards by their ids."""
        ...


class Costs:
    """The use case of comparing our costs with the reported ones. Errors are CommandRefused with a sentence."""

    def __init__(self, store: CostLines, *, now_ms: Callable[[], int] = clock.now_ms) -> None:
        """Read from `store`."""
        self._store = store
        self._now_ms = now_ms

    def report(self, span: DaySpan, *, provider: str | None = None) -> tuple[CostRow, ...]:
        """Return what requests cost whose provider said so, by day, provider and model."""
        sums = self._store.reported_sums(span.from_ms, span.until_ms, provider=provider)
        costs = list_costs(self._store.cards, sums, lambda line: (line.day_ms, line.provider, line.model_routed))
        return tuple(
            CostRow(day_ms=day_ms, provider=name, model=model, cost=cost)
            for (day_ms, name, model), cost in sorted(costs, key=lambda pair: (pair[0], pair[1].currency or ""))
        )

    def span(self, first: str | None, last: str | None) -> DaySpan:
        """Return the days from `first` to `last`, both included, such as 2026-01-31; the last 30 days when left out."""
        until_ms = (self._now_ms() // DAY_MS * DAY_MS if last is None else _day(last)) + DAY_MS
        from_ms = until_ms - REPORT_DAYS * DAY_MS if first is None else _day(first)
        if from_ms >= until_ms:
            raise CommandRefused(f"there is no day from {render_day(from_ms)} to {render_day(until_ms - DAY_MS)}")
        if until_ms - from_ms > REPORT_DAYS_MAX * DAY_MS:
            raise CommandRefused(f"a report is about {REPORT_DAYS_MAX} days at most: ask for fewer of them")
        return DaySpan(from_ms=from_ms, until_ms=until_ms)


class _Group:
    """Usage of one key and one price, added up."""

    __slots__ = ("requests", "theirs", "units")

    def __init__(self) -> None:
        self.requests = 0
        self.theirs = 0
        self.units = [0] * len(_UNITS)

    def add(self, line: LineSum) -> None:
        self.requests += line.requests
        self.theirs += line.theirs_nanos
        for place, unit in enumerate(_UNITS):
            self.units[place] += getattr(line.usage, unit) or 0


def list_costs(
    cards: Callable[[Collection[int]], Mapping[int, PriceCard]],
    sums: Iterable[LineSum],
    key_of: Callable[[LineSum], Key],
) -> Iterator[tuple[Key, ListCost]]:
    """Yield what the lines of each key cost by their cards: once for each currency, and once for those nobody knows."""
    groups: dict[tuple[Key, int | None, int], _Group] = {}
    for line in sums:
        group = groups.setdefault((key_of(line), line.card_id, line.above_tokens), _Group())
        group.add(line)
        if len(groups) > SUMS_MAX:
            raise CommandRefused(f"this is about more than {SUMS_MAX} models and days: ask for fewer days")
    known = cards({card_id for _, card_id, _ in groups if card_id is not None})
    costs: dict[tuple[Key, str | None], ListCost] = {}
    for (key, card_id, above), group in groups.items():
        cost = _cost_of(group, None if card_id is None else known.get(card_id), above)
        same = costs.get((key, cost.currency))
        costs[key, cost.currency] = cost if same is None else _together(same, cost)
    for (key, _), cost in costs.items():
        yield key, cost


def _cost_of(group: _Group, card: PriceCard | None, above_tokens: int) -> ListCost:
    usage = Usage(**dict(zip(_UNITS, group.units, strict=True)))
    return ListCost(
        requests=group.requests,
        tokens=usage.tokens,
        nanos=None if card is None else list_nanos(usage, card, above_tokens=above_tokens),
        currency=None if card is None else card.currency,
        theirs_nanos=group.theirs,
    )


def _together(one: ListCost, other: ListCost) -> ListCost:
    return ListCost(
        requests=one.requests + other.requests,
        tokens=one.tokens + other.tokens,
        nanos=None if one.nanos is None or other.nanos is None else one.nanos + other.nanos,
        currency=one.currency,
        theirs_nanos=one.theirs_nanos + other.theirs_nanos,
    )


def _day(text: str) -> int:
    try:
        return parse_day(text)
    except ValueError as error:
        raise CommandRefused(str(error)) from None
