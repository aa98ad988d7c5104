"""Admission: key, model, price and money, in that order; nothing has been sent to a provider before all four are settled.

Knows no connection and no SQL: it asks the ports.
"""

import random

import msgspec

from tollway.access.decide import check_key, check_model
from tollway.access.principal import Principal
from tollway.catalog.records import Model, Target
from tollway.errors import Refusal, Shortage
from tollway.ledger.lines import Hold
from tollway.money import render_amount
from tollway.neutral.peek import Peek
from tollway.pricing.charge import PriceTerms
from tollway.pricing.estimate import TokenLimits, worst_case_nanos
from tollway.relay.arrival import Arrival
from tollway.relay.ports import Books, KeyDirectory, Models
from tollway.routing.plan import plan, priced_targets, refuse_unknown


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the deployment decided about money."""

    worker_id: int
    fee_ppm: int
    hold_ttl_ms: int
    """Longer than any exchange may last: expiry is a backstop for defects, never a deadline."""


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A request that may be served: who pays, what it asks, where it may go, and the money set aside for it."""

    principal: Principal
    peek: Peek
    model: Model
    targets: tuple[Target, ...]
    hold: Hold


class Admission:
    """The one way to a provider."""

    def __init__(self, *, keys: KeyDirectory, models: Models, books: Books, terms: Terms) -> None:
        """Take the neighbours and the terms."""
        self._keys = keys
        self._models = models
        self._books = books
        self._terms = terms
        self.fee_ppm = terms.fee_ppm

    def principal(self, key_digest: bytes, *, now_ms: int) -> Principal:
        """Return who asks; raises Refusal 401 or 403."""
        return check_key(self._keys.known(key_digest) or self._keys.find(key_digest), now_ms=now_ms)

    async def admit(self, arrival: Arrival) -> Admitted:
        """Return the admitted request with its money set aside; raises Refusal, and then nothing is set aside."""
        principal = arrival.principal
        peek = arrival.dialect.peek(arrival.body)
        asked = peek.model_asked
        model = self._models.resolve(asked)
        if model is None:
            raise refuse_unknown(asked, self._models.suggest(asked))
        check_model(principal, asked)
        targets = priced_targets(plan(model, draw=random.random()))  # noqa: S311  it spreads load, it keeps no secret
        hold = self._hold(arrival, asked, self._worst_case_nanos(peek, model, targets))
        if not self._books.try_hold(hold):
            await self._borrow(hold, currency=principal.currency)
        return Admitted(principal=principal, peek=peek, model=model, targets=targets, hold=hold)

    def _worst_case_nanos(self, peek: Peek, model: Model, targets: tuple[Target, ...]) -> int:
        limits = TokenLimits(context_tokens=model.context_tokens, output_tokens_max=model.output_tokens_max)
        terms = PriceTerms(fee_ppm=self._terms.fee_ppm)
        return worst_case_nanos(peek, [(target.card, terms) for target in targets if target.card is not None], limits)

    def _hold(self, arrival: Arrival, model_asked: str, amount_nanos: int) -> Hold:
        terms = self._terms
        principal = arrival.principal
        return Hold(
            exchange_id=arrival.exchange_id,
            account_id=principal.account_id,
            key_id=principal.key_id,
            worker_id=terms.worker_id,
            payer_id=principal.account_id,
            amount_nanos=amount_nanos,
            model_asked=model_asked,
            started_ms=arrival.received_ms,
            expires_ms=arrival.received_ms + terms.hold_ttl_ms,
        )

    async def _borrow(self, hold: Hold, *, currency: str) -> None:
        try:
            await self._books.hold(hold)
        except Shortage as shortage:
            unit = currency.lower()
            cost, available = render_amount(hold.amount_nanos), render_amount(shortage.available_nanos)
            raise Refusal(
                "insufficient_quota",
                f"This request may cost up to {cost} {currency}; {available} {currency} is available. "
                "Top up the account, or lower max_tokens.",
                metadata={f"balance_{unit}": available, f"estimated_cost_{unit}": cost},
            ) from None
