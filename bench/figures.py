"""All figures of a result by what they are, and how one is read: medians, spreads, what is added to direct. Pure."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from peers import DIRECT
from runs import BEHIND_MAX, Run

MEMORY = "memory"
"""The pseudo measure of what is weighed between the runs."""


class Spot(NamedTuple):
    """Where a figure stands."""

    part: str
    measure: str
    peer: str
    figure: str


Figures = Mapping[Spot, Sequence[float]]
"""One value a round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of a measure, and how it is shown."""

    label: str
    measure: str
    figure: str
    decimals: int = 0
    scale: float = 1.0
    added: bool = False
    """Show what the peer adds to the direct upstream in the same round."""
    worst: bool = False
    """Show the largest of all rounds instead of the median."""


def figures_of(runs: Iterable[Run], memory: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Figures:
    """Gather all figures by what they are, in order of rounds; `memory` is by part and peer."""
    gathered: dict[Spot, list[float]] = {}
    for run in runs:
        for name, value in run.figures.items():
            gathered.setdefault(Spot(run.part, run.measure, run.peer, name), []).append(value)
    for part, peers in memory.items():
        for peer, weights in peers.items():
            for name, value in weights.items():
                gathered[Spot(part, MEMORY, peer, name)] = [value]
    return gathered


def values_of(row: Row, part: str, peer: str, figures: Figures) -> list[float]:
    """Return a row's values for one peer, one a round, in the row's unit."""
    values = [value * row.scale for value in figures.get(Spot(part, row.measure, peer, row.figure), ())]
    if row.added:
        direct = [value * row.scale for value in figures.get(Spot(part, row.measure, DIRECT, row.figure), ())]
        values = [] if peer == DIRECT else [value - floor for value, floor in zip(values, direct, strict=False)]
    return values


def summary(row: Row, values: Sequence[float]) -> float:
    """Return the one number that stands for a row's rounds."""
    return max(values) if row.worst else statistics.median(values)


def one(row: Row, part: str, peer: str, figures: Figures) -> float | None:
    """Return the number that stands for a peer's rounds; None when it was not measured."""
    values = values_of(row, part, peer, figures)
    return summary(row, values) if values else None


def behind(row: Row, part: str, peer: str, figures: Figures) -> bool:
    """Tell whether a peer could not keep up with the rate at which it was asked: its latency means nothing."""
    shares = figures.get(Spot(part, row.measure, peer, "behind"), ())
    return bool(shares) and statistics.median(shares) > BEHIND_MAX


def cell(row: Row, part: str, peer: str, figures: Figures) -> str:
    """Return the median and, in brackets, the smallest and the largest round."""
    values = values_of(row, part, peer, figures)
    if not values:
        return "–"
    number: Callable[[float], str] = f"{{:,.{row.decimals}f}}".format
    if row.figure != "rps" and behind(row, part, peer, figures):
        return "cannot keep up"
    if row.worst or len(values) == 1:
        return number(summary(row, values))
    return f"{number(summary(row, values))} ({number(min(values))}–{number(max(values))})"
