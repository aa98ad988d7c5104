"""Where a gateway's Python spends its time under load: samples of py-spy, summed by function. Needs `pip install py-spy`."""

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from failure import BenchError
from loads import LoadSite, Measure, run_load
from peers import Peer

SAMPLES_PER_SECOND = 500
LINES = 35
ROOT = Path(__file__).parent.parent


def py_spy() -> str:
    """Return the path of py-spy; raises BenchError when it is not installed."""
    beside = Path(sys.executable).parent / "py-spy"
    found = str(beside) if beside.exists() else shutil.which("py-spy")
    if found is None:
        raise BenchError("--profile needs py-spy: `.venv/bin/pip install py-spy`, then again")
    return found


def profile(site: LoadSite, measure: Measure, peer: Peer) -> str:
    """Load a peer while its stacks are sampled; return the functions that took most, as text."""
    if peer.server is None:
        raise BenchError(f"{peer.name} has no process to look into")
    samples = site.scratch / f"{measure.name}.samples"
    seconds = str(max(2, round(measure.size)))
    # Only who holds the interpreter lock: a thread that waits would be counted as one that works.
    command = [py_spy(), "record", "--gil", "-p", str(peer.server.pid), "-r", str(SAMPLES_PER_SECOND), "-d", seconds]
    sampler = subprocess.Popen(
        [*command, "-f", "raw", "-o", str(samples)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    run_load(site, measure, peer)
    _, said = sampler.communicate()
    if sampler.returncode:
        raise BenchError(f"py-spy failed: {said.strip()[-300:]}")
    return report(measure.name, sum_by_function(samples.read_text()))


def sum_by_function(text: str) -> Mapping[str, tuple[int, int]]:
    """Return, by function, the samples in which it ran itself and those in which it or what it called ran.

    Each line of `text` is a stack, outermost first and parted by semicolons, and how often it was seen.
    """
    itself: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [frame.replace(f"{ROOT}/", "").rpartition(":")[0] or frame for frame in stack.split(";")]
        itself[frames[-1]] += int(count)
        for frame in set(frames):
            within[frame] += int(count)
    return {frame: (itself[frame], within[frame]) for frame in within}


def report(name: str, functions: Mapping[str, tuple[int, int]]) -> str:
    """Return a table of the functions that took most by themselves."""
    total = sum(own for own, _ in functions.values())
    lines = [f"{name}: share of {total} samples by itself, and with what it called"]
    for frame, (own, whole) in sorted(functions.items(), key=lambda item: -item[1][0])[:LINES]:
        lines.append(f"{own / max(total, 1):7.1%} {whole / max(total, 1):7.1%}  {frame}")
    return "\n".join(lines)
