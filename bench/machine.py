"""The machine under the benchmark: its tools, its cores, what it is. Installs nginx and wrk, and says so."""

import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from failure import BenchError
from interpreter import facts_of_interpreter

PACKAGES = {"nginx": "nginx", "wrk": "wrk", "cc": "build-essential", "taskset": "util-linux"}
"""Program to Debian package."""
FSYNC_PROBES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """Who runs where: the gateway alone on one core, load and upstream on the others."""

    gateway: int
    load: tuple[int, ...]


def say(text: str) -> None:
    """Print a line of progress; the table alone goes to standard output."""
    print(text, file=sys.stderr, flush=True)


def share_out_cores() -> Cores:
    """Return the first allowed core for the gateway and the rest for the load, and move there; BenchError on one core."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise BenchError("the benchmark needs two cores: one for the gateway, one for load and upstream")
    cores = Cores(gateway=allowed[0], load=tuple(allowed[1:]))
    os.sched_setaffinity(0, cores.load)
    return cores


def ensure_tools(programs: Sequence[str]) -> None:
    """Install what is missing of `programs` with apt-get; raises BenchError when that cannot be done."""
    missing = [name for name in programs if find_program(name) is None]
    if not missing:
        return
    packages = [PACKAGES[name] for name in missing]
    by_hand = f"apt-get install {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise BenchError(f"{', '.join(missing)} not found, and this system has no apt-get: install by hand")
    if os.geteuid() != 0:
        raise BenchError(f"{', '.join(missing)} not found, and only root may install: run `sudo {by_hand}`, then again")
    say(
        f"installing {' '.join(packages)} with apt-get (a service that nginx may start by itself is not what is measured)"
    )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", *packages]):
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if result.returncode:
            raise BenchError(f"`{' '.join(command)}` failed: {result.stderr.strip()[-500:]}")


def find_program(name: str) -> str | None:
    """Return the path of a program; looks where daemons live too, which is not on everybody's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")


def program(name: str) -> str:
    """Return the path of a program that must be there; raises BenchError."""
    path = find_program(name)
    if path is None:
        raise BenchError(f"{name} is not installed")
    return path


def facts_of_processor() -> dict[str, str]:
    """Return what decides how fast code runs here; nothing that identifies the machine."""
    cpu_lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in cpu_lines if line.startswith("model name")]
    memory_kb = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory_kb / 2**20:.0f} GB",
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "python": facts_of_interpreter(),
    }


def facts(scratch: Path) -> dict[str, str]:
    """Return what a reader must know of the machine to judge a number; nothing that identifies it."""
    return {
        **facts_of_processor(),
        "nginx": first_line([program("nginx"), "-v"]).removeprefix("nginx version: "),
        "wrk": first_line([program("wrk"), "-v"]).split(" [")[0],
        "disk sync": f"{fsync_us(scratch):.0f} µs (median of {FSYNC_PROBES} writes of 4 KB)",
    }


def first_line(command: Sequence[str]) -> str:
    """Return the first line that a command prints, on either stream."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return (result.stderr + result.stdout).strip().partition("\n")[0]


def fsync_us(scratch: Path) -> float:
    """Return how long the disk takes to keep a small write: the floor of a durable charge."""
    took: list[float] = []
    path = scratch / "fsync-probe"
    with path.open("wb", buffering=0) as file:
        for _ in range(FSYNC_PROBES):
            file.write(b"x" * 4096)
            begun = time.perf_counter_ns()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter_ns() - begun) / 1000)
    path.unlink()
    return statistics.median(took)
