"""The lines of the books: a hold while an exchange runs, and the one immutable line that closes it.

A line is itself the transfer: its amounts are its legs (account pays total; revenue gets base less what is written
off, fees get fee). Values only; knows no SQL.
"""

from enum import StrEnum

import msgspec

from tollway.neutral.usage import Basis, Usage


class Outcome(StrEnum):
    """How an exchange ended."""

    COMPLETED = "completed"
    CLIENT_GONE = "client_gone"
    """The client left before the end; it pays what was generated until then."""
    UPSTREAM_BROKE = "upstream_broke"
    """The provider broke off after the first byte; the client pays what was delivered."""
    SHUT_DOWN = "shut_down"
    """Tollway was stopped and the grace ran out; the client pays what was delivered."""
    FAILED = "failed"
    """No byte of an answer reached the client: free."""
    INTERRUPTED = "interrupted"
    """The worker died while it ran: cost unknown, nothing charged."""
    EXPIRED = "expired"
    """The hold outlived its time: cost unknown, nothing charged."""


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Money set aside for one exchange that runs."""

    exchange_id: int
    account_id: int
    key_id: int
    worker_id: int
    amount_nanos: int
    model_asked: str
    started_ms: int
    expires_ms: int


class ExchangeLine(msgspec.Struct, frozen=True, kw_only=True):
    """The one line of a finished exchange; written once, never changed."""

    exchange_id: int
    account_id: int
    key_id: int
    worker_id: int
    outcome: Outcome
    status: int
    """HTTP status the client got; 499 when it had left."""
    started_ms: int
    ended_ms: int
    first_byte_ms: int | None = None
    """Time of the provider's first content byte."""
    streamed: bool
    lane: str
    """`verbatim`, `patched` or `translated`; empty when no attempt was made."""
    model_asked: str
    provider: str
    """Of the attempt that counted; empty when there was none."""
    model_routed: str
    model_answered: str | None = None
    attempts: int = 1
    usage: Usage = Usage()
    basis: Basis = Basis.UNKNOWN
    card_id: int | None = None
    fee_ppm: int = 0
    """The platform fee's rate at that moment, so that the fee can be recomputed."""
    hold_nanos: int
    base_nanos: int = 0
    fee_nanos: int = 0
    written_off_nanos: int = 0
    """Part of base + fee that exceeded the hold and that the account could not pay."""

    @property
    def total_nanos(self) -> int:
        """What the account pays: base + fee - written off."""
        return self.base_nanos + self.fee_nanos - self.written_off_nanos


BILLED_REASON = {
    Outcome.COMPLETED: "completed: the usage of the whole answer",
    Outcome.CLIENT_GONE: "client left: what was generated until then",
    Outcome.UPSTREAM_BROKE: "provider broke off: what was delivered until then",
    Outcome.SHUT_DOWN: "gateway stopped: what was delivered until then",
    Outcome.FAILED: "failed before the first byte: free",
    Outcome.INTERRUPTED: "interrupted, cost unknown: not charged",
    Outcome.EXPIRED: "hold expired, cost unknown: not charged",
}
"""The sentence on each line that says how it was charged."""
