"""The books in memory, plainly: what the store must agree with after every step. Pure; slow on purpose.

Nothing is kept that can be folded: a balance is the sum of the postings on its leg, a transaction sums to zero. What is
left of a cap is its limit less the sum of what was counted in it.
"""

from enum import StrEnum

import msgspec

from tollway.errors import TollwayError
from tollway.ledger.records import (
    FEES,
    FUNDING,
    PACKAGES_SOLD,
    REVENUE,
    account_leg,
    breakage,
    package_leg,
    packages_issued,
)


class RuleBroken(TollwayError):
    """A movement that the rules of money forbid."""


class HoldState(StrEnum):
    """What became of a hold; only an open one can still change."""

    OPEN = "open"
    SETTLED = "settled"
    VOID = "void"
    EXPIRED = "expired"


USED = "used:"
"""The leg that the tokens of a package go to when they are used."""


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """An amount on a leg: above zero it receives, below zero it gives."""

    leg: str
    amount_nanos: int


class _Held(msgspec.Struct, kw_only=True):
    payer_id: int
    caps: tuple[int, ...]
    amount: int
    expires_ms: int
    state: HoldState = HoldState.OPEN

    @property
    def purses(self) -> tuple[int, ...]:
        return (self.payer_id, *self.caps)


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """What an exchange cost, and how much of that nobody could pay."""

    base_nanos: int = 0
    fee_nanos: int = 0
    written_off_nanos: int = 0
    package_micros: int = 0
    """Micro-tokens that a package of tokens paid; then the others are zero."""
    package_due_micros: int = 0
    """What it should have paid."""

    @property
    def due(self) -> int:
        """What the exchange cost, in the payer's unit."""
        return self.base_nanos + self.fee_nanos + self.package_due_micros

    @property
    def total(self) -> int:
        """What was paid of it."""
        return self.base_nanos + self.fee_nanos - self.written_off_nanos + self.package_micros


