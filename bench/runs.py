"""Runs a part of the plan: peers in turn, round by round, with gauges before and after and the ledger compared after each run."""

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

import gauges
from books import Counted, Entries, parity_problems
from failure import BenchError
from gauges import CoreTime, Cpu
from loads import Generator, Measure, Seen, run_load
from machine import Cores, say
from peers import PORTKEY, Peer, check_answer
from plan import Part
from stage import Stage

FLUSH_SECONDS = 0.05
"""After the last answer: what a gateway still does for it belongs to the run."""
NOISE_MAX = 0.05
"""Share of a run that somebody else may take of a core before its figures are doubtful."""
BEHIND_MAX = 0.05
"""Of the rate at which an open loop asks: who answers less cannot keep up, and its latency says only how long it was asked."""
REST_SECONDS_MAX = 10.0
REST_SHARE = 0.05
"""Of a core: a gateway that uses less has come to rest."""
FIRST = "first-"
"""What the runs are called in which every key asks for the first time; the number of connections follows."""
FIRST_RUNS_MAX = 40
ANSWERS_A_WORKER = 3
"""How often a gateway is asked once more after a load that hung up, each time on a new connection."""
WARM_UP_CONNECTIONS, OUTSIDERS_WARM_UP_CONNECTIONS = 64, 16
OUTSIDERS_WARM_UP_SECONDS = 3.0
"""Of each kind of request: some of them compile what they find themselves doing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of one measure against one peer."""

    part: str
    measure: str
    peer: str
    round: int
    figures: Mapping[str, float]
    problems: tuple[str, ...]
    """Why the whole benchmark has failed; of a gateway that is not ours, what is to be told of it."""
    outsider: bool
    parity: str | None
    """What was compared with the ledger; None for a peer without books."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All gauges at one moment."""

    at_s: float
    gateway: Cpu
    load_us: float
    """CPU time of everything that belongs on the cores of the load: generators, upstreams, databases, this program."""
    gateway_core: CoreTime
    load_cores: CoreTime


