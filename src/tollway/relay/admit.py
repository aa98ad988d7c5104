"""Admission: key, model, price and money, in that order; nothing has been sent to a provider before all four are settled.

Knows no connection and no SQL: it asks the ports.
"""

from collections.abc import Mapping

import msgspec

from tollway.access.decide import check_key
from tollway.access.media_addresses import check_media_addresses
from tollway.access.principal import Principal
from tollway.catalog.records import Model, Reach, Target
from tollway.clock import SteadyClock
from tollway.dialects.record import JSON
from tollway.errors import Refusal, Shortage
from tollway.ledger.lines import Hold
from tollway.neutral.peek import Peek
from tollway.pricing.affordable import affordable_output_tokens
from tollway.pricing.estimate import output_limit
from tollway.relay.arrival import Arrival
from tollway.relay.funding import Funding, Funds
from tollway.relay.meter import EXTENSION_TOKENS, Limit
from tollway.relay.need import Need
from tollway.relay.planning import AS_ASKED, Planned, Planner, Steered
from tollway.relay.ports import Books, KeyDirectory, Models
from tollway.relay.throttle import Throttle, Ticket

OUTPUT_TOKENS_MIN = 16
"""The least output that a limit is lowered to; below, the request is refused. OpenAI answers 400 to a limit under 16, and
an answer of fewer tokens is half a sentence for which the whole input is paid."""

LOWERINGS_MAX = 4
"""How often the limit of one request is lowered: other requests may take what was just found, and each cap may have less
left than the one before."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What the deployment decided about money."""

    worker_id: int
    hold_margin_ms: int
    """How much longer a hold lives than its exchange may last: expiry is a backstop for defects, never a deadline."""
    media_addresses: Reach = Reach.PUBLIC
    """Which addresses clients may send providers to."""
    deadlines: SteadyClock = msgspec.field(default_factory=SteadyClock)
    """The clock by which holds expire: the wall clock, set back or forward, would end those that run."""
    retries: int = 0
    """How often one request may ask a target again, where the client does not say."""
    auto: Mapping[str, tuple[str, ...]] = {}
    """From which models `auto` is chosen, by modality; none takes all that say that they can."""


class Lowered(msgspec.Struct, frozen=True, kw_only=True):
    """An output limit that was lowered to what is affordable."""

    tokens: int
    """Of one choice."""
    because: str
    """What had too little: `balance`, `package`, `daily cap`."""

    @property
    def warning(self) -> str:
        """What the reply's header says of it."""
        return f"lowered: max_tokens to {self.tokens} ({self.because})"


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A request that may be served: who pays, what it asks, where it may go, and the money set aside for it."""

    principal: Principal
    peek: Peek
    model: Model
    need: Need
    hold: Hold
    lowered: Lowered | None = None
    ticket: Ticket | None = None
    """What it was let through with; to be closed when it ends."""
    steered: Steered = AS_ASKED
    retries: int = 0
    """How often a target may be asked again."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """Where the request may go, in order."""
        return self.need.all_targets

    def funding_at(self, target: Target | None) -> Funding:
        """Return who pays, on the terms of a target's model; of no target, on those of the first."""
        return self.need.funding if target is None else self.need.of(target).funding

    @property
    def warning(self) -> str:
        """What was done otherwise than asked; empty when nothing was."""
        if self.lowered is None:
            return self.steered.notice
        return "; ".join(filter(None, (self.lowered.warning, self.steered.notice)))

    def lowered_at(self, lowered: Lowered, target: Target) -> int:
        """Return the lowered limit of one choice as a target gets it: of several models, none more than it can write."""
        most = self.need.of(target).limits.output_tokens_max if self.need.others else None
        return lowered.tokens if most is None else min(lowered.tokens, most)

    def covered(self, target: Target) -> tuple[int, Limit]:
        """Return how many output tokens of a target, over all choices, the hold covers, and whether that limit is kept."""
        peek = self.peek
        if self.lowered is not None:
            return self.lowered_at(self.lowered, target) * peek.choices, Limit.KEPT
        limit = output_limit(peek, self.need.of(target).limits)
        return limit.tokens * peek.choices, Limit.ASSUMED if limit.assumed else Limit.KEPT


