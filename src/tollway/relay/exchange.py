"""One exchange: a request is admitted, tried at its targets, relayed, and settled before its last byte leaves.

Read this file first: everything else is something that it calls. What can be decided without waiting is decided by
pure modules; the neighbours are reached through `ports.py`.
"""

import asyncio
import random
from collections.abc import Mapping
from typing import NamedTuple

from tollway import clock
from tollway.access.principal import ShownCosts
from tollway.catalog.records import Spoken, Target
from tollway.dialects.record import JSON, CostFields, Dialect, Stream
from tollway.errors import FailureKind, Refusal, UpstreamFailure
from tollway.ledger.lines import ExchangeLine, Outcome
from tollway.logs import get_log
from tollway.neutral.usage import Basis, Usage
from tollway.pricing.estimate import settled_usage
from tollway.relay import counting
from tollway.relay.admit import Admission, Admitted
from tollway.relay.affording import afford
from tollway.relay.arrival import Arrival
from tollway.relay.attempts import Happened, Setback, attempts, explain
from tollway.relay.meter import Meter
from tollway.relay.notices import Notices
from tollway.relay.passage import LARGE_BYTES, Passage, Passages
from tollway.relay.ports import Answer, Books, Cards, Client, Upstream
from tollway.relay.pump import Outlet, pump
from tollway.relay.settlement import NOTHING_USED, STATUS_CLIENT_GONE, Ending, Told, costs_of, line_of
from tollway.relay.signatures import Signers, left_out, request_lines
from tollway.relay.ways import Ways, bills_on
from tollway.relay.wire import RequestHeads, comes_whole, content_type_of, provider_refusal, struck

log = get_log(__name__)

DRAIN_S = 60.0
"""How long a provider that bills to the end is read on after the client has left."""

DRAINS_MAX = 64
"""How many such providers one worker reads on at once, less than a tenth of the streams it is built for: clients that
come and leave at once must not fill it. Beyond, the provider's connection is closed, and the charge is an estimate."""

READ_MARGIN_S = 60.0
"""How long before its hold expires a client must have read a stream. One that takes a few bytes at a time would keep its
provider waiting, or what it sent, until there is no hold to charge it to. Longer than `pump.KEEPALIVE_S`, which is how often
that is looked at; and the provider, which has a time limit of its own, is over by then."""


class Outward(NamedTuple):
    """The way to providers."""

    upstream: Upstream
    signers: Signers
    dialects: Mapping[str, Dialect]
    """Every dialect that a provider may speak, by its name."""


class Relay:
    """Serves requests: one Exchange each."""

    def __init__(self, *, admission: Admission, books: Books, cards: Cards, outward: "Outward") -> None:
        """Take the neighbours. Belongs to the running event loop."""
        # Kept, because asking for the running one costs a system call (CPython 3.11 looks for forks).
        self.loop = asyncio.get_running_loop()
        self.admission = admission
        self.books = books
        self.upstream = outward.upstream
        self.signers = outward.signers
        self.dialects = outward.dialects
        self.cards = cards
        self.request_heads = RequestHeads()
        self.ways = Ways()
        self.drains = 0
        """How many providers are read on for clients that have left."""

    async def serve(self, arrival: Arrival, client: Client) -> None:
        """Answer one request; raises Refusal when it is answered with an error and nothing was sent yet."""
        admitted = await self.admission.admit(arrival)
        if admitted.steered.body is not None:
            arrival = arrival.asking(admitted.steered.body)
        await Exchange(self, arrival, admitted, client).run()


