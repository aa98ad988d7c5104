"""A whole worker, wired as it serves, whose sockets are the test's: asks it for fixed answers and counts what each takes."""

import gc
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM
from typing import NamedTuple

from tests.guard.counting import Cost, Tally, Threads, counted
from tests.guard.memory_loop import MemoryLoop, Wire
from tests.guard.messages import END, FEE, MODEL, PRICE, frames, is_whole, other_request, own_request, whole_answer
from tollway.access.limits import RateLimits
from tollway.app import Worker
from tollway.billing.key_terms import KeyTerms
from tollway.catalog.loader import read_deployment
from tollway.desks import open_desk
from tollway.store.store import Store

WARM_UP, ROUNDS, CHUNKS = 20, 12, 4
"""Requests before any is counted, requests or streams that are, and chunks of each stream."""
LEFT_ROUNDS = 10
"""Whole requests or streams after which it is looked what of them is left."""
AT_ONCE = 32
START_S = 1_790_000_000

SETTINGS = f"""
[server]
port = 0
[store]
url = "sqlite:///DATABASE"
durability = "normal"
[billing]
platform_fee = "{FEE}"
[[providers]]
name = "p"
preset = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"
api_key = "env:GUARD_PROVIDER_KEY"
[[models]]
id = "{MODEL}"
targets = [{{ provider = "p", model = "{MODEL}" }}]
price = {PRICE}
"""

CAPPED = KeyTerms(
    daily_cap_nanos=10**14,
    monthly_cap_nanos=2 * 10**14,
    total_cap_nanos=3 * 10**14,
    limits=RateLimits(rpm=10**6, burst=10**6, tpm=10**9, concurrency=10**4),
)


class Measured(NamedTuple):
    """What one of a lane's units takes: the usual of some rounds."""

    loop: Cost
    """In the thread of the event loop."""
    thread: Cost
    """In the other threads, which is the ledger's."""
    writes: float
    """To sockets."""
    garbage: float
    """Objects that only a collection of garbage frees."""
    usual: int
    """How many rounds in a hundred took just that."""


class Round(NamedTuple):
    loop: Cost
    thread: Cost
    writes: float


class Lane:
    """What is counted of one kind of work, round by round; what was counted for all rounds, by function."""

    def __init__(self, name: str, *, share: int = 1) -> None:
        self.name = name
        self.tally = Tally()
        self.threads = Tally()
        self.rounds: list[Round] = []
        self.share = share
        """How many units a round is."""
        self.garbage = 0.0
        """What only a collection of garbage frees, of all that a unit has made."""

    @property
    def measured(self) -> Measured:
        """The usual round: now and then one borrows, or turns a page of something."""
        found = max(self.rounds, key=self.rounds.count)
        usual = self.rounds.count(found) * 100 // len(self.rounds)
        return Measured(found.loop, found.thread, found.writes, self.garbage, usual)

    @property
    def units(self) -> int:
        """How many units were counted."""
        return len(self.rounds) * self.share


class Gateway:
    """A worker in an event loop of memory, with one client of each kind and a provider."""

    def __init__(self, folder: Path) -> None:
        self._threads = Threads()
        self.loop = MemoryLoop(self._threads.idle)
        self._clock_ns = START_S * 10**9
        time.time_ns = lambda: self._clock_ns
        time.monotonic_ns = lambda: self._clock_ns
        os.environ["GUARD_PROVIDER_KEY"] = "sk-guard-provider"
        config = folder / "tollway.toml"
        config.write_text(SETTINGS.replace("DATABASE", str(folder / "books.db")))
        deployment = read_deployment(config)
        with_store = Store.open(deployment.settings.store.url)
        desk = open_desk(with_store, deployment.settings)
        account = desk.accounts.create("guard", credit_nanos=10**15)
        _, self.key = desk.keys.create(account.id, "guard")
        _, self.capped_key = desk.keys.create(account.id, "capped", CAPPED)
        with_store.close()
        self.settings = deployment.settings
        self.asked = 0
        ready: list[bool] = []
        sock = socket.socket()
        self._socket = sock

        async def run() -> None:
            worker = Worker(deployment, local_model=lambda: "not enabled")
            await worker.run(sock, ready=lambda: ready.append(True))

        self._running = self.loop.create_task(run())
        self.loop.run_until(lambda: bool(ready) or self._running.done())
        if not ready:
            self._running.result()
        gc.disable()

    def connect(self) -> Wire:
        """Return a client's connection."""
        return self.loop.connect()

    @contextmanager
    def counting(self, lane: Lane | None) -> Iterator[None]:
        """Count the block as a round of a lane, or not at all."""
        self._clock_ns += 1_000_000
        if lane is None:
            yield
            return
        self._threads.wait()
        before, threads_before, writes = lane.tally.cost, self._threads.copy(), self.loop.writes
        with counted(lane.tally):
            yield
        self._threads.wait()
        lane.threads.add(self._threads, threads_before)
        lane.rounds.append(
            Round(
                _share(lane.tally.cost, before, lane.share),
                _share(self._threads.cost, threads_before.cost, lane.share),
                (self.loop.writes - writes) / lane.share,
            )
        )

    def arrive(self, wires: Sequence[Wire], requests: Sequence[bytes]) -> list[Wire]:
        """Let requests arrive; return the connections on which the provider is asked."""
        for wire, request in zip(wires, requests, strict=True):
            wire.receive(request)
        self.asked += len(wires)
        self.loop.run_until(lambda: len(self._asking()) == len(wires))
        asking = self._asking()
        for wire in asking:
            assert wire.taken().startswith(b"POST /v1/chat/completions"), "the provider is asked for a chat"
        return asking

    def _asking(self) -> list[Wire]:
        return [wire for wire in self.loop.dialled if is_whole(wire.sent)]

    def settle(self) -> None:
        """Let everything end that has begun."""
        self._threads.wait()
        self.loop.run_until(lambda: True)

    def stop(self) -> None:
        """Stop the worker, and prove its books."""
        gc.enable()
        self.loop.raise_signal(SIGTERM)

        self.loop.run_until(self._running.done)
        self._running.result()
        self._socket.close()
        store = Store.open(self.settings.store.url)
        report = store.check()
        store.close()
        assert not report.problems, report.problems


