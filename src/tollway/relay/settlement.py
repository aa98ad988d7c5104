"""How an exchange's end becomes a charge and a line: pure arithmetic over usage, card and outcome; no I/O."""

from typing import Protocol

import msgspec

from tollway import clock
from tollway.catalog.records import Target
from tollway.dialects.record import CostFields
from tollway.ledger.lines import ExchangeLine, Outcome
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.charge import charge_for
from tollway.relay.admit import Admitted

STATUS_CLIENT_GONE = 499
"""What the line of a client that left says: nginx's word for it; it never stands on the wire."""


MODEL_CHARS_MAX = 200
"""Of a provider's own word for the model: it says what it likes, and each character lies in the store for good."""


class Told(Protocol):
    """What a provider says of its answer beside the usage."""

    @property
    def model_answered(self) -> str | None:
        """Its own word for the model."""
        ...

    @property
    def service_tier(self) -> str | None:
        """Its own word for how it served the request: `flex` and `batch` cost less on some cards."""
        ...

    @property
    def provider_cost_nanos(self) -> int | None:
        """What it says the answer costs, in nano-USD."""
        ...


NOTHING_USED = Usage()


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How an exchange ended, and what it used."""

    outcome: Outcome
    status: int
    usage: Usage = NOTHING_USED
    basis: Basis = Basis.UNKNOWN
    target: Target | None = None
    """The one that answered or failed last."""
    lane: str = ""
    said: Told | None = None
    """What the provider said of its answer, where there is one."""
    attempts: int = 0
    first_byte_ms: int | None = None


def line_of(admitted: Admitted, ending: Ending) -> ExchangeLine:
    """Return the line that closes an exchange: its charge is usage x card of the target, or nothing without usage.

    Of a package that holds tokens, the tokens times the model's ratio are taken, and no money.
    """
    hold, target = admitted.hold, ending.target
    funding = admitted.funding_at(target)
    card = None if target is None else target.card
    said = ending.said
    model_answered, service_tier, provider_cost_nanos = None, None, None
    if said is not None:
        model_answered, service_tier, provider_cost_nanos = (
            said.model_answered,
            said.service_tier,
            said.provider_cost_nanos,
        )
    base = fee = micros = 0
    terms = None
    if ending.basis is not Basis.UNKNOWN:
        if funding.ratio_ppm is not None:
            micros = ending.usage.tokens * funding.ratio_ppm
        elif card is not None:
            terms = funding.terms_for(card, service_tier=service_tier)
            charge = charge_for(ending.usage, card, terms=terms, basis=ending.basis)
            base, fee = charge.base_nanos, charge.fee_nanos
    return ExchangeLine(
        exchange_id=hold.exchange_id,
        account_id=hold.account_id,
        key_id=hold.key_id,
        worker_id=hold.worker_id,
        outcome=ending.outcome,
        status=ending.status,
        started_ms=hold.started_ms,
        ended_ms=clock.now_ms(),
        first_byte_ms=ending.first_byte_ms,
        streamed=admitted.peek.streamed,
        lane=ending.lane,
        model_asked=hold.model_asked,
        provider="" if target is None else target.provider.booked_as,
        model_routed="" if target is None else target.model_routed,
        model_answered=None if model_answered is None else model_answered[:MODEL_CHARS_MAX],
        attempts=ending.attempts,
        usage=ending.usage,
        basis=ending.basis,
        card_id=None if card is None else card.id,
        fee_ppm=funding.fee_ppm,
        hold_nanos=hold.amount_nanos,
        base_nanos=base,
        fee_nanos=fee,
        attribution=hold.attribution,
        package_id=funding.package_id,
        package_micros=micros,
        ratio_ppm=funding.ratio_ppm,
        caps=tuple([cap.purse_id for cap in hold.caps]) if hold.caps and base else (),
        price_ppm=funding.price_ppm if terms is None else terms.price_ppm,
        rate_nanos=None if terms is None else terms.rate_nanos,
        provider_cost_nanos=provider_cost_nanos,
    )


DOLLARS = "USD"


def costs_of(line: ExchangeLine, *, currency: str, dollars_name: str | None = None) -> CostFields:
    """Return what the reply says about money: the amounts of the line, to the last nano-unit.

    `dollars_name` is what clients of the brand call a total in dollars.
    """
    return CostFields(
        base_nanos=line.base_nanos,
        fee_nanos=line.fee_nanos,
        total_nanos=line.total_nanos,
        currency=currency,
        package_micros=None if line.ratio_ppm is None else line.package_micros,
        total_name=dollars_name if currency == DOLLARS else None,
    )
