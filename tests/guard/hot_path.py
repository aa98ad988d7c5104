"""Counts the instructions of the hot path and compares them with `hot_path.toml`; prints where they are. Called by `make guard`.

make guard                                        compare; exit status 1 when a number is more than 5 % off
make guard ARGS="--by-function plain"             the functions that take most of a lane
make guard ARGS='--record --reason "why"'         write the numbers that have changed, with a sentence for each of them
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType

from tests.guard.counting import Tally
from tests.guard.lanes import AT_ONCE, Lane, measure

RECORDED = Path(__file__).with_name("hot_path.toml")
SOURCES = Path(__file__).parents[2]
TOLERANCE = 0.05
KINDS = ("opcodes", "calls", "c_calls", "writes", "thread_opcodes", "thread_calls", "thread_c_calls", "garbage")
PYTHON = (3, 11)
MARK = "GUARD_COUNTS_HERE"

TITLES = {
    "plain": "a whole answer in the provider's own dialect, one request at a time",
    "plain-at-once": f"the same, {AT_ONCE} requests at the same time",
    "capped": "a whole answer by a key with three caps and four limits",
    "stream-opening": "a stream from its request to the first word",
    "stream-chunk": "a chunk that passes",
    "stream-end": "the end of a stream, with its charge",
    "translated": "a whole answer in another dialect",
    "translated-opening": "the opening of a stream in another dialect",
    "translated-chunk": "a chunk that is translated",
    "translated-end": "the end of a stream in another dialect",
    "connection": "a whole answer on a connection of its own, from its beginning to its end",
    "refused": "a request whose key is wrong",
}
HEADER = f"""\
# What the hot path takes, in instructions of CPython 3.11, calls of Python, calls of C, writes to sockets, and objects that
# only a collection of garbage frees (none, and then it is not named); those of the ledger's thread apart. Compared by
# tests/guard/test_hot_path.py; a number more than {TOLERANCE:.0%} off fails, upward or downward. Written by
# `make guard ARGS='--record --reason "why"'`: commit it with what changed the number.
"""

Numbers = Mapping[str, Mapping[str, float]]
"""By lane and kind."""


def numbers_of(lanes: Mapping[str, Lane]) -> dict[str, dict[str, float]]:
    """Return what each unit of the lanes takes."""
    found: dict[str, dict[str, float]] = {}
    for name, lane in lanes.items():
        loop, thread, writes, garbage, _ = lane.measured
        values = (*loop, round(writes, 1), *thread, round(garbage))
        found[name] = {kind: value for kind, value in zip(KINDS, values, strict=True) if value}
    return found


def read_recorded() -> dict[str, dict[str, tuple[float, str]]]:
    """Return the recorded numbers with their reasons."""
    lanes = tomllib.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    return {
        name: {kind: (each["count"], each["reason"]) for kind, each in kinds.items()} for name, kinds in lanes.items()
    }


def differences(recorded: Mapping[str, Mapping[str, tuple[float, str]]], now: Numbers) -> Iterator[str]:
    """Yield a sentence for each number that is further off than it may be."""
    for lane in {**recorded, **now}:
        before = recorded.get(lane, {})
        after = now.get(lane, {})
        for kind in {**before, **after}:
            old, _ = before.get(kind, (0.0, ""))
            new = after.get(kind, 0.0)
            if abs(new - old) > TOLERANCE * old:
                change = f"{new / old - 1:+.1%}" if old else "new"
                yield f"{lane}: {kind} was {old:g}, is {new:g} ({change})"


def record(now: Numbers, reason: str) -> None:
    """Write the numbers; those that have changed by more than may be without it get the reason."""
    recorded = read_recorded()
    parts = [HEADER]
    for lane, kinds in now.items():
        parts.append(f"\n# {TITLES[lane]}\n[{lane}]\n")
        for kind, count in kinds.items():
            old, old_reason = recorded.get(lane, {}).get(kind, (0.0, ""))
            same = old and abs(count - old) <= TOLERANCE * old
            kept = old_reason if same else reason
            parts.append(f"{kind} = {{ count = {count:g}, reason = {json.dumps(kept, ensure_ascii=False)} }}\n")
    RECORDED.write_text("".join(parts))


def table_of(now: Numbers) -> str:
    """Return all numbers."""
    lines = [f"{'':20}" + "".join(f"{kind.replace('thread_', 'ledger '):>16}" for kind in KINDS)]
    lines += [f"{lane:20}" + "".join(f"{kinds.get(kind, 0):16g}" for kind in KINDS) for lane, kinds in now.items()]
    return "\n".join(lines)


def by_function(lane: Lane, tally: Tally, most: int) -> str:
    """Return the functions that take most instructions of a lane's unit in some threads, and the modules."""
    opcodes, calls, c_calls = tally.opcodes, tally.calls, tally.c_calls
    units = lane.units
    total = max(1, opcodes.total()) / units
    whose = "the loop's thread" if tally is lane.tally else "the ledger's thread"
    lines = [f"{lane.name}: {TITLES[lane.name]}; {whose}, a unit", ""]
    lines.append(f"{'opcodes':>9} {'share':>6} {'calls':>7} {'C calls':>8}  function")
    for code, count in opcodes.most_common(most):
        own, into_c = calls[code] / units, c_calls[code] / units
        lines.append(f"{count / units:9.1f} {count / units / total:6.1%} {own:7.2f} {into_c:8.2f}  {_place(code)}")
    modules: Counter[str] = Counter()
    for code, count in opcodes.items():
        modules[_module(code)] += count
    lines += ["", f"{'opcodes':>9} {'share':>6}  module"]
    lines += [
        f"{count / units:9.1f} {count / units / total:6.1%}  {module}" for module, count in modules.most_common(most)
    ]
    return "\n".join(lines)


