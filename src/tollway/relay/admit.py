"""Admission: key, model, price and money, in that order; nothing has been sent to a provider before all four are settled.

Knows no connection and no SQL: it asks the ports.
"""

import random

import msgspec

from tollway.access.decide import check_key, check_model
from tollway.access.principal import Principal
from tollway.catalog.records import Model, Target
from tollway.errors import Shortage
from tollway.ledger.lines import Hold
from tollway.neutral.peek import Peek
from tollway.pricing.charge import PriceTerms
from tollway.pricing.estimate import TokenLimits, worst_case_nanos, worst_case_tokens
from tollway.relay.arrival import Arrival
from tollway.relay.funding import Funding, Funds
from tollway.relay.ports import Books, KeyDirectory, Models
from tollway.routing.plan import plan, priced_targets, refuse_unknown


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the deployment decided about money."""

    worker_id: int
    hold_ttl_ms: int
    """Longer than any exchange may last: expiry is a backstop for defects, never a deadline."""


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A request that may be served: who pays, what it asks, where it may go, and the money set aside for it."""

    principal: Principal
    peek: Peek
    model: Model
    targets: tuple[Target, ...]
    funding: Funding
    hold: Hold


class Admission:
    """The one way to a provider."""

    def __init__(self, *, keys: KeyDirectory, models: Models, books: Books, funds: Funds, terms: Terms) -> None:
        """Take the neighbours and the terms."""
        self._keys = keys
        self._models = models
        self._books = books
        self._funds = funds
        self._terms = terms

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
        funding = self._funds.find(principal, asked, arrival.attribution, now_ms=arrival.received_ms)
        hold = self._hold(arrival, asked, funding, self._need(funding, peek, model, targets))
        if not self._books.try_hold(hold):
            await self._borrow(hold, funding)
        return Admitted(principal=principal, peek=peek, model=model, targets=targets, funding=funding, hold=hold)

    def _need(self, funding: Funding, peek: Peek, model: Model, targets: tuple[Target, ...]) -> int:
        """Return the most that the request can take of its payer, in the payer's unit."""
        limits = TokenLimits(context_tokens=model.context_tokens, output_tokens_max=model.output_tokens_max)
        if funding.ratio_ppm is not None:
            return worst_case_tokens(peek, limits) * funding.ratio_ppm
        terms = PriceTerms(fee_ppm=funding.fee_ppm, price_ppm=funding.price_ppm)
        return worst_case_nanos(peek, [(target.card, terms) for target in targets if target.card is not None], limits)

    def _hold(self, arrival: Arrival, model_asked: str, funding: Funding, amount_nanos: int) -> Hold:
        terms = self._terms
        principal = arrival.principal
        return Hold(
            exchange_id=arrival.exchange_id,
            account_id=principal.account_id,
            key_id=principal.key_id,
            worker_id=terms.worker_id,
            payer_id=funding.payer_id,
            amount_nanos=amount_nanos,
            model_asked=model_asked,
            started_ms=arrival.received_ms,
            expires_ms=arrival.received_ms + terms.hold_ttl_ms,
            caps=funding.caps,
            attribution=arrival.attribution,
        )

    async def _borrow(self, hold: Hold, funding: Funding) -> None:
        try:
            await self._books.hold(hold)
        except Shortage as shortage:
            raise self._funds.refuse(funding, shortage, needed=hold.amount_nanos) from None
