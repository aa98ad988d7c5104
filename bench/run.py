"""`make bench`: Tollway beside nginx and other gateways, the same requests to the same upstream, and its ledger against the answers.

Prints markdown tables on standard output and its progress on standard error. Exit status 0 when everything ran and the
ledger agrees with the answers after every run; 1 when it does not, or the benchmark could not run; 2 wrong usage.
A missed line of the speed budget is a result, not a failure.
"""

import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from types import FrameType

import gauges
from arguments import Asked, parse
from deployment import final_problems
from failure import BenchError
from loads import Measure
from machine import Cores, ensure_tools, facts, say, share_out_cores
from outsiders import INSTALLERS
from peers import TOLLWAY
from pg8000.native import InterfaceError
from plan import Part, asks_of, names_of
from profiling import profile
from report import tables
from results import Result, save
from runs import Run, run_part
from stage import Cast, Stage, set_up

ROOT = Path(__file__).parent.parent
REST_SECONDS = 1.0
"""Before memory is weighed."""
STREAMS_WEIGHED_MIN, STREAMS_WEIGHED_MAX = 500, 800
"""How many make a stream's share of memory: with fewer it is lost in the noise, with more a core is full, and what waits
for it would be weighed too."""

Weights = dict[str, dict[str, float]]
"""By peer."""


def weigh(stage: Stage, figure: str, into: Weights) -> None:
    """Note every gateway's proportional memory under the name of the figure."""
    time.sleep(REST_SECONDS)
    for peer in stage.peers:
        if peer.pid is not None:
            into.setdefault(peer.name, {})[figure] = gauges.memory(peer.pid).pss_kb / 1024


def weigh_load(stage: Stage, runs: Sequence[Run], into: Weights) -> None:
    """Note the largest memory under load, and what an open stream takes: from the runs with fewest and most streams."""
    for peer in stage.peers:
        if peer.pid is None:
            continue
        largest: dict[str, float] = {}
        for run in runs:
            if run.peer == peer.name and "rss_kb" in run.figures:
                largest[run.measure] = max(largest.get(run.measure, 0.0), run.figures["rss_kb"])
        if largest:
            into[peer.name]["load_mb"] = max(largest.values()) / 1024
        counts = sorted(int(name.removeprefix("streams-")) for name in largest if name.startswith("streams-"))
        counts = [count for count in counts if count <= STREAMS_WEIGHED_MAX]
        if len(counts) > 1 and counts[-1] >= STREAMS_WEIGHED_MIN:
            few, many = counts[0], counts[-1]
            grown_kb = largest[f"streams-{many}"] - largest[f"streams-{few}"]
            into[peer.name]["stream_kb"] = grown_kb / (many - few)


def profile_tollway(stage: Stage, plan: Sequence[Measure]) -> None:
    """Run each measure once more while Tollway's stacks are sampled; these runs give no figures; the final check sees them."""
    for peer in stage.peers:
        for each in plan:
            if peer.name == TOLLWAY and TOLLWAY in each.peers:
                say(profile(stage.site, each, peer))


