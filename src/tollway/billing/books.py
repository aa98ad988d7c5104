"""The books of one worker: money held and settled in memory, exactly once, with no I/O on the hot path.

Knows slices and lines; what commits them is behind the Protocol `Commits`. Used on the event loop only.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import msgspec

from tollway.errors import Refusal, Shortage, TollwayError
from tollway.ledger.lines import ExchangeLine, Hold, Outcome
from tollway.ledger.purses import CapWindow
from tollway.ledger.slices import Grant, Slice
from tollway.ledger.unknown import unknown_line

BORROW_WAIT_S = 5.0
"""How long a request waits for a loan: longer than any commit of a healthy disk, shorter than a client's patience."""


ASK_AGAIN_S = (0.02, 0.05, 0.1, 0.15)
"""Pauses before a purse is asked again whose money other workers have borrowed: they look every 50 ms whether any is
wanted, and one that is busy may need two turns."""

IDLE_AT_ONCE = 1_000
"""Purses that are looked at in one turn of the event loop: half a millisecond."""

PurseRef = int | CapWindow
"""A purse that exists, by its id; or the window of a cap, whose purse may have to be made."""


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
        """See to it that a crash leaves a line; return what is done when it does, None when it does now."""
        ...

    def close(self, line: ExchangeLine) -> asyncio.Future[None]:
        """Take a closing line; the future is done when it is durable."""
        ...

    def extended(self, hold: Hold) -> None:
        """Take a hold that was extended, for its line to say so soon."""
        ...

    def borrow(self, purse: PurseRef, needed_nanos: int) -> asyncio.Future[Grant]:
        """Ask a purse for a loan; the purse of a cap is made when it is not there yet."""
        ...

    def give_back(self, purse_id: int, amount_nanos: int) -> None:
        """Return borrowed money to the purse."""
        ...

    def tell_reached(self, purse_id: int) -> None:
        """Tell, once for its window, of a cap that a request was refused for."""
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

    def slice_of(self, purse_id: int) -> Slice | None:
        """Return what this worker has borrowed of a purse, if anything."""
        return self._slices.get(purse_id)

    def try_hold(self, hold: Hold) -> bool:
        """Set money aside from what this worker has borrowed, with no I/O; False when that is too little.

        All or nothing over the payer's purse and every cap. Raises Refusal `not_ready` while the store cannot write.
        """
        commits = self._commits
        if not commits.accepting:
            raise not_ready()
        purse = self._slices.get(hold.payer_id)
        if purse is None:
            purse = self._slices[hold.payer_id] = Slice()
        if hold.caps:
            if not self._take_all(hold):
                return False
        elif not purse.take(hold.amount_nanos):
            return False
        assert hold.amount_nanos >= 0, "a hold is never negative"
        assert hold.exchange_id not in self._open, "an exchange is held for once"
        self._open[hold.exchange_id] = hold
        commits.open(hold)
        return True

    async def hold(self, hold: Hold) -> None:
        """Set money aside, borrowing first where needed.

        Raises Shortage, naming the purse, when one cannot cover it; Refusal `not_ready` when the store cannot write.
        """
        refs = _refs_of(hold)
        patience = _Patience()
        while not self.try_hold(hold):
            await self._gather(refs, hold.amount_nanos, patience)

    async def extend(self, exchange_id: int, extra_nanos: int) -> None:
        """Set `extra_nanos` more aside for an exchange that runs, in every purse that it holds from.

        Raises Shortage, naming the purse, when one cannot cover it (the hold then stays as it was), HoldNotOpen when
        the exchange has ended meanwhile, Refusal `not_ready` when the store cannot write.
        """
        patience = _Patience()
        while True:
            hold = self._open.get(exchange_id)
            if hold is None:
                raise HoldNotOpen(f"exchange {exchange_id} has no open hold to extend")
            purses = [self._slice(purse_id) for purse_id in _purses_of(hold)]
            if all(purse.free_nanos >= extra_nanos for purse in purses):
                break
            await self._gather(_refs_of(hold), extra_nanos, patience)
        for purse in purses:
            purse.take_more(extra_nanos)
        hold = msgspec.structs.replace(hold, amount_nanos=hold.amount_nanos + extra_nanos)
        self._open[exchange_id] = hold
        self._commits.extended(hold)

    def tell_reached(self, purse_id: int) -> None:
        """Tell people of a cap that a request was refused for: once for its window."""
        self._commits.tell_reached(purse_id)

    def held_nanos(self, exchange_id: int) -> int:
        """Return what is set aside for an exchange that runs: zero when it does not."""
        hold = self._open.get(exchange_id)
        return 0 if hold is None else hold.amount_nanos

    def announce(self, exchange_id: int) -> asyncio.Future[None] | None:
        """See to it that a crash leaves a line; return what is done when it does, None when it does now."""
        return self._commits.announce(exchange_id)

    def close(self, line: ExchangeLine) -> tuple[ExchangeLine, asyncio.Future[None]]:
        """Settle an exchange, once per hold; return the line as it is written, and a future that is done when durable.

        What exceeds the hold is taken from what this worker has borrowed and not held; what the payer or any cap has
        no room for is written off, and stands on the line. Raises HoldNotOpen when the hold is closed or expired.
        """
        hold = self._open.pop(line.exchange_id, None)
        if hold is None:
            raise HoldNotOpen(f"exchange {line.exchange_id} has no open hold")
        assert line.payer_id == hold.payer_id, "a line closes its own hold"
        if line.hold_nanos != hold.amount_nanos:
            line = msgspec.structs.replace(line, hold_nanos=hold.amount_nanos)
        held = hold.amount_nanos
        purse = self._slices[hold.payer_id]
        if line.paid > held:
            self.estimate_defects += 1
            room = min(self._slices[purse_id].free_nanos for purse_id in _purses_of(hold))
            line = line.with_paid(min(line.paid, held + room))
            if line.caps and not line.paid:  # a hold of nothing has made no purse
                line = msgspec.structs.replace(line, caps=())
        purse.settle(held_nanos=held, paid_nanos=line.paid)
        durable = self._commits.close(line)
        if purse.scarce and purse.free_nanos:
            self._commits.give_back(hold.payer_id, purse.surrender())
        for cap in hold.caps:
            purse = self._slices[cap.purse_id]
            purse.settle(held_nanos=held, paid_nanos=line.paid)
            if purse.scarce and purse.free_nanos:
                self._commits.give_back(cap.purse_id, purse.surrender())
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
        self._give_back_idle_of(tuple(self._slices))

    async def give_back_idle_in_turns(self) -> None:
        """Do as `give_back_idle` does, and let the event loop turn in between: 10,000 purses at once kept it for 4 ms."""
        purse_ids = tuple(self._slices)
        for first in range(0, len(purse_ids), IDLE_AT_ONCE):
            self._give_back_idle_of(purse_ids[first : first + IDLE_AT_ONCE])
            await asyncio.sleep(0)

    def give_back_wanted(self, purse_id: int) -> None:
        """Return what is not held of a purse that another worker was refused by, now and after each settlement."""
        purse = self._slices.get(purse_id)
        if purse is not None:
            purse.scarce = True
            if purse.free_nanos:
                self._commits.give_back(purse_id, purse.surrender())

    # -- inside

    def _give_back_idle_of(self, purse_ids: Sequence[int]) -> None:
        for purse_id in purse_ids:
            purse = self._slices.get(purse_id)
            if purse is None:  # forgotten while the loop turned
                continue
            if purse.touched:
                purse.touched = False
            elif purse.free_nanos:
                self._commits.give_back(purse_id, purse.surrender())
            elif not purse.holds and purse_id not in self._borrowing:
                del self._slices[purse_id]

    def _slice(self, purse_id: int) -> Slice:
        purse = self._slices.get(purse_id)
        if purse is None:
            purse = self._slices[purse_id] = Slice()
        return purse

    def _take_all(self, hold: Hold) -> bool:
        purses = [self._slice(purse_id) for purse_id in _purses_of(hold)]
        amount = hold.amount_nanos
        for purse in purses:
            if purse.free_nanos < amount:
                return False
        for purse in purses:
            purse.take(amount)
        return True

    async def _gather(self, refs: tuple[PurseRef, ...], amount_nanos: int, patience: "_Patience") -> None:
        """Borrow what each purse lacks for `amount_nanos`; raises Shortage when one cannot lend it, even when asked again."""
        lacking: dict[int, asyncio.Future[Grant]] = {}
        for ref in refs:
            purse_id = _purse_id(ref)
            purse = self._slice(purse_id)
            purse.touched = True
            if purse.free_nanos < amount_nanos:
                borrowing = self._borrowing.get(purse_id)
                lacking[purse_id] = borrowing or self._borrow(ref, amount_nanos - purse.free_nanos)
        if not lacking:
            return
        # Not awaited themselves: a client that leaves must not cancel the loans that others wait for.
        _, late = await asyncio.wait(lacking.values(), timeout=BORROW_WAIT_S)
        if late:
            raise not_ready()
        for purse_id, borrowing in lacking.items():
            grant = borrowing.result()
            free = self._slice(purse_id).free_nanos
            if not grant.granted_nanos and amount_nanos - free > grant.available_nanos:
                pause_s = patience.pause_s()
                if not grant.others_nanos or pause_s is None:
                    raise Shortage(purse_id=purse_id, available_nanos=grant.available_nanos + free)
                await asyncio.sleep(pause_s)
                return

    def _borrow(self, ref: PurseRef, needed_nanos: int) -> asyncio.Future[Grant]:
        purse_id = _purse_id(ref)
        borrowing = self._commits.borrow(ref, needed_nanos)
        self._borrowing[purse_id] = borrowing
        # In a callback, not after an await: the money has arrived even when nobody waits for it any more.
        borrowing.add_done_callback(partial(self._borrowed, purse_id))
        return borrowing

    def _borrowed(self, purse_id: int, borrowing: asyncio.Future[Grant]) -> None:
        del self._borrowing[purse_id]
        if not borrowing.cancelled() and borrowing.exception() is None:
            self._slice(purse_id).borrow(borrowing.result())


class _Patience:
    """How often to ask a purse again whose money other workers have: they give back what lies idle when it is wanted."""

    __slots__ = ("_asked",)

    def __init__(self) -> None:
        self._asked = 0

    def pause_s(self) -> float | None:
        """Return how long to wait before asking again; None when it was asked often enough."""
        if self._asked == len(ASK_AGAIN_S):
            return None
        self._asked += 1
        return ASK_AGAIN_S[self._asked - 1]


def _purse_id(ref: PurseRef) -> int:
    return ref if isinstance(ref, int) else ref.purse_id


def _refs_of(hold: Hold) -> tuple[PurseRef, ...]:
    return (hold.payer_id, *hold.caps)


def _purses_of(hold: Hold) -> tuple[int, ...]:
    caps = hold.caps
    return (hold.payer_id, *[cap.purse_id for cap in caps]) if caps else (hold.payer_id,)
