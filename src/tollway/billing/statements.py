"""Statements: what was used and paid, one request by its id, and the proof of the books. Knows no SQL."""

from typing import Protocol

from tollway.errors import CommandRefused
from tollway.ids import EXCHANGE, render_id
from tollway.ledger.lines import ExchangeLine, Hold
from tollway.ledger.records import LedgerReport, Transfer, UsageRow

REQUESTS_MAX = 1000
"""Lines of one listing: a page of memory, not the whole history."""


class StatementRows(Protocol):
    """What statements want from the store."""

    def exchange(self, exchange_id: int) -> ExchangeLine | Hold | None:
        """Read a finished exchange, or the hold of one that runs."""
        ...

    def exchanges(self, account_id: int | None, limit: int) -> tuple[ExchangeLine, ...]:
        """Read finished exchanges of an account, or all, newest first."""
        ...

    def transfers(self, account_id: int | None, limit: int) -> tuple[Transfer, ...]:
        """Read the transfers of an account, or all, newest first."""
        ...

    def usage(self, account_id: int | None) -> tuple[UsageRow, ...]:
        """Sum the finished exchanges of an account, or all, by account, provider and model."""
        ...

    def check(self) -> LedgerReport:
        """Prove the books on one consistent snapshot."""
        ...


class Statements:
    """The use cases of reading the books. Errors are CommandRefused with a sentence."""

    def __init__(self, store: StatementRows) -> None:
        """Read from `store`."""
        self._store = store

    def request(self, exchange_id: int) -> ExchangeLine | Hold:
        """Return the line of a finished request, or the hold of one that runs."""
        found = self._store.exchange(exchange_id)
        if found is None:
            raise CommandRefused(f"there is no request {render_id(EXCHANGE, exchange_id)}")
        return found

    def requests(self, account_id: int | None = None, limit: int = 50) -> tuple[ExchangeLine, ...]:
        """Return finished requests, newest first: of one account, or all."""
        if not 0 < limit <= REQUESTS_MAX:
            raise CommandRefused(f"a listing has 1 to {REQUESTS_MAX} requests")
        return self._store.exchanges(account_id, limit)

    def transfers(self, account_id: int | None = None, limit: int = 50) -> tuple[Transfer, ...]:
        """Return transfers (credits, debits), newest first: of one account, or all."""
        if not 0 < limit <= REQUESTS_MAX:
            raise CommandRefused(f"a listing has 1 to {REQUESTS_MAX} transfers")
        return self._store.transfers(account_id, limit)

    def usage(self, account_id: int | None = None) -> tuple[UsageRow, ...]:
        """Return what was used and paid, by account, provider and model."""
        return self._store.usage(account_id)

    def ledger_check(self) -> LedgerReport:
        """Prove that every balance is the fold of its movements; the report names every problem."""
        return self._store.check()