class Bench:
    """What one call of the benchmark gathers, part by part."""

    def __init__(self, asked: Asked, cores: Cores, scratch: Path) -> None:
        """Begin with nothing."""
        self.runs: list[Run] = []
        self.memory: dict[str, Weights] = {}
        self.minutes: dict[str, float] = {}
        self.problems: list[str] = []
        self.remarks: list[str] = []
        self._asked = asked
        self._cores = cores
        self._scratch = scratch

    def run(self, part: Part) -> None:
        """Set the stage of a part and run it; what cannot be run is a problem of the result, and the next part goes on."""
        say(f"-- {part.title}")
        begun = time.monotonic()
        folder = self._scratch / part.name
        folder.mkdir()
        folder.chmod(0o755)
        wanted = Cast(
            names=[name for name in names_of(part) if self._asked.takes(name)],
            asks=asks_of(part),
            settings=self._asked.settings,
            outsides=self._asked.outsides if part.takes_outsiders else (),
            upstream_port=self._asked.upstream_port,
        )
        try:
            with set_up(wanted, cores=self._cores, scratch=folder) as stage:
                self._measure(part, stage)
        except (BenchError, OSError, HTTPException, sqlite3.Error, InterfaceError, AssertionError) as error:
            self.problems.append(f"{part.name}: {error}")
            say(f"FAILED: {self.problems[-1]}")
        if not self._asked.keep:
            shutil.rmtree(folder, ignore_errors=True)
        self.minutes[part.name] = (time.monotonic() - begun) / 60

    def _measure(self, part: Part, stage: Stage) -> None:
        self.remarks += stage.absent
        weights = self.memory.setdefault(part.name, {})
        for peer in stage.peers:
            if peer.server is not None:
                weights[peer.name] = {"start_ms": peer.server.start_ms}
        weigh(stage, "idle_mb", weights)
        begun = len(self.runs)
        for run in run_part(stage, part):
            self.runs.append(run)
            told = [f"{part.name}, {run.measure}, {run.peer}, round {run.round + 1}: {each}" for each in run.problems]
            (self.remarks if run.outsider else self.problems).extend(told)
        weigh(stage, "after_mb", weights)
        weigh_load(stage, self.runs[begun:], weights)
        if self._asked.profile:
            profile_tollway(stage, part.measures)
        for peer in stage.peers:
            if peer.books is not None:
                found = final_problems(stage.deployed[peer.name], peer.books.charged_nanos())
                self.problems += [f"{part.name}, {peer.name}: {each}" for each in found]


def versions(asked: Asked) -> tuple[dict[str, str], list[str]]:
    """Install the gateways that are to be measured; return their versions, and why one is left out."""
    found: dict[str, str] = {}
    remarks: list[str] = []
    named = {name for part in asked.parts for name in names_of(part) if asked.takes(name)}
    for name, install in INSTALLERS.items():
        if name in named:
            try:
                found[name] = install().version
            except (BenchError, OSError) as error:
                remarks.append(str(error))
                say(remarks[-1])
    return found, remarks


def measure(asked: Asked, scratch: Path) -> Result:
    """Run every part of the plan and return the result; raises BenchError when nothing can be measured."""
    cores = share_out_cores()
    ensure_tools(("nginx", "wrk", "cc", "taskset"))
    found, remarks = versions(asked)
    machine: Mapping[str, str] = {**facts(scratch), **found}
    bench = Bench(asked, cores, scratch)
    for part in asked.parts:
        bench.run(part)
    return Result(
        plan=asked.plan,
        durability=asked.settings[TOLLWAY].durability,
        machine=machine,
        runs=tuple(bench.runs),
        memory=bench.memory,
        problems=tuple(bench.problems),
        remarks=tuple(dict.fromkeys([*remarks, *bench.remarks])),
        minutes=bench.minutes,
        table=tables(asked.parts, bench.runs, bench.memory),
    )


def main(words: Sequence[str]) -> int:
    """Run the benchmark and return the exit status."""
    asked = parse(words)
    (ROOT / "build").mkdir(exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "build"))
    try:
        result = measure(asked, scratch)
    except BenchError as error:
        say(f"bench: {error}")
        return 1
    except KeyboardInterrupt:
        say("bench: stopped")
        return 1
    finally:
        if asked.keep:
            say(f"kept: {scratch.relative_to(ROOT)}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    print(result.markdown())
    if asked.save:
        say(f"saved: {save(result, ROOT / 'bench' / 'results')}")
    return 1 if result.problems else 0


def stop(_signal: int, _frame: FrameType | None) -> None:
    """End in order: everything that was started is stopped on the way out."""
    sys.exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    sys.exit(main(sys.argv[1:]))
