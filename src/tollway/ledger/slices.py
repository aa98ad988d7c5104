"""Slices of a purse: how much a worker borrows of it, and what it does with that in memory. Pure; knows no store."""

import msgspec

LEND_NANOS_MAX = 100_000_000_000
"""One loan at most (100 units), so that a dead worker never keeps much of a large purse until it is reclaimed."""
LEND_SHARE = 8
"""One loan is at most an eighth of what remains: other workers find something too."""
PLENTY = 8
"""A loan above the need must cover at least so many needs; below that the end is near, and only the need is lent."""


def lend_nanos(*, needed_nanos: int, available_nanos: int) -> int:
    """Return how much of `available_nanos` to lend to a worker that needs `needed_nanos`: zero, the need, or more.

    A purse that covers fewer than 64 such needs lends exactly the need, so that nothing lies idle with one worker
    while another refuses a request that the last cent could pay.
    """
    if needed_nanos > available_nanos:
        return 0
    generous = min(available_nanos // LEND_SHARE, LEND_NANOS_MAX)
    return generous if generous >= needed_nanos * PLENTY else needed_nanos


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a request for a loan."""

    granted_nanos: int
    """Zero when the purse cannot cover the need."""
    available_nanos: int
    """What the purse could still lend, after this grant."""
    scarce: bool
    """The end is near: give back at once what is not held."""
    others_nanos: int = 0
    """What other workers have borrowed of the purse: some of it may lie idle there, and come back when it is wanted."""


class Slice:
    """What one worker has borrowed of one purse: free or held. Spent money has left it."""

    __slots__ = ("free_nanos", "held_nanos", "holds", "scarce", "touched")

    def __init__(self) -> None:
        """Start with nothing borrowed."""
        self.free_nanos = 0
        self.held_nanos = 0
        self.holds = 0
        """How many are open; a hold of nothing is one too."""
        self.scarce = False
        self.touched = True

    def borrow(self, grant: Grant) -> None:
        """Add what was granted."""
        self.free_nanos += grant.granted_nanos
        self.scarce = grant.scarce

    def take(self, amount_nanos: int) -> bool:
        """Hold `amount_nanos` of what is free; False, and nothing changed, when that is too little."""
        self.touched = True
        if amount_nanos > self.free_nanos:
            return False
        self.free_nanos -= amount_nanos
        self.held_nanos += amount_nanos
        self.holds += 1
        return True

    def take_more(self, amount_nanos: int) -> None:
        """Add to a hold what is free; the caller has looked that it is."""
        assert 0 <= amount_nanos <= self.free_nanos, "nobody holds more than there is"
        self.free_nanos -= amount_nanos
        self.held_nanos += amount_nanos

    def settle(self, *, held_nanos: int, paid_nanos: int) -> None:
        """End a hold of `held_nanos` with a payment; what exceeds the hold is taken from what is free and covers it."""
        assert 0 <= paid_nanos <= held_nanos + self.free_nanos, "nobody pays more than there is"
        self.held_nanos -= held_nanos
        self.holds -= 1
        self.free_nanos += held_nanos - paid_nanos

    def surrender(self) -> int:
        """Return all that is free, which is then no longer here."""
        free = self.free_nanos
        self.free_nanos = 0
        return free
