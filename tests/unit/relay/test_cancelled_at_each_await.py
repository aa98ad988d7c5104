"""A request that is cancelled at any moment, by its client or by a stop, leaves one line, no money held, and nothing running.

The relay, the admission and the books are the real ones. What they wait for (the store's commits, a provider, a client)
needs a turn of the event loop here and no more, so that every turn of a request can be the one in which it is cancelled.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.providers import a_provider
from tests.unit.dialects.chunks import DONE, HI, ROLE, STOP, chunk, usage_chunk
from tollway import clock
from tollway.access.limits import LimitScope, RateRule
from tollway.access.principal import Principal
from tollway.billing.books import Books, PurseRef
from tollway.catalog.rates import RateTable
from tollway.catalog.records import (
    AfterLeave,
    Model,
    Origin,
    PriceCard,
    Profile,
    Provider,
    Reach,
    Scheme,
    Target,
    Timeouts,
)
from tollway.clock import SteadyClock
from tollway.dialects.known import DIALECTS
from tollway.dialects.openai_chat import OPENAI_CHAT
from tollway.errors import Refusal
from tollway.http.replies import ReplyHeads, allowance
from tollway.ledger.lines import ExchangeLine, Hold, Outcome
from tollway.ledger.slices import Grant
from tollway.limits.windows import WindowClock
from tollway.relay.admit import Admission, Terms
from tollway.relay.arrival import Arrival
from tollway.relay.exchange import Outward, Relay
from tollway.relay.funding import Funds
from tollway.relay.passage import Passage
from tollway.relay.signatures import Signable
from tollway.relay.throttle import Throttle
from tollway.settings.brand import read_brand
from tollway.shared.counters import Counters

ACCOUNT, EXCHANGE, WORKER = 7, 1, 3
MONEY = 20_000_000
CARD = PriceCard(id=1, provider="p", model="m", currency="USD", input=10**9, output=2 * 10**9, source="t")
LONG = chunk({"content": "word " * 800})

ONE_AT_A_TIME = RateRule(scope=LimitScope.KEY, subject="*", concurrency=1)
NAMED = ((b"key 1", ONE_AT_A_TIME),)
HEADS = ReplyHeads(read_brand("tollway"), render_error=OPENAI_CHAT.render_error)


class Purse:
    """One account's money behind the books: each answer comes in the next turn of the event loop."""

    accepting = True

    def __init__(self) -> None:
        self.balance = MONEY
        self.lines: list[ExchangeLine] = []

    def open(self, hold: Hold) -> None:
        """A hold needs nothing here."""

    def extended(self, hold: Hold) -> None:
        """Nor does one that grew."""

    def announce(self, exchange_id: int) -> asyncio.Future[None] | None:
        """Say in the next turn that the line of a hold is durable."""
        return self._soon(None)

    def close(self, line: ExchangeLine) -> asyncio.Future[None]:
        """Keep a line."""
        self.lines.append(line)
        return self._soon(None)

    def borrow(self, purse: PurseRef, needed_nanos: int) -> asyncio.Future[Grant]:
        """Lend exactly the need."""
        granted = needed_nanos if needed_nanos <= self.balance else 0
        self.balance -= granted
        return self._soon(Grant(granted_nanos=granted, available_nanos=self.balance, scarce=True))

    def tell_reached(self, purse_id: int) -> None:
        """Nobody is told here: no request has a cap."""
        raise AssertionError(f"purse {purse_id} is no cap's")

    def give_back(self, purse_id: int, amount_nanos: int) -> None:
        """Take a loan back."""
        self.balance += amount_nanos

    @staticmethod
    def _soon(value: Any) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_soon(lambda: future.done() or future.set_result(value))
        return future


class Answering:
    """A provider's answer that comes piece by piece, one in each turn of the event loop."""

    status = 200
    headers: list[tuple[bytes, bytes]]

    def __init__(self, pieces: list[bytes]) -> None:
        self.headers = []
        self._pieces = pieces

    async def read(self) -> bytes:
        """Return the whole."""
        await asyncio.sleep(0)
        return b"".join(self._pieces)

    async def next(self) -> bytes:
        """Return the next piece."""
        await asyncio.sleep(0)
        return self._pieces.pop(0) if self._pieces else b""

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        """Give each piece to the sink."""
        while self._pieces:
            await asyncio.sleep(0)
            if not sink(self._pieces.pop(0)):
                return False
        return True

    def release(self) -> None:
        """There is no connection to give back."""


