"""The books of one worker: money held and settled in memory, exactly once, with no I/O on the hot path.

Knows slices and lines; what commits them is behind the Protocol `Commits`. Used on the event loop only.
"""

import asyncio
from functools import partial
from typing import Protocol

import msgspec

from tollway.errors import Refusal, Shortage, TollwayError
from tollway.ledger.lines import ExchangeLine, Hold, Outcome
from tollway.ledger.slices import Grant, Slice
from tollway.ledger.unknown import unknown_line

BORROW_WAIT_S = 5.0
"""How long a request waits for a loan: longer than any commit of a healthy disk, shorter than a client's patience."""


def not_ready() -> Refusal:
    """Return the refusal of a worker that cannot write its books."""
    return Refusal("not_ready", "The ledger cannot be written at the moment. Try again soon.", retry_after_s=1)


class HoldNotOpen(TollwayError):
    """A hold is closed that is not open: it was closed before, or has expired. A defect of the caller."""


class Commits(Protocol):
    """What makes lines durable, in the order in which they are given."""

    @property
    def accepting(self) -> bool:
        """False while nothing can be written, or too many lines wait to be."""
        ...

    def open(self, hold: Hold) -> None:
        """Take a hold line, to be written soon unless it is closed before."""
        ...

    def announce(self, exchange_id: int) -> asyncio.Future[None] | None:
        """Put the hold line into the next commit; return what is done when it is durable, None when it is already."""
        ...

    def close(self, line: ExchangeLine) -> asyncio.Future[None]:
        """Take a closing line; the future is done when it is durable."""
        ...

    def borrow(self, account_id: int, needed_nanos: int) -> asyncio.Future[Grant]:
        """Ask the purse for a loan."""
        ...

    def give_back(self, account_id: int, amount_nanos: int) -> None:
        """Return borrowed money to the purse."""
        ...


class Books:
    """Holds and settles for the exchanges of this worker. Not shared between threads."""

    def __init__(self, commits: Commits) -> None:
        """Keep the books in memory and hand every line to `commits`."""
        self._commits = commits
        self._slices: dict[int, Slice] = {}
        self._open: dict[int, Hold] = {}
        self._borrowing: dict[int, asyncio.Future[Grant]] = {}
        self.estimate_defects = 0
        """How many exchanges cost more than was held for them."""
        self.expired = 0
        """How many holds outlived their time: each is a defect of whoever should have closed it."""

    @property
    def open_count(self) -> int:
        """How many exchanges run."""
        return len(self._open)

    def slice_of(self, account_id: int) -> Slice | None:
        """Return what this worker has borrowed of an account's purse, if anything."""
        return self._slices.get(account_id)

    def try_hold(self, hold: Hold) -> bool:
        """Set money aside from what this worker has borrowed, with no I/O; False when that is too little.

        Raises Refusal `not_ready` while the store cannot write.
        """
        commits = self._commits
        if not commits.accepting:
            raise not_ready()
        purse = self._slices.get(hold.account_id)
        if purse is None:
            purse = self._slices[hold.account_id] = Slice()
        if not purse.take(hold.amount_nanos):
            return False
        assert hold.amount_nanos >= 0, "a hold is never negative"
        assert hold.exchange_id not in self._open, "an exchange is held for once"
        self._open[hold.exchange_id] = hold
        commits.open(hold)
        return True

    async def hold(self, hold: Hold) -> None:
        """Set money aside, borrowing first where needed.

        Raises Shortage when the account cannot cover it, Refusal `not_ready` when the store cannot write.
        """
        while not self.try_hold(hold):
            purse = self._slices[hold.account_id]
            borrowing = self._borrowing.get(hold.account_id)
            if borrowing is None:
                borrowing = self._borrow(hold.account_id, hold.amount_nanos - purse.free_nanos)
            # Not awaited itself: a client that leaves must not cancel the loan that others wait for.
            done, _ = await asyncio.wait((borrowing,), timeout=BORROW_WAIT_S)
            if not done:
                raise not_ready()
            grant = borrowing.result()
            if not grant.granted_nanos and hold.amount_nanos - purse.free_nanos > grant.available_nanos:
                raise Shortage(available_nanos=grant.available_nanos + purse.free_nanos)

    def announce(self, exchange_id: int) -> asyncio.Future[None] | None:
        """Put the hold line into the next commit; return what is done when it is durable, None when it is already."""
        return self._commits.announce(exchange_id)

    def close(self, line: ExchangeLine) -> tuple[ExchangeLine, asyncio.Future[None]]:
        """Settle an exchange, once per hold; return the line as it is written, and a future that is done when durable.

        Amounts are nano-units. What exceeds the hold is taken from what this worker has borrowed and not held; the
        rest is written off, and stands on the line. Raises HoldNotOpen when the hold is closed or expired already.
        """
        hold = self._open.pop(line.exchange_id, None)
        if hold is None:
            raise HoldNotOpen(f"exchange {line.exchange_id} has no open hold")
        assert line.account_id == hold.account_id, "a line closes its own hold"
        assert line.hold_nanos == hold.amount_nanos, "a line says what was held"
        cost = line.base_nanos + line.fee_nanos
        purse = self._slices[hold.account_id]
        paid = purse.settle(held_nanos=hold.amount_nanos, cost_nanos=cost)
        if cost > hold.amount_nanos:
            self.estimate_defects += 1
            line = msgspec.structs.replace(line, written_off_nanos=cost - paid)
        durable = self._commits.close(line)
        if purse.scarce and purse.free_nanos:
            self._commits.give_back(hold.account_id, purse.surrender())
        return line, durable

    def expire(self, now_ms: int) -> tuple[ExchangeLine, ...]:
        """Close every hold whose time has passed, uncharged; return their lines. The backstop for a missing close."""
        overdue = [hold for hold in self._open.values() if hold.expires_ms <= now_ms]
        self.expired += len(overdue)
        return tuple(self.close(unknown_line(hold, outcome=Outcome.EXPIRED, ended_ms=now_ms))[0] for hold in overdue)

    def give_back_idle(self) -> None:
        """Return borrowed money that no exchange has asked for since the last call, so that other workers find it.

        To be called about once a second.
        """
        for account_id, purse in list(self._slices.items()):
            if purse.touched:
                purse.touched = False
            elif purse.free_nanos:
                self._commits.give_back(account_id, purse.surrender())
            elif not purse.holds and account_id not in self._borrowing:
                del self._slices[account_id]

    def _borrow(self, account_id: int, needed_nanos: int) -> asyncio.Future[Grant]:
        borrowing = self._commits.borrow(account_id, needed_nanos)
        self._borrowing[account_id] = borrowing
        # In a callback, not after an await: the money has arrived even when nobody waits for it any more.
        borrowing.add_done_callback(partial(self._borrowed, account_id))
        return borrowing

    def _borrowed(self, account_id: int, borrowing: asyncio.Future[Grant]) -> None:
        del self._borrowing[account_id]
        if not borrowing.cancelled() and borrowing.exception() is None:
            self._slices[account_id].borrow(borrowing.result())
