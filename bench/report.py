"""From runs to tables: the budget, a row each gateway, and for each part a line a figure and a column a peer. Pure."""

from collections.abc import Mapping, Sequence

from budget import budget
from figures import MEMORY, Figures, Row, behind, cell, figures_of, one, values_of
from peers import DIRECT, HELLO, LITELLM, NGINX, PORTKEY, TOLLWAY
from plan import Part
from rows import GATEWAY_COLUMNS, part_rows
from runs import Run
from settings import CAPPED, NORMAL, POSTGRES, SETTINGS, WORKERS

COLUMNS = (DIRECT, NGINX, *SETTINGS, HELLO, LITELLM, PORTKEY)
"""In this order; gateways given by URL come behind them."""
GATEWAYS = (NGINX, TOLLWAY, NORMAL, WORKERS, CAPPED, POSTGRES, HELLO, LITELLM, PORTKEY)

Memory = Mapping[str, Mapping[str, Mapping[str, float]]]


def peers_in(figures: Figures, part: str | None = None) -> list[str]:
    """Return everybody who was measured, in the order of columns."""
    found = dict.fromkeys(spot.peer for spot in figures if part is None or spot.part == part)
    return [*(name for name in COLUMNS if name in found), *(name for name in found if name not in COLUMNS)]


def ratio(row: Row, part: str, figures: Figures) -> str:
    """Return Tollway's figure over nginx's; empty where that says nothing."""
    if row.worst or row.measure == MEMORY or any(behind(row, part, peer, figures) for peer in (TOLLWAY, NGINX)):
        return ""
    ours, floor = one(row, part, TOLLWAY, figures), one(row, part, NGINX, figures)
    return f"{ours / floor:.2f}" if ours is not None and floor is not None and floor > 0 else ""


def part_table(part: Part, figures: Figures) -> str:
    """Return one part's table; lines that nobody measured are left out."""
    columns = peers_in(figures, part.name)
    compared = TOLLWAY in columns and NGINX in columns
    heads = ["", *columns, *(["Tollway ÷ nginx"] if compared else [])]
    lines = [f"| {' | '.join(heads)} |", "|---|" + "--:|" * (len(heads) - 1)]
    for row in part_rows(part):
        if not any(values_of(row, part.name, peer, figures) for peer in columns if peer != DIRECT):
            continue
        cells = [cell(row, part.name, peer, figures) for peer in columns]
        lines.append(f"| {' | '.join([row.label, *cells, *([ratio(row, part.name, figures)] if compared else [])])} |")
    return "\n".join(lines)


def lanes_table(part: Part, figures: Figures) -> str:
    """Return the lanes: a line a lane, its CPU whole and streamed, as one column a figure."""
    lines = ["| client → provider | CPU per request, whole (µs) | CPU per stream (µs) | CPU per chunk (µs) |"]
    lines.append("|---|--:|--:|--:|")
    for measure in part.measures:
        if measure.ask.stream:
            continue
        whole, streamed = measure.name, f"{measure.name}-stream"
        rows = [
            Row(label="", measure=whole, figure="cpu", decimals=1),
            Row(label="", measure=streamed, figure="cpu", decimals=1),
            Row(label="", measure=streamed, figure="cpu_frame", decimals=2),
        ]
        cells = [cell(row, part.name, TOLLWAY, figures) for row in rows]
        client, provider = whole.removeprefix("lane-").split("-")
        kind = "bytes pass" if client == provider else "translated"
        lines.append(f"| {client} → {provider} ({kind}) | {' | '.join(cells)} |")
    return "\n".join(lines)


def gateways_table(parts: Sequence[str], figures: Figures) -> str:
    """Return a row a gateway, each figure from the first part that has it; empty when nothing but memory is there."""
    names = [name for name in peers_in(figures) if name in GATEWAYS or name not in COLUMNS]
    columns = [row for row in GATEWAY_COLUMNS if any(part_of(row, parts, name, figures) for name in names)]
    if all(row.measure == MEMORY for row in columns):
        return ""
    lines = [f"| gateway | {' | '.join(row.label for row in columns)} |", "|---|" + "--:|" * len(columns)]
    for name in names:
        places = [(row, part_of(row, parts, name, figures)) for row in columns]
        cells = [cell(row, part, name, figures) if part is not None else "–" for row, part in places]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def part_of(row: Row, parts: Sequence[str], peer: str, figures: Figures) -> str | None:
    """Return the first part that measured a figure of a peer; of memory under load, the one that needed most."""
    found = [part for part in parts if values_of(row, part, peer, figures)]
    if row.figure == "load_mb":
        return max(found, key=lambda part: one(row, part, peer, figures) or 0.0, default=None)
    return next(iter(found), None)


def tables(parts: Sequence[Part], runs: Sequence[Run], memory: Memory) -> str:
    """Return all tables of a result as markdown."""
    figures = figures_of(runs, memory)
    names = [part.name for part in parts]
    sections = [("The budget", budget(names, figures))]
    if len(parts) > 1:
        sections.append(("A row a gateway", gateways_table(names, figures)))
    for part in parts:
        if not any(spot.part == part.name and spot.measure != MEMORY for spot in figures):
            continue
        text = lanes_table(part, figures) if part.name == "lanes" else part_table(part, figures)
        sections.append((part.title, text))
    return "\n\n".join(f"## {title}\n\n{text}" for title, text in sections if text)