def read_gauges(stage: Stage, peer: Peer) -> Reading:
    """Read the gauges; the direct upstream has no gateway, and no CPU time of one."""
    none = Cpu(total_ns=0, user_ticks=0, system_ticks=0)
    return Reading(
        at_s=time.perf_counter(),
        gateway=gauges.cpu(peer.pid) if peer.pid else none,
        load_us=gauges.own_us() + sum(gauges.cpu(pid).total_ns for pid in stage.load_pids) / 1000,
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
        self._pid = peer.pid
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


def come_to_rest(peer: Peer) -> None:
    """Wait until a gateway that is not ours has done what it does after its answers: all of it belongs to the run."""
    give_up = time.perf_counter() + REST_SECONDS_MAX
    while peer.pid is not None and time.perf_counter() < give_up:
        before, begun = gauges.cpu(peer.pid), time.perf_counter()
        time.sleep(0.2)
        used_us = gauges.cpu(peer.pid).since(before).total_us
        if used_us < REST_SHARE * 1e6 * (time.perf_counter() - begun):
            return


def run_once(stage: Stage, measure: Measure, peer: Peer, number: int, *, part: str) -> Run:
    """Run one load, weigh the gateway, and compare the ledger."""
    before = read_gauges(stage, peer)
    with MemoryWatch(peer) as watch:
        seen = run_load(stage.site, measure, peer)
    if peer.outsider:
        come_to_rest(peer)
    else:
        time.sleep(FLUSH_SECONDS)
    after = read_gauges(stage, peer)
    if peer.server:
        peer.server.assert_alive()
    frames = int(seen.figures.get("frames", seen.answers * measure.ask.frames))
    figures = {
        **seen.figures,
        **spent(before, after, answers=seen.answers, frames=frames),
        **use_of_cores(before, after, stage.cores),
    }
    if watch.largest_kb:
        figures["rss_kb"] = float(watch.largest_kb)
    parity, problems = compare(measure, peer, seen)
    return Run(
        part=part,
        measure=measure.name,
        peer=peer.name,
        round=number,
        figures=figures,
        problems=(*seen.problems, *problems),
        outsider=peer.outsider,
        parity=parity,
    )


def compare(measure: Measure, peer: Peer, seen: Seen) -> tuple[str | None, list[str]]:
    """Return the comparison with the peer's books in words, and what is wrong with it."""
    if peer.books is None:
        return None, []
    # What a generator left under way may wait for a slow disk, unseen: a charge that is answered comes behind it.
    behind_them = ANSWERS_A_WORKER * peer.workers if seen.cut else 0
    for _ in range(behind_them):
        check_answer(peer, measure.ask)
    entries = peer.books.close_run()
    counted = Counted(answers=seen.answers + behind_them, cut=seen.cut, cost_nanos=measure.ask.cost_nanos)
    return parity_words(counted, entries), parity_problems(counted, entries)


def parity_words(counted: Counted, entries: Entries) -> str:
    """Return one line that says what was compared."""
    cut = f" (+ at most {counted.cut} cut off)" if counted.cut else ""
    other = f", {entries.others} ended otherwise" if entries.others else ""
    return (
        f"{counted.answers} answers{cut}, {entries.completed} completed lines{other},"
        f" {entries.completed_nanos} nano-dollars = {entries.completed} × {counted.cost_nanos}"
    )


def warm_up(stage: Stage, part: Part, peer: Peer) -> None:
    """Let a peer open its connections, fill its caches and compile what it compiles; counts for nothing."""
    connections = OUTSIDERS_WARM_UP_CONNECTIONS if peer.outsider else WARM_UP_CONNECTIONS
    asks = dict.fromkeys(measure.ask for measure in part.measures if peer.given or peer.name in measure.peers)
    seconds = OUTSIDERS_WARM_UP_SECONDS if peer.outsider else max(0.1, 0.6 / max(len(asks), 1))
    for ask in asks:
        if peer.scheme(ask) == "https":
            continue
        measure = Measure(
            name="warm-up", generator=Generator.LOOP, ask=ask, connections=connections, size=seconds, rounds=1, peers=()
        )
        if ask.pace_ms:
            measure = replace(measure, generator=Generator.STREAMS, size=1)
        run_load(stage.site, measure, peer)
    if peer.books is not None:
        peer.books.close_run()


def run_part(stage: Stage, part: Part) -> Iterator[Run]:
    """Run every measure of a part: A B A B, so that what drifts on the machine drifts for all."""
    gone: set[str] = set()
    for peer in stage.peers:
        try:
            warm_up(stage, part, peer)
        except BenchError as error:
            leave_out(peer, gone, error)
    for measure in part.measures:
        peers = measured(measure, stage)
        if measure.generator is Generator.KEYS:
            for peer in peers:
                yield from let_all_keys_ask(stage, measure, peer, part.name)
        for number in range(measure.rounds):
            for peer in peers:
                if peer.name in gone or (peer.outsider and number >= measure.outsiders_rounds):
                    continue
                try:
                    run = run_once(stage, measure, peer, number, part=part.name)
                except BenchError as error:
                    leave_out(peer, gone, error)
                    continue
                say(progress(run))
                yield run


def measured(measure: Measure, stage: Stage) -> list[Peer]:
    """Return those on the stage whom a measure names; gateways given by URL go where other gateways go."""
    named = [peer for name in measure.peers for peer in stage.peers if peer.name == name]
    return [*named, *(peer for peer in stage.peers if peer.given)] if PORTKEY in measure.peers else named


def leave_out(peer: Peer, gone: set[str], error: BenchError) -> None:
    """Let a gateway that is not ours go when it cannot be measured any more; raises `error` for one that is ours."""
    if not peer.outsider:
        raise error
    gone.add(peer.name)
    say(f"{peer.name} is measured no more in this part: {error}")


def let_all_keys_ask(stage: Stage, measure: Measure, peer: Peer, part: str) -> Iterator[Run]:
    """Go through all keys of a peer once, so that the measure finds what is so day after day, and not a first morning."""
    first = replace(measure, name=f"{FIRST}{measure.connections}", size=2)
    for number in range(FIRST_RUNS_MAX):
        if stage.site.turns.get(peer.name, 0) >= len(peer.keys):
            return
        run = run_once(stage, first, peer, number, part=part)
        say(progress(run))
        yield run


def progress(run: Run) -> str:
    """Return one line for the person who waits."""
    figures = run.figures
    said = [f"{run.measure:14} {run.peer:8} #{run.round + 1}"]
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
    if figures.get("behind", 0.0) > BEHIND_MAX:
        said.append("CANNOT KEEP UP")
    if figures["noise"] > NOISE_MAX:
        said.append(f"NOISE: others took {figures['noise']:.0%} of a core")
    return "  ".join([*said, *(f"FAILED: {problem}" for problem in run.problems)])
