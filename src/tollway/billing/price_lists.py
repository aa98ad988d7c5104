"""What a million tokens of each model cost somebody, platform fee and all: the list that people compare. Pure."""

from collections.abc import Iterable

import msgspec

from tollway.catalog.rates import RateTable
from tollway.catalog.records import Model, PriceCard, card_at
from tollway.errors import Refusal
from tollway.money import PPM
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.charge import Charge, PriceTerms, charge_for, combined_ppm

MILLION = 1_000_000


class ListTerms(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a list is made."""

    currency: str
    fee_ppm: int
    price_ppm: int = PPM
    """An account's discount or markup."""


class ListedPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What a model costs."""

    model: str
    input: Charge
    """Of a million tokens."""
    output: Charge
    """Of a million tokens."""


def list_prices(models: Iterable[Model], rates: RateTable, terms: ListTerms, *, now_ms: int) -> tuple[ListedPrice, ...]:
    """Return the prices of models that have one, in order of id; of several targets, those of the dearest.

    The lowest tier of each: what a request of ordinary length costs.
    """
    found = (_listed(model, rates, terms, now_ms=now_ms) for model in sorted(models, key=lambda model: model.id))
    return tuple(listed for listed in found if listed is not None)


def _listed(model: Model, rates: RateTable, terms: ListTerms, *, now_ms: int) -> ListedPrice | None:
    priced: list[ListedPrice] = []
    for target in model.targets:
        card = card_at(target, now_ms)
        if card is None:
            return None
        try:
            rate_nanos = rates.rate_nanos(card.currency, terms.currency)
        except Refusal:
            return None  # nobody can pay for it in this currency
        charged = PriceTerms(
            fee_ppm=terms.fee_ppm,
            price_ppm=combined_ppm(model_ppm=model.price_ppm, account_ppm=terms.price_ppm),
            rate_nanos=rate_nanos,
        )
        priced.append(
            ListedPrice(
                model=model.id,
                input=_charge(Usage(input=MILLION), card, charged),
                output=_charge(Usage(output=MILLION), card, charged),
            )
        )
    return max(priced, key=lambda listed: (listed.output.total_nanos, listed.input.total_nanos))


def _charge(usage: Usage, card: PriceCard, terms: PriceTerms) -> Charge:
    flat = msgspec.structs.replace(card, tiers=(), call=None)
    return charge_for(usage, flat, terms=terms, basis=Basis.REPORTED)
