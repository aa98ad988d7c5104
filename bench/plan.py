"""What is measured, and for how long: one plan for every day, one for a result that is kept. Data only."""

from dataclasses import dataclass, replace

from lanes import LANES, OTHERS, lane
from loads import OPEN_CONNECTIONS_MAX, Generator, Measure
from payloads import BURST, CHAT, PACED, PLAIN, THINKING, Ask, sized
from peers import DIRECT, HELLO, LITELLM, NGINX, PORTKEY, TOLLWAY
from settings import CAPPED, MANY_KEYS, NORMAL, ONE_KEY, POSTGRES, SOME_KEYS, WORKERS

EVERYBODY = (DIRECT, NGINX, TOLLWAY, HELLO)
PROXIES = (DIRECT, NGINX, TOLLWAY)
OUTSIDE = (DIRECT, NGINX, TOLLWAY, LITELLM, PORTKEY)
FASTER = (DIRECT, NGINX, TOLLWAY, PORTKEY)
GROWN = (ONE_KEY, SOME_KEYS, MANY_KEYS)
IN_SETTINGS = (DIRECT, NGINX, TOLLWAY, NORMAL, WORKERS, CAPPED, POSTGRES)

SECURE = Ask(model="bench-tls", stream=False, output_tokens=PLAIN.output_tokens, scheme="https")
SECURE_BURST = Ask(
    model="bench-tls-burst", stream=True, output_tokens=BURST.output_tokens, frames=BURST.frames, scheme="https"
)
SIZES = {"0.2kb": 205, "1kb": 1024, "12kb": 12 * 1024, "100kb": 100 * 1024, "1mb": 1024 * 1024}
"""Of request bodies, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is measured on one stage: the gateways that it names are started for it, and stopped after it."""

    name: str
    title: str
    measures: tuple[Measure, ...]

    @property
    def takes_outsiders(self) -> bool:
        """Whether gateways given by URL take part."""
        return any(PORTKEY in measure.peers for measure in self.measures)


def one_connection(*, rounds: int, seconds: float, peers: tuple[str, ...] = EVERYBODY) -> Measure:
    """Latency: one request after the other, so that nothing waits for anything else."""
    return Measure(name="plain-1", generator=Generator.LOOP, connections=1, size=seconds, rounds=rounds, peers=peers)


def busy(connections: int, *, rounds: int, seconds: float, peers: tuple[str, ...] = EVERYBODY) -> Measure:
    """Throughput and CPU per request: so many connections that are never idle."""
    return Measure(name=f"plain-{connections}", connections=connections, size=seconds, rounds=rounds, peers=peers)


def complete(connections: int, *, seconds: float) -> Measure:
    """The same for slow gateways: every answer is waited for, so that no work of theirs goes uncounted."""
    return replace(busy(connections, rounds=3, seconds=seconds, peers=OUTSIDE), generator=Generator.LOOP)


def exact_books(*, seconds: float) -> Measure:
    """The ledger against a load that waits for all its answers: the counts must be equal."""
    return Measure(name="books-64", generator=Generator.LOOP, size=seconds, peers=(TOLLWAY,))


def open_loop(rate: int, *, seconds: float, rounds: int, peers: tuple[str, ...]) -> Measure:
    """Latency at a rate that does not wait for anybody, counted from when each request was due."""
    every = Measure(name=f"open-{rate}", connections=OPEN_CONNECTIONS_MAX, size=seconds, rounds=rounds, peers=peers)
    return replace(every, generator=Generator.OPEN, rate=rate)


def burst(*, rounds: int, seconds: float, peers: tuple[str, ...] = PROXIES) -> Measure:
    """Whole streams that come at once: the cost of a frame when reads are large."""
    return Measure(name="burst-64", ask=BURST, size=seconds, rounds=rounds, peers=peers)


def streams(connections: int, *, rounds: int, each: int, peers: tuple[str, ...] = PROXIES) -> Measure:
    """Paced streams side by side: the cost of a frame when every frame is a read of its own."""
    many = Measure(name=f"streams-{connections}", connections=connections, size=each, rounds=rounds, peers=peers)
    return replace(many, generator=Generator.STREAMS, ask=PACED)


def thinking(connections: int, *, rounds: int, each: int) -> Measure:
    """The same of a provider that thinks first, as models do: what a gateway does meanwhile makes no first token late."""
    return replace(streams(connections, rounds=rounds, each=each), name=f"thinking-{connections}", ask=THINKING)


def body(name: str, *, seconds: float) -> Measure:
    """CPU of a request by the size of its body."""
    ask = sized(name, SIZES[name])
    return Measure(name=f"body-{name}", ask=ask, connections=16, size=seconds, rounds=2, peers=PROXIES)


def through_lane(ask: Ask, *, seconds: float) -> Measure:
    """CPU of one request in a lane."""
    return Measure(name=ask.model, ask=ask, connections=32, size=seconds, rounds=2, peers=(TOLLWAY,))


def secure(name: str, ask: Ask, connections: int, *, seconds: float) -> Measure:
    """The same as in plain, with a provider behind TLS."""
    return Measure(name=name, ask=ask, connections=connections, size=seconds, rounds=3, peers=PROXIES)