class Book:
    """Accounts, packages, caps, transactions and holds. Every method that is refused raises RuleBroken and changes nothing."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._legs: dict[int, str] = {}
        self._units: dict[int, str] = {}
        self._limits: dict[int, int] = {}
        self._counted: dict[int, int] = {}
        self._holds: dict[int, _Held] = {}
        self.transactions: list[tuple[Posting, ...]] = []

    # -- what there is

    def add_account(self, account_id: int) -> None:
        """Make an account with an empty purse."""
        self._require(account_id not in self._legs, f"purse {account_id} is there already")
        self._legs[account_id] = account_leg(account_id)

    def add_package(self, package_id: int, account_id: int, *, unit: str, amount: int, price_nanos: int) -> None:
        """Sell a package to an account from its balance; `unit` is tokens or money."""
        self._require(package_id not in self._legs, f"purse {package_id} is there already")
        self._require_purse(account_id)
        self._require(price_nanos <= self.available(account_id), "a package is bought with money that is not held")
        self._legs[package_id] = package_leg(package_id)
        self._units[package_id] = unit
        if price_nanos:
            self._post((account_leg(account_id), -price_nanos), (PACKAGES_SOLD, price_nanos))
        self._post((packages_issued(unit), -amount), (package_leg(package_id), amount))

    def end_package(self, package_id: int) -> int:
        """Move what is not held of an expired package to breakage; return how much that was."""
        rest = self.available(package_id)
        if rest:
            self._post((package_leg(package_id), -rest), (breakage(self._units[package_id]), rest))
        return rest

    def add_cap(self, purse_id: int, limit_nanos: int) -> None:
        """Begin a window of a cap, once; nothing is counted in it yet."""
        self._limits.setdefault(purse_id, limit_nanos)
        self._counted.setdefault(purse_id, 0)

    # -- what they have

    def balance(self, purse_id: int) -> int:
        """Return what a purse has, held or not: of a cap, what is left of it."""
        if purse_id in self._limits:
            return self._limits[purse_id] - self._counted[purse_id]
        return self.leg(self._legs[purse_id])

    def leg(self, name: str) -> int:
        """Return the fold of all postings on a leg."""
        return sum(
            posting.amount_nanos for postings in self.transactions for posting in postings if posting.leg == name
        )

    def held(self, purse_id: int) -> int:
        """Return what open holds have set aside in a purse."""
        return sum(
            hold.amount for hold in self._holds.values() if hold.state is HoldState.OPEN and purse_id in hold.purses
        )

    def available(self, purse_id: int) -> int:
        """Return what could still be held."""
        return self.balance(purse_id) - self.held(purse_id)

    def state(self, exchange_id: int) -> HoldState:
        """Return what became of a hold."""
        return self._holds[exchange_id].state

    # -- what happens

    def credit(self, account_id: int, amount_nanos: int) -> None:
        """Add money to an account."""
        self._require_purse(account_id)
        self._require(amount_nanos > 0, "a credit is above zero")
        self._post((FUNDING, -amount_nanos), (account_leg(account_id), amount_nanos))

    def debit(self, account_id: int, amount_nanos: int) -> None:
        """Take money off an account; what is held stays."""
        self._require_purse(account_id)
        self._require(amount_nanos > 0, "a debit is above zero")
        self._require(amount_nanos <= self.available(account_id), "a debit takes no money that is held")
        self._post((account_leg(account_id), -amount_nanos), (FUNDING, amount_nanos))

    def hold(
        self, exchange_id: int, payer_id: int, *, amount_nanos: int, expires_ms: int, caps: tuple[int, ...] = ()
    ) -> None:
        """Set the same amount aside in the payer's purse and in every cap, once for an exchange."""
        for purse_id in (payer_id, *caps):
            self._require_purse(purse_id)
            self._require(0 <= amount_nanos <= self.available(purse_id), "nobody holds more than there is")
        self._require(exchange_id not in self._holds, "an exchange is held for once")
        self._holds[exchange_id] = _Held(payer_id=payer_id, caps=caps, amount=amount_nanos, expires_ms=expires_ms)

    def extend(self, exchange_id: int, extra_nanos: int) -> None:
        """Set more aside for an exchange that runs, in every purse that it holds from."""
        hold = self._open(exchange_id)
        self._require(extra_nanos >= 0, "a hold only grows")
        for purse_id in hold.purses:
            self._require(extra_nanos <= self.available(purse_id), "nobody holds more than there is")
        hold.amount += extra_nanos

    def settle(self, exchange_id: int, paid: Paid) -> None:
        """Charge an exchange and end its hold.

        Only what exceeds the hold may stay unpaid; what is paid above it must be there, and not held by others.
        """
        hold = self._open(exchange_id)
        parts = (paid.base_nanos, paid.fee_nanos, paid.written_off_nanos, paid.package_micros)
        self._require(min(parts) >= 0, "no part of a charge is below zero")
        self._require(paid.total >= min(paid.due, hold.amount), "what the hold covers is paid")
        for purse_id in hold.purses:
            room = hold.amount + self.available(purse_id)
            self._require(paid.total <= room, "nobody pays more than there is")
        hold.state = HoldState.SETTLED
        leg = self._legs[hold.payer_id]
        self._post(
            (leg, -paid.total),
            (REVENUE, paid.base_nanos - paid.written_off_nanos),
            (FEES, paid.fee_nanos),
            (USED + leg, paid.package_micros),
        )
        for cap in hold.caps:
            self._counted[cap] += paid.total

    def void(self, exchange_id: int) -> None:
        """End a hold without a charge."""
        self._open(exchange_id).state = HoldState.VOID

    def expire(self, now_ms: int) -> tuple[int, ...]:
        """End every open hold whose time has passed, without a charge; return their exchanges."""
        overdue = tuple(
            exchange_id
            for exchange_id, hold in self._holds.items()
            if hold.state is HoldState.OPEN and hold.expires_ms <= now_ms
        )
        for exchange_id in overdue:
            self._holds[exchange_id].state = HoldState.EXPIRED
        return overdue

    def _open(self, exchange_id: int) -> _Held:
        hold = self._holds.get(exchange_id)
        if hold is None or hold.state is not HoldState.OPEN:
            raise RuleBroken(f"exchange {exchange_id} has no open hold")
        return hold

    def _post(self, *legs: tuple[str, int]) -> None:
        postings = tuple(Posting(leg=leg, amount_nanos=amount) for leg, amount in legs)
        assert sum(posting.amount_nanos for posting in postings) == 0, "every transaction sums to zero"
        self.transactions.append(postings)

    def _require_purse(self, purse_id: int) -> None:
        self._require(purse_id in self._legs or purse_id in self._limits, f"there is no purse {purse_id}")

    @staticmethod
    def _require(allowed: bool, rule: str) -> None:  # noqa: FBT001 -- the condition is what it is about
        if not allowed:
            raise RuleBroken(rule)
