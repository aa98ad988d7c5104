"""Where a request may go and what it needs there: from the names and wishes of a client to targets with prices and a payer.

Decides, and holds nothing. Knows no connection and no SQL: it asks the catalog, and what pays.
"""

import asyncio
import math
import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from tollway.access.cap_rules import is_capped_by_request
from tollway.access.decide import check_model, may_use
from tollway.access.principal import BillingMode, Principal
from tollway.catalog.records import KeyOf, Model, Provider, Target, Timeouts
from tollway.dialects.routing_wishes import model_must_be, without_wishes
from tollway.errors import Refusal
from tollway.neutral.peek import Peek
from tollway.neutral.wishes import MODELS_MAX, NO_WISHES, UNSTEERED, Policy, Wishes
from tollway.pricing.estimate import Ceiling, TokenLimits
from tollway.relay.arrival import Arrival
from tollway.relay.client_keys import bound
from tollway.relay.funding import Funding, Funds
from tollway.relay.need import Need, ceilings_at
from tollway.relay.ports import Models
from tollway.routing.auto import (
    AUTO,
    MODALITY_OF,
    Chosen,
    choose,
    modality_wanted,
    models_of,
    price_nanos,
    refuse_empty,
    wants_auto,
)
from tollway.routing.plan import plan, priced_targets, refuse_unknown
from tollway.routing.policies import Candidate, arrange


class Steered(msgspec.Struct, frozen=True, kw_only=True):
    """What the client's wishes change of an exchange beside its targets."""

    body: bytes | None = None
    """Without what was said to the gateway; None: as it arrived."""
    notice: str = ""
    """What was done otherwise than wished."""
    timeout_s: float | None = None
    """How long one attempt may take; None leaves it to each provider's own timeouts."""
    retries: int | None = None
    """How often a target may be asked again; None leaves it to the deployment."""
    reason: str = ""
    """Why the gateway chose the models that it did; empty where the client named them all."""
    chosen: frozenset[str] = frozenset()
    """The models that the gateway chose."""

    def timeouts_of(self, provider: Provider, *, streamed: bool) -> Timeouts:
        """Return how long an attempt at a provider may wait. Of a stream, the client's limit holds until it begins."""
        timeouts = provider.timeouts
        most = self.timeout_s
        if most is None:
            return timeouts
        begun = {name: min(getattr(timeouts, name), most) for name in ("connect_s", "first_byte_s")}
        if not streamed:
            begun["total_s"] = min(timeouts.total_s, most)
        return msgspec.structs.replace(timeouts, **begun)

    def begin_by(self, loop: asyncio.AbstractEventLoop) -> float | None:
        """Return until when a stream that is asked for now must have begun, as a time of the loop; None leaves it open."""
        return None if self.timeout_s is None else loop.time() + self.timeout_s


AS_ASKED = Steered()

STANDING_MAX = 32_768
"""Keys and models whose plan is remembered, all anew when there are more: 24 MB, where so many keys are at work. With room for
8,192, a request of 12,000 keys in turn took 162 µs in place of 134."""


class Planned(NamedTuple):
    """Where a request may go."""

    model: Model
    """The one that is tried first."""
    need: Need
    steered: Steered


class _Standing(NamedTuple):
    """What every request of a key for a model has in common for a time, where chance decides nothing."""

    principal: Principal
    model: Model
    funding: Funding
    limits: TokenLimits
    targets: tuple[Target, ...]
    ceilings: tuple[Ceiling, ...]
    from_ms: int
    """When the windows of its caps have begun."""
    until_ms: float
    """When the first of them ends."""


class _Named(NamedTuple):
    """The models of a request that has wishes."""

    models: tuple[Model, ...]
    chosen: frozenset[str]
    reason: str
    notice: str