def grown(name: str, generator: Generator, *, rounds: int, seconds: float) -> Measure:
    """The cost of a request beside many keys and charges: one key that asks, or each request with the next key."""
    return Measure(name=name, generator=generator, size=seconds, rounds=rounds, peers=GROWN)


QUICK = (
    Part(
        name="quick",
        title="Beside nginx",
        measures=(
            one_connection(rounds=2, seconds=1.5),
            busy(64, rounds=3, seconds=2),
            exact_books(seconds=1),
            burst(rounds=2, seconds=1),
            streams(100, rounds=2, each=1),
            streams(800, rounds=1, each=1),
        ),
    ),
)

CORE = Part(
    name="core",
    title="Plain answers",
    measures=(
        one_connection(rounds=4, seconds=2.5),
        busy(16, rounds=3, seconds=2),
        busy(64, rounds=5, seconds=3),
        busy(256, rounds=3, seconds=2),
        open_loop(500, rounds=3, seconds=3, peers=PROXIES),
        open_loop(2000, rounds=3, seconds=3, peers=PROXIES),
        open_loop(6000, rounds=3, seconds=2, peers=PROXIES),
        exact_books(seconds=3),
    ),
)
STREAMS = Part(
    name="streams",
    title="Streams",
    measures=(
        streams(1, rounds=3, each=2),
        streams(32, rounds=3, each=1),
        streams(100, rounds=3, each=2),
        streams(128, rounds=2, each=1),
        streams(512, rounds=3, each=2),
        streams(800, rounds=3, each=2),
        streams(1000, rounds=2, each=2),
        thinking(100, rounds=3, each=2),
        thinking(512, rounds=2, each=1),
        burst(rounds=3, seconds=2),
    ),
)
BODIES = Part(
    name="bodies",
    title="Request bodies, 16 connections",
    measures=tuple(body(name, seconds=2) for name in SIZES),
)
THROUGH_LANES = Part(
    name="lanes",
    title="Lanes, 32 connections (client to provider)",
    measures=tuple(through_lane(ask, seconds=2) for ask in LANES),
)
GROWTH = Part(
    name="growth",
    title="Growth: stores with many keys and charges, 64 connections",
    measures=(
        grown("grown-one-64", Generator.WRK, rounds=4, seconds=2),
        grown("grown-64", Generator.KEYS, rounds=4, seconds=3),
    ),
)
TLS = Part(
    name="tls",
    title="A provider behind HTTPS",
    measures=(
        secure("tls-1", SECURE, 1, seconds=2),
        secure("tls-64", SECURE, 64, seconds=2),
        secure("tls-burst-64", SECURE_BURST, 64, seconds=2),
    ),
)
PEERS = Part(
    name="peers",
    title="The gateways that people use",
    measures=(
        one_connection(rounds=2, seconds=2, peers=OUTSIDE),
        complete(16, seconds=2),
        complete(64, seconds=3),
        complete(256, seconds=2),
        open_loop(50, rounds=2, seconds=3, peers=OUTSIDE),
        open_loop(500, rounds=2, seconds=2, peers=OUTSIDE),
        open_loop(2000, rounds=2, seconds=2, peers=FASTER),
        burst(rounds=2, seconds=2, peers=FASTER),
        streams(1, rounds=2, each=1, peers=OUTSIDE),
        streams(32, rounds=2, each=1, peers=OUTSIDE),
        streams(128, rounds=2, each=1, peers=FASTER),
    ),
)
IN_EVERY_SETTING = Part(
    name="settings",
    title="Tollway in every setting",
    measures=(
        one_connection(rounds=2, seconds=2, peers=IN_SETTINGS),
        busy(64, rounds=3, seconds=2, peers=IN_SETTINGS),
    ),
)
FULL = (CORE, STREAMS, BODIES, THROUGH_LANES, GROWTH, TLS, PEERS, IN_EVERY_SETTING)

TRIAL = (
    Part(
        name="trial",
        title="A trial",
        measures=(
            one_connection(rounds=2, seconds=0.3),
            busy(64, rounds=2, seconds=1),
            open_loop(500, rounds=1, seconds=0.3, peers=PROXIES),
            exact_books(seconds=0.3),
            burst(rounds=1, seconds=1),
            streams(20, rounds=1, each=1),
            thinking(20, rounds=1, each=1),
        ),
    ),
    Part(name="trial-bodies", title="Bodies", measures=(body("1mb", seconds=1),)),
    Part(
        name="trial-lanes",
        title="Lanes",
        measures=(
            through_lane(lane(CHAT, OTHERS[0], stream=False), seconds=1),
            through_lane(lane(OTHERS[1], CHAT, stream=True), seconds=1),
        ),
    ),
    Part(name="trial-tls", title="TLS", measures=(secure("tls-64", SECURE, 64, seconds=1),)),
)
"""Whether the benchmark itself works; its figures mean nothing."""

PLANS = {"full": FULL, "quick": QUICK, "trial": TRIAL}


def asks_of(part: Part) -> tuple[Ask, ...]:
    """Return every kind of request of a part, once."""
    return tuple(dict.fromkeys(measure.ask for measure in part.measures))


def names_of(part: Part) -> tuple[str, ...]:
    """Return everybody whom a part measures, once."""
    return tuple(dict.fromkeys(name for measure in part.measures for name in measure.peers))
