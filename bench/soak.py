"""`make soak`: mixed load on a real gateway for as long as you like, and the ledger's state machine beside it.

Every half minute the load pauses: each reply is compared with its line, the gateway's memory and open files are read at
rest, and how late its event loop was under load. Prints a line each time and a verdict at the end; exit status 1 when a
reply and a line disagree, the ledger is not clean, the machine found something, or memory or files grew.
"""

import argparse
import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop
from failure import BenchError
from gauges import memory, process_tree
from pauses import SWITCH, PauseLog, Pauses, gathered

from tests.crash.campaign import Campaign, Scene, staged
from tests.crash.run import STORES, opened
from tests.crash.soaking import Compared, compare, last_look

ROUND_S = 30.0
MINUTES = 60.0
RENEWED_ROUNDS = 2
"""After so many rounds packages and caps are used up, and others take their places."""
CLIENTS = 24
MACHINE = "tests/properties/ledger"
MACHINE_EXAMPLES = 100
"""Of 60 steps each, a batch: about a minute, so that the machine ends soon after the load does."""
WARM = 0.25
"""The share of a run in which memory may still grow: caches fill, and the interpreter's arenas find their size."""
GROWTH_MB_MAX = 20.0
"""From the end of the warm-up on. Arenas breathe by a few megabytes; a leak of a kilobyte a request is a hundred."""
FILES_MAX = 8
"""How many more open files the end may have than the warm-up: idle connections to the provider come and go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What was read while the gateway had nothing to do."""

    at_s: float
    pss_mb: float
    files: int
    compared: Compared
    pauses: Pauses
    """Under load, since the last rest."""


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--store", choices=STORES, default="sqlite")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seed", type=int, default=None, help="of an earlier run")
    parser.add_argument("--no-machine", action="store_true", help="leave the state machine out")
    return parser.parse_args(words)


class Machine:
    """The ledger's state machine in processes of its own, batch after batch, each with the next seed."""

    def __init__(self, seed: int, log: Path) -> None:
        """Take the first seed, and where its output goes."""
        self._seed = seed
        self._log = log
        self._over = False
        self.batches = 0
        self.failed: list[str] = []

    async def run(self) -> None:
        """Run batches until stopped."""
        while not self._over and not self.failed:
            seed = self._seed + self.batches
            with self._log.open("wb") as log:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "pytest", MACHINE, "-q", "-x", f"--hypothesis-seed={seed}"),
                    *("-p", "no:cacheprovider", "--timeout=0"),
                    env={**os.environ, "TOLLWAY_LEDGER_EXAMPLES": str(MACHINE_EXAMPLES)},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    preexec_fn=lambda: os.nice(10),
                )
                status = await process.wait()
            self.batches += 1
            if status:
                said = self._log.read_text(errors="replace").splitlines()[-40:]
                self.failed.append(f"the state machine failed with seed {seed}:\n" + "\n".join(said))

    def stop(self) -> None:
        """Let the batch that runs be the last one."""
        self._over = True


async def soak(scene: Scene, campaign: Campaign, *, seconds: float) -> tuple[list[Rest], Pauses]:
    """Load the gateway until the time is over, pausing for a look; return what was seen, and its loop's pauses in all."""
    seen: list[Rest] = []
    log = PauseLog(scene.gateway.log)
    began = time.monotonic()
    after_id = 0
    while (now := time.monotonic() - began) < seconds:
        scene.load.start(campaign.clients)
        await asyncio.sleep(min(ROUND_S, seconds - now))
        await scene.load.stop()
        scene.top_up()
        if len(seen) % RENEWED_ROUNDS == RENEWED_ROUNDS - 1:
            scene.renew()
        compared = await asyncio.to_thread(compare, campaign.store, tuple(scene.asks.values()), after_id)
        scene.asks.clear()
        after_id = compared.last_id
        pid = scene.gateway.pid
        at_s = time.monotonic() - began
        rest = Rest(
            at_s=at_s,
            pss_mb=memory(pid).pss_kb / 1024,
            files=open_files(pid),
            compared=compared,
            pauses=log.news(),
        )
        seen.append(rest)
        print(
            f"{rest.at_s / 60:6.1f} min  {rest.pss_mb:7.1f} MB  {rest.files:4} files  "
            f"{compared.answered:6} answers  {compared.charges:6} charges  {len(compared.mismatches)} mismatches  "
            f"lag {rest.pauses.lag_ms_max:6.1f} ms, p99.9 {rest.pauses.lag_ms_p999:5.1f}, CPU {rest.pauses.cpu_ms_max:5.1f}",
            flush=True,
        )
    return seen, gathered(log.seen)