def _share(now: Cost, before: Cost, share: int) -> Cost:
    return Cost(*(round((after - earlier) / share) for after, earlier in zip(now, before, strict=True)))


def ask_whole(gateway: Gateway, wires: Sequence[Wire], request: bytes, lane: Lane | None) -> None:
    """Ask for one answer on each connection, at the same time."""
    answer = whole_answer()
    with gateway.counting(lane):
        for asking in gateway.arrive(wires, [request] * len(wires)):
            asking.receive(answer)
        gateway.loop.run_until(lambda: all(is_whole(wire.sent) for wire in wires))
    for wire in wires:
        said = wire.taken()
        assert said.startswith(b"HTTP/1.1 200 "), said
        assert b"cost" in said, said


def ask_streamed(gateway: Gateway, wire: Wire, request: bytes, lanes: Sequence[Lane | None]) -> None:
    """Ask for one stream; its opening, chunks and end are three lanes."""
    opening, chunk, end = lanes
    answer = frames()
    received = 0

    def more() -> bool:
        return len(wire.sent) > received

    with gateway.counting(opening):
        (asking,) = gateway.arrive([wire], [request])
        for data in answer.first:
            asking.receive(data)
            gateway.loop.run_until(lambda: True)
        gateway.loop.run_until(more)
    for number, data in enumerate(answer.chunks):
        received = len(wire.sent)
        with gateway.counting(chunk if number >= len(answer.chunks) - CHUNKS else None):
            asking.receive(data)
            gateway.loop.run_until(more)
    with gateway.counting(end):
        asking.receive(answer.last)
        gateway.loop.run_until(lambda: wire.sent.endswith(END))
    said = wire.taken()
    assert said.startswith(b"HTTP/1.1 200 "), said
    assert b"error" not in said, said


def ask_on_new_connection(gateway: Gateway, request: bytes, lane: Lane | None) -> None:
    """Connect, ask for one answer, and leave."""
    with gateway.counting(lane):
        wire = gateway.connect()
        (asking,) = gateway.arrive([wire], [request])
        asking.receive(whole_answer())
        gateway.loop.run_until(lambda: is_whole(wire.sent))
        wire.close()
        gateway.loop.run_until(lambda: True)


def ask_in_vain(gateway: Gateway, wire: Wire, request: bytes, lane: Lane | None) -> None:
    """Ask with a key that nobody has."""
    with gateway.counting(lane):
        wire.receive(request)
        gateway.loop.run_until(lambda: is_whole(wire.sent))
    assert wire.taken().startswith(b"HTTP/1.1 401 ")


def measure(folder: Path) -> dict[str, Lane]:
    """Count every lane, one after the other, on one worker."""
    gateway = Gateway(folder)
    plain, streamed = (own_request(gateway.key, stream=stream) for stream in (False, True))
    other_plain, other_streamed = (other_request(gateway.key, stream=stream) for stream in (False, True))
    one = gateway.connect()
    many = [gateway.connect() for _ in range(AT_ONCE)]
    lanes: list[Lane] = []

    def rounds(ask: Callable[[Sequence[Lane | None]], None], *counted_as: Lane) -> None:
        for _ in range(WARM_UP):
            ask([None] * len(counted_as))
        for _ in range(ROUNDS):
            ask(counted_as)
        gc.collect()
        for _ in range(LEFT_ROUNDS):
            ask([None] * len(counted_as))
        gateway.settle()
        # Of a stream's lanes, its last: before its end nobody can tell.
        counted_as[-1].garbage = gc.collect() / LEFT_ROUNDS / counted_as[-1].share
        lanes.extend(counted_as)

    rounds(lambda to: ask_whole(gateway, [one], plain, to[0]), Lane("plain"))
    rounds(lambda to: ask_whole(gateway, many, plain, to[0]), Lane("plain-at-once", share=AT_ONCE))
    capped = own_request(gateway.capped_key, stream=False)
    rounds(lambda to: ask_whole(gateway, [one], capped, to[0]), Lane("capped"))
    names = ("stream-opening", "stream-chunk", "stream-end")
    rounds(lambda to: ask_streamed(gateway, one, streamed, to), *map(Lane, names))
    rounds(lambda to: ask_whole(gateway, [one], other_plain, to[0]), Lane("translated"))
    names = ("translated-opening", "translated-chunk", "translated-end")
    rounds(lambda to: ask_streamed(gateway, one, other_streamed, to), *map(Lane, names))
    rounds(lambda to: ask_on_new_connection(gateway, plain, to[0]), Lane("connection"))
    wrong = own_request(gateway.key[::-1], stream=False)
    rounds(lambda to: ask_in_vain(gateway, one, wrong, to[0]), Lane("refused"))
    gateway.stop()
    return {lane.name: lane for lane in lanes}
