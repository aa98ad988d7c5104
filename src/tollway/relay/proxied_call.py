"""One call that belongs to no dialect: admitted like every request, passed on byte for byte, charged once when it is answered.

Read `exchange.py` first: this is its shape where nothing of an answer is understood, and its price is known beforehand.
"""

import asyncio
from http import HTTPStatus
from urllib.parse import unquote

from tollway import clock
from tollway.access.principal import BillingMode, Principal, ShownCosts
from tollway.access.terms import PackageUnit
from tollway.catalog.records import CallPrice, Model, Provider, Target
from tollway.dialects.record import Lane
from tollway.errors import Refusal, UpstreamFailure
from tollway.ledger.lines import ExchangeLine, Outcome
from tollway.logs import get_log
from tollway.money import PPM
from tollway.neutral.peek import Peek
from tollway.neutral.usage import Basis, Usage
from tollway.relay.admit import Admitted
from tollway.relay.arrival import Arrival
from tollway.relay.attempts import explain
from tollway.relay.client_keys import key_line
from tollway.relay.exchange import READ_MARGIN_S, Relay
from tollway.relay.own_models import AccountModels, OwnModels
from tollway.relay.ports import Answer, Client
from tollway.relay.proxied_request import Call, dialect_at, price_of, request_of, target_of
from tollway.relay.pump import Outlet
from tollway.relay.settlement import STATUS_CLIENT_GONE, Ending, costs_of, line_of
from tollway.relay.signatures import Signable
from tollway.relay.wire import content_type_of, retry_after_s, strike, struck

log = get_log(__name__)

WHOLE_BYTES_MAX = 1024 * 1024
"""An answer whose length is known and no more than this is sent with it; any other is streamed."""

ASKED_CHARS_MAX = 200
"""Of method and path, as they stand on the line of a call."""

SHOWN = 100
_KNOWN = frozenset(HTTPStatus)
ANSWERED = range(200, 300)
"""What is charged."""
BODILESS = frozenset({204, 205, 304})
STATUS_JUNK = 502
"""What is told where a provider answers with a status that HTTP does not know."""
STATUS_STREAMED = 200
"""The only one that a stream begins with; others come with short answers. Told too for one that HTTP does not know."""


class ProxiedCalls:
    """Passes calls on. Belongs to the running event loop."""

    def __init__(self, relay: Relay, own: OwnModels, *, ours: tuple[bytes, ...]) -> None:
        """Take the relay, the deployment's providers beside those of accounts, and how headers begin that are ours."""
        self.relay = relay
        self._providers = own.providers
        self._own_price_ppm = own.price_ppm
        self.ours = ours

    def finds(self, name: str | None, models: AccountModels | None) -> Provider | None:
        """Return the provider that a call goes to: of the header's name, the account's own first, else its default one.

        None where neither leads anywhere; raises Refusal 404 for a name that nobody has.
        """
        own = None if models is None else models.provider(name)
        if own is not None or name is None:
            return own
        found = self._providers.get(name)
        if found is None:
            raise Refusal("not_found", f"There is no provider {name[:SHOWN]!r} here.")
        return found

    async def serve(self, arrival: Arrival, call: Call, provider: Provider, client: Client) -> None:
        """Answer one call; raises Refusal when it is answered with an error and nothing was sent yet."""
        dialect = dialect_at(provider, call, self.relay.dialects)
        if dialect is not None:
            raise _in_a_dialect(provider, call, dialect)
        price = price_of(provider, call)
        if price is None:
            raise _unpriced(provider, call)
        _check_package(arrival.principal)
        key_line(provider, arrival.client_key)  # told to be missing before money is set aside
        model = self._model(provider, call, price)
        admitted = await self.relay.admission.admit_at(arrival, _peek(call), model)
        await _ProxiedCall(self, arrival, admitted, client).run(call)

    def _model(self, provider: Provider, call: Call, price: CallPrice) -> Model:
        """Return the call as what is bought: a key's list of models admits it as `PROVIDER/METHOD PATH`."""
        return Model(
            id=f"{provider.name}/{call.method} {unquote(call.path)}"[:ASKED_CHARS_MAX],
            targets=(Target(provider=provider, model_routed=price.card.model, card=price.card),),
            price_ppm=PPM if provider.own_id is None else self._own_price_ppm,
        )


