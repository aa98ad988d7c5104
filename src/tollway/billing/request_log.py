"""The requests of one account as its owner looks for them: page by page, or one by its id. Knows no SQL and no surface.

Every request that was admitted is there: served, failed, or running. One that was refused before (a model that is not there, no
money, a rate) reached no provider and cost nothing; it is on no page, and is found by its id where `refusals` kept it.
"""

import re
from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import NamedTuple, Protocol

from tollway.billing.periods import parse_span
from tollway.billing.views import View, view_time
from tollway.errors import CommandRefused, NotThere
from tollway.ids import ACCOUNT, EXCHANGE, KEY, SUB_ACCOUNT, begun_ms, render_id
from tollway.ledger.lines import ExchangeLine, Hold
from tollway.ledger.requests import RefusedRequest, RequestFacts, RequestQuery, Statuses
from tollway.ledger.usage import Span

PAGE_MAX = 200

REFUSED = "refused"
"""The outcome of a request that never became an exchange."""

STATUS_WORDS = {"ok": Statuses(200, 399), "error": Statuses(400, 599)}
_STATUS = re.compile(r"[1-5]\d\d")
_CLASS = re.compile(r"[1-5]xx")


class LogPage(NamedTuple):
    """A part of an account's requests, newest first."""

    lines: tuple[ExchangeLine, ...]
    next: int | None
    """What the next page is asked after; None when this is the last. A page may be short, or empty, and not be the last."""


class LogRows(Protocol):
    """What the log is read from."""

    def request_page(self, query: RequestQuery, limit: int) -> tuple[tuple[ExchangeLine, ...], int | None] | None:
        """Read a page of lines, and after which the next one begins; None when the account has no line `query.after`."""
        ...

    def exchange(self, exchange_id: int) -> ExchangeLine | Hold | None:
        """Read a finished exchange, or the hold of one that runs."""
        ...

    def refusal(self, exchange_id: int) -> RefusedRequest | None:
        """Read one refused request."""
        ...

    def request_facts(self, found: Sequence[ExchangeLine | Hold]) -> RequestFacts:
        """Read what these exchanges name beside what stands on their lines."""
        ...


class RequestLog:
    """The use cases of an account's own requests. Errors are CommandRefused with a sentence."""

    def __init__(self, store: LogRows, *, zone: tzinfo = UTC) -> None:
        """Read from `store`; days are those of the calendar of `zone`."""
        self._store = store
        self._zone = zone

    def span(self, since: str | None, until: str | None) -> Span:
        """Return a period as people write it, such as 2026-01 or from 2026-01-31 on."""
        return parse_span(since, until, self._zone)

    def page(self, query: RequestQuery, limit: int = 50) -> LogPage:
        """Return finished requests of the account that `query` names, newest first, by when they ended."""
        assert query.who.account_id is not None, "the log is of one account"
        if not 0 < limit <= PAGE_MAX:
            raise CommandRefused(f"a page has 1 to {PAGE_MAX} requests")
        found = self._store.request_page(query, limit)
        if found is None:
            raise NotThere(f"there is no request {render_id(EXCHANGE, query.after or 0)} to go on after")
        return LogPage(*found)

    def find(self, account_id: int, exchange_id: int) -> ExchangeLine | Hold:
        """Return the line of a request of this account, or its hold while it runs; any other is not there."""
        found = self._store.exchange(exchange_id)
        if found is None or found.account_id != account_id:
            raise _no(exchange_id)
        return found

    def look_up(self, account_id: int, exchange_id: int) -> ExchangeLine | Hold | RefusedRequest:
        """Return a request of this account by its id, a refused one too, where it was kept; any other is not there."""
        found = self.anybodys(exchange_id)
        if found.account_id != account_id:
            raise _no(exchange_id)
        return found

    def anybodys(self, exchange_id: int) -> ExchangeLine | Hold | RefusedRequest:
        """Return a request by its id, whoever's it is."""
        # Its line first: a refusal may have been kept of a request whose line came a moment later.
        found = self._store.exchange(exchange_id) or self._store.refusal(exchange_id)
        if found is None:
            raise _no(exchange_id)
        return found

    def facts(self, found: Sequence[ExchangeLine | Hold]) -> RequestFacts:
        """Return what requests name beside what stands on their lines."""
        return self._store.request_facts(found)


def view_refused(refused: RefusedRequest) -> View:
    """Show a request that was refused before it reached a provider."""
    sub_account = refused.sub_account_id
    return {
        "id": render_id(EXCHANGE, refused.exchange_id),
        "account": render_id(ACCOUNT, refused.account_id),
        "key": render_id(KEY, refused.key_id),
        "sub_account": None if sub_account is None else render_id(SUB_ACCOUNT, sub_account),
        "started": view_time(begun_ms(refused.exchange_id)),
        "outcome": REFUSED,
        "billed_reason": "refused before it reached a provider: free",
        "status": refused.status,
        "code": refused.code,
        "message": refused.message,
        "path": refused.path,
    }


def parse_statuses(text: str) -> Statuses:
    """Return the statuses that a text means: `429`, `4xx`, `ok`, `error`; raises CommandRefused."""
    word = text.strip().lower()
    if word in STATUS_WORDS:
        return STATUS_WORDS[word]
    if _STATUS.fullmatch(word):
        return Statuses(int(word), int(word))
    if _CLASS.fullmatch(word):
        return Statuses(int(word[0]) * 100, int(word[0]) * 100 + 99)
    raise CommandRefused(f"{text[:64]!r} is not a status: say one such as 429, a class such as 4xx, ok, or error")


def _no(exchange_id: int) -> NotThere:
    return NotThere(f"there is no request {render_id(EXCHANGE, exchange_id)}")