class Provided:
    """The way to a provider that gives everybody this answer."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def send(self, origin: Origin, request: bytes, *, timeouts: Timeouts) -> Answering:
        """Answer after a turn."""
        await asyncio.sleep(0)
        return Answering(list(self._pieces))


class Reader:
    """A client that reads everything until it leaves."""

    def __init__(self) -> None:
        self.gone = False
        self.read = b""
        self._on_gone: Callable[[], None] | None = None

    def watch(self, on_gone: Callable[[], None] | None) -> None:
        """Remember whom to tell."""
        self._on_gone = on_gone

    def leave(self) -> None:
        """Close the connection."""
        self.gone = True
        if self._on_gone is not None:
            self._on_gone()

    def push(self, data: bytes) -> bool:
        """Read."""
        self.read += b"" if self.gone else data
        return True

    async def start(self, head: bytes) -> None:
        """Read the head."""

    async def write(self, data: bytes) -> None:
        """Read after a turn."""
        await asyncio.sleep(0)
        self.push(data)

    async def drain(self) -> None:
        """Wait for nothing."""

    async def finish(self, data: bytes) -> None:
        """Read the end after a turn."""
        await asyncio.sleep(0)
        self.push(data)

    async def respond(self, head: bytes, body: bytes) -> None:
        """Read a whole answer after a turn."""
        await asyncio.sleep(0)
        self.push(body)

    def abort(self) -> None:
        """Be cut off."""


class Catalog:
    """One model, whose price is known."""

    def __init__(self, *, after_leave: AfterLeave, output_tokens_max: int | None) -> None:
        origin = Origin(scheme=Scheme.HTTP, host="h", port=1, reach=Reach.PRIVATE)
        provider = a_provider(origin=origin, profile=Profile(after_leave=after_leave))
        targets = (Target(provider=provider, model_routed="m", card=CARD),)
        self._model = Model(id="m", targets=targets, output_tokens_max=output_tokens_max)
        self.rates = RateTable("USD", {})
        self.listed = (self._model,)

    def resolve(self, model_asked: str) -> Model | None:
        """Return the model."""
        return self._model

    def resolve_at(self, provider: str, model_asked: str) -> Model | None:
        """Return the model."""
        return self._model

    def resolve_by_dialect(self, dialect: str, model_asked: str) -> Model | None:
        """Return the model."""
        return self._model

    def suggest(self, model_asked: str) -> tuple[str, ...]:
        """Suggest nothing."""
        return ()

    def known(self, card: PriceCard) -> bool:
        """Make every card wait to be recorded."""
        return False

    async def record(self, card: PriceCard) -> None:
        """Record a card in a turn."""
        await asyncio.sleep(0)


class Unsigned:
    """No request is signed."""

    async def lines(self, provider: Provider, passage: Passage) -> bytes:
        """Add nothing."""
        return b""

    async def call_lines(self, provider: Provider, origin: Origin, call: Signable) -> bytes:
        """Add nothing."""
        return b""


class Nobody:
    """A directory without keys: the requests of these tests have been let in."""

    embedded = True

    def known(self, digest: bytes) -> Principal | None:
        """Know nobody."""

    def find(self, digest: bytes) -> Principal | None:
        """Find nobody."""

    async def look_up(self, digest: bytes) -> Principal | None:
        """Find nobody."""


class Case:
    """A kind of request."""

    def __init__(
        self,
        pieces: list[bytes],
        *,
        ends: Outcome = Outcome.COMPLETED,
        streamed: bool = True,
        after_leave: AfterLeave = AfterLeave.CANCEL,
        output_tokens_max: int | None = 100,
    ) -> None:
        self.pieces = pieces
        self.ends = ends
        self.streamed = streamed
        self.catalog = Catalog(after_leave=after_leave, output_tokens_max=output_tokens_max)
        self.body = json.dumps({"model": "m", "messages": [{"content": "x"}], "stream": streamed}).encode()


WHOLE = json.dumps(
    {"choices": [{"message": {"content": "hi"}}], "usage": {"prompt_tokens": 9, "completion_tokens": 9}}
).encode()
ENDED = [STOP, usage_chunk(), DONE]
CASES = {
    "whole": Case([WHOLE], streamed=False),
    "whole and dearer than its hold": Case([WHOLE], streamed=False, output_tokens_max=1),
    "streamed": Case([ROLE, HI, HI, *ENDED]),
    "streamed and read to its end": Case([ROLE, HI, HI, *ENDED], after_leave=AfterLeave.DRAIN),
    "broken": Case([ROLE, HI, HI], ends=Outcome.UPSTREAM_BROKE),
    "broken before its first text": Case([ROLE], ends=Outcome.FAILED),
    "extended": Case([LONG] * 5 + ENDED, output_tokens_max=None),
    "out of money": Case([LONG] * 20 + ENDED, ends=Outcome.OUT_OF_MONEY, output_tokens_max=None),
}


class Run:
    """One request through the relay, cancelled in a turn of the event loop."""

    def __init__(self, case: Case, counters: Counters | None = None) -> None:
        self.purse = Purse()
        self.client = Reader()
        self.books = Books(self.purse)
        self.deadlines = SteadyClock()
        funds = Funds(fee_ppm=0, rates=RateTable("USD", {}), windows=WindowClock(ZoneInfo("UTC")))
        one_at_a_time = {LimitScope.KEY: ONE_AT_A_TIME}
        throttle = None if counters is None else Throttle(counters, defaults=one_at_a_time, lines=allowance)
        self._relay = Relay(
            admission=Admission(
                keys=Nobody(),
                models=case.catalog,
                books=self.books,
                funds=funds,
                terms=Terms(worker_id=WORKER, hold_margin_ms=10**6, deadlines=self.deadlines),
                throttle=throttle,
            ),
            books=self.books,
            cards=case.catalog,
            outward=Outward(upstream=Provided(case.pieces), signers=Unsigned(), dialects=DIALECTS),
        )
        self._arrival = Arrival(
            heads=HEADS,
            exchange_id=EXCHANGE,
            request_id="r",
            received_ms=clock.now_ms(),
            dialect=OPENAI_CHAT,
            principal=Principal(key_id=1, account_id=ACCOUNT),
            body=case.body,
        )

    async def serve(self) -> None:
        """Run to the end."""
        await self._relay.serve(self._arrival, self.client)

    async def cancelled_after(self, turns: int, how: str) -> int:
        """Run until cancelled, and to the end; return how many turns it was left alone for."""
        task = asyncio.create_task(self.serve())
        ran = 0
        while ran < turns and not task.done():
            await asyncio.sleep(0)
            ran += 1
        if not task.done():
            (task.cancel if how == "stop" else self.client.leave)()
        async with asyncio.timeout(10):
            await asyncio.wait((task,))
        if not task.cancelled() and task.exception() is not None:
            assert isinstance(task.exception(), Refusal)
        for _ in range(5):
            await asyncio.sleep(0)
        return ran


@pytest.mark.parametrize("how", ["leave", "stop"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_lesson_6_whenever_a_request_is_cancelled_no_money_stays_held(case: Case, how: str) -> None:
    counters = Counters.in_memory()
    undisturbed = Run(case, counters)
    left_alone = await undisturbed.cancelled_after(10**6, how)
    assert [line.outcome for line in undisturbed.purse.lines] == [case.ends]
    for turns in range(left_alone + 1):
        run = Run(case, counters)
        await run.cancelled_after(turns, how)
        at = f"cancelled in turn {turns} of {left_alone}"
        verdict = await counters.take(NAMED, tokens=0)
        assert verdict.refused is None, f"{at}: it still runs"
        counters.finish(NAMED, reserved=0, used=0, taken_ms=verdict.at_ms)
        assert run.books.open_count == 0, at
        assert len(run.purse.lines) <= 1, at
        run.books.give_back_idle()
        run.books.give_back_idle()
        paid = sum(line.total_nanos for line in run.purse.lines)
        assert run.purse.balance == MONEY - paid >= 0, at
        if b"word" in run.client.read or "hällo".encode() in run.client.read:
            assert paid > 0, f"{at}: what was delivered is paid"
        assert asyncio.all_tasks() == {asyncio.current_task()}, at