class _ProxiedCall:
    """One admitted call on its way. Its hold is closed exactly once, whatever happens."""

    def __init__(self, calls: ProxiedCalls, arrival: Arrival, admitted: Admitted, client: Client) -> None:
        self._calls = calls
        self._relay = calls.relay
        self._arrival = arrival
        self._admitted = admitted
        self._client = client
        self._target = admitted.targets[0]
        self._outlet: Outlet | None = None
        self._task: asyncio.Task[None] | None = None
        self._first_byte_ms: int | None = None
        self._bought = False
        """The provider has answered well: from then on the call is charged, however it ends."""
        self._closed = False

    async def run(self, call: Call) -> None:
        """Pass the call on and its answer back; raises Refusal when there is none."""
        self._task = asyncio.current_task()
        self._client.watch(self._on_gone)
        try:
            await self._pass_on(call)
        except UpstreamFailure as broken:
            await self._end_broken(broken)
        except asyncio.CancelledError:
            await self._end_cut()
        finally:
            self._client.watch(None)
            if self._outlet is not None:
                self._outlet.close()
            if not self._closed:
                self._record(Outcome.FAILED, 500)

    async def _pass_on(self, call: Call) -> None:
        relay, target = self._relay, self._target
        provider, card = target.provider, target.card
        assert card is not None, "a call is admitted at its price"
        if not relay.cards.known(card):
            await relay.cards.record(card)
        lines = key_line(provider, self._arrival.client_key)
        request = request_of(provider, call, ours=self._calls.ours, lines=lines + await self._signature(provider, call))
        answer = await relay.upstream.send(provider.home.origin, request, timeouts=provider.timeouts)
        try:
            self._first_byte_ms = clock.now_ms()
            if answer.status not in ANSWERED:
                await self._pass_error(answer)
                return
            self._bought = True
            if _is_short(answer):
                await self._pass_whole(answer)
            else:
                await self._pass_stream(answer)
        finally:
            answer.release()

    async def _signature(self, provider: Provider, call: Call) -> bytes:
        if provider.signing is None:
            return b""
        signable = Signable(call.method, target_of(provider, call), call.body)
        return await self._relay.signers.call_lines(provider, provider.home.origin, signable)

    async def _pass_error(self, answer: Answer) -> None:
        """Pass on what a provider says of a call that it does not answer: it is free, and its own words are told."""
        provider = self._target.provider
        body = await answer.read()
        text = strike(body.decode("latin-1"), provider)
        body = text.encode("latin-1", "replace")
        status = answer.status if answer.status in _KNOWN else STATUS_JUNK
        _, durable = self._record(Outcome.FAILED, status)
        seconds = retry_after_s(answer.headers, now_ms=clock.now_ms())
        extra = b"" if seconds is None else b"retry-after: %d\r\n" % seconds
        await durable
        await self._client.respond(self._head(answer, status=status, length=len(body), extra=extra), body)

    async def _pass_whole(self, answer: Answer) -> None:
        body = b"" if answer.status in BODILESS else await answer.read()
        gone = self._client.gone
        line, durable = self._record(
            Outcome.DRAINED if gone else Outcome.COMPLETED, STATUS_CLIENT_GONE if gone else answer.status
        )
        status = answer.status if answer.status in _KNOWN else STATUS_STREAMED
        head = self._head(answer, status=status, length=len(body), extra=self._cost(line))
        await durable
        await self._client.respond(head, body)

    async def _pass_stream(self, answer: Answer) -> None:
        arrival, relay = self._arrival, self._relay
        if self._client.gone:  # while the provider thought
            self._record(Outcome.CLIENT_GONE, STATUS_CLIENT_GONE)
            return
        # Its price is known before its end: so is what the head says.
        said = self._cost(line_of(self._admitted, self._ending(Outcome.COMPLETED, answer.status)))
        kind = content_type_of(answer.headers)
        head = arrival.heads.stream(kind, request_id=arrival.request_id, extra=self._served() + said)
        outlet = self._outlet = Outlet(self._client, head, recorded=relay.books.announce(arrival.exchange_id))
        outlet.keepalive = b""
        outlet.open(for_s=relay.admission.lives_s(self._admitted.hold) - READ_MARGIN_S)
        while data := await answer.next():
            await outlet.write(data)
        _, durable = self._record(Outcome.COMPLETED, answer.status)
        await durable
        await outlet.finish(b"")

    # -- the ends that nobody wished for

    async def _end_broken(self, broken: UpstreamFailure) -> None:
        """End a call whose provider failed: free, and told as what it is, unless some of an answer has been sent."""
        provider = self._target.provider
        refusal = explain(struck(broken, provider), provider=provider.name)
        log.warning(
            "a call failed", request_id=self._arrival.request_id, provider=provider.name, reason=refusal.message
        )
        if self._outlet is None or not self._outlet.started:
            self._record(Outcome.FAILED, refusal.facts.status)
            raise refusal
        _, durable = self._record(Outcome.UPSTREAM_BROKE, 200)
        await durable
        self._client.abort()  # it must not look like a whole answer

    async def _end_cut(self) -> None:
        """End a call after a cancellation: its client has left, or this gateway is being stopped."""
        if self._closed:
            self._client.abort()
        elif self._client.gone:
            self._record(Outcome.CLIENT_GONE, STATUS_CLIENT_GONE)
        elif self._bought:
            _, durable = self._record(Outcome.SHUT_DOWN, 200)
            await durable
            self._client.abort()
        else:
            self._record(Outcome.FAILED, 503)
            raise Refusal("upstream_unavailable", "This gateway is being stopped: send the call again.")

    def _on_gone(self) -> None:
        """Stop a stream that nobody reads. A call that was not answered goes on: it may change something."""
        if self._task is not None and self._outlet is not None and not self._closed:
            self._task.cancel()

    # -- settlement

    def _head(self, answer: Answer, *, status: int, length: int, extra: bytes) -> bytes:
        heads, kind, name = self._arrival.heads, content_type_of(answer.headers), self._arrival.request_id
        return heads.whole(status, kind, request_id=name, length=length, extra=self._served() + extra)

    def _served(self) -> bytes:
        return self._arrival.heads.served(self._target.provider.name, self._target.model_routed, 1)

    def _cost(self, line: ExchangeLine) -> bytes:
        principal = self._admitted.principal
        if principal.costs is ShownCosts.HIDDEN:
            return b""
        return self._arrival.heads.cost(costs_of(line, currency=principal.currency))

    def _ending(self, outcome: Outcome, status: int) -> Ending:
        return Ending(
            outcome=outcome,
            status=status,
            usage=Usage(calls=1) if self._bought else Usage(),
            basis=Basis.REPORTED if self._bought else Basis.UNKNOWN,
            target=self._target,
            lane=Lane.VERBATIM,
            attempts=1,
            first_byte_ms=self._first_byte_ms,
        )

    def _record(self, outcome: Outcome, status: int) -> tuple[ExchangeLine, asyncio.Future[None]]:
        assert not self._closed, "a call is settled exactly once"
        self._closed = True
        if outcome is Outcome.FAILED:
            self._bought = False  # nothing of an answer reached the client
        settled = self._relay.books.close(line_of(self._admitted, self._ending(outcome, status)))
        if self._admitted.ticket is not None:
            self._admitted.ticket.close(0)
        return settled


