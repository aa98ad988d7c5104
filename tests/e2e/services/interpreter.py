"""Programs of users', each a Python of its own with some versions of the official clients, given orders line by line."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

PROGRAMS = Path(__file__).with_name("programs")

GENERATIONS: Mapping[str, tuple[str, ...]] = {"newest": (), "older": ("openai-1", "anthropic-0")}
"""The folders of packages that each has beside what is installed."""

VERSIONS = {"newest": {"openai": "3.", "anthropic": "2."}, "older": {"openai": "1.", "anthropic": "0."}}


def users_environment() -> dict[str, str]:
    """Return what a user's program is started with: nothing that measures ours, and no proxy to this machine's own names."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "PYTEST_"))}
    return plain | {"NO_PROXY": "*", "no_proxy": "*"}


class Ran(NamedTuple):
    """What came of a snippet."""

    out: str
    error: dict[str, Any] | None
    retries: int
    """How often a client tried again."""


def client_path(*packages: str) -> str:
    """Return a path with packages that are not installed beside our own; skips the test where they are missing."""
    folders = [Path(sys.prefix, "compat", package) for package in packages]
    for folder in folders:
        if not folder.is_dir():
            pytest.skip(f"{folder} is missing: run `make setup`")
    return os.pathsep.join(map(str, folders))


class Program:
    """One process, which imports its clients once, says their versions, and then does what it is told."""

    def __init__(self, name: str, *packages: str, versions: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAMS / f"{name}.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=users_environment() | {"PYTHONPATH": client_path(*packages)},
        )
        self._expected = versions
        self._greeted = False

    def tell(self, order: Mapping[str, object]) -> dict[str, Any]:
        """Give an order; return what came of it."""
        if not self._greeted:
            versions = self._read()
            for client, start in self._expected.items():
                assert versions[client].startswith(start), versions
            self._greeted = True
        assert self._process.stdin is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the program died: its words are above"
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


class Interpreter(Program):
    """Runs snippets."""

    def __init__(self, generation: str) -> None:
        super().__init__("pages", *GENERATIONS[generation], versions=VERSIONS[generation])

    def run(self, name: str, code: str, *, env: Mapping[str, str], fresh: bool = True) -> Ran:
        """Run a snippet, in a fresh namespace or in that of the one before."""
        return Ran(**self.tell({"name": name, "code": code, "env": dict(env), "fresh": fresh}))
