"""The command line of the benchmark: which plan, which parts and measures of it, who takes part, and in which settings."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace

from failure import BenchError
from outsiders import Outside
from payloads import KEY_WITHOUT_GATEWAY
from peers import DIRECT, HELLO, LITELLM, NGINX, PORTKEY, TOLLWAY
from plan import PLANS, Part
from settings import MANY_KEYS, SETTINGS, Setting

GATEWAYS = (NGINX, TOLLWAY, HELLO, LITELLM, PORTKEY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for."""

    plan: str
    parts: tuple[Part, ...]
    only: tuple[str, ...]
    settings: dict[str, Setting]
    outsides: tuple[Outside, ...]
    upstream_port: int | None
    save: bool
    profile: bool
    keep: bool

    def takes(self, name: str) -> bool:
        """Tell whether a peer takes part: Tollway's settings go with Tollway."""
        return name == DIRECT or name in self.only or (name.startswith(TOLLWAY) and TOLLWAY in self.only)


def parse(words: Sequence[str]) -> Asked:
    """Return what was asked for; ends with status 2 when it makes no sense."""
    parser = make_parser()
    found = parser.parse_args(words)
    only = tuple(name for name in found.only.split(",") if name)
    unknown = [name for name in only if name not in GATEWAYS]
    if unknown:
        parser.error(f"no such gateway: {', '.join(unknown)}; there are {', '.join(GATEWAYS)}")
    try:
        parts = chosen(PLANS[found.plan], parts=listed(found.parts), measures=listed(found.measures))
        outsides = given(found.peer, found.peer_key, found.peer_pid)
    except BenchError as error:
        parser.error(str(error))
    settings = {**SETTINGS, TOLLWAY: replace(SETTINGS[TOLLWAY], durability=found.durability)}
    filling = settings[MANY_KEYS].filling
    if filling is not None:
        settings[MANY_KEYS] = replace(settings[MANY_KEYS], filling=replace(filling, charges=found.growth_charges))
    return Asked(
        plan=found.plan,
        parts=parts,
        only=only,
        settings=settings,
        outsides=outsides,
        upstream_port=found.upstream_port,
        save=found.save,
        profile=found.profile,
        keep=found.keep,
    )


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", dest="plan", action="store_const", const="quick", help="under two minutes")
    length.add_argument("--trial", dest="plan", action="store_const", const="trial", help="does the benchmark work?")
    parser.set_defaults(plan="full")
    names = ",".join(part.name for part in PLANS["full"])
    parser.add_argument("--save", action="store_true", help="keep the result in bench/results/")
    parser.add_argument("--parts", default="", help=f"parts to run, of {names}; all when left out")
    parser.add_argument("--measures", default="", help="measures, such as plain-64,streams-100; all when left out")
    parser.add_argument("--only", default=",".join(GATEWAYS), help=f"gateways to run, of {','.join(GATEWAYS)}")
    parser.add_argument("--durability", choices=("full", "normal"), default="full", help="of Tollway's store")
    parser.add_argument(
        "--growth-charges", type=int, default=1_000_000, help="in the largest store; 10000000 takes minutes to fill"
    )
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="NAME=URL",
        help="a gateway of yours on this machine, such as Mine=http://127.0.0.1:8000; may be given again",
    )
    parser.add_argument("--peer-key", action="append", default=[], help="its key; the first is of the first --peer")
    parser.add_argument("--peer-pid", action="append", default=[], type=int, help="its process, whose tree is weighed")
    parser.add_argument("--upstream-port", type=int, help="the first of the provider's ports, for gateways of yours")
    parser.add_argument("--profile", action="store_true", help="sample Tollway's stacks under each measure (py-spy)")
    parser.add_argument("--keep", action="store_true", help="leave logs, configurations and the stores for a look")
    return parser


def listed(text: str) -> frozenset[str]:
    """Return the names of a list with commas."""
    return frozenset(name for name in text.split(",") if name)


def chosen(plan: Sequence[Part], *, parts: frozenset[str], measures: frozenset[str]) -> tuple[Part, ...]:
    """Return what is left of a plan; raises BenchError when a name is in none of it."""
    unknown = parts - {part.name for part in plan}
    if unknown:
        raise BenchError(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in plan)}")
    kept = [part for part in plan if not parts or part.name in parts]
    unknown = measures - {each.name for part in kept for each in part.measures}
    if unknown:
        raise BenchError(f"no such measure: {', '.join(sorted(unknown))}")
    if measures:
        kept = [replace(part, measures=tuple(each for each in part.measures if each.name in measures)) for part in kept]
    return tuple(part for part in kept if part.measures)


def given(peers: Sequence[str], keys: Sequence[str], pids: Sequence[int]) -> tuple[Outside, ...]:
    """Return the gateways that are given by URL; raises BenchError."""
    if len(keys) > len(peers) or len(pids) > len(peers):
        raise BenchError("there are more --peer-key or --peer-pid than --peer")
    found: list[Outside] = []
    for number, text in enumerate(peers):
        name, _, url = text.partition("=")
        if not name or not url or name in GATEWAYS:
            raise BenchError(f"--peer {text}: it must read NAME=URL, with a name of its own")
        key = keys[number] if number < len(keys) else KEY_WITHOUT_GATEWAY
        found.append(Outside(name=name, url=url, key=key, pid=pids[number] if number < len(pids) else None))
    return tuple(found)
