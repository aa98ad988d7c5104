"""`make crash`: kills a serving gateway at random moments under mixed load, and then compares every reply with the books.

Prints a table; exit status 1 when anything does not agree. A run is repeated with its seed: the same requests and the
same choice of moments, though not to the microsecond.
"""

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import uvloop

from tests.crash.campaign import Campaign, Outcome, play
from tests.postgres import Server, install, reason_for_none

KILLS = 25
CLIENTS = 24
STORES = ("sqlite", "postgresql")
SHOWN_MAX = 40

ROWS = (
    "requests",
    "answered",
    "streams answered",
    "charges of answers",
    "charged, end cut off",
    "replays",
    "left by client",
    "cut off by a kill",
    "refused for money",
    "line completed",
    "line interrupted",
    "line client_gone",
    "line upstream_broke",
    "line failed",
)
"""The figures that are always shown; others are shown when there are any."""


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="make crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS, help="for each store and number of workers")
    parser.add_argument("--workers", default="1,2", help="numbers of workers, one run for each")
    parser.add_argument("--stores", default=",".join(STORES), help=f"of {', '.join(STORES)}")
    parser.add_argument("--clients", type=int, default=CLIENTS, help="that ask at the same time")
    parser.add_argument("--seed", type=int, default=None, help="of an earlier run")
    return parser.parse_args(words)


@contextmanager
def opened(store: str, folder: Path) -> Iterator[str]:
    """Make a new store; yield its URL."""
    if store == "sqlite":
        yield f"sqlite:///{folder / 'books.db'}"
        return
    installed = install()
    if installed is None:
        raise SystemExit(reason_for_none())
    server = Server(installed, durable=True)
    try:
        yield server.url(server.create())
    finally:
        server.stop()


def show(outcomes: Sequence[Outcome]) -> None:
    """Print the table: a column for each run."""
    heads = [f"{o.campaign.store.partition(':')[0]} x{o.campaign.workers}" for o in outcomes]
    rows: list[tuple[str, Sequence[object]]] = [("kills", [o.campaign.kills for o in outcomes])]
    moments = sorted({moment for o in outcomes for moment in o.moments})
    rows += [(f"  {moment}", [o.moments.get(moment, 0) for o in outcomes]) for moment in moments]
    others = sorted({name for o in outcomes for name in o.findings.figures} - set(ROWS))
    rows += [(name, [o.findings.figures.get(name, 0) for o in outcomes]) for name in (*ROWS, *others)]
    rows.append(("mismatches", [len(o.findings.mismatches) for o in outcomes]))
    rows.append(("left over", [len(o.findings.leftovers) for o in outcomes]))
    rows.append(("overspent, nanos", [o.findings.overspent_nanos for o in outcomes]))
    rows.append(("seconds", [round(o.seconds) for o in outcomes]))
    width = max(len(name) for name, _ in rows)
    print(" " * width, *(f"{head:>14}" for head in heads))
    for name, cells in rows:
        print(f"{name:<{width}}", *(f"{cell:>14}" for cell in cells))


def complaints(outcome: Outcome) -> list[str]:
    """Return what is wrong with a run, for a person."""
    found = [*outcome.findings.mismatches, *outcome.findings.leftovers]
    if outcome.findings.overspent_nanos:
        found.append(f"{outcome.findings.overspent_nanos} nanos were overspent")
    if not outcome.findings.figures["answered"]:
        found.append("nothing was answered: the run proves nothing")
    return found


def main(words: Sequence[str]) -> int:
    """Run all campaigns; return the exit status."""
    asked = arguments(words)
    seed = random.SystemRandom().randrange(2**32) if asked.seed is None else asked.seed
    print(f"seed {seed}")
    outcomes: list[Outcome] = []
    for store in asked.stores.split(","):
        for workers in map(int, asked.workers.split(",")):
            folder = Path(tempfile.mkdtemp(prefix="tollway-crash-"))
            with opened(store, folder) as url:
                campaign = Campaign(store=url, workers=workers, kills=asked.kills, clients=asked.clients, seed=seed)
                outcome = uvloop.run(play(campaign, folder, say=partial(progress, f"{store} x{workers}")))
            outcomes.append(outcome)
            found = complaints(outcome)
            if found:
                print(f"{store} x{workers} (kept in {folder}):", *found[:SHOWN_MAX], sep="\n  ")
            else:
                shutil.rmtree(folder)
    show(outcomes)
    return 1 if any(map(complaints, outcomes)) else 0


def progress(run: str, words: str) -> None:
    """Say on standard error how far a run is."""
    sys.stderr.write(f"\r{run}: {words}   ")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
