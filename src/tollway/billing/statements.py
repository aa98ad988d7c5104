"""Reading the books: requests, transfers, statements of accounts, and the proof of the whole. Knows no SQL."""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import Protocol

from tollway.billing.periods import parse_span
from tollway.billing.statement_views import statement_csv, view_statement
from tollway.billing.views import View
from tollway.errors import CommandRefused
from tollway.ids import ACCOUNT, EXCHANGE, render_id
from tollway.ledger.lines import ExchangeLine, Hold
from tollway.ledger.records import LedgerReport, Transfer
from tollway.ledger.requests import EVERY_REQUEST, RequestFacts, RequestQuery
from tollway.ledger.statements import Statement, StatementFacts, make_statement
from tollway.ledger.usage import ALL_TIME, Span

REQUESTS_MAX = 1000
"""Lines of one listing: a page of memory, not the whole history."""

TRANSFERS_MAX = 10_000
"""Of one statement: all of them stand on it, and nobody reads more."""

MODELS_MAX = 5_000
"""Of one statement: a name that clients may choose (`PROVIDER/NAME`) can be many."""


class BookRows(Protocol):
    """What reading the books wants from the store."""

    def exchange(self, exchange_id: int) -> ExchangeLine | Hold | None:
        """Read a finished exchange, or the hold of one that runs."""
        ...

    def exchanges(self, query: RequestQuery, limit: int) -> tuple[ExchangeLine, ...]:
        """Read finished exchanges, newest first: of everybody by their beginning, else by the hour of their end."""
        ...

    def request_facts(self, found: Sequence[ExchangeLine | Hold]) -> RequestFacts:
        """Read what these exchanges name: the currencies of their accounts, packages of tokens, windows of caps."""
        ...

    def transfers(self, account_id: int | None, limit: int) -> tuple[Transfer, ...]:
        """Read the transfers of an account, or all, newest first."""
        ...

    def statement(self, account_id: int, span: Span, *, transfers_max: int, models_max: int) -> StatementFacts | None:
        """Return what is known of a period; None when there is no such account.

        At most one transfer and one model more than `transfers_max` and `models_max`.
        """
        ...

    def check(self) -> LedgerReport:
        """Prove the books on one consistent snapshot."""
        ...


class Statements:
    """The use cases of reading the books. Errors are CommandRefused with a sentence."""

    def __init__(self, store: BookRows, *, zone: tzinfo = UTC) -> None:
        """Read from `store`; days are those of the calendar of `zone`."""
        self._store = store
        self._zone = zone

    def span(self, first: str | None, last: str | None) -> Span:
        """Return a period as people write it, such as 2026-01 or from 2026-01-31 on."""
        return parse_span(first, last, self._zone)

    def request(self, exchange_id: int) -> ExchangeLine | Hold:
        """Return the line of a finished request, or the hold of one that runs."""
        found = self._store.exchange(exchange_id)
        if found is None:
            raise CommandRefused(f"there is no request {render_id(EXCHANGE, exchange_id)}")
        return found

    def requests(self, query: RequestQuery = EVERY_REQUEST, limit: int = 50) -> tuple[ExchangeLine, ...]:
        """Return finished requests, newest first."""
        if not 0 < limit <= REQUESTS_MAX:
            raise CommandRefused(f"a listing has 1 to {REQUESTS_MAX} requests")
        return self._store.exchanges(query, limit)

    def facts(self, found: Sequence[ExchangeLine | Hold]) -> RequestFacts:
        """Return what requests name beside what stands on their lines."""
        return self._store.request_facts(found)

    def transfers(self, account_id: int | None = None, limit: int = 50) -> tuple[Transfer, ...]:
        """Return transfers (credits, debits), newest first: of one account, or all."""
        if not 0 < limit <= REQUESTS_MAX:
            raise CommandRefused(f"a listing has 1 to {REQUESTS_MAX} transfers")
        return self._store.transfers(account_id, limit)

    def statement(self, account_id: int, span: Span = ALL_TIME) -> Statement:
        """Return an account's statement of a period; without an end it is until now, and closes with the balance."""
        facts = self._store.statement(account_id, span, transfers_max=TRANSFERS_MAX, models_max=MODELS_MAX)
        if facts is None:
            raise CommandRefused(f"there is no account {render_id(ACCOUNT, account_id)}")
        if len(facts.transfers) > TRANSFERS_MAX or len(facts.usage) > MODELS_MAX:
            raise CommandRefused(
                f"a statement has at most {TRANSFERS_MAX} transfers and {MODELS_MAX} models: ask for a shorter period"
            )
        statement = make_statement(facts, span)
        if span.end_ms is None and statement.closing_nanos != facts.balance_nanos:
            raise CommandRefused("the movements of this account do not make its balance: run tollway ledger check")
        return statement

    def view(self, statement: Statement) -> View:
        """Show a statement, its times as the clocks of the deployment's timezone do."""
        return view_statement(statement, self._zone)

    def csv(self, statement: Statement) -> str:
        """Return a statement as lines for a spreadsheet."""
        return statement_csv(statement, self._zone)

    def ledger_check(self) -> LedgerReport:
        """Prove that every balance is the fold of its movements; the report names every problem."""
        return self._store.check()
