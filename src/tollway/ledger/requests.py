"""Requests as people look for them, and what is to be known about one beside its line. Values only; knows no SQL."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from tollway.ledger.lines import Outcome
from tollway.ledger.usage import ALL_TIME, EVERYBODY, Span, UsageFilter


class Statuses(NamedTuple):
    """HTTP statuses that clients got: from the lowest to the highest, both included."""

    lowest: int
    highest: int


class RequestQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which finished requests."""

    who: UsageFilter = EVERYBODY
    outcome: Outcome | None = None
    statuses: Statuses | None = None
    span: Span = ALL_TIME
    """In which they ended."""
    after: int | None = None
    """The last one of the page before; None begins with the newest. For pages of one account only."""


EVERY_REQUEST = RequestQuery()


class RefusedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request of a known key that was refused before it became an exchange: it reached no provider and cost nothing."""

    exchange_id: int
    """Of the exchange that it would have been."""
    account_id: int
    key_id: int
    sub_account_id: int | None = None
    status: int
    code: str
    message: str | None = None
    """None where it may quote what was asked."""
    path: str


class CapCount(msgspec.Struct, frozen=True, kw_only=True):
    """A window of a cap in which a request was counted."""

    cap_id: int
    subject: str
    start_ms: int
    end_ms: int | None


class RequestFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the lines of some requests only name."""

    currencies: Mapping[int, str] = {}
    """Of their accounts."""
    token_packages: frozenset[int] = frozenset()
    """The packages that hold tokens."""
    caps: Mapping[int, CapCount] = {}
    """By the purse of the window."""


NO_FACTS = RequestFacts()
