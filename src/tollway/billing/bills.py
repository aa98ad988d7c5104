"""Providers' bills: imported, listed, removed, and compared with what was recorded. Knows no SQL, no file and no surface.

A bill moves no money: it is another's word for what our own lines say.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Protocol

import msgspec

from tollway import clock
from tollway.billing.accounts import Ids, checked_currency, checked_name
from tollway.billing.costs import ListCost, list_costs
from tollway.catalog.records import PriceCard
from tollway.errors import CommandRefused
from tollway.ledger.bills import DAY_MS, Bill, BillContent, BillHead, BillLine, LineSum

NAME_CHARS_MAX = 100
"""A bill's name stands in addresses."""
_NAME_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class ComparedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One model on one day: what the provider asks for it, and what it costs by our lines and cards."""

    day_ms: int
    model: str
    currency: str
    billed: BillLine | None
    """None where the bill says nothing of it."""
    ours: ListCost | None
    """None where we recorded nothing of it whose cost is known."""
    unpriced: int
    """Requests of it whose cost nobody knows: they failed, reported no usage, or had no price."""

    @property
    def difference_nanos(self) -> int:
        """How much more is billed than we recorded; what stands on one side only counts whole."""
        ours = 0 if self.ours is None or self.ours.nanos is None else self.ours.nanos
        return (0 if self.billed is None else self.billed.amount_nanos) - ours


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A bill beside what was recorded of its provider, from its first day to its last."""

    bill: Bill
    rows: tuple[ComparedRow, ...]


class BillStore(Protocol):
    """What bills want from the store; every call is one transaction, but for the sums."""

    def add_bill(self, bill: BillContent, line_ids: Iterable[int]) -> BillContent | None:
        """Write a bill, with an id for each of its lines; return the one that has its name, and then nothing is written."""
        ...

    def bill(self, name: str) -> BillContent | None:
        """Read one bill with its lines."""
        ...

    def bills(self) -> tuple[Bill, ...]:
        """Read all bills, summed up, the last imported first."""
        ...

    def remove_bill(self, name: str) -> Bill | None:
        """Delete a bill and return what it was; None when there is none of this name."""
        ...

    def provider_sums(self, from_ms: int, until_ms: int, *, provider: str) -> Iterator[LineSum]:
        """Yield sums of all lines of a provider, of one period, in no order."""
        ...

    def cards(self, card_ids: Collection[int]) -> Mapping[int, PriceCard]:
        """Read price cards by their ids."""
        ...


class Bills:
    """The use cases of providers' bills. Errors are CommandRefused with a sentence."""

    def __init__(self, store: BillStore, ids: Ids, *, now_ms: Callable[[], int] = clock.now_ms) -> None:
        """Keep bills in `store`, their lines under ids from `ids`."""
        self._store = store
        self._ids = ids
        self._now_ms = now_ms

    def add(self, name: str, lines: tuple[BillLine, ...], *, provider: str, currency: str) -> tuple[Bill, bool]:
        """Keep the lines of `read_bill` under a name, and tell whether they were new.

        The same bill again changes nothing; another one under the same name is refused.
        """
        head = BillHead(
            name=checked_bill_name(name),
            provider=checked_name(provider),
            currency=checked_currency(currency),
            imported_ms=self._now_ms(),
        )
        bill = BillContent(head=head, lines=lines)
        there = self._store.add_bill(bill, (self._ids.next() for _ in lines))
        if there is None:
            return summed_up(bill), True
        if msgspec.structs.replace(there.head, imported_ms=head.imported_ms) != head or there.lines != lines:
            raise CommandRefused(f"there is another bill {name}: remove that first, or import this by another name")
        return summed_up(there), False

    def list(self) -> tuple[Bill, ...]:
        """Return all bills, the last imported first."""
        return self._store.bills()

    def show(self, name: str) -> Bill:
        """Return one bill, summed up."""
        return summed_up(self._content(name))

    def remove(self, name: str) -> Bill:
        """Forget a bill, and return what it was; what was recorded stays."""
        removed = self._store.remove_bill(name)
        if removed is None:
            raise _no_bill(name)
        return removed

    def compare(self, name: str) -> Comparison:
        """Return a bill beside what was recorded of its provider on its days, by day and model."""
        content = self._content(name)
        bill = summed_up(content)
        sums = self._store.provider_sums(bill.first_day_ms, bill.last_day_ms + DAY_MS, provider=content.head.provider)
        billed = {(line.day_ms, line.model): line for line in content.lines}
        theirs = frozenset(line.model for line in content.lines)
        costs = list_costs(self._store.cards, sums, lambda line: (line.day_ms, _model_of(line, theirs)))
        return Comparison(bill=bill, rows=_compared(billed, costs, content.head.currency))

    def _content(self, name: str) -> BillContent:
        content = self._store.bill(name)
        if content is None:
            raise _no_bill(name)
        return content


def summed_up(bill: BillContent) -> Bill:
    """Return what a bill's lines come to."""
    tokens = [line.tokens for line in bill.lines if line.tokens is not None]
    return Bill(
        head=bill.head,
        lines=len(bill.lines),
        first_day_ms=bill.lines[0].day_ms,
        last_day_ms=bill.lines[-1].day_ms,
        amount_nanos=sum(line.amount_nanos for line in bill.lines),
        tokens=sum(tokens) if tokens else None,
    )


def checked_bill_name(name: str) -> str:
    """Return a name that a bill may have; raises CommandRefused for any other."""
    if not 0 < len(name) <= NAME_CHARS_MAX or not _NAME_CHARS.issuperset(name) or name.strip(".") == "":
        raise CommandRefused(f"a bill's name has 1 to {NAME_CHARS_MAX} letters, digits, dots, dashes and underscores")
    return name


def _model_of(line: LineSum, theirs: frozenset[str]) -> str:
    """Return what the bill calls a line's model: the name it answered by, where the bill knows that one."""
    answered = line.model_answered
    return answered if answered is not None and answered in theirs else line.model_routed


def _compared(
    billed: Mapping[tuple[int, str], BillLine],
    costs: Iterable[tuple[tuple[int, str], ListCost]],
    currency: str,
) -> tuple[ComparedRow, ...]:
    ours: dict[tuple[int, str, str], ListCost] = {}
    unpriced: dict[tuple[int, str], int] = {}
    for key, cost in costs:
        if cost.currency is None:
            unpriced[key] = cost.requests
        else:
            ours[(*key, cost.currency)] = cost
    rows = (
        ComparedRow(
            day_ms=day_ms,
            model=model,
            currency=money,
            billed=billed.get((day_ms, model)) if money == currency else None,
            ours=ours.get((day_ms, model, money)),
            unpriced=unpriced.get((day_ms, model), 0) if money == currency else 0,
        )
        for day_ms, model, money in sorted({*ours, *((*key, currency) for key in (*billed, *unpriced))})
    )
    return tuple(rows)


def _no_bill(name: str) -> CommandRefused:
    return CommandRefused(f"there is no bill {name!r}: `tollway bill list` shows those there are")
