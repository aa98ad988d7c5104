"""How commands speak: one JSON document, or lines and aligned columns for people. Knows no command."""

import sys
from collections.abc import Mapping, Sequence
from typing import cast

import msgspec
import typer

Cells = Mapping[str, object]

NOTHING = "-"


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a command found, for programs and for people."""

    document: object
    """For `--json`."""
    text: str


def show(shown: Shown, *, json: bool) -> None:
    """Print exactly one JSON document, or the text."""
    typer.echo(msgspec.json.encode(shown.document).decode() if json else shown.text)


def as_fields(document: Cells) -> Shown:
    """Show one thing: a line for each field."""
    width = max(len(name) for name in document) + 2
    return Shown(
        document=document, text="\n".join(f"{name + ':':<{width}}{plain(value)}" for name, value in document.items())
    )


def as_table(documents: Sequence[Cells], columns: Sequence[str], *, empty: str) -> Shown:
    """Show many things: a line for each with these columns; `empty` is said when there is none."""
    if not documents:
        return Shown(document=[], text=empty)
    rows = [[column.replace("_", " ").upper() for column in columns]]
    rows += [[plain(document.get(column)) for column in columns] for document in documents]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return Shown(document=list(documents), text="\n".join(lines))


def plain(value: object) -> str:
    """Return one cell. What clients sent may hold anything: nothing of it reaches the terminal as a control character."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(plain(item) for item in cast("list[object]", value)) or NOTHING
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return ", ".join(f"{name} {plain(item)}" for name, item in items if item is not None) or NOTHING
    text = str(value)
    return text if text.isprintable() else ascii(text)


def complain(lines: Sequence[str]) -> None:
    """Say on standard error why a command was refused, a line for each mistake."""
    for line in lines:
        typer.echo(f"tollway: {line}", err=True)


def announce(shown: Shown, *, json: bool) -> None:
    """Show something now, though the command runs on: whoever started the program waits for it."""
    show(shown, json=json)
    sys.stdout.flush()