class Planner:
    """Plans each request. Belongs to the event loop."""

    def __init__(self, *, models: Models, funds: Funds, auto: Mapping[str, tuple[str, ...]]) -> None:
        """Take the catalog, what pays, and from which models `auto` is chosen, by modality: none takes all that can."""
        self._models = models
        self._funds = funds
        self._auto = auto
        self._standing: dict[tuple[int, str, str], _Standing] = {}

    def plan(self, arrival: Arrival, peek: Peek) -> Planned:
        """Return where a request may go; raises Refusal when it may go nowhere."""
        asked = peek.model_asked
        standing = self._standing.get((arrival.principal.key_id, asked, arrival.dialect.name))
        if standing is not None and _holds(standing, arrival, peek):
            _, model, funding, limits, targets, ceilings, _, _ = standing
            return Planned(
                model,
                Need(funding=funding, peek=peek, limits=limits, targets=targets, model_id=model.id, ceilings=ceilings),
                AS_ASKED,
            )
        if peek.wishes is not None or arrival.steering is not UNSTEERED or wants_auto(asked):
            return self._steered(arrival, peek, peek.wishes or NO_WISHES)
        model = self._find(arrival, asked)
        if model is None:
            raise refuse_unknown(asked, self._models.suggest(asked))
        planned = self.plan_at(arrival, peek, model)
        self._remember(arrival, planned)
        return planned

    def _remember(self, arrival: Arrival, planned: Planned) -> None:
        """Let the next request of the key for the model have the same plan: 4.3 µs to make, 0.9 to find.

        Not where the moment counts (a package's end, a price to come), chance (several targets), or what the request is for
        (caps of a tag or an end user).
        """
        principal, need, asked = arrival.principal, planned.need, planned.need.peek.model_asked
        if (
            is_capped_by_request(principal)
            or principal.billing is BillingMode.PACKAGE
            or arrival.models is not None
            or arrival.provider is not None
            or len(need.targets) != 1
            or need.targets[0] is not planned.model.targets[0]  # with the price of the moment, or a client's key
        ):
            return
        if len(self._standing) >= STANDING_MAX:
            self._standing.clear()
        (ceiling,) = ceilings = ceilings_at(need.targets, need.funding)
        card = need.targets[0].card
        assert card is not None, "a target without a price is none"
        funding = msgspec.structs.replace(need.funding, known_terms=(card.id, ceiling.terms))
        self._standing[principal.key_id, asked, arrival.dialect.name] = _Standing(
            principal,
            planned.model,
            funding,
            need.limits,
            need.targets,
            ceilings,
            from_ms=max((cap.start_ms for cap in funding.caps), default=0),
            until_ms=min((cap.end_ms for cap in funding.caps if cap.end_ms is not None), default=math.inf),
        )

    def plan_at(self, arrival: Arrival, peek: Peek, model: Model) -> Planned:
        """Return the plan for a model that was found already; raises Refusal when its key may not use it."""
        check_model(arrival.principal, model.id)
        targets = _targets(model, arrival, draw=_draw())
        return Planned(model, self._need(self._fund(arrival, model), peek, model, targets), AS_ASKED)

    def _find(self, arrival: Arrival, asked: str) -> Model | None:
        """Return the model that is asked for: at the provider of the client's header, else as configured, else by path."""
        models = arrival.models or self._models
        if arrival.provider is not None:
            return models.resolve_at(arrival.provider, asked)
        return models.resolve(asked) or models.resolve_by_dialect(arrival.dialect.name, asked)

    def _fund(self, arrival: Arrival, model: Model) -> Funding:
        return self._funds.find(arrival.principal, model, arrival.attribution, now_ms=arrival.received_ms)

    def _need(self, funding: Funding, peek: Peek, model: Model, targets: tuple[Target, ...]) -> Need:
        return Need(
            funding=funding,
            peek=peek,
            limits=TokenLimits(context_tokens=model.context_tokens, output_tokens_max=model.output_tokens_max),
            targets=targets,
            model_id=model.id,
        )

    # -- requests with wishes

    def _steered(self, arrival: Arrival, peek: Peek, wishes: Wishes) -> Planned:
        steering = arrival.steering
        asked = wishes.models or (peek.model_asked or self._where_none_is_named(arrival),)
        peek = msgspec.structs.replace(peek, model_asked=asked[0])
        # What the body says of fallbacks counts before the header, which a program may send with every request.
        behind = wishes.fallbacks or (steering.fallbacks if wishes.fallback else ())
        named = self._named(arrival, tuple(dict.fromkeys((*asked, *behind))), wishes)
        candidates, needs = self._candidates(arrival, peek, named.models, wishes)
        arranged, notice = arrange(candidates, wishes, rates=self._models.rates)
        if arrival.client_key is not None:
            _check_one_holder(arranged)
        first, *others = [needs[id(candidate.target)] for candidate in arranged]
        return Planned(
            arranged[0].model,
            msgspec.structs.replace(first, others=tuple(others)),
            Steered(
                body=None if peek.wishes is None else without_wishes(arrival.body, model=asked[0]),
                notice="; ".join(filter(None, (notice, named.notice))),
                timeout_s=None if steering.timeout_ms is None else steering.timeout_ms / 1000,
                retries=steering.retries,
                reason=named.reason,
                chosen=named.chosen,
            ),
        )

    def _where_none_is_named(self, arrival: Arrival) -> str:
        """Return `auto` where a deployment has said what that is; raises Refusal where it has not."""
        if self._auto.get(MODALITY_OF[arrival.dialect.operation]):
            return AUTO
        raise Refusal("invalid_request", model_must_be(), param="model")

    def _named(self, arrival: Arrival, names: tuple[str, ...], wishes: Wishes) -> _Named:
        """Return the models that names stand for, in order, each once; raises Refusal for those that do not exist."""
        if len(names) > MODELS_MAX:
            raise Refusal(
                "invalid_request", f"A request may name {MODELS_MAX} models in all, fallbacks included.", param="model"
            )
        models: dict[str, Model] = {}
        chosen: Chosen | None = None
        unknown: list[str] = []
        for name in names:
            if wants_auto(name):
                chosen = self._chosen(arrival, name, wishes)
                for model in chosen.models:
                    models.setdefault(model.id, model)
                continue
            model = self._find(arrival, name)
            if model is None:
                unknown.append(name)
            else:
                check_model(arrival.principal, model.id)
                models[name] = model
        if unknown:
            raise refuse_unknown(tuple(unknown), self._models.suggest(unknown[0]))
        if chosen is None:
            return _Named(tuple(models.values()), frozenset(), "", "")
        picked = frozenset(model.id for model in chosen.models) - set(names)
        return _Named(tuple(models.values()), picked, chosen.reason, chosen.notice)

    def _chosen(self, arrival: Arrival, name: str, wishes: Wishes) -> Chosen:
        """Return what `auto` stands for in a request; raises Refusal when there is nothing to choose from."""
        models, now_ms = self._models, arrival.received_ms
        modality = modality_wanted(name, arrival.dialect.operation)
        configured = self._auto.get(modality, ())
        pool = [self._find(arrival, each) for each in configured or [m.id for m in models_of(modality, models.listed)]]
        priced = [
            (model, price)
            for model in pool
            if model is not None
            and may_use(arrival.principal, model.id)
            and (price := price_nanos(model, models.rates, now_ms=now_ms)) is not None
        ]
        baseline = wishes.baseline_model or arrival.steering.baseline_model
        ceiling = None if baseline is None else self._price_of_baseline(arrival, baseline)
        found = choose(priced, bias=wishes.bias, ceiling_nanos=ceiling)
        if found is None:
            raise refuse_empty(modality, bounded=bool(pool))
        return found

    def _price_of_baseline(self, arrival: Arrival, name: str) -> int:
        model = self._find(arrival, name)
        if model is None:
            raise refuse_unknown(name, self._models.suggest(name), param="baseline_model")
        price = price_nanos(model, self._models.rates, now_ms=arrival.received_ms)
        if price is None:
            raise Refusal(
                "invalid_request",
                f"The baseline {name[:200]!r} has no price here: name another.",
                param="baseline_model",
            )
        return price

    def _candidates(
        self, arrival: Arrival, peek: Peek, models: Sequence[Model], wishes: Wishes
    ) -> tuple[list[Candidate], dict[int, Need]]:
        """Return every target of the models that has a price, each place once, and the need at each."""
        candidates: list[Candidate] = []
        needs: dict[int, Need] = {}
        places: set[tuple[str, str]] = set()
        for model in models:
            funding = self._fund(arrival, model)
            for target in _targets(model, arrival, draw=0.0 if wishes.policy is Policy.PINNED else _draw()):
                place = (target.provider.identity, target.model_routed)
                if place not in places:
                    places.add(place)
                    need = needs[id(target)] = self._need(funding, peek, model, (target,))
                    candidates.append(Candidate(model, target, need.as_asked()))
        return candidates, needs


def _holds(standing: _Standing, arrival: Arrival, peek: Peek) -> bool:
    """Tell whether a plan that was made before is that of this request."""
    return (
        standing.principal is arrival.principal
        and peek.wishes is None
        and arrival.steering is UNSTEERED
        and arrival.provider is None
        and arrival.client_key is None
        and standing.from_ms <= arrival.received_ms < standing.until_ms
    )


def _check_one_holder(candidates: Sequence[Candidate]) -> None:
    """Refuse what would send the client's key for one provider to another."""
    takers = dict.fromkeys(
        each.target.provider.name for each in candidates if each.target.provider.key_of is KeyOf.CLIENT
    )
    if len(takers) > 1:
        raise Refusal(
            "invalid_request",
            f"The key that this request brings is for one provider, and {' and '.join(takers)} would all get it: name models "
            "of one of them.",
            param="model",
        )


def _targets(model: Model, arrival: Arrival, *, draw: float) -> tuple[Target, ...]:
    return bound(priced_targets(plan(model, draw=draw), now_ms=arrival.received_ms), arrival.client_key)


def _draw() -> float:
    return random.random()  # noqa: S311  it spreads load, it keeps no secret
