"""Charges computed anew: what is wrong with some, and what all of a period would have cost otherwise. Values only."""

import msgspec

from tollway.ledger.usage import EVERYBODY, Span, UsageFilter


class WrongCharge(msgspec.Struct, frozen=True, kw_only=True):
    """A line whose charge is not what its usage, card and terms make."""

    exchange_id: int
    problems: tuple[str, ...]
    """Sentences."""
    base_nanos: int
    fee_nanos: int
    due_base_nanos: int | None = None
    """What it should be; None where that cannot be known, or is not the matter."""
    due_fee_nanos: int | None = None


class ChargeProof(msgspec.Struct, frozen=True, kw_only=True):
    """All past charges, computed anew."""

    checked: int
    wrong: tuple[WrongCharge, ...]
    """The first of them, where there are very many."""


class RepriceQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which past charges."""

    span: Span
    who: UsageFilter = EVERYBODY


class Repriced(msgspec.Struct, frozen=True, kw_only=True):
    """What the charges of one model to one account are, and what they would be; base and fee, nothing written off."""

    account_id: int
    provider: str
    model_routed: str
    currency: str
    requests: int
    base_nanos: int
    fee_nanos: int
    new_base_nanos: int
    new_fee_nanos: int

    @property
    def difference_nanos(self) -> int:
        """How much more they would be."""
        return self.new_base_nanos + self.new_fee_nanos - self.base_nanos - self.fee_nanos
