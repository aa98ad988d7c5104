"""A start imports what serving needs and no more, and what it takes of the processor and of memory stays small.

What each import takes stands in bench/where-the-time-goes.md. What is imported is the same on every machine; the time is the
process's own, not the clock's, and the best of some starts, so that a machine at work does not count.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

SETTINGS = """
[server]
host = "127.0.0.1"
port = 0
[store]
url = "sqlite:///{folder}/books/tollway.db"
[[providers]]
name = "acme"
preset = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"
api_key = "env:ACME_KEY"
[[models]]
id = "fast"
targets = [{{ provider = "acme", model = "small" }}]
price = {{ input = "1", output = "2" }}
"""

THAT_TELLS = """
import sys
from tollway.__main__ import main

say = sys.stdout.write

def say_and_tell(text):
    print(*sys.modules, file=sys.stderr)
    return say(text)

sys.stdout.write = say_and_tell
sys.exit(main())
"""
"""The program, which tells on standard error what is imported when it says that it serves."""

PACKAGES = {
    "annotated_doc",  # typer's
    "click",  # uvicorn's
    "cython_runtime",  # uvloop's
    "httptools",
    "msgspec",
    "shellingham",  # typer's
    "sqlalchemy",
    "tollway",
    "typer",
    "typing_extensions",
    "uvicorn",
    "uvloop",
}
"""Whose modules a start may import, beside the standard library's. Each more is one of the reasons for a slow start: pydantic is
40 ms and 5 MB, FastAPI 160 ms and 14 MB, alembic 100 ms, cryptography 11 ms and 2 MB."""

OF_ENVIRONMENT = {"sitecustomize", "usercustomize"}
"""Imported by every program of an environment, whatever it is."""

NOT_BEFORE_USE = (
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.orm",
    "tollway.http.account.replying",
    "tollway.http.admin.bodies",
    "tollway.payments.stripe_provider",
    "tollway.relay.sealing",
    "tollway.store.migrate",
    "tollway.store.postgres",
    "tollway.upstream.signing.google",
)
"""Ours and theirs that wait for somebody who needs them."""

MODULES_MAX = 500
"""Of ours: each takes 0.2 ms and 25 KB. Raise it with what they are for in the commit's message."""

CPU_S_MAX = 0.7
"""From the process's beginning until requests are answered: 0.35 s at the time of writing."""
MEMORY_MB_MAX = 60
"""At rest, with its share of what it shares: 47 MB at the time of writing; the budget of a worker is 80."""
STARTS = 3
SETTLING_S = 1.5
"""The first round of what is done each second compiles its statements: that is part of being at rest."""


class Spent(NamedTuple):
    """What a start took."""

    cpu_s: float
    memory_mb: float


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tollway.toml"
    path.write_text(SETTINGS.format(folder=tmp_path))
    return path


@contextmanager
def serving(config: Path, *program: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Run `tollway serve` as an operator does, neither measured nor without its compiled modules; stop it at the end."""
    left_out = ("COVERAGE", "PYTHONDONTWRITEBYTECODE")
    env = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    log = config.with_name("log")
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, *program, "serve", "--json", "--config", str(config)],
            env={**env, "ACME_KEY": "sk-acme-123456"},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        with process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline(), log.read_text()
                yield process, log
            finally:
                process.terminate()


def test_a_start_imports_what_serving_needs(config: Path) -> None:
    with serving(config, "-c", THAT_TELLS) as (_, log):
        modules = set(log.read_text().split())
    assert "tollway.app" in modules
    foreign = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    packages = {name for name in foreign if not name.startswith("_") and name not in OF_ENVIRONMENT}
    assert packages <= PACKAGES, f"imported by a start: {sorted(packages - PACKAGES)}"
    assert [
        name for name in sorted(modules) if f"{name}.".startswith(tuple(f"{late}." for late in NOT_BEFORE_USE))
    ] == []
    ours = Counter(name.split(".")[1] for name in modules if name.startswith("tollway."))
    assert ours.total() <= MODULES_MAX, f"{ours.total()} modules of ours: {dict(ours.most_common())}"


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the kernel does not say what memory is whose")
def test_a_start_takes_little_of_the_processor_and_of_memory(config: Path) -> None:
    spent: list[Spent] = []
    while len(spent) < STARTS:
        with serving(config, "-m", "tollway") as (process, _):
            cpu_s = time.clock_gettime((~process.pid << 3) | 2)  # the clock of another process: clock_getcpuclockid(3)
            time.sleep(SETTLING_S)
            spent.append(Spent(cpu_s, memory_mb(process.pid)))
        if spent[-1].cpu_s <= CPU_S_MAX and spent[-1].memory_mb <= MEMORY_MB_MAX:
            return
    pytest.fail(f"of {CPU_S_MAX} s and {MEMORY_MB_MAX} MB, {STARTS} starts took: {spent}")


def memory_mb(pid: int) -> float:
    """Return the memory of a process: what is its own, and its share of the rest."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
