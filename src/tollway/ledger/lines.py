"""The lines of the books: a hold while an exchange runs, and the one immutable line that closes it.

A line is itself the transfer: its amounts are its legs (the account or a package pays the total; revenue gets base less
what is written off, fees get fee). Values only; knows no SQL.
"""

from enum import StrEnum

import msgspec

from tollway.ledger.purses import CapWindow
from tollway.money import PPM
from tollway.neutral.usage import Basis, Usage


class Outcome(StrEnum):
    """How an exchange ended."""

    COMPLETED = "completed"
    CLIENT_GONE = "client_gone"
    """The client left before the end and the provider was stopped; it pays what was generated until then."""
    DRAINED = "drained"
    """The client left before the end and the provider, which bills to the end, was read on; it pays all of the answer."""
    UPSTREAM_BROKE = "upstream_broke"
    """The provider broke off after the first byte; the client pays what was delivered."""
    SHUT_DOWN = "shut_down"
    """Tollway was stopped and the grace ran out; the client pays what was delivered."""
    OUT_OF_MONEY = "out_of_money"
    """The money ended before the answer did; what was delivered is paid."""
    FAILED = "failed"
    """No byte of an answer reached the client: free."""
    INTERRUPTED = "interrupted"
    """The worker died while it ran: cost unknown, nothing charged."""
    EXPIRED = "expired"
    """The hold outlived its time: cost unknown, nothing charged."""


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """On whose behalf an exchange runs, beside its key: what the client says, and what the key belongs to."""

    sub_account_id: int | None = None
    tag: str | None = None
    end_user: str | None = None
    session: str | None = None


NOBODY = Attribution()


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Money set aside for one exchange that runs: the same amount in the purse that pays and in every cap."""

    exchange_id: int
    account_id: int
    key_id: int
    worker_id: int
    payer_id: int
    """The purse that pays: the account's, or a package's."""
    amount_nanos: int
    """Nano-units of the account's currency; micro-tokens of a package that holds tokens."""
    model_asked: str
    started_ms: int
    expires_ms: int
    caps: tuple[CapWindow, ...] = ()
    attribution: Attribution = NOBODY


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
    """Part of base + fee that exceeded the hold and that the payer, or a cap, had no room for."""
    attribution: Attribution = NOBODY
    package_id: int | None = None
    """The package that paid; None when the account's balance did."""
    package_micros: int = 0
    """What a package that holds tokens paid, in micro-tokens; then nothing was paid in money."""
    ratio_ppm: int | None = None
    """At which ratio the tokens were deducted; None when none were."""
    caps: tuple[int, ...] = ()
    """The cap windows that the total was counted in."""
    price_ppm: int = PPM
    """The share of the card's prices that was charged: discount, markup, batch."""
    rate_nanos: int | None = None
    """Units of the account's currency for one of the card's, times 10^9; None when they are the same currency."""
    provider_cost_nanos: int | None = None
    """What the provider says it cost, in nano-USD; None is "not reported"."""

    @property
    def payer_id(self) -> int:
        """The purse that pays."""
        return self.account_id if self.package_id is None else self.package_id

    @property
    def total_nanos(self) -> int:
        """What is paid in money: base + fee - written off."""
        return self.base_nanos + self.fee_nanos - self.written_off_nanos

    @property
    def paid(self) -> int:
        """What leaves the payer's purse, in its unit."""
        return self.base_nanos + self.fee_nanos - self.written_off_nanos + self.package_micros

    def with_paid(self, paid: int) -> "ExchangeLine":
        """Return the line with only `paid` of it paid, in the payer's unit: itself when that is all."""
        if paid == self.paid:
            return self
        if self.package_micros:
            return msgspec.structs.replace(self, package_micros=paid)
        return msgspec.structs.replace(self, written_off_nanos=self.base_nanos + self.fee_nanos - paid)


BILLED_REASON = {
    Outcome.COMPLETED: "completed: the usage of the whole answer",
    Outcome.CLIENT_GONE: "client left, provider stopped: what was generated until then",
    Outcome.DRAINED: "client left, provider read to its end: the usage of the whole answer",
    Outcome.UPSTREAM_BROKE: "provider broke off: what was delivered until then",
    Outcome.SHUT_DOWN: "gateway stopped: what was delivered until then",
    Outcome.OUT_OF_MONEY: "money ended: what was delivered until then",
    Outcome.FAILED: "failed before the first byte: free",
    Outcome.INTERRUPTED: "interrupted, cost unknown: not charged",
    Outcome.EXPIRED: "hold expired, cost unknown: not charged",
}
"""The sentence on each line that says how it was charged."""
