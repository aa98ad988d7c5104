"""Limits of rates for requests: asks the counters before money is set aside, and tells them how a request ended.

Knows no connection, and not where it is counted: in this process, on this host, or across several.
"""

from collections.abc import Callable, Sequence

import msgspec

from tollway.access.limit_rules import (
    NO_HOURLY,
    Defaults,
    Hourly,
    Named,
    comers_for,
    has_limits,
    limit_reached,
    limits_for,
    too_many,
)
from tollway.access.limits import LimitScope, RateRule
from tollway.access.principal import Principal
from tollway.access.terms import EACH
from tollway.catalog.records import Model
from tollway.limits.rates import Measure, Membership, Verdict
from tollway.money import divide_up
from tollway.neutral.peek import Peek
from tollway.pricing.estimate import BYTES_PER_TOKEN
from tollway.relay.arrival import Arrival
from tollway.relay.ports import Counters
from tollway.settings import LimitsSettings

OUTPUT_TOKENS_THOUGHT = 1000
"""What an answer is thought to have at most where the client gives no limit: more than nearly all have. What it has
beyond is counted when it is known; the model's own limit would leave room for a few requests a minute."""

MEDIA_PART_TOKENS_THOUGHT = 1500
"""Of a picture or a sound in the body, whose bytes say nothing: a picture of a million pixels has about so many."""

MEDIA_TEXT_TOKENS_THOUGHT = 4000
"""The most that the text beside them is thought to have."""


class Ticket:
    """What was counted for a request that was let through, until it ends."""

    __slots__ = ("_counters", "_reserved", "_rules", "_taken_ms")

    def __init__(self, counters: Counters, rules: Sequence[Named], *, reserved: int, taken_ms: int) -> None:
        """Take the rules that it was counted for, with how many tokens, and when by the clock of the counters."""
        self._counters = counters
        self._rules = rules
        self._reserved = reserved
        self._taken_ms = taken_ms

    def close(self, tokens: int) -> None:
        """Say that it has ended, and how many tokens it used. Called once."""
        self._counters.finish(self._rules, reserved=self._reserved, used=tokens, taken_ms=self._taken_ms)


class Throttle:
    """Lets requests through as fast as their limits allow."""

    def __init__(
        self,
        counters: Counters,
        *,
        defaults: Defaults,
        lines: Callable[[Verdict], bytes],
        hourly: Hourly = NO_HOURLY,
    ) -> None:
        """Take the counters, what the deployment set for each scope, and what makes header lines of a verdict.

        `hourly` is how many different ones may come in an hour.
        """
        self._counters = counters
        self._defaults = defaults
        self._hourly = hourly
        self._for_all = bool(defaults) or hourly != NO_HOURLY
        self._by_address = LimitScope.KEY_IP in defaults or LimitScope.IP in defaults or hourly != NO_HOURLY
        self._lines = lines

    def concerns(self, principal: Principal) -> bool:
        """Tell whether a key's requests may be limited: nearly all deployments answer no, so it is asked first."""
        return self._for_all or has_limits(principal)

    async def enter(self, arrival: Arrival, peek: Peek, model: Model) -> Ticket | None:
        """Count a request; return what is to be closed when it ends, if anything is. Raises Refusal 429."""
        principal, peer = arrival.principal, arrival.peer
        address = peer.address if self._by_address and peer is not None else ""
        rules = limits_for(principal, self._defaults, end_user=arrival.attribution.end_user, address=address)
        comers = comers_for(principal, self._hourly, address=address)
        if not rules and not comers:
            return None
        tokens = thought_tokens(peek, model)
        memberships = [Membership(comer.name, comer.member, comer.limit) for comer in comers]
        verdict = await self._counters.take(rules, tokens=tokens, memberships=memberships)
        if peer is not None:
            peer.tell(self._lines(verdict))
        refused = verdict.refused
        if refused is not None:
            wait_s = divide_up(refused.wait_ms, 1000)
            if refused.measure is Measure.MEMBERS:
                raise too_many(comers[refused.place], retry_after_s=wait_s)
            _, rule = rules[refused.place]
            raise limit_reached(rule, measure=refused.measure.value, limit=refused.limit, retry_after_s=wait_s)
        if any(rule.tpm is not None or rule.concurrency is not None for _, rule in rules):
            return Ticket(self._counters, rules, reserved=tokens, taken_ms=verdict.at_ms)
        return None


def defaults_of(limits: LimitsSettings) -> Defaults:
    """Return what the operator set, by scope."""
    rules = [
        RateRule(scope=scope, subject=EACH, **msgspec.structs.asdict(getattr(limits, scope.value)))
        for scope in LimitScope
    ]
    return {rule.scope: rule for rule in rules if rule != RateRule(scope=rule.scope, subject=EACH)}


def hourly_of(limits: LimitsSettings) -> Hourly:
    """Return how many different ones the operator lets come in an hour."""
    return Hourly(ips_per_key=limits.ips_per_key_hour, keys_per_ip=limits.keys_per_ip_hour)


def thought_tokens(peek: Peek, model: Model) -> int:
    """Return about how many tokens a request will use, input and output together. Never used for money."""
    if not peek.billed:
        return 0
    known = peek.estimated or peek.counted
    if known is not None:
        return known.tokens
    tokens_in = divide_up(peek.body_bytes, BYTES_PER_TOKEN)
    if peek.media_parts:
        tokens_in = min(tokens_in, MEDIA_TEXT_TOKENS_THOUGHT) + peek.media_parts * MEDIA_PART_TOKENS_THOUGHT
    tokens_out = peek.output_tokens_max
    if tokens_out is None:
        tokens_out = min(OUTPUT_TOKENS_THOUGHT, model.output_tokens_max or OUTPUT_TOKENS_THOUGHT)
    return tokens_in + tokens_out * peek.choices
