"""From runs to one table: medians, spreads, ratios to nginx, and the lines of the speed budget. Pure."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from loads import LATE_MS
from peers import DIRECT, HELLO, NGINX, TOLLWAY
from runs import Run

COLUMNS = (DIRECT, NGINX, TOLLWAY, HELLO)
MEMORY = "memory"
"""The pseudo measure of what is weighed between the runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A line of the speed budget (design, section 8): at most `limit`, or at most `limit` times nginx."""

    limit: float
    times_nginx: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: a figure of a measure."""

    label: str
    measure: str
    figure: str
    decimals: int = 0
    scale: float = 1.0
    added: bool = False
    """Show what the peer adds to the direct upstream in the same round."""
    worst: bool = False
    """Show the largest of all rounds instead of the median."""
    bar: Bar | None = None


def plain_rows(connections: int) -> list[Row]:
    """Return the lines of plain answers at many connections."""
    measure, at = f"plain-{connections}", f"{connections} connections"
    bar = Bar(limit=4, times_nginx=True) if connections == 64 else None
    rows = [Row(label=f"CPU per request, {at} (µs)", measure=measure, figure="cpu", decimals=1, bar=bar)]
    if connections == 64:
        rows += [
            Row(label="– of it user (µs)", measure=measure, figure="cpu_user", decimals=1),
            Row(label="– of it system (µs)", measure=measure, figure="cpu_system", decimals=1),
        ]
    return [
        *rows,
        Row(label=f"requests/s, {at}", measure=measure, figure="rps"),
        Row(label=f"latency p99, {at} (ms)", measure=measure, figure="p99", scale=1e-3, decimals=1),
    ]


ONE = "plain-1"
LATENCY_ROWS = [
    Row(label="requests/s, 1 connection", measure=ONE, figure="rps"),
    Row(label="CPU per request, 1 connection (µs)", measure=ONE, figure="cpu", decimals=1),
    Row(label="latency p50, 1 connection (ms)", measure=ONE, figure="p50", scale=1e-3, decimals=3),
    Row(label="latency p99, 1 connection (ms)", measure=ONE, figure="p99", scale=1e-3, decimals=3),
    Row(
        label="added p50 (ms)",
        measure=ONE,
        figure="p50",
        scale=1e-3,
        decimals=3,
        added=True,
        bar=Bar(limit=0.3),
    ),
    Row(label="added p99 (ms)", measure=ONE, figure="p99", scale=1e-3, decimals=3, added=True, bar=Bar(limit=1)),
    Row(label="added p99.9 (ms)", measure=ONE, figure="p999", scale=1e-3, decimals=3, added=True),
]


def stream_rows(count: int) -> list[Row]:
    """Return the lines of paced streams."""
    measure, at = f"streams-{count}", f"{count} streams"
    cpu_bar = Bar(limit=1.6, times_nginx=True) if count == 800 else None
    first_bar = Bar(limit=0.5) if count == 100 else None
    loss_bar = Bar(limit=0) if count in (512, 800) else None
    return [
        Row(label=f"CPU per chunk, {at} (µs)", measure=measure, figure="cpu_frame", decimals=1, bar=cpu_bar),
        Row(label=f"first token p99, {at} (ms)", measure=measure, figure="first_p99", scale=1e-3, decimals=2),
        Row(
            label=f"added first token p99, {at} (ms)",
            measure=measure,
            figure="first_p99",
            scale=1e-3,
            decimals=2,
            added=True,
            bar=first_bar,
        ),
        Row(label=f"frame under way p99, {at} (ms)", measure=measure, figure="frame_p99", scale=1e-3, decimals=2),
        Row(label=f"frames lost, {at}", measure=measure, figure="lost", worst=True, bar=loss_bar),
        Row(label=f"frames later than {LATE_MS} ms, {at}", measure=measure, figure="late", worst=True, bar=loss_bar),
    ]


