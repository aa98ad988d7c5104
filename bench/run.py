"""`make bench`: Tollway beside nginx, the same requests to the same upstream, and its ledger against the answers.

Prints one markdown table on standard output and its progress on standard error. Exit status 0 when everything ran and
the ledger agrees with the answers after every run; 1 when it does not, or the benchmark could not run; 2 wrong usage.
A missed line of the speed budget is a result, not a failure.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import gauges
from deployment import final_problems
from failure import BenchError
from loads import Measure
from machine import ensure_tools, facts, say, share_out_cores
from peers import HELLO, NGINX, TOLLWAY
from plan import FULL, QUICK, TRIAL
from profiling import profile
from report import figures_of, table
from results import Result, save
from runs import Run, run_plan, warm_up
from stage import Stage, set_up

ROOT = Path(__file__).parent.parent
GATEWAYS = (NGINX, TOLLWAY, HELLO)
PLANS = {"full": FULL, "quick": QUICK, "trial": TRIAL}
REST_SECONDS = 1.0
"""Before memory is weighed."""


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Return what was asked for; ends with status 2 when it makes no sense."""
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__.partition("\n")[0] if __doc__ else "")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", dest="plan", action="store_const", const="quick", help="under two minutes")
    length.add_argument("--trial", dest="plan", action="store_const", const="trial", help="does the benchmark work?")
    parser.set_defaults(plan="full")
    parser.add_argument("--save", action="store_true", help="keep the result in bench/results/")
    parser.add_argument("--only", default=",".join(GATEWAYS), help="gateways to run, of nginx,Tollway,hello")
    parser.add_argument(
        "--measures", default="", help="measures to run, such as plain-64,streams-100; all when left out"
    )
    parser.add_argument("--durability", choices=("full", "normal"), default="full", help="of Tollway's store")
    parser.add_argument("--profile", action="store_true", help="sample Tollway's stacks under each measure (py-spy)")
    parser.add_argument("--keep", action="store_true", help="leave logs, configurations and the store for a look")
    arguments = parser.parse_args(words)
    arguments.only = tuple(name for name in arguments.only.split(",") if name)
    unknown = [name for name in arguments.only if name not in GATEWAYS]
    if unknown:
        parser.error(f"no such gateway: {', '.join(unknown)}; there are {', '.join(GATEWAYS)}")
    arguments.plan_name = arguments.plan
    wanted = [name for name in arguments.measures.split(",") if name]
    arguments.plan = tuple(each for each in PLANS[arguments.plan] if not wanted or each.name in wanted)
    if not arguments.plan:
        parser.error(f"no such measure: {arguments.measures}")
    return arguments


def weigh(stage: Stage, figure: str, into: dict[str, dict[str, float]]) -> None:
    """Note every gateway's proportional memory under the name of the figure."""
    time.sleep(REST_SECONDS)
    for peer in stage.peers:
        if peer.server is not None:
            into.setdefault(peer.name, {})[figure] = gauges.memory(peer.server.pid).pss_kb / 1024


def weigh_load(stage: Stage, runs: Sequence[Run], into: dict[str, dict[str, float]]) -> None:
    """Note the largest memory under load, and what an open stream takes: from the runs with fewest and most streams."""
    for peer in stage.peers:
        if peer.server is None:
            continue
        largest: dict[str, float] = {}
        for run in runs:
            if run.peer == peer.name and "rss_kb" in run.figures:
                largest[run.measure] = max(largest.get(run.measure, 0.0), run.figures["rss_kb"])
        if largest:
            into[peer.name]["load_mb"] = max(largest.values()) / 1024
        counts = sorted(int(name.removeprefix("streams-")) for name in largest if name.startswith("streams-"))
        if len(counts) > 1:
            few, many = counts[0], counts[-1]
            grown_kb = largest[f"streams-{many}"] - largest[f"streams-{few}"]
            into[peer.name]["stream_kb"] = grown_kb / (many - few)


def profile_tollway(stage: Stage, plan: Sequence[Measure]) -> None:
    """Run each measure once more while Tollway's stacks are sampled; these runs give no figures; the final check sees them."""
    for peer in stage.peers:
        for each in plan:
            if peer.name == TOLLWAY and TOLLWAY in each.peers:
                say(profile(stage.site, each, peer))


def measure(arguments: argparse.Namespace, scratch: Path) -> Result:
    """Set the stage, run the plan, and return the result; raises BenchError when it cannot be believed."""
    cores = share_out_cores()
    ensure_tools(("nginx", "wrk", "cc", "taskset"))
    machine = facts(scratch)
    memory: dict[str, dict[str, float]] = {}
    runs: list[Run] = []
    problems: list[str] = []
    with set_up(arguments.only, durability=arguments.durability, cores=cores, scratch=scratch) as stage:
        for peer in stage.peers:
            if peer.server is not None:
                memory[peer.name] = {"start_ms": peer.server.start_ms}
        weigh(stage, "idle_mb", memory)
        for peer in stage.peers:
            warm_up(stage.site, peer)
        for run in run_plan(stage, arguments.plan):
            runs.append(run)
            problems += [f"{run.measure}, {run.peer}, round {run.round + 1}: {problem}" for problem in run.problems]
        weigh(stage, "after_mb", memory)
        if arguments.profile:
            profile_tollway(stage, arguments.plan)
        weigh_load(stage, runs, memory)
        for peer in stage.peers:
            if peer.books is not None and stage.deployed is not None:
                problems += final_problems(stage.deployed, peer.books.charged_nanos())
    return Result(
        plan=arguments.plan_name,
        durability=arguments.durability,
        machine=machine,
        runs=tuple(runs),
        memory=memory,
        problems=tuple(problems),
        table=table(figures_of(runs, memory)),
    )


def main(words: Sequence[str]) -> int:
    """Run the benchmark and return the exit status."""
    arguments = parse_arguments(words)
    (ROOT / "build").mkdir(exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / "build"))
    try:
        result = measure(arguments, scratch)
    except BenchError as error:
        say(f"bench: {error}")
        return 1
    except KeyboardInterrupt:
        say("bench: stopped")
        return 1
    finally:
        if arguments.keep:
            say(f"kept: {scratch.relative_to(ROOT)}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    print(result.markdown())
    if arguments.save and not result.problems:
        say(f"saved: {save(result, ROOT / 'bench' / 'results')}")
    return 1 if result.problems else 0


def stop(_signal: int, _frame: FrameType | None) -> None:
    """End in order: everything that was started is stopped on the way out."""
    sys.exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    sys.exit(main(sys.argv[1:]))