def open_files(root: int) -> int:
    """Return how many files a process and its descendants have open."""
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in process_tree(root))


def slope_mb_per_hour(seen: Sequence[Rest]) -> float:
    """Return how fast memory grew: least squares over what was read at rest."""
    if len(seen) < 2:
        return 0.0
    hours = [rest.at_s / 3600 for rest in seen]
    sizes = [rest.pss_mb for rest in seen]
    hour, size = sum(hours) / len(hours), sum(sizes) / len(sizes)
    spread = sum((at - hour) ** 2 for at in hours)
    return sum((at - hour) * (mb - size) for at, mb in zip(hours, sizes, strict=True)) / spread


def complaints(seen: Sequence[Rest]) -> list[str]:
    """Return what is wrong with what was seen."""
    found = [mismatch for rest in seen for mismatch in rest.compared.mismatches]
    warm = seen[int(len(seen) * WARM) :]
    if warm:
        grown = warm[-1].pss_mb - warm[0].pss_mb
        if grown > GROWTH_MB_MAX:
            found.append(f"memory grew by {grown:.1f} MB after the warm-up")
        if warm[-1].files - warm[0].files > FILES_MAX:
            found.append(f"open files grew from {warm[0].files} to {warm[-1].files}")
    if not sum(rest.compared.answered for rest in seen):
        found.append("nothing was answered: the run proves nothing")
    return found


async def run(campaign: Campaign, folder: Path, *, seconds: float, machine: Machine | None) -> list[str]:
    """Run everything; return what is wrong."""
    beside = None if machine is None else asyncio.create_task(machine.run())
    async with staged(campaign, folder) as scene:
        seen, pauses = await soak(scene, campaign, seconds=seconds)
        if machine is not None and beside is not None:
            machine.stop()
            print("waiting for the state machine", flush=True)
            await beside
    lines, wrong = await asyncio.to_thread(last_look, campaign.store)
    found = [*complaints(seen), *wrong, *([] if machine is None else machine.failed)]
    warm = seen[int(len(seen) * WARM) :]
    print(f"memory slope    {slope_mb_per_hour(warm):+.1f} MB an hour, after the warm-up")
    print(f"open files      {seen[0].files} at first, {seen[-1].files} at last")
    print(f"loop's lag      {pauses.lag_ms_max:.1f} ms at most, {pauses.lag_ms_p999:.1f} ms at the 99.9th percentile")
    print(f"loop's CPU      {pauses.cpu_ms_max:.1f} ms at most between two turns")
    print(f"collections     {pauses.collections} of garbage, {pauses.gc_ms_max:.1f} ms at most")
    print(f"answers         {sum(rest.compared.answered for rest in seen)}")
    print(f"charges of them {sum(rest.compared.charges for rest in seen)}")
    print(f"lines           {lines}")
    print(f"state machine   {0 if machine is None else machine.batches} batches")
    print(f"mismatches      {len(found)}")
    return found


def main(words: Sequence[str]) -> int:
    """Soak; return the exit status."""
    asked = arguments(words)
    seed = random.SystemRandom().randrange(2**32) if asked.seed is None else asked.seed
    print(f"seed {seed}", flush=True)
    os.environ.update(SWITCH)  # for the gateway, which is started with it
    folder = Path(tempfile.mkdtemp(prefix="tollway-soak-"))
    machine = None if asked.no_machine else Machine(seed, folder / "machine.log")
    with opened(asked.store, folder) as url:
        campaign = Campaign(store=url, workers=asked.workers, kills=0, clients=asked.clients, seed=seed)
        found = uvloop.run(run(campaign, folder, seconds=asked.minutes * 60, machine=machine))
    if found:
        print(f"kept in {folder}:", *found[:40], sep="\n  ")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BenchError as error:
        sys.exit(str(error))