class Admission:
    """The one way to a provider."""

    def __init__(
        self,
        *,
        keys: KeyDirectory,
        models: Models,
        books: Books,
        funds: Funds,
        terms: Terms,
        throttle: Throttle | None = None,
    ) -> None:
        """Take the neighbours and the terms; without a throttle, no rate is limited."""
        self._throttle = throttle
        self._keys = keys
        self._models = models
        self._books = books
        self._funds = funds
        self._planner = Planner(models=models, funds=funds, auto=terms.auto)
        self._terms = terms

    def principal(self, key_digest: bytes, *, now_ms: int) -> Principal | None:
        """Return who asks, or None where finding out takes a wait: then `look_up`. Raises Refusal 401 or 403."""
        keys = self._keys
        found = keys.known(key_digest)
        if found is None:
            if not keys.embedded:
                return None
            found = keys.find(key_digest)
        return check_key(found, now_ms=now_ms)

    async def look_up(self, key_digest: bytes, *, now_ms: int) -> Principal:
        """Return who asks; raises Refusal 401, 403 or `not_ready`."""
        return check_key(await self._keys.look_up(key_digest), now_ms=now_ms)

    async def admit(self, arrival: Arrival) -> Admitted:
        """Return the admitted request with its money set aside; raises Refusal, and then nothing is set aside."""
        peek = arrival.dialect.peek(arrival.body, arrival.called)
        if peek.media_parts and self._terms.media_addresses is Reach.PUBLIC and arrival.called.content_type == JSON:
            check_media_addresses(arrival.body)
        planned = self._planner.plan(arrival, peek)
        return self._at_once(arrival, planned) or await self._admit(arrival, planned)

    async def admit_at(self, arrival: Arrival, peek: Peek, model: Model) -> Admitted:
        """Do so for a model that was found already, whatever the request says."""
        return await self._admit(arrival, self._planner.plan_at(arrival, peek, model))

    def _at_once(self, arrival: Arrival, planned: Planned) -> Admitted | None:
        """Return the admitted request where there is nothing to wait for: no limit of rates, and the money at hand."""
        throttle = self._throttle
        if throttle is not None and throttle.concerns(arrival.principal):
            return None
        hold = self._hold(arrival, planned.need)
        return self._admitted(arrival, planned, hold, None) if self._books.try_hold(hold) else None

    async def _admit(self, arrival: Arrival, planned: Planned) -> Admitted:
        throttle = self._throttle
        if throttle is None or not throttle.concerns(arrival.principal):
            return await self._fund(arrival, planned)
        ticket = await throttle.enter(arrival, planned.need.peek, planned.model)
        try:
            admitted = await self._fund(arrival, planned)
        except BaseException:
            if ticket is not None:
                ticket.close(0)
            raise
        return admitted if ticket is None else msgspec.structs.replace(admitted, ticket=ticket)

    async def _fund(self, arrival: Arrival, planned: Planned) -> Admitted:
        hold, lowered = self._hold(arrival, planned.need), None
        if not self._books.try_hold(hold):
            hold, lowered = await self._borrow(hold, planned.need)
        return self._admitted(arrival, planned, hold, lowered)

    def _admitted(self, arrival: Arrival, planned: Planned, hold: Hold, lowered: Lowered | None) -> Admitted:
        model, need, steered = planned
        return Admitted(
            principal=arrival.principal,
            peek=need.peek,
            model=model,
            need=need,
            hold=hold,
            lowered=lowered,
            steered=steered,
            retries=self._terms.retries if steered.retries is None else steered.retries,
        )

    async def extend(self, hold: Hold, need: Need, covered_tokens: int) -> int:
        """Set more aside for a stream that has nearly written `covered_tokens`; return how many are covered then: more.

        By a step, or by what there is. `need` is that of the target which answers: it may be cheaper than the dearest
        one, for which the hold was made, and then nothing has to be set aside. Raises Refusal when nothing is to be had.
        """
        books = self._books
        held = books.held_nanos(hold.exchange_id)
        wanted_tokens = covered_tokens + EXTENSION_TOKENS
        wanted = need.covering(wanted_tokens) - held
        if wanted > 0:
            try:
                await books.extend(hold.exchange_id, wanted)
            except Shortage as shortage:
                left = shortage.available_nanos
                if need.covered_by(held + left) <= covered_tokens:
                    raise self._ended(need, shortage, needed=held + wanted) from None
                try:
                    await books.extend(hold.exchange_id, left)
                except Shortage as another:
                    raise self._ended(need, another, needed=held + wanted) from None
        return need.covered_by(books.held_nanos(hold.exchange_id), guess=wanted_tokens)

    def _ended(self, need: Need, shortage: Shortage, *, needed: int) -> Refusal:
        refusal = self._refuse(need, shortage, needed=needed)
        return Refusal(
            refusal.code,
            f"The answer ends here: nothing more could be set aside for it. {refusal.message}",
            metadata=refusal.metadata,
        )

    def _refuse(self, need: Need, shortage: Shortage, *, needed: int) -> Refusal:
        if shortage.purse_id != need.funding.payer_id:  # a cap: somebody may want to raise it
            self._books.tell_reached(shortage.purse_id)
        return self._funds.refuse(need.funding, shortage, needed=needed)

    def lives_s(self, hold: Hold) -> float:
        """Return in how many seconds a hold expires."""
        return (hold.expires_ms - self._terms.deadlines.now_ms()) / 1000

    def _hold(self, arrival: Arrival, need: Need) -> Hold:
        terms, funding = self._terms, need.funding
        # All that may be tried, one after the other, each for as long as it may.
        lasts_s = 0.0
        for target in need.all_targets:
            lasts_s += target.provider.timeouts.total_s
        principal = arrival.principal
        return Hold(
            exchange_id=arrival.exchange_id,
            account_id=principal.account_id,
            key_id=principal.key_id,
            worker_id=terms.worker_id,
            payer_id=funding.payer_id,
            amount_nanos=need.as_asked(),
            model_asked=need.peek.model_asked,
            started_ms=arrival.received_ms,
            expires_ms=terms.deadlines.now_ms() + terms.hold_margin_ms + round(lasts_s * 1000),
            caps=funding.caps,
            attribution=arrival.attribution,
        )

    async def _borrow(self, hold: Hold, need: Need) -> tuple[Hold, Lowered | None]:
        """Hold what was not at hand: as much as was asked, or else for as much output as is affordable."""
        asked_nanos, lowered = hold.amount_nanos, None
        tokens = need.output_tokens_max
        for lowerings in range(LOWERINGS_MAX + 1):
            try:
                await self._books.hold(hold)
                break
            except Shortage as shortage:
                available, purse_id = shortage.available_nanos, shortage.purse_id
                tokens = affordable_output_tokens(need.with_output, available=available, tokens_max=tokens)
                if tokens < OUTPUT_TOKENS_MIN or lowerings == LOWERINGS_MAX or not need.peek.limit_lowers:
                    raise self._refuse(need, shortage, needed=asked_nanos) from None
            hold = msgspec.structs.replace(hold, amount_nanos=need.with_output(tokens))
            lowered = Lowered(tokens=tokens, because=need.funding.purse_word(purse_id))
        return hold, lowered
