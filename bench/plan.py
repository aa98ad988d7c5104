"""What is measured, and for how long: one plan for every day, one for a result that is kept. Data only."""

from loads import Generator, Measure
from payloads import BURST, PACED, PLAIN
from peers import DIRECT, HELLO, NGINX, TOLLWAY

EVERYBODY = (DIRECT, NGINX, TOLLWAY, HELLO)
PROXIES = (DIRECT, NGINX, TOLLWAY)


def one_connection(*, rounds: int, seconds: float) -> Measure:
    """Latency: one request after the other, so that nothing waits for anything else."""
    return Measure(
        name="plain-1",
        generator=Generator.LOOP,
        ask=PLAIN,
        connections=1,
        size=seconds,
        rounds=rounds,
        peers=EVERYBODY,
    )


def busy(connections: int, *, rounds: int, seconds: float) -> Measure:
    """Throughput and CPU per request: so many connections that are never idle."""
    return Measure(
        name=f"plain-{connections}",
        generator=Generator.WRK,
        ask=PLAIN,
        connections=connections,
        size=seconds,
        rounds=rounds,
        peers=EVERYBODY,
    )


def exact_books(*, seconds: float) -> Measure:
    """The ledger against a load that waits for all its answers: the counts must be equal."""
    return Measure(
        name="books-64",
        generator=Generator.LOOP,
        ask=PLAIN,
        connections=64,
        size=seconds,
        rounds=1,
        peers=(TOLLWAY,),
    )


def burst(*, rounds: int, seconds: float) -> Measure:
    """Whole streams that come at once: the cost of a frame when reads are large."""
    return Measure(
        name="burst-64",
        generator=Generator.WRK,
        ask=BURST,
        connections=64,
        size=seconds,
        rounds=rounds,
        peers=PROXIES,
    )


def streams(connections: int, *, rounds: int, each: int) -> Measure:
    """Paced streams side by side: the cost of a frame when every frame is a read of its own."""
    return Measure(
        name=f"streams-{connections}",
        generator=Generator.STREAMS,
        ask=PACED,
        connections=connections,
        size=each,
        rounds=rounds,
        peers=PROXIES,
    )


QUICK = (
    one_connection(rounds=3, seconds=1.5),
    busy(64, rounds=3, seconds=2),
    exact_books(seconds=1),
    burst(rounds=2, seconds=1),
    streams(100, rounds=2, each=1),
    streams(800, rounds=2, each=1),
)
FULL = (
    one_connection(rounds=5, seconds=3),
    busy(16, rounds=3, seconds=3),
    busy(64, rounds=5, seconds=4),
    busy(256, rounds=3, seconds=3),
    exact_books(seconds=3),
    burst(rounds=3, seconds=2),
    streams(1, rounds=3, each=2),
    streams(100, rounds=3, each=2),
    streams(512, rounds=3, each=2),
    streams(800, rounds=3, each=3),
)
TRIAL = (
    one_connection(rounds=2, seconds=0.3),
    busy(64, rounds=2, seconds=1),
    exact_books(seconds=0.3),
    burst(rounds=1, seconds=1),
    streams(20, rounds=1, each=1),
)
"""Whether the benchmark itself works; its figures mean nothing."""
