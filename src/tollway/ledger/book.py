"""The books in memory, plainly: what the store must agree with after every step. Pure; slow on purpose.

Nothing is kept that can be folded: a balance is the sum of the postings on its leg, a transaction sums to zero.
"""

from enum import StrEnum

import msgspec

from tollway.errors import TollwayError
from tollway.ledger.records import FEES, FUNDING, REVENUE, account_leg


class RuleBroken(TollwayError):
    """A movement that the rules of money forbid."""


class HoldState(StrEnum):
    """What became of a hold; only an open one can still change."""

    OPEN = "open"
    SETTLED = "settled"
    VOID = "void"
    EXPIRED = "expired"


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """An amount on a leg: above zero it receives, below zero it gives."""

    leg: str
    amount_nanos: int


class _Held(msgspec.Struct, kw_only=True):
    account_id: int
    amount_nanos: int
    expires_ms: int
    state: HoldState = HoldState.OPEN


class Book:
    """Accounts, transactions and holds. Every method that is refused raises RuleBroken and changes nothing."""

    def __init__(self) -> None:
        """Start with no account."""
        self._accounts: set[int] = set()
        self._holds: dict[int, _Held] = {}
        self.transactions: list[tuple[Posting, ...]] = []

    def add_account(self, account_id: int) -> None:
        """Make an account with an empty purse."""
        if account_id in self._accounts:
            raise RuleBroken(f"account {account_id} is there already")
        self._accounts.add(account_id)

    def balance(self, account_id: int) -> int:
        """Return what the account has, held or not."""
        return self.leg(account_leg(account_id))

    def leg(self, name: str) -> int:
        """Return the fold of all postings on a leg."""
        return sum(
            posting.amount_nanos for postings in self.transactions for posting in postings if posting.leg == name
        )

    def held(self, account_id: int) -> int:
        """Return what the account's open holds have set aside."""
        return sum(
            hold.amount_nanos
            for hold in self._holds.values()
            if hold.account_id == account_id and hold.state is HoldState.OPEN
        )

    def available(self, account_id: int) -> int:
        """Return what could still be held."""
        return self.balance(account_id) - self.held(account_id)

    def state(self, exchange_id: int) -> HoldState:
        """Return what became of a hold."""
        return self._holds[exchange_id].state

    def credit(self, account_id: int, amount_nanos: int) -> None:
        """Add money to an account."""
        self._require_account(account_id)
        self._require(amount_nanos > 0, "a credit is above zero")
        self._post((FUNDING, -amount_nanos), (account_leg(account_id), amount_nanos))

    def debit(self, account_id: int, amount_nanos: int) -> None:
        """Take money off an account; what is held stays."""
        self._require_account(account_id)
        self._require(amount_nanos > 0, "a debit is above zero")
        self._require(amount_nanos <= self.available(account_id), "a debit takes no money that is held")
        self._post((account_leg(account_id), -amount_nanos), (FUNDING, amount_nanos))

    def hold(self, exchange_id: int, account_id: int, *, amount_nanos: int, expires_ms: int) -> None:
        """Set money aside for an exchange, once."""
        self._require_account(account_id)
        self._require(exchange_id not in self._holds, "an exchange is held for once")
        self._require(0 <= amount_nanos <= self.available(account_id), "nobody holds more than there is")
        self._holds[exchange_id] = _Held(account_id=account_id, amount_nanos=amount_nanos, expires_ms=expires_ms)

    def settle(self, exchange_id: int, *, base_nanos: int, fee_nanos: int, written_off_nanos: int) -> None:
        """Charge an exchange and end its hold.

        Only what exceeds the hold may be written off; what is paid above it must be there, and not held by others.
        """
        hold = self._open(exchange_id)
        cost = base_nanos + fee_nanos
        paid = cost - written_off_nanos
        self._require(min(base_nanos, fee_nanos, written_off_nanos) >= 0, "no part of a charge is below zero")
        self._require(paid >= min(cost, hold.amount_nanos), "what the hold covers is paid")
        self._require(paid <= hold.amount_nanos + self.available(hold.account_id), "nobody pays more than there is")
        hold.state = HoldState.SETTLED
        self._post((account_leg(hold.account_id), -paid), (REVENUE, base_nanos - written_off_nanos), (FEES, fee_nanos))

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

    def _require_account(self, account_id: int) -> None:
        self._require(account_id in self._accounts, f"there is no account {account_id}")

    @staticmethod
    def _require(allowed: bool, rule: str) -> None:  # noqa: FBT001 -- the condition is what it is about
        if not allowed:
            raise RuleBroken(rule)