def _peek(call: Call) -> Peek:
    """Return what admission and pricing need of a call: it is one, and nothing in it is counted."""
    return Peek(
        model_asked=f"{call.method} {unquote(call.path)}"[:ASKED_CHARS_MAX],
        streamed=False,
        usage_asked=False,
        output_tokens_max=0,
        choices=1,
        body_bytes=0,
        media_parts=0,
        limit_lowers=False,
    )


def _is_short(answer: Answer) -> bool:
    if answer.status in BODILESS or answer.status != STATUS_STREAMED:
        return True
    length = next((value for name, value in answer.headers if name == b"content-length"), b"")
    return length.strip().isdigit() and int(length) <= WHOLE_BYTES_MAX


def _in_a_dialect(provider: Provider, call: Call, dialect: str) -> Refusal:
    return Refusal(
        "not_found",
        f"{unquote(call.path)[:SHOWN]!r} is where the provider {provider.name!r} is asked in {dialect}, which is not passed on "
        "by the call: leave out what stands in its base URL, and ask at this gateway's own path.",
    )


def _unpriced(provider: Provider, call: Call) -> Refusal:
    asked = f"{call.method} {unquote(call.path)[:SHOWN]}"
    table = "[[providers]]" if provider.own_id is None else "[own_providers]"
    return Refusal(
        "model_not_allowed",
        f"{asked} has no price at the provider {provider.name!r}, and a prepaid key is only served what it can pay for. The "
        f'operator must set it: {table} calls = [{{ method = "{call.method}", path = "{unquote(call.path)[:SHOWN]}", '
        'price = "…" }].',
    )


def _check_package(principal: Principal) -> None:
    """Refuse a key whose package holds tokens: a call has none, and would be free."""
    package = principal.package
    if principal.billing is BillingMode.PACKAGE and package is not None and package.unit is PackageUnit.TOKENS:
        raise Refusal(
            "model_not_allowed",
            f"The package {package.name!r} holds tokens, and a call of this path costs money: use a key that spends the balance.",
        )
