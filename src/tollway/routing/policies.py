"""Which of the targets that may answer are tried, and in which order: one table of policies. Pure.

What a policy must know of a target stands in its Candidate. A policy by what was measured is one more function in the
table, over candidates that carry the measurement.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tollway.catalog.rates import RateTable
from tollway.catalog.records import Model, PriceCard, Target
from tollway.errors import Refusal
from tollway.money import NANOS_PER_UNIT, PPM, divide_up, render_amount
from tollway.neutral.wishes import Policy, Wishes

WISH_CURRENCY = "USD"
"""What `max_cost_per_1m_input` is in."""


class Candidate(NamedTuple):
    """A target that may answer."""

    model: Model
    """The one that it is a target of."""
    target: Target
    """With the card in force."""
    need_nanos: int
    """The most that this request takes there, in the payer's unit."""


Order = Callable[[Sequence[Candidate]], Sequence[Candidate]]


class Rule(NamedTuple):
    """What a policy does."""

    order: Order
    unmeasured: bool = False
    """It goes by what nobody measures yet: the order is the configured one, and the client is told."""


def as_configured(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Return them as they are."""
    return candidates


def cheapest_first(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Return them by what this request costs at most; equals keep their order."""
    return sorted(candidates, key=lambda candidate: candidate.need_nanos)


def first_alone(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Return the first one."""
    return candidates[:1]


POLICIES: Mapping[Policy, Rule] = {
    Policy.LOWEST_COST: Rule(cheapest_first),
    Policy.PINNED: Rule(first_alone),
    Policy.LOWEST_LATENCY: Rule(as_configured, unmeasured=True),
    Policy.HIGHEST_THROUGHPUT: Rule(as_configured, unmeasured=True),
}


class Arranged(NamedTuple):
    """What is tried."""

    candidates: Sequence[Candidate]
    """At least one."""
    notice: str
    """What was done otherwise than asked; empty when nothing was."""


def arrange(candidates: Sequence[Candidate], wishes: Wishes, *, rates: RateTable) -> Arranged:
    """Return what is tried, in order; raises Refusal `invalid_request` when a wish leaves nothing, saying which."""
    if wishes.providers:
        candidates = _at_providers(candidates, wishes.providers)
    if wishes.input_price_max_nanos is not None:
        candidates = _within_price(candidates, wishes.input_price_max_nanos, rates)
    notice = ""
    if wishes.policy is not None:
        rule = POLICIES[wishes.policy]
        candidates = rule.order(candidates)
        if rule.unmeasured and len(candidates) > 1:
            notice = f"routing.policy {wishes.policy.value}: nothing is measured yet, the configured order is kept"
    return Arranged(candidates if wishes.fallback else candidates[:1], notice)


def input_price_nanos(card: PriceCard, *, price_ppm: int, rates: RateTable, currency: str) -> int:
    """Return what a million tokens of input cost by a card times a factor, in nano-units of `currency`."""
    rate = rates.rate_nanos(card.currency, currency)
    return divide_up(card.input * price_ppm * (NANOS_PER_UNIT if rate is None else rate), PPM * NANOS_PER_UNIT)


def _at_providers(candidates: Sequence[Candidate], providers: tuple[str, ...]) -> Sequence[Candidate]:
    """Return those of the named providers, of each model in the order in which the providers are named."""
    places = {model: place for place, model in enumerate(dict.fromkeys(each.model.id for each in candidates))}
    kept = [each for each in candidates if each.target.provider.name in providers]
    if not kept:
        known = ", ".join(dict.fromkeys(each.target.provider.name for each in candidates))
        raise Refusal(
            "invalid_request",
            f"None of the providers that `routing.providers` names has {_named(places)}: here it is at {known}.",
            param="routing",
        )
    return sorted(kept, key=lambda each: (places[each.model.id], providers.index(each.target.provider.name)))


def _within_price(candidates: Sequence[Candidate], most_nanos: int, rates: RateTable) -> Sequence[Candidate]:
    if WISH_CURRENCY not in rates.currencies:
        raise Refusal(
            "invalid_request",
            f"`routing.max_cost_per_1m_input` is in {WISH_CURRENCY}, and nobody has said here what that is worth: leave it "
            f"out. The operator may set {rates.missing(WISH_CURRENCY)}.",
            param="routing",
        )
    prices = [_price_in_wish(each, rates) for each in candidates]
    kept = [each for each, price in zip(candidates, prices, strict=True) if price <= most_nanos]
    if not kept:
        cheapest = render_amount(min(prices))
        raise Refusal(
            "invalid_request",
            f"A million tokens of input cost {cheapest} {WISH_CURRENCY} at least, and `routing.max_cost_per_1m_input` is "
            f"{render_amount(most_nanos)}: raise it to {cheapest}, or ask for another model.",
            param="routing",
        )
    return kept


def _price_in_wish(candidate: Candidate, rates: RateTable) -> int:
    card = candidate.target.card
    assert card is not None, "only targets with a price are candidates"
    return input_price_nanos(card, price_ppm=candidate.model.price_ppm, rates=rates, currency=WISH_CURRENCY)


def _named(models: Mapping[str, int]) -> str:
    return " or ".join(repr(model[:200]) for model in models)