ROWS: Sequence[Row] = (
    *plain_rows(64),
    *LATENCY_ROWS,
    *plain_rows(16),
    *plain_rows(256),
    Row(label="CPU per stream of 64 chunks at once (µs)", measure="burst-64", figure="cpu", decimals=0),
    *(row for count in (1, 20, 100, 512, 800) for row in stream_rows(count)),
    Row(label="ready after start (ms)", measure=MEMORY, figure="start_ms"),
    Row(label="memory idle, PSS (MB)", measure=MEMORY, figure="idle_mb", decimals=1, bar=Bar(limit=80)),
    Row(label="memory under load, RSS (MB)", measure=MEMORY, figure="load_mb", decimals=1),
    Row(label="memory per open stream (KB)", measure=MEMORY, figure="stream_kb", decimals=1, bar=Bar(limit=30)),
    Row(label="memory after, PSS (MB)", measure=MEMORY, figure="after_mb", decimals=1),
)

Figures = Mapping[tuple[str, str, str], Sequence[float]]
"""(measure, peer, figure) to one value a round."""


def figures_of(runs: Iterable[Run], memory: Mapping[str, Mapping[str, float]]) -> Figures:
    """Gather all figures by what they are, in order of rounds."""
    gathered: dict[tuple[str, str, str], list[float]] = {}
    for run in runs:
        for name, value in run.figures.items():
            gathered.setdefault((run.measure, run.peer, name), []).append(value)
    for peer, weights in memory.items():
        for name, value in weights.items():
            gathered[(MEMORY, peer, name)] = [value]
    return gathered


def values_of(row: Row, peer: str, figures: Figures) -> list[float]:
    """Return a row's values for one peer, one a round, in the row's unit."""
    values = [value * row.scale for value in figures.get((row.measure, peer, row.figure), ())]
    if row.added:
        direct = [value * row.scale for value in figures.get((row.measure, DIRECT, row.figure), ())]
        values = [value - floor for value, floor in zip(values, direct, strict=False)]
    return values


def summary(row: Row, values: Sequence[float]) -> float:
    """Return the one number that stands for a row's rounds."""
    return max(values) if row.worst else statistics.median(values)


def cell(row: Row, values: Sequence[float]) -> str:
    """Return the median and, in brackets, the smallest and the largest round."""
    if not values:
        return "–"
    number: Callable[[float], str] = f"{{:,.{row.decimals}f}}".format
    if row.worst or len(values) == 1:
        return number(summary(row, values))
    return f"{number(summary(row, values))} ({number(min(values))}–{number(max(values))})"


def ratio_to_nginx(row: Row, figures: Figures) -> float | None:
    """Return Tollway's median over nginx's; None where that says nothing."""
    ours, floor = values_of(row, TOLLWAY, figures), values_of(row, NGINX, figures)
    if not ours or not floor or row.worst or row.measure == MEMORY or summary(row, floor) <= 0:
        return None
    return summary(row, ours) / summary(row, floor)


def verdict(row: Row, figures: Figures) -> str:
    """Return the budget's bar and whether it holds."""
    if row.bar is None:
        return ""
    ours = values_of(row, TOLLWAY, figures)
    measured = ratio_to_nginx(row, figures) if row.bar.times_nginx else summary(row, ours) if ours else None
    bar = f"≤ {row.bar.limit:g}" + (" × nginx" if row.bar.times_nginx else "")
    if measured is None:
        return bar
    return f"{bar}: {'held' if measured <= row.bar.limit else 'MISSED'}"


def table(figures: Figures) -> str:
    """Return the markdown table: a line a figure, a column a peer; lines that nobody measured are left out."""
    columns = [peer for peer in COLUMNS if any(key[1] == peer for key in figures)]
    lines = [
        "| " + " | ".join(["", *columns, "Tollway ÷ nginx", "budget"]) + " |",
        "|---|" + "--:|" * (len(columns) + 1) + "---|",
    ]
    for row in ROWS:
        values = {peer: values_of(row, peer, figures) for peer in columns}
        if not any(values[peer] for peer in columns if peer != DIRECT):
            continue
        if row.added:
            values[DIRECT] = []
        ratio = ratio_to_nginx(row, figures)
        cells = [cell(row, values[peer]) for peer in columns]
        lines.append(
            "| " + " | ".join([row.label, *cells, f"{ratio:.2f}" if ratio else "", verdict(row, figures)]) + " |"
        )
    return "\n".join(lines)
