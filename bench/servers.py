"""Processes of the benchmark: built, started on given cores, waited for, and stopped by their own id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from failure import BenchError
from machine import program

START_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 15.0
NATIVE = Path(__file__).parent / "native"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What to start and where."""

    name: str
    command: Sequence[str]
    cores: Iterable[int]
    port: int
    scratch: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    ready: Callable[[], bool] | None = None
    """Says whether it can serve; None asks only whether it listens."""
    start_seconds_max: float = START_SECONDS_MAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running process that listens on a loopback port."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    start_ms: float
    """From the start of the process until it was ready."""

    @property
    def pid(self) -> int:
        """The root of its process tree (taskset replaces itself)."""
        return self.process.pid

    def assert_alive(self) -> None:
        """Raise BenchError with the end of its output when the process has ended."""
        if self.process.poll() is not None:
            raise BenchError(f"{self.name} ended with status {self.process.returncode}:\n{log_end(self.log)}")

    def stop(self) -> None:
        """End the process, politely first."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def log_end(log: Path) -> str:
    """Return the last lines that a process printed."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port: int) -> bool:
    """Say whether something listens on the loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def start(launch: Launch) -> Server:
    """Start a process pinned to its cores and return when it is ready; raises BenchError when it does not get there."""
    ready = launch.ready or (lambda: accepts(launch.port))
    log = launch.scratch / f"{launch.name}.log"
    cores = ",".join(str(core) for core in launch.cores)
    begun = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program("taskset"), "-c", cores, *launch.command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **launch.environment},
        )
    while not ready():
        if process.poll() is not None:
            raise BenchError(f"{launch.name} did not start:\n{log_end(log)}")
        if time.perf_counter() - begun > launch.start_seconds_max:
            process.kill()
            raise BenchError(f"{launch.name} was not ready within {launch.start_seconds_max:.0f} s:\n{log_end(log)}")
        time.sleep(0.005)
    start_ms = (time.perf_counter() - begun) * 1000
    return Server(name=launch.name, port=launch.port, process=process, log=log, start_ms=start_ms)


def build(name: str, scratch: Path) -> Path:
    """Compile bench/native/NAME.c and return the program; raises BenchError."""
    target = scratch / name
    command = [program("cc"), "-O2", "-o", str(target), str(NATIVE / f"{name}.c")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise BenchError(f"cc could not compile {name}.c:\n{result.stderr[-1000:]}")
    return target
