"""The load generators: each takes a peer and a measure and returns what the clients saw. Knows no ledger."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from failure import BenchError
from machine import program
from payloads import PLAIN, Ask, request_body
from peers import Peer

LATE_MS = 200
"""A frame that was under way for longer is late: ten times the pace (design, section 8)."""
WRK_SCRIPT = Path(__file__).parent / "wrk.lua"
GENERATOR_SECONDS_MAX = 120
"""Of one run, whatever the gateway does."""
OPEN_CONNECTIONS_MAX = 256
"""Of the open loop: what is due while so many wait for an answer has to wait too."""


class Generator(StrEnum):
    """Who asks."""

    WRK = "wrk"
    """Keeps every connection busy, and hangs up at the end of its time with answers under way."""
    LOOP = "loop"
    """The same, but waits for every answer that it asked for."""
    OPEN = "open"
    """So many requests a second, whatever becomes of the earlier ones; each counts from when it was due."""
    KEYS = "keys"
    """As wrk, each request with the next of many keys."""
    STREAMS = "streams"
    """Opens so many streams at once and looks at every frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One thing that is measured, for each of some peers in turn."""

    name: str
    generator: Generator = Generator.WRK
    ask: Ask = PLAIN
    connections: int = 64
    size: float
    """Seconds a run; for streams, how many each connection asks for, one after the other."""
    rounds: int = 1
    peers: tuple[str, ...] = ()
    rate: float = 0.0
    """Requests a second, of an open loop."""
    outsiders_rounds: int = 2
    """Rounds at most for gateways that are not ours: most of them are slow, and their figures leave no doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the clients of one run saw."""

    answers: int
    cut: int
    """Answers that may have been under way when the load generator hung up."""
    seconds: float
    problems: tuple[str, ...]
    """What must not happen in a run that counts."""
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSite:
    """Where load generators run and what they need."""

    cores: Iterable[int]
    scratch: Path
    loop_program: Path
    turns: dict[str, int] = field(default_factory=dict[str, int])
    """By peer, how many requests its keys have made in turn: each run goes on where the last one ended."""


def run_load(site: LoadSite, measure: Measure, peer: Peer) -> Seen:
    """Run one load to its end; raises BenchError when the generator itself fails."""
    if measure.generator in {Generator.WRK, Generator.KEYS}:
        return run_wrk(site, measure, peer)
    return run_loop(site, measure, peer)


def run_wrk(site: LoadSite, measure: Measure, peer: Peer) -> Seen:
    """Run wrk with one thread and one fixed request, or with one for each key in turn."""
    headers, body = site.scratch / "wrk-headers", site.scratch / "wrk-body"
    headers.write_text("".join(f"{name}: {value}\n" for name, value in peer.headers_of(measure.ask).items()))
    body.write_bytes(request_body(measure.ask))
    url = f"{peer.scheme(measure.ask)}://127.0.0.1:{peer.ports[measure.ask]}{peer.path(measure.ask)}"
    command = [program("wrk"), "-t1", f"-c{measure.connections}", f"-d{measure.size:g}s", "--timeout", "10s"]
    words = ["-s", str(WRK_SCRIPT), url, "--", str(headers), str(body)]
    if measure.generator is Generator.KEYS:
        keys, at = site.scratch / "wrk-keys", site.turns.get(peer.name, 0) % len(peer.keys)
        keys.write_text("".join(f"{key}\n" for key in (*peer.keys[at:], *peer.keys[:at])))
        words.append(str(keys))
    said = run_pinned(site, [*command, *words])
    if measure.generator is Generator.KEYS:
        site.turns[peer.name] = site.turns.get(peer.name, 0) + int(said["requests"])
    problems = [f"{said[word]} requests {word}" for word in ("refused", "failed") if said[word]]
    answers = int(said["requests"]) - int(said["refused"])
    seconds = said["us"] / 1e6
    figures = {"rps": answers / seconds, **{name: float(said[name]) for name in ("p50", "p99", "p999", "max")}}
    return Seen(answers=answers, cut=measure.connections, seconds=seconds, problems=tuple(problems), figures=figures)


def run_loop(site: LoadSite, measure: Measure, peer: Peer) -> Seen:
    """Run our own generator, which waits for every answer and looks at every frame."""
    request = site.scratch / "request"
    request.write_bytes(peer.request_bytes(measure.ask))
    command = [str(site.loop_program), "-p", str(peer.ports[measure.ask]), "-r", str(request)]
    command += ["-c", str(measure.connections)]
    streams = measure.generator is Generator.STREAMS
    if streams:
        ramp_ms = min(1000, 4 * measure.connections)
        command += ["-s", f"{measure.size:.0f}", "-f", str(measure.ask.frames), "-g", str(measure.ask.pace_ms)]
        command += ["-l", str(LATE_MS), "-w", str(ramp_ms)]
    else:
        command += ["-d", f"{measure.size:g}"]
    if measure.rate:
        command += ["-o", f"{measure.rate:g}"]
    said = run_pinned(site, command)
    problems = [f"{said[word]} answers {word}" for word in ("refused", "broken", "unfinished") if said[word]]
    if said["error_events"]:
        problems.append(f"{said['error_events']} error events in streams")
    return Seen(
        answers=int(said["answers"]),
        cut=0,
        seconds=said["seconds"],
        problems=tuple(problems),
        figures=stream_figures(said) if streams else loop_figures(said, measure),
    )


def loop_figures(said: Mapping[str, Any], measure: Measure) -> dict[str, float]:
    """Return the figures of plain answers; times in microseconds."""
    figures = {"rps": said["answers"] / said["seconds"], **percentiles("", said["latency_us"])}
    if measure.rate:
        figures["behind"] = max(0.0, 1 - figures["rps"] / measure.rate)
    return figures


def stream_figures(said: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of streams: time to first token, how long frames were under way, lost and late ones."""
    return {
        "streams": float(said["answers"]),
        "frames": float(said["frames"]),
        "lost": float(said["frames_lost"]),
        "late": float(said["frames_late"]),
        **percentiles("first_", said["first_us"]),
        **percentiles("frame_", said["delay_us"]),
        **percentiles("pace_", said["pace_error_us"]),
        **percentiles("gap_", said["gap_us"]),
    }


def percentiles(prefix: str, samples: Mapping[str, float]) -> dict[str, float]:
    """Return p50, p99, p99.9 and the largest under names with a prefix."""
    return {f"{prefix}{name}": samples[name] for name in ("p50", "p99", "p999", "max")}


def run_pinned(site: LoadSite, command: list[str]) -> Mapping[str, Any]:
    """Run a generator on the cores of the load and return the JSON of its last line."""
    cores = ",".join(str(core) for core in site.cores)
    try:
        result = subprocess.run(
            [program("taskset"), "-c", cores, *command],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=GENERATOR_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{Path(command[0]).name} did not end within {GENERATOR_SECONDS_MAX} s") from error
    lines = result.stdout.strip().splitlines()
    if result.returncode or not lines:
        raise BenchError(f"{Path(command[0]).name} failed: {(result.stderr or result.stdout).strip()[-500:]}")
    return json.loads(lines[-1])