class Exchange:
    """One admitted request on its way. Its hold is closed exactly once, whatever happens."""

    # What most exchanges never come to stands here, so that each sets only what it has.
    _outlet: Outlet | None = None
    _pipe: Stream | None = None
    _meter: Meter | None = None
    _drain: asyncio.TimerHandle | None = None
    _task: asyncio.Task[None] | None = None
    _target: Target | None = None
    _attempts = 0
    _begin_by: float | None = None
    _lane = ""
    _spoken: Spoken | None = None
    _first_byte_ms: int | None = None
    _closed = False

    def __init__(self, relay: Relay, arrival: Arrival, admitted: Admitted, client: Client) -> None:
        """Take the request and the client; nothing happens before `run`."""
        self._relay = relay
        self._arrival = arrival
        self._admitted = admitted
        self._client = client
        self._passages = Passages(relay.dialects, arrival, admitted, ways=relay.ways)
        self._notices = Notices(admitted)

    async def run(self) -> None:
        """Try the targets in order, relay the first answer, settle; raises Refusal when none answered."""
        client = self._client
        self._task = asyncio.current_task(self._relay.loop)
        client.watch(self._on_gone)
        if self._admitted.peek.streamed:
            # So that whatever reaches the client leaves a line. Where that takes a commit, the provider thinks meanwhile.
            recorded = self._relay.books.announce(self._arrival.exchange_id)
            self._outlet = Outlet(client, b"", recorded=recorded)
            self._show_head()
            self._outlet.keepalive = self._arrival.dialect.keepalive
            self._outlet.open(for_s=self._relay.admission.lives_s(self._admitted.hold) - READ_MARGIN_S)
        try:
            if client.gone:  # while its money was being borrowed
                await self._leave()
                return
            try:
                began_s = self._relay.loop.time()
                setback = await self._attempt(self._admitted.need.targets[0])
                refusal = None if setback is None else await self._try_others(setback, began_s=began_s)
            except Refusal as refused:
                refusal = refused
            if refusal is not None:
                await self._fail(refusal)
        except asyncio.CancelledError:
            await self._cut_short()
        finally:
            client.watch(None)
            if self._outlet is not None:
                self._outlet.close()
            if self._meter is not None:
                self._meter.close()
            if self._drain is not None:
                self._drain.cancel()
                self._relay.drains -= 1
            if not self._closed:  # a defect of ours: the client gets a 500, and what failed is free
                self._record(self._line(Outcome.FAILED, 500))

    # -- the attempts

    async def _try_others(self, setback: Setback, *, began_s: float) -> Refusal | None:
        """Try on after the first target; return the refusal when none served, or raise it."""
        admitted = self._admitted
        tries = attempts(admitted.targets, retries=admitted.retries)
        target, _ = next(tries)
        while True:
            failed = explain(setback, provider=target.provider.name)
            log.warning(
                "an attempt failed",
                request_id=self._arrival.request_id,
                provider=target.provider.name,
                model=target.model_routed,
                reason=failed.message,
            )
            try:
                elapsed_s = self._relay.loop.time() - began_s
                target, after_s = tries.send(Happened(setback, elapsed_s, draw=random.random()))  # noqa: S311  no secret
            except StopIteration as stop:
                return stop.value
            if after_s and not self._client.gone:
                await asyncio.sleep(after_s)
            if self._client.gone:
                return failed  # nobody is left to buy another attempt for
            another = await self._attempt(target)
            if another is None:
                return None
            setback = another

    async def _attempt(self, target: Target) -> Setback | None:
        """Try one target; return what went wrong while the client had nothing of an answer, or None when it was served."""
        arrival, admitted, relay = self._arrival, self._admitted, self._relay
        if arrival.dialect.render_count is not None:
            count = counting.estimated_count(arrival, admitted.peek, target)
            if count is not None:
                return await self._answer_estimate(count)
        provider = target.provider
        self._target = target
        card = target.card
        if card is not None and not relay.cards.known(card):
            # Before anything is sent: what cannot be charged must not be bought.
            await relay.cards.record(card)
        try:
            passages = self._passages
            large = len(arrival.body) >= LARGE_BYTES
            passage = await passages.through_beside(target) if large else passages.through(target)
            self._notices.drop(left_out(arrival, passage))
        except Refusal as refusal:
            return refusal
        self._attempts += 1
        outlet = self._outlet
        if outlet is not None:
            self._show_head()
        self._lane, self._spoken = passage.lane, passage.spoken
        try:
            lines = await request_lines(arrival, provider, passage, relay.signers)
            request = relay.request_heads.request(provider, passage, lines)
            timeouts = admitted.steered.timeouts_of(provider, streamed=outlet is not None)
            self._begin_by = admitted.steered.begin_by(relay.loop)
            answer = await relay.upstream.send(passage.spoken.origin, request, timeouts=timeouts)
        except UpstreamFailure as failure:
            return failure
        try:
            self._first_byte_ms = clock.now_ms()
            if answer.status != 200:
                return await self._provider_refusal(answer, passage, target)
            if outlet is not None:
                if outlet.started or not comes_whole(answer.headers, passage.speaks):
                    return await self._relay_stream(answer, passage, target, outlet)
                outlet.close()  # no comment may come before what is answered whole
            return await self._relay_whole(answer, passage, target)
        finally:
            answer.release()

    def _show_head(self) -> None:
        """Make the head of a stream that has not begun, with what is to be said in it."""
        outlet, arrival = self._outlet, self._arrival
        if outlet is not None and not outlet.started:
            kind = arrival.dialect.stream_type(self._admitted.peek)
            outlet.head = arrival.heads.stream(kind, request_id=arrival.request_id, extra=self._lines())

    def _lines(self) -> bytes:
        return self._notices.lines(self._arrival.heads, self._target if self._attempts else None, self._attempts)

    async def _provider_refusal(self, answer: Answer, passage: Passage, target: Target) -> Setback:
        try:
            body = await answer.read()
        except UpstreamFailure as failure:
            return failure
        error = passage.parse_error(answer.status, body)
        return provider_refusal(answer.status, answer.headers, error, target.provider)

    # -- the two ways to relay an answer

    async def _relay_whole(self, answer: Answer, passage: Passage, target: Target) -> Setback | None:
        try:
            read = passage.read_answer(await answer.read(), content_type_of(answer.headers))
        except UpstreamFailure as failure:
            return struck(failure, target.provider)
        answer.release()
        arrival, client = self._arrival, self._client
        usage, basis = self._known_or_estimated(read.usage, read.text_bytes, 0)
        outcome, status = (Outcome.DRAINED, STATUS_CLIENT_GONE) if client.gone else (Outcome.COMPLETED, 200)
        # The reply is made before the charge: an answer that we cannot write must not be paid for.
        draft = self._line(outcome, status, usage=usage, basis=basis, said=read)
        costs = self._costs(draft)
        body = passage.write_answer(read, costs, usage)
        line, durable = await self._settle(draft)
        if line.written_off_nanos:
            costs = self._costs(line)
            body = passage.write_answer(read, costs, usage)
        heads, extra = arrival.heads, self._lines()
        if costs is not None:
            extra += heads.cost_cents(costs)
            if read.content_type != JSON:
                extra += heads.cost(costs)
        head = heads.whole(200, read.content_type, request_id=arrival.request_id, length=len(body), extra=extra)
        self._keep(head, body)
        await durable
        await client.respond(head, body)
        return None

    async def _answer_estimate(self, body: bytes) -> None:
        """Answer without a provider: such an answer is free."""
        self._notices.add(counting.NOTICE)
        self._target = None  # one that was tried before did not answer this
        _, durable = await self._settle(self._line(Outcome.COMPLETED, 200, basis=Basis.COUNTED))
        heads, extra = self._arrival.heads, self._lines()
        head = heads.whole(200, JSON, request_id=self._arrival.request_id, length=len(body), extra=extra)
        self._keep(head, body)
        await durable
        await self._client.respond(head, body)

    async def _relay_stream(self, answer: Answer, passage: Passage, target: Target, outlet: Outlet) -> Setback | None:
        pipe = self._pipe = passage.open_stream()
        covered_tokens, limit = self._admitted.covered(target)
        self._meter = Meter(covered_tokens=covered_tokens, limit=limit, extend=self._extend)
        try:
            await pump(answer, pipe, outlet, self._meter, begin_by=self._begin_by)
        except UpstreamFailure as broken:
            failure = struck(broken, target.provider)
            if not pipe.content_started:
                self._pipe = None
                return failure
            await self._end_early(explain(failure, provider=target.provider.name), Outcome.UPSTREAM_BROKE)
            return None
        except Refusal as refusal:
            answer.release()  # nothing more may be bought
            await self._end_early(refusal, Outcome.OUT_OF_MONEY)
            return None
        usage, basis = self._delivered(pipe)
        outcome, status = (Outcome.DRAINED, STATUS_CLIENT_GONE) if self._client.gone else (Outcome.COMPLETED, 200)
        line, durable = await self._settle(self._line(outcome, status, usage=usage, basis=basis, said=pipe))
        tail = pipe.end(self._costs(line), usage)
        self._keep(outlet.head, tail)
        await durable
        await outlet.finish(tail)
        return None

    async def _extend(self, covered_tokens: int) -> int:
        assert self._target is not None, "a stream belongs to an attempt"
        need = self._admitted.need.at(self._target)
        return await self._relay.admission.extend(self._admitted.hold, need, covered_tokens)

    # -- the ends that nobody wished for

    async def _end_early(self, refusal: Refusal, outcome: Outcome) -> None:
        """End a stream after its content began and before its answer did: what was delivered is paid, and why is told."""
        pipe, outlet = self._pipe, self._outlet
        assert pipe is not None, "there is a stream to end"
        assert outlet is not None, "and a client to tell"
        usage, basis = self._delivered(pipe)
        status = STATUS_CLIENT_GONE if self._client.gone else 200
        line, durable = await self._settle(self._line(outcome, status, usage=usage, basis=basis, said=pipe))
        end = pipe.cut if outcome is Outcome.OUT_OF_MONEY else pipe.break_off
        tail = end(self._error(refusal), self._costs(line), usage)
        self._keep(outlet.head, tail)
        await durable
        await outlet.finish(tail)

    async def _fail(self, refusal: Refusal) -> None:
        """Void the hold: nothing of an answer reached the client, so it is free."""
        self._record(self._line(Outcome.FAILED, refusal.facts.status))
        if self._outlet is None or not self._outlet.started:
            if self._target is not None and self._attempts:
                refusal.attempted = (self._target.provider.name, self._attempts)
            raise refusal
        # Only comments have been sent, but the head is out: the error can only be told inside the stream.
        pipe = self._arrival.dialect.open_stream(self._admitted.peek)
        await self._outlet.finish(pipe.break_off(self._error(refusal), None, None))

    def _error(self, refusal: Refusal) -> bytes:
        arrival = self._arrival
        return arrival.heads.error(refusal, request_id=arrival.request_id, render_error=arrival.dialect.render_error)

    def _on_gone(self) -> None:
        """React to the client's leaving: stop the provider, or read on where it would bill to the end anyway.

        An answer that comes in one piece is always read to its end: no provider stops for a closed connection then,
        and only its end tells what it cost.
        """
        task, relay = self._task, self._relay
        if task is None or self._closed or not self._admitted.peek.streamed:
            return
        # Who keeps the answer for the client's next try wants all of it.
        if (bills_on(self._spoken, self._target) or self._arrival.keeper is not None) and relay.drains < DRAINS_MAX:
            relay.drains += 1
            self._drain = relay.loop.call_later(DRAIN_S, self._end_drain)
        else:
            task.cancel()

    def _end_drain(self) -> None:
        if self._task is not None and not self._closed:
            self._task.cancel()

    async def _cut_short(self) -> None:
        """Settle after a cancellation: the client has left, or Tollway is being stopped."""
        if self._closed:  # settled, and being stopped while the last bytes waited: they must not look finished
            self._client.abort()
        elif self._client.gone:
            await self._leave()
        elif self._pipe is not None and self._target is not None and self._pipe.content_started:
            stopping = UpstreamFailure(FailureKind.BROKE, "this gateway is being stopped; send the request again")
            await self._end_early(explain(stopping, provider=self._target.provider.name), Outcome.SHUT_DOWN)
        else:
            await self._fail(Refusal("upstream_unavailable", "This gateway is being stopped: send the request again."))

    async def _leave(self) -> None:
        """Charge a client that left for what was generated until then: nothing before the answer began."""
        if self._pipe is None:
            await self._settle(self._line(Outcome.CLIENT_GONE, STATUS_CLIENT_GONE))
        else:  # nobody reads how it ends, unless the client asks again for what was kept
            left = Refusal("upstream_error", "The client had left, and the answer was not read to its end.")
            await self._end_early(left, Outcome.CLIENT_GONE)

    # -- settlement

    def _costs(self, line: ExchangeLine) -> CostFields | None:
        """Return what the reply says about money; None for a key whose replies say nothing."""
        principal = self._admitted.principal
        if principal.costs is ShownCosts.HIDDEN:
            return None
        return costs_of(line, currency=principal.currency, dollars_name=self._arrival.dollars_name)

    def _delivered(self, pipe: Stream) -> tuple[Usage, Basis]:
        return self._known_or_estimated(pipe.usage, pipe.delivered_text_bytes, pipe.delivered_events)

    def _known_or_estimated(self, usage: Usage | None, text_bytes: int, events: int) -> tuple[Usage, Basis]:
        peek, target = self._admitted.peek, self._target
        if not peek.billed:
            return Usage(), Basis.COUNTED
        card = None if target is None else target.card
        return settled_usage(usage, peek, card, text_bytes=text_bytes, events=events)

    def _line(
        self,
        outcome: Outcome,
        status: int,
        *,
        usage: Usage = NOTHING_USED,
        basis: Basis = Basis.UNKNOWN,
        said: Told | None = None,
    ) -> ExchangeLine:
        """Return the line that closes the exchange; `said` is what the provider said of its answer."""
        ending = Ending(
            outcome=outcome,
            status=status,
            usage=usage,
            basis=basis,
            target=self._target,
            lane=self._lane,
            said=said,
            attempts=self._attempts,
            first_byte_ms=self._first_byte_ms,
        )
        return line_of(self._admitted, ending)

    async def _settle(self, line: ExchangeLine) -> tuple[ExchangeLine, asyncio.Future[None]]:
        """Close the hold with a line; what the line costs beyond it is set aside first, as far as it is to be had."""
        try:
            if line.paid > line.hold_nanos:
                await afford(self._relay.books, self._arrival.exchange_id, line.paid)
        finally:  # cancelled or not: what was bought is charged
            recorded = self._record(line)
        return recorded

    def _record(self, line: ExchangeLine) -> tuple[ExchangeLine, asyncio.Future[None]]:
        assert not self._closed, "an exchange is settled exactly once"
        self._closed = True
        line, durable = self._relay.books.close(line)
        if self._admitted.ticket is not None:
            self._admitted.ticket.close(line.usage.tokens)
        if self._arrival.keeper is not None:
            self._arrival.keeper.settled(line)
        return line, durable

    def _keep(self, head: bytes, rest: bytes) -> None:
        if self._arrival.keeper is not None:
            self._arrival.keeper.keep(head, rest)
