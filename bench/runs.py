"""Runs the plan: peers in turn, round by round, with gauges before and after and the ledger compared after each run."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import gauges
from books import Counted, Entries, parity_problems
from gauges import CoreTime, Cpu
from loads import Generator, LoadSite, Measure, Seen, run_load
from machine import Cores, say
from payloads import FRAMES, PACED, PLAIN
from peers import Peer
from stage import Stage

FLUSH_SECONDS = 0.05
"""After the last answer: what a gateway still does for it belongs to the run."""
NOISE_MAX = 0.05
"""Share of a run that somebody else may take of a core before its figures are doubtful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one measure against one peer."""

    measure: str
    peer: str
    round: int
    figures: Mapping[str, float]
    problems: tuple[str, ...]
    """Why the whole benchmark has failed."""
    parity: str | None
    """What was compared with the ledger; None for a peer without books."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All gauges at one moment."""

    at_s: float
    gateway: Cpu
    load_us: float
    """CPU time of everything that belongs on the cores of the load: generators, upstreams, this program."""
    gateway_core: CoreTime
    load_cores: CoreTime


def read_gauges(stage: Stage, peer: Peer) -> Reading:
    """Read the gauges; the direct upstream has no gateway, and no CPU time of one."""
    none = Cpu(total_ns=0, user_ticks=0, system_ticks=0)
    return Reading(
        at_s=time.perf_counter(),
        gateway=gauges.cpu(peer.server.pid) if peer.server else none,
        load_us=gauges.own_us() + sum(gauges.cpu(server.pid).total_ns for server in stage.upstreams) / 1000,
        gateway_core=gauges.core_time([stage.cores.gateway]),
        load_cores=gauges.core_time(stage.cores.load),
    )


def spent(before: Reading, after: Reading, *, answers: int, frames: int) -> dict[str, float]:
    """Return CPU per answer (and frame) in microseconds; nothing for a peer without a gateway."""
    cpu = after.gateway.since(before.gateway)
    if not cpu.total_us:
        return {}
    figures = {
        "cpu": cpu.total_us / max(answers, 1),
        "cpu_user": cpu.user_us / max(answers, 1),
        "cpu_system": cpu.system_us / max(answers, 1),
    }
    if frames:
        figures["cpu_frame"] = cpu.total_us / frames
    return figures


def use_of_cores(before: Reading, after: Reading, cores: Cores) -> dict[str, float]:
    """Return how busy gateway and load were, and what others took of the cores, as shares of the run's time."""
    elapsed_us = (after.at_s - before.at_s) * 1e6
    gateway_us = after.gateway.since(before.gateway).total_us
    load_us = after.load_us - before.load_us
    others_us = after.gateway_core.taken_us_since(before.gateway_core) - gateway_us
    others_of_load_us = after.load_cores.taken_us_since(before.load_cores) - load_us
    return {
        "busy": gateway_us / elapsed_us,
        "load_busy": load_us / elapsed_us / len(cores.load),
        "noise": max(others_us, others_of_load_us / len(cores.load), 0.0) / elapsed_us,
    }


class MemoryWatch:
    """Notes the largest resident memory of a peer while a run lasts; looks seldom, so as not to disturb it."""

    INTERVAL_S = 0.4

    def __init__(self, peer: Peer) -> None:
        """Watch the peer's process tree from `__enter__` to `__exit__`."""
        self._pid = peer.server.pid if peer.server else None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.largest_kb = 0

    def __enter__(self) -> Self:
        """Begin."""
        if self._pid is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._ended.set()
        if self._pid is not None:
            self._thread.join()

    def _watch(self) -> None:
        while self._pid is not None and not self._ended.wait(self.INTERVAL_S):
            self.largest_kb = max(self.largest_kb, gauges.resident_kb(self._pid))


def run_once(stage: Stage, measure: Measure, peer: Peer, number: int) -> Run:
    """Run one load, weigh the gateway, and compare the ledger."""
    before = read_gauges(stage, peer)
    with MemoryWatch(peer) as watch:
        seen = run_load(stage.site, measure, peer)
    time.sleep(FLUSH_SECONDS)
    after = read_gauges(stage, peer)
    if peer.server:
        peer.server.assert_alive()
    streamed = measure.ask.stream
    frames = int(seen.figures.get("frames", seen.answers * FRAMES)) if streamed else 0
    figures = {
        **seen.figures,
        **spent(before, after, answers=seen.answers, frames=frames),
        **use_of_cores(before, after, stage.cores),
    }
    if watch.largest_kb:
        figures["rss_kb"] = float(watch.largest_kb)
    parity, problems = compare(measure, peer, seen)
    return Run(
        measure=measure.name,
        peer=peer.name,
        round=number,
        figures=figures,
        problems=(*seen.problems, *problems),
        parity=parity,
    )


def compare(measure: Measure, peer: Peer, seen: Seen) -> tuple[str | None, list[str]]:
    """Return the comparison with the peer's books in words, and what is wrong with it."""
    if peer.books is None:
        return None, []
    entries = peer.books.close_run()
    counted = Counted(answers=seen.answers, cut=seen.cut, cost_nanos=measure.ask.cost_nanos)
    return parity_words(counted, entries), parity_problems(counted, entries)


def parity_words(counted: Counted, entries: Entries) -> str:
    """Return one line that says what was compared."""
    cut = f" (+ at most {counted.cut} cut off)" if counted.cut else ""
    other = f", {entries.others} ended otherwise" if entries.others else ""
    return (
        f"{counted.answers} answers{cut}, {entries.completed} completed lines{other},"
        f" {entries.completed_nanos} nano-dollars = {entries.completed} × {counted.cost_nanos}"
    )


def warm_up(site: LoadSite, peer: Peer) -> None:
    """Let a peer open its connections, fill its caches and compile what it compiles; counts for nothing."""
    plain = Measure(name="warm-up", generator=Generator.LOOP, ask=PLAIN, connections=64, size=0.5, rounds=1, peers=())
    run_load(site, plain, peer)
    if PACED in peer.ports:
        paced = Measure(
            name="warm-up", generator=Generator.STREAMS, ask=PACED, connections=50, size=1, rounds=1, peers=()
        )
        run_load(site, paced, peer)
    if peer.books is not None:
        peer.books.close_run()


def run_plan(stage: Stage, plan: Sequence[Measure]) -> Iterator[Run]:
    """Run every measure: A B A B, so that what drifts on the machine drifts for all."""
    for measure in plan:
        peers = [peer for name in measure.peers for peer in stage.peers if peer.name == name]
        for number in range(measure.rounds):
            for peer in peers:
                run = run_once(stage, measure, peer, number)
                say(progress(run))
                yield run


def progress(run: Run) -> str:
    """Return one line for the person who waits."""
    figures = run.figures
    said = [f"{run.measure:12} {run.peer:8} #{run.round + 1}"]
    if "cpu_frame" in figures:
        said.append(f"{figures['cpu_frame']:6.1f} µs CPU a frame  ")
    elif "cpu" in figures:
        said.append(f"{figures['cpu']:6.1f} µs CPU a request")
    else:
        said.append(" " * 22)
    said.append(
        f"{figures['rps']:8.0f}/s" if "rps" in figures else f"{figures['lost']:.0f} lost {figures['late']:.0f} late"
    )
    said.append(f"gateway {figures['busy']:4.0%}, load {figures['load_busy']:4.0%}")
    if figures["noise"] > NOISE_MAX:
        said.append(f"NOISE: others took {figures['noise']:.0%} of a core")
    return "  ".join([*said, *(f"FAILED: {problem}" for problem in run.problems)])