def _module(code: CodeType) -> str:
    path = Path(code.co_filename)
    for root in (SOURCES / "src", Path(sys.prefix)):
        if path.is_relative_to(root):
            return str(path.relative_to(root)).partition("site-packages/")[2] or str(path.relative_to(root))
    return "/".join(path.parts[-2:])


def _place(code: CodeType) -> str:
    return f"{_module(code)}:{code.co_firstlineno} {code.co_qualname}"


def in_clean_process(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Count in a process of its own, which nothing of this one reaches: no hash seed, no coverage, no earlier test."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_RUNTIME_DIR", "TMPDIR") if name in os.environ}
    environment = {**kept, "PYTHONHASHSEED": "0", "PYTHONPATH": f"{SOURCES / 'src'}:{SOURCES}", MARK: "1"}
    command = [sys.executable, "-m", "tests.guard.hot_path", *words]
    return subprocess.run(command, cwd=SOURCES, env=environment, capture_output=True, text=True, check=False)


def main(words: Sequence[str]) -> int:
    """Count, and do what is asked with the numbers."""
    parser = argparse.ArgumentParser(prog="make guard", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="write the numbers into hot_path.toml")
    parser.add_argument("--reason", default="", help="why they have changed: one sentence")
    parser.add_argument(
        "--by-function", metavar="LANE", nargs="?", const="plain", choices=TITLES, help="where they are"
    )
    parser.add_argument("--ledger", action="store_true", help="by function, of the ledger's thread")
    parser.add_argument("--most", type=int, default=45, help="how many functions to print")
    asked = parser.parse_args(words)
    if sys.version_info[:2] != PYTHON:
        print("the numbers are those of CPython 3.11: other versions have other instructions, so nothing is compared")
        return 0
    if MARK not in os.environ:
        done = in_clean_process(words)
        sys.stdout.write(done.stdout)
        sys.stderr.write(done.stderr)
        return done.returncode
    with tempfile.TemporaryDirectory() as folder:
        lanes = measure(Path(folder))
    now = numbers_of(lanes)
    if asked.by_function:
        lane = lanes[asked.by_function]
        print(by_function(lane, lane.threads if asked.ledger else lane.tally, asked.most))
        return 0
    print(table_of(now))
    found = list(differences(read_recorded(), now))
    if asked.record:
        if found and not asked.reason:
            parser.error('numbers have changed: say why with --reason "…"')
        record(now, asked.reason)
        return 0
    if found:
        advice = (
            "The hot path has changed by more than 5 %. Where a number has grown, find out by `make guard "
            'ARGS="--by-function LANE"` what has come in, and take it out again; where that is wanted, or a number has '
            "fallen, write the numbers with `make guard ARGS='--record --reason \"why\"'` and commit the file together "
            "with what changed them."
        )
        print("", *found, "", advice, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
