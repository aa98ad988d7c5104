"""What the relay needs of its neighbours, as Protocols that app.py wires: keys, books, catalog, upstream, client."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from tollway.access.principal import Principal
from tollway.catalog.rates import RateTable
from tollway.catalog.records import Model, Origin, PriceCard, Timeouts
from tollway.dialects.record import CostFields
from tollway.errors import Refusal
from tollway.ledger.answers import AnswerFound, AnswerStep
from tollway.ledger.lines import ExchangeLine, Hold
from tollway.limits.rates import Membership, Rule, Verdict


class KeyDirectory(Protocol):
    """Which principal a key stands for."""

    @property
    def embedded(self) -> bool:
        """True where keys are read in microseconds, so that `find` may be called; else `look_up` is to be awaited."""
        ...

    def known(self, digest: bytes) -> Principal | None:
        """Return the principal of a key that is cached and valid at this instant; None means ask `find` or `look_up`."""
        ...

    def find(self, digest: bytes) -> Principal | None:
        """Read the principal of a key from the store; None when there is no such key or it was revoked."""
        ...

    async def look_up(self, digest: bytes) -> Principal | None:
        """Do as `find` does without stopping the event loop; raises Refusal `not_ready` when it takes too long."""
        ...


class Books(Protocol):
    """Money set aside and lines written."""

    def try_hold(self, hold: Hold) -> bool:
        """Set the money aside without I/O if this worker has borrowed enough; tell whether it did."""
        ...

    async def hold(self, hold: Hold) -> None:
        """Borrow and set aside; raises Shortage, naming the purse, or Refusal `not_ready`."""
        ...

    async def extend(self, exchange_id: int, extra_nanos: int) -> None:
        """Set more aside for an exchange that runs; raises Shortage, HoldNotOpen, or Refusal `not_ready`."""
        ...

    def tell_reached(self, purse_id: int) -> None:
        """Tell people of a cap that a request was refused for: once for its window."""
        ...

    def held_nanos(self, exchange_id: int) -> int:
        """Return what is set aside for an exchange that runs."""
        ...

    def announce(self, exchange_id: int) -> asyncio.Future[None] | None:
        """See to it that a crash leaves a line; return what is done when it does, None when it does now."""
        ...

    def close(self, line: ExchangeLine) -> tuple[ExchangeLine, asyncio.Future[None]]:
        """Settle or void the hold of the line's exchange; return the line as written and when it is durable."""
        ...


class Counters(Protocol):
    """What is counted together for limits of rates: in this process, on this host, or across several."""

    async def take(self, rules: Sequence[Rule], *, tokens: int, memberships: Sequence[Membership] = ()) -> Verdict:
        """Count a request, the tokens that it is thought to need, and who comes, for everything or for nothing.

        No two rules and memberships have one name.
        """
        ...

    def finish(self, rules: Sequence[Rule], *, reserved: int, used: int, taken_ms: int) -> None:
        """End a request that was taken at `taken_ms`: it no longer runs, and used other tokens than were `reserved`."""
        ...


class Peer(Protocol):
    """Who sent a request, as far as its connection tells, and what everything that it is answered with begins with."""

    @property
    def address(self) -> str:
        """The client's IP address, found when it is asked for; empty where there is none."""
        ...

    def tell(self, lines: bytes) -> None:
        """Put header lines into the head of whatever is answered."""
        ...


class Answers(Protocol):
    """Claims of idempotency keys, made durable with everything else."""

    @property
    def accepting(self) -> bool:
        """False while nothing can be written."""
        ...

    def answer(self, step: AnswerStep) -> asyncio.Future[AnswerFound | None]:
        """Take a step; the future tells what a claim met, when the step is durable.

        Steps happen in their order, and in one transaction with a line that was closed just before, in the same turn.
        """
        ...


class Keeper(Protocol):
    """Who keeps the answer to a request with an idempotency key, for the next time that it is sent."""

    def settled(self, line: ExchangeLine) -> None:
        """Take the line that closes the exchange; called in the turn of the event loop in which it is closed."""
        ...

    def keep(self, head: bytes, rest: bytes) -> None:
        """Take the head of the answer and what the client has not been sent of it; called before it is, and once."""
        ...


class Cards(Protocol):
    """The price cards that lines name."""

    def known(self, card: PriceCard) -> bool:
        """Tell whether a card is in the store."""
        ...

    async def record(self, card: PriceCard) -> None:
        """Write a card that a line is going to name; raises Refusal `not_ready` when it cannot be written."""
        ...


class Models(Protocol):
    """What clients may ask for."""

    @property
    def rates(self) -> RateTable:
        """What currencies cost in each other."""
        ...

    @property
    def listed(self) -> Iterable[Model]:
        """The models with an id of their own, in their configured order."""
        ...

    def resolve(self, model_asked: str) -> Model | None:
        """Return the model of an exact id, or what a wildcard or `PROVIDER/NAME` makes of it."""
        ...

    def resolve_at(self, provider: str, model_asked: str) -> Model | None:
        """Return a model at one provider; raises Refusal when there is no such provider."""
        ...

    def resolve_by_dialect(self, dialect: str, model_asked: str) -> Model | None:
        """Return a model at the first provider that speaks a dialect and knows the price of a model of that name."""
        ...

    def suggest(self, model_asked: str) -> tuple[str, ...]:
        """Return the ids closest to one that does not exist."""
        ...


class Answer(Protocol):
    """A provider's answer whose head has come."""

    status: int
    headers: list[tuple[bytes, bytes]]

    async def read(self) -> bytes:
        """Return the whole body; raises UpstreamFailure."""
        ...

    async def next(self) -> bytes:
        """Return the next piece of the body, empty at its proven end; raises UpstreamFailure."""
        ...

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        """Give each piece to `sink` as it comes; True at the proven end, False once `sink` has; raises UpstreamFailure."""
        ...

    def release(self) -> None:
        """Give the connection back if the answer is complete, else close it."""
        ...


class Upstream(Protocol):
    """The way to providers."""

    async def send(self, origin: Origin, request: bytes, *, timeouts: Timeouts) -> Answer:
        """Send the bytes of one request and return when the head of its answer has come; raises UpstreamFailure."""
        ...


class Client(Protocol):
    """The client's side of one exchange."""

    @property
    def gone(self) -> bool:
        """The client has closed its connection; whatever is written from now on goes nowhere."""
        ...

    def watch(self, on_gone: Callable[[], None] | None) -> None:
        """Say what to call, once and from the event loop, when the client leaves; None for nothing any more."""
        ...

    async def start(self, head: bytes) -> None:
        """Begin an answer whose length is not known; its head goes out with the first piece."""
        ...

    async def write(self, data: bytes) -> None:
        """Send a piece of the body; waits while the client reads slower than the provider writes."""
        ...

    def push(self, data: bytes) -> bool:
        """Send a piece at once; False when the client reads slower, so that `drain` should be awaited before more."""
        ...

    async def drain(self) -> None:
        """Wait until the client has read most of what was sent, or has left."""
        ...

    async def finish(self, data: bytes) -> None:
        """Send the last piece and end the answer."""
        ...

    def abort(self) -> None:
        """Break the connection: what was sent must not look like a finished answer."""
        ...

    async def respond(self, head: bytes, body: bytes) -> None:
        """Send a whole answer."""
        ...


class ReplyHeads(Protocol):
    """The heads of replies."""

    def whole(self, status: int, content_type: str, *, request_id: str, length: int, extra: bytes = b"") -> bytes:
        """Return the head of a reply whose length is known; `extra` are lines made by the two below."""
        ...

    def stream(self, content_type: str, *, request_id: str, extra: bytes = b"") -> bytes:
        """Return the head of a streamed reply."""
        ...

    def warning(self, text: str) -> bytes:
        """Return the lines that say what was done otherwise than asked; none for no text."""
        ...

    def cost(self, costs: CostFields) -> bytes:
        """Return the line that tells the cost where the body has no place for it."""
        ...

    def cost_cents(self, costs: CostFields) -> bytes:
        """Return the line that tells the cost in cents where the brand has one; else none."""
        ...

    def error(self, refusal: Refusal, *, request_id: str, render_error: Callable[[Refusal], bytes]) -> bytes:
        """Return the body of an error that is told inside a stream."""
        ...

    def served(self, provider: str, model_routed: str, attempts: int) -> bytes:
        """Return the lines that say who answered, and at which attempt."""
        ...

    def chosen(self, model: str, reason: str) -> bytes:
        """Return the lines that say which model the gateway chose, and why."""
        ...
